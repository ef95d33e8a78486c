//! Negative sampling.

/// Uniform negatives.
#[derive(Debug, Clone)]
pub struct UniformNegatives<'a> {
    _a: std::marker::PhantomData<&'a ()>,
}
