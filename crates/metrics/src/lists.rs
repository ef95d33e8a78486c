//! Lists and truth of all users, made of columns.

use rayon::prelude::*;

use crate::pointwise::key_f64;
use crate::{Error, Result};

/// Users per task.
const USERS_PER_TASK: usize = 1024;
/// Up to this length a list is searched for duplicates pair by pair, which needs no memory.
const PAIRWISE: usize = 32;

/// The items of each user: ranked lists, histories, lists of another model.
///
/// Users and items are dense indices. Memory: 4 bytes an item and 8 a user; making one of columns needs next to
/// nothing more.
///
/// ```
/// use burn_recsys_metrics::Lists;
///
/// // User, item, score; of equal scores the lower item stands first.
/// let lists = Lists::by_score(2, &[1, 0, 1, 1], &[7, 3, 9, 5], &[0.2, 0.9, 0.4, 0.4])?;
/// assert_eq!(lists.of_user(0), [3]);
/// assert_eq!(lists.of_user(1), [5, 9, 7]);
/// assert_eq!(lists.n_tied_users(), 1);
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lists {
    /// One more than there are users.
    offsets: Vec<usize>,
    items: Vec<u32>,
    n_tied_users: usize,
}

impl Lists {
    /// Ranked lists of `n_users` users, best first: each row recommends `items[row]` to `users[row]` with a
    /// score. The highest score is best; equal scores are ordered by item index. Infinite scores are lawful.
    ///
    /// # Errors
    /// If the columns differ in length, a user is not below `n_users`, a score is NaN, or an item is
    /// recommended to a user twice; the message has the rows.
    pub fn by_score(n_users: usize, users: &[u32], items: &[u32], scores: &[f64]) -> Result<Self> {
        check_columns(users, items, Some(("scores", scores.len())))?;
        if let Some(row) = scores.iter().position(|score| score.is_nan()) {
            return Err(Error::NanScore { row });
        }
        // 0 and -0 are tied: they have one key.
        Self::ordered(n_users, users, items, |row| !key_f64(scores[row]), Repeated::Refused)
    }

    /// Ranked lists of `n_users` users: each row recommends `items[row]` to `users[row]` at a rank. The lowest
    /// rank is best; ranks may begin at any number and have gaps.
    ///
    /// # Errors
    /// If the columns differ in length, a user is not below `n_users`, or an item or a rank stands twice in
    /// one list; the message has the rows.
    pub fn by_rank(n_users: usize, users: &[u32], items: &[u32], ranks: &[u32]) -> Result<Self> {
        check_columns(users, items, Some(("ranks", ranks.len())))?;
        let lists = Self::ordered(n_users, users, items, |row| ranks[row].into(), Repeated::Refused)?;
        if lists.n_tied_users > 0 {
            return Err(first_equal_rank(users, ranks));
        }
        Ok(lists)
    }

    /// The items of `n_users` users, ascending: histories, relevant items. Repeated pairs count once.
    ///
    /// # Errors
    /// If the columns differ in length or a user is not below `n_users`; the message has the row.
    pub fn of_pairs(n_users: usize, users: &[u32], items: &[u32]) -> Result<Self> {
        check_columns(users, items, None)?;
        let mut lists = Self::ordered(n_users, users, items, |_| 0, Repeated::Kept)?;
        lists.n_tied_users = 0;
        let mut kept = 0;
        for user in 0..n_users {
            let range = lists.offsets[user]..lists.offsets[user + 1];
            lists.offsets[user] = kept;
            for position in range.clone() {
                let item = lists.items[position];
                if position == range.start || item != lists.items[kept - 1] {
                    lists.items[kept] = item;
                    kept += 1;
                }
            }
        }
        lists.offsets[n_users] = kept;
        lists.items.truncate(kept);
        Ok(lists)
    }

    /// One list for each user, in the order of users, as they stand.
    pub fn from_rows<R: AsRef<[u32]>>(rows: impl IntoIterator<Item = R>) -> Self {
        let (mut offsets, mut items) = (vec![0], Vec::new());
        for row in rows {
            items.extend_from_slice(row.as_ref());
            offsets.push(items.len());
        }
        Lists { offsets, items, n_tied_users: 0 }
    }

