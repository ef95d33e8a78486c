//! Ways to know a user, side by side.
//!
//! A study trains one estimator for each way to know users, on the same split, over several seeds, and
//! measures them overall and by slice: users who are new, light, medium and power users, items of the head
//! and of the tail. What takes part is a [`Candidate`]; a representation that is defined elsewhere takes part
//! as those of this library do.
//!
//! The number of epochs is found on rows held out of the training part, and calibration is fitted there; the
//! test part is looked at once.

mod candidate;
mod config;
mod gate;
mod measure;
mod memory;
mod report;
mod rows;
mod standard;
mod train;

use burn::tensor::Device;
use burn_recsys_data::{Dataset, Interactions, Split, SplitConfig};

pub use candidate::{Candidate, StudySizes};
pub use config::{
    EstimatorConfig, RowOrderConfig, SliceConfig, StudyConfig, StudyTrainingConfig, TaskConfig,
};
pub use gate::{GateDecile, GateStudy};
pub use measure::SliceOutcome;
pub use memory::memory_candidates;
pub use report::{CandidateReport, Estimate, StudyReport};
pub use rows::{Slices, StudyRows, TASKS};
pub use standard::{RepresentationConfig, RepresentationKind};
pub use train::SeedOutcome;

use crate::{Error, Result, StepReport};
use rows::Source;
use train::Training;

/// Ratings beyond are taken for an error of the data.
const MAX_RATING: f32 = 1e6;

/// A data set made ready for a study.
#[derive(Debug, Clone)]
pub struct Study {
    config: StudyConfig,
    dataset: String,
    sizes: StudySizes,
    n_test_users: usize,
    search: StudyRows,
    full: StudyRows,
}

/// Watches a study.
pub trait StudyProgress {
    /// After every step of every training. `false` asks the study to stop.
    fn step(&mut self, candidate: &str, seed: u64, report: StepReport) -> bool {
        let _ = (candidate, seed, report);
        true
    }

    /// After every training.
    ///
    /// # Errors
    /// Whatever went wrong; the study stops with it.
    fn trained(&mut self, candidate: &str, outcome: &SeedOutcome) -> Result<()> {
        let _ = (candidate, outcome);
        Ok(())
    }
}

/// No one watches.
impl StudyProgress for () {}

impl Study {
    /// Filters, splits and describes `dataset` as `config` says.
    ///
    /// # Errors
    /// If the configuration is impossible, the data has no ratings or no timestamps, or a part is empty.
    pub fn prepare(dataset: &Dataset, config: &StudyConfig) -> Result<Self> {
        config.validate()?;
        let data = &dataset.interactions;
        for (column, is_there) in
            [("ratings", data.ratings().is_some()), ("timestamps", data.timestamps().is_some())]
        {
            if !is_there {
                let message = format!("a study needs {column} and {} has none", dataset.name);
                return Err(Error::Config { key: "data", message });
            }
        }
        if let Some(rating) = data.ratings().and_then(|ratings| ratings.iter().find(|r| r.abs() > MAX_RATING))
        {
            let message =
                format!("a rating is {rating}; beyond ±{MAX_RATING} features of ratings mean nothing");
            return Err(Error::Config { key: "data", message });
        }
        let mut interactions = dataset.interactions.clone();
        for filter in &config.filters {
            interactions = filter.apply(&interactions)?;
        }
        let Split { train, test, .. } = config.split.split(&interactions.compact())?;
        let cold = |train: &Interactions, test: &Interactions| -> Result<Interactions> {
            Ok(match &config.cold_start {
                Some(cold_start) => cold_start.apply(train, test)?.train,
                None => train.clone(),
            })
        };
        // Before rows are held out: what a new user did later has not happened, for the search neither.
        let train = cold(&train, &test)?;
        let hold_out = SplitConfig::new(config.validation.clone())
            .with_drop_cold_users(config.split.drop_cold_users)
            .with_drop_cold_items(config.split.drop_cold_items)
            .with_row_order(config.split.row_order);
        let Split { train: fit, test: held_out, .. } = hold_out
            .split(&train)
            .map_err(|error| Error::Config { key: "validation", message: error.to_string() })?;
        // One set of ids and columns for both, so that models of one size fit all.
        let [fit, held_out] = [fit, held_out].map(|part| part.reindex(train.user_ids(), train.item_ids()));
        let source = Source::new(dataset, &train, config)?;
        let search = source.rows(&cold(&fit, &held_out)?, &held_out)?;
        let full = source.rows(&train, &test)?;
        // One more user: the unknown one.
        let n = [train.n_users() + 1, train.n_items()];
        let sizes = StudySizes::new(&full, n, &config.estimator, &config.training);
        let mut users = full.test_users.clone();
        users.sort_unstable();
        users.dedup();
        Ok(Study {
            config: config.clone(),
            dataset: dataset.name.clone(),
            sizes,
            n_test_users: users.len(),
            search,
            full,
        })
    }

