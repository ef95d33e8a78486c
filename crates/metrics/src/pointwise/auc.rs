use rayon::prelude::*;

use super::{PointwiseMetric, Predictions, Scores};
use crate::Result;

/// Area under the receiver operating characteristic: how often a positive outranks a negative.
///
/// `AUC = (pairs with the positive above + half the tied pairs) / pairs of a positive and a negative`.
/// Counted in integers, so ties are exact and only the final division rounds. Infinite scores are
/// ordered like any other; 0 and -0 are tied. Undefined with one class only.
///
/// Cost: O(n log n) time, and a copy of the scores.
///
/// Source: Hanley and McNeil, The meaning and use of the area under a receiver operating
/// characteristic (ROC) curve, Radiology 143(1), 1982.
#[derive(Debug, Clone, Copy)]
pub struct Auc;

impl PointwiseMetric for Auc {
    fn label(&self) -> String {
        "AUC".to_owned()
    }

    fn measure(&self, predictions: &Predictions<'_>) -> Result<Option<f64>> {
        let labels = predictions.labels();
        Ok(match predictions.scores() {
            Scores::F32(scores) => area(scores, labels, key_f32),
            Scores::F64(scores) => area(scores, labels, key_f64),
        })
    }
}

fn area<S: Copy, K: Ord + Copy + Send>(scores: &[S], labels: &[bool], key: fn(S) -> K) -> Option<f64> {
    let keys_of = |class: bool| -> Vec<K> {
        let rows = scores.iter().zip(labels).filter(|&(_, &label)| label == class);
        let mut keys: Vec<K> = rows.map(|(&score, _)| key(score)).collect();
        keys.par_sort_unstable();
        keys
    };
    let (positives, negatives) = (keys_of(true), keys_of(false));
    let n_pairs = positives.len() as u128 * negatives.len() as u128;
    // A pair won counts 2 and a tie 1: negatives below, plus negatives below or tied.
    let (mut below, mut not_above, mut twice_won) = (0, 0, 0_u128);
    for positive in &positives {
        below += negatives[below..].iter().take_while(|&negative| negative < positive).count();
        not_above += negatives[not_above..].iter().take_while(|&negative| negative <= positive).count();
        twice_won += (below + not_above) as u128;
    }
    (n_pairs > 0).then(|| twice_won as f64 / (2 * n_pairs) as f64)
}

/// An integer in the order of the scores, none of which is NaN.
fn key_f32(score: f32) -> u32 {
    // Adding 0 turns -0 into 0. Then flipping all bits of negative numbers and the sign of the others
    // orders the bit patterns.
    let bits = (score + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// As [`key_f32`].
fn key_f64(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auc(scores: &[f64], labels: &[bool]) -> Option<f64> {
        Auc.measure(&Predictions::new(scores, labels).unwrap()).unwrap()
    }

    #[test]
    fn a_tie_is_half_won() {
        // Pairs: 0.5 beats 0.2 and ties 0.5; 0.1 loses to both.
        let value = auc(&[0.5, 0.2, 0.1, 0.5], &[true, false, true, false]);
        assert_eq!(value, Some((1.0 + 0.5 + 0.0 + 0.0) / 4.0));
    }

    #[test]
    fn one_class_alone_is_undefined() {
        assert_eq!(auc(&[0.5, 0.2], &[true, true]), None);
        assert_eq!(auc(&[0.5, 0.2], &[false, false]), None);
        assert_eq!(auc(&[], &[]), None);
    }

    #[test]
    fn the_keys_keep_the_order_of_the_scores() {
        let ascending = [f64::NEG_INFINITY, -2.0, -1e-300, 0.0, 5e-324, 0.5, f64::INFINITY];
        assert!(ascending.map(key_f64).is_sorted_by(|left, right| left < right));
        let ascending = [f32::NEG_INFINITY, -2.0, -1e-38, 0.0, 1e-45, 0.5, f32::INFINITY];
        assert!(ascending.map(key_f32).is_sorted_by(|left, right| left < right));
        assert_eq!((key_f64(-0.0), key_f32(-0.0)), (key_f64(0.0), key_f32(0.0)));
    }
}
