//! The last events of a table, predicted one after the other.

use burn_recsys_baselines::Popular;
use burn_recsys_data::Csr;
use burn_recsys_data::{Interactions, SplitConfig, Strategy};
use burn_recsys_metrics::pointwise::{AveragePrecision, PointwiseMetric, Predictions};
use burn_recsys_models::ItemScorer;
use serde::Serialize;

use super::{Protocol, TrainPart};
use crate::{
    Error, InteractionEvents, LinkScorer, Met, RatingScale, Result, StaticLinks, StreamedLink, stream_links,
};

/// Events that are predicted from the same knowledge.
const BATCH: usize = 50;
/// The place up to which an item counts as found.
const K: u32 = 10;

/// Whom to meet next (Rossi et al. 2020, section 5): events from a moment on, each to be predicted from all that
/// was before it.
///
/// For every event the items that its user has not met by then are ranked. Events pass fifty at a time, as they
/// are, and a model may learn of them what it can: a static one learns nothing, and gives users that it was not
/// fitted to the most popular items. Events whose item the user had met already are not counted.
#[derive(Debug, Clone)]
pub struct TemporalLinks {
    /// All rows, the training part first.
    events: InteractionEvents,
    /// Over the ids of all rows.
    train: Interactions,
    positives: Csr,
    popular: Popular,
    n_train: usize,
    horizon: i64,
    knows_user: Vec<bool>,
    knows_item: Vec<bool>,
}

/// What was measured of one model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LinkMeasures {
    /// The number of events.
    pub n: usize,
    /// Of every event's score beside that of one item drawn at random, the average precision of telling which
    /// are events: what the paper reports.
    pub average_precision: f64,
    /// The mean of one over the rank of the item among all that the user had not met.
    pub reciprocal_rank: f64,
    /// How often that rank is at most 10.
    pub recall_at_10: f64,
}

/// Of all events, and of those that training knows something of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LinkOutcome {
    /// Every event of the test part.
    pub all: LinkMeasures,
    /// Events of a user and an item that both have training rows; none if there is no such event.
    pub warm: Option<LinkMeasures>,
}

impl TemporalLinks {
    /// The last `fraction` of the rows by time is tested.
    ///
    /// # Errors
    /// If there are no timestamps, or a part is empty.
    pub fn new(rows: &Interactions, fraction: f64) -> Result<Self> {
        let split = SplitConfig::new(Strategy::GlobalTime { test_fraction: fraction })
            .with_drop_cold_users(false)
            .with_drop_cold_items(false)
            .split(rows)?;
        let horizon = split.manifest.horizon.ok_or_else(|| Error::Config {
            key: "split",
            message: "the parts of this split are not separated by a moment".into(),
        })?;
        let train = rows.select(&split.train_rows);
        let n_train = train.len();
        let known = |counts: Vec<u32>| counts.into_iter().map(|count| count > 0).collect();
        Ok(TemporalLinks {
            events: InteractionEvents::new(rows, RatingScale::of(&train))?,
            positives: train.items_by_user(),
            popular: Popular::new(train.n_items(), train.items()),
            knows_user: known(train.user_counts()),
            knows_item: known(train.item_counts()),
            train,
            n_train,
            horizon,
        })
    }

    /// The same within the training part: what parameters are chosen by.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn hold_out(&self, fraction: f64) -> Result<Self> {
        Self::new(&self.train, fraction)
    }

    /// What static models are chosen by: users and items that are known before the last `fraction` of the training
    /// part, ranked as ever.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn static_validation(&self, fraction: f64) -> Result<Protocol> {
        let inner = self.hold_out(fraction)?;
        let mut test = vec![Vec::new(); inner.train.n_users()];
        for row in inner.n_train..inner.events.len() {
            let (user, item) = (inner.events.user(row), inner.events.item(row));
            let is_met = inner.positives.row(user).binary_search(&item).is_ok();
            if inner.is_warm(row) && !is_met {
                test[user as usize].push(item);
            }
        }
        let test = Csr::from_rows(test).sorted_unique();
        Protocol::full_ranking(inner.positives, &test, inner.train.n_items())
    }

    /// Whether training knows the user and the item of an event.
    fn is_warm(&self, row: usize) -> bool {
        self.knows_user[self.events.user(row) as usize] && self.knows_item[self.events.item(row) as usize]
    }

    /// What static models learn from: users and items have the numbers of the whole table, so that some have no
    /// rows.
    pub fn train_part(&self) -> TrainPart<'_> {
        TrainPart { positives: &self.positives, n_items: self.train.n_items() }
    }

    /// What models of events learn from.
    ///
    /// # Errors
    /// None that a protocol can have.
    pub fn train_events(&self) -> Result<InteractionEvents> {
        InteractionEvents::new(&self.train, RatingScale::of(&self.train))
    }

    /// The number of training rows.
    pub fn n_train(&self) -> usize {
        self.n_train
    }

    /// The number of events that are tested, those that were met before among them.
    pub fn n_test(&self) -> usize {
        self.events.len() - self.n_train
    }

    /// The number of users that are tested.
    pub fn n_test_users(&self) -> usize {
        let mut users: Vec<u32> =
            (self.n_train..self.events.len()).map(|row| self.events.user(row)).collect();
        users.sort_unstable();
        users.dedup();
        users.len()
    }

    /// The moment from which on events are tested.
    pub fn horizon(&self) -> i64 {
        self.horizon
    }

    /// The number of users with training rows.
    pub fn n_train_users(&self) -> usize {
        self.knows_user.iter().filter(|&&knows| knows).count()
    }

    /// The measures of a model that learns nothing of what passes.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn evaluate_static(&self, scorer: &dyn ItemScorer, seed: u64) -> Result<LinkOutcome> {
        self.evaluate(&mut StaticLinks::new(scorer, &self.popular, &self.knows_user), seed)
    }

    /// The measures of a model that has seen the training part and nothing else; `seed` draws the other item of
    /// each event.
    ///
    /// # Errors
    /// If a score is NaN, or there is no event to measure.
    pub fn evaluate(&self, scorer: &mut dyn LinkScorer, seed: u64) -> Result<LinkOutcome> {
        let rows = self.n_train..self.events.len();
        let mut met = Met::new(&self.events, 0..self.n_train);
        let links = stream_links(scorer, &self.events, rows, &mut met, BATCH, seed)?;
        let warm: Vec<StreamedLink> = links.iter().filter(|link| self.is_warm(link.row)).copied().collect();
        let all = measures(&links)?.ok_or_else(|| burn_recsys_data::Error::Empty {
            after: "leaving out events whose item the user had met".into(),
        })?;
        Ok(LinkOutcome { all, warm: measures(&warm)? })
    }
}

/// None of no events.
fn measures(links: &[StreamedLink]) -> Result<Option<LinkMeasures>> {
    if links.is_empty() {
        return Ok(None);
    }
    let (mut scores, mut labels) = (Vec::new(), Vec::new());
    for link in links {
        scores.push(link.score);
        labels.push(true);
        if let Some(other) = link.other {
            scores.push(other);
            labels.push(false);
        }
    }
    let average_precision = AveragePrecision.measure(&Predictions::new(&scores, &labels)?)?.unwrap_or(1.0);
    let n = links.len();
    Ok(Some(LinkMeasures {
        n,
        average_precision,
        reciprocal_rank: links.iter().map(|link| 1.0 / f64::from(link.rank)).sum::<f64>() / n as f64,
        recall_at_10: links.iter().filter(|link| link.rank <= K).count() as f64 / n as f64,
    }))
}