    /// The rows of the training part and of the test part.
    pub fn rows(&self) -> &StudyRows {
        &self.full
    }

    /// The training part without the rows held out, and those.
    pub fn search_rows(&self) -> &StudyRows {
        &self.search
    }

    /// The sizes that representations are made for.
    pub fn sizes(&self) -> &StudySizes {
        &self.sizes
    }

    /// The representations that the configuration names, and those of its memory budgets.
    pub fn candidates(&self) -> Vec<Candidate> {
        let named = self.config.representations.iter().map(RepresentationConfig::candidate);
        named.chain(memory_candidates(&self.config.memory_budgets, &self.sizes)).collect()
    }

    /// Trains and measures every candidate with every seed.
    ///
    /// `known` are outcomes of an earlier study that was cut off; they are not trained again.
    ///
    /// # Errors
    /// If a loss is not finite, a representation does not fit the rows, or `progress` asks to stop.
    pub fn run(
        &self,
        candidates: &[Candidate],
        known: &[CandidateReport],
        device: &Device,
        progress: &mut dyn StudyProgress,
    ) -> Result<StudyReport> {
        for (at, candidate) in candidates.iter().enumerate() {
            if candidates[..at].iter().any(|other| other.name() == candidate.name()) {
                let message = format!("{:?} is there twice; outcomes are kept by name", candidate.name());
                return Err(Error::Config { key: "representations", message });
            }
        }
        let mut report = StudyReport {
            dataset: self.dataset.clone(),
            counts: [
                self.full.train.n_rows(),
                self.full.test.n_rows(),
                self.n_test_users,
                self.sizes.n_items,
            ],
            tasks: TASKS.map(String::from).to_vec(),
            candidates: Vec::new(),
        };
        for candidate in candidates {
            let name = candidate.name();
            let mut of_candidate =
                CandidateReport { name: name.into(), budget: candidate.budget().cloned(), seeds: Vec::new() };
            for &seed in &self.config.seeds {
                let is_known = |outcome: &&SeedOutcome| outcome.seed == seed;
                let known = known.iter().find(|known| known.name == name);
                if let Some(outcome) = known.and_then(|known| known.seeds.iter().find(is_known)) {
                    of_candidate.seeds.push(outcome.clone());
                    continue;
                }
                let training = Training {
                    seed,
                    sizes: self.sizes.clone(),
                    estimator: &self.config.estimator,
                    config: &self.config,
                    search: &self.search,
                    full: &self.full,
                    device: device.clone().autodiff(),
                };
                let outcome = candidate.run(&training, &mut |report| progress.step(name, seed, report));
                let outcome = outcome.map_err(|error| match error {
                    Error::Diverged { .. } => {
                        Error::Candidate { name: name.into(), seed, source: Box::new(error) }
                    }
                    other => other,
                })?;
                progress.trained(name, &outcome)?;
                of_candidate.seeds.push(outcome);
            }
            report.candidates.push(of_candidate);
        }
        Ok(report)
    }
}
