//! Averaging, apart from measuring.

/// A sum with Neumaier's compensation (Neumaier 1974): the error does not grow with the number of values.
/// Same values in the same order, same bits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, value: f64) {
        let next = self.sum + value;
        // Beyond the largest float there is nothing to compensate, and infinity less infinity is NaN.
        if next.is_finite() {
            let exact_first = self.sum.abs() >= value.abs();
            self.lost += if exact_first { (self.sum - next) + value } else { (value - next) + self.sum };
        }
        self.sum = next;
    }

    pub(crate) fn total(self) -> f64 {
        self.sum + self.lost
    }
}

/// The compensated sum of `values` in their order.
pub(crate) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sum = Sum::default();
    values.into_iter().for_each(|value| sum.add(value));
    sum.total()
}

/// The arithmetic mean of `values` in their order; `None` if there are none. See [`Sum`].
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut n = 0_u64;
    let total = sum(values.into_iter().inspect(|_| n += 1));
    (n > 0).then(|| total / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_mean() {
        assert_eq!(mean([]), None);
    }

    #[test]
    fn small_values_survive_beside_large_ones() {
        // A plain sum would lose both ones: (1e16 + 1) - 1e16 = 0.
        assert_eq!(mean([1e16, 1.0, 1.0, -1e16]), Some(0.5));
    }

    #[test]
    fn a_sum_that_overflows_is_infinite_not_nan() {
        assert_eq!(sum([f64::MAX, f64::MAX, 1.0]), f64::INFINITY);
    }

    #[test]
    fn a_million_tenths_average_to_a_tenth() {
        assert_eq!(mean(std::iter::repeat_n(0.1, 1_000_000)), Some(0.1));
    }
}
