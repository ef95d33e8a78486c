//! The experiments of papers: models side by side on a published split.
//!
//! A [`Protocol`] is a training part and what is measured; a [`Contender`] is a model with the parameters
//! that it may choose from. [`choose`] picks among them on rows held out of the training part; the model is
//! then fitted to the whole of it. Test rows are read once, by [`Protocol::evaluate`].
//!
//! ```
//! use burn_recsys_data::Csr;
//! use burn_recsys_training::protocol::{Epochs, Popular, Contender, Protocol};
//!
//! let (train, test) = (Csr::from_rows([&[0u32, 1][..], &[1, 2]]), Csr::from_rows([&[2u32][..], &[0]]));
//! let protocol = Protocol::full_ranking(train, &test, 3)?;
//! let popular = Popular.fit(0, protocol.train_part(), 1, Epochs::Configured)?;
//! let evaluation = protocol.evaluate(popular.as_ref(), 1)?;
//! assert_eq!(evaluation.report.summary("Recall@1")?.value, Some(1.0));
//! # Ok::<(), burn_recsys_training::Error>(())
//! ```

mod baselines;
mod choose;
mod contender;
mod diversity;
mod hold_out;
mod item_graphs;
mod item_links;
mod lightgcn;
pub mod ml_100k_random;
mod model;
mod pages;
mod refitted_links;
mod sampling;
mod simplex;
mod temporal_links;
mod time_split;
mod two_stage;
mod two_tower;
mod watching;

use std::sync::Arc;

use burn_recsys_data::Csr;
use burn_recsys_data::protocol::{LightGcn, Ncf};
use burn_recsys_metrics::SampledCandidates;
use burn_recsys_models::ItemScorer;

pub use choose::{Choice, Trial, choose};
pub use contender::{Contender, Epochs, Grid, Popular, Recipe, TrainPart, Watch};
pub use diversity::{DiversityPoint, diversity_curve};
pub use item_graphs::{ChosenItemGraph, ItemGraphModel, item_graphs};
pub use item_links::{ItemLinkOutcome, ItemLinks, LinkModel, LinkPart};
pub use model::{ProtocolModel, UnknownModel};
pub use pages::{PageOutcome, PageSimulation, simulate_pages};
pub use refitted_links::RefittedLinks;
pub use sampling::{HEAD_FRACTION, SamplingOutcome, sampling_bias, tail_share_of_test};
pub use temporal_links::{LinkMeasures, LinkOutcome, TemporalLinks};
pub use time_split::TimeSplit;
pub use two_stage::{SourcesConfig, TwoStageOutcome, TwoStageSettings, two_stage};
pub use two_tower::{Sampling, TwoTowerRecipe};

use crate::{CandidateSet, Evaluation, Result, Seen, TestSet, evaluate, evaluate_candidates};

/// A training part, and how models are measured.
#[derive(Debug, Clone)]
pub struct Protocol {
    train: Arc<Csr>,
    n_items: usize,
    judge: Judge,
}

#[derive(Debug, Clone)]
enum Judge {
    /// The whole catalogue without seen items.
    FullRanking(TestSet),
    /// One item among candidates.
    Candidates {
        set: CandidateSet,
        /// The last item of every user: what is held out to choose by.
        last: Vec<Option<u32>>,
    },
}

impl Protocol {
    /// Every item that a user has not met is ranked; row `u` of `test` holds the items to find.
    ///
    /// # Shapes
    /// - `train`, `test`: `[n_users]`, items below `n_items`, ascending and unique
    ///
    /// # Errors
    /// As [`TestSet::of_rows`].
    pub fn full_ranking(train: impl Into<Arc<Csr>>, test: &Csr, n_items: usize) -> Result<Self> {
        let train = train.into();
        let test = TestSet::of_rows(Arc::clone(&train), test)?;
        Ok(Protocol { train, n_items, judge: Judge::FullRanking(test) })
    }

    /// One item is to be found among candidates; `last` holds the item of every user that is held out when
    /// parameters are chosen, most often the last one met.
    ///
    /// # Shapes
    /// - `train`, `last`: `[n_users]`, items of a user ascending and unique
    ///
    /// # Errors
    /// If there is not one `last` for every user.
    pub fn candidates(
        train: impl Into<Arc<Csr>>,
        last: Vec<Option<u32>>,
        set: CandidateSet,
        n_items: usize,
    ) -> Result<Self> {
        let train = train.into();
        if last.len() != train.n_rows() {
            let message = format!("{} for {} users", last.len(), train.n_rows());
            return Err(burn_recsys_data::Error::Parameter { parameter: "last", message }.into());
        }
        Ok(Protocol { train, n_items, judge: Judge::Candidates { set, last } })
    }

    /// Full ranking of a split by LightGCN.
    ///
    /// # Errors
    /// As [`full_ranking`](Self::full_ranking).
    pub fn lightgcn(split: LightGcn) -> Result<Self> {
        let n_items = split.items.len();
        Self::full_ranking(split.train, &split.test, n_items)
    }

    /// Leave-one-out with the negatives of the files.
    ///
    /// # Errors
    /// As [`CandidateSet::new`].
    pub fn ncf(split: Ncf) -> Result<Self> {
        let Ncf { items, train, last, test, .. } = split;
        let set = CandidateSet::new(test.users, test.positives, test.candidates)?;
        Self::candidates(train, last, set, items.len())
    }

    /// What models learn from.
    pub fn train_part(&self) -> TrainPart<'_> {
        TrainPart { positives: &self.train, n_items: self.n_items }
    }

    /// The number of users that are tested.
    pub fn n_test_users(&self) -> usize {
        match &self.judge {
            Judge::FullRanking(test) => test.n_users(),
            Judge::Candidates { set, .. } => set.n_users(),
        }
    }

    /// What the candidates are of the catalogue; `None` where everything is ranked.
    pub fn sampled_candidates(&self) -> Option<SampledCandidates> {
        match &self.judge {
            Judge::FullRanking(_) => None,
            Judge::Candidates { set, .. } => set.sampled_among(self.n_items),
        }
    }

    /// The metrics of a model at `k`.
    ///
    /// # Errors
    /// As [`evaluate`] and [`evaluate_candidates`].
    pub fn evaluate(&self, scorer: &dyn ItemScorer, k: usize) -> Result<Evaluation> {
        match &self.judge {
            Judge::FullRanking(test) => evaluate(scorer, test, &[k], Seen::Removed),
            Judge::Candidates { set, .. } => evaluate_candidates(scorer, set, &[k]),
        }
    }
}
