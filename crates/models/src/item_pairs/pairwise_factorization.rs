//! Inner products of one vector an item.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use burn_recsys_embeddings::{EmbeddingTable, EmbeddingTableConfig, TableInitializer, Tape};

use super::PairEncoder;

/// Configuration of a [`PairwiseFactorization`].
#[derive(Config, Debug)]
pub struct PairwiseFactorizationConfig {
    /// The number of items; ids are below it.
    pub n_items: usize,
    /// The size of item vectors.
    #[config(default = 128)]
    pub d_embedding: usize,
    /// Whether every item has a bias, which learns how often it is in pairs.
    #[config(default = false)]
    pub has_bias: bool,
    /// How vectors are first filled; biases start at 0.
    #[config(default = "TableInitializer::DotProduct { std: 0.1 }")]
    pub initializer: TableInitializer,
    /// What the first values are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// Factorisation of the matrix of items by items: the logit of a pair is `v_a . v_b`, with biases
/// `v_a . v_b + b_a + b_b`. It is the same in both directions.
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::Tape;
/// use burn_recsys_models::{PairEncoder, PairwiseFactorizationConfig};
///
/// let model = PairwiseFactorizationConfig::new(1000).with_has_bias(true).init(&Device::default());
/// let (left, right) = ([3, 17], [250, 4]);
/// let mut tape = Tape::off();
/// let logits = model.embed_centers(&left, &mut tape) * model.embed_contexts(&right, &mut tape);
/// assert_eq!(logits.sum_dim(1).dims(), [2, 1]);
/// ```
#[derive(Module, Debug)]
pub struct PairwiseFactorization {
    /// Item vectors, `[n_items, d_embedding]`.
    pub items: EmbeddingTable,
    /// The bias of each item, `[n_items, 1]`.
    pub biases: Option<EmbeddingTable>,
}

impl PairwiseFactorizationConfig {
    /// A fresh model on `device`.
    ///
    /// # Panics
    /// If a size is 0.
    pub fn init(&self, device: &burn::tensor::Device) -> PairwiseFactorization {
        let table = |d, initializer| {
            EmbeddingTableConfig::new(self.n_items, d)
                .with_initializer(initializer)
                .with_seed(self.seed)
                .init(device)
        };
        PairwiseFactorization {
            items: table(self.d_embedding, self.initializer),
            biases: self.has_bias.then(|| table(1, TableInitializer::Zeros)),
        }
    }
}

impl PairEncoder for PairwiseFactorization {
    fn n_items(&self) -> usize {
        self.items.n_rows()
    }

    fn embed_centers(&self, items: &[u32], tape: &mut Tape) -> Tensor<2> {
        let vectors = self.items.forward(items, tape);
        match &self.biases {
            // The inner product of [v, b, 1] and [w, 1, c] is that of v and w, plus b and c.
            Some(biases) => {
                let biases = biases.forward(items, tape);
                let ones = biases.ones_like();
                Tensor::cat(vec![vectors, biases, ones], 1)
            }
            None => vectors,
        }
    }

    fn embed_contexts(&self, items: &[u32], tape: &mut Tape) -> Tensor<2> {
        let vectors = self.items.forward(items, tape);
        match &self.biases {
            Some(biases) => {
                let biases = biases.forward(items, tape);
                let ones = biases.ones_like();
                Tensor::cat(vec![vectors, ones, biases], 1)
            }
            None => vectors,
        }
    }

    fn similarity_vectors(&self, is_trained: &[bool]) -> Vec<Option<Vec<f32>>> {
        let d = self.items.d_embedding();
        let vectors = self.items.vectors();
        assert_eq!(is_trained.len(), self.n_items(), "one flag an item");
        (vectors.chunks_exact(d).zip(is_trained))
            .map(|(vector, &is_trained)| is_trained.then(|| vector.to_vec()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn logits(model: &PairwiseFactorization, left: &[u32], right: &[u32]) -> Vec<f32> {
        let mut tape = Tape::off();
        let products = model.embed_centers(left, &mut tape) * model.embed_contexts(right, &mut tape);
        products.sum_dim(1).into_data().try_to_vec().unwrap()
    }

    #[test]
    fn the_logit_is_the_inner_product_and_the_biases() {
        let device = Device::default();
        let config = PairwiseFactorizationConfig::new(4).with_d_embedding(3).with_seed(5);
        let mut model = config.clone().with_has_bias(true).init(&device);
        let biases = vec![0.5, -1.0, 0.25, 2.0];
        model.biases = Some(EmbeddingTableConfig::new(4, 1).init_from(biases.clone(), &device).unwrap());
        let vectors = model.items.vectors();
        let (left, right) = ([0u32, 3, 2], [1u32, 3, 0]);
        let with_biases = logits(&model, &left, &right);
        let without = logits(&config.init(&device), &left, &right);
        for at in 0..3 {
            let (a, b) = (left[at] as usize, right[at] as usize);
            let product: f32 = (0..3).map(|k| vectors[a * 3 + k] * vectors[b * 3 + k]).sum();
            assert!((without[at] - product).abs() < 1e-6);
            assert!((with_biases[at] - (product + biases[a] + biases[b])).abs() < 1e-6);
        }
        assert_eq!(with_biases, logits(&model, &right, &left), "pairs have no direction");
    }

    #[test]
    fn items_that_were_never_trained_have_no_vector() {
        let model = PairwiseFactorizationConfig::new(2).with_d_embedding(3).init(&Device::default());
        let vectors = model.similarity_vectors(&[false, true]);
        assert_eq!(vectors[0], None);
        assert_eq!(vectors[1].as_deref(), Some(&model.items.vectors()[3..]));
    }
}
