//! The cases and the libraries' values, as the scripts in `tests/reference/` wrote them.

use std::collections::{BTreeMap, BTreeSet};

use burn_recsys_metrics::{Lists, Truth};
use serde::Deserialize;

pub(crate) const REPLAY: &str = "RePlay 0.22.0";
pub(crate) const RECTOOLS: &str = "RecTools 0.19.0";
pub(crate) const SKLEARN: &str = "scikit-learn 1.8.0";
pub(crate) const SCIPY: &str = "SciPy 1.17.1";
pub(crate) const RECBOLE: &str = "RecBole 1.2.1";

/// Lists of several users, and all that a metric may want to know of them.
#[derive(Deserialize)]
pub(crate) struct ListsCase {
    pub(crate) name: String,
    pub(crate) n_users: u32,
    pub(crate) n_items: u32,
    scored: Vec<(u32, Vec<(u32, f64)>)>,
    pub(crate) relevant: ByUser,
    grades: Vec<(u32, Vec<f64>)>,
    pub(crate) train: ByUser,
    pub(crate) base: ByUser,
    pub(crate) other: ByUser,
    /// The category of each item.
    pub(crate) category: Vec<u32>,
    /// The categories of each item, another draw.
    pub(crate) categories: Vec<Vec<u32>>,
}

/// Items by user.
#[derive(Deserialize, Clone)]
#[serde(from = "Vec<(u32, Vec<u32>)>")]
pub(crate) struct ByUser(pub(crate) BTreeMap<u32, Vec<u32>>);

impl From<Vec<(u32, Vec<u32>)>> for ByUser {
    fn from(lists: Vec<(u32, Vec<u32>)>) -> Self {
        Self(lists.into_iter().collect())
    }
}

impl ByUser {
    /// One column of users and one of items.
    pub(crate) fn columns(&self) -> (Vec<u32>, Vec<u32>) {
        self.0.iter().flat_map(|(&user, items)| items.iter().map(move |&item| (user, item))).unzip()
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// The items of `n_users` users, as they stand.
    pub(crate) fn lists(&self, n_users: u32) -> Lists {
        Lists::from_rows((0..n_users).map(|user| self.0.get(&user).cloned().unwrap_or_default()))
    }

    /// The items as the relevant ones.
    pub(crate) fn truth(&self, n_users: u32) -> Truth {
        let (users, items) = self.columns();
        Truth::new(n_users as usize, &users, &items).unwrap()
    }

    /// How many users each item of `n_items` belongs to.
    pub(crate) fn counts(&self, n_items: u32) -> Vec<u32> {
        let mut counts = vec![0; n_items as usize];
        self.0.values().flatten().for_each(|&item| counts[item as usize] += 1);
        counts
    }
}

impl ListsCase {
    /// Lists in our order: the higher score first, of tied ones the smaller item.
    pub(crate) fn ranked(&self) -> Lists {
        let rows = self.scored.iter().flat_map(|(user, scored)| scored.iter().map(move |row| (*user, *row)));
        let (users, scored): (Vec<u32>, Vec<(u32, f64)>) = rows.unzip();
        let (items, scores): (Vec<u32>, Vec<f64>) = scored.into_iter().unzip();
        Lists::by_score(self.n_users as usize, &users, &items, &scores).unwrap()
    }

    /// Whoever has a list or relevant items.
    fn users(&self) -> impl Iterator<Item = u32> {
        let lists = self.ranked();
        let is_known =
            move |user: &u32| !lists.of_user(*user).is_empty() || self.relevant.0.contains_key(user);
        (0..self.n_users).filter(is_known)
    }

