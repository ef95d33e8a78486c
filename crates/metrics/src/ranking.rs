//! What one user's recommended list is worth.
//!
//! A [`JudgedList`] says where in the list the relevant items stand; a [`RankingMetric`] turns that
//! into a number. Averaging over users is the business of
//! [`RankingEvaluator`](crate::RankingEvaluator).

mod cutoff;
mod hit_rate;
mod judged_list;
mod mean_average_precision;
mod mean_reciprocal_rank;
mod ndcg;
mod precision;
mod recall;

pub(crate) use cutoff::Cutoff;
pub use hit_rate::HitRate;
pub use judged_list::JudgedList;
pub use mean_average_precision::MeanAveragePrecision;
pub use mean_reciprocal_rank::MeanReciprocalRank;
pub use ndcg::Ndcg;
pub use precision::Precision;
pub use recall::Recall;

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
    }

    #[test]
    fn an_empty_list_is_worth_nothing_and_an_empty_truth_is_undefined() {
        for metric in standard_metrics(3).unwrap() {
            let nothing_recommended = JudgedList::new(&[], &[1, 2]).unwrap();
            assert_eq!(metric.measure(&nothing_recommended), Some(0.0), "{}", metric.label());
            let nothing_relevant = JudgedList::new(&[1, 2], &[]).unwrap();
            assert_eq!(metric.measure(&nothing_relevant), None, "{}", metric.label());
        }
    }
}
