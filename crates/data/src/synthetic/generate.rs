//! Drawing the data set.

use std::sync::Arc;

use rayon::prelude::*;

use super::world::{SPAN, START, World, epoch};
use super::{HINT_ACCURACY, Synthetic, SyntheticConfig};
use crate::random::{Draws, Random, Stream};
use crate::{ColumnValues, Dataset, FeatureTable, IdMap, Interactions, Result};

/// After so many items in a row that the user has met, the exact distribution of the unmet ones is
/// worked out instead: both ways draw from the same distribution, and most users never get there.
const MOST_REDRAWS: u32 = 64;

struct Row {
    user: u32,
    item: u32,
    rating: f32,
    timestamp: i64,
}

impl SyntheticConfig {
    /// Generates the data set.
    ///
    /// # Errors
    /// If a parameter is refused by [`validate`](Self::validate).
    pub fn generate(&self) -> Result<Synthetic> {
        self.validate()?;
        let world = World::new(self);
        let (cohorts, hints) = self.users();
        let offsets = self.rows_by_user();
        let of_users = Random::new(self.seed, Stream::Synthetic, epoch::INTERACTIONS);
        let by_user: Vec<Vec<Row>> = (0..self.n_users)
            .into_par_iter()
            .map(|user| {
                let n_rows = offsets[user as usize + 1] - offsets[user as usize];
                let draws = of_users.row(u64::from(user));
                rows_of_user(&world, user, cohorts[user as usize], n_rows, draws)
            })
            .collect();
        let mut rows: Vec<Row> = by_user.into_iter().flatten().collect();
        // Stable: rows of one second stay in the order of users and of their draws.
        rows.par_sort_by_key(|row| row.timestamp);

        let ids = |n: u32| Arc::new(IdMap::from_integers((0..n).map(i64::from)));
        let interactions = Interactions::new(
            ids(self.n_users),
            ids(self.n_items),
            rows.iter().map(|row| row.user).collect(),
            rows.iter().map(|row| row.item).collect(),
            Some(rows.iter().map(|row| row.rating).collect()),
            Some(rows.iter().map(|row| row.timestamp).collect()),
        )?;
        let dataset = Dataset {
            name: "synthetic".into(),
            interactions,
            users: self.user_features(&hints)?,
            items: self.item_features(&world)?,
        };
        Ok(Synthetic { dataset, cohorts, topics: world.topics().to_vec(), world })
    }

    /// The cohort of every user, and the one that the feature tells.
    fn users(&self) -> (Vec<u32>, Vec<u32>) {
        let random = Random::new(self.seed, Stream::Synthetic, epoch::USERS);
        (0..self.n_users)
            .map(|user| {
                let mut draws = random.row(u64::from(user));
                let cohort = draws.below(self.n_cohorts);
                let cohort = if user < self.n_cohorts { user } else { cohort };
                let other = draws.below(self.n_cohorts);
                (cohort, if draws.uniform() < HINT_ACCURACY { cohort } else { other })
            })
            .unzip()
    }

    /// Where the rows of every user start and end if all rows are laid out user by user: shares of
    /// the exact total, rounded where the running sum is, so that they add up to it.
    fn rows_by_user(&self) -> Vec<u32> {
        let ranks = Random::new(self.seed, Stream::Synthetic, epoch::USER_ACTIVITY).permutation(self.n_users);
        let mut sum = 0.0;
        let mut running = vec![0.0];
        running.extend(ranks.into_iter().map(|rank| {
            sum += self.activity_weight(rank);
            sum
        }));
        let rows = f64::from(self.n_interactions);
        running.into_iter().map(|until| (until / sum * rows).round() as u32).collect()
    }

    fn user_features(&self, hints: &[u32]) -> Result<FeatureTable> {
        let labels = labels("cohort", self.n_cohorts);
        let hints = hints.iter().map(|&hint| Some(labels[hint as usize].as_str()));
        FeatureTable::new(self.n_users as usize).with_column("cohort", ColumnValues::categorical(hints))
    }

    fn item_features(&self, world: &World) -> Result<FeatureTable> {
        let labels = labels("topic", self.n_cohorts);
        let topics = || world.topics().iter().map(|&topic| labels[topic as usize].as_str());
        let titles = topics().enumerate().map(|(item, topic)| format!("Item {item} ({topic})")).collect();
        FeatureTable::new(self.n_items as usize)
            .with_column("title", ColumnValues::Text(titles))?
            .with_column("topic", ColumnValues::categorical(topics().map(Some)))?
            .with_column("release", ColumnValues::Dense(world.release_days()))
    }
}

/// `topic-00`, `topic-01`, ...: padded, so that the order of labels is the order of numbers.
fn labels(name: &str, n: u32) -> Vec<String> {
    let width = (n - 1).to_string().len().max(2);
    (0..n).map(|number| format!("{name}-{number:0width$}")).collect()
}

fn rows_of_user(world: &World, user: u32, cohort: u32, n_rows: u32, mut draws: Draws) -> Vec<Row> {
    let mut timestamps: Vec<i64> =
        (0..n_rows).map(|_| START + (draws.uniform() * SPAN as f64) as i64).collect();
    timestamps.sort_unstable();
    let mut met = rustc_hash::FxHashSet::default();
    timestamps
        .into_iter()
        .map(|timestamp| {
            let item = (0..MOST_REDRAWS)
                .map(|_| world.draw(cohort, timestamp, &mut draws))
                .find(|item| !met.contains(item))
                .unwrap_or_else(|| draw_unmet(world, cohort, timestamp, &met, &mut draws));
            met.insert(item);
            let rating = rating(world.topics()[item as usize] == cohort, &mut draws);
            Row { user, item, rating, timestamp }
        })
        .collect()
}

/// Draws from the unmet items by their weights, in O(items).
fn draw_unmet(
    world: &World,
    cohort: u32,
    timestamp: i64,
    met: &rustc_hash::FxHashSet<u32>,
    draws: &mut Draws,
) -> u32 {
    let weights = world.weights(cohort, timestamp);
    let unmet: Vec<u32> = (0..weights.len() as u32).filter(|item| !met.contains(item)).collect();
    let total: f64 = unmet.iter().map(|&item| weights[item as usize]).sum();
    let mut left = draws.uniform() * total;
    for &item in &unmet {
        left -= weights[item as usize];
        if left < 0.0 {
            return item;
        }
    }
    unmet[unmet.len() - 1]
}

/// 1 to 5; items of the user's own topic are liked more.
fn rating(preferred: bool, draws: &mut Draws) -> f32 {
    let noise = draws.uniform() + draws.uniform() - 1.0;
    let mean = if preferred { 4.2 } else { 3.0 };
    (mean + 2.0 * noise).round().clamp(1.0, 5.0) as f32
}
