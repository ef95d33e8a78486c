//! What every way of embedding an id has in common.

use burn::tensor::Tensor;

use crate::{EmbeddingTable, Tape};

/// Turns ids into vectors.
///
/// A model that is generic over it can be trained with a table, with hashing or with no table at all.
/// Ids are 64 bits wide, so that an id may also be the hash of something; whoever looks up rows of a
/// table checks that they are in it.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_recsys_embeddings::{EmbeddingTableConfig, IdEmbedding, Tape};
///
/// fn score(users: &impl IdEmbedding, items: &impl IdEmbedding, pairs: &[(u64, u64)]) -> Tensor<1> {
///     let (user_ids, item_ids): (Vec<u64>, Vec<u64>) = pairs.iter().copied().unzip();
///     let mut tape = Tape::off();
///     let products = users.embed(&user_ids, &mut tape) * items.embed(&item_ids, &mut tape);
///     products.sum_dim(1).squeeze_dim(1)
/// }
///
/// let device = Device::default();
/// let (users, items) =
///     (EmbeddingTableConfig::new(10, 4).init(&device), EmbeddingTableConfig::new(20, 4).init(&device));
/// assert_eq!(score(&users, &items, &[(3, 7), (9, 19)]).dims(), [2]);
/// ```
pub trait IdEmbedding {
    /// The size of each vector.
    fn d_embedding(&self) -> usize;

    /// Ids are below this; `None` if every id has a vector.
    fn n_ids(&self) -> Option<u64> {
        None
    }

    /// The vectors of `ids`, tracked by autodiff if `tape` records.
    ///
    /// # Shapes
    /// - `ids`: `[batch]`, on the host; duplicates welcome
    /// - output: `[batch, d_embedding]`
    ///
    /// # Panics
    /// If an id has no vector; the implementation says which those are.
    fn embed(&self, ids: &[u64], tape: &mut Tape) -> Tensor<2>;
}

impl IdEmbedding for EmbeddingTable {
    fn d_embedding(&self) -> usize {
        EmbeddingTable::d_embedding(self)
    }

    fn n_ids(&self) -> Option<u64> {
        (self.n_oov_rows() == 0).then(|| self.n_rows() as u64)
    }

    /// # Panics
    /// If an id is not below the number of rows and there is no row out of vocabulary; the message has
    /// both.
    fn embed(&self, ids: &[u64], tape: &mut Tape) -> Tensor<2> {
        let rows: Vec<u32> = ids.iter().map(|&id| self.row_of(id)).collect();
        self.read(&rows, None, None, tape)
    }
}
