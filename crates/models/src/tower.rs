//! Towers for two-tower retrieval: from what is known of a user or an item to a vector.

mod field;
mod history;
mod layer;
mod pair;
mod rows;

use burn::config::Config;
use burn::module::{Module, ModuleDisplay};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use burn_recsys_embeddings::dense::{forward_layer, seeded_stack};
use burn_recsys_embeddings::{EmbeddingTable, EmbeddingTableConfig, IdEmbedding, TableInitializer, Tape};

pub use field::{FieldCombination, HistoryPooling, TowerField, UNKNOWN};
pub use history::HistoryAttention;
pub use layer::FieldLayer;
pub use pair::{FeatureTwoTower, FeatureTwoTowerConfig, pair_logits};
pub use rows::{FieldValues, TowerError, TowerRows};

use crate::streams;
use layer::{Beginning, table_seed};

/// The smallest norm that an output vector is divided by.
const MIN_NORM: f32 = 1e-6;

/// Configuration of a [`Tower`].
#[derive(Config, Debug)]
pub struct TowerConfig {
    /// What is known of a row, in the order of its values.
    pub fields: Vec<TowerField>,
    /// The size of the vectors of ids, categories and items of a history.
    #[config(default = 32)]
    pub d_embedding: usize,
    /// How the vectors of fields become the input of the layers.
    #[config(default = "FieldCombination::Concatenation")]
    pub combination: FieldCombination,
    /// The widths of hidden layers, each a linear layer followed by batch normalisation, ReLU and dropout.
    #[config(default = "vec![128]")]
    pub hidden: Vec<usize>,
    /// The size of the output of a last linear layer. None, without hidden layers, for the combined
    /// vectors of the fields as they are: with a single field, the id, that is matrix factorisation.
    #[config(default = "Some(64)")]
    pub d_output: Option<usize>,
    /// Whether hidden layers are normalised over the batch. A batch of training needs two rows then.
    #[config(default = true)]
    pub batch_norm: bool,
    /// The probability that a hidden unit is dropped while training, in `0..1`.
    #[config(default = 0.0)]
    pub dropout: f64,
    /// Whether output vectors have norm 1, so that products are cosines.
    #[config(default = false)]
    pub normalized: bool,
    /// How tables are first filled.
    #[config(default = "TableInitializer::Normal { std: 0.1 }")]
    pub initializer: TableInitializer,
    /// What the first values are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// Turns what is known of users, or of items, into vectors.
///
/// ```text
/// fields = [ id | category | mean of categories | numbers | pooled history | ... ]     or their sum
/// hidden = dropout(ReLU(batch norm(linear(fields))))      as often as there are widths
/// vector = linear(hidden), of norm 1 if asked for
/// ```
///
/// A recording [`Tape`] trains: normalisation over the batch, dropout. With [`Tape::off`] the tower is in
/// evaluation mode: running statistics, no dropout, and a row's vector depends on that row alone.
///
/// Made by [`TowerConfig::init`].
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::{JaggedIds, Tape};
/// use burn_recsys_models::{FieldValues, TowerConfig, TowerField, TowerRows};
///
/// let fields = vec![TowerField::id(1_682), TowerField::bag("genres", 19)];
/// let items = TowerRows::new(
///     &fields,
///     vec![
///         FieldValues::Ids(vec![7, 0]),
///         FieldValues::Bags(JaggedIds::from_bags(&[vec![3, 5], vec![]])?),
///     ],
/// )?;
/// let tower = TowerConfig::new(fields).with_hidden(vec![32]).with_d_output(Some(16)).init(&Device::default());
/// assert_eq!(tower.forward(&items, &mut Tape::off()).dims(), [2, 16]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Module, Debug)]
pub struct Tower<E: Module = EmbeddingTable> {
    /// The vectors of ids; none if there is no field for them.
    pub ids: Option<E>,
    /// What is learned of each field.
    pub fields: Vec<FieldLayer>,
    /// The hidden layers and the last one.
    pub layers: Vec<Linear>,
    /// Of each hidden layer; none without.
    pub norms: Vec<BatchNorm>,
    /// Of hidden units.
    pub dropout: Dropout,
    #[module(skip)]
    combination: FieldCombination,
    #[module(skip)]
    normalized: bool,
    #[module(skip)]
    d_output: usize,
}

impl TowerConfig {
    /// A fresh tower whose ids have a table.
    ///
    /// # Panics
    /// As [`init_with_ids`](Self::init_with_ids).
    pub fn init(&self, device: &Device) -> Tower {
        self.init_parts(self.id_table(device), None, device)
    }

