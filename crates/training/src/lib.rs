//! From interactions to a trained, measured and saved recommender.
//!
//! | step | here |
//! |---|---|
//! | what to do, as a file | [`RunConfig`] |
//! | filter, split, keep what counts as liked | [`Prepared`] |
//! | batches and their loss | [`Task`], [`SampledPairs`], [`EstimatorTask`], [`TwoBranchTask`], [`RetrievalTask`], [`SimpleXTask`], [`LightGcnTask`], [`PairTask`] |
//! | the loop | [`fit`] |
//! | metrics on held-out interactions | [`TestSet`], [`evaluate`]; [`CandidateSet`], [`evaluate_candidates`] |
//! | how well links are predicted | [`LinkTest`] |
//! | experiments of papers | [`protocol`] |
//! | the folder that survives a crash | [`RunFolder`] |
//! | all of it together | [`train`] |
//! | vectors of items from sequences or edges | [`fit_pairs`] |
//! | a GraphSAGE from links and features | [`GraphSageTask`], [`fit_graph_sage`] |
//! | a temporal graph network from events | [`fit_temporal`], [`stream_links`] |
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
mod estimator_ranker;
mod estimator_task;
mod evaluate;
mod files;
mod fit;
mod graph_sage;
mod graph_sage_task;
mod held_out_items;
mod horizon;
mod late_counts;
mod lightgcn;
mod lightgcn_task;
mod links;
mod optimizers;
mod pair_task;
mod pairs;
mod prepare;
pub mod protocol;
mod recommend;
mod retrieval_task;
mod run;
mod run_folder;
mod sampled_pairs;
mod schedule;
mod serving;
mod simplex;
mod simplex_task;
pub mod study;
mod study_folder;
mod task;
mod temporal;
mod two_branch_task;

pub use candidates::{CandidateSet, evaluate_candidates};
pub use checkpoint::Phase;
pub use config::{
    DataConfig, EvaluationConfig, ModelConfig, ModelKind, OptimizerConfig, RunConfig, TrainingConfig,
    ValidationConfig,
};
pub use device::{DeviceError, device_from_name, device_names};
pub use error::{Error, Result};
pub use estimator_ranker::{EstimatorRanker, EstimatorRankerConfig, LabelledVisit};
pub use estimator_task::{EstimatorTask, Order};
pub use evaluate::{Evaluation, Seen, TestSet, evaluate, evaluate_index, evaluate_lists};
pub use files::write_atomic;
pub use fit::{EpochRecord, FitConfig, HeldOut, Measure, Progress, StepReport, TrainState, fit};
pub use graph_sage::{FittedGraphSage, GraphSageTraining, fit_graph_sage};
pub use graph_sage_task::{GraphSageTask, LinkBatch};
pub use horizon::{
    HorizonBatch, HorizonConfig, HorizonFeatures, HorizonModel, HorizonTask, TowerVectors, fit_horizons,
};
pub use lightgcn::{FittedLightGcn, LightGcnTraining, fit_lightgcn};
pub use lightgcn_task::{LightGcnBatch, LightGcnTask};
pub use links::{LinkMetrics, LinkTest};
pub use optimizers::Optimizers;
pub use pair_task::{PairBatch, PairTask};
pub use pairs::{FittedPairs, PairTraining, fit_pairs, pair_logits};
pub use prepare::Prepared;
pub use recommend::{Recommendation, Recommender};
pub use retrieval_task::{Negatives, RetrievalBatch, RetrievalRows, RetrievalTask};
pub use run::{Trained, train};
pub use run_folder::RunFolder;
pub use sampled_pairs::SampledPairs;
pub use schedule::Schedule;
pub use serving::{Served, ServingConfig, served_lists, write_serving};
pub use simplex::{FittedSimpleX, SimpleXTraining, fit_simplex};
pub use simplex_task::{SimpleXBatch, SimpleXTask};
pub use study_folder::StudyFolder;
pub use task::Task;
pub use temporal::{
    FittedTemporal, InteractionEvents, LinkScorer, Met, RatingScale, StaticLinks, StreamedLink,
    TemporalScorer, TemporalTraining, fit_temporal, stream_links,
};
pub use two_branch_task::{TwoBranchBatch, TwoBranchTask};
