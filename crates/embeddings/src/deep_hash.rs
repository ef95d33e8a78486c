//! Deep hash embeddings: vectors computed from the id, without a table.

mod decoder;
mod encoder;
mod mish;

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use self::decoder::{Decoder, DecoderShape};
use crate::hashing::derive_seed;
use crate::{IdEmbedding, Tape};

pub use self::decoder::DecoderActivation;
pub use self::encoder::{HashEncoder, HashEncoding};

/// Configuration of a [`DeepHashEmbedding`].
#[derive(Config, Debug)]
pub struct DeepHashEmbeddingConfig {
    /// The size of each vector.
    pub d_embedding: usize,
    /// The number of hashes of an id, the width of the decoder's input; an even number where the
    /// encoding is Gaussian.
    #[config(default = 1024)]
    pub n_hashes: usize,
    /// The number of buckets of each hash, from 2 to 2^24. It costs nothing; more of them tell ids
    /// better apart.
    #[config(default = 1_000_000)]
    pub n_buckets: usize,
    /// The distribution of the decoder's input.
    #[config(default = "HashEncoding::Uniform")]
    pub encoding: HashEncoding,
    /// The number of side features beside the id, 0 or more.
    #[config(default = 0)]
    pub n_features: usize,
    /// The width of each hidden layer of the decoder. The multiplications of an id are about
    /// `d_hidden * (n_hashes + (n_hidden_layers - 1) * d_hidden + d_embedding)`.
    #[config(default = 512)]
    pub d_hidden: usize,
    /// The number of hidden layers of the decoder. 0: vectors are linear in the codes.
    #[config(default = 2)]
    pub n_hidden_layers: usize,
    /// What follows the linear map of each hidden layer.
    #[config(default = "DecoderActivation::MishBatchNorm")]
    pub activation: DecoderActivation,
    /// The scale of the output layer: its first weights have standard deviation `std / sqrt(d_hidden)`,
    /// so elements of first vectors are of about this size or a little smaller.
    #[config(default = 0.1)]
    pub std: f64,
    /// What the hash functions and the first weights are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// Vectors of any ids, computed by a network from many hashes of the id (Kang et al. 2021, arXiv
/// 2010.10784).
///
/// [`HashEncoder`] turns the id into a dense code on the host, on all threads; the decoder, hidden
/// layers of equal width and a linear output, turns the code into the vector on the device. No memory
/// grows with the number of ids, and ids never seen before have vectors of their own.
///
/// The parameters are dense: they train through Burn's optimizers, not through the [`Tape`]. Hash
/// functions and first weights depend on the configuration alone, not on the platform or the backend.
/// Made by [`DeepHashEmbeddingConfig::init`].
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::DeepHashEmbeddingConfig;
///
/// let items = DeepHashEmbeddingConfig::new(16).with_d_hidden(64).init(&Device::default());
/// assert_eq!(items.forward(&[3, u64::MAX]).dims(), [2, 16]);
/// ```
#[derive(Module, Debug)]
pub struct DeepHashEmbedding {
    decoder: Decoder,
    #[module(skip)]
    n_features: usize,
    #[module(skip)]
    encoder: HashEncoder,
}

/// What seeds are derived for.
const HASHES: u64 = 1;
const WEIGHTS: u64 = 2;

impl DeepHashEmbeddingConfig {
    /// A fresh deep hash embedding on `device`.
    ///
    /// # Panics
    /// If `d_embedding` or `d_hidden` is 0, or as [`HashEncoder::new`] says.
    pub fn init(&self, device: &Device) -> DeepHashEmbedding {
        let (d_embedding, d_hidden) = (self.d_embedding, self.d_hidden);
        assert!(
            d_embedding > 0 && d_hidden > 0,
            "a decoder needs positive widths; asked for d_hidden {d_hidden}, d_embedding {d_embedding}"
        );
        let encoder_seed = derive_seed(self.seed, HASHES);
        let encoder = HashEncoder::new(self.n_hashes, self.n_buckets, self.encoding, encoder_seed);
        let shape = DecoderShape {
            d_input: self.n_hashes + self.n_features,
            d_hidden,
            n_hidden_layers: self.n_hidden_layers,
            d_output: d_embedding,
            activation: self.activation,
        };
        let decoder = shape.init(derive_seed(self.seed, WEIGHTS), self.std, device);
        DeepHashEmbedding { decoder, n_features: self.n_features, encoder }
    }
}

impl DeepHashEmbedding {
    /// The size of each vector.
    pub fn d_embedding(&self) -> usize {
        self.decoder.d_output()
    }

    /// The number of side features beside the id.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// What turns ids into codes.
    pub fn encoder(&self) -> &HashEncoder {
        &self.encoder
    }

    /// The vectors of `ids`; every id has one.
    ///
    /// As with Burn's own layers, the device decides on training: on one with autodiff the result is
    /// tracked, and batch normalisation uses and records the statistics of the batch.
    ///
    /// # Shapes
    /// - `ids`: `[batch]`, on the host
    /// - output: `[batch, d_embedding]`
    ///
    /// # Panics
    /// If the embedding wants side features; the message has their number.
    pub fn forward(&self, ids: &[u64]) -> Tensor<2> {
        let n_features = self.n_features;
        assert!(n_features == 0, "a deep hash embedding with {n_features} side features was given 0");
        if ids.is_empty() {
            return self.nothing();
        }
        self.decoder.forward(self.codes(ids))
    }

    /// The vectors of `ids` with what else is known of them.
    ///
    /// # Shapes
    /// - `ids`: `[batch]`, on the host
    /// - `features`: `[batch, n_features]`, on the device of the module; best of the scale of the codes,
    ///   which is about 1
    /// - output: `[batch, d_embedding]`
    ///
    /// # Panics
    /// If `features` has another shape; the message has both.
    pub fn forward_with_features(&self, ids: &[u64], features: Tensor<2>) -> Tensor<2> {
        let (expected, actual) = ([ids.len(), self.n_features], features.dims());
        assert_eq!(actual, expected, "side features have shape {actual:?}, expected {expected:?}");
        if ids.is_empty() {
            return self.nothing();
        }
        self.decoder.forward(Tensor::cat(vec![self.codes(ids), features], 1))
    }

    /// The vectors of no ids: not every backend multiplies matrices without rows.
    fn nothing(&self) -> Tensor<2> {
        Tensor::zeros([0, self.d_embedding()], &self.decoder.device())
    }

    /// The codes of `ids` on the device, `[batch, n_hashes]`.
    fn codes(&self, ids: &[u64]) -> Tensor<2> {
        let shape = [ids.len(), self.encoder.n_hashes()];
        Tensor::from_data(TensorData::new(self.encoder.encode(ids), shape), &self.decoder.device())
    }
}

impl IdEmbedding for DeepHashEmbedding {
    fn d_embedding(&self) -> usize {
        DeepHashEmbedding::d_embedding(self)
    }

    /// With a tape that is off, the result is not tracked and batch normalisation uses its running
    /// statistics, on whatever device the module is.
    ///
    /// # Panics
    /// If the embedding wants side features; the message has their number.
    fn embed(&self, ids: &[u64], tape: &mut Tape) -> Tensor<2> {
        if tape.is_recording() { self.forward(ids) } else { self.valid().forward(ids) }
    }
}