    /// The relevant items with their grades.
    pub(crate) fn truth(&self) -> Truth {
        let (users, items) = self.relevant.columns();
        let grades: Vec<f64> = self.grades.iter().flat_map(|(_, grades)| grades).copied().collect();
        Truth::graded(self.n_users as usize, &users, &items, &grades).unwrap()
    }
}

/// Scores of rows of users against labels, and ratings against targets.
#[derive(Deserialize)]
pub(crate) struct RowsCase {
    pub(crate) name: String,
    pub(crate) users: Vec<u32>,
    pub(crate) scores: Vec<f64>,
    pub(crate) labels: Vec<bool>,
    pub(crate) targets: Vec<f64>,
    pub(crate) ratings: Vec<f64>,
}

/// Values of two models for the same users, and what SciPy says of their difference.
#[derive(Deserialize)]
pub(crate) struct PairedCase {
    pub(crate) name: String,
    pub(crate) left: Vec<f64>,
    pub(crate) right: Vec<f64>,
    pub(crate) mean: f64,
    pub(crate) standard_error: f64,
    pub(crate) ttest_rel: TTest,
    /// By confidence.
    pub(crate) interval: BTreeMap<String, (f64, f64)>,
}

#[derive(Deserialize)]
pub(crate) struct TTest {
    pub(crate) statistic: f64,
    pub(crate) p: f64,
}

/// What a library gives for one case.
#[derive(Deserialize)]
pub(crate) struct Reference {
    pub(crate) case: String,
    pub(crate) name: String,
    /// The cutoff, or the number of a bin; `None` where there is none.
    pub(crate) k: Option<usize>,
    pub(crate) value: Option<f64>,
    /// By user of the case.
    #[serde(default)]
    pub(crate) per_user: Option<Vec<Option<f64>>>,
}

pub(crate) fn lists_cases() -> Vec<ListsCase> {
    parse(include_str!("../reference/lists.json"))
}

pub(crate) fn rows_cases() -> Vec<RowsCase> {
    parse(include_str!("../reference/rows.json"))
}

pub(crate) fn paired_cases() -> Vec<PairedCase> {
    parse(include_str!("../reference/paired_scipy.json"))
}

/// By name of the case.
pub(crate) fn debiased() -> BTreeMap<String, ByUser> {
    #[derive(Deserialize)]
    struct Left {
        case: String,
        relevant: ByUser,
    }
    let left: Vec<Left> = parse(include_str!("../reference/lists_debiased.json"));
    left.into_iter().map(|left| (left.case, left.relevant)).collect()
}

/// The kinds of users that no case has; there should be none.
pub(crate) fn lacking() -> Vec<&'static str> {
    let cases = lists_cases();
    let any = |is: fn(&ListsCase, u32) -> bool| cases.iter().any(|c| c.users().any(|user| is(c, user)));
    let kinds = [
        ("a user without a list", any(|case, user| case.ranked().of_user(user).is_empty())),
        ("a user without relevant items", any(|case, user| !case.relevant.0.contains_key(&user))),
        ("a user without training", any(|case, user| !case.train.0.contains_key(&user))),
        ("a user without a base list", any(|case, user| !case.base.0.contains_key(&user))),
        ("a list of one item", any(|case, user| case.ranked().of_user(user).len() == 1)),
        ("a list with tied scores", cases.iter().any(|case| case.ranked().n_tied_users() > 0)),
        (
            "more relevant items than the cutoff",
            any(|case, user| case.relevant.0.get(&user).is_some_and(|items| items.len() > 10)),
        ),
    ];
    kinds.into_iter().filter(|(_, is_there)| !is_there).map(|(kind, _)| kind).collect()
}

/// What each library gives for lists.
pub(crate) fn of_lists() -> Vec<(&'static str, Vec<Reference>)> {
    vec![
        (REPLAY, parse(include_str!("../reference/lists_replay.json"))),
        (RECTOOLS, parse(include_str!("../reference/lists_rectools.json"))),
        (SKLEARN, parse(include_str!("../reference/lists_sklearn.json"))),
        (SCIPY, parse(include_str!("../reference/lists_scipy.json"))),
        (RECBOLE, parse(include_str!("../reference/lists_recbole.json"))),
    ]
}

/// What each library gives for rows.
pub(crate) fn of_rows() -> Vec<(&'static str, Vec<Reference>)> {
    vec![
        (SKLEARN, parse(include_str!("../reference/rows_sklearn.json"))),
        (RECBOLE, parse(include_str!("../reference/rows_recbole.json"))),
    ]
}

/// Everything that a library was asked for: the library and the name there.
pub(crate) fn names() -> BTreeSet<(String, String)> {
    let all = of_lists().into_iter().chain(of_rows());
    all.flat_map(|(library, found)| found.into_iter().map(move |r| (library.to_owned(), r.name))).collect()
}

pub(crate) fn parse<T: for<'a> Deserialize<'a>>(text: &str) -> T {
    serde_json::from_str(text).unwrap()
}
