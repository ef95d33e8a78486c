//! Interactions as events between users and items.

use burn_recsys_data::Interactions;
use burn_recsys_models::{TemporalEvents, TemporalQuery};

use crate::{Error, Result};

/// How ratings become features of a like scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatingScale {
    mean: f32,
    deviation: f32,
}

impl RatingScale {
    /// To mean 0 and standard deviation 1 over these rows: those of the training part.
    pub fn of(rows: &Interactions) -> Self {
        let ratings = rows.ratings().unwrap_or_default();
        let n = ratings.len().max(1) as f64;
        let mean = ratings.iter().map(|&rating| f64::from(rating)).sum::<f64>() / n;
        let variance = ratings.iter().map(|&rating| (f64::from(rating) - mean).powi(2)).sum::<f64>() / n;
        let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        RatingScale { mean: mean as f32, deviation: deviation as f32 }
    }
}

/// Interactions in the order of time, as events between nodes: users come first, then items. The rating, where
/// there is one, is the feature of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct InteractionEvents {
    n_users: usize,
    n_items: usize,
    events: TemporalEvents,
}

impl InteractionEvents {
    /// All rows, ties in the order of the input.
    ///
    /// # Errors
    /// If there are no timestamps, or more than 2^32 users and items.
    pub fn new(rows: &Interactions, scale: RatingScale) -> Result<Self> {
        let (n_users, n_items) = (rows.n_users(), rows.n_items());
        let refuse = |message: String| Err(Error::Config { key: "data", message });
        let Some(timestamps) = rows.timestamps() else {
            return refuse("events have no timestamps; the order of time is what is learned from".into());
        };
        if u32::try_from(n_users + n_items).is_err() {
            return refuse(format!("{n_users} users and {n_items} items; at most 2^32 together"));
        }
        let order = rows.rows_by_time();
        let at = |row: &u32| *row as usize;
        let ratings = rows.ratings();
        let scaled = |rating: f32| (rating - scale.mean) / scale.deviation;
        let events = TemporalEvents::new(
            n_users + n_items,
            order.iter().map(|row| rows.users()[at(row)]).collect(),
            order.iter().map(|row| n_users as u32 + rows.items()[at(row)]).collect(),
            order.iter().map(|row| timestamps[at(row)]).collect(),
            ratings.map_or(Vec::new(), |ratings| order.iter().map(|row| scaled(ratings[at(row)])).collect()),
            usize::from(ratings.is_some()),
        );
        Ok(InteractionEvents { n_users, n_items, events: events? })
    }

    /// The events between nodes.
    pub fn events(&self) -> &TemporalEvents {
        &self.events
    }

    /// The number of events.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Users are below it.
    pub fn n_users(&self) -> usize {
        self.n_users
    }

    /// Items are below it.
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// Users and items together.
    pub fn n_nodes(&self) -> usize {
        self.n_users + self.n_items
    }

    /// The user of event `row`.
    ///
    /// # Panics
    /// If there is no such event.
    pub fn user(&self, row: usize) -> u32 {
        self.events.sources()[row]
    }

    /// The item of event `row`.
    ///
    /// # Panics
    /// If there is no such event.
    pub fn item(&self, row: usize) -> u32 {
        self.events.targets()[row] - self.n_users as u32
    }

    /// The node of an item.
    pub fn node_of_item(&self, item: u32) -> u32 {
        self.n_users as u32 + item
    }

    /// The user of event `row` at its time.
    pub(super) fn query_user(&self, row: usize) -> TemporalQuery {
        TemporalQuery { node: self.user(row), time: self.events.times()[row] }
    }
}
