//! The fields of one line, some of which may be quoted.

use std::borrow::Cow;

use memchr::memchr;

/// The separator that `line` has most of, outside quotes.
pub(super) fn separator(line: &[u8]) -> u8 {
    const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];
    let mut counts = [0usize; CANDIDATES.len()];
    let mut is_quoted = false;
    for byte in line {
        match CANDIDATES.iter().position(|candidate| candidate == byte) {
            _ if *byte == b'"' => is_quoted = !is_quoted,
            Some(candidate) if !is_quoted => counts[candidate] += 1,
            _ => {}
        }
    }
    // The first of those with the highest count.
    let (mut best, mut most) = (CANDIDATES[0], 0);
    for (candidate, count) in CANDIDATES.into_iter().zip(counts) {
        if count > most {
            (best, most) = (candidate, count);
        }
    }
    best
}

/// Puts the fields of `line` into `fields`.
pub(super) fn split<'l>(
    line: &'l [u8],
    separator: u8,
    fields: &mut Vec<Cow<'l, [u8]>>,
) -> Result<(), String> {
    fields.clear();
    if memchr(b'"', line).is_none() {
        fields.extend(line.split(|&byte| byte == separator).map(Cow::Borrowed));
        return Ok(());
    }
    let mut rest = line;
    loop {
        let (field, after) = match rest {
            [b'"', quoted @ ..] => unquote(quoted)?,
            _ => {
                let end = memchr(separator, rest).unwrap_or(rest.len());
                (Cow::Borrowed(&rest[..end]), &rest[end..])
            }
        };
        fields.push(field);
        match after {
            [] => return Ok(()),
            [found, after @ ..] if *found == separator => rest = after,
            _ => return Err("text follows a closing quote; quotes within quotes are doubled".into()),
        }
    }
}

/// The field after an opening quote, and what follows the closing one.
fn unquote(text: &[u8]) -> Result<(Cow<'_, [u8]>, &[u8]), String> {
    let mut field = Cow::Borrowed(&[][..]);
    let mut rest = text;
    loop {
        let end = memchr(b'"', rest).ok_or("a quote is not closed in its line")?;
        let is_doubled = rest.get(end + 1) == Some(&b'"');
        let part = &rest[..end + usize::from(is_doubled)];
        if field.is_empty() {
            field = Cow::Borrowed(part);
        } else {
            field.to_mut().extend_from_slice(part);
        }
        rest = &rest[end + 1 + usize::from(is_doubled)..];
        if !is_doubled {
            return Ok((field, rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(line: &str, separator: u8) -> Result<Vec<String>, String> {
        let mut fields = Vec::new();
        split(line.as_bytes(), separator, &mut fields)?;
        Ok(fields.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect())
    }

    #[test]
    fn the_separator_is_the_most_frequent_one() {
        for (line, expected) in
            [("a,b", b','), ("a;b;c,d", b';'), ("a\tb", b'\t'), ("\"a,b,c\"|d", b'|'), ("a", b',')]
        {
            assert_eq!(separator(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn quotes_are_taken_off() {
        assert_eq!(
            fields(r#""a,""b""",c,"""","",d"e"#, b','),
            Ok(["a,\"b\"", "c", "\"", "", "d\"e"].map(String::from).to_vec())
        );
        assert_eq!(fields("\"a", b','), Err("a quote is not closed in its line".into()));
        assert!(fields("\"a\"b,c", b',').is_err());
    }

    proptest! {
        #[test]
        fn fields_are_those_of_the_csv_crate(texts in prop::collection::vec("[ab,\"; ]{0,5}", 2..5)) {
            let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
            writer.write_record(&texts).unwrap();
            let line = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            prop_assert_eq!(fields(line.trim_end_matches('\n'), b','), Ok(texts));
        }

        #[test]
        fn no_line_panics(line in "[ab,\"]{0,12}") {
            let _ = fields(&line, b',');
        }
    }
}
