//! An index of events by time.

use rayon::prelude::*;

use crate::{Csr, Error, Interactions, Result};

/// Answers, for any user, any item and any moment, what was known of them strictly before that moment.
///
/// Made in one pass over the events in time order; a question is a binary search. So a sampled negative,
/// which is no row of any table, can be described as of the moment of the row that it was drawn for, and
/// positives and negatives know equally much. Events of one moment do not see each other.
///
/// Make it of the training part: then no answer depends on a test row, and rows of the test part are
/// answered as of the moment asked. Make it of the likes of the training part
/// ([`retain`](Interactions::retain)) and counts are counts of likes.
///
/// Memory: 28 bytes an event, 32 with ratings.
///
/// ```
/// # fn main() -> burn_recsys_data::Result<()> {
/// use burn_recsys_data::past::{HistoryConfig, PastIndex};
/// use burn_recsys_data::synthetic::SyntheticConfig;
/// use burn_recsys_data::{SplitConfig, Strategy};
///
/// let data = SyntheticConfig::default().generate()?.dataset;
/// let split = SplitConfig::new(Strategy::GlobalTime { test_fraction: 0.2 }).split(&data.interactions)?;
/// let index = PastIndex::new(&split.train)?;
///
/// // One question at a time: any user, any item, any moment.
/// let event = split.test.get(0);
/// let moment = event.timestamp.unwrap_or_default();
/// let user = index.user(event.user, moment);
/// assert_eq!(user.items().len(), user.activity() as usize);
/// let negative = index.item(7, moment);
/// assert!(negative.recent_popularity(30 * 86_400) <= negative.popularity());
///
/// // Rows of a table at their own moments: the last five items before each.
/// let moments = split.train.timestamps().unwrap_or_default();
/// let histories = index.histories(split.train.users(), moments, &HistoryConfig::new(5))?;
/// assert_eq!(histories.n_rows(), split.train.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PastIndex {
    /// The events of every user.
    users: Grouped,
    /// The items of `users`, event by event.
    items_met: Vec<u32>,
    /// The ratings of `users`, event by event.
    ratings: Option<Vec<f32>>,
    /// The events of every item.
    items: Grouped,
    /// The moments of all events, ascending.
    moments: Vec<i64>,
}

/// Moments of events, group by group, ascending within each.
#[derive(Debug, Clone)]
struct Grouped {
    /// `offsets[g]..offsets[g + 1]` are the events of group `g`.
    offsets: Vec<usize>,
    moments: Vec<i64>,
}

impl Grouped {
    /// `rows` holds the rows of every group in time order.
    fn new(rows: &Csr, timestamps: &[i64]) -> Self {
        let offsets = std::iter::once(0).chain(rows.rows().scan(0, |end, row| {
            *end += row.len();
            Some(*end)
        }));
        let moments = rows.rows().flatten().map(|&row| timestamps[row as usize]);
        Grouped { offsets: offsets.collect(), moments: moments.collect() }
    }

    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Where the events of `group` before `moment` lie.
    fn before(&self, group: u32, moment: i64) -> std::ops::Range<usize> {
        let group = group as usize;
        let start = self.offsets[group];
        let events = &self.moments[start..self.offsets[group + 1]];
        start..start + events.partition_point(|&event| event < moment)
    }
}

/// What was known of a user before a moment; see [`PastIndex::user`].
#[derive(Debug, Clone, Copy)]
pub struct UserPast<'a> {
    items: &'a [u32],
    moments: &'a [i64],
    ratings: Option<&'a [f32]>,
    moment: i64,
}

impl<'a> UserPast<'a> {
    /// The items of the user's events before the moment, most recent last; of one moment, in the order of
    /// the table. An item met twice is there twice. Empty for a user without events.
    pub fn items(&self) -> &'a [u32] {
        self.items
    }

    /// The moments of these events, ascending.
    pub fn timestamps(&self) -> &'a [i64] {
        self.moments
    }

    /// The ratings of these events; `None` if the table has none.
    pub fn ratings(&self) -> Option<&'a [f32]> {
        self.ratings
    }

    /// The number of events before the moment.
    pub fn activity(&self) -> u32 {
        self.items.len() as u32
    }

    /// The number of events in the last `window` seconds before the moment.
    pub fn recent_activity(&self, window: u64) -> u32 {
        within(self.moments, self.moment, window)
    }

    /// Seconds since the last event, at least 1; `None` without one.
    pub fn recency(&self) -> Option<u64> {
        self.moments.last().map(|last| self.moment.abs_diff(*last))
    }
}

/// What was known of an item before a moment; see [`PastIndex::item`].
#[derive(Debug, Clone, Copy)]
pub struct ItemPast<'a> {
    moments: &'a [i64],
    moment: i64,
}

impl<'a> ItemPast<'a> {
    /// The moments of the item's events before the moment, ascending.
    pub fn timestamps(&self) -> &'a [i64] {
        self.moments
    }

    /// The number of events before the moment.
    pub fn popularity(&self) -> u32 {
        self.moments.len() as u32
    }

    /// The number of events in the last `window` seconds before the moment t: in [t - window, t).
    pub fn recent_popularity(&self, window: u64) -> u32 {
        within(self.moments, self.moment, window)
    }

    /// Seconds since the first event, at least 1; `None` without one.
    pub fn age(&self) -> Option<u64> {
        self.moments.first().map(|first| self.moment.abs_diff(*first))
    }

    /// Seconds since the last event, at least 1; `None` without one.
    pub fn recency(&self) -> Option<u64> {
        self.moments.last().map(|last| self.moment.abs_diff(*last))
    }
}

/// How many of `moments`, all before `moment`, are at most `window` seconds before it.
fn within(moments: &[i64], moment: i64, window: u64) -> u32 {
    let start = moment.saturating_sub_unsigned(window);
    (moments.len() - moments.partition_point(|&event| event < start)) as u32
}

