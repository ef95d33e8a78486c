//! Estimators with the weights of PyTorch models.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use burn_recsys_embeddings::{
    CohortAddressing, EmbeddingTableConfig, HashEncoding, Mixture as Gate, MixtureConfig, Tape,
};

use super::{StateDict, TorchError, TorchInputs, TorchModel, TorchSizes};
use crate::{
    Cohort, DeepHash, DeepHashConfig, EstimatorInputs, IdLookup, Mixture, MultiTaskEstimator,
    MultiTaskEstimatorConfig, UserRepresentation,
};

/// Rows that go through a model at once.
const BLOCK: usize = 4096;

/// An estimator with the weights of a PyTorch model, by the way it knows users.
///
/// Take the estimator out of its variant to train it further or to serve it.
#[derive(Debug)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "a program holds one, not a thousand")]
pub enum TorchEstimator {
    /// Of [`TorchModel::Id`].
    Id(MultiTaskEstimator<IdLookup>),
    /// Of [`TorchModel::Dhe`]. The state dict does not say how ids were encoded: give the encodings
    /// themselves, as [`DeepHash::decode`] takes them.
    Dhe(MultiTaskEstimator<DeepHash>),
    /// Of [`TorchModel::Cohort`] and [`TorchModel::CohortTop1`].
    Cohort(MultiTaskEstimator<Cohort>),
    /// Of [`TorchModel::Mixture`]: the first weight is the table's, the second that of the cohorts.
    Mixture(MultiTaskEstimator<Mixture<(IdLookup, Cohort)>>),
}

/// The estimator of form `model` whose weights are `weights`.
///
/// Nothing is dropped: a state dict does not hold probabilities of dropout. Set them on the modules to train
/// further.
///
/// Two things of the cohort-top1 form are not PyTorch's. Its addressing layer learns here: its gradient is
/// that of a softmax (see [`CohortAddressing`]), where a one-hot row made of the largest affinity has
/// none. And of equally large affinities the lower cohort is chosen; PyTorch leaves it open.
///
/// # Errors
/// As [`StateDict::sizes`].
pub fn load_torch(
    model: TorchModel,
    weights: &StateDict,
    device: &Device,
) -> Result<TorchEstimator, TorchError> {
    let loader = Loader { sizes: weights.sizes(model)?, model, weights, device };
    Ok(match model {
        TorchModel::Id => TorchEstimator::Id(loader.estimator(loader.user_table()?)?),
        TorchModel::Dhe => TorchEstimator::Dhe(loader.estimator(loader.deep_hash()?)?),
        TorchModel::Cohort => TorchEstimator::Cohort(loader.estimator(loader.cohorts(None)?)?),
        TorchModel::CohortTop1 => TorchEstimator::Cohort(loader.estimator(loader.cohorts(Some(1))?)?),
        TorchModel::Mixture => {
            let experts = (loader.user_table()?, loader.cohorts(None)?);
            TorchEstimator::Mixture(loader.estimator(Mixture::new(experts, loader.gate()?))?)
        }
    })
}

impl TorchEstimator {
    /// The logits of all rows, tracked by autodiff if the model is on such a device and `tape` records.
    ///
    /// # Shapes
    /// - `inputs`: `batch` rows
    /// - output: `[batch, n_tasks]`
    ///
    /// # Panics
    /// If `inputs` were read for a model of other sizes.
    pub fn forward(&self, inputs: &TorchInputs, tape: &mut Tape) -> Tensor<2> {
        match self {
            TorchEstimator::Id(model) => model.forward(&on_device_of(model, inputs), tape),
            TorchEstimator::Dhe(model) => {
                let rows = on_device_of(model, inputs);
                let d_user_hash = inputs.user_hashes.len() / inputs.n_rows().max(1);
                let codes = TensorData::new(inputs.user_hashes.clone(), [inputs.n_rows(), d_user_hash]);
                let codes = Tensor::from_data(codes, &rows.user_features.device());
                model.forward_users(model.users.decode(codes), &rows, tape)
            }
            TorchEstimator::Cohort(model) => model.forward(&on_device_of(model, inputs), tape),
            TorchEstimator::Mixture(model) => model.forward(&on_device_of(model, inputs), tape),
        }
    }

    /// The logits of all rows on the host, `[batch, n_tasks]`, row-major; of any number of rows, as memory
    /// is needed for some at a time.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    pub fn logits(&self, inputs: &TorchInputs) -> Vec<f32> {
        let n_rows = inputs.n_rows();
        let blocks = (0..n_rows).step_by(BLOCK).map(|first| first..n_rows.min(first + BLOCK));
        let logits = blocks.flat_map(|rows| {
            let logits = self.forward(&inputs.slice(rows), &mut Tape::off()).into_data();
            logits.iter::<f32>().collect::<Vec<_>>()
        });
        logits.collect()
    }
}

