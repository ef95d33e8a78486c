//! Where libraries differ, in words, shown by values wherever the cases have one.

use super::beyond_table::{HAMMING_DIVERSITY, SERENDIPITY, UNEXPECTEDNESS, UNSEEN_SHARE};
use super::fixtures::{
    RECBOLE, RECTOOLS, REPLAY, Reference, SCIPY, SKLEARN, debiased, lists_cases, of_lists, of_rows,
};
use super::lists::{OfUser, measure};

/// What libraries give for the cases.
struct Values(Vec<(&'static str, Vec<Reference>)>);

impl Values {
    fn load() -> Self {
        Values(of_lists().into_iter().chain(of_rows()).collect())
    }

    /// The value of a case, with three digits.
    fn of(&self, library: &str, name: &str, case: &str, k: Option<usize>) -> String {
        format!("{:.3}", self.find(library, name, case, k).value.unwrap())
    }

    fn find(&self, library: &str, name: &str, case: &str, k: Option<usize>) -> &Reference {
        let of_library = self.0.iter().filter(|(other, _)| *other == library).flat_map(|(_, found)| found);
        let mut found = of_library.filter(|found| found.name == name && found.case == case && found.k == k);
        found.next().unwrap()
    }
}

const FULL: &str = "full lists";
const SHORT: &str = "short lists, missing users";
const LONG: &str = "truth longer than k";
const ONE: &str = "one relevant item";
const TEN: Option<usize> = Some(10);

/// One paragraph for each subject.
pub(crate) fn differences() -> Vec<String> {
    let values = Values::load();
    [ranking(&values), beyond(&values), rows(&values)].into_iter().flatten().collect()
}

fn ranking(values: &Values) -> Vec<String> {
    let replay = |name, case| values.of(REPLAY, name, case, TEN);
    let rectools = |name, case| values.of(RECTOOLS, name, case, TEN);
    let sklearn = |name, case| values.of(SKLEARN, name, case, TEN);
    vec![
        format!(
            "**Ties.** We put the higher score first, and of tied items the one with the smaller index. RePlay puts \
             the larger item first (pandas, polars and Spark alike; only `CategoricalDiversity`, and `Coverage` of \
             polars and Spark, sort by the score alone). RecTools takes ranks and never sees scores. RecBole takes \
             `torch.topk`, whose order of tied items is not specified. scikit-learn's `ndcg_score` averages over \
             the orders of tied items. On \"{LONG}\", scores handed over as they are, NDCG@10 is {} here, {} in \
             RePlay, {} in scikit-learn.",
            replay("NDCG", LONG),
            replay("NDCG, tied scores", LONG),
            sklearn("ndcg_score, tied scores", LONG),
        ),
        "**Users in the mean of hits.** Here, in RePlay and in RecTools: all users with relevant items; one without \
         a list counts 0, one without relevant items stays out. RecBole evaluates the users of the part that is \
         evaluated and knows neither missing nor short lists; they were filled up with misses for the comparison. \
         scikit-learn's `ndcg_score` counts a user without relevant items as 0."
            .to_owned(),
        format!(
            "**NDCG.** Here, in RePlay and in RecBole the ideal list has min(k, |R|) hits; in RecTools it has k, unless \
             `divide_by_achievable=True`. On \"{ONE}\": {} and {} for k = 10. Grades count in scikit-learn \
             alone, linearly; hand it 2^g - 1 for the exponential gain.",
            replay("NDCG", ONE),
            rectools("NDCG", ONE),
        ),
        format!(
            "**MAP.** Divided by min(k, |R|) here, in RePlay and in RecBole; by |R| in RecTools; by k there with \
             `divide_by_k=True`. On \"{LONG}\" for k = 10: {}, {}, {}.",
            replay("MAP", LONG),
            rectools("MAP", LONG),
            rectools("MAP(divide_by_k=True)", LONG),
        ),
        format!(
            "**Precision.** Here and in RePlay, RecTools and RecBole it divides by k, also where the list is shorter. What RecTools calls R-precision is \
             cut at k: hits / min(k, |R|), here AchievablePrecision. RPrecision, the textbook's, has no k. On \
             \"{LONG}\": precision {}, achievable precision {} for k = 10, R-precision {}.",
            replay("Precision", LONG),
            rectools("Precision(r_precision=True)", LONG),
            values.of(REPLAY, "Recall(k = relevant items)", LONG, None),
        ),
        format!(
            "**Area under the curve of a list.** RePlay's `RocAuc`, here RocAUC@k, orders the items of the list \
             alone: relevant items that were not recommended do not matter, a list of hits alone counts 1, of \
             misses alone 0. RecTools' `PartialAUC` and `PAP` count relevant items that were not recommended as \
             lost; their k is a number of misses. On \"{LONG}\" for k = 10: {}, {}, {}.",
            replay("RocAuc", LONG),
            rectools("PartialAUC", LONG),
            rectools("PAP", LONG),
        ),
        "**Repeated pairs.** Here an item counts once among a user's relevant items. In RePlay's Recall too, while \
         its NDCG and MAP (not on Spark) take the number of rows for |R|; in RecTools every repeated row counts as one more \
         relevant item. The cases have none."
            .to_owned(),
        format!(
            "**Debiased truth.** RecTools draws the rows that stay with NumPy's generator, which we cannot repeat; \
             the comparison is made on the truth that its draws left, {} of {} rows of \"{LONG}\". A user who loses \
             all rows leaves the mean.",
            debiased()[LONG].n_rows(),
            lists_cases().iter().find(|case| case.name == LONG).unwrap().relevant.n_rows(),
        ),
    ]
}

fn beyond(values: &Values) -> Vec<String> {
    let cases = lists_cases();
    let short = cases.iter().find(|case| case.name == SHORT).unwrap();
    let ours =
        |metric: OfUser| format!("{:.3}", measure(short, short.truth(), metric(short, 10)).mean.unwrap());
    let replay = |name| values.of(REPLAY, name, SHORT, TEN);
    let rectools = |name| values.of(RECTOOLS, name, SHORT, TEN);
    vec![
        format!(
            "**Users in the mean of metrics without truth.** Here, in RecTools and in RePlay: all users with a list. \
             Only RePlay's `Novelty` takes the users of the training part instead: one without a list counts 1, one \
             with a list but without a training row stays out. With an empty training part it fails, on pandas \
             as on polars; here every item is unseen then. On \"{SHORT}\" for k = 10: {} there, {} here \
             (UnseenShare).",
            replay("Novelty"),
            ours(UNSEEN_SHARE),
        ),
        format!(
            "**Lists shorter than k.** `Surprisal` and `CategoricalDiversity` divide by k in RePlay, and here too. \
             `Unexpectedness` does in RePlay, so that an item which was never recommended counts as unexpected, while \
             a user without a base list counts 0; here it divides by the items there are, and all are unexpected \
             without a base list. On \"{SHORT}\" for k = 10: {} and {}. `Novelty` and RecTools' metrics divide by the \
             items there are, as we do.",
            replay("Unexpectedness"),
            ours(UNEXPECTEDNESS),
        ),
        format!(
            "**Nothing to compare.** A list of one item has no pair: IntraListDiversity is undefined here, 0 in RecTools. \
             Without relevant items Serendipity is undefined here, 0 in RecTools. On \"{SHORT}\" for k = 10: {} and {} \
             here, {} and {} there.",
            ours(HAMMING_DIVERSITY),
            ours(SERENDIPITY),
            rectools("IntraListDiversity(Hamming)"),
            rectools("Serendipity"),
        ),
        "**Items that training does not know.** InverseUserFrequency and Surprisal take them for items that one user \
         met, as RecTools and RePlay do; AveragePopularity for items of no rows, as RecTools and RecBole do. \
         Popularity counts rows, the other two count users."
            .to_owned(),
        "**Coverage.** The catalogue is given. RePlay takes the items of training and counts only recommended items \
         of it, as we do. RecTools counts every recommended item, also outside the catalogue. RecBole's number of \
         items includes its padding item, so that its coverage does not reach 1; here it was given the number \
         without it."
            .to_owned(),
        format!(
            "**Entropy.** RecBole divides the entropy by the number of items recommended, which its formula does not say: \
             it falls when recommendations spread over more items. On \"{FULL}\" for k = 10: {} there, {} here and in \
             SciPy.",
            values.of(RECBOLE, "shannonentropy", FULL, TEN),
            values.of(SCIPY, "stats.entropy", FULL, TEN),
        ),
        "**Digits.** RecBole rounds what it reports to four digits; compared are its values before that."
            .to_owned(),
    ]
}

fn rows(values: &Values) -> Vec<String> {
    let of_rows = |library, name| values.of(library, name, "continuous", None);
    vec![
        format!(
            "**Grouped AUC.** Users weigh as many as they have rows in GAUC, following Zhou et al. (2018), and as many as \
             they have positives in RecBole and in GAUC(positives). Users of one class stay out of both. On \
             \"continuous\": {} and {}.",
            of_rows(SKLEARN, "roc_auc_score by user, weighted by rows"),
            of_rows(RECBOLE, "gauc"),
        ),
        "**Bins of calibration.** A score at the bound of two bins of equal width belongs to the upper bin here, to \
         the lower one in scikit-learn's `calibration_curve`. Bins of equal mass are the same."
            .to_owned(),
        "**One class only.** Without negatives or without positives scikit-learn gives NaN \
         (`roc_auc_score`), 0 (`matthews_corrcoef`) or the recall of the class that is there \
         (`balanced_accuracy_score`); without positives `average_precision_score` gives 0. Here these values are \
         undefined."
            .to_owned(),
    ]
}
