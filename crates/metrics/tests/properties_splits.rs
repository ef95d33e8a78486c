//! Debiased truth and leakage against counting by brute force.

use std::collections::{BTreeMap, BTreeSet};

use burn_recsys_metrics::debias::Debias;
use burn_recsys_metrics::leakage::{FindingKind, LeakageReport, MAX_EXAMPLES, Part};
use proptest::collection::vec;
use proptest::prelude::*;

type Row = (u32, u32, i64);

fn part() -> impl Strategy<Value = Vec<Row>> {
    vec((0..6_u32, 0..6_u32, -8..8_i64), 0..40)
}

fn columns(rows: &[Row]) -> (Vec<u32>, Vec<u32>, Vec<i64>) {
    let users = rows.iter().map(|row| row.0).collect();
    (users, rows.iter().map(|row| row.1).collect(), rows.iter().map(|row| row.2).collect())
}

fn report(train: &[Row], test: &[Row]) -> LeakageReport {
    let (train, test) = (columns(train), columns(test));
    let train = Part::new(&train.0, &train.1).unwrap().with_timestamps(&train.2).unwrap();
    let test = Part::new(&test.0, &test.1).unwrap().with_timestamps(&test.2).unwrap();
    LeakageReport::new(&train, &test)
}

/// The rows for which `is` holds, given the row's number and the row.
fn rows_where(rows: &[Row], is: impl Fn(usize, &Row) -> bool) -> Vec<usize> {
    rows.iter().enumerate().filter(|&(i, row)| is(i, row)).map(|(i, _)| i).collect()
}

fn repeats(rows: &[Row]) -> Vec<usize> {
    rows_where(rows, |i, row| rows[..i].iter().any(|earlier| (earlier.0, earlier.1) == (row.0, row.1)))
}

proptest! {
    #[test]
    fn findings_are_those_of_comparing_all_rows(train in part(), test in part()) {
        let expected = [
            rows_where(&test, |_, row| train.iter().any(|other| (other.0, other.1) == (row.0, row.1))),
            repeats(&train),
            repeats(&test),
            rows_where(&test, |_, row| train.iter().all(|other| other.0 != row.0)),
            rows_where(&test, |_, row| train.iter().all(|other| other.1 != row.1)),
            rows_where(&test, |_, row| train.iter().any(|other| other.2 >= row.2)),
            rows_where(&test, |_, row| train.iter().any(|other| other.0 == row.0 && other.2 > row.2)),
        ];
        let report = report(&train, &test);
        prop_assert_eq!(report.findings().len(), expected.len());
        for (finding, rows) in report.findings().iter().zip(&expected) {
            let of_train = finding.kind == FindingKind::DuplicateInTrain;
            let part = if of_train { &train } else { &test };
            prop_assert_eq!(finding.n_rows, rows.len(), "{:?}", finding.kind);
            prop_assert_eq!(&finding.examples, &rows[..rows.len().min(MAX_EXAMPLES)], "{:?}", finding.kind);
            let share = (!part.is_empty()).then(|| rows.len() as f64 / part.len() as f64);
            prop_assert_eq!(finding.share, share);
            let distinct: BTreeSet<(u32, u32)> = rows.iter().map(|&row| match finding.kind {
                FindingKind::UnseenItem => (0, part[row].1),
                FindingKind::UnseenUser | FindingKind::NotAfterTraining | FindingKind::BeforeOwnTraining => {
                    (part[row].0, 0)
                }
                _ => (part[row].0, part[row].1),
            }).collect();
            prop_assert_eq!(finding.n_distinct, distinct.len(), "{:?}", finding.kind);
        }
        prop_assert_eq!(report.is_clean(), [0, 5, 6].iter().all(|&i: &usize| expected[i].is_empty()));
    }

    #[test]
    fn debiased_items_keep_as_many_users_as_the_limit_allows(
        rows in vec((0..60_u32, (0..30_u32).prop_map(|i| i * i / 100)), 0..300),
        coefficient in 0.0..2.0_f64,
        seed in any::<u64>(),
    ) {
        let users_of = |rows: &[(u32, u32)]| {
            let mut users: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
            for &(user, item) in rows {
                users.entry(item).or_default().insert(user);
            }
            users
        };
        let debias = Debias::new(coefficient, seed).unwrap();
        let kept = debias.apply(&rows);
        let (before, after) = (users_of(&rows), users_of(&kept));
        let limit = debias.limit(before.values().map(|users| users.len() as u64));
        for (item, users) in &before {
            let expected = users.len().min(limit.unwrap() as usize);
            prop_assert_eq!(after[item].len(), expected);
        }
        // Rows keep their order, and a pair is kept with all its rows or with none.
        let again: Vec<(u32, u32)> =
            rows.iter().filter(|row| after[&row.1].contains(&row.0)).copied().collect();
        prop_assert_eq!(&kept, &again);
        // Other orders keep the same rows.
        let mut shuffled = rows.clone();
        shuffled.sort_by_key(|row| u64::from(row.0 * 31 + row.1 + 1).wrapping_mul(seed | 1));
        let (mut kept, mut other) = (kept, debias.apply(&shuffled));
        kept.sort_unstable();
        other.sort_unstable();
        prop_assert_eq!(kept, other);
    }
}

#[test]
fn the_number_of_threads_changes_no_row() {
    let item_of = |row: u32| (row.wrapping_mul(2_654_435_761) >> 16) % 50;
    let rows: Vec<(u32, u32)> = (0..40_000).map(|row| (row / 4, item_of(row) * item_of(row) / 50)).collect();
    let part: Vec<Row> = rows.iter().map(|row| (row.0, row.1, i64::from(row.0 ^ row.1))).collect();
    let (train, test) = part.split_at(30_000);
    let debias = Debias::new(0.5, 3).unwrap();
    let expected = (debias.apply(&rows), report(train, test));
    assert!(expected.0.len() < rows.len());
    for n_threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        assert_eq!(
            pool.install(|| (debias.apply(&rows), report(train, test))),
            expected,
            "{n_threads} threads"
        );
    }
}
