//! Steps that each stand at a horizon.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Tensor, TensorData};
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_embeddings::Tape;
use burn_recsys_models::{FeatureTwoTower, TowerRows};

use super::{HorizonConfig, HorizonFeatures};
use crate::{Result, Task};

/// What a masked logit is: its probability is exactly 0 beside any other.
const MASKED: f32 = -1e9;

/// Horizons drawn for a step until one has users who like something after it.
const ATTEMPTS: usize = 16;

/// Trains a [`FeatureTwoTower`] on horizons drawn from the training part.
///
/// A step draws a horizon, uniformly over the events, and takes the users who had an event before it and
/// liked items after it. The loss is the cross-entropy of the softmax over all items that had an event
/// before the horizon and that the user had not met, against the user's later likes, each user of equal
/// weight.
///
/// Nothing that a tower reads comes from the horizon or after it; likes that follow are labels alone.
#[derive(Debug, Clone)]
pub struct HorizonTask<'a> {
    features: &'a HorizonFeatures,
    config: &'a HorizonConfig,
    seed: u64,
    /// The moments of all events, ascending.
    moments: Vec<i64>,
}

/// What one step of a [`HorizonTask`] works on.
#[derive(Debug, Clone)]
pub struct HorizonBatch {
    users: TowerRows,
    items: TowerRows,
    /// What is added to logits, `[n_users, n_items]`: 0, or a large negative number where an item is no
    /// candidate.
    mask: Vec<f32>,
    /// The shares of the user's later likes, `[n_users, n_items]`.
    targets: Vec<f32>,
}

impl<'a> HorizonTask<'a> {
    /// Draws horizons from the events of `features`.
    ///
    /// # Errors
    /// If there is no event, or nothing between the first horizon and the last event.
    pub fn new(features: &'a HorizonFeatures, config: &'a HorizonConfig, seed: u64) -> Result<Self> {
        config.validate()?;
        let events = features.events();
        let users = 0..events.n_users() as u32;
        let mut moments: Vec<i64> =
            users.flat_map(|user| events.user(user, i64::MAX).timestamps().iter().copied()).collect();
        moments.sort_unstable();
        let task = HorizonTask { features, config, seed, moments };
        if (1..=ATTEMPTS as u64).all(|epoch| task.batch(epoch, 0).is_none()) {
            let after = "looking for users who liked an item after a horizon and had an event before it; \
                         lower first_horizon or liked_rating";
            return Err(burn_recsys_data::Error::Empty { after: after.into() }.into());
        }
        Ok(task)
    }

    /// Step `step` of `epoch`; none if no horizon with a user was found.
    fn batch(&self, epoch: u64, step: usize) -> Option<HorizonBatch> {
        let first = (self.moments.len() as f64 * self.config.first_horizon) as usize;
        let mut draws = Random::new(self.seed, Stream::Shuffle, epoch).row(step as u64);
        (0..ATTEMPTS).find_map(|_| {
            let n = (self.moments.len() - first) as u32;
            let at = first + if n > 0 { draws.below(n) as usize } else { return None };
            let horizon = self.moments[at];
            let mut users = self.likers(horizon);
            // A shuffle of the front.
            let kept = users.len().min(self.config.max_users);
            for place in 0..kept {
                let other = place + draws.below((users.len() - place) as u32) as usize;
                users.swap(place, other);
            }
            users.truncate(kept);
            self.at(horizon, &users)
        })
    }

    /// The users with an event before `horizon` and a like after it.
    fn likers(&self, horizon: i64) -> Vec<u32> {
        let (events, likes) = (self.features.events(), self.features.likes());
        let users = 0..events.n_users() as u32;
        let has_later =
            |user: u32| likes.user(user, self.end(horizon)).activity() > likes.user(user, horizon).activity();
        users.filter(|&user| events.user(user, horizon).activity() > 0 && has_later(user)).collect()
    }

    /// Until when likes count.
    fn end(&self, horizon: i64) -> i64 {
        self.config.target_window.map_or(i64::MAX, |window| horizon.saturating_add_unsigned(window))
    }

    /// The batch of `users` at `horizon`; none if nothing that they liked was known by then.
    fn at(&self, horizon: i64, users: &[u32]) -> Option<HorizonBatch> {
        let (events, likes) = (self.features.events(), self.features.likes());
        let n_items = events.n_items();
        let unknown: Vec<f32> = (0..n_items as u32)
            .map(|item| if events.item(item, horizon).popularity() == 0 { MASKED } else { 0.0 })
            .collect();
        let (mut kept, mut mask, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        for &user in users {
            let mut row = unknown.clone();
            for &item in events.user(user, horizon).items() {
                row[item as usize] = MASKED;
            }
            let before = likes.user(user, horizon).items().len();
            let later = &likes.user(user, self.end(horizon)).items()[before..];
            let found: Vec<usize> =
                later.iter().map(|&item| item as usize).filter(|&item| row[item] == 0.0).collect();
            if found.is_empty() {
                continue;
            }
            let start = targets.len();
            targets.resize(start + n_items, 0.0);
            for &item in &found {
                targets[start + item] += 1.0 / found.len() as f32;
            }
            mask.extend(row);
            kept.push(user);
        }
        if kept.is_empty() {
            return None;
        }
        // Users and items are the features' own, so there are rows.
        let users = self.features.users(&kept, horizon).ok()?;
        let items = self.features.items(horizon).ok()?;
        Some(HorizonBatch { users, items, mask, targets })
    }
}

impl Task for HorizonTask<'_> {
    type Model = FeatureTwoTower;
    type Batch = HorizonBatch;

    fn n_batches(&self) -> usize {
        self.config.n_horizons
    }

    fn batches(&self, epoch: u64) -> impl Iterator<Item = HorizonBatch> + Send {
        (0..self.n_batches()).filter_map(move |step| self.batch(epoch, step))
    }

    fn loss(&self, model: &FeatureTwoTower, batch: &HorizonBatch, tape: &mut Tape) -> Tensor<1> {
        let logits = model.score_matrix(&batch.users, &batch.items, tape);
        let ([n_users, n_items], device) = (logits.dims(), logits.device());
        let constant = |values: &[f32]| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), [n_users, n_items]), &device)
        };
        let log_probabilities = log_softmax(logits + constant(&batch.mask), 1);
        let of_users = (log_probabilities * constant(&batch.targets)).sum();
        of_users.neg() / n_users as f64
    }

    fn n_rows(&self, batch: &HorizonBatch) -> usize {
        batch.users.n_rows()
    }
}
