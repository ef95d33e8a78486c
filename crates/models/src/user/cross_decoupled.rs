//! What is remembered of an id and what its features say, weighed by how often the id was seen.

use burn::config::Config;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use burn_recsys_embeddings::dense::{forward_stack, seeded_linear, seeded_stack};
use burn_recsys_embeddings::{EmbeddingTable, EmbeddingTableConfig, IdEmbedding, Tape};

use crate::{ItemRepresentation, UserRepresentation, streams};

/// Configuration of a [`CrossDecoupled`].
#[derive(Config, Debug)]
pub struct CrossDecoupledConfig {
    /// The table of ids that the memorisation expert reads.
    pub ids: EmbeddingTableConfig,
    /// The number of features, those of the gate among them.
    pub n_features: usize,
    /// The columns of the features that say how often the id was seen, best as a logarithm such as
    /// `ln(1 + count)`. The gate reads these alone, the generalisation expert the others alone.
    pub frequency_columns: Vec<usize>,
    /// The size of each vector that comes out.
    pub d_output: usize,
    /// The widths of the hidden layers of the memorisation expert.
    #[config(default = "Vec::new()")]
    pub id_hidden: Vec<usize>,
    /// The widths of the hidden layers of the generalisation expert.
    #[config(default = "Vec::new()")]
    pub feature_hidden: Vec<usize>,
    /// What the first values of all parameters but the table's are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// Vectors of items or users from two experts: the item side of the Cross Decoupling Network (Zhang et
/// al. 2023, arXiv 2210.14309, section 3.1).
///
/// ```text
/// weights = softmax(linear(frequency))
/// vector  = weights[0] * layers(row of the id) + weights[1] * layers(other features)
/// ```
///
/// One expert memorises: it sees the id and nothing else. The other generalises: it sees features
/// other than the frequency and no id. The gate sees the frequency alone, so what is trusted depends on
/// how much there was to memorise, and items of the long tail borrow from items that are like them. The
/// paper has a number of experts of either kind (Eq. 3); here it is one of each. Its gate,
/// `softmax(W frequency)`, has no bias; with one, an item that was never seen need not weigh both alike.
///
/// A [`Mixture`](crate::Mixture) differs: its gate sees all features, and its experts are whole
/// representations. The paper's user side is [`TwoBranch`](crate::TwoBranch).
///
/// As a [`UserRepresentation`] it is the same for users, with their activity as the frequency.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_recsys_embeddings::{EmbeddingTableConfig, Tape};
/// use burn_recsys_models::{CrossDecoupledConfig, ItemRepresentation};
///
/// let device = Device::default();
/// let table = EmbeddingTableConfig::new(1_000, 16).with_n_oov_rows(4);
/// // Three features; the last is ln(1 + count).
/// let items = CrossDecoupledConfig::new(table, 3, vec![2], 8).with_feature_hidden(vec![16]).init(&device);
/// let features = Tensor::from_data([[1.0, 0.0, 7.3], [0.0, 1.0, 0.0]], &device);
/// // The second item is new.
/// let vectors = items.item_vectors(&[17, 123_456], &features, &mut Tape::off());
/// assert_eq!(vectors.dims(), [2, 8]);
/// ```
///
/// Made by [`CrossDecoupledConfig::init`].
#[derive(Module, Debug)]
pub struct CrossDecoupled {
    /// The vectors of ids.
    pub ids: EmbeddingTable,
    /// The memorisation expert: from a vector of the table to output, with a ReLU between two layers.
    pub memorisation: Vec<Linear>,
    /// The generalisation expert: from features without the frequency to output, likewise.
    pub generalisation: Vec<Linear>,
    /// The gate: from the frequency to a logit for each expert, memorisation first.
    pub gate: Linear,
    #[module(skip)]
    frequency_columns: Vec<usize>,
    /// The others.
    #[module(skip)]
    feature_columns: Vec<usize>,
}

impl CrossDecoupledConfig {
    /// A fresh representation on `device`; its values are a pure function of the configuration.
    ///
    /// # Panics
    /// If a width is 0, a frequency column is not a column or named twice, no column is of the frequency
    /// or none is of something else, or as [`EmbeddingTableConfig::init`] says; the message has the
    /// numbers.
    pub fn init(&self, device: &Device) -> CrossDecoupled {
        let CrossDecoupledConfig { ids, frequency_columns, id_hidden, feature_hidden, .. } = self;
        let CrossDecoupledConfig { n_features, d_output, seed, .. } = *self;
        assert!(
            d_output > 0 && id_hidden.iter().chain(feature_hidden).all(|&width| width > 0),
            "experts need positive widths; asked for d_output {d_output}, id_hidden {id_hidden:?} and \
             feature_hidden {feature_hidden:?}"
        );
        let feature_columns: Vec<usize> =
            (0..n_features).filter(|column| !frequency_columns.contains(column)).collect();
        assert!(
            feature_columns.len() + frequency_columns.len() == n_features,
            "frequency columns {frequency_columns:?} are not distinct columns of {n_features} features"
        );
        assert!(
            !feature_columns.is_empty() && !frequency_columns.is_empty(),
            "of {n_features} features {} are of the frequency; the gate and the generalisation expert need \
             one at least each",
            frequency_columns.len()
        );
        // Every stack has 2^16 streams of its own: a layer more changes no other first value.
        let stack = |first: usize, hidden: &[usize], kind: u64| {
            seeded_stack(
                &[&[first], hidden, &[d_output]].concat(),
                seed,
                streams::CROSS_DECOUPLED + (kind << 16),
                device,
            )
        };
        CrossDecoupled {
            ids: ids.init(device),
            memorisation: stack(ids.d_embedding, id_hidden, 0),
            generalisation: stack(feature_columns.len(), feature_hidden, 1),
            gate: seeded_linear(
                frequency_columns.len(),
                2,
                seed,
                streams::CROSS_DECOUPLED + (2 << 16),
                device,
            ),
            frequency_columns: frequency_columns.clone(),
            feature_columns,
        }
    }
}

impl CrossDecoupled {
    /// The vectors of some ids.
    ///
    /// # Shapes
    /// - `ids`: `[batch]`, on the host; duplicates welcome
    /// - `features`: `[batch, n_features]`
    /// - output: `[batch, d_output]`
    ///
    /// # Panics
    /// If `features` has another shape, or an id has no row; the message has both numbers.
    pub fn vectors(&self, ids: &[u64], features: &Tensor<2>, tape: &mut Tape) -> Tensor<2> {
        let (n_rows, batch) = (features.dims()[0], ids.len());
        assert!(n_rows == batch, "features of {n_rows} rows for {batch} ids");
        let weights = self.weights(features);
        let memorised = forward_stack(&self.memorisation, self.ids.embed(ids, tape));
        let generalised = forward_stack(&self.generalisation, columns(features, &self.feature_columns));
        memorised * weights.clone().narrow(1, 0, 1) + generalised * weights.narrow(1, 1, 1)
    }

