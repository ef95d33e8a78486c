//! What has happened before a moment.

use super::{Description, PastFeaturesConfig};
use crate::{Error, Interactions, Result};

/// One training event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    timestamp: i64,
    user: u32,
    item: u32,
    rating: f32,
}

/// All rows of a table in time order.
pub(super) fn events(table: &Interactions) -> Result<Vec<Event>> {
    let missing = |column: &str| Error::Parameter {
        parameter: "train",
        message: format!("features of the past need {column}s and the training part has none"),
    };
    let timestamps = table.timestamps().ok_or_else(|| missing("timestamp"))?;
    let ratings = table.ratings().ok_or_else(|| missing("rating"))?;
    let event = |row: u32| {
        let row = row as usize;
        let (user, item) = (table.users()[row], table.items()[row]);
        Event { timestamp: timestamps[row], user, item, rating: ratings[row] }
    };
    Ok(table.rows_by_time().into_iter().map(event).collect())
}

/// Ratings of one user, of one item or of everybody.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) count: u32,
    liked: u32,
    sum: f64,
}

/// Ratings, or other numbers, whose likes nobody asks for.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    count: u32,
    sum: f64,
}

impl Sum {
    fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
    }

    fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

/// Running sums over all events before a moment.
#[derive(Debug)]
pub(super) struct History<'a> {
    config: &'a PastFeaturesConfig,
    described: &'a Description,
    all: Tally,
    users: Vec<Tally>,
    items: Vec<Tally>,
    /// For every user the popularity, as [`log_count`](Self::log_count), of the items met, each at the
    /// moment that it was met.
    popularity: Vec<f64>,
    /// Row-major, users by categories of items: ratings.
    categories: Vec<Sum>,
    /// Row-major, users by dense columns of items.
    dense: Vec<Sum>,
}

impl<'a> History<'a> {
    pub(super) fn new(
        config: &'a PastFeaturesConfig,
        described: &'a Description,
        n_users: usize,
        n_items: usize,
    ) -> Self {
        // One more, who has no past.
        let n_users = n_users + 1;
        History {
            config,
            described,
            all: Tally::default(),
            users: vec![Tally::default(); n_users],
            items: vec![Tally::default(); n_items],
            popularity: vec![0.0; n_users],
            categories: vec![Sum::default(); n_users * described.n_categories()],
            dense: vec![Sum::default(); n_users * described.dense().len()],
        }
    }

    /// Calls `visit` for every row of a table with the history of all events strictly before the row.
    /// Rows come in time order.
    pub(super) fn sweep(
        mut self,
        events: &[Event],
        rows: &Interactions,
        timestamps: &[i64],
        mut visit: impl FnMut(&Self, usize),
    ) {
        let mut rest = events;
        for row in rows.rows_by_time() {
            let row = row as usize;
            while let Some(first) = rest.first().filter(|event| event.timestamp < timestamps[row]) {
                let n = rest.iter().take_while(|event| event.timestamp == first.timestamp).count();
                let (moment, later) = rest.split_at(n);
                self.add(moment);
                rest = later;
            }
            visit(&self, row);
        }
    }

    /// Adds all events of one moment.
    fn add(&mut self, moment: &[Event]) {
        // Before any of the moment counts: events of one moment do not see each other.
        for event in moment {
            self.popularity[event.user as usize] += Self::log_count(self.item(event.item));
        }
        let (n_categories, dense) = (self.described.n_categories(), self.described.dense());
        for event in moment {
            let (user, item, rating) = (event.user as usize, event.item as usize, f64::from(event.rating));
            let liked = u32::from(event.rating >= self.config.liked_rating);
            for tally in [&mut self.all, &mut self.users[user], &mut self.items[item]] {
                tally.count += 1;
                tally.liked += liked;
                tally.sum += rating;
            }
            for &category in self.described.categories(event.item) {
                self.categories[user * n_categories + category as usize].add(rating);
            }
            for (n, column) in dense.iter().enumerate() {
                if let Some(value) = column.get(event.item) {
                    self.dense[user * dense.len() + n].add(value);
                }
            }
        }
    }

    /// The index of a user without a past.
    pub(super) fn no_one(&self) -> u32 {
        self.users.len() as u32 - 1
    }

    pub(super) fn user(&self, user: u32) -> Tally {
        self.users[user as usize]
    }

    pub(super) fn item(&self, item: u32) -> Tally {
        self.items[item as usize]
    }

    pub(super) fn log_count(tally: Tally) -> f64 {
        f64::from(tally.count).ln_1p()
    }

    /// What `count` numbers of this sum add to the mean `prior`, shrunken.
    fn shrunken(&self, sum: f64, count: u32, prior: f64) -> f64 {
        let count = f64::from(count);
        (sum - count * prior) / (count + self.config.prior_strength)
    }

    /// The mean of all ratings.
    fn all_mean(&self) -> f64 {
        let prior = f64::from(self.config.initial_rating);
        prior + self.shrunken(self.all.sum, self.all.count, prior)
    }

    /// How far the shrunken mean rating lies above the mean of all ratings.
    pub(super) fn mean_above_all(&self, tally: Tally) -> f64 {
        self.shrunken(tally.sum, tally.count, self.all_mean())
    }

    /// The shrunken mean rating.
    pub(super) fn mean(&self, tally: Tally) -> f64 {
        self.all_mean() + self.mean_above_all(tally)
    }

    /// How far the shrunken share of likes lies above that of all ratings.
    pub(super) fn liked_above_all(&self, tally: Tally) -> f64 {
        let all = 0.5 + self.shrunken(f64::from(self.all.liked), self.all.count, 0.5);
        self.shrunken(f64::from(tally.liked), tally.count, all)
    }

    /// The user's mean popularity of items met; `None` without history.
    pub(super) fn mean_popularity(&self, user: u32) -> Option<f64> {
        Sum { count: self.user(user).count, sum: self.popularity[user as usize] }.mean()
    }

    /// The user's mean of dense column `n` of items met; `None` if it was known of none.
    pub(super) fn mean_dense(&self, user: u32, n: usize) -> Option<f64> {
        self.dense[user as usize * self.described.dense().len() + n].mean()
    }

    fn category(&self, user: u32, category: u32) -> Sum {
        self.categories[user as usize * self.described.n_categories() + category as usize]
    }

    /// The number of the user's events in a category.
    pub(super) fn category_count(&self, user: u32, category: u32) -> u32 {
        self.category(user, category).count
    }

    /// The share of the user's events in a category; 0 without history.
    pub(super) fn category_share(&self, user: u32, category: u32) -> f64 {
        f64::from(self.category(user, category).count) / f64::from(self.user(user).count.max(1))
    }

    /// How far the user's shrunken mean rating in a category lies above `user_mean`.
    pub(super) fn category_deviation(&self, user: u32, category: u32, user_mean: f64) -> f64 {
        let Sum { count, sum } = self.category(user, category);
        self.shrunken(sum, count, user_mean)
    }
}
