//! Which metric of lists is which in another library.

use burn_recsys_metrics::catalogue::{
    CatalogueMetric, Coverage, Entropy, Exposure, Gini, TailShare, UserCoverage,
};
use burn_recsys_metrics::ranking::{
    AchievablePrecision, Divisor, FBeta, Gain, HitRate, Ideal, MeanAveragePrecision, MeanReciprocalRank,
    Ndcg, PartialAuc, PartialAucPrecision, Precision, RPrecision, Recall, RocAuc,
};
use burn_recsys_metrics::statistics::{Confidence, median, normal_interval};

use super::beyond_table;
use super::fixtures::{ListsCase, RECBOLE, RECTOOLS, REPLAY, SCIPY, SKLEARN};
use super::lists::Make::{Debiased, PerUser, Spread, Whole};
use super::lists::{Make, OfUser, Row};

/// A metric of ours, a library, a name there, how ours is made.
pub(crate) fn row(metric: &'static str, library: &'static str, name: &'static str, make: Make) -> Row {
    Row { metric, library, name, make, note: "", other_users: false, agrees: true, only: |_, _, _| true }
}

const NDCG: OfUser = |_, k| Box::new(Ndcg::new(k).unwrap());
const NDCG_FULL: OfUser = |_, k| Box::new(Ndcg::new(k).unwrap().with_ideal(Ideal::Full));
const NDCG_LINEAR: OfUser = |_, k| Box::new(Ndcg::new(k).unwrap().with_gain(Gain::Linear));
const NDCG_EXPONENTIAL: OfUser = |_, k| Box::new(Ndcg::new(k).unwrap().with_gain(Gain::Exponential));
const HIT_RATE: OfUser = |_, k| Box::new(HitRate::new(k).unwrap());
const RECALL: OfUser = |_, k| Box::new(Recall::new(k).unwrap());
const PRECISION: OfUser = |_, k| Box::new(Precision::new(k).unwrap());
const MAP: OfUser = |_, k| Box::new(MeanAveragePrecision::new(k).unwrap());
const MAP_RELEVANT: OfUser =
    |_, k| Box::new(MeanAveragePrecision::new(k).unwrap().with_divisor(Divisor::Relevant));
const MAP_CUTOFF: OfUser =
    |_, k| Box::new(MeanAveragePrecision::new(k).unwrap().with_divisor(Divisor::Cutoff));
const MRR: OfUser = |_, k| Box::new(MeanReciprocalRank::new(k).unwrap());
const R_PRECISION: OfUser = |_, _| Box::new(RPrecision);
const ACHIEVABLE_PRECISION: OfUser = |_, k| Box::new(AchievablePrecision::new(k).unwrap());
const F1: OfUser = |_, k| Box::new(FBeta::new(k, 1.0).unwrap());
const F_HALF: OfUser = |_, k| Box::new(FBeta::new(k, 0.5).unwrap());
const ROC_AUC: OfUser = |_, k| Box::new(RocAuc::new(k).unwrap());
const PARTIAL_AUC: OfUser = |_, k| Box::new(PartialAuc::new(k).unwrap());
const PAP: OfUser = |_, k| Box::new(PartialAucPrecision::new(k).unwrap());

pub(crate) fn table() -> Vec<Row> {
    [ranking(), beyond_table::table(), catalogue(), spread()].into_iter().flatten().collect()
}

