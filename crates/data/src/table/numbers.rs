//! The quick path for a line: whole-number ids, a short rating and a timestamp, read in one pass.
//!
//! A line that is anything else is left to the general path, which knows what to make of it and how to
//! name what is wrong with it.

use memchr::memchr2;

use super::field::{before_2100, short_decimal};
use super::layout::{ITEM, Layout, RATING, TIMESTAMP, USER};

/// The values of a line; what the layout lacks is zero.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Numbers {
    pub(super) user: i64,
    pub(super) item: i64,
    pub(super) rating: f32,
    pub(super) timestamp: u32,
}

impl Numbers {
    /// Whether lines with this separator can be read in one pass: it must not be part of a number, nor
    /// of a line end.
    pub(super) fn understand(separator: u8) -> bool {
        !(separator.is_ascii_digit() || matches!(separator, b'.' | b'\r' | b'\n'))
    }

    /// The first line of `text` and what follows its line end; `None` if the general path must read it.
    #[inline]
    pub(super) fn split<'t>(text: &'t [u8], layout: &Layout, separator: u8) -> Option<(Self, &'t [u8])> {
        let mut numbers = Numbers::default();
        let mut rest = text;
        let (&last, before) = layout.slots().split_last()?;
        for &slot in before {
            rest = numbers.field(rest, slot, separator)?;
            rest = rest.strip_prefix(&[separator])?;
        }
        rest = numbers.field(rest, last, separator)?;
        rest = rest.strip_prefix(b"\r").unwrap_or(rest);
        Some((numbers, rest.strip_prefix(b"\n")?))
    }

    /// Takes one field from the start of `text` and returns what follows it.
    #[inline(always)]
    fn field<'t>(&mut self, text: &'t [u8], slot: usize, separator: u8) -> Option<&'t [u8]> {
        let length = match slot {
            USER => id(text, &mut self.user)?,
            ITEM => id(text, &mut self.item)?,
            RATING => rating(text, separator, &mut self.rating)?,
            TIMESTAMP => timestamp(text, &mut self.timestamp)?,
            _ => memchr2(separator, b'\n', text)?,
        };
        text.get(length..)
    }
}

/// Each of these puts the value that `text` starts with into `value` and returns its length.
#[inline(always)]
fn id(text: &[u8], value: &mut i64) -> Option<usize> {
    let (number, length) = digits(text)?;
    // With a zero in front it is text: see `canonical_integer`.
    if text[0] == b'0' && length > 1 {
        return None;
    }
    *value = number as i64;
    Some(length)
}

#[inline(always)]
fn timestamp(text: &[u8], value: &mut u32) -> Option<usize> {
    let (number, length) = digits(text)?;
    *value = before_2100(number)?;
    Some(length)
}

#[inline(always)]
fn rating(text: &[u8], separator: u8, value: &mut f32) -> Option<usize> {
    // Half stars: one digit on either side of the point.
    if let [ones @ b'0'..=b'9', b'.', tenths @ b'0'..=b'9', end, ..] = *text
        && !end.is_ascii_digit()
    {
        *value = f32::from((ones - b'0') * 10 + (tenths - b'0')) / 10.0;
        return Some(3);
    }
    let length = text.iter().position(|&byte| byte == separator || byte == b'\r' || byte == b'\n')?;
    *value = short_decimal(&text[..length])?;
    Some(length)
}

/// The number of up to 15 digits that `text` starts with, and how many digits it has; `None` if there
/// is no digit, or more of them, or `text` ends too soon to tell.
#[inline(always)]
fn digits(text: &[u8]) -> Option<(u64, usize)> {
    const POWERS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    match up_to_8_digits(text.first_chunk()?) {
        (_, 0) => None,
        (number, 8) => {
            let (tail, length) = up_to_8_digits(text[8..].first_chunk()?);
            Some((number * POWERS.get(length)? + tail, 8 + length))
        }
        found => Some(found),
    }
}

/// The number that these bytes start with, and how many digits it has.
///
/// All eight bytes are looked at together: the lengths of ids vary, and a loop over their digits would
/// leave the processor guessing where each ends.
#[inline(always)]
fn up_to_8_digits(bytes: &[u8; 8]) -> (u64, usize) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let values = u64::from_le_bytes(*bytes) ^ (EACH * 0x30);
    // The high bit of a byte is set if its value is above 9. A carry only spoils bytes after the first
    // such one.
    let others = (values.wrapping_add(EACH * 0x76) | values) & (EACH * 0x80);
    let length = others.trailing_zeros() as usize / 8;
    // Zeros in front, the digits last.
    let values = values.unbounded_shl(64 - 8 * length as u32);
    // Neighbours are joined: eight digits to four pairs, these to two fours and these to the number.
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    const EVEN: u64 = 0x0000_00ff_0000_00ff;
    let high = (pairs & EVEN).wrapping_mul(100 + (1_000_000 << 32));
    let low = ((pairs >> 16) & EVEN).wrapping_mul(1 + (10_000 << 32));
    (high.wrapping_add(low) >> 32, length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::InteractionFormat;

    fn split(text: &str) -> Option<(Numbers, &[u8])> {
        let format = InteractionFormat::movielens_csv();
        let header: [&[u8]; 4] = [b"userId", b"movieId", b"rating", b"timestamp"];
        Numbers::split(text.as_bytes(), &Layout::new(&format, &header).unwrap(), b',')
    }

    #[test]
    fn a_line_of_numbers_is_taken_whole() {
        for (line, rating) in [
            ("12,345678,3.5,964982703\n", 3.5),
            ("12,345678,3,964982703\r\n", 3.0),
            ("12,345678,.25,964982703\n", 0.25),
            ("12,345678,12.5,000964982703\n", 12.5),
        ] {
            let text = format!("{line}next line");
            let expected = Numbers { user: 12, item: 345_678, rating, timestamp: 964_982_703 };
            assert_eq!(split(&text), Some((expected, &b"next line"[..])), "{line}");
        }
    }

    #[test]
    fn every_other_line_is_left_alone() {
        for line in [
            "",
            "1,2,3.5",
            "1,2,3.5,4,5",
            " 1,2,3.5,4",
            "1 ,2,3.5,4",
            "1,2,3.5 ,4",
            "1,2,3.5,4 ",
            "01,2,3.5,4",
            "-1,2,3.5,4",
            "1,x,3.5,4",
            ",2,3.5,4",
            "1,2,,4",
            "1,2,1e1,4",
            "1,2,3.5.5,4",
            "1,2,3.5,-4",
            "1,2,3.5,4102444800",
            "1,1234567890123456,3.5,4",
            "1,2,3.5,",
        ] {
            assert_eq!(split(&format!("{line}\nfurther lines of text\n")), None, "{line:?}");
        }
        assert_eq!(split("1,2,3.5,4"), None);
    }

    proptest! {
        #[test]
        fn digits_are_the_number_they_spell(text in "[0-9]{0,16}", after in "[^0-9]\\PC{8}") {
            let whole = format!("{text}{after}");
            let expected = text.parse::<u64>().ok().filter(|_| text.len() < 16);
            prop_assert_eq!(digits(whole.as_bytes()), expected.map(|number| (number, text.len())));
        }

        #[test]
        fn bytes_after_the_digits_do_not_count(n_digits in 0usize..8, mut bytes: [u8; 8]) {
            for byte in &mut bytes[..n_digits] {
                *byte = b'0' + *byte % 10;
            }
            let length = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let expected = std::str::from_utf8(&bytes[..length]).unwrap().parse().unwrap_or(0);
            prop_assert_eq!(up_to_8_digits(&bytes), (expected, length));
        }
    }
}
