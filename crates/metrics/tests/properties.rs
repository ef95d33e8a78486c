//! What must hold for every input.

use std::collections::BTreeSet;

use burn_recsys_metrics::catalogue::Coverage;
use burn_recsys_metrics::pointwise::{Accuracy, Auc, F1, LogLoss, PointwiseMetric, Predictions};
use burn_recsys_metrics::ranking::{HitRate, JudgedList, Ndcg, RankingMetric, Recall, standard_metrics};
use burn_recsys_metrics::{RankingEvaluator, RankingReport, UserList};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

const N_ITEMS: u32 = 40;

#[derive(Debug, Clone)]
struct Lists {
    recommended: Vec<u32>,
    relevant: Vec<u32>,
}

fn lists() -> impl Strategy<Value = Lists> {
    let recommended = Just((0..N_ITEMS).collect::<Vec<u32>>()).prop_shuffle();
    (recommended, 0..15_usize, btree_set(0..N_ITEMS, 0..12)).prop_map(
        |(mut recommended, length, relevant)| {
            recommended.truncate(length);
            Lists { recommended, relevant: relevant.into_iter().collect() }
        },
    )
}

fn evaluator() -> RankingEvaluator {
    let metrics = [1, 4, 10].into_iter().flat_map(|k| standard_metrics(k).unwrap()).collect();
    let evaluator = RankingEvaluator::new(metrics).unwrap();
    evaluator.with_catalogue(4, 0..N_ITEMS, vec![Box::new(Coverage)]).unwrap()
}

fn user_lists(users: &[Lists]) -> Vec<UserList<'_>> {
    let numbered = (0..).zip(users);
    numbered.map(|(user, lists)| UserList::new(user, &lists.recommended, &lists.relevant)).collect()
}

