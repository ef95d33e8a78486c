mod measures;

use std::sync::Arc;

use measures::Measures;
use rayon::prelude::*;

use crate::candidates::{SampledCandidates, Warning};
use crate::catalogue::{CatalogueMetric, Exposure};
use crate::column::Column;
use crate::grouping::Grouping;
use crate::lists::{Lists, Truth};
use crate::ranking::RankingMetric;
use crate::report::{RankingReport, Summary, UserColumn};
use crate::{Error, Result};

/// Users per task. Large enough that a task outweighs its start, small enough to balance the load.
const USERS_PER_TASK: usize = 512;
/// Users whose values are held twice at most.
const USERS_PER_BATCH: usize = 64 * USERS_PER_TASK;

/// One user's recommendations and what was relevant to that user.
#[derive(Debug, Clone, Copy)]
pub struct UserList<'a> {
    /// The user's index.
    pub user: u32,
    /// Item indices, best first; of any length, empty where nothing was recommended.
    pub recommended: &'a [u32],
    /// Item indices, strictly ascending; empty where nothing is known to be relevant.
    pub relevant: &'a [u32],
    /// How relevant each of `relevant` is, finite and at least 0; `None` if relevance is yes or no.
    pub grades: Option<&'a [f64]>,
}

impl<'a> UserList<'a> {
    /// A list whose items are relevant or not.
    pub fn new(user: u32, recommended: &'a [u32], relevant: &'a [u32]) -> Self {
        UserList { user, recommended, relevant, grades: None }
    }
}

