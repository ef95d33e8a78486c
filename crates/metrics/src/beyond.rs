//! What a list is worth beyond accuracy: new, rare, various, unlike another list.
//!
//! These are [`RankingMetric`](crate::ranking::RankingMetric)s too. What they know besides the list, such as
//! what users met in training, they are made of once and share among threads:
//!
//! | metric | side information |
//! |---|---|
//! | [`InverseUserFrequency`], [`Surprisal`], [`AveragePopularity`], [`Serendipity`] | [`ItemPopularity`] |
//! | [`UnseenShare`] | histories of users: [`Lists::of_pairs`](crate::Lists::of_pairs) |
//! | [`Unexpectedness`], [`Overlap`] | lists of another model: [`Lists`](crate::Lists) |
//! | [`IntraListDiversity`] | an [`ItemDistance`] |
//! | [`CategoricalDiversity`] | the category of each item |
//!
//! All are undefined for an empty list, and none but [`Serendipity`] looks at relevant items. Those that
//! look a user up need [`JudgedList::user`](crate::ranking::JudgedList::user) to be set, as the evaluator
//! does.
//!
//! ```
//! use std::sync::Arc;
//!
//! use burn_recsys_metrics::beyond::{AveragePopularity, ItemPopularity, UnseenShare};
//! use burn_recsys_metrics::{Lists, RankingEvaluator};
//!
//! // The training part: 2 users, 5 items.
//! let (users, items) = ([0, 0, 1], [1, 2, 2]);
//! let popularity = Arc::new(ItemPopularity::of_pairs(2, 5, &users, &items)?);
//! let histories = Arc::new(Lists::of_pairs(2, &users, &items)?);
//! let mut evaluator = RankingEvaluator::new(vec![
//!     Box::new(UnseenShare::new(2, histories)?),
//!     Box::new(AveragePopularity::new(2, popularity)?),
//! ])?;
//! evaluator.observe(1, &[2, 4], &[])?;
//! let report = evaluator.finish()?;
//! assert_eq!(report.summary("UnseenShare@2")?.value, Some(1.0 / 2.0));
//! assert_eq!(report.summary("AveragePopularity@2")?.value, Some((2.0 + 0.0) / 2.0));
//! # Ok::<(), burn_recsys_metrics::Error>(())
//! ```

mod average_popularity;
mod categorical_diversity;
mod category_sets;
mod intra_list_diversity;
mod inverse_user_frequency;
mod item_distance;
mod item_popularity;
mod item_vectors;
mod other_lists;
mod overlap;
mod serendipity;
mod surprisal;
mod unexpectedness;
mod unseen_share;

pub use average_popularity::AveragePopularity;
pub use categorical_diversity::CategoricalDiversity;
pub use category_sets::{CategorySets, HammingDistance, JaccardDistance};
pub use intra_list_diversity::IntraListDiversity;
pub use inverse_user_frequency::InverseUserFrequency;
pub use item_distance::ItemDistance;
pub use item_popularity::ItemPopularity;
pub use item_vectors::{CosineDistance, EuclideanDistance};
pub use overlap::Overlap;
pub use serendipity::Serendipity;
pub use surprisal::Surprisal;
pub use unexpectedness::Unexpectedness;
pub use unseen_share::UnseenShare;

use crate::ranking::{Cutoff, JudgedList};

/// The items at the ranks 1 to `k`; `None` if there are none.
fn head<'a>(list: &JudgedList<'a>, k: Cutoff) -> Option<&'a [u32]> {
    let recommended = list.recommended();
    let head = &recommended[..recommended.len().min(k.get())];
    (!head.is_empty()).then_some(head)
}
