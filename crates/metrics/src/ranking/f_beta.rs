use super::{Cutoff, JudgedList, RankingMetric};
use crate::{Error, Result};

/// The weighted harmonic mean of precision and recall of the ranks 1 to `k`.
///
/// `Fβ@k = (1 + β²) P R / (β² P + R)` with `P = hits / k` and `R = hits / n_relevant`, 0 without a hit. `β`
/// above 1 favours recall, below 1 precision. Computed as `(1 + β²) hits / ((1 + β²) hits + β² (n_relevant -
/// hits) + (k - hits))`, which is the same and cannot pass 1.
///
/// In 0..1. Undefined for a user without relevant items.
///
/// Source: van Rijsbergen, Information Retrieval, 2nd edition, 1979, chapter 7. Equals RecTools `F1Beta`.
#[derive(Debug, Clone, Copy)]
pub struct FBeta {
    k: Cutoff,
    beta: f64,
}

impl FBeta {
    /// Fβ of the ranks 1 to `k`.
    ///
    /// # Errors
    /// If `k` is 0, or `beta` is not above 0 or its square not finite.
    pub fn new(k: usize, beta: f64) -> Result<Self> {
        if !(beta > 0.0 && (beta * beta).is_finite()) {
            let message = format!("{beta} cannot weigh recall; give a number above 0, such as 1");
            return Err(Error::Parameter { parameter: "beta", message });
        }
        Ok(Self { k: Cutoff::new(k)?, beta })
    }
}

impl RankingMetric for FBeta {
    fn label(&self) -> String {
        format!("F{}{}", self.beta, self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let (k, n_relevant) = (self.k.get(), list.relevant().len());
        let beta_squared = self.beta * self.beta;
        (n_relevant > 0).then(|| {
            let hits = list.n_hits(k);
            let hit = (1.0 + beta_squared) * hits as f64;
            hit / (hit + beta_squared * (n_relevant - hits) as f64 + (k - hits) as f64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_weighted_harmonic_mean() {
        let list = JudgedList::new(&[1, 9, 2, 8], &[1, 2, 3]).unwrap();
        let (precision, recall): (f64, f64) = (2.0 / 4.0, 2.0 / 3.0);
        for beta in [1.0, 0.5, 2.0] {
            let weighted = 1.0 / (1.0 + beta * beta) / precision + beta * beta / (1.0 + beta * beta) / recall;
            let value = FBeta::new(4, beta).unwrap().measure(&list).unwrap();
            assert!((value - 1.0 / weighted).abs() < 1e-15, "{beta} {value}");
        }
    }

    #[test]
    fn no_hit_is_worth_nothing() {
        let list = JudgedList::new(&[9], &[1]).unwrap();
        assert_eq!(FBeta::new(4, 1.0).unwrap().measure(&list), Some(0.0));
    }

    #[test]
    fn beta_shows_in_the_label_and_is_checked() {
        assert_eq!(FBeta::new(4, 1.0).unwrap().label(), "F1@4");
        assert_eq!(FBeta::new(4, 0.5).unwrap().label(), "F0.5@4");
        for beta in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e200] {
            let message = FBeta::new(4, beta).unwrap_err().to_string();
            assert!(message.starts_with("beta: "), "{message}");
        }
    }
}
