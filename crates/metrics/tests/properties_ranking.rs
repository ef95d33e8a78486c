//! What must hold of ranking, catalogue and other list metrics for every input.

use std::sync::Arc;

use burn_recsys_metrics::Lists;
use burn_recsys_metrics::beyond::{
    AveragePopularity, CategoricalDiversity, CategorySets, CosineDistance, HammingDistance,
    IntraListDiversity, InverseUserFrequency, ItemPopularity, JaccardDistance, Overlap, Serendipity,
    Surprisal, Unexpectedness, UnseenShare,
};
use burn_recsys_metrics::catalogue::{CatalogueMetric, Coverage, Entropy, Exposure, Gini, UserCoverage};
use burn_recsys_metrics::ranking::{
    AchievablePrecision, Divisor, FBeta, Gain, HitRate, Ideal, JudgedList, MeanAveragePrecision,
    MeanReciprocalRank, Ndcg, PartialAuc, PartialAucPrecision, RPrecision, RankBiasedPrecision,
    RankingMetric, Recall, RocAuc, all_metrics,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

const N_USERS: u32 = 9;
/// In the training part; more are recommended.
const N_ITEMS: u32 = 30;
const N_WITH_COLD: u32 = 40;

type Metrics = Vec<Box<dyn RankingMetric>>;

#[derive(Debug, Clone)]
struct Case {
    user: u32,
    recommended: Vec<u32>,
    relevant: Vec<u32>,
    grades: Vec<f64>,
}

impl Case {
    fn judged(&self) -> JudgedList<'_> {
        self.judge(&self.recommended)
    }

    fn judge<'a>(&'a self, recommended: &'a [u32]) -> JudgedList<'a> {
        let list = JudgedList::new(recommended, &self.relevant).unwrap().of_user(self.user);
        list.with_grades(&self.grades).unwrap()
    }
}

fn list(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u32>> {
    let items = Just((0..N_WITH_COLD).collect::<Vec<u32>>()).prop_shuffle();
    (items, length).prop_map(|(mut items, length)| {
        items.truncate(length);
        items
    })
}

fn case() -> impl Strategy<Value = Case> {
    let grade = prop_oneof![Just(0.0), Just(1.0), 0.0..6.0, Just(1e300)];
    (0..N_USERS + 2, list(0..25), btree_map(0..N_WITH_COLD, grade, 0..15)).prop_map(
        |(user, recommended, judged)| {
            let (relevant, grades) = judged.into_iter().unzip();
            Case { user, recommended, relevant, grades }
        },
    )
}

fn variants(k: usize) -> Metrics {
    let ndcg = || Ndcg::new(k).unwrap();
    let map = || MeanAveragePrecision::new(k).unwrap();
    vec![
        Box::new(RPrecision),
        Box::new(ndcg().with_ideal(Ideal::Full)),
        Box::new(ndcg().with_gain(Gain::Linear)),
        Box::new(ndcg().with_gain(Gain::Exponential)),
        Box::new(ndcg().with_gain(Gain::Linear).with_ideal(Ideal::Full)),
        Box::new(ndcg().with_gain(Gain::Exponential).with_ideal(Ideal::Full)),
        Box::new(map().with_divisor(Divisor::Relevant)),
        Box::new(map().with_divisor(Divisor::Cutoff)),
        Box::new(FBeta::new(k, 0.3).unwrap()),
        Box::new(FBeta::new(k, 7.0).unwrap()),
        Box::new(RankBiasedPrecision::new(k, 0.999).unwrap()),
    ]
}

fn training() -> (Vec<u32>, Vec<u32>) {
    let rows = (0..200_u32).map(|row| (row * row % N_USERS, row * row / 7 % (row % N_ITEMS + 1)));
    rows.unzip()
}

fn popularity() -> Arc<ItemPopularity> {
    let (users, items) = training();
    Arc::new(ItemPopularity::of_pairs(N_USERS as usize, N_ITEMS as usize, &users, &items).unwrap())
}

fn others() -> Lists {
    Lists::from_rows((0..N_USERS).map(|user| (0..user).map(|i| (i * 7 + user) % 41).collect::<Vec<u32>>()))
}

fn categories() -> Arc<CategorySets> {
    Arc::new(CategorySets::from_rows((0..N_ITEMS).map(|item| vec![item % 3, item % 5, item % 2 + 9])))
}

/// With the highest value that each may have.
fn beyond(k: usize) -> Vec<(Box<dyn RankingMetric>, f64)> {
    let (users, items) = training();
    let histories = Arc::new(Lists::of_pairs(N_USERS as usize, &users, &items).unwrap());
    let single: Arc<[u32]> = (0..N_ITEMS).map(|item| item % 4).collect();
    let vectors: Vec<f32> = (0..N_ITEMS * 3).map(|i| (i * i % 17) as f32 - 7.5).collect();
    let cosine = CosineDistance::new(vectors, 3).unwrap();
    let jaccard = JaccardDistance::new(categories());
    vec![
        (Box::new(UnseenShare::new(k, histories).unwrap()), 1.0),
        (Box::new(InverseUserFrequency::new(k, popularity()).unwrap()), f64::from(N_USERS).log2()),
        (Box::new(Surprisal::new(k, popularity()).unwrap()), 1.0),
        (Box::new(AveragePopularity::new(k, popularity()).unwrap()), 200.0),
        (Box::new(AveragePopularity::new(k, popularity()).unwrap().normalized()), 1.0),
        (Box::new(Unexpectedness::new(k, &others()).unwrap()), 1.0),
        (Box::new(Overlap::new(k, &others()).unwrap()), 1.0),
        (Box::new(CategoricalDiversity::new(k, single).unwrap()), 1.0),
        (Box::new(IntraListDiversity::new(k, Arc::new(jaccard)).unwrap().with_name("jaccard")), 1.0),
        (Box::new(IntraListDiversity::new(k, Arc::new(cosine)).unwrap().with_name("cosine")), 2.0),
        (Box::new(Serendipity::new(k, popularity(), N_WITH_COLD as usize).unwrap()), 1.0),
    ]
}

fn close(left: Option<f64>, right: Option<f64>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => (left - right).abs() < 1e-12,
        _ => left == right,
    }
}

