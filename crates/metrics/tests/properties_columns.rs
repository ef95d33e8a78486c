//! Columns, slices and everything that an evaluator can hold: neither the order of rows, nor threads, nor how the
//! users are parted changes a bit.

use burn_recsys_metrics::catalogue::{Coverage, Entropy, Gini};
use burn_recsys_metrics::ranking::{Gain, Ndcg, all_metrics};
use burn_recsys_metrics::{Grouping, Lists, RankingEvaluator, RankingReport, Summary, Truth, UserList};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

const N_USERS: u32 = 12;
const N_ITEMS: u32 = 15;

type Rows = Vec<(u32, u32, f64)>;

/// Each pair of user and item once, with few different values, so that many tie.
fn rows() -> impl Strategy<Value = Rows> {
    let row = ((0..N_USERS, 0..N_ITEMS), 0..4_u8);
    btree_map(row.0, row.1, 0..80)
        .prop_map(|rows| rows.into_iter().map(|((u, i), value)| (u, i, f64::from(value))).collect())
}

fn columns(rows: &Rows) -> (Vec<u32>, Vec<u32>, Vec<f64>) {
    let (pairs, values): (Vec<(u32, u32)>, Vec<f64>) = rows.iter().map(|&(u, i, v)| ((u, i), v)).unzip();
    let (users, items) = pairs.into_iter().unzip();
    (users, items, values)
}

fn lists(rows: &Rows) -> Lists {
    let (users, items, scores) = columns(rows);
    Lists::by_score(N_USERS as usize, &users, &items, &scores).unwrap()
}

fn truth(rows: &Rows) -> Truth {
    let (users, items, grades) = columns(rows);
    Truth::graded(N_USERS as usize, &users, &items, &grades).unwrap()
}

fn evaluator() -> RankingEvaluator {
    let mut metrics = all_metrics(3).unwrap();
    metrics.push(Box::new(Ndcg::new(3).unwrap().with_gain(Gain::Exponential)));
    let thirds = |n: u32| (0..n).map(|index| [Some(0), Some(1), None][index as usize % 3]);
    RankingEvaluator::new(metrics)
        .unwrap()
        .with_catalogue(3, 0..N_ITEMS, vec![Box::new(Coverage), Box::new(Gini), Box::new(Entropy)])
        .unwrap()
        .with_user_slices(Grouping::new("of users", ["a", "b"], thirds(N_USERS)).unwrap())
        .unwrap()
        .with_item_slices(Grouping::new("of items", ["c", "d"], thirds(N_ITEMS)).unwrap())
        .unwrap()
}

/// Every number of the report, as bits.
fn bits(report: &RankingReport) -> Vec<Vec<Option<u64>>> {
    let of_summary = |summary: &Summary| {
        let values = [summary.value, summary.median, summary.standard_error];
        let counts = [summary.n_defined as u64, summary.n_undefined as u64].map(Some);
        values.map(|value| value.map(f64::to_bits)).into_iter().chain(counts).collect()
    };
    let slices = report.slices().iter().flat_map(|slice| &slice.summaries);
    report.summaries().iter().chain(slices).map(of_summary).collect()
}

fn whole(recommended: &Lists, truth: &Truth) -> RankingReport {
    let mut evaluator = evaluator();
    evaluator.observe_lists(recommended, truth).unwrap();
    evaluator.finish().unwrap()
}

proptest! {
    #[test]
    fn lists_are_sorted_by_score_then_item((rows, shuffled) in rows().prop_flat_map(|rows| {
        (Just(rows.clone()), Just(rows).prop_shuffle())
    })) {
        prop_assert_eq!(lists(&rows), lists(&shuffled));
        prop_assert_eq!(truth(&rows), truth(&shuffled));
        let sorted = lists(&rows);
        for user in 0..N_USERS {
            let mut expected: Vec<(f64, u32)> =
                rows.iter().filter(|row| row.0 == user).map(|&(_, item, score)| (-score, item)).collect();
            expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
            let expected: Vec<u32> = expected.into_iter().map(|(_, item)| item).collect();
            prop_assert_eq!(sorted.of_user(user), expected);
        }
    }

    #[test]
    fn parts_merged_in_any_order_equal_the_whole(
        recommended in rows(),
        relevant in rows(),
        part_of in vec(0..3_usize, N_USERS as usize),
        order in Just([0, 1, 2]).prop_shuffle(),
    ) {
        let (lists, truth) = (lists(&recommended), truth(&relevant));
        let expected = bits(&whole(&lists, &truth));
        let mut merged = evaluator();
        for part in order {
            let mut fork = merged.fork();
            for user in (0..N_USERS).rev().filter(|&user| part_of[user as usize] == part) {
                let (recommended, relevant) = (lists.of_user(user), truth.items().of_user(user));
                if !(recommended.is_empty() && relevant.is_empty()) {
                    let grades = truth.grades_of_user(user);
                    fork.observe_all(&[UserList { user, recommended, relevant, grades }]).unwrap();
                }
            }
            merged = merged.merge(fork).unwrap();
        }
        prop_assert_eq!(bits(&merged.finish().unwrap()), expected);
    }

    #[test]
    fn slices_part_the_whole(recommended in rows(), relevant in rows()) {
        let report = whole(&lists(&recommended), &truth(&relevant));
        let recall = |summaries: &[Summary]| {
            let found = summaries.iter().find(|summary| summary.label == "Recall@3").unwrap();
            (found.value.unwrap_or(0.0) * found.n_defined as f64, found.n_defined + found.n_undefined)
        };
        let users: Vec<_> = report.slices().iter().filter(|slice| slice.grouping == "of users").collect();
        let (sum, n) = users.iter().map(|slice| recall(&slice.summaries)).fold((0.0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        // The users of no slice are missing.
        let (all, n_all) = recall(report.summaries());
        prop_assert!(sum <= all + 1e-12 && n <= n_all);
        let without: Vec<f64> = report.per_user("Recall@3").unwrap()
            .filter(|(user, _)| user % 3 == 2).filter_map(|(_, value)| value).collect();
        prop_assert!((sum + without.iter().sum::<f64>() - all).abs() < 1e-12);
    }
}

#[test]
fn threads_change_no_bit() {
    let n_users = 5_000_u32;
    let rows: Vec<(u32, u32)> =
        (0..n_users).flat_map(|user| (0..6).map(move |n| (user, (user * 7 + n * 5) % 31))).collect();
    let (users, items): (Vec<u32>, Vec<u32>) = rows.into_iter().unzip();
    let scores: Vec<f64> =
        (0..items.len()).map(|row| f64::from((row as u32).wrapping_mul(2_654_435_761) % 97)).collect();
    let result = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let lists = Lists::by_score(n_users as usize, &users, &items, &scores).unwrap();
            let truth = Truth::graded(n_users as usize, &users, &items, &scores).unwrap();
            bits(&whole(&lists, &truth))
        })
    };
    let expected = result(1);
    assert_eq!(result(2), expected);
    assert_eq!(result(5), expected);
}
