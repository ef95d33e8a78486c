//! User vectors computed from hashes of the id.

use burn::config::Config;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use burn_recsys_embeddings::dense::{forward_stack, seeded_stack};
use burn_recsys_embeddings::{HashEncoder, HashEncoding, Tape};

use crate::{UserRepresentation, streams};

/// Configuration of a [`DeepHash`].
#[derive(Config, Debug)]
pub struct DeepHashConfig {
    /// The size of each vector, and of the hidden layers.
    pub d_user: usize,
    /// The number of hashes of an id; an even number where the encoding is Gaussian.
    #[config(default = 256)]
    pub n_hashes: usize,
    /// The number of buckets of each hash, from 2 to 2^24.
    #[config(default = 1_000_000)]
    pub n_buckets: usize,
    /// The distribution of the network's input.
    #[config(default = "HashEncoding::Gaussian")]
    pub encoding: HashEncoding,
    /// The number of linear layers, 1 or more, with a ReLU between two of them.
    #[config(default = 4)]
    pub n_layers: usize,
    /// What the hash functions and the first weights are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// User vectors from many hashes of the id and a stack of linear layers (Kang et al. 2021, arXiv
/// 2010.10784).
///
/// No memory grows with the number of users and every id has a vector of its own, also one that was
/// never seen; but what is learned of one user is stored in weights that all share, so a network of a
/// given size remembers less of each than a table of the same size.
///
/// This is the plain form with layers as wide as the vector. Mish and batch normalisation, as in the
/// paper, are [`IdLookup`](crate::IdLookup) with a
/// [`DeepHashEmbedding`](burn_recsys_embeddings::DeepHashEmbedding).
#[derive(Module, Debug)]
pub struct DeepHash {
    /// From codes to vectors, with a ReLU between two layers.
    pub stack: Vec<Linear>,
    #[module(skip)]
    encoder: HashEncoder,
}

impl DeepHashConfig {
    /// A fresh representation on `device`; its values are a pure function of the configuration.
    ///
    /// # Panics
    /// If a size is 0, or as [`HashEncoder::new`] says.
    pub fn init(&self, device: &Device) -> DeepHash {
        let DeepHashConfig { d_user, n_hashes, n_layers, seed, .. } = *self;
        assert!(
            d_user > 0 && n_layers > 0,
            "a deep hash needs positive sizes; asked for d_user {d_user} and {n_layers} layers"
        );
        let encoder = HashEncoder::new(n_hashes, self.n_buckets, self.encoding, seed);
        let widths: Vec<usize> =
            std::iter::once(n_hashes).chain(std::iter::repeat_n(d_user, n_layers)).collect();
        DeepHash { stack: seeded_stack(&widths, seed, streams::DEEP_HASH, device), encoder }
    }
}

impl DeepHash {
    /// The vectors of codes that were made elsewhere.
    ///
    /// # Shapes
    /// - `codes`: `[batch, n_hashes]`
    /// - output: `[batch, d_user]`
    ///
    /// # Panics
    /// If `codes` does not have `n_hashes` columns; the message has both numbers.
    pub fn decode(&self, codes: Tensor<2>) -> Tensor<2> {
        let (width, n_hashes) = (codes.dims()[1], self.encoder.n_hashes());
        assert!(width == n_hashes, "codes of width {width} for a deep hash of {n_hashes} hashes");
        forward_stack(&self.stack, codes)
    }

    /// What turns ids into codes.
    pub fn encoder(&self) -> &HashEncoder {
        &self.encoder
    }
}

impl UserRepresentation for DeepHash {
    fn d_user(&self) -> usize {
        self.stack.last().map_or(0, |layer| layer.weight.lazy_shape()[1])
    }

    fn user_vectors(&self, ids: &[u64], _features: &Tensor<2>, _tape: &mut Tape) -> Tensor<2> {
        let device = self.stack[0].weight.val().device();
        if ids.is_empty() {
            return Tensor::zeros([0, self.d_user()], &device);
        }
        let (distinct, rows) = distinct(ids);
        let codes =
            TensorData::new(self.encoder.encode(&distinct), [distinct.len(), self.encoder.n_hashes()]);
        let vectors = self.decode(Tensor::from_data(codes, &device));
        // The network sees every user of the batch once: active users are many rows of it.
        if distinct.len() == ids.len() {
            return vectors;
        }
        vectors.select(0, Tensor::from_data(TensorData::new(rows, [ids.len()]), &device))
    }
}

/// Every id once, in the order of first appearance, and for each position the index of its id there.
fn distinct(ids: &[u64]) -> (Vec<u64>, Vec<i32>) {
    let mut index: rustc_hash::FxHashMap<u64, i32> = rustc_hash::FxHashMap::default();
    let mut distinct = Vec::new();
    let rows = ids
        .iter()
        .map(|&id| {
            *index.entry(id).or_insert_with(|| {
                distinct.push(id);
                (distinct.len() - 1) as i32
            })
        })
        .collect();
    (distinct, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ids_are_one_row_of_the_network() {
        assert_eq!(distinct(&[7, 3, 7, 7, 9]), (vec![7, 3, 9], vec![0, 1, 0, 0, 2]));
        let device = Device::default();
        let users = DeepHashConfig::new(4).with_n_hashes(8).init(&device);
        let features = Tensor::zeros([3, 0], &device);
        let vectors = |ids: &[u64]| -> Vec<f32> {
            users.user_vectors(ids, &features, &mut Tape::off()).into_data().try_to_vec().unwrap()
        };
        let together = vectors(&[u64::MAX, 5, u64::MAX]);
        assert_eq!(together[..4], together[8..]);
        assert_ne!(together[..4], together[4..8]);
        // Matrix products of one row and of two may round differently.
        let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
        assert!(together[4..8].iter().zip(&vectors(&[5])).all(near));
        assert!(vectors(&[]).is_empty());
    }
}
