//! How good estimates are, over all rows and slice by slice.

use std::collections::BTreeMap;

use burn_recsys_metrics::RankingEvaluator;
use burn_recsys_metrics::pointwise::{Auc, ExpectedCalibrationError, LogLoss, PointwiseMetric, Predictions};
use burn_recsys_metrics::ranking::Ndcg;
use burn_recsys_models::UserValue;
use serde::{Deserialize, Serialize};

use super::rows::{Slices, StudyRows, TASKS};
use crate::Result;

/// The length of the lists whose order is measured.
const K: usize = 10;

/// What was measured on the rows of a slice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SliceOutcome {
    /// The slice's name.
    pub slice: String,
    /// The number of rows.
    pub n_rows: usize,
    /// The number of users with a row.
    pub n_users: usize,
    /// Metrics by label; one that is undefined, such as the AUC of rows of one class, is absent.
    ///
    /// `AUC`, `LogLoss` and `ECE` are means over the tasks, the latter two of calibrated probabilities;
    /// `AUC liked` and so on are of one task. `NDCG@10` is of the value score over the user's own test rows,
    /// the liked ones being relevant; users whose rows are all liked or all not are left out.
    pub metrics: BTreeMap<String, f64>,
}

/// Measures `logits`, `[n_rows, n_tasks]`, of the test rows.
pub(super) fn measure(rows: &StudyRows, logits: &[f32], value: &UserValue) -> Result<Vec<SliceOutcome>> {
    let test = &rows.test;
    let probabilities = value.probabilities(logits)?;
    let lists = Lists::new(rows, &value.scores(logits)?);
    let mut outcomes = Vec::new();
    for (slice, name) in rows.slices.names().into_iter().enumerate() {
        let at: Vec<usize> = (0..test.n_rows())
            .filter(|&row| rows.slices.contains(slice, rows.test_users[row], test.item_ids()[row]))
            .collect();
        let mut metrics = BTreeMap::new();
        for metric in [&Auc as &dyn PointwiseMetric, &LogLoss, &ExpectedCalibrationError::default()] {
            let mut values = Vec::new();
            for (task, task_name) in TASKS.iter().enumerate() {
                let column = |values: &[f32]| -> Vec<f32> {
                    at.iter().map(|&row| values[row * TASKS.len() + task]).collect()
                };
                let labels: Vec<bool> = column(test.labels()).into_iter().map(|label| label == 1.0).collect();
                let scores = column(&probabilities);
                if let Some(value) = metric.measure(&Predictions::new(&scores, &labels)?)? {
                    values.push(value);
                    metrics.insert(format!("{} {task_name}", metric.label()), value);
                }
            }
            if values.len() == TASKS.len() {
                metrics.insert(metric.label(), values.iter().sum::<f64>() / values.len() as f64);
            }
        }
        if Slices::is_of_users(slice)
            && let Some(ndcg) = lists.ndcg(&rows.slices, slice)?
        {
            metrics.insert(format!("NDCG@{K}"), ndcg);
        }
        let mut users: Vec<u32> = at.iter().map(|&row| rows.test_users[row]).collect();
        users.sort_unstable();
        users.dedup();
        outcomes.push(SliceOutcome { slice: name, n_rows: at.len(), n_users: users.len(), metrics });
    }
    Ok(outcomes)
}

/// The test items of every user, best score first.
struct Lists(Vec<UserRows>);

struct UserRows {
    user: u32,
    ranked: Vec<u32>,
    liked: Vec<u32>,
}

impl Lists {
    fn new(rows: &StudyRows, scores: &[f32]) -> Self {
        let test = &rows.test;
        let mut order: Vec<usize> = (0..test.n_rows()).collect();
        let (users, items) = (&rows.test_users, test.item_ids());
        order.sort_by(|&a, &b| {
            users[a].cmp(&users[b]).then(scores[b].total_cmp(&scores[a])).then(items[a].cmp(&items[b]))
        });
        let lists = order.chunk_by(|&a, &b| users[a] == users[b]).map(|of_user| {
            let mut list = UserRows { user: users[of_user[0]], ranked: Vec::new(), liked: Vec::new() };
            for &row in of_user {
                let item = items[row] as u32;
                // A pair that is there twice counts at its better place.
                if list.ranked.contains(&item) {
                    continue;
                }
                list.ranked.push(item);
                if test.labels()[row * TASKS.len()] == 1.0 {
                    list.liked.push(item);
                }
            }
            list.liked.sort_unstable();
            list
        });
        Lists(lists.filter(|list| !list.liked.is_empty() && list.liked.len() < list.ranked.len()).collect())
    }

    /// The mean over the users of a slice; `None` without any.
    fn ndcg(&self, slices: &Slices, slice: usize) -> Result<Option<f64>> {
        let mut evaluator = RankingEvaluator::new(vec![Box::new(Ndcg::new(K)?)])?;
        let mut n_users = 0;
        for list in &self.0 {
            if slices.contains(slice, list.user, u64::from(list.ranked[0])) {
                evaluator.observe(list.user, &list.ranked, &list.liked)?;
                n_users += 1;
            }
        }
        if n_users == 0 {
            return Ok(None);
        }
        Ok(evaluator.finish()?.summaries().first().and_then(|summary| summary.value))
    }
}

#[cfg(test)]
mod tests;
