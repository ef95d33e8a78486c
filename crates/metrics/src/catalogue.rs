//! What all recommended lists together do to the catalogue.
//!
//! An [`Exposure`] counts how often each item is recommended; a [`CatalogueMetric`] turns the counts
//! into a number. The counts are integers, so neither order nor threads can change them.

mod coverage;
mod exposure;
mod tail_share;

pub use coverage::Coverage;
pub use exposure::Exposure;
pub use tail_share::TailShare;

/// A number for all lists together.
pub trait CatalogueMetric: std::fmt::Debug + Send + Sync {
    /// The name in tables, with the cutoff of the exposure: `Coverage@10`.
    fn label(&self, k: usize) -> String;

    /// The value; `None` where it is undefined.
    ///
    /// Must be a function of the exposure alone, and never NaN.
    fn measure(&self, exposure: &Exposure) -> Option<f64>;
}
