//! What happens to a list of scored items before it is shown.
//!
//! Each step takes a list and gives a list; none needs another. Where several are used, this order keeps what
//! each promises:
//!
//! 1. [`discount_impressions`] changes scores, so it comes before all that reads them;
//! 2. [`maximal_marginal_relevance`] changes the order for diversity within the page;
//! 3. [`Exploration`] gives some places to categories that the user has seen little of, for diversity across
//!    visits;
//! 4. [`Rules`] are promises to others, so nothing comes after them.
//!
//! ```
//! use burn_recsys_retrieval::Hit;
//! use burn_recsys_retrieval::rerank::{Rules, discount_impressions, maximal_marginal_relevance};
//!
//! let hits = [(10, 1.0), (11, 0.8), (20, 0.6), (21, 0.4), (30, 0.2)].map(|(item, score)| Hit { item, score });
//! // Items are alike if they start with the same digit.
//! let alike = |a: u32, b: u32| if a / 10 == b / 10 { 1.0 } else { 0.0 };
//!
//! let fresh = discount_impressions(&hits, 0.5, 0.0, |item| if item == 10 { 2 } else { 0 })?;
//! let diverse = maximal_marginal_relevance(&fresh, 4, 0.5, alike)?;
//! let page = Rules { blocked: &[21], ..Rules::default() }.apply(&diverse, 3, |_| &[])?;
//! assert_eq!(page.iter().map(|hit| hit.item).collect::<Vec<_>>(), [11, 20, 30]);
//! # Ok::<(), burn_recsys_retrieval::Error>(())
//! ```

mod draws;
mod exploration;
mod impressions;
mod marginal_relevance;
mod rules;

pub use exploration::{Exploration, Placed, Record};
pub use impressions::discount_impressions;
pub use marginal_relevance::{cosine, maximal_marginal_relevance};
pub use rules::{Pin, Rules};

use crate::{Error, Hit, Result};

/// Scores must have an order.
fn check_scores(hits: &[Hit]) -> Result<()> {
    match hits.iter().find(|hit| hit.score.is_nan()) {
        None => Ok(()),
        Some(hit) => Err(Error::NanScore { query: 0, item: hit.item }),
    }
}
