//! Links that are predicted one after the other, as they happen.

use std::ops::Range;

use burn_recsys_data::random::{Random, Stream};
use burn_recsys_models::ItemScorer;

use super::InteractionEvents;
use crate::{Error, Result};

/// Scores the items for users as events pass.
pub trait LinkScorer {
    /// Writes the scores of all items for the user of each of the events `rows`, at its time; higher is better.
    /// Nothing is known of these events but the user and the time.
    ///
    /// # Shapes
    /// - `scores`: `[rows.len(), n_items]`, row-major
    ///
    /// # Panics
    /// If the size is another.
    fn score(&mut self, events: &InteractionEvents, rows: Range<usize>, scores: &mut [f32]);

    /// The events `rows`, those of the last call of [`score`](Self::score), have happened.
    ///
    /// # Errors
    /// If what is learned of them cannot be.
    fn pass(&mut self, events: &InteractionEvents, rows: Range<usize>) -> Result<()>;
}

/// A model that is fitted once and learns nothing of what passes. Users that it has not been fitted to get the
/// scores of `for_new_users`.
pub struct StaticLinks<'a> {
    scorer: &'a dyn ItemScorer,
    for_new_users: &'a dyn ItemScorer,
    is_known: &'a [bool],
}

impl<'a> StaticLinks<'a> {
    /// # Shapes
    /// - `is_known`: `[n_users]`: who has rows in what the model was fitted to
    pub fn new(scorer: &'a dyn ItemScorer, for_new_users: &'a dyn ItemScorer, is_known: &'a [bool]) -> Self {
        StaticLinks { scorer, for_new_users, is_known }
    }
}

impl std::fmt::Debug for StaticLinks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StaticLinks").finish_non_exhaustive()
    }
}

impl LinkScorer for StaticLinks<'_> {
    fn score(&mut self, events: &InteractionEvents, rows: Range<usize>, scores: &mut [f32]) {
        for (row, scores) in rows.zip(scores.chunks_exact_mut(events.n_items())) {
            let user = events.user(row);
            let scorer = if self.is_known[user as usize] { self.scorer } else { self.for_new_users };
            scorer.score(&[user], scores);
        }
    }

    fn pass(&mut self, _events: &InteractionEvents, _rows: Range<usize>) -> Result<()> {
        Ok(())
    }
}

/// What every user has met so far: items that are no candidates any more.
#[derive(Debug, Clone)]
pub struct Met {
    /// Of every user, ascending and unique.
    of_user: Vec<Vec<u32>>,
}

impl Met {
    /// After the events `rows`.
    ///
    /// # Panics
    /// If there are not so many events.
    pub fn new(events: &InteractionEvents, rows: Range<usize>) -> Self {
        let mut met = Met { of_user: vec![Vec::new(); events.n_users()] };
        for row in rows {
            met.add(events.user(row), events.item(row));
        }
        met
    }

    fn add(&mut self, user: u32, item: u32) {
        let met = &mut self.of_user[user as usize];
        if let Err(at) = met.binary_search(&item) {
            met.insert(at, item);
        }
    }
}

/// What was predicted of one event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamedLink {
    /// The number of the event.
    pub row: usize,
    /// The place of the item among all that the user had not met before, from 1. Of equal scores the item of the
    /// lower number comes first.
    pub rank: u32,
    /// The score of the item.
    pub score: f32,
    /// The score of one other such item, drawn uniformly; none if there is no other.
    pub other: Option<f32>,
}

/// Predicts the events `rows` and lets them pass, `batch` at a time: those of one batch do not know of each other.
///
/// An event whose item its user had met before is left out of what is given, but passes.
///
/// # Errors
/// If a score is NaN, `batch` is 0, or the scorer cannot let events pass.
pub fn stream_links(
    scorer: &mut dyn LinkScorer,
    events: &InteractionEvents,
    rows: Range<usize>,
    met: &mut Met,
    batch: usize,
    seed: u64,
) -> Result<Vec<StreamedLink>> {
    if batch == 0 {
        return Err(Error::Config { key: "batch", message: "0; must be at least 1".into() });
    }
    let random = Random::new(seed, Stream::Candidates, 0);
    let n_items = events.n_items();
    let mut links = Vec::with_capacity(rows.len());
    let mut scores = vec![0f32; batch * n_items];
    let mut is_met = vec![false; n_items];
    for first in rows.clone().step_by(batch) {
        let of_batch = first..(first + batch).min(rows.end);
        let scores = &mut scores[..of_batch.len() * n_items];
        scorer.score(events, of_batch.clone(), scores);
        for (row, scores) in of_batch.clone().zip(scores.chunks_exact(n_items)) {
            let (user, item) = (events.user(row), events.item(row) as usize);
            if let Some(at) = scores.iter().position(|score| score.is_nan()) {
                let message = format!("the score of item {at} for user {user} is NaN");
                return Err(Error::Config { key: "scorer", message });
            }
            let before = &met.of_user[user as usize];
            if before.binary_search(&(item as u32)).is_err() {
                before.iter().for_each(|&other| is_met[other as usize] = true);
                links.push(link(row, scores, &is_met, item, &mut random.row(row as u64)));
                before.iter().for_each(|&other| is_met[other as usize] = false);
                met.add(user, item as u32);
            }
        }
        scorer.pass(events, of_batch)?;
    }
    Ok(links)
}

