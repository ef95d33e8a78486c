//! Two towers and a dot product.

use burn::config::Config;
use burn::module::{Module, ModuleDisplay, Param};
use burn::tensor::{Device, Tensor};
use burn_recsys_baselines::{Error, VectorScorer};
use burn_recsys_embeddings::{
    EmbeddingTable, EmbeddingTableConfig, IdEmbedding, TableInitializer, Tape, split_mix,
};

use super::{Tower, TowerConfig, TowerField, TowerRows};

/// How many rows are embedded at a time: memory is for the activations of so many.
const BLOCK: usize = 2048;

/// Configuration of a [`FeatureTwoTower`].
#[derive(Config, Debug)]
pub struct FeatureTwoTowerConfig {
    /// The tower of users.
    pub users: TowerConfig,
    /// The tower of items. It may have another shape, but its output has the same size.
    pub items: TowerConfig,
    /// What products of vectors are divided by, a positive number: with normalised vectors about 0.05 to
    /// 0.2.
    #[config(default = 1.0)]
    pub temperature: f64,
    /// Whether each user and each item adds a number of its own to its logits, and all pairs one. Both
    /// towers have a field of ids then.
    #[config(default = false)]
    pub biases: bool,
    /// What the first values are a function of, with the seed of each tower's configuration.
    #[config(default = 0)]
    pub seed: u64,
}

/// Two-tower retrieval with features on both sides.
///
/// ```text
/// logit = users(row) . items(row) / temperature + bias of the user + bias of the item + bias
/// ```
///
/// The logit is an inner product of two vectors, biases and temperature included, so that vectors of all
/// items can be computed once and searched by an index: [`embed_items`](Self::embed_items),
/// [`scorer`](Self::scorer).
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::Tape;
/// use burn_recsys_models::{
///     FeatureTwoTowerConfig, FieldValues, ItemScorer, TowerConfig, TowerField, TowerRows,
/// };
///
/// let user_fields = vec![TowerField::id(2), TowerField::categorical("gender", 2)];
/// let item_fields = vec![TowerField::id(3)];
/// let users = TowerRows::new(
///     &user_fields,
///     vec![FieldValues::Ids(vec![0, 1]), FieldValues::Codes(vec![1, 0])],
/// )?;
/// let items = TowerRows::new(&item_fields, vec![FieldValues::Ids(vec![0, 1, 2])])?;
/// let tower = |fields| TowerConfig::new(fields).with_hidden(vec![16]).with_d_output(Some(8));
/// let model = FeatureTwoTowerConfig::new(tower(user_fields), tower(item_fields)).init(&Device::default());
///
/// // Two candidates for each user, or every user with every item.
/// let candidates = items.select(&[0, 1, 2, 0]);
/// assert_eq!(model.forward(&users, &candidates, &mut Tape::off()).dims(), [2, 2]);
/// assert_eq!(model.score_matrix(&users, &items, &mut Tape::off()).dims(), [2, 3]);
/// assert_eq!(model.scorer(&users, &items)?.n_items(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Module, Debug)]
pub struct FeatureTwoTower<U: Module = EmbeddingTable, I: Module = EmbeddingTable> {
    /// The tower of users.
    pub users: Tower<U>,
    /// The tower of items.
    pub items: Tower<I>,
    /// The biases of users and of items, `[n_ids, 1]`; none without.
    pub biases: Option<[EmbeddingTable; 2]>,
    /// The bias of all pairs, `[1]`; none without.
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    temperature: f64,
}

impl FeatureTwoTowerConfig {
    /// A fresh model whose ids have tables.
    ///
    /// # Panics
    /// As [`init_with_ids`](Self::init_with_ids).
    pub fn init(&self, device: &Device) -> FeatureTwoTower {
        let [users, items] = self.towers();
        self.init_with_ids(users.id_table(device), items.id_table(device), device)
    }