    /// A fresh tower that knows ids by `ids`: their size is that of `ids`, whatever `d_embedding`.
    ///
    /// # Panics
    /// If there is no field, two are ids, `ids` has fewer than the field, a field or a layer has size 0, a
    /// history shares the vectors of an item tower (a [`FeatureTwoTower`] has one), there are hidden
    /// layers and no output, or the dropout is not in `0..1`.
    pub fn init_with_ids<E: IdEmbedding + Module>(&self, ids: E, device: &Device) -> Tower<E> {
        self.init_parts(Some(ids), None, device)
    }

    /// The table of the field of ids, if there is one.
    pub(crate) fn id_table(&self, device: &Device) -> Option<EmbeddingTable> {
        let at = self.fields.iter().position(|field| matches!(field, TowerField::Id { .. }))?;
        let config = EmbeddingTableConfig::new(self.fields[at].size() as usize, self.d_embedding)
            .with_initializer(self.initializer)
            .with_seed(table_seed(self.seed, at));
        Some(config.init(device))
    }

    /// The number of ids of its field.
    pub(crate) fn n_ids(&self) -> Option<u64> {
        self.fields.iter().find_map(|field| match field {
            TowerField::Id { n_ids } => Some(*n_ids),
            _ => None,
        })
    }

    /// A tower whose shared histories have vectors of size `d_shared`.
    pub(crate) fn init_parts<E: IdEmbedding + Module>(
        &self,
        ids: Option<E>,
        d_shared: Option<usize>,
        device: &Device,
    ) -> Tower<E> {
        self.check(ids.as_ref());
        let &TowerConfig { d_embedding, initializer, seed, .. } = self;
        let d_id = ids.as_ref().map(IdEmbedding::d_embedding);
        let beginning = Beginning { d_embedding, initializer, seed, device };
        let layer = |(index, field)| FieldLayer::new(field, index, d_id, d_shared, &beginning);
        let fields: Vec<FieldLayer> = self.fields.iter().enumerate().map(layer).collect();
        let d_fields = match self.combination {
            FieldCombination::Concatenation => fields.iter().map(FieldLayer::width).sum(),
            FieldCombination::Sum => one_width(&fields),
        };
        let mut widths = [&[d_fields], &self.hidden[..]].concat();
        widths.extend(self.d_output);
        let norms = self.hidden.iter().filter(|_| self.batch_norm);
        Tower {
            ids,
            fields,
            layers: seeded_stack(&widths, seed, streams::TOWER, device),
            norms: norms.map(|&width| BatchNormConfig::new(width).init(device)).collect(),
            dropout: DropoutConfig::new(self.dropout).init(),
            combination: self.combination,
            normalized: self.normalized,
            d_output: self.d_output.unwrap_or(d_fields),
        }
    }

    fn check<E: IdEmbedding>(&self, ids: Option<&E>) {
        let mut of_ids = self.fields.iter().filter(|field| matches!(field, TowerField::Id { .. }));
        let (first, n_more) = (of_ids.next().map(TowerField::size), of_ids.count());
        assert!(!self.fields.is_empty(), "a tower of 0 fields knows nothing");
        assert!(n_more == 0, "{} fields of ids, at most 1 is possible", 1 + n_more);
        assert!(
            first.is_some() == ids.is_some(),
            "{} fields of ids for a tower with {} vectors of ids",
            usize::from(first.is_some()),
            if ids.is_some() { "given" } else { "no" }
        );
        if let (Some(n_ids), Some(n)) = (first, ids.and_then(IdEmbedding::n_ids)) {
            assert!(n_ids <= n, "a field of {n_ids} ids, but only {n} have vectors");
        }
        assert!(
            self.hidden.iter().chain(&self.d_output).all(|&width| width > 0),
            "layers need positive widths; asked for {:?} and {:?}",
            self.hidden,
            self.d_output
        );
        assert!(
            self.hidden.is_empty() || self.d_output.is_some(),
            "{} hidden layers without an output; give `d_output`",
            self.hidden.len()
        );
    }
}

impl<E: IdEmbedding + Module + ModuleDisplay> Tower<E> {
    /// The vectors of rows.
    ///
    /// # Shapes
    /// - output: `[rows.n_rows(), d_output]`
    ///
    /// # Panics
    /// If the rows are of other fields than the tower's, or a history shares the vectors of an item tower.
    pub fn forward(&self, rows: &TowerRows, tape: &mut Tape) -> Tensor<2> {
        self.forward_shared(rows, None, tape)
    }

