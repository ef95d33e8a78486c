use super::{CatalogueMetric, Exposure};

/// The share of the catalogue that is recommended to anyone.
///
/// `Coverage@k = distinct items of the catalogue at the ranks 1 to k of any list / items of the
/// catalogue`. Items outside the catalogue count neither above nor below the line. All observed lists
/// count, those of users without relevant items included. Undefined for an empty catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Coverage;

impl CatalogueMetric for Coverage {
    fn label(&self, k: usize) -> String {
        format!("Coverage@{k}")
    }

    fn measure(&self, exposure: &Exposure) -> Option<f64> {
        let counts = exposure.counts();
        let n_exposed = counts.iter().filter(|&&count| count > 0).count();
        (!counts.is_empty()).then(|| n_exposed as f64 / counts.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_counts_once_however_often_it_is_recommended() {
        let mut exposure = Exposure::new(1, 0..3).unwrap();
        assert_eq!(Coverage.measure(&exposure), Some(0.0));
        exposure.observe(&[2, 0]);
        exposure.observe(&[2, 1]);
        assert_eq!(Coverage.measure(&exposure), Some(1.0 / 3.0));
    }

    #[test]
    fn items_outside_the_catalogue_do_not_count() {
        let mut exposure = Exposure::new(3, [4, 6]).unwrap();
        exposure.observe(&[5, 4, 1]);
        assert_eq!(Coverage.measure(&exposure), Some(1.0 / 2.0));
    }

    #[test]
    fn an_empty_catalogue_has_no_coverage() {
        let exposure = Exposure::new(3, []).unwrap();
        assert_eq!(Coverage.measure(&exposure), None);
    }
}