fn ranking() -> Vec<Row> {
    vec![
        row("NDCG@k", REPLAY, "NDCG", PerUser(NDCG)),
        row("NDCG@k", RECTOOLS, "NDCG(divide_by_achievable=True)", PerUser(NDCG)),
        row("NDCG@k", RECBOLE, "ndcg", PerUser(NDCG)),
        row("NDCG@k", REPLAY, "NDCG, tied scores", PerUser(NDCG))
            .differs("RePlay puts the larger of two tied items first, we the smaller"),
        row("NDCG@k", SKLEARN, "ndcg_score, tied scores", PerUser(NDCG))
            .differs("scikit-learn averages over the orders of tied items"),
        row("NDCG@k", RECTOOLS, "NDCG(debias_config)", Debiased(NDCG)),
        row("NDCG(full)@k", RECTOOLS, "NDCG", PerUser(NDCG_FULL)),
        row("NDCG(linear)@k", SKLEARN, "ndcg_score, linear gain", PerUser(NDCG_LINEAR))
            .note("a short list goes on with irrelevant items there"),
        row("NDCG(exponential)@k", SKLEARN, "ndcg_score, exponential gain", PerUser(NDCG_EXPONENTIAL))
            .note("given the gains; a short list goes on with irrelevant items there"),
        row("HitRate@k", REPLAY, "HitRate", PerUser(HIT_RATE)),
        row("HitRate@k", RECTOOLS, "HitRate", PerUser(HIT_RATE)),
        row("HitRate@k", RECBOLE, "hit", PerUser(HIT_RATE)),
        row("Recall@k", REPLAY, "Recall", PerUser(RECALL)),
        row("Recall@k", RECTOOLS, "Recall", PerUser(RECALL)),
        row("Recall@k", RECBOLE, "recall", PerUser(RECALL)),
        row("Recall@k", RECTOOLS, "Recall(debias_config)", Debiased(RECALL)),
        row("Precision@k", REPLAY, "Precision", PerUser(PRECISION)),
        row("Precision@k", RECTOOLS, "Precision", PerUser(PRECISION)),
        row("Precision@k", RECBOLE, "precision", PerUser(PRECISION)),
        row("AchievablePrecision@k", RECTOOLS, "Precision(r_precision=True)", PerUser(ACHIEVABLE_PRECISION)),
        row("RPrecision", REPLAY, "Recall(k = relevant items)", PerUser(R_PRECISION))
            .note("the recall of each user at as many ranks as the user has relevant items"),
        row("F1@k", RECTOOLS, "F1Beta", PerUser(F1)),
        row("F0.5@k", RECTOOLS, "F1Beta(beta=0.5)", PerUser(F_HALF)),
        row("MAP@k", REPLAY, "MAP", PerUser(MAP)),
        row("MAP@k", RECBOLE, "map", PerUser(MAP)),
        row("MAP(relevant)@k", RECTOOLS, "MAP", PerUser(MAP_RELEVANT)),
        row("MAP(relevant)@k", RECTOOLS, "MAP(debias_config)", Debiased(MAP_RELEVANT)),
        row("MAP(cutoff)@k", RECTOOLS, "MAP(divide_by_k=True)", PerUser(MAP_CUTOFF)),
        row("MRR@k", REPLAY, "MRR", PerUser(MRR)),
        row("MRR@k", RECTOOLS, "MRR", PerUser(MRR)),
        row("MRR@k", RECBOLE, "mrr", PerUser(MRR)),
        row("RocAUC@k", REPLAY, "RocAuc", PerUser(ROC_AUC)),
        row("RocAUC@k", SKLEARN, "roc_auc_score of the list", PerUser(ROC_AUC)).other_users(
            "the k of the whole list; scikit-learn has no value for a list of hits or of misses alone",
        ),
        row("PartialAUC@k", RECTOOLS, "PartialAUC", PerUser(PARTIAL_AUC)),
        row("PartialAUC@k", RECTOOLS, "PartialAUC(debias_config)", Debiased(PARTIAL_AUC)),
        row("PAp@k", RECTOOLS, "PAP", PerUser(PAP)),
    ]
}

/// The lists of all users or of those with relevant items, over `items`.
fn exposure(case: &ListsCase, k: usize, items: impl Iterator<Item = u32>, with_truth: bool) -> Exposure {
    let mut exposure = Exposure::new(k, items).unwrap();
    let lists = case.ranked();
    let is_observed = |user: &u32| !with_truth || case.relevant.0.contains_key(user);
    (0..case.n_users).filter(is_observed).for_each(|user| exposure.observe(lists.of_user(user)));
    exposure
}

