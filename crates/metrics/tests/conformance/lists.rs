//! Comparisons of the metrics of lists: ranking, beyond accuracy, catalogue.

use burn_recsys_metrics::ranking::RankingMetric;
use burn_recsys_metrics::{RankingEvaluator, Truth};

use super::comparison::Comparison;
use super::fixtures::{ListsCase, Reference, debiased, lists_cases, of_lists};
use super::lists_table::table;

/// A metric for the users of a case, at a cutoff.
pub(crate) type OfUser = fn(&ListsCase, usize) -> Box<dyn RankingMetric>;

/// How values of ours are made.
pub(crate) enum Make {
    /// User by user, at a cutoff.
    PerUser(OfUser),
    /// The same, against the truth that debiasing left.
    Debiased(OfUser),
    /// From the values of all users, at a cutoff.
    Spread(OfUser, fn(&[f64]) -> Option<f64>),
    /// From all lists at once.
    Whole(fn(&ListsCase, usize) -> Option<f64>),
}

/// One comparison to be made.
pub(crate) struct Row {
    pub(crate) metric: &'static str,
    pub(crate) library: &'static str,
    pub(crate) name: &'static str,
    pub(crate) make: Make,
    pub(crate) note: &'static str,
    /// Whether the library leaves out users, or gives values to more users, than we do: then those are
    /// compared that have a value on both sides, and no means.
    pub(crate) other_users: bool,
    pub(crate) agrees: bool,
    /// Which users are compared.
    pub(crate) only: fn(&ListsCase, usize, u32) -> bool,
}

impl Row {
    /// Compares some users alone.
    pub(crate) fn only(self, only: fn(&ListsCase, usize, u32) -> bool, note: &'static str) -> Self {
        Row { note, only, other_users: true, ..self }
    }

    /// Why values differ.
    pub(crate) fn differs(self, note: &'static str) -> Self {
        Row { note, agrees: false, ..self }
    }

    /// Which other users the library has.
    pub(crate) fn other_users(self, note: &'static str) -> Self {
        Row { note, other_users: true, ..self }
    }

    pub(crate) fn note(self, note: &'static str) -> Self {
        Row { note, ..self }
    }
}

/// The values of a metric: of each user of the case, and their mean.
pub(crate) struct Measured {
    pub(crate) per_user: Vec<Option<f64>>,
    pub(crate) mean: Option<f64>,
}

pub(crate) fn comparisons() -> Vec<Comparison> {
    let (cases, left, libraries) = (lists_cases(), debiased(), of_lists());
    let compare = |row: Row| {
        let mut comparison = Comparison::new(row.metric, row.library, row.name);
        (comparison.note, comparison.agrees) = (row.note, row.agrees);
        let of_library = libraries.iter().filter(|(library, _)| *library == row.library);
        for reference in of_library.flat_map(|(_, found)| found).filter(|found| found.name == row.name) {
            let case = cases.iter().find(|case| case.name == reference.case).unwrap();
            comparison.cases.insert(case.name.clone());
            let k = reference.k.unwrap_or(usize::MAX);
            let place = comparison.place(reference);
            match &row.make {
                Make::Whole(value) => comparison.compare(value(case, k), reference.value, || place),
                Make::Spread(metric, spread) => {
                    let values = measure(case, case.truth(), metric(case, k)).per_user;
                    let defined: Vec<f64> = values.into_iter().flatten().collect();
                    comparison.compare(spread(&defined), reference.value, || place);
                }
                Make::PerUser(metric) => {
                    let measured = measure(case, case.truth(), metric(case, k));
                    users(&mut comparison, &measured, reference, &row, case);
                }
                Make::Debiased(metric) => {
                    let measured = measure(case, left[&case.name].truth(case.n_users), metric(case, k));
                    users(&mut comparison, &measured, reference, &row, case);
                }
            }
        }
        if matches!(row.make, Make::PerUser(_) | Make::Debiased(_)) && comparison.users.is_empty() {
            comparison.one_sided.push(format!("{} = {}: no user to compare", row.metric, row.name));
        }
        comparison
    };
    table().into_iter().map(compare).collect()
}

/// The values of all users of a case.
pub(crate) fn measure(case: &ListsCase, truth: Truth, metric: Box<dyn RankingMetric>) -> Measured {
    let label = metric.label();
    let mut evaluator = RankingEvaluator::new(vec![metric]).unwrap();
    evaluator.observe_lists(&case.ranked(), &truth).unwrap();
    let report = evaluator.finish().unwrap();
    let mut per_user = vec![None; case.n_users as usize];
    report.per_user(&label).unwrap().for_each(|(user, value)| per_user[user as usize] = value);
    Measured { per_user, mean: report.summary(&label).unwrap().value }
}

fn users(comparison: &mut Comparison, ours: &Measured, reference: &Reference, row: &Row, case: &ListsCase) {
    let theirs = reference.per_user.as_ref().unwrap();
    let place = comparison.place(reference);
    assert_eq!(theirs.len(), ours.per_user.len(), "{place}");
    for (user, (&ours, &theirs)) in (0..case.n_users).zip(ours.per_user.iter().zip(theirs)) {
        let both = ours.is_some() && theirs.is_some();
        if !(row.only)(case, reference.k.unwrap_or(usize::MAX), user) {
            continue;
        }
        if both {
            comparison.users.insert((case.name.clone(), user));
        }
        if both || !row.other_users {
            comparison.compare(ours, theirs, || format!("{place}, user {user}"));
        }
    }
    if !row.other_users {
        comparison.compare(ours.mean, reference.value, || place);
    }
}
