//! A protocol within the training part of another one.

use burn_recsys_data::Csr;
use burn_recsys_data::random::{Draws, Random, Stream};

use super::{Judge, Protocol};
use crate::{CandidateSet, Result};

/// Enough users to tell parameters apart, few enough to rank after many epochs.
const MOST_USERS: usize = 5_000;
/// One of so many items of a user is held out of a full ranking.
const ONE_OF: usize = 10;
/// Fewer items than this are not parted.
const LEAST_ITEMS: usize = 3;
/// The item held out is ranked among so many others.
const N_NEGATIVES: usize = 99;

/// Which numbers are drawn.
const USERS: u64 = 0;
const ITEMS: u64 = 1;
const NEGATIVES: u64 = 2;

impl Protocol {
    /// The same protocol on the training part alone, to choose parameters by: some users' items are held
    /// out of it, and those are to be found. `None` if no user has items to spare.
    ///
    /// Of at most 5,000 users, drawn by `seed`, with three items or more: of a full ranking one in ten items,
    /// at least one; of candidates the last item, beside 99 that the user has not met in the training part.
    ///
    /// # Errors
    /// None that a protocol can have.
    pub fn hold_out(&self, seed: u64) -> Result<Option<Protocol>> {
        let random = |what| Random::new(seed, Stream::HoldOut, what);
        let last_of = |user: u32| match &self.judge {
            Judge::FullRanking(_) => None,
            Judge::Candidates { last, .. } => last[user as usize],
        };
        let can_spare = |&user: &u32| {
            let is_last_known = matches!(self.judge, Judge::FullRanking(_)) || last_of(user).is_some();
            self.train.row(user).len() >= LEAST_ITEMS && is_last_known
        };
        let able: Vec<u32> = (0..self.train.n_rows() as u32).filter(can_spare).collect();
        if able.is_empty() {
            return Ok(None);
        }
        let order = random(USERS).permutation(able.len() as u32);
        let mut is_chosen = vec![false; self.train.n_rows()];
        order.iter().take(MOST_USERS).for_each(|&at| is_chosen[able[at as usize] as usize] = true);

        let held_out: Vec<Vec<u32>> = (0u32..)
            .zip(self.train.rows())
            .map(|(user, items)| match (is_chosen[user as usize], last_of(user)) {
                (false, _) => Vec::new(),
                (true, Some(last)) => vec![last],
                (true, None) => {
                    let n = ((items.len() + ONE_OF / 2) / ONE_OF).max(1);
                    some_of(items.to_vec(), n, &mut random(ITEMS).row(user.into()))
                }
            })
            .collect();
        let rest = self.train.rows().zip(&held_out).map(|(items, held_out)| -> Vec<u32> {
            items.iter().copied().filter(|item| held_out.binary_search(item).is_err()).collect()
        });
        let train = Csr::from_rows(rest);
        if matches!(self.judge, Judge::FullRanking(_)) {
            return Self::full_ranking(train, &Csr::from_rows(held_out), self.n_items).map(Some);
        }
        let users: Vec<u32> = (0..held_out.len() as u32).filter(|&user| is_chosen[user as usize]).collect();
        let positives: Vec<u32> = held_out.iter().flatten().copied().collect();
        let candidates = Csr::from_rows(users.iter().zip(&positives).map(|(&user, &positive)| {
            let mut draws = random(NEGATIVES).row(user.into());
            let mut candidates = unmet(self.train.row(user), self.n_items, &mut draws);
            candidates.push(positive);
            candidates.sort_unstable();
            candidates
        }));
        let set = CandidateSet::new(users, positives, candidates)?;
        let last = vec![None; train.n_rows()];
        Self::candidates(train, last, set, self.n_items).map(Some)
    }
}

/// `n` of `items`, ascending.
fn some_of(mut items: Vec<u32>, n: usize, draws: &mut Draws) -> Vec<u32> {
    let n = n.min(items.len());
    for at in 0..n {
        let other = at + draws.below((items.len() - at) as u32) as usize;
        items.swap(at, other);
    }
    items.truncate(n);
    items.sort_unstable();
    items
}

/// 99 items that are not in `met`, or all there are, in any order.
fn unmet(met: &[u32], n_items: usize, draws: &mut Draws) -> Vec<u32> {
    let is_met = |item: u32| met.binary_search(&item).is_ok();
    // Drawing again and again ends soon only where most items are left.
    if n_items < 4 * (met.len() + N_NEGATIVES) {
        let all = (0..n_items as u32).filter(|&item| !is_met(item)).collect();
        return some_of(all, N_NEGATIVES, draws);
    }
    let mut items = Vec::with_capacity(N_NEGATIVES + 1);
    while items.len() < N_NEGATIVES {
        let item = draws.below(n_items as u32);
        if !is_met(item) && !items.contains(&item) {
            items.push(item);
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train() -> Csr {
        Csr::from_rows((0..40u32).map(|user| (0..user % 8 * 3).map(|n| n * 2 + user % 2).collect::<Vec<_>>()))
    }

    #[test]
    fn a_full_ranking_holds_out_a_tenth_and_nothing_is_lost() {
        let test = Csr::from_rows((0..40).map(|_| [60u32]));
        let protocol = Protocol::full_ranking(train(), &test, 61).unwrap();
        let inner = protocol.hold_out(3).unwrap().unwrap();
        let Judge::FullRanking(_) = &inner.judge else { panic!("another protocol") };
        let (mut n_users, all) = (0, train());
        for (whole, rest) in all.rows().zip(inner.train.rows()) {
            let expected = if whole.len() < 3 { 0 } else { ((whole.len() + 5) / 10).max(1) };
            assert_eq!(whole.len() - rest.len(), expected);
            assert!(rest.iter().all(|item| whole.contains(item)));
            n_users += usize::from(expected > 0);
        }
        assert_eq!(inner.n_test_users(), n_users);
        let again = protocol.hold_out(3).unwrap().unwrap();
        assert_eq!(inner.train, again.train);
        assert_ne!(inner.train, protocol.hold_out(4).unwrap().unwrap().train);
    }

    #[test]
    fn candidates_hold_out_the_last_item_beside_unmet_ones() {
        for n_items in [61usize, 5_000] {
            let last: Vec<Option<u32>> = train().rows().map(|items| items.first().copied()).collect();
            let set = CandidateSet::new(vec![0], vec![60], Csr::from_rows([[59u32, 60]])).unwrap();
            let protocol = Protocol::candidates(train(), last.clone(), set, n_items).unwrap();
            let inner = protocol.hold_out(1).unwrap().unwrap();
            let Judge::Candidates { set, .. } = &inner.judge else { panic!("another protocol") };
            assert_eq!(set.n_users(), 35);
            for (&user, candidates) in set.users().iter().zip(set.candidates().rows()) {
                let all = train();
                let met = all.row(user);
                let positive = last[user as usize].unwrap();
                assert_eq!(candidates.len(), 1 + N_NEGATIVES.min(n_items - met.len()), "user {user}");
                assert_eq!(candidates.iter().filter(|item| met.contains(item)).count(), 1);
                assert!(candidates.contains(&positive) && !inner.train.row(user).contains(&positive));
            }
        }
    }

    #[test]
    fn nothing_to_spare_is_no_protocol() {
        let train = Csr::from_rows([&[0u32, 1][..], &[2]]);
        let protocol = Protocol::full_ranking(train, &Csr::from_rows([[2u32], [0]]), 3).unwrap();
        assert!(protocol.hold_out(1).unwrap().is_none());
    }
}
