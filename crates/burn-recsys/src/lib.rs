//! Recommender systems on the [Burn](https://burn.dev) deep-learning framework.
//!
//! This crate re-exports the others, each of which can be used alone:
//!
//! | module | crate | what |
//! |---|---|---|
//! | [`data`] | `burn-recsys-data` | interactions, ids, features, readers, filters, splits, samplers (no Burn) |
//! | [`metrics`] | `burn-recsys-metrics` | numbers from ranked lists and scores (no Burn) |
//! | [`evaluation`] | `burn-recsys-evaluation` | lists of any recommender, from files to a report (no Burn) |
//! | [`baselines`] | `burn-recsys-baselines` | popularity, neighbours, linear models, matrix factorisation (no Burn) |
//! | [`embeddings`] | `burn-recsys-embeddings` | every way from ids and features to vectors, sparse tables, row optimizers |
//! | [`models`] | `burn-recsys-models` | two-tower retrieval, multi-task rankers, losses |
//! | [`retrieval`] | `burn-recsys-retrieval` | vectors in, exact or approximate top-k out, re-ranking (no Burn) |
//! | [`ranking`] | `burn-recsys-ranking` | candidates of several sources, boosted trees, value (no Burn) |
//! | [`serve`] | `burn-recsys-serve` | answers from a folder, over HTTP with the feature `http` (no Burn) |
//! | [`training`] | `burn-recsys-training` | the loop, evaluation, checkpoints, run folders |
//!
//! # A recommender in a service
//!
//! Train with the program (`burn-recsys train --config run.toml`), then load the run folder:
//!
//! ```no_run
//! use std::path::Path;
//!
//! use burn_recsys::training::{Recommender, RunFolder, device_from_name};
//!
//! let folder = RunFolder::open(Path::new("runs/quickstart"))?;
//! let recommender = Recommender::load(&folder, &device_from_name("flex")?)?;
//! for item in recommender.recommend("42", 10)? {
//!     println!("{} {:.3}", item.title.unwrap_or(item.item), item.score);
//! }
//! # Ok::<(), burn_recsys::training::Error>(())
//! ```
//!
//! # Backends
//!
//! The cargo features `flex` (default), `ndarray`, `wgpu`, `vulkan`, `cuda` and `tch` compile a
//! backend in; [`training::device_from_name`] picks one at run time. No public item names a backend.
//!
//! # Speed
//!
//! Set [mimalloc](https://docs.rs/mimalloc) as your program's global allocator: training makes and
//! drops temporaries of some megabytes in every step, which glibc gives back to the system each time.

pub use burn_recsys_baselines as baselines;
pub use burn_recsys_data as data;
pub use burn_recsys_embeddings as embeddings;
pub use burn_recsys_evaluation as evaluation;
pub use burn_recsys_metrics as metrics;
pub use burn_recsys_models as models;
pub use burn_recsys_ranking as ranking;
pub use burn_recsys_retrieval as retrieval;
pub use burn_recsys_serve as serve;
pub use burn_recsys_training as training;
