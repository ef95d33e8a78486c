use crate::{Error, Result};

/// Up to this length a list is searched for duplicates pair by pair, which needs no memory.
const PAIRWISE: usize = 32;

/// One user's recommended list, and at which of its ranks the relevant items stand.
///
/// It can only be made of lists that every metric is defined on, so the metrics need not check.
///
/// ```
/// use burn_recsys_metrics::ranking::JudgedList;
///
/// let list = JudgedList::new(&[40, 7, 12, 3], &[3, 7, 99])?;
/// assert_eq!(list.hit_ranks(), [2, 4]);
/// assert_eq!(list.n_hits(3), 1);
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct JudgedList<'a> {
    user: u32,
    recommended: &'a [u32],
    relevant: &'a [u32],
    grades: Option<&'a [f64]>,
    hit_ranks: Vec<usize>,
}

impl<'a> JudgedList<'a> {
    /// Judges `recommended` (item indices, best first, of any length) by `relevant` (item indices,
    /// strictly ascending).
    ///
    /// # Errors
    /// If an item is recommended twice, or `relevant` is not strictly ascending.
    pub fn new(recommended: &'a [u32], relevant: &'a [u32]) -> Result<Self> {
        if let Some(position) = (1..relevant.len()).find(|&p| relevant[p - 1] >= relevant[p]) {
            let (item, previous) = (relevant[position], relevant[position - 1]);
            return Err(Error::RelevantOrder { item, position, previous });
        }
        if let Some((first, second)) = first_duplicate(recommended) {
            return Err(Error::DuplicateItem { item: recommended[first - 1], first, second });
        }
        let is_hit = |item: &u32| relevant.binary_search(item).is_ok();
        let hit_ranks = (1..).zip(recommended).filter(|(_, item)| is_hit(item)).map(|(rank, _)| rank);
        Ok(Self { user: 0, recommended, relevant, grades: None, hit_ranks: hit_ranks.collect() })
    }

    /// The same list as that of `user`, for metrics that know more of a user than the list; 0 unless set.
    pub fn of_user(mut self, user: u32) -> Self {
        self.user = user;
        self
    }

    /// The same list with a grade for each of the [`relevant`](Self::relevant) items, in their order: how
    /// relevant they are, 0 or more.
    ///
    /// # Errors
    /// If there is not one grade for each relevant item, or a grade is negative or not finite.
    pub fn with_grades(mut self, grades: &'a [f64]) -> Result<Self> {
        if grades.len() != self.relevant.len() {
            return Err(Error::GradeCount { n_grades: grades.len(), n_relevant: self.relevant.len() });
        }
        if let Some(position) = grades.iter().position(|grade| !(grade.is_finite() && *grade >= 0.0)) {
            return Err(Error::Grade { item: self.relevant[position], grade: grades[position].to_string() });
        }
        self.grades = Some(grades);
        Ok(self)
    }

    /// The same list judged by other relevant items, which are part of its own.
    pub(crate) fn judged_by<'b>(&self, relevant: &'b [u32], grades: Option<&'b [f64]>) -> JudgedList<'b>
    where
        'a: 'b,
    {
        let of_these = |rank: &&usize| relevant.binary_search(&self.recommended[**rank - 1]).is_ok();
        let hit_ranks = self.hit_ranks.iter().filter(of_these).copied().collect();
        JudgedList { user: self.user, recommended: self.recommended, relevant, grades, hit_ranks }
    }

    /// The user whose list it is.
    pub fn user(&self) -> u32 {
        self.user
    }

