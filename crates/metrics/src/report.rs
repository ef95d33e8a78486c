use rayon::prelude::*;

use crate::candidates::Warning;
use crate::column::{Column, Moments};
use crate::statistics::{Bootstrap, Confidence, Interval, PairedComparison};
use crate::{Error, Result};

/// One metric over all users, or over those of a slice.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// The metric's name: `NDCG@10`.
    pub label: String,
    /// The mean over the users for whom the metric is defined, or the value of a catalogue metric;
    /// `None` if it is defined for no one.
    pub value: Option<f64>,
    /// The median over the same users; `None` for a catalogue metric.
    pub median: Option<f64>,
    /// The standard error of the mean over the same users; `None` with fewer than two of them and for a
    /// catalogue metric.
    pub standard_error: Option<f64>,
    /// Users in the mean; 0 for a catalogue metric.
    pub n_defined: usize,
    /// Observed users for whom the metric is undefined and who are not in the mean; 0 for a catalogue
    /// metric.
    pub n_undefined: usize,
}

impl Summary {
    fn of(label: &str, moments: Moments) -> Self {
        let Moments { mean, median, standard_error, n_defined, n_undefined } = moments;
        Summary { label: label.to_owned(), value: mean, median, standard_error, n_defined, n_undefined }
    }

    /// Of all lists together.
    pub(crate) fn of_catalogue(label: String, value: Option<f64>) -> Self {
        Summary { label, value, median: None, standard_error: None, n_defined: 0, n_undefined: 0 }
    }

    /// The interval of the mean by the normal distribution, which many users allow; `None` where there is no
    /// standard error.
    pub fn normal_interval(&self, confidence: Confidence) -> Option<Interval> {
        Some(Interval::around(self.value?, confidence.normal_quantile() * self.standard_error?))
    }
}

/// What a slice divides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SliceOf {
    /// The means are over the users of the slice.
    Users,
    /// Only the relevant items of the slice count as relevant; the means are over the users who have such.
    Items,
}

/// The metrics of one slice of users or items.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SliceReport {
    /// Whether users or items are divided.
    pub of: SliceOf,
    /// The name of the [`Grouping`](crate::Grouping).
    pub grouping: String,
    /// The name of the slice.
    pub slice: String,
    /// Observed users of the slice, or users with relevant items of it.
    pub n_users: usize,
    /// The metrics of lists, in the order in which the evaluator was given them; of a slice of items only those
    /// that depend on what is relevant.
    pub summaries: Vec<Summary>,
}

/// What a [`RankingEvaluator`](crate::RankingEvaluator) measured: per user and on average.
#[derive(Debug, Clone)]
pub struct RankingReport {
    users: Vec<u32>,
    columns: Vec<UserColumn>,
    summaries: Vec<Summary>,
    slices: Vec<SliceReport>,
    warnings: Vec<Warning>,
}

/// The values of one metric.
#[derive(Debug, Clone)]
pub(crate) struct UserColumn {
    pub(crate) label: String,
    pub(crate) values: Column,
}

impl UserColumn {
    pub(crate) fn new(label: String, values: Column) -> Self {
        Self { label, values }
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary::of(&self.label, self.values.moments())
    }

    /// Of some rows alone.
    pub(crate) fn summary_of(&self, rows: &[usize]) -> Summary {
        let values = rows.iter().map(|&row| self.values.get(row).unwrap_or(f64::NAN));
        Summary::of(&self.label, Moments::of(values))
    }
}

impl RankingReport {
    /// The columns' rows stand for `users`, ascending.
    pub(crate) fn new(
        users: Vec<u32>,
        columns: Vec<UserColumn>,
        of_catalogue: Vec<Summary>,
        slices: Vec<SliceReport>,
        warnings: Vec<Warning>,
    ) -> Self {
        let summaries = columns.par_iter().map(UserColumn::summary).collect::<Vec<_>>();
        let summaries = summaries.into_iter().chain(of_catalogue).collect();
        Self { users, columns, summaries, slices, warnings }
    }

    /// The number of users observed, with or without relevant items.
    pub fn n_users(&self) -> usize {
        self.users.len()
    }

    /// Every metric, in the order in which the evaluator was given them.
    pub fn summaries(&self) -> &[Summary] {
        &self.summaries
    }

    /// The metrics of every slice, grouping by grouping.
    pub fn slices(&self) -> &[SliceReport] {
        &self.slices
    }

