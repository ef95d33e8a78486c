//! From interactions to a trained, measured and saved recommender.
//!
//! | step | here |
//! |---|---|
//! | what to do, as a file | [`RunConfig`] |
//! | filter, split, keep what counts as liked | [`Prepared`] |
//! | batches and their loss | [`Task`], [`SampledPairs`], [`EstimatorTask`], [`TwoBranchTask`], [`RetrievalTask`], [`SimpleXTask`], [`LightGcnTask`] |
//! | the loop | [`fit`] |
//! | metrics on held-out interactions | [`TestSet`], [`evaluate`]; [`CandidateSet`], [`evaluate_candidates`] |
//! | experiments of papers | [`protocol`] |
//! | the folder that survives a crash | [`RunFolder`] |
//! | all of it together | [`train`] |
//! | a SimpleX, a LightGCN from positives | [`fit_simplex`], [`fit_lightgcn`] |
//! | ways to know a user, side by side | [`study`], [`StudyFolder`] |
//! | answers | [`Recommender`] |
//!
//! # Invariants
//! - Same configuration, same data, same device: the same bits, whatever the number of threads and
//!   wherever the run was stopped and resumed.
//! - Nothing is written under its final name before it is whole.
//! - An evaluation whose test part overlaps its training part is refused.

mod candidates;
mod checkpoint;
mod config;
mod dealt;
mod device;
mod error;
mod estimator_task;
mod evaluate;
mod files;
mod fit;
mod held_out_items;
mod horizon;
mod lightgcn;
mod lightgcn_task;
mod optimizers;
mod prepare;
pub mod protocol;
mod recommend;
mod retrieval_task;
mod run;
mod run_folder;
mod sampled_pairs;
mod simplex;
mod simplex_task;
pub mod study;
mod study_folder;
mod task;
mod two_branch_task;

pub use candidates::{CandidateSet, evaluate_candidates};
pub use checkpoint::Phase;
pub use config::{
    DataConfig, EvaluationConfig, ModelConfig, ModelKind, OptimizerConfig, RunConfig, TrainingConfig,
    ValidationConfig,
};
pub use device::{DeviceError, device_from_name, device_names};
pub use error::{Error, Result};
pub use estimator_task::{EstimatorTask, Order};
pub use evaluate::{Evaluation, Seen, TestSet, evaluate};
pub use files::write_atomic;
pub use fit::{EpochRecord, FitConfig, HeldOut, Measure, Progress, StepReport, TrainState, fit};
pub use horizon::{HorizonBatch, HorizonConfig, HorizonFeatures, HorizonModel, HorizonTask, fit_horizons};
pub use lightgcn::{FittedLightGcn, LightGcnTraining, fit_lightgcn};
pub use lightgcn_task::{LightGcnBatch, LightGcnTask};
pub use optimizers::Optimizers;
pub use prepare::Prepared;
pub use recommend::{Recommendation, Recommender};
pub use retrieval_task::{Negatives, RetrievalBatch, RetrievalRows, RetrievalTask};
pub use run::{Trained, train};
pub use run_folder::RunFolder;
pub use sampled_pairs::SampledPairs;
pub use simplex::{FittedSimpleX, SimpleXTraining, fit_simplex};
pub use simplex_task::{SimpleXBatch, SimpleXTask};
pub use study_folder::StudyFolder;
pub use task::Task;
pub use two_branch_task::{TwoBranchBatch, TwoBranchTask};
