use crate::mean::mean;
use crate::{Error, Result};

/// One metric over all users.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The metric's name: `NDCG@10`.
    pub label: String,
    /// The mean over the users for whom the metric is defined, or the value of a catalogue metric;
    /// `None` if it is defined for no one.
    pub value: Option<f64>,
    /// Observed users for whom the metric is undefined and who are not in the mean; 0 for a catalogue
    /// metric.
    pub n_undefined: usize,
}

/// What a [`RankingEvaluator`](crate::RankingEvaluator) measured: per user and on average.
#[derive(Debug, Clone)]
pub struct RankingReport {
    users: Vec<u32>,
    columns: Vec<UserColumn>,
    summaries: Vec<Summary>,
}

/// The values of one metric; NaN stands for undefined.
#[derive(Debug, Clone)]
pub(crate) struct UserColumn {
    label: String,
    values: Vec<f64>,
}

impl UserColumn {
    pub(crate) fn new(label: String, values: Vec<f64>) -> Self {
        Self { label, values }
    }

    fn summary(&self) -> Summary {
        let defined = || self.values.iter().copied().filter(|value| !value.is_nan());
        let n_undefined = self.values.len() - defined().count();
        Summary { label: self.label.clone(), value: mean(defined()), n_undefined }
    }
}

impl RankingReport {
    /// The columns' rows stand for `users`, ascending.
    pub(crate) fn new(users: Vec<u32>, columns: Vec<UserColumn>, of_catalogue: Vec<Summary>) -> Self {
        let summaries = columns.iter().map(UserColumn::summary).chain(of_catalogue).collect();
        Self { users, columns, summaries }
    }

    /// The number of users observed, with or without relevant items.
    pub fn n_users(&self) -> usize {
        self.users.len()
    }

    /// Every metric, in the order in which the evaluator was given them.
    pub fn summaries(&self) -> &[Summary] {
        &self.summaries
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
        let found = self.columns.iter().find(|column| column.label == label);
        let column = found.ok_or_else(|| unknown(label, self.columns.iter().map(|column| &column.label)))?;
        let values = column.values.iter().map(|&value| (!value.is_nan()).then_some(value));
        Ok(self.users.iter().copied().zip(values))
    }
}

fn unknown<'a>(label: &str, known: impl Iterator<Item = &'a String>) -> Error {
    let known: Vec<&str> = known.map(String::as_str).collect();
    Error::UnknownLabel { label: label.to_owned(), known: known.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> RankingReport {
        let columns = vec![
            UserColumn::new("A@1".to_owned(), vec![0.25, f64::NAN, 0.75]),
            UserColumn::new("B@1".to_owned(), vec![f64::NAN; 3]),
        ];
        let coverage = Summary { label: "C@1".to_owned(), value: Some(0.125), n_undefined: 0 };
        RankingReport::new(vec![2, 5, 8], columns, vec![coverage])
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
    fn an_unknown_label_lists_the_known_ones() {
        let report = report();
        let message = report.summary("a@1").unwrap_err().to_string();
        assert_eq!(message, "there is no metric a@1; measured were: A@1, B@1, C@1");
        let message = report.per_user("C@1").map(|_| ()).unwrap_err().to_string();
        assert_eq!(message, "there is no metric C@1; measured were: A@1, B@1");
    }
}
