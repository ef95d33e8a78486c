//! What one user's recommended list is worth.
//!
//! A [`JudgedList`] says where in the list the relevant items stand; a [`RankingMetric`] turns that
//! into a number. Averaging over users is the business of
//! [`RankingEvaluator`](crate::RankingEvaluator).

mod achievable_precision;
mod cutoff;
mod f_beta;
mod hit_rate;
mod judged_list;
mod mean_average_precision;
mod mean_reciprocal_rank;
mod ndcg;
mod partial_auc;
mod partial_auc_precision;
mod precision;
mod r_precision;
mod rank_biased_precision;
mod rank_weights;
mod recall;
mod roc_auc;

pub use achievable_precision::AchievablePrecision;
pub(crate) use cutoff::Cutoff;
pub use f_beta::FBeta;
pub use hit_rate::HitRate;
pub use judged_list::JudgedList;
pub use mean_average_precision::{Divisor, MeanAveragePrecision};
pub use mean_reciprocal_rank::MeanReciprocalRank;
pub use ndcg::{Gain, Ideal, Ndcg};
pub use partial_auc::PartialAuc;
pub use partial_auc_precision::PartialAucPrecision;
pub use precision::Precision;
pub use r_precision::RPrecision;
pub use rank_biased_precision::RankBiasedPrecision;
pub use recall::Recall;
pub use roc_auc::RocAuc;

use crate::Result;

/// A number for one user's list.
///
/// Implement it for a metric of your own and hand it to
/// [`RankingEvaluator`](crate::RankingEvaluator) beside those of this crate.
pub trait RankingMetric: std::fmt::Debug + Send + Sync {
    /// The name in tables, with the cutoff: `NDCG@10`.
    fn label(&self) -> String;

    /// The value for one user; `None` where it is undefined.
    ///
    /// Must be a function of the list and of what the metric was made of, and never NaN. The metrics of
    /// this module are fractions in 0..1, undefined for a user without relevant items, and 0 for an empty
    /// list.
    fn measure(&self, list: &JudgedList<'_>) -> Option<f64>;

    /// Whether the value depends on which items are relevant, as that of most metrics does. One that does
    /// not is not measured again for each group of items.
    fn uses_relevance(&self) -> bool {
        true
    }
}

/// NDCG, HitRate, Recall, Precision, MAP and MRR at `k`, in this order.
///
/// # Errors
/// If `k` is 0.
pub fn standard_metrics(k: usize) -> Result<Vec<Box<dyn RankingMetric>>> {
    Ok(vec![
        Box::new(Ndcg::new(k)?),
        Box::new(HitRate::new(k)?),
        Box::new(Recall::new(k)?),
        Box::new(Precision::new(k)?),
        Box::new(MeanAveragePrecision::new(k)?),
        Box::new(MeanReciprocalRank::new(k)?),
    ])
}

/// Every metric of this module at `k`, in its default variant: those of [`standard_metrics`], then
/// AchievablePrecision, F1, RBP(0.8), RocAUC, PartialAUC and PAp, in this order.
///
/// [`RPrecision`] is not among them: it has no cutoff, so the metrics of two values of `k` would hold it
/// twice.
///
/// # Errors
/// If `k` is 0.
pub fn all_metrics(k: usize) -> Result<Vec<Box<dyn RankingMetric>>> {
    let mut metrics = standard_metrics(k)?;
    let more: [Box<dyn RankingMetric>; 6] = [
        Box::new(AchievablePrecision::new(k)?),
        Box::new(FBeta::new(k, 1.0)?),
        Box::new(RankBiasedPrecision::new(k, 0.8)?),
        Box::new(RocAuc::new(k)?),
        Box::new(PartialAuc::new(k)?),
        Box::new(PartialAucPrecision::new(k)?),
    ];
    metrics.extend(more);
    Ok(metrics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_refuses_a_cutoff_of_zero() {
        let message = standard_metrics(0).unwrap_err().to_string();
        assert_eq!(message, "k: 0 is not a list length; give at least 1");
    }

    #[test]
    fn labels_carry_the_cutoff() {
        let labels: Vec<String> = standard_metrics(7).unwrap().iter().map(|m| m.label()).collect();
        assert_eq!(labels, ["NDCG@7", "HitRate@7", "Recall@7", "Precision@7", "MAP@7", "MRR@7"]);
        let all: Vec<String> = all_metrics(7).unwrap().iter().map(|m| m.label()).collect();
        assert_eq!(all[..6], labels);
        let more = ["AchievablePrecision@7", "F1@7", "RBP(0.8)@7", "RocAUC@7", "PartialAUC@7", "PAp@7"];
        assert_eq!(all[6..], more);
    }

    #[test]
    fn an_empty_list_is_worth_nothing_and_an_empty_truth_is_undefined() {
        let metrics = all_metrics(3).unwrap().into_iter();
        for metric in metrics.chain([Box::new(RPrecision) as Box<dyn RankingMetric>]) {
            let nothing_recommended = JudgedList::new(&[], &[1, 2]).unwrap();
            assert_eq!(metric.measure(&nothing_recommended), Some(0.0), "{}", metric.label());
            let nothing_relevant = JudgedList::new(&[1, 2], &[]).unwrap();
            assert_eq!(metric.measure(&nothing_relevant), None, "{}", metric.label());
        }
    }
}