fn report_in_order(users: &[UserList<'_>]) -> RankingReport {
    let mut evaluator = evaluator();
    users.iter().for_each(|list| evaluator.observe(list.user, list.recommended, list.relevant).unwrap());
    evaluator.finish().unwrap()
}

/// Every number of the report, as bits.
fn bits(report: &RankingReport) -> Vec<(u32, Option<u64>)> {
    let bits = |value: Option<f64>| value.map(f64::to_bits);
    let mut all = Vec::new();
    for summary in report.summaries() {
        all.push((summary.n_undefined as u32, bits(summary.value)));
        if let Ok(users) = report.per_user(&summary.label) {
            all.extend(users.map(|(user, value)| (user, bits(value))));
        }
    }
    all
}

proptest! {
    #[test]
    fn ranking_values_are_fractions(lists in lists(), k in 1..20_usize) {
        let judged = JudgedList::new(&lists.recommended, &lists.relevant).unwrap();
        for metric in standard_metrics(k).unwrap() {
            let value = metric.measure(&judged);
            prop_assert_eq!(value.is_some(), !lists.relevant.is_empty());
            prop_assert!(value.is_none_or(|v| (0.0..=1.0).contains(&v)), "{} {value:?}", metric.label());
        }
    }

    #[test]
    fn longer_lists_never_lose_recall_or_hits(lists in lists(), k in 1..20_usize) {
        let judged = JudgedList::new(&lists.recommended, &lists.relevant).unwrap();
        let recall = |k| Recall::new(k).unwrap().measure(&judged);
        prop_assert!(recall(k) <= recall(k + 1));
        let hit_rate = |k| HitRate::new(k).unwrap().measure(&judged);
        prop_assert!(hit_rate(k) <= hit_rate(k + 1));
    }

    #[test]
    fn the_ideal_list_has_ndcg_1(relevant in btree_set(0..N_ITEMS, 1..20), k in 1..25_usize) {
        let relevant: Vec<u32> = relevant.into_iter().collect();
        let others = (0..N_ITEMS).filter(|item| !relevant.contains(item));
        let ideal: Vec<u32> = relevant.iter().rev().copied().chain(others).collect();
        let judged = JudgedList::new(&ideal, &relevant).unwrap();
        prop_assert_eq!(Ndcg::new(k).unwrap().measure(&judged), Some(1.0));
    }

    #[test]
    fn a_hit_moved_to_a_better_rank_never_lowers_ndcg(lists in lists(), k in 1..20_usize) {
        let ndcg = Ndcg::new(k).unwrap();
        let before = JudgedList::new(&lists.recommended, &lists.relevant).unwrap();
        let Some(&rank) = before.hit_ranks().iter().find(|&&rank| rank > 1) else { return Ok(()) };
        let mut moved = lists.recommended.clone();
        moved.swap(rank - 2, rank - 1);
        let after = JudgedList::new(&moved, &lists.relevant).unwrap();
        prop_assert!(ndcg.measure(&after) >= ndcg.measure(&before));
    }

    #[test]
    fn the_order_of_users_changes_no_bit(
        users in vec(lists(), 0..40),
        seed in any::<u64>(),
    ) {
        let in_order = user_lists(&users);
        let mut shuffled = in_order.clone();
        shuffled.sort_by_key(|list| u64::from(list.user + 1).wrapping_mul(seed | 1));
        prop_assert_eq!(bits(&report_in_order(&in_order)), bits(&report_in_order(&shuffled)));
    }

    #[test]
    fn merged_parts_equal_the_whole(
        users in vec((lists(), 0..3_usize), 0..40),
        order in Just([0, 1, 2]).prop_shuffle(),
    ) {
        let (users, part_of): (Vec<Lists>, Vec<usize>) = users.into_iter().unzip();
        let all = user_lists(&users);
        let whole = evaluator();
        let mut merged = whole.fork();
        for part in order {
            let mut fork = whole.fork();
            for (list, _) in all.iter().zip(&part_of).filter(|&(_, &of)| of == part) {
                fork.observe(list.user, list.recommended, list.relevant).unwrap();
            }
            merged = merged.merge(fork).unwrap();
        }
        prop_assert_eq!(bits(&merged.finish().unwrap()), bits(&report_in_order(&all)));
    }

    #[test]
    fn coverage_is_the_share_of_distinct_items(users in vec(lists(), 0..10)) {
        let distinct: BTreeSet<u32> =
            users.iter().flat_map(|lists| lists.recommended.iter().take(4).copied()).collect();
        let expected = distinct.len() as f64 / f64::from(N_ITEMS);
        let report = report_in_order(&user_lists(&users));
        prop_assert_eq!(report.summary("Coverage@4").unwrap().value, Some(expected));
    }

    #[test]
    fn auc_equals_counting_all_pairs(rows in vec((0..6_i8, any::<bool>()), 0..60)) {
        let (scores, labels): (Vec<f64>, Vec<bool>) =
            rows.iter().map(|&(score, label)| (f64::from(score) - 2.5, label)).unzip();
        let of = |class| rows.iter().filter(move |&&(_, label)| label == class).map(|&(score, _)| score);
        let pairs = || of(true).flat_map(|positive| of(false).map(move |negative| (positive, negative)));
        let won: f64 = pairs()
            .map(|(p, n)| match p.cmp(&n) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            })
            .sum();
        let expected = (pairs().count() > 0).then(|| won / pairs().count() as f64);
        prop_assert_eq!(Auc.measure(&Predictions::new(&scores, &labels).unwrap()).unwrap(), expected);
        let single: Vec<f32> = scores.iter().map(|&score| score as f32).collect();
        prop_assert_eq!(Auc.measure(&Predictions::new(&single, &labels).unwrap()).unwrap(), expected);
    }

    #[test]
    fn inverted_scores_mirror_auc(rows in vec((any::<i16>(), any::<bool>()), 0..60)) {
        let (scores, labels): (Vec<f32>, Vec<bool>) =
            rows.iter().map(|&(score, label)| (f32::from(score), label)).unzip();
        let inverted: Vec<f32> = scores.iter().map(|score| -score).collect();
        let auc = |scores| Auc.measure(&Predictions::new(scores, &labels).unwrap()).unwrap();
        match (auc(&scores), auc(&inverted)) {
            (Some(value), Some(mirrored)) => prop_assert!((value + mirrored - 1.0).abs() < 1e-15),
            (value, mirrored) => prop_assert_eq!(value, mirrored),
        }
    }

    #[test]
    fn pointwise_values_keep_their_bounds(rows in vec((0.0..=1.0_f32, any::<bool>()), 1..60)) {
        let (scores, labels): (Vec<f32>, Vec<bool>) = rows.into_iter().unzip();
        let predictions = Predictions::new(&scores, &labels).unwrap();
        let metrics: [&dyn PointwiseMetric; 3] = [&Auc, &Accuracy::default(), &F1::default()];
        for metric in metrics {
            let value = metric.measure(&predictions).unwrap();
            prop_assert!(value.is_none_or(|v| (0.0..=1.0).contains(&v)), "{} {value:?}", metric.label());
        }
        prop_assert!(LogLoss.measure(&predictions).unwrap().unwrap() >= 0.0);
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    // Several tasks' worth of users, each with lists of its own.
    let users: Vec<Lists> = (0..5_000_u32)
        .map(|user| {
            let step = 2 * (user % 20) + 1;
            let start = user / 7;
            let list = |from: u32, n: u32| (0..n).map(move |i| (from + i * step) % N_ITEMS);
            let recommended: Vec<u32> = distinct(list(start, user % 12));
            let relevant: BTreeSet<u32> = list(start + 3, user % 9).collect();
            Lists { recommended, relevant: relevant.into_iter().collect() }
        })
        .collect();
    let lists = user_lists(&users);
    let expected = bits(&report_in_order(&lists));
    for n_threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let mut evaluator = evaluator();
        pool.install(|| evaluator.observe_all(&lists)).unwrap();
        assert_eq!(bits(&evaluator.finish().unwrap()), expected, "{n_threads} threads");
    }
}

fn distinct(items: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut seen = BTreeSet::new();
    items.filter(|&item| seen.insert(item)).collect()
}
