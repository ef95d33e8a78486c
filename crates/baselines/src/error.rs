//! What can be wrong with a baseline's configuration or data.

/// The result of this crate's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of fitting a baseline.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter cannot be used.
    #[error("{parameter}: {message}")]
    Parameter {
        /// Which one.
        parameter: &'static str,
        /// What is wrong with it, and what to do.
        message: String,
    },
    /// There is nothing to learn from.
    #[error("there is no interaction to learn from")]
    Empty,
    /// A model would need more memory than it may take.
    #[error(
        "{model} of {n_items} items needs {needed} MiB, but may take {most} MiB: raise the bound, filter \
         rare items out, or take a model whose memory grows with the interactions, such as ItemKnn"
    )]
    TooLarge {
        /// Which model.
        model: &'static str,
        /// The number of items.
        n_items: usize,
        /// Memory that is needed, MiB.
        needed: usize,
        /// The bound, MiB.
        most: usize,
    },
    /// A weight became NaN or infinite.
    #[error("training diverged in epoch {epoch}; lower learning_rate or raise the regularisation")]
    Diverged {
        /// Counted from 1.
        epoch: usize,
    },
    /// Vectors do not fit each other.
    #[error(transparent)]
    Retrieval(#[from] burn_recsys_retrieval::Error),
}