    /// What each expert weighs: memorisation, then generalisation.
    ///
    /// # Shapes
    /// - `features`: `[batch, n_features]`
    /// - output: `[batch, 2]`; every row sums to 1
    ///
    /// # Panics
    /// If `features` has another width; the message has both numbers.
    pub fn weights(&self, features: &Tensor<2>) -> Tensor<2> {
        let (width, n_features) = (features.dims()[1], self.n_features());
        assert!(width == n_features, "features of width {width} for experts of {n_features} features");
        softmax(self.gate.forward(columns(features, &self.frequency_columns)), 1)
    }

    /// The size of each vector.
    pub fn d_output(&self) -> usize {
        self.memorisation.last().map_or(0, |layer| layer.weight.lazy_shape()[1])
    }

    /// The number of features, those of the gate among them.
    pub fn n_features(&self) -> usize {
        self.frequency_columns.len() + self.feature_columns.len()
    }
}

fn columns(features: &Tensor<2>, columns: &[usize]) -> Tensor<2> {
    let indices: Vec<i32> = columns.iter().map(|&column| column as i32).collect();
    let indices = TensorData::new(indices, [columns.len()]);
    features.clone().select(1, Tensor::from_data(indices, &features.device()))
}

impl UserRepresentation for CrossDecoupled {
    fn d_user(&self) -> usize {
        self.d_output()
    }

    fn user_vectors(&self, ids: &[u64], features: &Tensor<2>, tape: &mut Tape) -> Tensor<2> {
        self.vectors(ids, features, tape)
    }

    fn n_user_features(&self) -> Option<usize> {
        Some(self.n_features())
    }

    fn n_users(&self) -> Option<u64> {
        self.ids.n_ids()
    }

    fn expert_weights(&self, features: &Tensor<2>) -> Option<Tensor<2>> {
        Some(self.weights(features))
    }
}

impl ItemRepresentation for CrossDecoupled {
    fn d_item(&self) -> usize {
        self.d_output()
    }

    fn item_vectors(&self, ids: &[u64], features: &Tensor<2>, tape: &mut Tape) -> Tensor<2> {
        self.vectors(ids, features, tape)
    }

    fn n_item_features(&self) -> Option<usize> {
        Some(self.n_features())
    }

    fn n_items(&self) -> Option<u64> {
        self.ids.n_ids()
    }
}