    /// As [`forward`](Self::forward), with the vectors that shared histories read.
    ///
    /// # Panics
    /// If the rows are of other fields than the tower's, or a history is to share and `items` is none.
    pub fn forward_shared(
        &self,
        rows: &TowerRows,
        items: Option<&dyn IdEmbedding>,
        tape: &mut Tape,
    ) -> Tensor<2> {
        // What does not record is evaluated, on a device for training too.
        if tape.is_recording() { self.run(rows, items, tape) } else { self.valid().run(rows, items, tape) }
    }

    fn run(&self, rows: &TowerRows, items: Option<&dyn IdEmbedding>, tape: &mut Tape) -> Tensor<2> {
        let (n_values, n_fields) = (rows.values().len(), self.fields.len());
        assert!(n_values == n_fields, "rows of {n_values} fields for a tower of {n_fields}");
        let device = self.device();
        let ids = self.ids.as_ref().map(|ids| ids as &dyn IdEmbedding);
        let mut vectors = Vec::with_capacity(n_fields);
        for (layer, values) in self.fields.iter().zip(rows.values()) {
            let vector = layer.forward(values, ids, items, &device, tape);
            let ([_, actual], expected) = (vector.dims(), layer.width());
            assert!(actual == expected, "field {:?}: {actual} wide, not {expected}", layer.field().name());
            // A table that is not trained gives vectors without gradients.
            vectors.push(if tape.is_recording() { vector.autodiff() } else { vector });
        }
        let mut hidden = match self.combination {
            FieldCombination::Concatenation => Tensor::cat(vectors, 1),
            FieldCombination::Sum => sum(vectors),
        };
        for (index, layer) in self.layers.iter().enumerate() {
            let is_hidden = index + 1 < self.layers.len();
            hidden = match self.norms.get(index) {
                Some(norm) => relu(norm.forward(layer.forward(hidden))),
                None => forward_layer(layer, hidden, is_hidden),
            };
            if is_hidden {
                hidden = self.dropout.forward(hidden);
            }
        }
        if self.normalized { normalize(hidden) } else { hidden }
    }

    /// The size of output vectors.
    pub fn d_output(&self) -> usize {
        self.d_output
    }

    fn device(&self) -> Device {
        let of_tables = || self.fields.iter().find_map(|field| field.table.as_ref()).map(|t| t.device());
        self.layers.first().map(|layer| layer.weight.device()).or_else(of_tables).unwrap_or_default()
    }
}

/// The width that all fields have.
fn one_width(fields: &[FieldLayer]) -> usize {
    let first = fields[0].width();
    for layer in fields {
        let (name, width) = (layer.field().name(), layer.width());
        assert!(width == first, "field {name:?} of width {width} cannot be added to vectors of size {first}");
    }
    first
}

/// The sum of at least one vector for each row.
fn sum(vectors: Vec<Tensor<2>>) -> Tensor<2> {
    let mut vectors = vectors.into_iter();
    #[expect(clippy::expect_used, reason = "a tower has a field")]
    let first = vectors.next().expect("a field");
    vectors.fold(first, |sum, vector| sum + vector)
}

/// Rows of norm 1; a row of zeros stays so.
fn normalize(vectors: Tensor<2>) -> Tensor<2> {
    let norms = vectors.clone().square().sum_dim(1).clamp_min(MIN_NORM * MIN_NORM).sqrt();
    vectors / norms
}
