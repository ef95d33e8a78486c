//! Reviews.

use serde_json::Value;

use super::json::{Object, unexpected};

/// Who rated which product, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// `reviewerID`.
    pub reviewer: String,
    /// `asin`, the product's id.
    pub asin: String,
    /// `overall`, one to five stars.
    pub rating: f32,
    /// `unixReviewTime`, in seconds since 1970-01-01 UTC.
    pub timestamp: i64,
}

/// 2100-01-01 00:00 UTC.
const YEAR_2100: i64 = 4_102_444_800;

impl Review {
    pub(super) fn parse(mut object: Object) -> Result<Self, String> {
        let reviewer = object.required_text("reviewerID")?;
        let asin = object.required_text("asin")?;
        let rating = match object.take("overall") {
            Some(Value::Number(number)) => number.as_f64().unwrap_or(f64::NAN) as f32,
            Some(other) => return Err(unexpected("overall", &other, "a number")),
            None => return Err("overall is absent or null".into()),
        };
        if !rating.is_finite() {
            return Err("overall is not a finite number".into());
        }
        let timestamp = match object.take("unixReviewTime") {
            Some(Value::Number(number)) => number
                .as_i64()
                .filter(|seconds| (0..YEAR_2100).contains(seconds))
                .ok_or_else(|| format!("unixReviewTime {number} is not whole seconds from 1970 to 2100"))?,
            Some(other) => return Err(unexpected("unixReviewTime", &other, "a number")),
            None => return Err("unixReviewTime is absent or null".into()),
        };
        Ok(Review { reviewer, asin, rating, timestamp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reviews_are_whole_or_the_reason_is_given() {
        let parse = |line: &str| Object::parse(line).and_then(Review::parse);
        let line = "{'reviewerID': 'A', 'asin': '0012', 'overall': 4.0, 'unixReviewTime': 1393545600}";
        let expected =
            Review { reviewer: "A".into(), asin: "0012".into(), rating: 4.0, timestamp: 1_393_545_600 };
        assert_eq!(parse(line), Ok(expected));
        for (what, instead, reason) in [
            ("'A'", "''", "reviewerID is absent or empty"),
            ("'0012'", "12", "asin is the number 12, expected text"),
            ("4.0", "1e300", "overall is not a finite number"),
            ("4.0", "'four'", "overall is the text \"four\", expected a number"),
            ("4.0", "None", "overall is absent or null"),
            ("1393545600", "-1", "unixReviewTime -1 is not whole seconds from 1970 to 2100"),
            (
                "1393545600",
                "1393545600000",
                "unixReviewTime 1393545600000 is not whole seconds from 1970 to 2100",
            ),
            ("1393545600", "[]", "unixReviewTime is a list, expected a number"),
        ] {
            assert_eq!(parse(&line.replace(what, instead)), Err(reason.into()));
        }
    }
}
