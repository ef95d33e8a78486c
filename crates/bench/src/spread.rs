//! What repeated measurements say.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// Five numbers of a sample: of times in seconds, if nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) n: usize,
    pub(crate) min: f64,
    pub(crate) lower_quartile: f64,
    pub(crate) median: f64,
    pub(crate) upper_quartile: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of `times`; `None` if there are none.
    pub(crate) fn of(times: &[Duration]) -> Option<Self> {
        Spread::of_values(times.iter().map(Duration::as_secs_f64).collect())
    }

    /// The spread of numbers in another unit than seconds; `None` if there are none.
    pub(crate) fn of_values(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let quantile = |q: f64| {
            let position = q * (values.len().checked_sub(1)?) as f64;
            let (low, high) = (position.floor() as usize, position.ceil() as usize);
            Some(values[low] + (position - low as f64) * (values[high] - values[low]))
        };
        Some(Spread {
            n: values.len(),
            min: quantile(0.0)?,
            lower_quartile: quantile(0.25)?,
            median: quantile(0.5)?,
            upper_quartile: quantile(0.75)?,
            max: quantile(1.0)?,
        })
    }

    /// Headers of [`cells`](Self::cells) in `unit`.
    pub(crate) fn headers(unit: &str) -> [String; 4] {
        [format!("median {unit}"), format!("min {unit}"), format!("quartiles {unit}"), "n".into()]
    }

    /// The spread in units of `unit` seconds, for a table.
    pub(crate) fn cells(&self, unit: f64) -> [String; 4] {
        let quartiles = format!("{:.2}-{:.2}", self.lower_quartile / unit, self.upper_quartile / unit);
        [
            format!("{:.2}", self.median / unit),
            format!("{:.2}", self.min / unit),
            quartiles,
            self.n.to_string(),
        ]
    }
}

/// A ratio of medians, and of the fastest of each: where they differ much, something else was running.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Ratio {
    pub(crate) medians: f64,
    pub(crate) minima: f64,
}

impl Ratio {
    /// How many times as long as `base` `other` takes.
    pub(crate) fn of(other: &Spread, base: &Spread) -> Self {
        Ratio { medians: other.median / base.median, minima: other.min / base.min }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} (of the fastest: {:.2})", self.medians, self.minima)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_interpolate() {
        let times = [4, 1, 3, 2].map(Duration::from_secs);
        let spread = Spread::of(&times).unwrap();
        assert_eq!((spread.min, spread.max, spread.n), (1.0, 4.0, 4));
        assert_eq!((spread.lower_quartile, spread.median, spread.upper_quartile), (1.75, 2.5, 3.25));
        assert_eq!(Spread::of(&[]), None);
    }
}
