/// How different two items are.
///
/// Any `Fn(u32, u32) -> f64` is one. Ready-made: [`HammingDistance`](super::HammingDistance) and
/// [`JaccardDistance`](super::JaccardDistance) of categories, [`CosineDistance`](super::CosineDistance) and
/// [`EuclideanDistance`](super::EuclideanDistance) of vectors.
pub trait ItemDistance: Send + Sync {
    /// The distance of two different items, at least 0; `None` where nothing is known of one of them.
    ///
    /// Must be a function of the items, the same in both directions, and never NaN: the evaluator refuses a
    /// metric that becomes NaN.
    fn distance(&self, left: u32, right: u32) -> Option<f64>;
}

impl<F: Fn(u32, u32) -> f64 + Send + Sync> ItemDistance for F {
    fn distance(&self, left: u32, right: u32) -> Option<f64> {
        Some(self(left, right))
    }
}
