//! Measures the lists of any recommender, from files to a report: no model, no Burn.
//!
//! [`EvaluationFiles`] names the files, CSV or parquet; [`EvaluationFiles::evaluate`] reads them and measures what
//! they allow; an [`Evaluation`] holds the numbers and gives them as JSON
//! and, with the feature `html`, as a page with plots. The metrics are those of `burn-recsys-metrics`.
//!
//! ```
//! use burn_recsys_evaluation::{EvaluationConfig, EvaluationFiles};
//! # let folder = std::env::temp_dir().join(format!("burn-recsys-evaluation-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # std::fs::write(folder.join("lists.csv"), "user_id,item_id,score\nann,tea,0.9\nann,milk,0.2\nbob,tea,0.7\n").unwrap();
//! # std::fs::write(folder.join("bought.csv"), "user_id,item_id\nann,milk\nbob,tea\ncid,tea\n").unwrap();
//!
//! let files = EvaluationFiles::new(folder.join("lists.csv"), folder.join("bought.csv"));
//! let config = EvaluationConfig { cutoffs: vec![1, 2], ..EvaluationConfig::default() };
//! let evaluation = files.evaluate(&config)?;
//!
//! // Found at rank 2 for ann and 1 for bob; cid was recommended nothing.
//! assert_eq!(evaluation.report.summary("MRR@2")?.value, Some((0.5 + 1.0 + 0.0) / 3.0));
//! assert_eq!(evaluation.users.only_ground_truth, 1);
//! assert_eq!(evaluation.to_json()["metrics"]["HitRate@1"], 1.0 / 3.0);
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), burn_recsys_evaluation::Error>(())
//! ```
//!
//! # What is measured
//! | with | metrics |
//! |---|---|
//! | recommendations and ground truth | NDCG, HitRate, Recall, Precision, MAP, MRR, F1, AchievablePrecision, RBP, RocAUC, RPrecision |
//! | the training part | Coverage, Gini, Entropy, TailShare, UnseenShare, InverseUserFrequency, Surprisal, AveragePopularity, Serendipity; the leakage report |
//! | grades | NDCG with linear and exponential gain |
//! | base recommendations | Unexpectedness |
//! | categories of items | IntraListDiversity, by the Jaccard distance of categories |
//! | another model's recommendations | Overlap, a paired comparison of every metric |
//!
//! # Invariants
//! - Users with relevant items but no list count as misses; users with a list but nothing relevant are undefined
//!   and counted. All of them are counted in [`UserCounts`].
//! - The order of rows changes nothing: equal scores are ordered by item id (numbers by value, text by bytes), and
//!   a note says for how many users that was needed.
//! - Wrong input is an [`Error`] with the file and the line.

mod config;
mod error;
mod evaluation;
#[cfg(feature = "html")]
mod html;
mod input;
mod json;
mod labels;
mod roles;
mod rows;
mod suite;

pub use config::EvaluationConfig;
pub use error::{Error, Result};
pub use evaluation::{Evaluation, UserCounts};
pub use input::EvaluationFiles;
pub use roles::ColumnNames;
