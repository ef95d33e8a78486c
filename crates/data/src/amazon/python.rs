//! The literals of Python that `repr` writes for dictionaries, lists, text and numbers.
//!
//! Only values are read, never expressions. Integers beyond 64 bits become the nearest `f64`.

use serde_json::{Map, Number, Value};

/// Deeper nesting is refused, as `serde_json` refuses it.
const MAX_DEPTH: usize = 128;

/// The value of a literal.
///
/// Text with the prefix `u` has one character for each `\x` escape. Without a prefix it may come from
/// Python 2, whose escapes are bytes, or from Python 3, which escapes only what is not printable: runs of
/// escapes that are UTF-8 are taken for bytes, others for one character each. No `repr` of Python 3 writes
/// such a run.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(0)?;
    parser.skip_spaces();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.expected("the end of the line")),
    }
}

struct Parser<'t> {
    text: &'t str,
    /// A place between characters.
    at: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    fn wrong(&self, message: &str) -> String {
        format!("this is not a literal of Python: {message} at byte {}", self.at + 1)
    }

    fn expected(&self, what: &str) -> String {
        match self.peek() {
            None => self.wrong(&format!("the line ends, but there must be {what}")),
            Some(found) => self.wrong(&format!("{found:?}, expected {what}")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err(self.wrong(&format!("more than {MAX_DEPTH} brackets in each other")));
        }
        self.skip_spaces();
        match self.peek() {
            Some('{') => self.dictionary(depth),
            Some('[') => self.list(']', depth),
            Some('(') => self.list(')', depth),
            Some('\'' | '"') => self.string(Prefix::None).map(Value::String),
            Some('0'..='9' | '-' | '+' | '.') => self.number(),
            Some('a'..='z' | 'A'..='Z') => self.name(),
            _ => Err(self.expected("a value")),
        }
    }

    fn dictionary(&mut self, depth: usize) -> Result<Value, String> {
        self.bump();
        let mut map = Map::new();
        loop {
            self.skip_spaces();
            if self.eat('}') {
                return Ok(Value::Object(map));
            }
            let place = self.at;
            let Value::String(key) = self.value(depth + 1)? else {
                self.at = place;
                return Err(self.expected("a key in quotes"));
            };
            self.skip_spaces();
            if !self.eat(':') {
                return Err(self.expected("a colon"));
            }
            let value = self.value(depth + 1)?;
            map.insert(key, value);
            self.skip_spaces();
            if !self.eat(',') && self.peek() != Some('}') {
                return Err(self.expected("a comma or }"));
            }
        }
    }

    /// A list, or a tuple, which becomes one.
    fn list(&mut self, close: char, depth: usize) -> Result<Value, String> {
        self.bump();
        let mut values = Vec::new();
        loop {
            self.skip_spaces();
            if self.eat(close) {
                return Ok(Value::Array(values));
            }
            values.push(self.value(depth + 1)?);
            self.skip_spaces();
            if !self.eat(',') && self.peek() != Some(close) {
                return Err(self.expected(&format!("a comma or {close}")));
            }
        }
    }

    /// `True`, `False`, `None`, or text with a prefix.
    fn name(&mut self) -> Result<Value, String> {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = &rest[..length];
        let prefix = match name {
            "True" | "False" | "None" => {
                self.at += length;
                return Ok(match name {
                    "True" => Value::Bool(true),
                    "False" => Value::Bool(false),
                    _ => Value::Null,
                });
            }
            "u" | "U" => Prefix::Unicode,
            "b" | "B" => Prefix::None,
            _ => return Err(self.expected("a value")),
        };
        if !rest[length..].starts_with(['\'', '"']) {
            return Err(self.expected("a value"));
        }
        self.at += length;
        self.string(prefix).map(Value::String)
    }

    fn number(&mut self) -> Result<Value, String> {
        let rest = self.rest();
        let mut before = ' ';
        let length = rest
            .find(|c: char| {
                let is_sign = matches!(c, '+' | '-') && matches!(before, ' ' | 'e' | 'E');
                before = c;
                !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || is_sign)
            })
            .unwrap_or(rest.len());
        // Python 2 marks long integers.
        let spelled = rest[..length].strip_suffix(['L', 'l']).unwrap_or(&rest[..length]);
        let digits = spelled.trim_start_matches(['+', '-']);
        let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        // What begins with a zero is octal to Python 2 and an error to Python 3.
        let is_octal = is_integer && digits.len() > 1 && digits.starts_with('0');
        let is_decimal = digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
            && spelled.len() == length;
        let number = match (spelled.parse::<i64>(), spelled.parse::<u64>()) {
            _ if is_octal => None,
            (Ok(number), _) => Some(Number::from(number)),
            (_, Ok(number)) => Some(Number::from(number)),
            _ if is_integer || is_decimal => spelled.parse().ok().and_then(Number::from_f64),
            _ => None,
        };
        let number = number.ok_or_else(|| self.expected("a finite number"))?;
        self.at += length;
        Ok(Value::Number(number))
    }

    fn string(&mut self, prefix: Prefix) -> Result<String, String> {
        let Some(quote) = self.bump() else { return Err(self.expected("a quote")) };
        let mut text = Decoded::default();
        loop {
            let rest = self.rest();
            let Some(length) = rest.find([quote, '\\']) else {
                self.at = self.text.len();
                return Err(self.expected(&format!("a closing {quote}")));
            };
            text.push_str(&rest[..length]);
            self.at += length;
            if self.eat(quote) {
                return Ok(text.finish());
            }
            self.escape(prefix, &mut text)?;
        }
    }

    /// What a backslash begins.
    fn escape(&mut self, prefix: Prefix, text: &mut Decoded) -> Result<(), String> {
        self.bump();
        let Some(kind) = self.bump() else { return Err(self.expected("the rest of an escape")) };
        let plain = match kind {
            '\'' | '"' | '\\' => kind,
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'v' => '\x0b',
            '0'..='7' => {
                self.at -= 1;
                let digits = self.digits(8, 1..=3)?;
                return self.push_byte(digits, prefix, text);
            }
            'x' => {
                let digits = self.digits(16, 2..=2)?;
                return self.push_byte(digits, prefix, text);
            }
            'u' => self.utf16()?,
            'U' => {
                let code = self.digits(16, 8..=8)?;
                char::from_u32(code).ok_or_else(|| self.wrong("an escape that is no character"))?
            }
            'N' => return Err(self.wrong("an escape by the name of a character")),
            other => {
                // Python keeps the backslash of what is no escape.
                text.push('\\');
                other
            }
        };
        text.push(plain);
        Ok(())
    }

    fn push_byte(&self, code: u32, prefix: Prefix, text: &mut Decoded) -> Result<(), String> {
        match (u8::try_from(code), prefix) {
            (Ok(byte), Prefix::None) if byte >= 0x80 => text.push_byte(byte),
            (Ok(byte), _) => text.push(char::from(byte)),
            (Err(_), _) => return Err(self.wrong("an octal escape beyond 377")),
        }
        Ok(())
    }

    /// A character in four digits, or in two times four.
    fn utf16(&mut self) -> Result<char, String> {
        let first = self.digits(16, 4..=4)?;
        let second = match self.rest().strip_prefix("\\u") {
            Some(_) if (0xD800..0xDC00).contains(&first) => {
                self.at += 2;
                Some(self.digits(16, 4..=4)?)
            }
            _ => None,
        };
        let units = std::iter::once(first).chain(second).map(|unit| unit as u16);
        match char::decode_utf16(units).next() {
            Some(Ok(character)) => Ok(character),
            _ => Err(self.wrong("half of a surrogate pair")),
        }
    }

    fn digits(&mut self, radix: u32, count: std::ops::RangeInclusive<usize>) -> Result<u32, String> {
        let mut value = 0u32;
        for n in 0..*count.end() {
            match self.peek().and_then(|digit| digit.to_digit(radix)) {
                Some(digit) => value = value.wrapping_mul(radix) | digit,
                None if n >= *count.start() => break,
                None => return Err(self.expected("a digit of an escape")),
            }
            self.at += 1;
        }
        Ok(value)
    }
}

