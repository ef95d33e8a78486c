//! Hash embeddings: ids of any number share the rows of one table.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::hashing::derive_seed;
use crate::{EmbeddingTable, EmbeddingTableConfig, HashFamily, IdEmbedding, TableInitializer, Tape};

/// Configuration of a [`HashEmbedding`].
///
/// With one hash and no importance rows it is the hashing trick (Weinberger et al. 2009, arXiv
/// 0902.2206), with several hashes and no importance rows Bloom embeddings (Serrà and Karatzoglou
/// 2017, arXiv 1706.03993), with both the hash embeddings of Svenstrup, Hansen and Winther 2017.
#[derive(Config, Debug)]
pub struct HashEmbeddingConfig {
    /// The number of rows that all ids share. At most 2^31 - 1.
    pub n_buckets: usize,
    /// The size of each vector.
    pub d_embedding: usize,
    /// How many rows make up the vector of an id. Two ids share all of them with probability about
    /// `1 / n_buckets^n_hashes`; a lookup gathers as many rows an id.
    #[config(default = 2)]
    pub n_hashes: usize,
    /// The number of rows of the table of importances, `n_hashes` floats each. None: all hashes are
    /// equally important. Ids are hashed to these rows as well; as they are narrow, the paper takes
    /// many more of them than buckets.
    pub n_importance_rows: Option<usize>,
    /// How the shared rows are first filled; vectors of ids begin at the same scale.
    #[config(default = "TableInitializer::Normal { std: 0.1 }")]
    pub initializer: TableInitializer,
    /// What the hash functions and the first values are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// Vectors of ids of any number and value, made from the rows of one small table.
///
/// The id selects `n_hashes` rows of the table by as many hash functions, and its vector is their sum
/// weighted by their importance, which is learned (Svenstrup, Hansen and Winther 2017, arXiv
/// 1709.03933):
/// ```text
/// e(id) = sum over k of importance[g(id)][k] * buckets[h_k(id)]
/// ```
/// Every importance is at first `1 / sqrt(n_hashes)`, so that the sum has the scale of the rows. The
/// same constant takes its place where there are no importance rows.
///
/// Both tables train sparsely through the [`Tape`]. Made by [`HashEmbeddingConfig::init`].
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::{HashEmbeddingConfig, Tape};
///
/// let videos = HashEmbeddingConfig::new(1_000, 16)
///     .with_n_importance_rows(Some(100_000))
///     .init(&Device::default());
/// let vectors = videos.forward(&[u64::MAX, 42], &mut Tape::off());
/// assert_eq!(vectors.dims(), [2, 16]);
/// assert_eq!(videos.hash_rows(42).len(), 2);
/// ```
#[derive(Module, Debug)]
pub struct HashEmbedding {
    /// The shared rows, `[n_buckets, d_embedding]`.
    pub buckets: EmbeddingTable,
    /// The importance of every hash, `[n_importance_rows, n_hashes]`.
    pub importance: Option<EmbeddingTable>,
    #[module(skip)]
    bucket_hashes: HashFamily,
    #[module(skip)]
    importance_hash: Option<HashFamily>,
}

/// What seeds are derived for.
const BUCKET_HASHES: u64 = 1;
const IMPORTANCE_HASH: u64 = 2;

impl HashEmbeddingConfig {
    /// A fresh hash embedding on `device`.
    ///
    /// # Panics
    /// If there are no hashes, or a table has no rows, no columns or more than 2^31 - 1 rows.
    pub fn init(&self, device: &Device) -> HashEmbedding {
        let n_hashes = self.n_hashes;
        assert!(n_hashes > 0, "a hash embedding needs 1 or more hashes; asked for {n_hashes}");
        let buckets = EmbeddingTableConfig::new(self.n_buckets, self.d_embedding)
            .with_initializer(self.initializer)
            .with_seed(self.seed)
            .init(device);
        let bucket_hashes = HashFamily::new(n_hashes, self.n_buckets, derive_seed(self.seed, BUCKET_HASHES));
        let importance_hash = self
            .n_importance_rows
            .map(|n_rows| HashFamily::new(1, n_rows, derive_seed(self.seed, IMPORTANCE_HASH)));
        let importance = self.n_importance_rows.map(|n_rows| equal_importance(n_rows, n_hashes, device));
        HashEmbedding { buckets, importance, bucket_hashes, importance_hash }
    }
}

/// A table of `1 / sqrt(n_hashes)`.
fn equal_importance(n_rows: usize, n_hashes: usize, device: &Device) -> EmbeddingTable {
    EmbeddingTableConfig::new(n_rows, n_hashes)
        .with_initializer(TableInitializer::Constant { value: initial_importance(n_hashes) })
        .init(device)
}

/// The sum of independent rows keeps their variance if the squares of their weights add up to 1.
fn initial_importance(n_hashes: usize) -> f64 {
    1.0 / (n_hashes as f64).sqrt()
}

impl HashEmbedding {
    /// How many rows make up the vector of an id.
    pub fn n_hashes(&self) -> usize {
        self.bucket_hashes.n_functions()
    }

    /// The rows of [`buckets`](Self::buckets) that make up the vector of `id`, `n_hashes` of them.
    /// Now and then a row is there twice.
    pub fn hash_rows(&self, id: u64) -> Vec<u32> {
        self.bucket_hashes.buckets(id).collect()
    }

    /// The row of [`importance`](Self::importance) that weights them, if there is such a table.
    pub fn importance_row(&self, id: u64) -> Option<u32> {
        self.importance_hash.as_ref().map(|hash| hash.bucket(0, id))
    }

    /// The vectors of `ids`; every id has one.
    ///
    /// With a recording tape both tables are recorded.
    ///
    /// # Shapes
    /// - `ids`: `[batch]`, on the host; duplicates welcome
    /// - output: `[batch, d_embedding]`
    pub fn forward(&self, ids: &[u64], tape: &mut Tape) -> Tensor<2> {
        let n_hashes = self.n_hashes();
        let mut rows = vec![0; ids.len() * n_hashes];
        for (&id, rows) in ids.iter().zip(rows.chunks_exact_mut(n_hashes)) {
            self.bucket_hashes.fill(id, 0, rows);
        }
        let vectors = self.buckets.forward(&rows, tape);
        let d_embedding = self.buckets.d_embedding();
        let by_hash = [ids.len(), n_hashes, d_embedding];
        match (&self.importance, &self.importance_hash) {
            (Some(importance), Some(hash)) => {
                let rows: Vec<u32> = ids.iter().map(|&id| hash.bucket(0, id)).collect();
                let importance: Tensor<3> = importance.forward(&rows, tape).unsqueeze_dim(2);
                (vectors.reshape(by_hash) * importance).sum_dim(1).squeeze_dim(1)
            }
            _ if n_hashes == 1 => vectors,
            _ => vectors.reshape(by_hash).sum_dim(1).squeeze_dim(1) * initial_importance(n_hashes),
        }
    }
}

impl IdEmbedding for HashEmbedding {
    fn d_embedding(&self) -> usize {
        self.buckets.d_embedding()
    }

    /// Every id has a vector.
    fn embed(&self, ids: &[u64], tape: &mut Tape) -> Tensor<2> {
        self.forward(ids, tape)
    }
}
