use super::{CatalogueMetric, Exposure};

/// The share of users who are recommended anything.
///
/// `UserCoverage@k = lists with an item / lists observed`. An item outside the catalogue counts here: the
/// user does see something. A value below 1 says that a model leaves users without recommendations, whose
/// zeros lower the ranking metrics.
///
/// In 0..1. Undefined where no list was observed. Equals RecTools `CoveredUsers` where the observed users are
/// those with relevant items, which it counts.
#[derive(Debug, Clone, Copy)]
pub struct UserCoverage;

impl CatalogueMetric for UserCoverage {
    fn label(&self, k: usize) -> String {
        format!("UserCoverage@{k}")
    }

    fn measure(&self, exposure: &Exposure) -> Option<f64> {
        let n_lists = exposure.n_lists();
        (n_lists > 0).then(|| exposure.n_filled_lists() as f64 / n_lists as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_with_an_item_are_counted() {
        let mut exposure = Exposure::new(1, 0..3).unwrap();
        assert_eq!(UserCoverage.measure(&exposure), None);
        exposure.observe(&[2, 0]);
        exposure.observe(&[]);
        exposure.observe(&[77]);
        assert_eq!(UserCoverage.measure(&exposure), Some(2.0 / 3.0));
    }
}
