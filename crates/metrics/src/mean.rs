//! Averaging, apart from measuring.

/// The arithmetic mean of `values` in their order; `None` if there are none.
///
/// Summed with Neumaier's compensation (Neumaier 1974), so the error does not grow with the number
/// of values. Same values in the same order, same bits.
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut lost, mut n) = (0.0_f64, 0.0_f64, 0_u64);
    for value in values {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
        sum = next;
        n += 1;
    }
    (n > 0).then(|| (sum + lost) / n as f64)
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
    fn a_million_tenths_average_to_a_tenth() {
        assert_eq!(mean(std::iter::repeat_n(0.1, 1_000_000)), Some(0.1));
    }
}
