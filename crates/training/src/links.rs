//! How well scores of pairs tell links from other pairs.

use burn_recsys_data::graph::LinkSplit;
use burn_recsys_metrics::pointwise::{
    Auc, AveragePrecision, PointwiseMetric, PrecisionRecallPoint, Predictions, precision_recall_curve,
};
use serde::Serialize;

use crate::Result;

/// The pairs of a test: links that were held out, and pairs without a link.
#[derive(Debug, Clone)]
pub struct LinkTest {
    pairs: Vec<(u32, u32)>,
    is_link: Vec<bool>,
    /// Whether both items have a training link.
    is_seen: Vec<bool>,
}

/// What scores of the pairs of a [`LinkTest`] are worth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LinkMetrics {
    /// The area under the ROC curve over all pairs.
    pub auc: Option<f64>,
    /// The same over the pairs of which both items have a training link.
    pub auc_seen: Option<f64>,
    /// The same over the other pairs: what is known of an item without a training link.
    pub auc_unseen: Option<f64>,
    /// Average precision over all pairs.
    pub average_precision: Option<f64>,
}

/// Points of a curve that is drawn.
const N_POINTS: usize = 500;

impl LinkTest {
    /// The test part of `split`, whose items are below `n_items`.
    pub fn new(split: &LinkSplit, n_items: u32) -> Self {
        let seen = split.seen(n_items);
        let pairs: Vec<(u32, u32)> = split.test.iter().chain(&split.test_negatives).copied().collect();
        LinkTest {
            is_link: (0..pairs.len()).map(|at| at < split.test.len()).collect(),
            is_seen: pairs.iter().map(|&(a, b)| seen[a as usize] && seen[b as usize]).collect(),
            pairs,
        }
    }

    /// The pairs to score, links first.
    pub fn pairs(&self) -> &[(u32, u32)] {
        &self.pairs
    }

    /// The number of pairs of which both items have a training link.
    pub fn n_seen(&self) -> usize {
        self.is_seen.iter().filter(|&&is_seen| is_seen).count()
    }

    /// The metrics of one score a pair; higher means more likely a link. A pair of which a model knows nothing
    /// has no score and is below all others.
    ///
    /// # Errors
    /// If there is not one score a pair, or one is NaN.
    pub fn measure(&self, scores: &[Option<f32>]) -> Result<LinkMetrics> {
        let scores = or_lowest(scores);
        let all = Predictions::new(&scores, &self.is_link)?;
        let auc_of = |seen: bool| {
            let is_wanted = |at: &usize| self.is_seen[*at] == seen;
            let part: Vec<f32> = (0..scores.len()).filter(is_wanted).map(|at| scores[at]).collect();
            let labels: Vec<bool> = (0..scores.len()).filter(is_wanted).map(|at| self.is_link[at]).collect();
            Auc.measure(&Predictions::new(&part, &labels)?)
        };
        Ok(LinkMetrics {
            auc: Auc.measure(&all)?,
            auc_seen: auc_of(true)?,
            auc_unseen: auc_of(false)?,
            average_precision: AveragePrecision.measure(&all)?,
        })
    }

    /// Precision over recall of the same scores, thinned to what a plot can show; empty without links.
    ///
    /// # Errors
    /// As [`measure`](Self::measure).
    pub fn precision_recall(&self, scores: &[Option<f32>]) -> Result<Vec<PrecisionRecallPoint>> {
        let scores = or_lowest(scores);
        let predictions = Predictions::new(&scores, &self.is_link)?;
        Ok(precision_recall_curve(&predictions, N_POINTS).unwrap_or_default())
    }

    /// The cosine of the vectors of each pair; `None` where an item has none, or only zeros.
    ///
    /// # Shapes
    /// - `vectors`: `[n_items]`, each of the same size
    /// - output: one score a pair
    ///
    /// # Panics
    /// If an item is not among `vectors`.
    pub fn cosines(&self, vectors: &[Option<Vec<f32>>]) -> Vec<Option<f32>> {
        let norms: Vec<f32> = vectors
            .iter()
            .map(|vector| {
                vector.as_ref().map_or(0.0, |vector| vector.iter().map(|x| x * x).sum::<f32>().sqrt())
            })
            .collect();
        let cosine = |&(a, b): &(u32, u32)| {
            let (a, b) = (a as usize, b as usize);
            match (&vectors[a], &vectors[b]) {
                (Some(left), Some(right)) if norms[a] > 0.0 && norms[b] > 0.0 => {
                    let product: f32 = left.iter().zip(right).map(|(x, y)| x * y).sum();
                    Some(product / (norms[a] * norms[b]))
                }
                _ => None,
            }
        };
        self.pairs.iter().map(cosine).collect()
    }
}

/// Scores, the lowest there is for pairs without one.
fn or_lowest(scores: &[Option<f32>]) -> Vec<f32> {
    scores.iter().map(|score| score.unwrap_or(f32::NEG_INFINITY)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test() -> LinkTest {
        // Item 3 has no training link.
        let split = LinkSplit {
            train: vec![(0, 1), (1, 2)],
            test: vec![(0, 2), (2, 3)],
            train_negatives: Vec::new(),
            test_negatives: vec![(0, 3), (1, 4)],
        };
        LinkTest::new(&split, 5)
    }

    #[test]
    fn pairs_of_unseen_items_count_in_one_of_two() {
        let test = test();
        assert_eq!(test.pairs(), [(0, 2), (2, 3), (0, 3), (1, 4)]);
        assert_eq!(test.n_seen(), 1);
        let metrics = test.measure(&[0.9, 0.2, 0.5, 0.1].map(Some)).unwrap();
        // Of four pairs of a link and another one is in the wrong order.
        assert_eq!(metrics.auc, Some(0.75));
        assert_eq!(metrics.average_precision, Some(0.5 * 1.0 + 0.5 * (2.0 / 3.0)));
        assert_eq!(metrics.auc_seen, None, "there is no seen pair without a link");
        assert_eq!(metrics.auc_unseen, Some(0.5));
        let unknown = test.measure(&[Some(-7.0), None, None, None]).unwrap();
        assert_eq!((unknown.auc, unknown.auc_unseen), (Some(0.75), Some(0.5)));
        let curve = test.precision_recall(&[0.9, 0.2, 0.5, 0.1].map(Some)).unwrap();
        assert_eq!(curve.iter().map(|point| point.recall).collect::<Vec<_>>(), [0.5, 1.0]);
        assert!(test.measure(&[Some(0.9)]).is_err());
    }

    #[test]
    fn what_has_no_vector_scores_nothing() {
        let vectors =
            [Some(vec![3.0, 4.0]), None, Some(vec![0.0, 2.0]), Some(vec![-3.0, -4.0]), Some(vec![0.0; 2])];
        let cosines = test().cosines(&vectors);
        for (cosine, expected) in cosines.iter().zip([Some(0.8), Some(-0.8), Some(-1.0), None]) {
            let is_near = match (cosine, expected) {
                (Some(cosine), Some(expected)) => (cosine - expected).abs() < 1e-6,
                _ => *cosine == expected,
            };
            assert!(is_near, "{cosines:?}");
        }
    }
}
