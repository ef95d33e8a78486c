//! Which metric beyond accuracy is which in another library.

use std::sync::Arc;

use burn_recsys_metrics::beyond::{
    AveragePopularity, CategoricalDiversity, CategorySets, HammingDistance, IntraListDiversity,
    InverseUserFrequency, ItemPopularity, Overlap, Serendipity, Surprisal, Unexpectedness, UnseenShare,
};

use super::fixtures::{ListsCase, RECBOLE, RECTOOLS, REPLAY};
use super::lists::Make::PerUser;
use super::lists::{OfUser, Row};
use super::lists_table::row;

fn popularity(case: &ListsCase) -> Arc<ItemPopularity> {
    let (users, items) = case.train.columns();
    let (n_users, n_items) = (case.n_users as usize, case.n_items as usize);
    Arc::new(ItemPopularity::of_pairs(n_users, n_items, &users, &items).unwrap())
}

pub(crate) const UNSEEN_SHARE: OfUser =
    |case, k| Box::new(UnseenShare::new(k, Arc::new(case.train.lists(case.n_users))).unwrap());
const INVERSE_USER_FREQUENCY: OfUser =
    |case, k| Box::new(InverseUserFrequency::new(k, popularity(case)).unwrap());
const SURPRISAL: OfUser = |case, k| Box::new(Surprisal::new(k, popularity(case)).unwrap());
const AVERAGE_POPULARITY: OfUser = |case, k| Box::new(AveragePopularity::new(k, popularity(case)).unwrap());
const NORMALIZED_POPULARITY: OfUser =
    |case, k| Box::new(AveragePopularity::new(k, popularity(case)).unwrap().normalized());
pub(crate) const UNEXPECTEDNESS: OfUser =
    |case, k| Box::new(Unexpectedness::new(k, &case.base.lists(case.n_users)).unwrap());
const OVERLAP: OfUser = |case, k| Box::new(Overlap::new(k, &case.other.lists(case.n_users)).unwrap());
pub(crate) const SERENDIPITY: OfUser =
    |case, k| Box::new(Serendipity::new(k, popularity(case), case.n_items as usize).unwrap());
const CATEGORICAL_DIVERSITY: OfUser =
    |case, k| Box::new(CategoricalDiversity::new(k, case.category.clone().into()).unwrap());
pub(crate) const HAMMING_DIVERSITY: OfUser = |case, k| {
    let categories = Arc::new(CategorySets::from_rows(&case.categories));
    Box::new(IntraListDiversity::new(k, Arc::new(HammingDistance::new(categories))).unwrap())
};

/// Whether a user has a base list, and a list of at least `k`.
fn is_plain(case: &ListsCase, k: usize, user: u32) -> bool {
    case.base.0.contains_key(&user) && case.ranked().of_user(user).len() >= k
}

pub(crate) fn table() -> Vec<Row> {
    vec![
        row("UnseenShare@k", REPLAY, "Novelty", PerUser(UNSEEN_SHARE)).other_users(
            "users with a list and a history; RePlay gives 1 to those with a history alone, and leaves out those \
             with a list alone",
        ),
        row("InverseUserFrequency@k", RECTOOLS, "MeanInvUserFreq", PerUser(INVERSE_USER_FREQUENCY)),
        row("Surprisal@k", REPLAY, "Surprisal", PerUser(SURPRISAL)),
        row("AveragePopularity@k", RECTOOLS, "AvgRecPopularity", PerUser(AVERAGE_POPULARITY)),
        row("AveragePopularity@k", RECBOLE, "averagepopularity", PerUser(AVERAGE_POPULARITY)),
        row(
            "AveragePopularity(normalized)@k",
            RECTOOLS,
            "AvgRecPopularity(normalize=True)",
            PerUser(NORMALIZED_POPULARITY),
        ),
        row("Unexpectedness@k", REPLAY, "Unexpectedness", PerUser(UNEXPECTEDNESS))
            .only(is_plain, "users with a base list and at least k recommended items"),
        row("Unexpectedness@k", REPLAY, "Unexpectedness", PerUser(UNEXPECTEDNESS))
            .only(|case, k, user| !is_plain(case, k, user), "")
            .differs(
                "the other users: RePlay takes missing items for unexpected ones, and without a base list for \
                 expected",
            ),
        row("Overlap@k", RECTOOLS, "Intersection", PerUser(OVERLAP)),
        row("Serendipity@k", RECTOOLS, "Serendipity", PerUser(SERENDIPITY))
            .other_users("users with relevant items; RecTools gives 0 to those without"),
        row("IntraListDiversity@k", RECTOOLS, "IntraListDiversity(Hamming)", PerUser(HAMMING_DIVERSITY))
            .other_users("users with at least two items at these ranks; RecTools gives 0 to those with one"),
        row("CategoricalDiversity@k", REPLAY, "CategoricalDiversity", PerUser(CATEGORICAL_DIVERSITY)),
    ]
}