    /// The number of users, with or without items.
    pub fn n_users(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The number of items of all users.
    pub fn n_rows(&self) -> usize {
        self.items.len()
    }

    /// The items of a user; none for a user beyond [`n_users`](Self::n_users).
    pub fn of_user(&self, user: u32) -> &[u32] {
        match self.offsets.get(user as usize..user as usize + 2) {
            Some(bounds) => &self.items[bounds[0]..bounds[1]],
            None => &[],
        }
    }

    /// The items of all users, user by user.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// How many users have two items of the same score, whose order is therefore that of the item indices.
    pub fn n_tied_users(&self) -> usize {
        self.n_tied_users
    }

    /// Rows grouped by user, ordered by `key`, lowest first, and then by item.
    fn ordered(
        n_users: usize,
        users: &[u32],
        items: &[u32],
        key: impl Fn(usize) -> u64 + Sync,
        repeated: Repeated,
    ) -> Result<Self> {
        let (offsets, mut rows) = group(n_users, users)?;
        let sort = |keyed: &mut Vec<Keyed>, (first_user, rows): (usize, &mut [u32])| -> Result<usize> {
            let start = offsets[first_user];
            let last_user = (first_user + USERS_PER_TASK).min(n_users);
            // The rows of a user are anywhere in the columns. Loads that wait for none before them overlap.
            keyed.clear();
            keyed.extend(rows.iter().map(|&row| Keyed::new(key(row as usize), items[row as usize], row)));
            let mut n_tied = 0;
            for user in first_user..last_user {
                let range = offsets[user] - start..offsets[user + 1] - start;
                let (list, keyed) = (&mut rows[range.clone()], &mut keyed[range]);
                keyed.sort_unstable();
                list.iter_mut().zip(keyed.iter()).for_each(|(item, keyed)| *item = keyed.item());
                if let (Repeated::Refused, Some((first, second))) = (&repeated, first_repeated(list, keyed)) {
                    let (user, item) = (users[first], items[first]);
                    return Err(Error::RepeatedRow { first, second, user, item });
                }
                n_tied += usize::from(keyed.windows(2).any(|pair| pair[0].key() == pair[1].key()));
            }
            Ok(n_tied)
        };
        let tasks = tasks_of(&offsets, &mut rows).into_par_iter();
        let tasks: Vec<Result<usize>> = tasks.map_init(Vec::new, sort).collect();
        let n_tied_users = tasks.into_iter().sum::<Result<usize>>()?;
        Ok(Lists { offsets, items: rows, n_tied_users })
    }
}

/// The key, the item and the number of a row, in one number that is ordered by them in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Keyed(u128);

impl Keyed {
    fn new(key: u64, item: u32, row: u32) -> Self {
        Keyed(u128::from(key) << 64 | u128::from(item) << 32 | u128::from(row))
    }

    fn key(self) -> u64 {
        (self.0 >> 64) as u64
    }

    fn item(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn row(self) -> u32 {
        self.0 as u32
    }
}

/// What to do with a pair of user and item that stands in several rows.
enum Repeated {
    Refused,
    Kept,
}

/// What is relevant to each user, and how much.
///
/// ```
/// use burn_recsys_metrics::Truth;
///
/// let truth = Truth::graded(2, &[0, 0, 1], &[8, 3, 3], &[1.0, 5.0, 2.0])?;
/// assert_eq!(truth.items().of_user(0), [3, 8]);
/// assert_eq!(truth.grades_of_user(0), Some([5.0, 1.0].as_slice()));
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    items: Lists,
    grades: Option<Vec<f64>>,
}

impl Truth {
    /// Each row says that `items[row]` is relevant to `users[row]`; repeated pairs count once.
    ///
    /// # Errors
    /// As [`Lists::of_pairs`].
    pub fn new(n_users: usize, users: &[u32], items: &[u32]) -> Result<Self> {
        Ok(Truth { items: Lists::of_pairs(n_users, users, items)?, grades: None })
    }

    /// As [`new`](Self::new), with how relevant each is: finite, at least 0. A repeated pair has the highest of
    /// its grades.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if a grade is negative or not finite; the message has the row.
    pub fn graded(n_users: usize, users: &[u32], items: &[u32], grades: &[f64]) -> Result<Self> {
        check_columns(users, items, Some(("grades", grades.len())))?;
        if let Some(row) = grades.iter().position(|grade| !(grade.is_finite() && *grade >= 0.0)) {
            return Err(Error::GradeRow { row, grade: grades[row].to_string() });
        }
        let lists = Lists::of_pairs(n_users, users, items)?;
        let mut of_items = vec![0.0_f64; lists.n_rows()];
        for ((&user, item), &grade) in users.iter().zip(items).zip(grades) {
            if let Ok(position) = lists.of_user(user).binary_search(item) {
                let grade_of_item = &mut of_items[lists.offsets[user as usize] + position];
                *grade_of_item = grade.max(*grade_of_item);
            }
        }
        Ok(Truth { items: lists, grades: Some(of_items) })
    }