/// Whether escapes of two digits can be bytes of UTF-8.
#[derive(Debug, Clone, Copy)]
enum Prefix {
    None,
    Unicode,
}

/// Text and, at its end, escaped bytes that are not text yet.
#[derive(Default)]
struct Decoded {
    text: String,
    bytes: Vec<u8>,
}

impl Decoded {
    fn push_byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    fn push(&mut self, character: char) {
        self.settle();
        self.text.push(character);
    }

    fn push_str(&mut self, text: &str) {
        if !text.is_empty() {
            self.settle();
            self.text.push_str(text);
        }
    }

    fn settle(&mut self) {
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => self.text.push_str(text),
            Err(_) => self.text.extend(self.bytes.iter().copied().map(char::from)),
        }
        self.bytes.clear();
    }

    fn finish(mut self) -> String {
        self.settle();
        self.text
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_python_are_those_of_json() {
        for (literal, expected) in [
            ("None", json!(null)),
            (" [True, False,] ", json!([true, false])),
            ("()", json!([])),
            ("('a',)", json!(["a"])),
            ("{'a': {u'b': [1, -2, 3.5, 1e+16, .5, 2.]}}", json!({"a": {"b": [1, -2, 3.5, 1e16, 0.5, 2.0]}})),
            ("{'a':1,'a':2}", json!({"a": 2})),
            ("[0, -0, 12345L, 18446744073709551615]", json!([0, 0, 12345, u64::MAX])),
            ("36893488147419103232", json!(36893488147419103232f64)),
            (r#""it's""#, json!("it's")),
            (r#"'\'"\"\\'"#, json!(r#"'""\"#)),
            (r"'\a\b\f\n\r\t\v\0\x41\101'", json!("\x07\x08\x0c\n\r\t\x0b\0AA")),
            (r"'\d'", json!(r"\d")),
            // Python 2: bytes in text without a prefix, characters in text with one.
            (r"'Pok\xc3\xa9mon'", json!("Pok\u{e9}mon")),
            (r"u'Pok\xe9mon \u2122 \U0001F600 \ud83d\ude00'", json!("Pok\u{e9}mon \u{2122} 😀 😀")),
            (r"u'\xc3\xa9'", json!("\u{c3}\u{a9}")),
            (r"b'\303\251'", json!("\u{e9}")),
            // Python 3: what is not printable.
            (r"'a\xa0b\x9d'", json!("a\u{a0}b\u{9d}")),
        ] {
            assert_eq!(parse(literal), Ok(expected), "{literal}");
        }
    }

    /// `tests/reference/amazon/generate.py` wrote both.
    #[test]
    fn python_agrees() {
        let literals = include_str!("../../tests/reference/amazon/python.txt");
        let objects = include_str!("../../tests/reference/amazon/python.json");
        assert_eq!(literals.lines().count(), 200);
        for (literal, object) in literals.split('\n').zip(objects.split('\n')).filter(|(l, _)| !l.is_empty())
        {
            let expected: Value = serde_json::from_str(object).unwrap();
            assert_eq!(parse(literal), Ok(expected), "{literal}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (literal, expected) in [
            ("", "the line ends, but there must be a value at byte 1"),
            ("{'a': 1", "the line ends, but there must be a comma or } at byte 8"),
            ("{'a' 1}", "'1', expected a colon at byte 6"),
            ("{1: 2}", "'1', expected a key in quotes at byte 2"),
            ("['a' 'b']", "'\\'', expected a comma or ] at byte 6"),
            ("'abc", "the line ends, but there must be a closing ' at byte 5"),
            ("'abc\\", "the line ends, but there must be the rest of an escape at byte 6"),
            ("'\\x4'", "'\\'', expected a digit of an escape at byte 5"),
            ("'\\ud83d'", "half of a surrogate pair at byte 8"),
            ("'\\ud83d\\u0041'", "half of a surrogate pair at byte 14"),
            ("'\\U00110000'", "an escape that is no character at byte 12"),
            ("'\\777'", "an octal escape beyond 377 at byte 6"),
            ("nan", "'n', expected a value at byte 1"),
            ("-inf", "'-', expected a finite number at byte 1"),
            ("1e999", "'1', expected a finite number at byte 1"),
            ("007", "'0', expected a finite number at byte 1"),
            ("1_000", "'1', expected a finite number at byte 1"),
            ("1.5L", "'1', expected a finite number at byte 1"),
            ("open('x')", "'o', expected a value at byte 1"),
            ("{} x", "'x', expected the end of the line at byte 4"),
        ] {
            assert_eq!(
                parse(literal),
                Err(format!("this is not a literal of Python: {expected}")),
                "{literal}"
            );
        }
    }

    #[test]
    fn brackets_in_each_other_are_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        for text in [nested(MAX_DEPTH + 2), "[".repeat(10_000_000), "{'a':".repeat(1_000_000)] {
            assert!(parse(&text).unwrap_err().contains("more than 128 brackets in each other"));
        }
    }

    /// As `repr` of Python writes it: of Python 2 (`ascii`) with prefixes and escapes, or of Python 3.
    fn repr(value: &Value, ascii: bool, out: &mut String) {
        let mut separated = |open, close, entries: Vec<String>| {
            let _ = write!(out, "{open}{}{close}", entries.join(", "));
        };
        let spelled = |value: &Value| {
            let mut text = String::new();
            repr(value, ascii, &mut text);
            text
        };
        match value {
            Value::Null => out.push_str("None"),
            Value::Bool(true) => out.push_str("True"),
            Value::Bool(false) => out.push_str("False"),
            Value::Number(number) => out.push_str(&number.to_string()),
            Value::Array(values) => separated('[', ']', values.iter().map(spelled).collect()),
            Value::Object(map) => {
                let entry = |(key, value): (&String, &Value)| {
                    format!("{}: {}", spelled(&Value::String(key.clone())), spelled(value))
                };
                separated('{', '}', map.iter().map(entry).collect());
            }
            Value::String(text) => {
                let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
                out.push_str(if ascii { "u" } else { "" });
                out.push(quote);
                for c in text.chars() {
                    let _ = match c {
                        '\\' => write!(out, "\\\\"),
                        '\n' => write!(out, "\\n"),
                        '\t' => write!(out, "\\t"),
                        '\r' => write!(out, "\\r"),
                        c if c == quote => write!(out, "\\{c}"),
                        c if (c as u32) < 0x20 || (0x7f..0xa1).contains(&(c as u32)) => {
                            write!(out, "\\x{:02x}", c as u32)
                        }
                        c if !ascii || c.is_ascii() => write!(out, "{c}"),
                        c if (c as u32) < 0x100 => write!(out, "\\x{:02x}", c as u32),
                        c if (c as u32) < 0x10000 => write!(out, "\\u{:04x}", c as u32),
                        c => write!(out, "\\U{:08x}", c as u32),
                    };
                }
                out.push(quote);
            }
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\\\\'\"a\n\u{80}-\u{100}]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_repr_writes_is_read(value in values(), ascii: bool) {
            let mut text = String::new();
            repr(&value, ascii, &mut text);
            prop_assert_eq!(parse(&text), Ok(value), "{}", text);
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn no_text_that_looks_like_a_literal_panics(text in "[{}\\[\\](),:'\"\\\\uUxbNT0-9a-f.eL+ é😀-]{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_cut_literal_panics_or_is_whole(value in values(), ascii: bool, share in 0.0..1.0f64) {
            let mut text = String::new();
            repr(&Value::Array(vec![value]), ascii, &mut text);
            let mut cut = (share * text.len() as f64) as usize;
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            prop_assert!(parse(&text[..cut]).is_err());
        }
    }
}
