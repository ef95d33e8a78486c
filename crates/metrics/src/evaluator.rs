use std::sync::Arc;

use rayon::prelude::*;

use crate::catalogue::{CatalogueMetric, Exposure};
use crate::ranking::{JudgedList, RankingMetric};
use crate::report::{RankingReport, Summary, UserColumn};
use crate::{Error, Result};

/// Users per task. Large enough that a task outweighs its start, small enough to balance the load.
const USERS_PER_TASK: usize = 1024;

/// One user's recommendations and what was relevant to that user.
#[derive(Debug, Clone, Copy)]
pub struct UserList<'a> {
    /// The user's index.
    pub user: u32,
    /// Item indices, best first; of any length, empty where nothing was recommended.
    pub recommended: &'a [u32],
    /// Item indices, strictly ascending; empty where nothing is known to be relevant.
    pub relevant: &'a [u32],
}

/// Collects the values of ranking metrics, user by user, in any order.
///
/// To share work among threads [`fork`](Self::fork) it, observe different users in each fork and
/// [`merge`](Self::merge) them, or hand many users at once to [`observe_all`](Self::observe_all).
/// The report has the same bits whatever the order and the number of threads.
///
/// Memory: 8 bytes per user and metric plus 4 per user, and one [`Exposure`] per
/// [`with_catalogue`](Self::with_catalogue); [`finish`](Self::finish) needs 16 bytes per user more
/// unless the users came in ascending order.
#[derive(Debug)]
pub struct RankingEvaluator {
    metrics: Arc<[Box<dyn RankingMetric>]>,
    labels: Arc<[String]>,
    catalogues: Vec<CatalogueColumns>,
    users: Vec<u32>,
    /// One column per metric, one row per user in `users`; NaN stands for undefined.
    columns: Vec<Vec<f64>>,
}

#[derive(Debug)]
struct CatalogueColumns {
    metrics: Arc<[Box<dyn CatalogueMetric>]>,
    exposure: Exposure,
}

impl RankingEvaluator {
    /// An evaluator that measures `metrics` for each user.
    ///
    /// # Errors
    /// If two metrics carry the same label.
    pub fn new(metrics: Vec<Box<dyn RankingMetric>>) -> Result<Self> {
        let labels: Vec<String> = metrics.iter().map(|metric| metric.label()).collect();
        let columns = vec![Vec::new(); metrics.len()];
        let metrics = metrics.into();
        let mut evaluator =
            Self { metrics, labels: Arc::new([]), catalogues: Vec::new(), users: Vec::new(), columns };
        evaluator.add_labels(labels)?;
        Ok(evaluator)
    }

    /// Adds metrics of the ranks 1 to `k` of all lists together, over the catalogue `items` (those
    /// that could have been recommended, as a rule the items of the training part).
    ///
    /// # Errors
    /// If `k` is 0, a label is taken, or users have been observed already.
    pub fn with_catalogue(
        mut self,
        k: usize,
        items: impl IntoIterator<Item = u32>,
        metrics: Vec<Box<dyn CatalogueMetric>>,
    ) -> Result<Self> {
        if !self.users.is_empty() {
            let message = format!("{} users were observed before; add it first", self.users.len());
            return Err(Error::Parameter { parameter: "catalogue", message });
        }
        let exposure = Exposure::new(k, items)?;
        self.add_labels(metrics.iter().map(|metric| metric.label(k)).collect())?;
        self.catalogues.push(CatalogueColumns { metrics: metrics.into(), exposure });
        Ok(self)
    }

    fn add_labels(&mut self, added: Vec<String>) -> Result<()> {
        let mut labels = self.labels.to_vec();
        for label in added {
            if labels.contains(&label) {
                return Err(Error::DuplicateLabel { label });
            }
            labels.push(label);
        }
        self.labels = labels.into();
        Ok(())
    }

