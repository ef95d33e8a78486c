//! Finding the rows of each kind.

use rayon::prelude::*;

use super::{Finding, FindingKind, MAX_EXAMPLES, Part};

pub(super) fn check(train: &Part<'_>, test: &Part<'_>) -> Vec<Finding> {
    // Sorted columns are walked side by side: looking each test row up would miss the cache at every step.
    let of_train = sorted(train.pairs().collect());
    let of_test = sorted(test.pairs().collect());
    let of_both = common(&of_test, &of_train);
    let mut findings = vec![
        marked(FindingKind::PairInBoth, test.pairs(), &of_test, &of_both),
        duplicates(FindingKind::DuplicateInTrain, train.pairs(), &of_train),
        duplicates(FindingKind::DuplicateInTest, test.pairs(), &of_test),
    ];
    // Pairs are ordered by user first.
    let user_of = |pairs: Vec<u64>| pairs.into_iter().map(|pair| pair >> 32).collect::<Vec<u64>>();
    let (of_train, of_test) = (user_of(of_train), user_of(of_test));
    let unseen = only_in_first(&of_test, &of_train);
    findings.push(marked(
        FindingKind::UnseenUser,
        test.users.iter().map(|&user| user.into()),
        &of_test,
        &unseen,
    ));
    drop((of_train, of_test));

    let items = |part: &Part<'_>| sorted(part.items.iter().map(|&item| item.into()).collect());
    let (of_train, of_test) = (items(train), items(test));
    let unseen = only_in_first(&of_test, &of_train);
    findings.push(marked(
        FindingKind::UnseenItem,
        test.items.iter().map(|&item| item.into()),
        &of_test,
        &unseen,
    ));
    drop((of_train, of_test));

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

/// Ascending, as often as they are there.
fn sorted(mut values: Vec<u64>) -> Vec<u64> {
    values.par_sort_unstable();
    values
}

/// The values of `first` that `second` has too, each once; both ascend.
fn common(first: &[u64], second: &[u64]) -> Vec<u64> {
    walk(first, second, true)
}

/// The values of `first` that `second` does not have, each once; both ascend.
fn only_in_first(first: &[u64], second: &[u64]) -> Vec<u64> {
    walk(first, second, false)
}

fn walk(first: &[u64], second: &[u64], in_second: bool) -> Vec<u64> {
    let mut at = 0;
    let mut found = Vec::new();
    for values in first.chunk_by(|left, right| left == right) {
        at += second[at..].iter().take_while(|&&value| value < values[0]).count();
        if second.get(at).is_some_and(|&value| value == values[0]) == in_second {
            found.push(values[0]);
        }
    }
    found
}

/// The rows with one of the values `marked`, which ascend; `values` has that of each row and `sorted` the same,
/// ascending.
fn marked(
    kind: FindingKind,
    values: impl ExactSizeIterator<Item = u64>,
    sorted: &[u64],
    marked: &[u64],
) -> Finding {
    let mut at = 0;
    let mut n_rows = 0;
    for &value in marked {
        at += sorted[at..].partition_point(|&other| other < value);
        n_rows += sorted[at..].iter().take_while(|&&other| other == value).count();
    }
    let share = share(n_rows, values.len());
    let rows = values.zip(0..).filter(|(value, _)| marked.binary_search(value).is_ok()).map(|(_, row)| row);
    // Without any there is no need to look.
    let examples = rows.take(if marked.is_empty() { 0 } else { MAX_EXAMPLES }).collect();
    Finding { kind, n_rows, n_distinct: marked.len(), share, examples }
}

/// Each user's last time, by ascending user.
fn last_of_users(users: &[u32], times: &[i64]) -> Vec<(u32, i64)> {
    let mut rows: Vec<(u32, i64)> = users.iter().copied().zip(times.iter().copied()).collect();
    // The latest first, which is the one that dedup keeps.
    rows.par_sort_unstable_by(|left, right| left.0.cmp(&right.0).then(right.1.cmp(&left.1)));
    rows.dedup_by_key(|row| row.0);
    rows
}

/// The rows whose pair an earlier row has; `sorted` has all pairs, ascending.
fn duplicates(kind: FindingKind, pairs: impl ExactSizeIterator<Item = u64>, sorted: &[u64]) -> Finding {
    let repeated: Vec<&[u64]> =
        sorted.chunk_by(|left, right| left == right).filter(|pairs| pairs.len() > 1).collect();
    let n_rows = repeated.iter().map(|pairs| pairs.len() - 1).sum();
    let share = share(n_rows, pairs.len());
    let mut examples = Vec::new();
    if !repeated.is_empty() {
        // Of each pair the first row is none.
        let mut met = vec![false; repeated.len()];
        for (pair, row) in pairs.zip(0..) {
            let Ok(position) = repeated.binary_search_by_key(&pair, |pairs| pairs[0]) else { continue };
            if std::mem::replace(&mut met[position], true) {
                examples.push(row);
            }
            if examples.len() == MAX_EXAMPLES {
                break;
            }
        }
    }
    Finding { kind, n_rows, n_distinct: repeated.len(), share, examples }
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
    of.par_sort_unstable();
    of.dedup();
    Finding { kind, n_rows, n_distinct: of.len(), share: share(n_rows, n), examples }
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