    /// A fresh model that knows users by `users` and items by `items`, each where its tower has a field of
    /// ids.
    ///
    /// # Panics
    /// As [`TowerConfig::init_with_ids`]; if the towers' outputs have different sizes, a history of items
    /// shares the vectors of items (only those of users can), it shares more items than there are ids, the
    /// temperature is not a positive number, or there are biases without ids.
    pub fn init_with_ids<U: IdEmbedding + Module, I: IdEmbedding + Module>(
        &self,
        users: Option<U>,
        items: Option<I>,
        device: &Device,
    ) -> FeatureTwoTower<U, I> {
        assert!(
            self.temperature.is_finite() && self.temperature > 0.0,
            "temperature {}; it must be a positive number",
            self.temperature
        );
        let configs = self.towers();
        if let Some(n_ids) = configs[1].n_ids() {
            for field in &configs[0].fields {
                if let TowerField::History { name, n_items, is_shared: true, .. } = field {
                    assert!(
                        *n_items as u64 <= n_ids,
                        "history {name:?} shares {n_items} items of {n_ids} ids"
                    );
                }
            }
        }
        let items = configs[1].init_parts(items, None, device);
        let d_shared = items.ids.as_ref().map(IdEmbedding::d_embedding);
        let users = configs[0].init_parts(users, d_shared, device);
        let (d_users, d_items) = (users.d_output, items.d_output);
        assert!(d_users == d_items, "user vectors of size {d_users} and item vectors of size {d_items}");
        let table = |config: &TowerConfig| {
            #[expect(clippy::expect_used, reason = "a documented panic")]
            let n_ids = config.n_ids().expect("biases need a field of ids in both towers");
            let config = EmbeddingTableConfig::new(n_ids as usize, 1);
            config.with_initializer(TableInitializer::Zeros).init(device)
        };
        FeatureTwoTower {
            biases: self.biases.then(|| [table(&configs[0]), table(&configs[1])]),
            bias: self.biases.then(|| Param::from_tensor(Tensor::zeros([1], device))),
            temperature: self.temperature,
            users,
            items,
        }
    }

    /// The towers with seeds of their own: otherwise user 0 would begin as item 0.
    fn towers(&self) -> [TowerConfig; 2] {
        [(&self.users, 0), (&self.items, 1)].map(|(config, side)| {
            let seed = split_mix(self.seed.wrapping_mul(2).wrapping_add(side)) ^ config.seed;
            config.clone().with_seed(seed)
        })
    }
}