/// The value of a catalogue metric over `items`.
fn exposed(
    metric: impl CatalogueMetric,
    case: &ListsCase,
    k: usize,
    items: impl Iterator<Item = u32>,
) -> Option<f64> {
    metric.measure(&exposure(case, k, items, false))
}

/// The items of training that fewest users met: a share of them, as RecBole counts.
fn tail(case: &ListsCase, share: f64) -> TailShare {
    let counts = case.train.counts(case.n_items);
    let mut met: Vec<u32> = (0..case.n_items).filter(|&item| counts[item as usize] > 0).collect();
    met.sort_by_key(|&item| (counts[item as usize], item));
    met.truncate(((met.len() as f64 * share) as usize).max(1));
    TailShare::new(met)
}

fn catalogue() -> Vec<Row> {
    vec![
        row(
            "Coverage@k",
            REPLAY,
            "Coverage",
            Whole(|case, k| exposed(Coverage, case, k, case.train.0.values().flatten().copied())),
        )
        .note("the catalogue are the items of training"),
        row(
            "Coverage@k",
            RECTOOLS,
            "CatalogCoverage(normalize=True)",
            Whole(|case, k| exposed(Coverage, case, k, 0..case.n_items)),
        )
        .note("the catalogue are all items; RecTools counts recommended items outside it above the line"),
        row(
            "Coverage@k",
            RECBOLE,
            "itemcoverage",
            Whole(|case, k| exposed(Coverage, case, k, 0..case.n_items)),
        )
        .note("the catalogue are all items; RecBole counts its padding item below the line"),
        row(
            "TailShare@k",
            RECBOLE,
            "tailpercentage(tail_ratio=0.3)",
            Whole(|case, k| exposed(tail(case, 0.3), case, k, 0..case.n_items)),
        )
        .note("the same tail given; RecBole averages over users, which is the same for lists of one length"),
        row(
            "UserCoverage@k",
            RECTOOLS,
            "CoveredUsers",
            Whole(|case, k| UserCoverage.measure(&exposure(case, k, 0..case.n_items, true))),
        )
        .note("users with relevant items alone, as RecTools takes them"),
        row("Gini@k", RECBOLE, "giniindex", Whole(|case, k| exposed(Gini, case, k, 0..case.n_items)))
            .note("the catalogue are all items; RecBole counts its padding item as one more"),
        row("Entropy@k", SCIPY, "stats.entropy", Whole(|case, k| exposed(Entropy, case, k, 0..case.n_items))),
        row(
            "Entropy@k, divided by the number of items recommended",
            RECBOLE,
            "shannonentropy",
            Whole(|case, k| {
                let exposure = exposure(case, k, 0..case.n_items, false);
                let n_recommended = exposure.counts().iter().filter(|&&count| count > 0).count();
                Some(Entropy.measure(&exposure)? / n_recommended as f64)
            }),
        )
        .note("RecBole divides, its formula does not"),
    ]
}

fn spread() -> Vec<Row> {
    let half_width = |values: &[f64]| {
        let interval = normal_interval(values, Confidence::default())?;
        Some((interval.upper - interval.lower) / 2.0)
    };
    vec![
        row("median of NDCG@k", REPLAY, "NDCG(mode=Median())", Spread(NDCG, median)),
        row("median of Recall@k", REPLAY, "Recall(mode=Median())", Spread(RECALL, median)),
        row(
            "normal interval of NDCG@k",
            REPLAY,
            "NDCG(mode=ConfidenceInterval(0.95))",
            Spread(NDCG, half_width),
        )
        .note("RePlay gives half of the interval's width"),
        row(
            "normal interval of Recall@k",
            REPLAY,
            "Recall(mode=ConfidenceInterval(0.95))",
            Spread(RECALL, half_width),
        )
        .note("RePlay gives half of the interval's width"),
    ]
}
