use std::sync::Arc;

use rayon::prelude::*;

use super::auc::Area;
use super::ranked::{FromTies, Tie, key_f32, key_f64};
use super::{PointwiseMetric, Predictions, Scores};
use crate::mean::sum;
use crate::{Error, Result};

/// How much a group counts in [`GroupedAuc`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GroupWeight {
    /// As many times as it has rows (Zhou et al. 2018).
    #[default]
    Rows,
    /// As many times as it has positive rows, as in RecBole's `GAUC`.
    Positives,
}

/// AUC within each group of rows, as a rule each user's, averaged over the groups.
///
/// `GAUC = sum over groups of weight * AUC of its rows / sum of weights`; the weight is the number of rows, or
/// that of positives. Groups of one class have no AUC: they stay out, and
/// [`by_group`](Self::by_group) counts them. 0..1; undefined if no group holds both classes.
///
/// AUC over all rows also rewards telling active users from others, which no ranking of one user's items can
/// gain from; this does not.
///
/// Cost: O(n log n) time, and 12 bytes a row (`f64` scores: 24).
///
/// Source: Zhou et al., Deep Interest Network for click-through rate prediction, KDD 2018, section 6.2.
///
/// ```
/// use burn_recsys_metrics::pointwise::{GroupedAuc, PointwiseMetric, Predictions};
///
/// // User 7 is ranked rightly, user 3 half so, user 1 has no positives.
/// let predictions = Predictions::new(&[0.9, 0.1, 0.5, 0.5, 0.8], &[true, false, true, false, false])?;
/// let gauc = GroupedAuc::new([7, 7, 3, 3, 1]);
/// assert_eq!(gauc.measure(&predictions)?, Some((2.0 * 1.0 + 2.0 * 0.5) / 4.0));
/// assert_eq!(gauc.by_group(&predictions)?.n_one_class, 1);
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GroupedAuc {
    groups: Arc<[u32]>,
    weight: GroupWeight,
}

/// What [`GroupedAuc`] rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupedAucParts {
    /// The groups of both classes, ascending: group, AUC, weight.
    pub groups: Vec<(u32, f64, u64)>,
    /// Groups left out because all their rows are of one class.
    pub n_one_class: usize,
    /// The rows of those groups.
    pub n_rows_left_out: u64,
}

impl GroupedAucParts {
    /// The weighted mean; `None` if no group holds both classes.
    pub fn value(&self) -> Option<f64> {
        let total: u64 = self.groups.iter().map(|&(_, _, weight)| weight).sum();
        let weighted = self.groups.iter().map(|&(_, auc, weight)| auc * weight as f64);
        (total > 0).then(|| sum(weighted) / total as f64)
    }
}

impl GroupedAuc {
    /// `groups` holds the group of each row.
    pub fn new(groups: impl Into<Arc<[u32]>>) -> Self {
        Self { groups: groups.into(), weight: GroupWeight::default() }
    }

    /// Weighs groups by `weight`.
    pub fn with_weight(mut self, weight: GroupWeight) -> Self {
        self.weight = weight;
        self
    }

    /// AUC and weight of each group, and how many groups have none.
    ///
    /// # Errors
    /// If there are more or fewer groups than rows.
    pub fn by_group(&self, predictions: &Predictions<'_>) -> Result<GroupedAucParts> {
        let (n_rows, n_groups) = (predictions.n_rows(), self.groups.len());
        if n_rows != n_groups {
            let (left, right) = ("scores", "groups");
            return Err(Error::ColumnLength { left, n_left: n_rows, right, n_right: n_groups });
        }
        let labels = predictions.labels();
        Ok(match predictions.scores() {
            Scores::F32(scores) => self.parts(scores, labels, key_f32),
            Scores::F64(scores) => self.parts(scores, labels, key_f64),
        })
    }

    fn parts<S: Copy, K: Ord + Copy + Send>(
        &self,
        scores: &[S],
        labels: &[bool],
        key: fn(S) -> K,
    ) -> GroupedAucParts {
        let rows = self.groups.iter().zip(scores).zip(labels);
        let mut rows: Vec<(u32, K, bool)> =
            rows.map(|((&group, &score), &label)| (group, key(score), label)).collect();
        // Equal rows are alike, so an unstable sort gives one order.
        rows.par_sort_unstable();
        let mut parts = GroupedAucParts { groups: Vec::new(), n_one_class: 0, n_rows_left_out: 0 };
        for group in rows.chunk_by(|left, right| left.0 == right.0) {
            let mut area = Area::default();
            for tied in group.chunk_by(|left, right| left.1 == right.1).rev() {
                let positives = tied.iter().filter(|row| row.2).count() as u64;
                area.add(Tie { positives, negatives: tied.len() as u64 - positives });
            }
            let weight = match self.weight {
                GroupWeight::Rows => group.len() as u64,
                GroupWeight::Positives => area.n_positives,
            };
            match area.value() {
                Some(auc) => parts.groups.push((group[0].0, auc, weight)),
                None => {
                    parts.n_one_class += 1;
                    parts.n_rows_left_out += group.len() as u64;
                }
            }
        }
        parts
    }
}

impl PointwiseMetric for GroupedAuc {
    fn label(&self) -> String {
        match self.weight {
            GroupWeight::Rows => "GAUC".to_owned(),
            GroupWeight::Positives => "GAUC(positives)".to_owned(),
        }
    }

    /// As the trait says.
    ///
    /// # Errors
    /// If there are more or fewer groups than rows.
    fn measure(&self, predictions: &Predictions<'_>) -> Result<Option<f64>> {
        Ok(self.by_group(predictions)?.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_count_by_their_rows_or_their_positives() {
        // Group 5: 3 rows, 2 positives, one of two pairs won. Group 9: 2 rows, 1 positive, won.
        let scores = [0.9, 0.2, 0.5, 0.4, 0.3_f32];
        let labels = [true, true, false, true, false];
        let predictions = Predictions::new(&scores, &labels).unwrap();
        let gauc = GroupedAuc::new([5, 5, 5, 9, 9]);
        assert_eq!(gauc.measure(&predictions), Ok(Some((3.0 * 0.5 + 2.0 * 1.0) / 5.0)));
        let gauc = gauc.with_weight(GroupWeight::Positives);
        assert_eq!(gauc.measure(&predictions), Ok(Some((2.0 * 0.5 + 1.0 * 1.0) / 3.0)));
        assert_eq!(gauc.label(), "GAUC(positives)");
    }

    #[test]
    fn groups_of_one_class_are_counted_and_left_out() {
        let predictions = Predictions::new(&[0.9, 0.2, 0.5], &[true, true, false]).unwrap();
        let parts = GroupedAuc::new([2, 2, 1]).by_group(&predictions).unwrap();
        assert_eq!(parts, GroupedAucParts { groups: vec![], n_one_class: 2, n_rows_left_out: 3 });
        assert_eq!(parts.value(), None);
    }

    #[test]
    fn a_row_without_a_group_is_refused() {
        let predictions = Predictions::new(&[0.9, 0.2], &[true, false]).unwrap();
        let error = GroupedAuc::new([2]).measure(&predictions).unwrap_err();
        assert_eq!(error.to_string(), "2 scores but 1 groups; each row needs both");
    }
}