    /// What a reader must know besides the numbers.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The metric that is called `label`, such as `NDCG@10`.
    ///
    /// # Errors
    /// If it was not measured; the message lists what was.
    pub fn summary(&self, label: &str) -> Result<&Summary> {
        let found = self.summaries.iter().find(|summary| summary.label == label);
        found.ok_or_else(|| unknown(label, self.summaries.iter().map(|summary| &summary.label)))
    }

    /// The users in ascending order, each with the metric called `label`; `None` where it is
    /// undefined.
    ///
    /// # Errors
    /// If it was not measured, or not per user as with a catalogue metric; the message lists what was.
    pub fn per_user(&self, label: &str) -> Result<impl ExactSizeIterator<Item = (u32, Option<f64>)>> {
        let values = self.column(label)?.iter().map(|value| (!value.is_nan()).then_some(value));
        Ok(self.users.iter().copied().zip(values))
    }

    /// The interval of the mean by drawing users anew; `None` if the metric is defined for no one.
    ///
    /// # Errors
    /// As [`per_user`](Self::per_user).
    pub fn bootstrap_interval(&self, label: &str, bootstrap: &Bootstrap) -> Result<Option<Interval>> {
        Ok(bootstrap.intervals(self.n_users(), &[self.column(label)?]).pop().flatten())
    }

    /// [`bootstrap_interval`](Self::bootstrap_interval) of each of [`summaries`](Self::summaries), in their order,
    /// `None` for a metric of the catalogue; users are drawn once for all.
    pub fn bootstrap_intervals(&self, bootstrap: &Bootstrap) -> Vec<Option<Interval>> {
        let columns: Vec<&Column> = self.columns.iter().map(|column| &column.values).collect();
        let mut intervals = bootstrap.intervals(self.n_users(), &columns);
        intervals.resize(self.summaries.len(), None);
        intervals
    }

    /// This model and `other` by the users of both for whom the metric called `label` is defined. The difference
    /// is `other` minus this.
    ///
    /// # Errors
    /// If one of them has no metric of that name for each user.
    pub fn compare(&self, other: &Self, label: &str, bootstrap: &Bootstrap) -> Result<PairedComparison> {
        other.column(label)?;
        let found = self.compare_columns(other, &[(label, self.column(label)?)], bootstrap)?;
        found.into_iter().next().map(|(_, comparison)| comparison).ok_or_else(|| unknown(label, [].iter()))
    }

    /// [`compare`](Self::compare) by every metric that both have for each user, in the order of this report; users
    /// are drawn once for all.
    ///
    /// # Errors
    /// None at present.
    pub fn compare_all(
        &self,
        other: &Self,
        bootstrap: &Bootstrap,
    ) -> Result<Vec<(String, PairedComparison)>> {
        let of_both = self.columns.iter().filter(|column| other.column(&column.label).is_ok());
        let columns: Vec<_> = of_both.map(|column| (column.label.as_str(), &column.values)).collect();
        self.compare_columns(other, &columns, bootstrap)
    }

    fn compare_columns(
        &self,
        other: &Self,
        columns: &[(&str, &Column)],
        bootstrap: &Bootstrap,
    ) -> Result<Vec<(String, PairedComparison)>> {
        let mut rows = Vec::new();
        let mut position = 0;
        for (row, &user) in self.users.iter().enumerate() {
            position += other.users[position..].iter().take_while(|&&other| other < user).count();
            if other.users.get(position) == Some(&user) {
                rows.push((row, position));
            }
        }
        let values = |&(label, of_self): &(&str, &Column)| -> Result<Pairs> {
            let of_other = other.column(label)?;
            let value = |column: &Column, row| column.get(row).unwrap_or(f64::NAN);
            Ok(rows.iter().map(|&(row, position)| (value(of_self, row), value(of_other, position))).collect())
        };
        let differences = columns.iter().map(|column| {
            Ok(values(column)?.iter().map(|(first, second)| second - first).collect::<Column>())
        });
        let differences = differences.collect::<Result<Vec<Column>>>()?;
        let resamples = bootstrap.means_of_columns(rows.len(), &differences.iter().collect::<Vec<_>>());
        let compare = |(column, resamples): (&(&str, &Column), Vec<f64>)| {
            let is_defined = |(first, second): &(f64, f64)| !first.is_nan() && !second.is_nan();
            let (first, second) =
                values(column)?.into_iter().filter(is_defined).unzip::<_, _, Vec<_>, Vec<_>>();
            let comparison =
                PairedComparison::by_resamples(&first, &second, resamples, bootstrap.confidence())?;
            Ok((column.0.to_owned(), comparison))
        };
        columns.iter().zip(resamples).map(compare).collect()
    }