impl<U, I> FeatureTwoTower<U, I>
where
    U: IdEmbedding + Module + ModuleDisplay,
    I: IdEmbedding + Module + ModuleDisplay,
{
    /// Logits of some items for each user.
    ///
    /// # Shapes
    /// - `users`: `batch` rows
    /// - `items`: `batch * n` rows, those of the first user first
    /// - output: `[batch, n]`
    ///
    /// # Panics
    /// If the items are not a whole number for each user, or rows are of other fields than their tower's.
    pub fn forward(&self, users: &TowerRows, items: &TowerRows, tape: &mut Tape) -> Tensor<2> {
        pair_logits(self.user_vectors(users, tape), self.item_vectors(items, tape))
    }

    /// Logits of every user and every item: with the positives of a batch as items, its own negatives.
    ///
    /// # Shapes
    /// - output: `[users.n_rows(), items.n_rows()]`
    ///
    /// # Panics
    /// If rows are of other fields than their tower's.
    pub fn score_matrix(&self, users: &TowerRows, items: &TowerRows, tape: &mut Tape) -> Tensor<2> {
        self.user_vectors(users, tape).matmul(self.item_vectors(items, tape).transpose())
    }

    /// User vectors; their inner products with [`item_vectors`](Self::item_vectors) are logits.
    ///
    /// # Shapes
    /// - output: `[users.n_rows(), d_vector]`
    ///
    /// # Panics
    /// If the rows are of other fields than the tower's.
    pub fn user_vectors(&self, users: &TowerRows, tape: &mut Tape) -> Tensor<2> {
        let items = self.items.ids.as_ref().map(|ids| ids as &dyn IdEmbedding);
        let vectors = self.users.forward_shared(users, items, tape);
        let vectors = if self.temperature == 1.0 { vectors } else { vectors / self.temperature };
        match (&self.biases, &self.bias) {
            (Some([table, _]), Some(all)) => {
                let all = if tape.is_recording() { all.val() } else { all.val().without_autodiff() };
                let bias = bias_of(table, users, tape) + all.reshape([1, 1]);
                let ones = Tensor::ones([users.n_rows(), 1], &vectors.device());
                Tensor::cat(vec![vectors, bias, ones], 1)
            }
            _ => vectors,
        }
    }

    /// Item vectors; see [`user_vectors`](Self::user_vectors).
    ///
    /// # Shapes
    /// - output: `[items.n_rows(), d_vector]`
    ///
    /// # Panics
    /// If the rows are of other fields than the tower's.
    pub fn item_vectors(&self, items: &TowerRows, tape: &mut Tape) -> Tensor<2> {
        let vectors = self.items.forward(items, tape);
        match &self.biases {
            Some([_, table]) => {
                let bias = bias_of(table, items, tape);
                let ones = Tensor::ones([items.n_rows(), 1], &vectors.device());
                Tensor::cat(vec![vectors, ones, bias], 1)
            }
            None => vectors,
        }
    }

    /// User vectors on the host, in evaluation mode and in blocks of bounded memory.
    ///
    /// # Shapes
    /// - output: `[users.n_rows(), d_vector]`, row-major
    ///
    /// # Panics
    /// If the rows are of other fields than the tower's.
    pub fn embed_users(&self, users: &TowerRows) -> Vec<f32> {
        in_blocks(users, |block| self.user_vectors(block, &mut Tape::off()))
    }

    /// Item vectors on the host, in evaluation mode and in blocks of bounded memory: what an index is built
    /// of, once for a trained model.
    ///
    /// # Shapes
    /// - output: `[items.n_rows(), d_vector]`, row-major
    ///
    /// # Panics
    /// If the rows are of other fields than the tower's.
    pub fn embed_items(&self, items: &TowerRows) -> Vec<f32> {
        in_blocks(items, |block| self.item_vectors(block, &mut Tape::off()))
    }

    /// Scores all of `items` for `users` by the vectors of now: row `u` of `users` is user `u`. Vectors are
    /// computed once, here.
    ///
    /// # Errors
    /// If a vector is not finite.
    ///
    /// # Panics
    /// If rows are of other fields than their tower's.
    pub fn scorer(&self, users: &TowerRows, items: &TowerRows) -> Result<VectorScorer, Error> {
        VectorScorer::of_vectors(self.d_vector(), self.embed_users(users), self.embed_items(items))
    }

    /// The size of vectors: of the towers' output and, with biases, two more.
    pub fn d_vector(&self) -> usize {
        self.items.d_output() + if self.biases.is_some() { 2 } else { 0 }
    }
}

/// Inner products of each user with some items.
///
/// # Shapes
/// - `users`: `[batch, d_vector]`
/// - `items`: `[batch * n, d_vector]`, those of the first user first
/// - output: `[batch, n]`
///
/// # Panics
/// If the items are not a whole number for each user, or vectors have different sizes.
pub fn pair_logits(users: Tensor<2>, items: Tensor<2>) -> Tensor<2> {
    let ([batch, d], [n_items, d_items]) = (users.dims(), items.dims());
    assert!(d == d_items, "user vectors of size {d} and item vectors of size {d_items}");
    assert!(
        batch > 0 && n_items.is_multiple_of(batch),
        "{n_items} items are not a whole number for each of {batch} users"
    );
    let n = n_items / batch;
    let products = users.reshape([batch, 1, d]) * items.reshape([batch, n, d]);
    products.sum_dim(2).reshape([batch, n])
}

fn bias_of(table: &EmbeddingTable, rows: &TowerRows, tape: &mut Tape) -> Tensor<2> {
    #[expect(clippy::expect_used, reason = "a tower with biases has a field of ids, and rows its fields")]
    let ids = rows.ids().expect("rows with ids");
    let bias = table.embed(ids, tape);
    if tape.is_recording() { bias.autodiff() } else { bias }
}

fn in_blocks(rows: &TowerRows, embed: impl Fn(&TowerRows) -> Tensor<2>) -> Vec<f32> {
    let mut vectors = Vec::new();
    for start in (0..rows.n_rows()).step_by(BLOCK) {
        let block: Vec<u32> = (start..(start + BLOCK).min(rows.n_rows())).map(|row| row as u32).collect();
        vectors.extend(embed(&rows.select(&block)).into_data().iter::<f32>());
    }
    vectors
}
