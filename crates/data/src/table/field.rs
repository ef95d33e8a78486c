//! The text of one field and the value it spells.

use std::borrow::Cow;

/// The text of these bytes: UTF-8 if they are valid UTF-8, else Latin-1.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

/// The field without the spaces around it.
pub(crate) fn trim(mut field: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = field {
        field = rest;
    }
    while let [rest @ .., b' '] = field {
        field = rest;
    }
    field
}

/// The rating that a trimmed field spells: the nearest `f32`.
pub(super) fn rating(field: &[u8]) -> Result<f32, String> {
    short_decimal(field).map_or_else(|| any_decimal(field), Ok)
}

/// Digits with at most one point. Below 2^24 the digits and the power of ten are exact as `f32`, so
/// their quotient is the nearest `f32`, as `str::parse` would give.
pub(super) fn short_decimal(field: &[u8]) -> Option<f32> {
    const POWERS: [f32; 8] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];
    let mut digits = 0u32;
    let mut n_digits = 0;
    let mut point = None;
    for (n, &byte) in field.iter().enumerate() {
        match byte {
            b'0'..=b'9' if n_digits < 7 => {
                digits = digits * 10 + u32::from(byte - b'0');
                n_digits += 1;
            }
            b'.' if point.is_none() => point = Some(n),
            _ => return None,
        }
    }
    let n_decimals = point.map_or(0, |point| field.len() - point - 1);
    (n_digits > 0).then(|| digits as f32 / POWERS[n_decimals])
}

#[cold]
fn any_decimal(field: &[u8]) -> Result<f32, String> {
    let text = decode(field);
    match text.parse::<f32>() {
        Ok(rating) if rating.is_finite() => Ok(rating),
        Ok(_) => Err(format!("rating {text:?} is not a finite number")),
        Err(_) if field.is_empty() => Err("the rating is empty".into()),
        Err(_) => Err(format!("rating {text:?} is not a number")),
    }
}

/// These seconds since 1970, if they are before 2100-01-01 00:00 UTC.
#[inline]
pub(super) fn before_2100(seconds: u64) -> Option<u32> {
    u32::try_from(seconds).ok().filter(|&seconds| seconds < 4_102_444_800)
}

/// The timestamp that a trimmed field spells, in seconds.
pub(super) fn timestamp(field: &[u8]) -> Result<u32, String> {
    if field.is_empty() || field.len() > 10 {
        return unusual_timestamp(field);
    }
    let mut seconds = 0u64;
    for &byte in field {
        if !byte.is_ascii_digit() {
            return unusual_timestamp(field);
        }
        seconds = seconds * 10 + u64::from(byte - b'0');
    }
    match before_2100(seconds) {
        Some(seconds) => Ok(seconds),
        None => unusual_timestamp(field),
    }
}

#[cold]
fn unusual_timestamp(field: &[u8]) -> Result<u32, String> {
    let text = decode(field);
    let digits = text.strip_prefix('-').unwrap_or(&text);
    if text.is_empty() {
        return Err("the timestamp is empty".into());
    }
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("timestamp {text:?} is not a whole number of seconds since 1970-01-01"));
    }
    if digits.len() < text.len() {
        return Err(format!("timestamp {text} is negative; it must be seconds since 1970-01-01"));
    }
    let value: u64 = digits.parse().unwrap_or(u64::MAX);
    if let Some(seconds) = before_2100(value) {
        return Ok(seconds);
    }
    let units = [("milliseconds", 1_000), ("microseconds", 1_000_000), ("nanoseconds", 1_000_000_000)];
    let hint = units.iter().find(|(_, factor)| before_2100(value / factor).is_some()).map_or_else(
        || "expected seconds since 1970-01-01".to_owned(),
        |(unit, factor)| format!("it looks like {unit}: divide it by {factor}"),
    );
    Err(format!("timestamp {text} is beyond the year 2100; {hint}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ratings_are_numbers() {
        for (text, expected) in
            [("3", 3.0), ("3.5", 3.5), (".5", 0.5), ("4.", 4.0), ("-1.25", -1.25), ("1e1", 10.0), ("+2", 2.0)]
        {
            assert_eq!(rating(text.as_bytes()), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("", "the rating is empty"),
            ("x", "rating \"x\" is not a number"),
            (".", "rating \".\" is not a number"),
            ("3,5", "rating \"3,5\" is not a number"),
            ("1.2.3", "rating \"1.2.3\" is not a number"),
            ("NaN", "rating \"NaN\" is not a finite number"),
            ("-inf", "rating \"-inf\" is not a finite number"),
            ("1e99", "rating \"1e99\" is not a finite number"),
        ] {
            assert_eq!(rating(text.as_bytes()), Err(expected.into()), "{text}");
        }
    }

    #[test]
    fn timestamps_are_seconds() {
        for (text, expected) in [("0", 0), ("964982703", 964_982_703), ("00000000000012", 12)] {
            assert_eq!(timestamp(text.as_bytes()), Ok(expected), "{text}");
        }
        assert_eq!(timestamp(b"4102444799"), Ok(4_102_444_799));
        for (text, expected) in [
            ("", "the timestamp is empty"),
            ("NaN", "timestamp \"NaN\" is not a whole number of seconds since 1970-01-01"),
            ("1.2e9", "timestamp \"1.2e9\" is not a whole number of seconds since 1970-01-01"),
            ("12.0", "timestamp \"12.0\" is not a whole number of seconds since 1970-01-01"),
            ("-", "timestamp \"-\" is not a whole number of seconds since 1970-01-01"),
            ("-5", "timestamp -5 is negative; it must be seconds since 1970-01-01"),
            (
                "1260759144000",
                "timestamp 1260759144000 is beyond the year 2100; it looks like milliseconds: divide it by 1000",
            ),
            (
                "4102444800",
                "timestamp 4102444800 is beyond the year 2100; it looks like milliseconds: divide it by 1000",
            ),
            (
                "99999999999999999999999",
                "timestamp 99999999999999999999999 is beyond the year 2100; expected seconds since 1970-01-01",
            ),
        ] {
            assert_eq!(timestamp(text.as_bytes()), Err(expected.into()), "{text}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_latin1() {
        assert_eq!(decode("Misérables".as_bytes()), "Misérables");
        assert_eq!(decode(b"Mis\xe9rables"), "Misérables");
    }

    proptest! {
        #[test]
        fn decimals_are_the_nearest_float(text in "[0-9]{0,9}(\\.[0-9]{0,9})?") {
            if let Ok(expected) = text.parse::<f32>() {
                prop_assert_eq!(rating(text.as_bytes()), Ok(expected));
            } else {
                prop_assert!(rating(text.as_bytes()).is_err());
            }
        }
    }
}
