use std::fmt;

use crate::{Error, Result};

/// The smallest score that counts as a positive prediction; 0.5 by default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold(f64);

impl Threshold {
    /// Scores of at least `value` are positive. `f32` scores are compared in `f32`, so that a score of
    /// `0.7_f32` reaches a threshold of 0.7.
    ///
    /// # Errors
    /// If `value` is NaN.
    pub fn new(value: f64) -> Result<Self> {
        if value.is_nan() {
            let message = "NaN is not a number; give the smallest score that counts as positive".to_owned();
            return Err(Error::Parameter { parameter: "threshold", message });
        }
        Ok(Self(value))
    }

    /// The value.
    pub fn get(self) -> f64 {
        self.0
    }

    /// What a metric at this threshold is called: `F1`, or `F1(0.7)` where it is not the default.
    pub(crate) fn label(self, metric: &str) -> String {
        if self == Self::default() { metric.to_owned() } else { format!("{metric}({self})") }
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self(0.5)
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_no_threshold() {
        let message = Threshold::new(f64::NAN).unwrap_err().to_string();
        assert!(message.starts_with("threshold: NaN"), "{message}");
    }

    #[test]
    fn only_other_thresholds_show_in_labels() {
        assert_eq!(Threshold::new(0.5).unwrap().label("F1"), "F1");
        assert_eq!(Threshold::new(0.7).unwrap().label("F1"), "F1(0.7)");
    }
}