fn link(
    row: usize,
    scores: &[f32],
    is_met: &[bool],
    item: usize,
    draws: &mut burn_recsys_data::random::Draws,
) -> StreamedLink {
    let score = scores[item];
    let others = || (0..scores.len()).filter(|&other| !is_met[other] && other != item);
    let is_above = |other: usize| scores[other] > score || (scores[other] == score && other < item);
    let (mut n_above, mut n_others) = (0, 0);
    for other in others() {
        n_others += 1;
        n_above += u32::from(is_above(other));
    }
    let drawn = if n_others > 0 { others().nth(draws.below(n_others) as usize) } else { None };
    StreamedLink { row, rank: 1 + n_above, score, other: drawn.map(|other| scores[other]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RatingScale;
    use burn_recsys_baselines::Popular;
    use burn_recsys_data::{IdMap, Interactions};
    use std::sync::Arc;

    fn events(rows: &[(u32, u32)]) -> InteractionEvents {
        let ids = |n| Arc::new(IdMap::from_integers(0..n));
        let (users, items) = rows.iter().copied().unzip();
        let times = (0..rows.len() as i64).collect();
        let rows = Interactions::new(ids(3), ids(4), users, items, None, Some(times)).unwrap();
        InteractionEvents::new(&rows, RatingScale::of(&rows)).unwrap()
    }

    /// Scores items by how often they have passed; remembers when it was asked.
    #[derive(Default)]
    struct Counts {
        counts: [f32; 4],
        asked: Vec<(usize, f32)>,
    }

    impl LinkScorer for Counts {
        fn score(&mut self, _events: &InteractionEvents, rows: Range<usize>, scores: &mut [f32]) {
            self.asked.push((rows.len(), self.counts.iter().sum()));
            scores.chunks_exact_mut(4).for_each(|row| row.copy_from_slice(&self.counts));
        }

        fn pass(&mut self, events: &InteractionEvents, rows: Range<usize>) -> Result<()> {
            rows.for_each(|row| self.counts[events.item(row) as usize] += 1.0);
            Ok(())
        }
    }

    #[test]
    fn ranks_are_among_items_not_met_and_batches_know_what_was_before_them() {
        let events = events(&[(0, 2), (1, 2), (2, 3), (0, 2), (0, 3), (1, 3)]);
        let mut counts = Counts::default();
        let mut met = Met::new(&events, 0..1);
        let links = stream_links(&mut counts, &events, 1..6, &mut met, 2, 5).unwrap();
        // Asked for two, two and one event, after none, two and four had passed.
        assert_eq!(counts.asked, [(2, 0.0), (2, 2.0), (1, 4.0)]);
        // All scores equal: item 2 is behind 0 and 1, item 3 behind all. Event 3 was met before. Then one count each
        // for items 2 and 3, of which user 0 has met item 2. At last 2 for item 2, which user 1 has met.
        let ranks: Vec<(usize, u32)> = links.iter().map(|link| (link.row, link.rank)).collect();
        assert_eq!(ranks, [(1, 3), (2, 4), (4, 1), (5, 1)]);
        assert_eq!(links[3].score, 2.0);
        assert_eq!(links[3].other, Some(0.0));
    }

    #[test]
    fn new_users_get_the_scores_for_them() {
        let events = events(&[(0, 2), (1, 1)]);
        let (known, new) = (Popular::new(4, &[2, 2]), Popular::new(4, &[1]));
        let mut scorer = StaticLinks::new(&known, &new, &[true, false, false]);
        let mut scores = vec![0.0; 8];
        scorer.score(&events, 0..2, &mut scores);
        assert_eq!(scores, [0.0, 0.0, 2.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn scores_that_are_no_numbers_and_batches_of_none_are_refused() {
        struct Nan;
        impl LinkScorer for Nan {
            fn score(&mut self, _: &InteractionEvents, _: Range<usize>, scores: &mut [f32]) {
                scores.fill(f32::NAN);
            }
            fn pass(&mut self, _: &InteractionEvents, _: Range<usize>) -> Result<()> {
                Ok(())
            }
        }
        let events = events(&[(0, 2)]);
        let mut met = Met::new(&events, 0..0);
        let mut message =
            |batch| stream_links(&mut Nan, &events, 0..1, &mut met, batch, 0).unwrap_err().to_string();
        assert!(message(1).contains("the score of item 0 for user 0 is NaN"));
        assert!(message(0).contains("batch: 0"));
    }
}
