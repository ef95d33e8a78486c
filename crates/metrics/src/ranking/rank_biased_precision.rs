use super::rank_weights::{RankWeights, Weight};
use super::{Cutoff, JudgedList, RankingMetric};
use crate::{Error, Result};

/// What a reader finds who goes on from each rank to the next with a given probability.
///
/// `RBP(p)@k = (1 - p) Σ p^(rank - 1)` over the hits at ranks 1 to `k`. The persistence `p` says how deep the
/// reader looks: on average at `1 / (1 - p)` ranks, 5 for 0.8. Unlike NDCG it does not depend on how many
/// items are relevant.
///
/// In 0..1, at most `1 - p^k`. Undefined for a user without relevant items.
///
/// Source: Moffat and Zobel, Rank-biased precision for measurement of retrieval effectiveness, ACM TOIS 27(1),
/// 2008, equation 5.
#[derive(Debug, Clone)]
pub struct RankBiasedPrecision {
    k: Cutoff,
    persistence: f64,
    weights: RankWeights,
}

impl RankBiasedPrecision {
    /// Rank-biased precision of the ranks 1 to `k`.
    ///
    /// # Errors
    /// If `k` is 0, or `persistence` is not between 0 and 1.
    pub fn new(k: usize, persistence: f64) -> Result<Self> {
        if !(persistence > 0.0 && persistence < 1.0) {
            let message = format!("{persistence} is not between 0 and 1; 0.8 is a patient reader's");
            return Err(Error::Parameter { parameter: "persistence", message });
        }
        let k = Cutoff::new(k)?;
        let weights = RankWeights::new(Weight::Geometric(persistence), k);
        Ok(Self { k, persistence, weights })
    }
}

impl RankingMetric for RankBiasedPrecision {
    fn label(&self) -> String {
        format!("RBP({}){}", self.persistence, self.k)
    }

    fn measure(&self, list: &JudgedList<'_>) -> Option<f64> {
        let hits = list.hit_ranks_within(self.k.get());
        // The weights of all ranks sum to 1, which rounding could pass.
        (!list.relevant().is_empty()).then(|| self.weights.sum(hits).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rank_is_reached_with_a_power_of_the_persistence() {
        let list = JudgedList::new(&[1, 9, 2, 3], &[1, 2, 3]).unwrap();
        let rbp = RankBiasedPrecision::new(3, 0.5).unwrap();
        assert_eq!(rbp.measure(&list), Some(0.5 * (1.0 + 0.5 * 0.5)));
        assert_eq!(rbp.label(), "RBP(0.5)@3");
    }

    #[test]
    fn persistence_is_a_proper_fraction() {
        for persistence in [0.0, 1.0, -0.5, f64::NAN] {
            let message = RankBiasedPrecision::new(3, persistence).unwrap_err().to_string();
            assert!(message.starts_with("persistence: "), "{message}");
        }
    }
}