    /// The relevant items of each user, ascending.
    pub fn items(&self) -> &Lists {
        &self.items
    }

    /// The grades of a user's relevant items, in their order; `None` if relevance is yes or no.
    pub fn grades_of_user(&self, user: u32) -> Option<&[f64]> {
        let grades = self.grades.as_ref()?;
        Some(match self.items.offsets.get(user as usize..user as usize + 2) {
            Some(bounds) => &grades[bounds[0]..bounds[1]],
            None => &[],
        })
    }
}

fn check_columns(users: &[u32], items: &[u32], other: Option<(&'static str, usize)>) -> Result<()> {
    let columns = [("items", items.len())].into_iter().chain(other);
    for (column, n_rows) in columns {
        if n_rows != users.len() {
            return Err(Error::ColumnLength {
                left: column,
                n_left: n_rows,
                right: "users",
                n_right: users.len(),
            });
        }
    }
    if u32::try_from(users.len()).is_err() {
        let message = format!("{} rows; at most {} can be grouped", users.len(), u32::MAX);
        return Err(Error::Parameter { parameter: "users", message });
    }
    Ok(())
}

/// Where the rows of each user begin, and the rows, user by user, each user's in their order.
fn group(n_users: usize, users: &[u32]) -> Result<(Vec<usize>, Vec<u32>)> {
    let mut offsets = vec![0_usize; n_users + 1];
    for (row, &user) in users.iter().enumerate() {
        // One beyond, so that below the cell is the next free place and in the end the start of the next user.
        match offsets.get_mut(user as usize + 1) {
            Some(count) => *count += 1,
            None => return Err(Error::UserIndex { row, user, n_users }),
        }
    }
    let mut start = 0;
    for offset in &mut offsets[1..] {
        let count = std::mem::replace(offset, start);
        start += count;
    }
    let mut rows = vec![0; users.len()];
    for (row, &user) in (0..).zip(users) {
        let next = &mut offsets[user as usize + 1];
        rows[*next] = row;
        *next += 1;
    }
    Ok((offsets, rows))
}

/// The rows of some users each, with the first of them.
fn tasks_of<'r>(offsets: &[usize], mut rows: &'r mut [u32]) -> Vec<(usize, &'r mut [u32])> {
    let n_users = offsets.len() - 1;
    let mut tasks = Vec::with_capacity(n_users / USERS_PER_TASK + 1);
    for first_user in (0..n_users).step_by(USERS_PER_TASK) {
        let end = offsets[(first_user + USERS_PER_TASK).min(n_users)];
        let (task, rest) = rows.split_at_mut(end - offsets[first_user]);
        tasks.push((first_user, task));
        rows = rest;
    }
    tasks
}

/// The two rows of the repeated item that is completed first; `items` are those of `keyed`.
fn first_repeated(items: &[u32], keyed: &[Keyed]) -> Option<(usize, usize)> {
    if items.len() <= PAIRWISE && (1..items.len()).all(|last| !items[..last].contains(&items[last])) {
        return None;
    }
    let mut by_item: Vec<(u32, usize)> =
        keyed.iter().map(|keyed| (keyed.item(), keyed.row() as usize)).collect();
    by_item.sort_unstable();
    let repeated = by_item.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    repeated.map(|two| (two[0].1, two[1].1)).min_by_key(|pair| pair.1)
}

/// Only called if there is one.
fn first_equal_rank(users: &[u32], ranks: &[u32]) -> Error {
    let mut rows: Vec<usize> = (0..users.len()).collect();
    rows.sort_by_key(|&row| (users[row], ranks[row]));
    let equal =
        rows.windows(2).filter(|two| (users[two[0]], ranks[two[0]]) == (users[two[1]], ranks[two[1]]));
    let (first, second) = equal.map(|two| (two[0], two[1])).min_by_key(|two| two.1).unwrap_or_default();
    Error::EqualRanks { first, second, rank: ranks[first], user: users[first] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_rows_does_not_matter() {
        let rows = [(2, 5, 0.5), (0, 1, 0.1), (2, 4, 0.5), (0, 9, f64::INFINITY), (2, 8, -0.0), (2, 7, 0.0)];
        let lists = |rows: &[(u32, u32, f64)]| {
            let users: Vec<u32> = rows.iter().map(|row| row.0).collect();
            let items: Vec<u32> = rows.iter().map(|row| row.1).collect();
            let scores: Vec<f64> = rows.iter().map(|row| row.2).collect();
            Lists::by_score(4, &users, &items, &scores).unwrap()
        };
        let forwards = lists(&rows);
        assert_eq!(forwards.of_user(0), [9, 1]);
        assert_eq!(forwards.of_user(1), [0_u32; 0]);
        assert_eq!(forwards.of_user(2), [4, 5, 7, 8]);
        assert_eq!((forwards.n_users(), forwards.n_rows(), forwards.n_tied_users()), (4, 6, 1));
        assert_eq!(forwards.of_user(77), [0_u32; 0]);
        let mut backwards = rows;
        backwards.reverse();
        assert_eq!(lists(&backwards), forwards);
    }

    #[test]
    fn ranks_order_lists() {
        let lists = Lists::by_rank(2, &[1, 0, 1, 1], &[3, 3, 4, 5], &[7, 1, 0, 9]).unwrap();
        assert_eq!((lists.of_user(0), lists.of_user(1)), ([3].as_slice(), [4, 3, 5].as_slice()));
        let error = Lists::by_rank(2, &[1, 0, 1, 1], &[3, 3, 4, 5], &[7, 7, 2, 7]).unwrap_err();
        assert_eq!(error, Error::EqualRanks { first: 0, second: 3, rank: 7, user: 1 });
    }

    #[test]
    fn many_users_are_grouped_as_few_are() {
        let n_users = 3 * USERS_PER_TASK + 5;
        let users: Vec<u32> = (0..n_users as u32).rev().flat_map(|user| [user, user]).collect();
        let items: Vec<u32> = users.iter().zip(0..).map(|(user, row)| user + row % 2).collect();
        let scores: Vec<f64> = (0..items.len()).map(|row| (row % 2) as f64).collect();
        let lists = Lists::by_score(n_users, &users, &items, &scores).unwrap();
        for user in 0..n_users as u32 {
            assert_eq!(lists.of_user(user), [user + 1, user]);
        }
    }

    #[test]
    fn pairs_count_once() {
        let lists = Lists::of_pairs(3, &[2, 0, 2, 2, 0], &[5, 1, 4, 5, 1]).unwrap();
        assert_eq!(lists, Lists::from_rows([vec![1], vec![], vec![4, 5]]));
    }

    #[test]
    fn faults_are_refused_by_row() {
        let by_score = |users: &[u32], items: &[u32], scores: &[f64]| {
            Lists::by_score(2, users, items, scores).unwrap_err().to_string()
        };
        assert_eq!(by_score(&[0], &[1, 2], &[0.5]), "2 items but 1 users; each row needs both");
        assert_eq!(by_score(&[0, 1], &[1, 2], &[0.5]), "1 scores but 2 users; each row needs both");
        let message = by_score(&[0, 2], &[1, 2], &[0.5, 0.5]);
        assert!(message.starts_with("row 1 (the first is 0): user 2 but there are 2 users"), "{message}");
        assert!(by_score(&[0, 1], &[1, 2], &[0.5, f64::NAN]).starts_with("row 1 (the first is 0)"));
        let message = by_score(&[0, 1, 0, 0], &[7, 7, 6, 7], &[0.5, 0.1, 0.9, 0.7]);
        assert!(message.starts_with("rows 0 and 3 (the first is 0): item 7 is recommended to user 0 twice"));
    }

    #[test]
    fn a_repeated_item_is_found_in_long_lists_too() {
        for length in [PAIRWISE, PAIRWISE + 1, 200] {
            let mut items: Vec<u32> = (0..length as u32).collect();
            (items[20], items[25]) = (items[3], items[1]);
            let scores: Vec<f64> = items.iter().map(|&item| f64::from(item % 7)).collect();
            let error = Lists::by_score(1, &vec![0; length], &items, &scores).unwrap_err();
            assert_eq!(error, Error::RepeatedRow { first: 3, second: 20, user: 0, item: 3 }, "{length}");
        }
    }

    #[test]
    fn the_highest_of_repeated_grades_counts() {
        let truth = Truth::graded(2, &[1, 1, 1, 1], &[4, 2, 4, 4], &[1.0, 0.0, 3.0, 2.0]).unwrap();
        assert_eq!(truth.grades_of_user(1), Some([0.0, 3.0].as_slice()));
        assert_eq!(truth.grades_of_user(0), Some([0.0; 0].as_slice()));
        assert_eq!(Truth::new(2, &[1], &[4]).unwrap().grades_of_user(1), None);
        let error = Truth::graded(2, &[1, 1], &[4, 2], &[1.0, -0.5]).unwrap_err().to_string();
        assert!(error.starts_with("row 1 (the first is 0): grade -0.5"), "{error}");
    }
}
