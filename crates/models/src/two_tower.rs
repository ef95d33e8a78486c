//! A user table, an item table and a dot product.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use burn_recsys_baselines::{Error, VectorScorer};
use burn_recsys_embeddings::{EmbeddingTable, EmbeddingTableConfig, Lookup, TableInitializer, Tape};

/// Configuration of a [`TwoTower`].
#[derive(Config, Debug)]
pub struct TwoTowerConfig {
    /// The number of users; user ids are below it.
    pub n_users: usize,
    /// The number of items; item ids are below it.
    pub n_items: usize,
    /// The size of user and item vectors.
    #[config(default = 32)]
    pub d_embedding: usize,
    /// How both tables are first filled.
    #[config(default = "TableInitializer::Normal { std: 0.1 }")]
    pub initializer: TableInitializer,
    /// What the first values are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// Two towers that know only ids: the logit of a user and an item is the dot product of their rows.
#[derive(Module, Debug)]
pub struct TwoTower {
    /// User vectors, `[n_users, d_embedding]`.
    pub users: EmbeddingTable,
    /// Item vectors, `[n_items, d_embedding]`.
    pub items: EmbeddingTable,
}

impl TwoTowerConfig {
    /// A fresh model on `device`.
    ///
    /// # Panics
    /// If a size is 0.
    pub fn init(&self, device: &Device) -> TwoTower {
        let table = |n_rows, seed| {
            EmbeddingTableConfig::new(n_rows, self.d_embedding)
                .with_initializer(self.initializer)
                .with_seed(seed)
                .init(device)
        };
        // Different seeds: otherwise user 0 would begin as item 0.
        TwoTower {
            users: table(self.n_users, self.seed.wrapping_mul(2)),
            items: table(self.n_items, self.seed.wrapping_mul(2).wrapping_add(1)),
        }
    }
}

impl TwoTower {
    /// Logits of some items for each user.
    ///
    /// # Shapes
    /// - `users`: `[batch]`
    /// - `items`: `[batch, n]`, row-major
    /// - output: `[batch, n]`
    ///
    /// # Panics
    /// If `items` is not a whole number of items a user, or an id is not in its table.
    pub fn forward(&self, users: &[u32], items: &[u32], tape: &mut Tape) -> Tensor<2> {
        self.forward_lookups(&Lookup::new(users), &Lookup::new(items), tape)
    }

    /// As [`forward`](Self::forward), with the duplicates removed beforehand.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn forward_lookups(&self, users: &Lookup, items: &Lookup, tape: &mut Tape) -> Tensor<2> {
        assert!(
            !users.is_empty() && items.len().is_multiple_of(users.len()),
            "{} items are not a whole number for each of {} users",
            items.len(),
            users.len()
        );
        let (batch, n) = (users.len(), items.len() / users.len());
        let user_vectors = self.users.forward_lookup(users, tape);
        let item_vectors = self.items.forward_lookup(items, tape);
        let [_, d] = user_vectors.dims();
        let products = user_vectors.reshape([batch, 1, d]) * item_vectors.reshape([batch, n, d]);
        products.sum_dim(2).reshape([batch, n])
    }

    /// The size of user and item vectors.
    pub fn d_embedding(&self) -> usize {
        self.users.d_embedding()
    }

    /// All user vectors on the host, `[n_users, d_embedding]`, row-major.
    pub fn user_vectors(&self) -> Vec<f32> {
        self.users.vectors()
    }

    /// All item vectors on the host, `[n_items, d_embedding]`, row-major: what an index is built of.
    pub fn item_vectors(&self) -> Vec<f32> {
        self.items.vectors()
    }

    /// Scores all items for users by the vectors of now.
    ///
    /// # Errors
    /// If a vector is not finite.
    pub fn scorer(&self) -> Result<VectorScorer, Error> {
        VectorScorer::of_vectors(self.d_embedding(), self.user_vectors(), self.item_vectors())
    }
}