    /// Measures one user.
    ///
    /// A user who has relevant items but got no recommendation belongs to the mean and counts 0:
    /// observe such users with an empty list. A user without relevant items is undefined, stays out of
    /// the mean, is counted in [`Summary::n_undefined`], and adds to the exposure of the catalogue.
    ///
    /// # Errors
    /// If an item is recommended twice, `relevant` is not strictly ascending, or a metric gives NaN.
    /// The message names the user, and nothing is recorded.
    pub fn observe(&mut self, user: u32, recommended: &[u32], relevant: &[u32]) -> Result<()> {
        let list = UserList { user, recommended, relevant };
        let row = self.measure(&list)?;
        self.record(&list, &row);
        Ok(())
    }

    /// Measures many users on all threads of the current rayon pool.
    ///
    /// # Errors
    /// As [`observe`](Self::observe), for the first faulty list in the order given; then none of
    /// `lists` is recorded.
    pub fn observe_all(&mut self, lists: &[UserList<'_>]) -> Result<()> {
        let measure_task = |task: &[UserList<'_>]| -> Result<Vec<Vec<f64>>> {
            let mut columns = vec![Vec::with_capacity(task.len()); self.metrics.len()];
            for list in task {
                let row = self.measure(list)?;
                columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
            }
            Ok(columns)
        };
        // Collected one by one: collecting into a `Result` would return whichever error came first
        // in time.
        let tasks: Vec<Result<Vec<Vec<f64>>>> = lists.par_chunks(USERS_PER_TASK).map(measure_task).collect();
        for columns in tasks.into_iter().collect::<Result<Vec<_>>>()? {
            self.columns.iter_mut().zip(columns).for_each(|(all, part)| all.extend(part));
        }
        for list in lists {
            self.users.push(list.user);
            self.expose(list.recommended);
        }
        Ok(())
    }

    /// An evaluator of the same metrics that has observed no one.
    pub fn fork(&self) -> Self {
        let fork_catalogue = |catalogue: &CatalogueColumns| CatalogueColumns {
            metrics: Arc::clone(&catalogue.metrics),
            exposure: catalogue.exposure.fork(),
        };
        Self {
            metrics: Arc::clone(&self.metrics),
            labels: Arc::clone(&self.labels),
            catalogues: self.catalogues.iter().map(fork_catalogue).collect(),
            users: Vec::new(),
            columns: vec![Vec::new(); self.columns.len()],
        }
    }

    /// Takes over what `other` observed.
    ///
    /// # Errors
    /// If `other` measures other metrics, ranks or catalogues.
    pub fn merge(mut self, other: Self) -> Result<Self> {
        if self.labels != other.labels {
            let (left, right) = (self.labels.join(", "), other.labels.join(", "));
            return Err(Error::Merge { what: "metrics", left, right });
        }
        for (catalogue, more) in self.catalogues.iter_mut().zip(&other.catalogues) {
            catalogue.exposure.merge(&more.exposure)?;
        }
        self.users.extend(other.users);
        self.columns.iter_mut().zip(other.columns).for_each(|(column, more)| column.extend(more));
        Ok(self)
    }

    /// Averages over the users, in the order of their indices.
    ///
    /// # Errors
    /// If a user was observed more than once, or a catalogue metric gives NaN.
    pub fn finish(mut self) -> Result<RankingReport> {
        let order = order_of_users(&self.users)?;
        if !order.is_empty() {
            self.users = order.iter().map(|&row| self.users[row]).collect();
            for column in &mut self.columns {
                *column = order.iter().map(|&row| column[row]).collect();
            }
        }
        let labelled = self.labels.iter().zip(self.columns);
        let columns = labelled.map(|(label, values)| UserColumn::new(label.clone(), values)).collect();
        let mut of_catalogue = Vec::new();
        for CatalogueColumns { metrics, exposure } in &self.catalogues {
            for metric in metrics.iter() {
                let label = metric.label(exposure.k());
                let value = metric.measure(exposure);
                if value.is_some_and(f64::is_nan) {
                    return Err(Error::NanValue { label });
                }
                of_catalogue.push(Summary { label, value, n_undefined: 0 });
            }
        }
        Ok(RankingReport::new(self.users, columns, of_catalogue))
    }

    fn measure(&self, list: &UserList<'_>) -> Result<Vec<f64>> {
        let of_user = |error| Error::User { user: list.user, source: Box::new(error) };
        let judged = JudgedList::new(list.recommended, list.relevant).map_err(of_user)?;
        let value = |metric: &dyn RankingMetric| match metric.measure(&judged) {
            Some(value) if value.is_nan() => Err(of_user(Error::NanValue { label: metric.label() })),
            value => Ok(value.unwrap_or(f64::NAN)),
        };
        self.metrics.iter().map(|metric| value(metric.as_ref())).collect()
    }

    fn record(&mut self, list: &UserList<'_>, row: &[f64]) {
        self.users.push(list.user);
        self.columns.iter_mut().zip(row).for_each(|(column, &value)| column.push(value));
        self.expose(list.recommended);
    }

    fn expose(&mut self, recommended: &[u32]) {
        for catalogue in &mut self.catalogues {
            catalogue.exposure.observe(recommended);
        }
    }
}

/// The rows in ascending order of users; empty if they ascend already.
fn order_of_users(users: &[u32]) -> Result<Vec<usize>> {
    if users.is_sorted_by(|left, right| left < right) {
        return Ok(Vec::new());
    }
    let mut order: Vec<usize> = (0..users.len()).collect();
    order.sort_unstable_by_key(|&row| users[row]);
    let repeated = order.windows(2).find(|pair| users[pair[0]] == users[pair[1]]);
    if let Some(pair) = repeated {
        let user = users[pair[0]];
        let times = users.iter().filter(|&&other| other == user).count();
        return Err(Error::DuplicateUser { user, times });
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Coverage;
    use crate::ranking::{HitRate, Recall};

    fn recall_and_coverage() -> RankingEvaluator {
        RankingEvaluator::new(vec![Box::new(Recall::new(2).unwrap())])
            .unwrap()
            .with_catalogue(2, 0..4, vec![Box::new(Coverage)])
            .unwrap()
    }

    #[test]
    fn users_without_recommendations_count_and_users_without_truth_do_not() {
        let mut evaluator = recall_and_coverage();
        evaluator.observe(3, &[0, 1], &[1]).unwrap();
        evaluator.observe(1, &[], &[2]).unwrap();
        evaluator.observe(2, &[0, 2], &[]).unwrap();
        let report = evaluator.finish().unwrap();
        let recall = report.summary("Recall@2").unwrap();
        assert_eq!((recall.value, recall.n_undefined), (Some((1.0 + 0.0) / 2.0), 1));
        assert_eq!(report.summary("Coverage@2").unwrap().value, Some(3.0 / 4.0));
        let per_user: Vec<_> = report.per_user("Recall@2").unwrap().collect();
        assert_eq!(per_user, [(1, Some(0.0)), (2, None), (3, Some(1.0))]);
    }

    #[test]
    fn nobody_observed_means_undefined() {
        let report = recall_and_coverage().finish().unwrap();
        assert_eq!(report.n_users(), 0);
        assert_eq!(report.summary("Recall@2").unwrap().value, None);
        assert_eq!(report.summary("Coverage@2").unwrap().value, Some(0.0));
    }

    #[test]
    fn a_faulty_list_is_refused_by_user_and_not_recorded() {
        let mut evaluator = recall_and_coverage();
        let message = evaluator.observe(17, &[5, 2, 5], &[]).unwrap_err().to_string();
        assert!(message.starts_with("user 17: item 5 is recommended at ranks 1 and 3"), "{message}");
        let good = UserList { user: 0, recommended: &[1], relevant: &[1] };
        let unsorted = UserList { user: 1, recommended: &[], relevant: &[2, 1] };
        let repeated = UserList { user: 2, recommended: &[1, 1], relevant: &[] };
        let error = evaluator.observe_all(&[good, unsorted, repeated]).unwrap_err();
        assert!(matches!(error, Error::User { user: 1, .. }), "{error}");
        let report = evaluator.finish().unwrap();
        assert_eq!(report.n_users(), 0);
        assert_eq!(report.summary("Coverage@2").unwrap().value, Some(0.0));
    }

    #[test]
    fn the_first_faulty_list_is_named_whatever_the_threads() {
        let bad: Vec<u32> = vec![1, 1];
        let mut evaluator = recall_and_coverage();
        let lists: Vec<UserList<'_>> = (0..5_000)
            .map(|user| UserList { user, recommended: if user >= 1_500 { &bad } else { &[] }, relevant: &[] })
            .collect();
        for _ in 0..10 {
            let error = evaluator.observe_all(&lists).unwrap_err();
            assert!(matches!(error, Error::User { user: 1_500, .. }), "{error}");
        }
    }

    #[test]
    fn a_user_is_observed_once() {
        let mut evaluator = recall_and_coverage();
        for user in [4, 9, 4, 4] {
            evaluator.observe(user, &[1], &[1]).unwrap();
        }
        assert_eq!(evaluator.finish().unwrap_err(), Error::DuplicateUser { user: 4, times: 3 });
        let mut adjacent = recall_and_coverage();
        adjacent.observe(4, &[1], &[1]).unwrap();
        adjacent.observe(4, &[1], &[1]).unwrap();
        assert_eq!(adjacent.finish().unwrap_err(), Error::DuplicateUser { user: 4, times: 2 });
    }

    #[test]
    fn labels_are_unique() {
        let recall = || Box::new(Recall::new(2).unwrap());
        let error = RankingEvaluator::new(vec![recall(), recall()]).unwrap_err();
        assert_eq!(error, Error::DuplicateLabel { label: "Recall@2".to_owned() });
        let again = recall_and_coverage().with_catalogue(2, 0..9, vec![Box::new(Coverage)]);
        assert_eq!(again.unwrap_err(), Error::DuplicateLabel { label: "Coverage@2".to_owned() });
        assert!(recall_and_coverage().with_catalogue(3, 0..9, vec![Box::new(Coverage)]).is_ok());
    }

    #[test]
    fn a_catalogue_cannot_join_late() {
        let mut evaluator = recall_and_coverage();
        evaluator.observe(0, &[1], &[1]).unwrap();
        let error = evaluator.with_catalogue(5, 0..9, vec![Box::new(Coverage)]).unwrap_err();
        assert!(error.to_string().starts_with("catalogue: 1 users were observed before"), "{error}");
    }

    #[test]
    fn only_alike_evaluators_merge() {
        let hit_rate = RankingEvaluator::new(vec![Box::new(HitRate::new(2).unwrap())]).unwrap();
        let error = recall_and_coverage().merge(hit_rate).unwrap_err();
        assert!(error.to_string().contains("(Recall@2, Coverage@2 and HitRate@2)"), "{error}");
    }

    #[derive(Debug)]
    struct Broken;

    impl RankingMetric for Broken {
        fn label(&self) -> String {
            "Broken".to_owned()
        }

        fn measure(&self, _: &JudgedList<'_>) -> Option<f64> {
            Some(f64::NAN)
        }
    }

    impl CatalogueMetric for Broken {
        fn label(&self, k: usize) -> String {
            format!("Broken@{k}")
        }

        fn measure(&self, _: &Exposure) -> Option<f64> {
            Some(f64::NAN)
        }
    }

    #[test]
    fn a_metric_that_gives_nan_is_refused_by_name() {
        let mut evaluator = RankingEvaluator::new(vec![Box::new(Broken)]).unwrap();
        let message = evaluator.observe(6, &[], &[]).unwrap_err().to_string();
        assert!(message.starts_with("user 6: Broken measured NaN"), "{message}");
        let evaluator = RankingEvaluator::new(Vec::new()).unwrap();
        let evaluator = evaluator.with_catalogue(1, 0..3, vec![Box::new(Broken)]).unwrap();
        assert_eq!(evaluator.finish().unwrap_err(), Error::NanValue { label: "Broken@1".to_owned() });
    }
}