/// Collects the values of ranking metrics, user by user, in any order.
///
/// To share work among threads [`fork`](Self::fork) it, observe different users in each fork and
/// [`merge`](Self::merge) them, or hand many users at once to [`observe_all`](Self::observe_all) or
/// [`observe_lists`](Self::observe_lists). The report has the same bits whatever the order and the number of
/// threads.
///
/// Memory: 1 byte per user and metric that takes at most 256 different values, 2 up to 65,536, 8 beyond; plus 4
/// per user, as much again per user, metric and slice of items, and one [`Exposure`] per
/// [`with_catalogue`](Self::with_catalogue). For a while, [`finish`](Self::finish) needs another 16 bytes per user
/// and thread where there are metrics of so many values or users came out of order.
#[derive(Debug)]
pub struct RankingEvaluator {
    measures: Measures,
    labels: Arc<[String]>,
    catalogues: Vec<CatalogueColumns>,
    warnings: Vec<Warning>,
    users: Vec<u32>,
    /// As [`Measures`] says; one row per user in `users`.
    columns: Vec<Column>,
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
        let columns = vec![Column::default(); metrics.len()];
        let measures = Measures::new(metrics);
        let (labels_so_far, catalogues, warnings) = (Arc::new([]), Vec::new(), Vec::new());
        let mut evaluator =
            Self { measures, labels: labels_so_far, catalogues, warnings, users: Vec::new(), columns };
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
        self.check_unused("catalogue")?;
        let exposure = Exposure::new(k, items)?;
        self.add_labels(metrics.iter().map(|metric| metric.label(k)).collect())?;
        self.catalogues.push(CatalogueColumns { metrics: metrics.into(), exposure });
        Ok(self)
    }

    /// Reports the metrics of lists for each slice of users too.
    ///
    /// # Errors
    /// If a grouping of this name is there, or users have been observed already.
    pub fn with_user_slices(mut self, grouping: Grouping) -> Result<Self> {
        self.check_grouping(&grouping)?;
        self.measures.user_groupings.push(grouping);
        Ok(self)
    }

    /// Reports the metrics that depend on relevance for each slice of items too: for head and tail, say. In a
    /// slice only its own items count as relevant; the lists stay whole, so an item outside the slice is a miss
    /// that takes up its rank.
    ///
    /// # Errors
    /// As [`with_user_slices`](Self::with_user_slices).
    pub fn with_item_slices(mut self, grouping: Grouping) -> Result<Self> {
        self.check_grouping(&grouping)?;
        self.measures.item_groupings.push(grouping);
        self.columns = vec![Column::default(); self.measures.n_columns()];
        Ok(self)
    }

    /// Says that the lists rank sampled candidates; the report warns of it.
    pub fn with_sampled_candidates(mut self, candidates: SampledCandidates) -> Self {
        self.warnings = vec![Warning::SampledCandidates(candidates)];
        self
    }

    fn check_unused(&self, parameter: &'static str) -> Result<()> {
        if self.users.is_empty() {
            return Ok(());
        }
        let message = format!("{} users were observed before; add it first", self.users.len());
        Err(Error::Parameter { parameter, message })
    }

    fn check_grouping(&self, grouping: &Grouping) -> Result<()> {
        self.check_unused("slices")?;
        let mut there = self.measures.user_groupings.iter().chain(&self.measures.item_groupings);
        if there.any(|there| there.name() == grouping.name()) {
            let message = format!("two groupings are called {}; rename one", grouping.name());
            return Err(Error::Parameter { parameter: "slices", message });
        }
        Ok(())
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
        self.observe_all(&[UserList::new(user, recommended, relevant)])
    }

    /// Measures many users on all threads of the current rayon pool.
    ///
    /// # Errors
    /// As [`observe`](Self::observe), and if a grade is negative or not finite, for the first faulty list in the
    /// order given; then none of `lists` is recorded.
    pub fn observe_all(&mut self, lists: &[UserList<'_>]) -> Result<()> {
        self.observe_users(lists.len(), |position| lists[position])
    }

    /// Measures every user who has recommendations or relevant items, on all threads of the current rayon pool.
    ///
    /// # Errors
    /// As [`observe_all`](Self::observe_all).
    pub fn observe_lists(&mut self, recommended: &Lists, truth: &Truth) -> Result<()> {
        let n_users = recommended.n_users().max(truth.items().n_users());
        // Users are 32-bit numbers, and so are those of lists.
        let is_known =
            |&user: &u32| !recommended.of_user(user).is_empty() || !truth.items().of_user(user).is_empty();
        let users: Vec<u32> = (0..n_users as u32).filter(is_known).collect();
        self.observe_users(users.len(), |position| {
            let user = users[position];
            let relevant = truth.items().of_user(user);
            let grades = truth.grades_of_user(user);
            UserList { user, recommended: recommended.of_user(user), relevant, grades }
        })
    }

    fn observe_users<'l>(
        &mut self,
        n_users: usize,
        list_of: impl Fn(usize) -> UserList<'l> + Sync,
    ) -> Result<()> {
        let before = self.users.len();
        self.columns.iter_mut().for_each(|column| column.reserve(n_users));
        for start in (0..n_users).step_by(USERS_PER_BATCH) {
            let end = (start + USERS_PER_BATCH).min(n_users);
            if let Err(error) = self.measure(start..end, &list_of) {
                self.columns.iter_mut().for_each(|column| column.truncate(before));
                return Err(error);
            }
        }
        self.users.extend((0..n_users).map(|position| list_of(position).user));
        self.expose(n_users, &list_of)
    }

    fn measure<'l>(
        &mut self,
        positions: std::ops::Range<usize>,
        list_of: &(impl Fn(usize) -> UserList<'l> + Sync),
    ) -> Result<()> {
        let measures = &self.measures;
        let measure_task = |start: usize| -> Result<Vec<Vec<f64>>> {
            let end = (start + USERS_PER_TASK).min(positions.end);
            let mut columns = vec![Vec::with_capacity(end - start); measures.n_columns()];
            for position in start..end {
                measures.measure(&list_of(position), &mut columns)?;
            }
            Ok(columns)
        };
        let starts: Vec<usize> = positions.clone().step_by(USERS_PER_TASK).collect();
        // Collected one by one: collecting into a `Result` would return whichever error came first
        // in time.
        let tasks: Vec<Result<Vec<Vec<f64>>>> = starts.into_par_iter().map(measure_task).collect();
        let parts = tasks.into_iter().collect::<Result<Vec<_>>>()?;
        self.columns.par_iter_mut().enumerate().for_each(|(column, all)| {
            parts.iter().for_each(|part| all.extend(part[column].iter().copied()));
        });
        Ok(())
    }

    fn expose<'l>(
        &mut self,
        n_users: usize,
        list_of: &(impl Fn(usize) -> UserList<'l> + Sync),
    ) -> Result<()> {
        if self.catalogues.is_empty() {
            return Ok(());
        }
        let share = n_users.div_ceil(rayon::current_num_threads()).max(USERS_PER_BATCH);
        for catalogue in &mut self.catalogues {
            let count = |start: usize| {
                let mut exposure = catalogue.exposure.fork();
                for position in start..(start + share).min(n_users) {
                    exposure.observe(list_of(position).recommended);
                }
                exposure
            };
            if n_users <= share {
                (0..n_users).for_each(|position| catalogue.exposure.observe(list_of(position).recommended));
                continue;
            }
            let starts: Vec<usize> = (0..n_users).step_by(share).collect();
            let parts: Vec<Exposure> = starts.into_par_iter().map(count).collect();
            for part in &parts {
                catalogue.exposure.merge(part)?;
            }
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
            measures: self.measures.clone(),
            labels: Arc::clone(&self.labels),
            catalogues: self.catalogues.iter().map(fork_catalogue).collect(),
            warnings: self.warnings.clone(),
            users: Vec::new(),
            columns: vec![Column::default(); self.columns.len()],
        }
    }

    /// Takes over what `other` observed.
    ///
    /// # Errors
    /// If `other` measures other metrics, ranks, slices or catalogues.
    pub fn merge(mut self, other: Self) -> Result<Self> {
        if self.labels != other.labels {
            let (left, right) = (self.labels.join(", "), other.labels.join(", "));
            return Err(Error::Merge { what: "metrics", left, right });
        }
        let groupings = |evaluator: &Self| {
            let (users, items) = (&evaluator.measures.user_groupings, &evaluator.measures.item_groupings);
            users.iter().chain(items).map(Grouping::name).collect::<Vec<_>>().join(", ")
        };
        let (of_self, of_other) = (&self.measures, &other.measures);
        if of_self.user_groupings != of_other.user_groupings
            || of_self.item_groupings != of_other.item_groupings
        {
            return Err(Error::Merge { what: "slices", left: groupings(&self), right: groupings(&other) });
        }
        if self.warnings != other.warnings {
            let candidates = |evaluator: &Self| match evaluator.warnings.first() {
                Some(Warning::SampledCandidates(candidates)) => format!("{candidates:?}"),
                None => "all items".to_owned(),
            };
            return Err(Error::Merge {
                what: "candidates",
                left: candidates(&self),
                right: candidates(&other),
            });
        }
        for (catalogue, more) in self.catalogues.iter_mut().zip(&other.catalogues) {
            catalogue.exposure.merge(&more.exposure)?;
        }
        self.users.extend(other.users);
        self.columns.iter_mut().zip(other.columns).for_each(|(column, more)| column.extend(more.iter()));
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
            let columns = std::mem::take(&mut self.columns);
            self.columns = columns.into_iter().map(|column| column.in_order(&order)).collect();
        }
        let labels = self.labels.iter().take(self.measures.n_metrics()).cloned();
        let labels = labels.chain(self.measures.slice_labels(&self.labels));
        let columns = labels.zip(self.columns).map(|(label, values)| UserColumn::new(label, values));
        let mut columns: Vec<UserColumn> = columns.collect();
        let mut of_catalogue = Vec::new();
        for CatalogueColumns { metrics, exposure } in &self.catalogues {
            for metric in metrics.iter() {
                let label = metric.label(exposure.k());
                let value = metric.measure(exposure);
                if value.is_some_and(f64::is_nan) {
                    return Err(Error::NanValue { label });
                }
                of_catalogue.push(Summary::of_catalogue(label, value));
            }
        }
        let slices = self.measures.slices(&self.users, &columns);
        columns.truncate(self.measures.n_metrics());
        Ok(RankingReport::new(self.users, columns, of_catalogue, slices, self.warnings))
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
    use crate::ranking::{HitRate, JudgedList, Recall};

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
        let good = UserList::new(0, &[1], &[1]);
        let unsorted = UserList::new(1, &[], &[2, 1]);
        let repeated = UserList::new(2, &[1, 1], &[]);
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
        let lists: Vec<UserList<'_>> =
            (0..5_000).map(|user| UserList::new(user, if user >= 1_500 { &bad } else { &[] }, &[])).collect();
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

    fn slice<'r>(report: &'r RankingReport, name: &str) -> &'r crate::SliceReport {
        report.slices().iter().find(|slice| slice.slice == name).unwrap()
    }

    #[test]
    fn slices_of_users_have_their_own_means() {
        let ages = Grouping::new("age", ["young", "old"], [Some(0), Some(1), None, Some(0)]).unwrap();
        let mut evaluator = recall_and_coverage().with_user_slices(ages).unwrap();
        evaluator.observe(3, &[0, 1], &[1]).unwrap();
        evaluator.observe(1, &[0], &[2]).unwrap();
        evaluator.observe(2, &[0], &[0]).unwrap();
        evaluator.observe(0, &[0], &[]).unwrap();
        let report = evaluator.finish().unwrap();
        let young = slice(&report, "young");
        assert_eq!((young.n_users, young.grouping.as_str(), young.summaries.len()), (2, "age", 1));
        assert_eq!((young.summaries[0].value, young.summaries[0].n_undefined), (Some(1.0), 1));
        assert_eq!(slice(&report, "old").summaries[0].value, Some(0.0));
        assert_eq!(report.summary("Recall@2").unwrap().value, Some(2.0 / 3.0));
    }

    #[test]
    fn slices_of_items_judge_by_their_own_items() {
        let popularity = Grouping::new("popularity", ["head", "tail"], [0, 1, 1, 0].map(Some)).unwrap();
        let mut evaluator = recall_and_coverage().with_item_slices(popularity).unwrap();
        evaluator.observe(0, &[0, 1, 2], &[0, 1, 2]).unwrap();
        evaluator.observe(1, &[3], &[0, 3]).unwrap();
        let report = evaluator.finish().unwrap();
        // Of the tail user 0 has items 1 and 2, of which one stands at the first two ranks.
        assert_eq!(slice(&report, "head").summaries[0].value, Some((1.0 + 0.5) / 2.0));
        let tail = slice(&report, "tail");
        assert_eq!((tail.n_users, tail.summaries[0].value, tail.summaries[0].n_undefined), (1, Some(0.5), 1));
        assert_eq!(report.summaries().len(), 2);
    }

    #[test]
    fn grades_reach_slices_of_items() {
        use crate::ranking::{Gain, Ndcg};
        let ndcg = Ndcg::new(2).unwrap().with_gain(Gain::Linear);
        let parity = Grouping::new("parity", ["even"], [Some(0), None, Some(0)]).unwrap();
        let evaluator = RankingEvaluator::new(vec![Box::new(ndcg)]).unwrap();
        let mut evaluator = evaluator.with_item_slices(parity).unwrap();
        let grades = Some([1.0, 9.0, 3.0].as_slice());
        let list = UserList { user: 0, recommended: &[0, 2], relevant: &[0, 1, 2], grades };
        evaluator.observe_all(&[list]).unwrap();
        let report = evaluator.finish().unwrap();
        let discount = 1.0 / 3_f64.log2();
        let expected = (1.0 + 3.0 * discount) / (3.0 + 1.0 * discount);
        let found = slice(&report, "even").summaries[0].value.unwrap();
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }

    #[test]
    fn columns_are_observed_as_lists() {
        let recommended = Lists::from_rows([vec![0, 1], vec![], vec![3], vec![]]);
        let truth = Truth::new(5, &[0, 1, 4], &[1, 1, 0]).unwrap();
        let mut evaluator = recall_and_coverage();
        evaluator.observe_lists(&recommended, &truth).unwrap();
        let report = evaluator.finish().unwrap();
        let per_user: Vec<_> = report.per_user("Recall@2").unwrap().collect();
        assert_eq!(per_user, [(0, Some(1.0)), (1, Some(0.0)), (2, None), (4, Some(0.0))]);
        assert_eq!(report.summary("Coverage@2").unwrap().value, Some(3.0 / 4.0));
    }

    #[test]
    fn many_lists_are_counted_on_many_threads() {
        let n_users = 2 * USERS_PER_BATCH as u32 + 77;
        let lists = Lists::from_rows((0..n_users).map(|user| [user % 3]));
        let truth = Truth::new(n_users as usize, &[n_users - 1], &[(n_users - 1) % 3]).unwrap();
        let mut evaluator =
            recall_and_coverage().with_catalogue(2, 0..4, vec![Box::new(CountsLists)]).unwrap();
        evaluator.observe_lists(&lists, &truth).unwrap();
        let report = evaluator.finish().unwrap();
        assert_eq!(report.summary("Recall@2").unwrap().value, Some(1.0));
        assert_eq!(report.summary("Recall@2").unwrap().n_undefined, n_users as usize - 1);
        assert_eq!(report.summary("Lists@2").unwrap().value, Some(f64::from(n_users)));
        assert_eq!(report.summary("Coverage@2").unwrap().value, Some(3.0 / 4.0));
    }

    #[test]
    fn a_report_on_sampled_candidates_says_so() {
        let candidates = SampledCandidates { n_negatives: 99, n_items: 3_000 };
        let sampled = recall_and_coverage().with_sampled_candidates(candidates);
        assert!(recall_and_coverage().merge(sampled.fork()).is_err());
        let report = sampled.fork().merge(sampled).unwrap().finish().unwrap();
        assert_eq!(report.warnings(), [Warning::SampledCandidates(candidates)]);
    }

    #[test]
    fn groupings_have_names_of_their_own() {
        let ages = || Grouping::new("age", ["young"], [Some(0)]).unwrap();
        let evaluator = recall_and_coverage().with_user_slices(ages()).unwrap();
        assert!(recall_and_coverage().merge(evaluator.fork()).is_err());
        let of_items = recall_and_coverage().with_item_slices(ages()).unwrap();
        assert!(recall_and_coverage().merge(of_items.fork()).is_err());
        assert!(of_items.fork().merge(of_items).is_ok());
        let message = evaluator.with_item_slices(ages()).unwrap_err().to_string();
        assert_eq!(message, "slices: two groupings are called age; rename one");
    }

    #[derive(Debug)]
    struct CountsLists;

    impl CatalogueMetric for CountsLists {
        fn label(&self, k: usize) -> String {
            format!("Lists@{k}")
        }

        fn measure(&self, exposure: &Exposure) -> Option<f64> {
            Some(exposure.n_lists() as f64)
        }
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
