//! Numbers from ranked lists and scores: is this recommender any good?
//!
//! The crate knows item indices, scores and labels, nothing of models or files: it does not depend on
//! Burn, and measures another system's output as well as ours. It has these kinds of metrics.
//!
//! | module | takes | gives |
//! |---|---|---|
//! | [`ranking`] | one user's list and relevant items | NDCG, HitRate, Recall, Precision, MAP, MRR and more |
//! | [`beyond`] | the same and what is known besides | novelty, popularity, serendipity, diversity, overlap |
//! | [`catalogue`] | all lists together | Coverage, UserCoverage, Gini, Entropy, TailShare |
//! | [`pointwise`] | scores and yes-or-no labels, or ratings | AUC, GAUC, LogLoss, ECE, F1, RMSE and more |
//! | [`slate`] | pages with feedback for each place | click rates, the reward of a page |
//! | [`counterfactual`] | logged feedback with probabilities | IPS, SNIPS, DR: what another policy would earn |
//!
//! Around them, [`Lists`] and [`Truth`] are made of columns, a [`Grouping`] divides users or items into slices,
//! [`statistics`] says how sure a mean is and whether two models differ, [`debias`] limits how often a popular item
//! counts in the truth, and [`leakage`] says what a test part gives away.
//!
//! A metric measures; a [`RankingEvaluator`] collects the values of all users, on as many threads as
//! you like; its [`RankingReport`] averages them and keeps them per user.
//!
//! ```
//! use burn_recsys_metrics::catalogue::Coverage;
//! use burn_recsys_metrics::ranking::{Ndcg, Recall};
//! use burn_recsys_metrics::{RankingEvaluator, UserList};
//!
//! let n_items = 6;
//! let mut evaluator = RankingEvaluator::new(vec![Box::new(Ndcg::new(3)?), Box::new(Recall::new(3)?)])?
//!     .with_catalogue(3, 0..n_items, vec![Box::new(Coverage)])?;
//!
//! // Item indices: recommended best first, relevant ascending.
//! evaluator.observe_all(&[
//!     UserList::new(0, &[4, 1, 2], &[2, 4]),
//!     UserList::new(1, &[1, 0, 2], &[5]),
//! ])?;
//! // No recommendation for someone who would have liked item 3 counts 0.
//! evaluator.observe(2, &[], &[3])?;
//!
//! let report = evaluator.finish()?;
//! assert_eq!(report.summary("Recall@3")?.value, Some((1.0 + 0.0 + 0.0) / 3.0));
//! assert_eq!(report.summary("Coverage@3")?.value, Some(4.0 / 6.0));
//! for summary in report.summaries() {
//!     // NDCG@3 Some(0.306...) 0, Recall@3 Some(0.333...) 0, Coverage@3 Some(0.666...) 0
//!     println!("{} {:?} {}", summary.label, summary.value, summary.n_undefined);
//! }
//! # Ok::<(), burn_recsys_metrics::Error>(())
//! ```
//!
//! # Definitions
//! Each metric says whose definition it follows; the tests hold the values of RePlay, RecTools, RecBole, scikit-learn and
//! SciPy beside the scripts that made them, and `docs/metric-conformance.md` has the largest differences and where
//! definitions differ. The mean of a ranking metric is over all users with relevant items; those without a
//! recommendation count 0.
//!
//! # Invariants
//! - Values are fractions in 0..1 unless a metric's documentation gives another range (LogLoss: nats, at
//!   least 0). Undefined is `None`, never NaN or a silent 0, and [`Summary::n_undefined`] counts it.
//! - The same lists give the same bits, in whatever order they come and on however many threads: values
//!   are averaged in the order of user indices, counts are integers.
//! - A list that no metric is defined on (an item twice, a NaN score) is an [`Error`] that names the
//!   user or row.

pub mod beyond;
mod candidates;
pub mod catalogue;
mod column;
pub mod counterfactual;
pub mod debias;
mod error;
mod evaluator;
mod grouping;
pub mod leakage;
mod lists;
mod mean;
pub mod pointwise;
mod quantile;
pub mod ranking;
mod report;
pub mod slate;
pub mod statistics;

pub use candidates::{SampledCandidates, Warning};
pub use error::{Error, Result};
pub use evaluator::{RankingEvaluator, UserList};
pub use grouping::Grouping;
pub use lists::{Lists, Truth};
pub use report::{RankingReport, SliceOf, SliceReport, Summary};