proptest! {
    #[test]
    fn values_keep_their_bounds(case in case(), k in 1..30_usize) {
        let judged = case.judged();
        for metric in all_metrics(k).unwrap().into_iter().chain(variants(k)) {
            let value = metric.measure(&judged);
            let all_zero = case.grades.iter().all(|&grade| grade == 0.0);
            let graded = metric.label().contains("linear") || metric.label().contains("exponential");
            let undefined = case.relevant.is_empty() || graded && all_zero;
            prop_assert_eq!(value.is_none(), undefined, "{}", metric.label());
            prop_assert!(value.is_none_or(|v| (0.0..=1.0).contains(&v)), "{} {value:?}", metric.label());
        }
        for (metric, highest) in beyond(k) {
            let value = metric.measure(&judged);
            prop_assert!(value.is_none_or(|v| (0.0..=highest).contains(&v)), "{} {value:?}", metric.label());
            let nothing = case.judge(&[]);
            prop_assert_eq!(metric.measure(&nothing), None, "{}", metric.label());
        }
    }

    #[test]
    fn ranks_beyond_the_cutoff_do_not_matter(case in case(), k in 1..20_usize) {
        let cut = &case.recommended[..case.recommended.len().min(k)];
        let (whole, cut) = (case.judged(), case.judge(cut));
        let beyond = beyond(k).into_iter().map(|(metric, _)| metric);
        for metric in all_metrics(k).unwrap().into_iter().chain(variants(k)).chain(beyond) {
            // These look further by definition.
            if ["PartialAUC", "PAp", "RPrecision"].iter().any(|other| metric.label().starts_with(other)) {
                continue;
            }
            prop_assert_eq!(metric.measure(&whole), metric.measure(&cut), "{}", metric.label());
        }
    }

    #[test]
    fn metrics_that_say_so_do_not_look_at_relevance(case in case(), k in 1..20_usize) {
        let unjudged = JudgedList::new(&case.recommended, &[]).unwrap().of_user(case.user);
        for (metric, _) in beyond(k) {
            if !metric.uses_relevance() {
                let value = metric.measure(&case.judged());
                prop_assert_eq!(value, metric.measure(&unjudged), "{}", metric.label());
            }
        }
    }

    #[test]
    fn deeper_cutoffs_never_lose(case in case(), k in 1..25_usize) {
        let judged = case.judged();
        let at = |k: usize| -> [Option<f64>; 4] {
            [
                Recall::new(k).unwrap().measure(&judged),
                HitRate::new(k).unwrap().measure(&judged),
                MeanReciprocalRank::new(k).unwrap().measure(&judged),
                RankBiasedPrecision::new(k, 0.8).unwrap().measure(&judged),
            ]
        };
        for (shallow, deep) in at(k).into_iter().zip(at(k + 1)) {
            prop_assert!(shallow <= deep);
        }
    }

    #[test]
    fn a_hit_moved_to_a_better_rank_never_lowers(mut case in case(), k in 1..20_usize, nth in 0..5_usize) {
        case.grades.fill(2.0);
        let before = case.judged();
        // A hit moves past a miss; two hits that swap change nothing.
        let Some(&rank) = before.hit_ranks().iter().filter(|&&rank| rank > 1).nth(nth) else { return Ok(()) };
        let mut moved = case.recommended.clone();
        moved.swap(rank - 2, rank - 1);
        let after = case.judge(&moved);
        for metric in all_metrics(k).unwrap().into_iter().chain(variants(k)) {
            // RocAUC looks at the order of what is recommended only: a second hit within the cutoff, behind
            // the misses, lowers it.
            if !metric.label().starts_with("RocAUC") {
                prop_assert!(metric.measure(&after) >= metric.measure(&before), "{}", metric.label());
            }
        }
        let whole = RocAuc::new(99).unwrap();
        prop_assert!(whole.measure(&after) >= whole.measure(&before));
    }

    #[test]
    fn the_ideal_list_has_the_value_1(case in case(), k in 1..25_usize) {
        prop_assume!(case.grades.iter().any(|&grade| grade > 0.0));
        let mut by_grade: Vec<usize> = (0..case.relevant.len()).collect();
        by_grade.sort_by(|&a, &b| case.grades[b].total_cmp(&case.grades[a]));
        let hits = by_grade.iter().map(|&position| case.relevant[position]);
        let misses = (0..N_WITH_COLD).filter(|item| !case.relevant.contains(item));
        let ideal: Vec<u32> = hits.chain(misses).collect();
        let judged = case.judge(&ideal);
        let ndcg = |gain| Ndcg::new(k).unwrap().with_gain(gain).measure(&judged);
        for gain in [Gain::Binary, Gain::Linear, Gain::Exponential] {
            prop_assert_eq!(ndcg(gain), Some(1.0), "{:?}", gain);
        }
        prop_assert_eq!(MeanAveragePrecision::new(k).unwrap().measure(&judged), Some(1.0));
        prop_assert_eq!(AchievablePrecision::new(k).unwrap().measure(&judged), Some(1.0));
        prop_assert_eq!(RPrecision.measure(&judged), Some(1.0));
        prop_assert_eq!(RocAuc::new(k).unwrap().measure(&judged), Some(1.0));
        prop_assert_eq!(PartialAuc::new(k).unwrap().measure(&judged), Some(1.0));
        prop_assert_eq!(PartialAucPrecision::new(k).unwrap().measure(&judged), Some(1.0));
        let n_relevant = case.relevant.len();
        prop_assert_eq!(FBeta::new(n_relevant, 0.7).unwrap().measure(&judged), Some(1.0));
        let full = Ndcg::new(k).unwrap().with_ideal(Ideal::Full).measure(&judged);
        prop_assert_eq!(full == Some(1.0), k <= n_relevant);
    }

    #[test]
    fn areas_equal_counting_all_pairs(case in case(), k in 1..12_usize) {
        prop_assume!(!case.relevant.is_empty());
        let judged = case.judged();
        // A relevant item that is not recommended stands behind everything.
        let place = |item: &u32| case.recommended.iter().position(|other| other == item).unwrap_or(usize::MAX);
        let mut positives: Vec<usize> = case.relevant.iter().map(place).collect();
        positives.sort_unstable();
        // Misses that the list lacks are behind the hits that it has.
        let misses = (0..case.recommended.len()).filter(|&rank| !case.relevant.contains(&case.recommended[rank]));
        let misses: Vec<usize> = misses.chain(std::iter::repeat(usize::MAX)).take(k).collect();
        let share = |positives: &[usize]| {
            let won = positives.iter().flat_map(|p| misses.iter().filter(move |&m| p < m)).count();
            Some(won as f64 / (positives.len() * k) as f64)
        };
        prop_assert_eq!(PartialAuc::new(k).unwrap().measure(&judged), share(&positives));
        positives.truncate(k);
        prop_assert_eq!(PartialAucPrecision::new(k).unwrap().measure(&judged), share(&positives));
    }

    #[test]
    fn a_list_overlaps_with_itself(case in case(), k in 1..25_usize) {
        prop_assume!(!case.recommended.is_empty());
        let lists = Lists::from_rows((0..=case.user).map(|_| case.recommended.clone()));
        prop_assert_eq!(Overlap::new(k, &lists).unwrap().measure(&case.judged()), Some(1.0));
        prop_assert_eq!(Unexpectedness::new(k, &lists).unwrap().measure(&case.judged()), Some(0.0));
    }

    #[test]
    fn unexpected_is_what_does_not_overlap(case in case(), k in 1..25_usize) {
        let overlap = Overlap::new(k, &others()).unwrap().measure(&case.judged());
        let unexpected = Unexpectedness::new(k, &others()).unwrap().measure(&case.judged());
        prop_assert!(close(overlap.map(|overlap| 1.0 - overlap), unexpected));
    }

    #[test]
    fn diversity_does_not_depend_on_the_order(
        (one, other) in list(0..25).prop_flat_map(|items| (Just(items.clone()), Just(items).prop_shuffle())),
    ) {
        let judged = [&one, &other].map(|items| JudgedList::new(items, &[]).unwrap());
        // Whole numbers and their sums are exact.
        let hamming = IntraListDiversity::new(25, Arc::new(HammingDistance::new(categories()))).unwrap();
        prop_assert_eq!(hamming.measure(&judged[0]), hamming.measure(&judged[1]));
        let jaccard = IntraListDiversity::new(25, Arc::new(JaccardDistance::new(categories()))).unwrap();
        prop_assert!(close(jaccard.measure(&judged[0]), jaccard.measure(&judged[1])));
    }

    #[test]
    fn uniform_exposure_is_equal_and_of_the_highest_entropy(n_items in 1..60_u32, k in 1..60_u32, rounds in 1..4) {
        // Each item starts one list: all stand at each rank equally often.
        let mut exposure = Exposure::new(k as usize, 0..n_items).unwrap();
        for _ in 0..rounds {
            for first in 0..n_items {
                let list: Vec<u32> = (0..k.min(n_items)).map(|step| (first + step) % n_items).collect();
                exposure.observe(&list);
            }
        }
        prop_assert_eq!(Gini.measure(&exposure), Some(0.0));
        prop_assert!(close(Entropy.measure(&exposure), Some(f64::from(n_items).ln())));
        prop_assert_eq!(UserCoverage.measure(&exposure), Some(1.0));
    }

    #[test]
    fn catalogue_values_keep_their_bounds(lists in vec(list(0..9), 0..20), k in 1..9_usize) {
        let mut exposure = Exposure::new(k, 0..N_ITEMS).unwrap();
        lists.iter().for_each(|list| exposure.observe(list));
        let n_items = f64::from(N_ITEMS);
        let bounds: [(&dyn CatalogueMetric, f64); 4] = [
            (&Coverage, 1.0),
            (&UserCoverage, 1.0),
            (&Gini, 1.0 - 1.0 / n_items),
            (&Entropy, n_items.ln() + 1e-12),
        ];
        for (metric, highest) in bounds {
            let value = metric.measure(&exposure);
            prop_assert!(value.is_none_or(|v| (0.0..=highest).contains(&v)), "{} {value:?}", metric.label(k));
        }
        let n_recommended: u64 = exposure.counts().iter().sum();
        prop_assert_eq!(Gini.measure(&exposure).is_some(), n_recommended > 0);
        prop_assert_eq!(Entropy.measure(&exposure).is_some(), n_recommended > 0);
    }
}
