//! What all recommended lists together do to the catalogue.
//!
//! An [`Exposure`] counts how often each item is recommended; a [`CatalogueMetric`] turns the counts
//! into a number. The counts are integers, so neither order nor threads can change them.

mod coverage;
mod entropy;
mod exposure;
mod gini;
mod tail_share;
mod user_coverage;

pub use coverage::Coverage;
pub use entropy::Entropy;
pub use exposure::Exposure;
pub use gini::Gini;
pub use tail_share::TailShare;
pub use user_coverage::UserCoverage;

/// A number for all lists together.
pub trait CatalogueMetric: std::fmt::Debug + Send + Sync {
    /// The name in tables, with the cutoff of the exposure: `Coverage@10`.
    fn label(&self, k: usize) -> String;

    /// The value; `None` where it is undefined.
    ///
    /// Must be a function of the exposure alone, and never NaN.
    fn measure(&self, exposure: &Exposure) -> Option<f64>;
}
