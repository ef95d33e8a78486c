//! Standardised numbers.

/// How far from the mean a standardised number can be: what lies further is taken for this far, so
/// that a value unlike all of the training part is large but finite.
pub(super) const CLIP: f64 = 10.0;

/// The mean and the standard deviation of numbers that come one by one (Welford 1962, "Note on a
/// method for calculating corrected sums of squares and products", with weights).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    weight: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    pub(super) fn add(&mut self, value: f64, weight: f64) {
        if weight == 0.0 {
            return;
        }
        self.weight += weight;
        let before = value - self.mean;
        self.mean += before * (weight / self.weight);
        self.squares += weight * before * (value - self.mean);
    }

    /// Numbers that are all equal keep the scale 1.
    pub(super) fn standard(self) -> Standard {
        let deviation = if self.weight > 0.0 { (self.squares / self.weight).sqrt() } else { 0.0 };
        Standard { mean: self.mean, scale: if deviation > 0.0 { deviation } else { 1.0 } }
    }
}

/// A mean to subtract and a scale to divide by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Standard {
    mean: f64,
    scale: f64,
}

impl Default for Standard {
    /// Changes nothing within [`CLIP`].
    fn default() -> Self {
        Standard { mean: 0.0, scale: 1.0 }
    }
}

impl Standard {
    /// `value` in standard deviations from the mean, within [`CLIP`].
    pub(super) fn apply(self, value: f64) -> f64 {
        ((value - self.mean) / self.scale).clamp(-CLIP, CLIP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_count_as_repetitions() {
        let mut weighted = Moments::default();
        let mut repeated = Moments::default();
        for (value, weight) in [(3.0, 2u32), (7.0, 1), (100.0, 0), (-1.0, 3)] {
            weighted.add(value, f64::from(weight));
            (0..weight).for_each(|_| repeated.add(value, 1.0));
        }
        let (weighted, repeated) = (weighted.standard(), repeated.standard());
        // Mean (6 + 7 - 3) / 6; mean square (18 + 49 + 3) / 6.
        let mean: f64 = 10.0 / 6.0;
        let deviation = (70.0 / 6.0 - mean * mean).sqrt();
        for standard in [weighted, repeated] {
            assert!((standard.apply(7.0) - (7.0 - mean) / deviation).abs() < 1e-12);
        }
    }

    #[test]
    fn equal_numbers_are_0_and_outliers_are_clipped() {
        let mut moments = Moments::default();
        (0..3).for_each(|_| moments.add(1995.1, 7.0));
        assert_eq!(moments.standard().apply(1995.1), 0.0);
        assert_eq!(moments.standard().apply(f64::from(f32::MAX)), CLIP);
        assert_eq!(Moments::default().standard().apply(0.0), 0.0);
    }
}