    fn column(&self, label: &str) -> Result<&Column> {
        let found = self.columns.iter().find(|column| column.label == label);
        let column = found.ok_or_else(|| unknown(label, self.columns.iter().map(|column| &column.label)))?;
        Ok(&column.values)
    }
}

/// The values of two models for the same users.
type Pairs = Vec<(f64, f64)>;

fn unknown<'a>(label: &str, known: impl Iterator<Item = &'a String>) -> Error {
    let known: Vec<&str> = known.map(String::as_str).collect();
    Error::UnknownLabel { label: label.to_owned(), known: known.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> RankingReport {
        let columns = vec![
            UserColumn::new("A@1".to_owned(), [0.25, f64::NAN, 0.75].into_iter().collect()),
            UserColumn::new("B@1".to_owned(), [f64::NAN; 3].into_iter().collect()),
        ];
        let coverage = Summary::of_catalogue("C@1".to_owned(), Some(0.125));
        RankingReport::new(vec![2, 5, 8], columns, vec![coverage], Vec::new(), Vec::new())
    }

    #[test]
    fn undefined_users_are_left_out_and_counted() {
        let expected = [("A@1", Some((0.25 + 0.75) / 2.0), 1), ("B@1", None, 3), ("C@1", Some(0.125), 0)];
        let report = report();
        let found: Vec<_> =
            report.summaries().iter().map(|s| (s.label.as_str(), s.value, s.n_undefined)).collect();
        assert_eq!(found, expected);
        let users: Vec<_> = report.per_user("A@1").unwrap().collect();
        assert_eq!(users, [(2, Some(0.25)), (5, None), (8, Some(0.75))]);
    }

    #[test]
    fn means_carry_their_uncertainty() {
        let report = report();
        let summary = report.summary("A@1").unwrap();
        assert_eq!((summary.median, summary.n_defined), (Some(0.5), 2));
        // The deviation of 0.25 and 0.75 is sqrt(0.125), over sqrt(2).
        assert!((summary.standard_error.unwrap() - 0.25).abs() < 1e-15);
        let interval = summary.normal_interval(Confidence::default()).unwrap();
        assert!((interval.upper - (0.5 + 0.25 * 1.959_963_984_540_054)).abs() < 1e-12);
        assert_eq!(report.summary("C@1").unwrap().normal_interval(Confidence::default()), None);
        let bootstrap = Bootstrap::new(100, 1).unwrap();
        let interval = report.bootstrap_interval("A@1", &bootstrap).unwrap().unwrap();
        assert_eq!((interval.lower, interval.upper), (0.25, 0.75));
        assert_eq!(report.bootstrap_interval("B@1", &bootstrap).unwrap(), None);
    }

    #[test]
    fn models_are_compared_by_the_users_of_both() {
        let other = UserColumn::new("A@1".to_owned(), [0.9, 0.5, 1.0, 0.1, f64::NAN].into_iter().collect());
        let other = RankingReport::new(vec![1, 2, 5, 7, 8], vec![other], Vec::new(), Vec::new(), Vec::new());
        let bootstrap = Bootstrap::new(10, 1).unwrap();
        let comparison = report().compare(&other, "A@1", &bootstrap).unwrap();
        assert_eq!((comparison.n_users, comparison.difference), (1, Some(0.25)));
        let comparison = other.compare(&report(), "A@1", &bootstrap).unwrap();
        assert_eq!((comparison.n_users, comparison.difference), (1, Some(-0.25)));
        assert!(report().compare(&other, "B@1", &bootstrap).is_err());
    }

    #[test]
    fn an_unknown_label_lists_the_known_ones() {
        let report = report();
        let message = report.summary("a@1").unwrap_err().to_string();
        assert_eq!(message, "there is no metric a@1; measured were: A@1, B@1, C@1");
        let message = report.per_user("C@1").map(|_| ()).unwrap_err().to_string();
        assert_eq!(message, "there is no metric C@1; measured were: A@1, B@1");
    }
}
