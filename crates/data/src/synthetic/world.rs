//! The probabilities that items are drawn from.

use super::SyntheticConfig;
use crate::Csr;
use crate::random::{Draws, Random, Stream};

/// The number of periods of the span; within one, probabilities do not change.
pub const N_PERIODS: u32 = 32;

/// The first second of generated data: 2020-01-01 00:00 UTC.
pub(super) const START: i64 = 1_577_836_800;
/// The length of generated data: 320 days, so a period is 10 days.
pub(super) const SPAN: i64 = 320 * DAY;
const DAY: i64 = 86_400;

/// What happens to be drawn from; see the module's equation.
#[derive(Debug, Clone)]
pub(super) struct World {
    n_cohorts: u32,
    n_periods: u32,
    drift: f64,
    /// `exp(preference_strength)`.
    preference: f64,
    topics: Vec<u32>,
    /// `(1 + rank)^-popularity_exponent` of every item.
    popularity: Vec<f64>,
    /// When every item is released, in spans after the start: in -1..1.
    release: Vec<f64>,
    items_by_topic: Csr,
    /// For every period and topic, in the order of `items_by_topic`, the running sum of w(i, t). All
    /// cohorts share it: a preference scales a topic as a whole.
    cumulative: Vec<Vec<f64>>,
}

/// The epochs under [`Stream::Synthetic`] that the parts of the generator draw from.
pub(super) mod epoch {
    pub(crate) const ITEM_RANKS: u64 = 0;
    pub(crate) const ITEMS: u64 = 1;
    pub(crate) const USER_ACTIVITY: u64 = 2;
    pub(crate) const USERS: u64 = 3;
    pub(crate) const INTERACTIONS: u64 = 4;
}

impl World {
    pub(super) fn new(config: &SyntheticConfig) -> Self {
        let n_items = config.n_items;
        let n_periods = if config.drift > 0.0 { N_PERIODS } else { 1 };
        let ranks = Random::new(config.seed, Stream::Synthetic, epoch::ITEM_RANKS).permutation(n_items);
        let popularity =
            ranks.into_iter().map(|rank| (1.0 + f64::from(rank)).powf(-config.popularity_exponent)).collect();
        let of_items = Random::new(config.seed, Stream::Synthetic, epoch::ITEMS);
        let (topics, release): (Vec<u32>, Vec<f64>) = (0..n_items)
            .map(|item| {
                let mut draws = of_items.row(u64::from(item));
                // The first items cover every topic, so that no cohort is left without one.
                let topic = draws.below(config.n_cohorts);
                let topic = if item < config.n_cohorts { item } else { topic };
                (topic, 2.0 * draws.uniform() - 1.0)
            })
            .unzip();
        let mut world = World {
            n_cohorts: config.n_cohorts,
            n_periods,
            drift: config.drift,
            preference: config.preference_strength.exp(),
            items_by_topic: Csr::group(config.n_cohorts as usize, &topics, 0..n_items),
            topics,
            popularity,
            release,
            cumulative: Vec::new(),
        };
        world.cumulative = (0..n_periods * config.n_cohorts)
            .map(|table| {
                let (period, topic) = (table / config.n_cohorts, table % config.n_cohorts);
                let weights = world.items_by_topic.row(topic).iter().map(|&item| world.weight(item, period));
                weights
                    .scan(0.0, |sum, weight| {
                        *sum += weight;
                        Some(*sum)
                    })
                    .collect()
            })
            .collect();
        world
    }

    pub(super) fn topics(&self) -> &[u32] {
        &self.topics
    }

    /// The release of every item in days after the start of the data.
    pub(super) fn release_days(&self) -> Vec<f32> {
        self.release.iter().map(|release| (release * (SPAN / DAY) as f64) as f32).collect()
    }

    pub(super) fn probability(&self, cohort: u32, item: u32, timestamp: i64) -> f64 {
        let period = self.period(timestamp);
        let total: f64 = (0..self.n_cohorts).map(|topic| self.topic_weight(cohort, topic, period)).sum();
        self.weight(item, period) * self.preference(cohort, self.topics[item as usize]) / total
    }

    /// For every item a number in proportion to its probability.
    pub(super) fn weights(&self, cohort: u32, timestamp: i64) -> Vec<f64> {
        let period = self.period(timestamp);
        (0..self.popularity.len() as u32)
            .map(|item| self.weight(item, period) * self.preference(cohort, self.topics[item as usize]))
            .collect()
    }

    /// Draws an item: first its topic, then the item within the topic.
    pub(super) fn draw(&self, cohort: u32, timestamp: i64, draws: &mut Draws) -> u32 {
        let period = self.period(timestamp);
        let weight = |topic| self.topic_weight(cohort, topic, period);
        let total: f64 = (0..self.n_cohorts).map(weight).sum();
        let mut left = draws.uniform() * total;
        let mut topic = 0;
        while topic + 1 < self.n_cohorts && left >= weight(topic) {
            left -= weight(topic);
            topic += 1;
        }
        let items = self.items_by_topic.row(topic);
        let cumulative = self.cumulative_of(topic, period);
        let target = draws.uniform() * cumulative[items.len() - 1];
        items[cumulative.partition_point(|&sum| sum <= target).min(items.len() - 1)]
    }

    fn cumulative_of(&self, topic: u32, period: u32) -> &[f64] {
        &self.cumulative[(period * self.n_cohorts + topic) as usize]
    }

    fn topic_weight(&self, cohort: u32, topic: u32, period: u32) -> f64 {
        let cumulative = self.cumulative_of(topic, period);
        cumulative[cumulative.len() - 1] * self.preference(cohort, topic)
    }

    fn preference(&self, cohort: u32, topic: u32) -> f64 {
        if cohort == topic { self.preference } else { 1.0 }
    }

    /// w(i, t).
    fn weight(&self, item: u32, period: u32) -> f64 {
        let now = (f64::from(period) + 0.5) / f64::from(self.n_periods);
        let age = now - self.release[item as usize];
        let fashion = if age >= 0.0 { -self.drift * age } else { 4.0 * self.drift * age };
        self.popularity[item as usize] * fashion.exp()
    }

    fn period(&self, timestamp: i64) -> u32 {
        let elapsed = timestamp.saturating_sub(START).clamp(0, SPAN - 1);
        (elapsed * i64::from(self.n_periods) / SPAN) as u32
    }
}
