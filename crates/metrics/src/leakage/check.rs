//! Finding the rows of each kind.

use rayon::prelude::*;

use super::{Finding, FindingKind, MAX_EXAMPLES, Part};

pub(super) fn check(train: &Part<'_>, test: &Part<'_>) -> Vec<Finding> {
    let train_pairs = sorted(train.pairs().collect());
    let seen_pair = |pair: u64| train_pairs.binary_search(&pair).is_ok();
    // The pairs are ordered by user first.
    let seen_user = |user: u32| {
        let first = train_pairs.partition_point(|&pair| pair < u64::from(user) << 32);
        train_pairs.get(first).is_some_and(|&pair| pair >> 32 == u64::from(user))
    };

    let mut findings = vec![
        select(FindingKind::PairInBoth, test.pairs().map(|pair| (seen_pair(pair), pair))),
        duplicates(FindingKind::DuplicateInTrain, train),
        duplicates(FindingKind::DuplicateInTest, test),
        select(FindingKind::UnseenUser, test.users.iter().map(|&user| (!seen_user(user), user.into()))),
    ];
    drop(train_pairs);

    let train_items = sorted(train.items.iter().map(|&item| item.into()).collect());
    let seen_item = |item: u32| train_items.binary_search(&item.into()).is_ok();
    let items = test.items.iter().map(|&item| (!seen_item(item), item.into()));
    findings.push(select(FindingKind::UnseenItem, items));
    drop(train_items);

    if let (Some(train_times), Some(test_times)) = (train.timestamps, test.timestamps) {
        let last = train_times.iter().max();
        let rows = || test_times.iter().zip(test.users);
        let not_after = rows().map(|(time, &user)| (last.is_some_and(|last| time <= last), user.into()));
        findings.push(select(FindingKind::NotAfterTraining, not_after));

        let last_of_users = last_of_users(train.users, train_times);
        let before_own = rows().map(|(&time, &user)| {
            let of_user = last_of_users.binary_search_by_key(&user, |&(user, _)| user);
            (of_user.is_ok_and(|i| time < last_of_users[i].1), user.into())
        });
        findings.push(select(FindingKind::BeforeOwnTraining, before_own));
    }
    findings
}

/// Ascending, each value once.
fn sorted(mut values: Vec<u64>) -> Vec<u64> {
    values.par_sort_unstable();
    values.dedup();
    values
}

/// Each user's last time, by ascending user.
fn last_of_users(users: &[u32], times: &[i64]) -> Vec<(u32, i64)> {
    let mut rows: Vec<(u32, i64)> = users.iter().copied().zip(times.iter().copied()).collect();
    // The latest first, which is the one that dedup keeps.
    rows.par_sort_unstable_by(|left, right| left.0.cmp(&right.0).then(right.1.cmp(&left.1)));
    rows.dedup_by_key(|row| row.0);
    rows
}

/// The rows whose pair an earlier row has.
fn duplicates(kind: FindingKind, part: &Part<'_>) -> Finding {
    let mut rows: Vec<(u64, usize)> = part.pairs().zip(0..).collect();
    rows.par_sort_unstable();
    let same_pair = |left: &(u64, usize), right: &(u64, usize)| left.0 == right.0;
    let repeated = || rows.chunk_by(same_pair).filter(|rows| rows.len() > 1);
    // Of each pair the first row is none.
    let mut examples = Vec::new();
    for &(_, row) in repeated().flat_map(|rows| &rows[1..]) {
        let place = examples.partition_point(|&example| example < row);
        if place < MAX_EXAMPLES {
            examples.insert(place, row);
            examples.truncate(MAX_EXAMPLES);
        }
    }
    let n_rows = repeated().map(|rows| rows.len() - 1).sum();
    let share = share(n_rows, part.n_rows());
    Finding { kind, n_rows, n_distinct: repeated().count(), share, examples }
}

/// The rows that are marked; beside the mark stands what is counted as distinct.
fn select(kind: FindingKind, rows: impl ExactSizeIterator<Item = (bool, u64)>) -> Finding {
    let n = rows.len();
    let mut examples = Vec::new();
    let mut of = Vec::new();
    for (row, (_, id)) in rows.enumerate().filter(|&(_, (marked, _))| marked) {
        if examples.len() < MAX_EXAMPLES {
            examples.push(row);
        }
        of.push(id);
    }
    let n_rows = of.len();
    Finding { kind, n_rows, n_distinct: sorted(of).len(), share: share(n_rows, n), examples }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::super::LeakageReport;
    use super::*;

    fn counts(report: &LeakageReport) -> Vec<(usize, usize, Vec<usize>)> {
        report.findings().iter().map(|f| (f.n_rows, f.n_distinct, f.examples.clone())).collect()
    }

    #[test]
    fn every_kind_is_counted_with_its_first_rows() {
        let train = Part::new(&[1, 2, 1, 1, 2], &[10, 10, 11, 10, 12]).unwrap();
        let train = train.with_timestamps(&[5, 1, 3, 2, 7]).unwrap();
        let test = Part::new(&[1, 3, 2, 3, 1], &[10, 99, 11, 99, 98]).unwrap();
        let test = test.with_timestamps(&[8, 7, 6, 9, 5]).unwrap();
        let report = LeakageReport::new(&train, &test);
        assert_eq!(
            counts(&report),
            [
                (1, 1, vec![0]),       // (1, 10) is in both
                (1, 1, vec![3]),       // (1, 10) again in training
                (1, 1, vec![3]),       // (3, 99) again in test
                (2, 1, vec![1, 3]),    // user 3
                (3, 2, vec![1, 3, 4]), // items 99 and 98
                (3, 3, vec![1, 2, 4]), // the last training row is at 7
                (1, 1, vec![2]),       // user 2's is at 7, user 1's at 5
            ]
        );
        assert_eq!(report.finding(FindingKind::DuplicateInTrain).unwrap().share, Some(1.0 / 5.0));
        assert_eq!(report.finding(FindingKind::UnseenItem).unwrap().share, Some(3.0 / 5.0));
        assert!(report.findings().is_sorted_by_key(|finding| finding.kind));
        assert!(!report.is_clean());
    }

    #[test]
    fn time_is_left_out_where_a_part_has_none() {
        let train = Part::new(&[1, 1], &[10, 10]).unwrap();
        let test = Part::new(&[2], &[11]).unwrap().with_timestamps(&[1]).unwrap();
        let report = LeakageReport::new(&train, &test);
        assert_eq!(report.findings().len(), 5);
        assert_eq!(report.finding(FindingKind::NotAfterTraining), None);
        // A duplicate and an unseen user are worth knowing, but give nothing away.
        assert!(report.is_clean());
    }

    #[test]
    fn no_more_examples_than_a_handful() {
        let rows = [7; 20];
        let part = Part::new(&rows, &rows).unwrap();
        let report = LeakageReport::new(&part, &part);
        let both = report.finding(FindingKind::PairInBoth).unwrap();
        assert_eq!((both.n_rows, both.examples.clone()), (20, vec![0, 1, 2, 3, 4]));
        let twice = report.finding(FindingKind::DuplicateInTest).unwrap();
        assert_eq!((twice.n_rows, twice.examples.clone()), (19, vec![1, 2, 3, 4, 5]));
    }

    #[test]
    fn empty_parts_are_clean_and_have_no_shares() {
        let nothing = Part::new(&[], &[]).unwrap().with_timestamps(&[]).unwrap();
        let report = LeakageReport::new(&nothing, &nothing);
        assert!(report.is_clean());
        assert!(report.findings().iter().all(|f| (f.n_rows, f.share) == (0, None)));
    }
}
