//! The values of one user: of the whole list, and of its relevant items slice by slice.

use super::UserList;
use crate::grouping::Grouping;
use crate::ranking::{JudgedList, RankingMetric};
use crate::report::{SliceOf, SliceReport, UserColumn};
use crate::{Error, Result};

/// What is measured of each user.
///
/// A row of values holds the metrics in their order, then, for each grouping of items and each of its slices,
/// those that depend on relevance. NaN stands for undefined.
#[derive(Debug, Clone)]
pub(super) struct Measures {
    metrics: std::sync::Arc<[Box<dyn RankingMetric>]>,
    of_relevance: Vec<usize>,
    pub(super) user_groupings: Vec<Grouping>,
    pub(super) item_groupings: Vec<Grouping>,
}

impl Measures {
    pub(super) fn new(metrics: Vec<Box<dyn RankingMetric>>) -> Self {
        let of_relevance = (0..metrics.len()).filter(|&metric| metrics[metric].uses_relevance()).collect();
        Self { metrics: metrics.into(), of_relevance, user_groupings: Vec::new(), item_groupings: Vec::new() }
    }

    pub(super) fn n_columns(&self) -> usize {
        let n_slices: usize = self.item_groupings.iter().map(|grouping| grouping.slices().len()).sum();
        self.metrics.len() + n_slices * self.of_relevance.len()
    }

    /// Adds the values of one user to the end of each column.
    pub(super) fn measure(&self, list: &UserList<'_>, columns: &mut [Vec<f64>]) -> Result<()> {
        let of_user = |error| Error::User { user: list.user, source: Box::new(error) };
        let mut judged =
            JudgedList::new(list.recommended, list.relevant).map_err(of_user)?.of_user(list.user);
        if let Some(grades) = list.grades {
            judged = judged.with_grades(grades).map_err(of_user)?;
        }
        let (of_lists, mut of_slices) = columns.split_at_mut(self.metrics.len());
        for (metric, column) in self.metrics.iter().zip(of_lists) {
            column.push(value(metric.as_ref(), &judged).map_err(of_user)?);
        }
        for grouping in &self.item_groupings {
            for slice in 0..grouping.slices().len() {
                let (of_slice, rest) = of_slices.split_at_mut(self.of_relevance.len());
                of_slices = rest;
                let is_of_slice = |item: u32| grouping.slice_of(item) == Some(slice);
                self.measure_slice(&judged, is_of_slice, of_slice).map_err(of_user)?;
            }
        }
        Ok(())
    }

    fn measure_slice(
        &self,
        judged: &JudgedList<'_>,
        is_of_slice: impl Fn(u32) -> bool,
        columns: &mut [Vec<f64>],
    ) -> Result<()> {
        let of_slice = || (0..).zip(judged.relevant()).filter(|&(_, &item)| is_of_slice(item));
        let relevant: Vec<u32> = of_slice().map(|(_, &item)| item).collect();
        if relevant.is_empty() {
            columns.iter_mut().for_each(|column| column.push(f64::NAN));
            return Ok(());
        }
        let grades: Option<Vec<f64>> = judged
            .grades()
            .map(|grades| of_slice().map(|(position, _): (usize, _)| grades[position]).collect());
        let judged = judged.judged_by(&relevant, grades.as_deref());
        for (&metric, column) in self.of_relevance.iter().zip(columns) {
            column.push(value(self.metrics[metric].as_ref(), &judged)?);
        }
        Ok(())
    }

    /// The reports of all slices; `columns` have one row for each of `users`.
    pub(super) fn slices(&self, users: &[u32], columns: &[UserColumn]) -> Vec<SliceReport> {
        let mut reports = Vec::new();
        let (of_lists, mut of_slices) = columns.split_at(self.metrics.len().min(columns.len()));
        for grouping in &self.user_groupings {
            for (slice, name) in grouping.slices().iter().enumerate() {
                let rows: Vec<usize> =
                    (0..users.len()).filter(|&row| grouping.slice_of(users[row]) == Some(slice)).collect();
                reports.push(SliceReport {
                    of: SliceOf::Users,
                    grouping: grouping.name().to_owned(),
                    slice: name.clone(),
                    n_users: rows.len(),
                    summaries: of_lists.iter().map(|column| column.summary_of(&rows)).collect(),
                });
            }
        }
        for grouping in &self.item_groupings {
            for name in grouping.slices() {
                let (of_slice, rest) = of_slices.split_at(self.of_relevance.len());
                of_slices = rest;
                let summaries: Vec<_> = of_slice.iter().map(UserColumn::summary).collect();
                reports.push(SliceReport {
                    of: SliceOf::Items,
                    grouping: grouping.name().to_owned(),
                    slice: name.clone(),
                    // A metric can be undefined for a user with relevant items; not all are.
                    n_users: summaries.iter().map(|summary| summary.n_defined).max().unwrap_or(0),
                    summaries,
                });
            }
        }
        reports
    }

    /// The labels of the columns after those of the metrics.
    pub(super) fn slice_labels(&self, labels: &[String]) -> Vec<String> {
        let n_slices: usize = self.item_groupings.iter().map(|grouping| grouping.slices().len()).sum();
        (0..n_slices).flat_map(|_| self.of_relevance.iter().map(|&metric| labels[metric].clone())).collect()
    }

    pub(super) fn n_metrics(&self) -> usize {
        self.metrics.len()
    }
}

fn value(metric: &dyn RankingMetric, list: &JudgedList<'_>) -> Result<f64> {
    match metric.measure(list) {
        Some(value) if value.is_nan() => Err(Error::NanValue { label: metric.label() }),
        value => Ok(value.unwrap_or(f64::NAN)),
    }
}