    /// The grades of the relevant items, in their order; `None` if relevance is yes or no.
    pub fn grades(&self) -> Option<&'a [f64]> {
        self.grades
    }

    /// The grade of a recommended item; 1 for every relevant item where relevance is yes or no, `None` for
    /// an item that is not relevant.
    pub fn grade(&self, item: u32) -> Option<f64> {
        let position = self.relevant.binary_search(&item).ok()?;
        Some(self.grades.map_or(1.0, |grades| grades[position]))
    }

    /// The recommended items, best first.
    pub fn recommended(&self) -> &'a [u32] {
        self.recommended
    }

    /// The relevant items, ascending.
    pub fn relevant(&self) -> &'a [u32] {
        self.relevant
    }

    /// The ranks at which a relevant item stands, ascending; the best rank is 1.
    pub fn hit_ranks(&self) -> &[usize] {
        &self.hit_ranks
    }

    /// The part of [`hit_ranks`](Self::hit_ranks) that is at most `k`.
    pub fn hit_ranks_within(&self, k: usize) -> &[usize] {
        &self.hit_ranks[..self.n_hits(k)]
    }

    /// How many relevant items stand at the ranks 1 to `k`.
    pub fn n_hits(&self, k: usize) -> usize {
        self.hit_ranks.partition_point(|&rank| rank <= k)
    }
}

/// The ranks of the repeated item whose second rank is best.
fn first_duplicate(items: &[u32]) -> Option<(usize, usize)> {
    if items.len() <= PAIRWISE {
        let repeats = |second: usize| items[..second].iter().position(|&item| item == items[second]);
        return (1..items.len()).find_map(|second| Some((repeats(second)? + 1, second + 1)));
    }
    let mut by_item: Vec<(u32, usize)> = items.iter().copied().zip(1..).collect();
    by_item.sort_unstable();
    let repeated = by_item.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    repeated.map(|pair| (pair[0].1, pair[1].1)).min_by_key(|&(_, second)| second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_found_at_their_ranks() {
        let list = JudgedList::new(&[5, 1, 9, 4], &[4, 5, 6]).unwrap();
        assert_eq!(list.hit_ranks(), [1, 4]);
        assert_eq!(list.hit_ranks_within(3), [1]);
        assert_eq!((list.n_hits(0), list.n_hits(3), list.n_hits(usize::MAX)), (0, 1, 2));
    }

    #[test]
    fn a_repeated_item_is_refused_with_both_ranks() {
        let error = JudgedList::new(&[8, 3, 8], &[1]).unwrap_err();
        assert_eq!(error, Error::DuplicateItem { item: 8, first: 1, second: 3 });
    }

    #[test]
    fn a_repeated_item_is_refused_in_long_lists_too() {
        for length in [PAIRWISE, PAIRWISE + 1, 500] {
            let mut items: Vec<u32> = (0..length as u32).rev().collect();
            assert!(JudgedList::new(&items, &[]).is_ok());
            // Two repeated items: the one that is completed first is named, whatever the length.
            items[20] = items[3];
            items[25] = items[1];
            let error = JudgedList::new(&items, &[]).unwrap_err();
            assert_eq!(error, Error::DuplicateItem { item: items[3], first: 4, second: 21 }, "{length}");
        }
    }

    #[test]
    fn grades_belong_to_relevant_items() {
        let list = JudgedList::new(&[5, 4], &[4, 6]).unwrap();
        assert_eq!((list.grade(4), list.grade(5), list.grades()), (Some(1.0), None, None));
        let list = list.of_user(3).with_grades(&[2.5, 0.0]).unwrap();
        assert_eq!((list.user(), list.grade(4), list.grade(6)), (3, Some(2.5), Some(0.0)));
        let refused = |grades| JudgedList::new(&[], &[4, 6]).unwrap().with_grades(grades).unwrap_err();
        assert_eq!(refused(&[1.0]), Error::GradeCount { n_grades: 1, n_relevant: 2 });
        assert_eq!(refused(&[1.0, -1.0]), Error::Grade { item: 6, grade: "-1".to_owned() });
        assert!(matches!(refused(&[f64::NAN, 1.0]), Error::Grade { item: 4, .. }));
    }

    #[test]
    fn relevant_items_must_ascend_strictly() {
        let error = JudgedList::new(&[], &[2, 7, 7]).unwrap_err();
        assert_eq!(error, Error::RelevantOrder { item: 7, position: 2, previous: 7 });
        assert!(JudgedList::new(&[], &[7, 2]).is_err());
    }
}