/// Which events of a user make up a history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistoryConfig {
    /// How many events at most: the most recent ones. With 0 every history is empty.
    pub max_length: usize,
    /// Only events rated at least this. Default: all events.
    pub min_rating: Option<f32>,
}

impl HistoryConfig {
    /// The last `max_length` events, whatever their ratings.
    pub fn new(max_length: usize) -> Self {
        HistoryConfig { max_length, min_rating: None }
    }

    /// Only events rated at least `min_rating`.
    pub fn with_min_rating(self, min_rating: f32) -> Self {
        HistoryConfig { min_rating: Some(min_rating), ..self }
    }
}

impl PastIndex {
    /// The index of the rows of `events`, over its id maps.
    ///
    /// # Errors
    /// If `events` has no timestamps. No rows are lawful: then nothing was known at any moment.
    pub fn new(events: &Interactions) -> Result<Self> {
        let timestamps = events.timestamps().ok_or_else(|| Error::Parameter {
            parameter: "events",
            message: "what was known before a moment needs timestamps and the events have none; read them \
                      with a timestamp column, or leave features of the past out"
                .into(),
        })?;
        let (by_user, by_item) = (events.rows_by_user(), events.rows_by_item());
        let rows = || by_user.rows().flatten().map(|&row| row as usize);
        let mut moments = timestamps.to_vec();
        moments.par_sort_unstable();
        Ok(PastIndex {
            users: Grouped::new(&by_user, timestamps),
            items_met: rows().map(|row| events.items()[row]).collect(),
            ratings: events.ratings().map(|ratings| rows().map(|row| ratings[row]).collect()),
            items: Grouped::new(&by_item, timestamps),
            moments,
        })
    }

    /// The number of users, with or without events.
    pub fn n_users(&self) -> usize {
        self.users.len()
    }

    /// The number of items, with or without events.
    pub fn n_items(&self) -> usize {
        self.items.len()
    }

    /// The number of events.
    pub fn n_events(&self) -> usize {
        self.moments.len()
    }

    /// What was known of `user` strictly before `moment`: nothing, if the user has no event before it.
    ///
    /// # Panics
    /// If `user` is not below [`n_users`](Self::n_users).
    pub fn user(&self, user: u32, moment: i64) -> UserPast<'_> {
        assert!((user as usize) < self.n_users(), "user {user}, but there are {} users", self.n_users());
        let events = self.users.before(user, moment);
        UserPast {
            items: &self.items_met[events.clone()],
            moments: &self.users.moments[events.clone()],
            ratings: self.ratings.as_ref().map(|ratings| &ratings[events]),
            moment,
        }
    }

    /// What was known of `item` strictly before `moment`: nothing, if the item has no event before it.
    ///
    /// # Panics
    /// If `item` is not below [`n_items`](Self::n_items).
    pub fn item(&self, item: u32, moment: i64) -> ItemPast<'_> {
        assert!((item as usize) < self.n_items(), "item {item}, but there are {} items", self.n_items());
        ItemPast { moments: &self.items.moments[self.items.before(item, moment)], moment }
    }

    /// The number of events of all users strictly before `moment`.
    pub fn events_before(&self, moment: i64) -> usize {
        self.moments.partition_point(|&event| event < moment)
    }

    /// The number of events of all users in the last `window` seconds before `moment`.
    pub fn recent_events(&self, moment: i64, window: u64) -> usize {
        let start = moment.saturating_sub_unsigned(window);
        self.events_before(moment) - self.events_before(start)
    }

    /// For every n the history of `users[n]` as of `moments[n]`: items of the user's events strictly before
    /// it, most recent last, a row each. A user without such events has an empty row.
    ///
    /// The rows of a table are `histories(table.users(), table.timestamps(), ..)`.
    ///
    /// # Errors
    /// If the columns differ in length, a user is not below [`n_users`](Self::n_users), or a least rating is
    /// asked for and the events have no ratings.
    pub fn histories(&self, users: &[u32], moments: &[i64], config: &HistoryConfig) -> Result<Csr> {
        check_columns(("users", users, self.n_users()), moments)?;
        if config.min_rating.is_some() && self.ratings.is_none() {
            return Err(Error::Parameter {
                parameter: "min_rating",
                message: "histories of events rated at least something need ratings and the events have \
                          none; leave min_rating out"
                    .into(),
            });
        }
        let history = |(&user, &moment): (&u32, &i64)| {
            let past = self.user(user, moment);
            let Some((least, ratings)) = config.min_rating.zip(past.ratings) else {
                return past.items[past.items.len().saturating_sub(config.max_length)..].to_vec();
            };
            let rated = past.items.iter().zip(ratings).rev().filter(|(_, rating)| **rating >= least);
            let mut items: Vec<u32> = rated.take(config.max_length).map(|(&item, _)| item).collect();
            items.reverse();
            items
        };
        let rows: Vec<Vec<u32>> = users.par_iter().zip(moments).map(history).collect();
        Ok(Csr::from_rows(rows))
    }
}

/// Checks that two columns of questions are equally long and that the index knows who is asked for.
pub(super) fn check_columns(
    (parameter, indices, n): (&'static str, &[u32], usize),
    moments: &[i64],
) -> Result<()> {
    if indices.len() != moments.len() {
        let message = format!("{} rows, but there are {} moments", indices.len(), moments.len());
        return Err(Error::Parameter { parameter, message });
    }
    match indices.iter().position(|&index| index as usize >= n) {
        None => Ok(()),
        Some(row) => Err(Error::Parameter {
            parameter,
            message: format!("row {row}: index {} but there are {n} ids", indices[row]),
        }),
    }
}
