//! Quantiles, apart from what is measured with them.

/// The value below which a share `q` of the ascending `sorted` lies; `None` if there are none.
///
/// Position `q (n - 1)` of the sorted values, between two of them by linear interpolation: definition 7 of
/// Hyndman and Fan 1996, NumPy's and pandas' default.
pub(crate) fn linear_quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = q * last as f64;
    let below = (position.floor() as usize).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    let part = position - below as f64;
    // From the nearer end, as NumPy does, so that a whole position gives the value itself.
    Some(if part < 0.5 { low + (high - low) * part } else { high - (high - low) * (1.0 - part) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lies_between_its_neighbours() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(linear_quantile(&sorted, 0.0), Some(1.0));
        assert_eq!(linear_quantile(&sorted, 0.25), Some(1.0 + 0.75 * (2.0 - 1.0)));
        assert_eq!(linear_quantile(&sorted, 0.5), Some(3.0));
        assert_eq!(linear_quantile(&sorted, 1.0), Some(8.0));
        assert_eq!(linear_quantile(&[5.0], 0.3), Some(5.0));
        assert_eq!(linear_quantile(&[], 0.3), None);
    }
}
