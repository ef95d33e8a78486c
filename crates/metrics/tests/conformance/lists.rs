//! Comparisons of the metrics of lists: ranking, beyond accuracy, catalogue.

use burn_recsys_metrics::ranking::{JudgedList, RankingMetric};

use super::comparison::Comparison;
use super::fixtures::{ByUser, ListsCase, Reference, debiased, lists_cases, of_lists};
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
    /// Whether the library leaves out users, or gives values to more users, than we do: then those are compared
    /// that have a value on both sides, and no means.
    pub(crate) other_users: bool,
    pub(crate) agrees: bool,
}

impl Row {
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
            match &row.make {
                Make::Whole(value) => {
                    let place = comparison.place(reference);
                    comparison.compare(value(case, k), reference.value, || place);
                }
                Make::Spread(metric, spread) => {
                    let values = measure(case, &case.relevant, metric(case, k).as_ref(), true);
                    let defined: Vec<f64> = values.into_iter().flatten().collect();
                    let place = comparison.place(reference);
                    comparison.compare(spread(&defined), reference.value, || place);
                }
                Make::PerUser(metric) => {
                    let values = measure(case, &case.relevant, metric(case, k).as_ref(), true);
                    users(&mut comparison, &values, reference, row.other_users);
                }
                Make::Debiased(metric) => {
                    let values = measure(case, &left[&case.name], metric(case, k).as_ref(), false);
                    users(&mut comparison, &values, reference, row.other_users);
                }
            }
        }
        comparison
    };
    table().into_iter().map(compare).collect()
}

/// The value of each user who has a list or relevant items; none for others.
fn measure(case: &ListsCase, truth: &ByUser, metric: &dyn RankingMetric, graded: bool) -> Vec<Option<f64>> {
    let lists = case.ranked();
    let known = case.users();
    let value = |user: u32| {
        let list = JudgedList::new(lists.of_user(user), truth.of(user)).unwrap().of_user(user);
        let list = if graded { list.with_grades(case.grades(user)).unwrap() } else { list };
        metric.measure(&list)
    };
    (0..case.n_users).map(|user| known.contains(&user).then(|| value(user)).flatten()).collect()
}

fn users(comparison: &mut Comparison, values: &[Option<f64>], reference: &Reference, other_users: bool) {
    let theirs = reference.per_user.as_ref().unwrap();
    assert_eq!(theirs.len(), values.len(), "{}", comparison.place(reference));
    for (user, (&ours, &theirs)) in values.iter().zip(theirs).enumerate() {
        let both = ours.is_some() && theirs.is_some();
        if both {
            comparison.users.insert((reference.case.clone(), user));
        }
        if both || !other_users {
            let place = format!("{}, user {user}", comparison.place(reference));
            comparison.compare(ours, theirs, || place);
        }
    }
    if !other_users {
        let defined: Vec<f64> = values.iter().flatten().copied().collect();
        let mean = (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64);
        let place = comparison.place(reference);
        comparison.compare(mean, reference.value, || place);
    }
}
