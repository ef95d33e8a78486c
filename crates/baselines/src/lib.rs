//! Recommenders that need no deep learning, and are hard to beat.
//!
//! The crate does not depend on Burn: it builds in seconds and can be used alone. Every model is made by
//! the `fit` of its configuration from the items that each user has met, and is an [`ItemScorer`], as are
//! the models of `burn-recsys-models`: evaluation, serving and comparison know only that.
//!
//! | model | what it is |
//! |---|---|
//! | [`Popular`], [`RecentPopular`] | the same items for everybody |
//! | [`Ease`] | a linear autoencoder in closed form, dense |
//! | [`ItemKnn`] | the most similar items of the user's own |
//! | [`ImplicitAls`] | matrix factorisation by implicit alternating least squares |
//! | [`Slim`] | a sparse, non-negative linear model of items by items |
//! | [`BprMf`], [`LogisticMf`] | vectors by stochastic gradient descent, with random negatives |
//! | [`BiasedMf`] | vectors and biases that predict ratings |
//! | [`SkipGram`] | vectors of items from sequences of them, such as sessions and random walks |
//! | [`CoVisitationScorer`] | what is related to the user's recent items in a graph |
//! | [`WalkRecommender`] | what short walks from the user's items visit |
//! | [`VectorScorer`] | inner products of vectors, wherever they come from |
//!
//! # Invariants
//! - Same data, same configuration: the same bits, whatever the number of threads. The one exception is asked
//!   for by name: [`SkipGramMode::LockFree`].
//! - Bad input is an [`Error`] that says what to do; nothing panics on data.

mod co_visitation;
mod ease;
mod error;
mod factorization;
mod ials;
mod item_knn;
mod medoids;
mod normal;
mod popular;
mod positives;
mod recent;
mod scorer;
mod shared_users;
mod similar_items;
mod skip_gram;
mod slim;
mod sparse;
mod vectors;
mod walk_recommender;

pub use co_visitation::{CoVisitationScorer, CoVisitationScorerConfig};
pub use ease::{Ease, EaseConfig};
pub use error::{Error, Result};
pub use factorization::{BiasedMf, BiasedMfConfig, BprMf, BprMfConfig, LogisticMf, LogisticMfConfig};
pub use ials::{ImplicitAls, ImplicitAlsConfig};
pub use item_knn::{ItemKnn, ItemKnnConfig};
pub use popular::{Popular, RecentPopular};
pub use recent::{WeightedItem, recent_items};
pub use scorer::ItemScorer;
pub use similar_items::{SimilarItem, SimilarItems};
pub use skip_gram::{SkipGram, SkipGramConfig, SkipGramEpoch, SkipGramMode};
pub use slim::{Slim, SlimConfig};
pub use vectors::VectorScorer;
pub use walk_recommender::{Starts, WalkRecommender, WalkRecommenderConfig};