/// The rows where the weights are.
fn on_device_of<R: UserRepresentation>(
    model: &MultiTaskEstimator<R>,
    inputs: &TorchInputs,
) -> EstimatorInputs {
    inputs.examples.inputs(&model.heads.towers[0][0].weight.val().device())
}

/// Makes modules of the tensors of a state dict that is in order.
struct Loader<'a> {
    model: TorchModel,
    sizes: TorchSizes,
    weights: &'a StateDict,
    device: &'a Device,
}

impl Loader<'_> {
    fn estimator<R: UserRepresentation>(&self, users: R) -> Result<MultiTaskEstimator<R>, TorchError> {
        let TorchSizes { n_tasks, n_user_features, n_item_features, n_cross_features, d_cross, .. } =
            self.sizes;
        let items = self.table("item_id_embedding_arch.weight")?;
        let config =
            MultiTaskEstimatorConfig::new(n_tasks, n_user_features, n_item_features, n_cross_features);
        let mut model = config.with_d_cross(d_cross).init(users, items, self.device);
        model.user_features = Some(self.linear("user_features_layer")?);
        model.item_features = Some(self.linear("item_features_layer")?);
        model.cross_features = Some(self.linear("cross_features_layer")?);
        model.heads.towers = vec![vec![self.linear("task_arch")?]];
        Ok(model)
    }

    fn user_table(&self) -> Result<IdLookup, TorchError> {
        self.table("user_id_embedding_arch.weight")
    }

    fn deep_hash(&self) -> Result<DeepHash, TorchError> {
        // Uniform takes any number of hashes.
        let config = DeepHashConfig::new(self.sizes.d_user)
            .with_n_hashes(self.size("dhe_stack.0.weight", 1))
            .with_encoding(HashEncoding::Uniform);
        let mut users = config.init(self.device);
        users.stack = self.decoder()?;
        Ok(users)
    }

    fn cohorts(&self, k: Option<usize>) -> Result<Cohort, TorchError> {
        let n_cohorts = self.size("cohort_embedding_matrix", 0);
        let config = Cohort::original(self.sizes.n_user_features, n_cohorts, self.sizes.d_user).with_k(k);
        let mut addressing: CohortAddressing = config.init(self.device);
        addressing.addressing = vec![self.linear("cohort_addressing_layer.0")?];
        addressing.cohorts = self.param("cohort_embedding_matrix", [n_cohorts, self.sizes.d_user])?;
        addressing.decoder = self.decoder()?;
        Ok(Cohort::new(addressing))
    }

    /// A gate without a hidden layer.
    fn gate(&self) -> Result<Gate, TorchError> {
        let mut gate = MixtureConfig::new(self.sizes.n_user_features, 2, 0).init(self.device);
        gate.hidden = self.linear("mixture_layer.0")?;
        Ok(gate)
    }

    /// Four linear layers; the numbers between are those of the ReLUs.
    fn decoder(&self) -> Result<Vec<Linear>, TorchError> {
        ["dhe_stack.0", "dhe_stack.2", "dhe_stack.4", "dhe_stack.6"]
            .map(|name| self.linear(name))
            .into_iter()
            .collect()
    }

    fn table(&self, key: &'static str) -> Result<IdLookup, TorchError> {
        let config = EmbeddingTableConfig::new(self.size(key, 0), self.size(key, 1));
        let table = config.init_from(self.values(key)?, self.device);
        let refuse = |source| TorchError::Table { path: self.weights.file.path.clone(), key, source };
        Ok(IdLookup::new(table.map_err(refuse)?))
    }

    fn linear(&self, name: &str) -> Result<Linear, TorchError> {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let [d_output, d_input] = [self.size(&weight, 0), self.size(&weight, 1)];
        let values = self.values(&weight)?;
        // `[out, in]` in PyTorch, `[in, out]` in Burn.
        let transposed =
            (0..d_input).flat_map(|input| values[input..].iter().step_by(d_input)).copied().collect();
        Ok(Linear {
            weight: self.param_of(transposed, [d_input, d_output]),
            bias: Some(self.param(&bias, [d_output])?),
        })
    }

    fn param<const D: usize>(&self, key: &str, shape: [usize; D]) -> Result<Param<Tensor<D>>, TorchError> {
        Ok(self.param_of(self.values(key)?, shape))
    }

    fn param_of<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), self.device))
    }

    fn values(&self, key: &str) -> Result<Vec<f32>, TorchError> {
        self.weights.values(self.model, key)
    }

    /// A size of a tensor whose shape is known to be in order.
    fn size(&self, key: &str, dimension: usize) -> usize {
        self.weights.shape(key).and_then(|shape| shape.get(dimension)).copied().unwrap_or(0)
    }
}
