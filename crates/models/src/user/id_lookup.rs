//! A vector of its own for every id.

use burn::module::{Module, ModuleDisplay};
use burn::tensor::Tensor;
use burn_recsys_embeddings::{EmbeddingTable, IdEmbedding, Tape};

use crate::{ItemRepresentation, UserRepresentation};

/// Users or items known by their ids alone.
///
/// With a table (the default) it memorises: a user with many events is known well, one with none not
/// at all. Any [`IdEmbedding`] can take the table's place where it is too large: hashed rows
/// ([`HashEmbedding`](burn_recsys_embeddings::HashEmbedding)), quotient and remainder
/// ([`CompositionalEmbedding`](burn_recsys_embeddings::CompositionalEmbedding)) or a network over hashes
/// ([`DeepHashEmbedding`](burn_recsys_embeddings::DeepHashEmbedding)).
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::{CompositionalEmbeddingConfig, EmbeddingTableConfig};
/// use burn_recsys_models::{IdLookup, UserRepresentation};
///
/// let device = Device::default();
/// let table = IdLookup::new(EmbeddingTableConfig::new(6_040, 32).with_n_oov_rows(1).init(&device));
/// let halves = CompositionalEmbeddingConfig::quotient_remainder(6_040, 80, 32).init(&device);
/// assert_eq!(table.d_user(), IdLookup::new(halves).d_user());
/// ```
#[derive(Module, Debug)]
pub struct IdLookup<E: Module = EmbeddingTable> {
    /// From ids to vectors.
    pub embedding: E,
}

impl<E: IdEmbedding + Module + ModuleDisplay> IdLookup<E> {
    /// Ids through `embedding`.
    pub fn new(embedding: E) -> Self {
        IdLookup { embedding }
    }
}

impl<E: IdEmbedding + Module + ModuleDisplay> UserRepresentation for IdLookup<E> {
    fn d_user(&self) -> usize {
        self.embedding.d_embedding()
    }

    fn user_vectors(&self, ids: &[u64], _features: &Tensor<2>, tape: &mut Tape) -> Tensor<2> {
        self.embedding.embed(ids, tape)
    }

    fn n_users(&self) -> Option<u64> {
        self.embedding.n_ids()
    }
}

impl<E: IdEmbedding + Module + ModuleDisplay> ItemRepresentation for IdLookup<E> {
    fn d_item(&self) -> usize {
        self.embedding.d_embedding()
    }

    fn item_vectors(&self, ids: &[u64], _features: &Tensor<2>, tape: &mut Tape) -> Tensor<2> {
        self.embedding.embed(ids, tape)
    }

    fn n_items(&self) -> Option<u64> {
        self.embedding.n_ids()
    }
}
