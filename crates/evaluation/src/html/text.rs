//! Numbers and names as a reader sees them.

use burn_recsys_metrics::statistics::Interval;

/// Text for between tags and within quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in printable(text).chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Without what no page or drawing may hold: an id can be any bytes of text. Line ends become spaces.
pub(super) fn printable(text: &str) -> String {
    let replaced = |letter: char| match letter {
        '\n' | '\r' | '\t' => ' ',
        letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => '\u{fffd}',
        // Marks that turn the direction of what follows would do so beyond the name.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        letter => letter,
    };
    text.chars().map(replaced).collect()
}

/// About how wide a letter is, in widths of a digit.
fn width_of(letter: char) -> f64 {
    match letter {
        '\u{1100}'.. => 1.9,
        'M' | 'W' | 'm' | 'w' | '@' => 1.5,
        'A'..='Z' => 1.2,
        _ => 1.0,
    }
}

/// About how wide a text is, in widths of a digit.
pub(super) fn width(text: &str) -> f64 {
    text.chars().map(width_of).sum()
}

/// The beginning of a text that is wider than `most`, in widths of a digit.
pub(super) fn shortened(text: &str, most: f64) -> String {
    let text = printable(text);
    if width(&text) <= most {
        return text;
    }
    let mut all = 0.0;
    let fits = |letter: &char| {
        all += width_of(*letter);
        all <= most - 1.0
    };
    let kept: String = text.chars().take_while(fits).collect();
    format!("{}…", kept.trim_end())
}

/// Four digits after the point; more for small numbers, fewer for large ones.
pub(super) fn number(value: f64) -> String {
    scaled(value, value.abs())
}

/// With the digits that a number as large as `size` has.
fn scaled(value: f64, size: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let text = match size {
        _ if size < 1e-6 => format!("{value:.1e}"),
        _ if size < 0.01 => {
            let decimals = (2.0 - size.log10().floor()).max(4.0) as usize;
            format!("{value:.decimals$}")
        }
        _ if size < 10.0 => format!("{value:.4}"),
        _ if size < 100.0 => format!("{value:.2}"),
        _ if size < 1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    text.replace('-', "−")
}

/// With the sign, for differences.
pub(super) fn signed(value: f64) -> String {
    let plus = if value > 0.0 { "+" } else { "" };
    format!("{plus}{}", number(value))
}

/// Lower to upper bound, with equally many digits.
pub(super) fn interval(interval: &Interval) -> String {
    let size = interval.lower.abs().max(interval.upper.abs());
    format!("{} to {}", scaled(interval.lower, size), scaled(interval.upper, size))
}

/// A probability of chance; small ones are not told apart.
pub(super) fn p_value(value: f64) -> String {
    if value < 1e-4 { "< 0.0001".to_owned() } else { format!("{value:.4}") }
}

/// As a percentage; what is there is never shown as 0 %.
pub(super) fn percent(share: f64) -> String {
    match 100.0 * share {
        0.0 => "0 %".to_owned(),
        percent if percent < 0.01 => "< 0.01 %".to_owned(),
        percent if percent < 1.0 => format!("{percent:.2} %"),
        percent => format!("{percent:.1} %"),
    }
}

/// Groups of three digits.
pub(super) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count and its noun, which has an `s` in the plural.
pub(super) fn counted(n: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_name_can_be_markup() {
        assert_eq!(escape("<script>&\"'"), "&lt;script&gt;&amp;&quot;&#39;");
        assert_eq!(escape("a\u{0}b\nc\u{202e}d"), "a\u{fffd}b c\u{fffd}d");
    }

    #[test]
    fn numbers_keep_three_digits_or_more() {
        for (value, expected) in [
            (0.0, "0"),
            (0.123_46, "0.1235"),
            (-0.5, "−0.5000"),
            (0.000_123_4, "0.000123"),
            (2e-9, "2.0e−9"),
            (43.219, "43.22"),
            (168.94, "168.9"),
            (123_456.7, "123457"),
        ] {
            assert_eq!(number(value), expected);
        }
        assert_eq!(interval(&Interval { lower: -0.000_002_6, upper: 0.000_07 }), "−0.0000026 to 0.0000700");
        assert_eq!(signed(0.25), "+0.2500");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "user"), "1 user");
        assert_eq!(percent(0.000_01), "< 0.01 %");
    }

    #[test]
    fn long_names_end_with_a_mark() {
        assert_eq!(shortened("abcdef", 6.0), "abcdef");
        assert_eq!(shortened("abcdefg", 6.0), "abcde…");
    }
}
