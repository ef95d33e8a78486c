//! Users and items as the mean of what their neighbourhoods in a graph are.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use burn_recsys_baselines::{Error, VectorScorer};
use burn_recsys_embeddings::{EmbeddingTable, EmbeddingTableConfig, Lookup, TableInitializer, Tape};

use crate::NormalizedAdjacency;
use crate::vectors::{host, unit};

/// Configuration of a [`LightGcn`].
#[derive(Config, Debug)]
pub struct LightGcnConfig {
    /// The size of user and item vectors.
    #[config(default = 64)]
    pub d_embedding: usize,
    /// How many steps along the edges a vector sees; 0 is a factorisation of matrices.
    #[config(default = 3)]
    pub n_layers: usize,
    /// Whether [`embed`](LightGcn::embed) scales vectors to unit length after the mean, so that logits are cosines.
    #[config(default = false)]
    pub unit_length: bool,
    /// How much the length of an item's vector counts where items are [ranked](LightGcn::scorer): scores are
    /// `u . v |v|^(e - 1)`, e the exponent. 1 is the dot product, 0 ranks by cosine. Popular items have long
    /// vectors, though a loss of cosines does not know it.
    #[config(default = 1.0)]
    pub length_exponent: f64,
    /// How the table is first filled.
    #[config(default = "TableInitializer::Normal { std: 0.1 }")]
    pub initializer: TableInitializer,
    /// What the first values are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// LightGCN (He et al. 2020, "LightGCN: Simplifying and powering graph convolution network for recommendation"):
/// a table of vectors of users and items, and the mean of them and of what propagation over the graph makes of
/// them (equations 3 and 4, with equal weights). Nothing else is trained. Logits are dot products.
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::Tape;
/// use burn_recsys_models::{LightGcnConfig, NormalizedAdjacency};
///
/// let graph = NormalizedAdjacency::new(2, 3, &[0, 0, 1], &[0, 1, 1])?;
/// let model = LightGcnConfig::new().with_d_embedding(8).init(graph, &Device::default());
/// let [users, items] = model.embed(&[1], &[0, 1, 2], &mut Tape::off());
/// assert_eq!(users.matmul(items.transpose()).dims(), [1, 3]);
/// # Ok::<(), burn_recsys_models::GraphError>(())
/// ```
#[derive(Module, Debug)]
pub struct LightGcn {
    /// The vectors before propagation, of users and then of items, `[n_users + n_items, d_embedding]`.
    pub nodes: EmbeddingTable,
    #[module(skip)]
    graph: NormalizedAdjacency,
    #[module(skip)]
    n_layers: usize,
    #[module(skip)]
    unit_length: bool,
    #[module(skip)]
    length_exponent: f64,
}

impl LightGcnConfig {
    /// A fresh model of `graph` on `device`.
    ///
    /// # Panics
    /// If `d_embedding` is 0, or `length_exponent` is not finite.
    pub fn init(&self, graph: NormalizedAdjacency, device: &Device) -> LightGcn {
        assert!(self.length_exponent.is_finite(), "lengths to the power of {}", self.length_exponent);
        let nodes = EmbeddingTableConfig::new(graph.n_nodes(), self.d_embedding)
            .with_initializer(self.initializer)
            .with_seed(self.seed)
            .init(device);
        let &LightGcnConfig { n_layers, unit_length, length_exponent, .. } = self;
        LightGcn { nodes, graph, n_layers, unit_length, length_exponent }
    }
}

impl LightGcn {
    /// The vectors of users and of items, from one propagation over the whole graph.
    ///
    /// # Shapes
    /// - `users`: `[n]`, `items`: `[m]`; duplicates welcome
    /// - output: `[n, d_embedding]` and `[m, d_embedding]`
    ///
    /// # Panics
    /// If there is no such user or item.
    pub fn embed(&self, users: &[u32], items: &[u32], tape: &mut Tape) -> [Tensor<2>; 2] {
        // Popular items are many times in a batch, and have most neighbours.
        let at = Lookup::new(&self.graph.nodes(users, items));
        let vectors = self.mean_of_layers(at.rows(), tape);
        let vectors = if self.unit_length { unit(vectors) } else { vectors };
        let inverse: Vec<i32> = at.inverse().iter().map(|&index| index as i32).collect();
        let inverse = Tensor::<1, Int>::from_data(TensorData::from(&inverse[..]), &vectors.device());
        split(vectors.select(0, inverse), users.len())
    }

    fn mean_of_layers(&self, at: &[u32], tape: &mut Tape) -> Tensor<2> {
        let all: Vec<u32> = (0..self.graph.n_nodes() as u32).collect();
        let nodes = self.nodes.forward_lookup(&Lookup::new(&all), tape);
        self.graph.mean_of_layers(nodes, self.n_layers, at)
    }

    /// The vectors of users and of items before propagation: what is kept short by the L2 of the paper
    /// (equation 15).
    ///
    /// # Shapes
    /// As [`embed`](Self::embed).
    ///
    /// # Panics
    /// As [`embed`](Self::embed).
    pub fn embed_before_propagation(&self, users: &[u32], items: &[u32], tape: &mut Tape) -> [Tensor<2>; 2] {
        let vectors = self.nodes.forward(&self.graph.nodes(users, items), tape);
        split(vectors, users.len())
    }

    /// The graph that vectors are propagated over.
    pub fn graph(&self) -> &NormalizedAdjacency {
        &self.graph
    }

    /// The size of user and item vectors.
    pub fn d_embedding(&self) -> usize {
        self.nodes.d_embedding()
    }

    /// Scores all items for users by the vectors of now, as `length_exponent` says: by dot products in the order of
    /// those of [`embed`](Self::embed), or not, if that gives unit length.
    ///
    /// # Errors
    /// If a vector is not finite.
    pub fn scorer(&self) -> Result<VectorScorer, Error> {
        let d = self.d_embedding();
        let all: Vec<u32> = (0..self.graph.n_nodes() as u32).collect();
        let mut users = host(self.mean_of_layers(&all, &mut Tape::off()));
        let mut items = users.split_off(self.graph.n_users() * d);
        if self.length_exponent != 1.0 {
            let exponent = (self.length_exponent - 1.0) as f32;
            for row in items.chunks_exact_mut(d) {
                let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
                let scale = length.max(f32::MIN_POSITIVE).powf(exponent);
                row.iter_mut().for_each(|value| *value *= scale);
            }
        }
        VectorScorer::of_vectors(d, users, items)
    }
}

/// The first `n` rows and the others; there may be none of either.
fn split(rows: Tensor<2>, n: usize) -> [Tensor<2>; 2] {
    let ([n_rows, d], device) = (rows.dims(), rows.device());
    let part = |first: usize, n: usize| match n {
        0 => Tensor::zeros([0, d], &device),
        n => rows.clone().narrow(0, first, n),
    };
    [part(0, n), part(n, n_rows - n)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_recsys_baselines::ItemScorer;

    fn graph() -> NormalizedAdjacency {
        // User 2 and item 3 have met nothing.
        NormalizedAdjacency::new(3, 4, &[0, 0, 1, 1], &[0, 1, 1, 2]).unwrap()
    }

    fn config() -> LightGcnConfig {
        LightGcnConfig::new().with_d_embedding(5).with_seed(3)
    }

    /// The mean of the layers in double precision.
    fn by_hand(table: &[f32], n_layers: usize) -> Vec<f64> {
        let d = table.len() / 7;
        let (graph, mut layer) = (graph(), table.iter().copied().map(f64::from).collect::<Vec<f64>>());
        let mut sum = layer.clone();
        for _ in 0..n_layers {
            let at = |at: usize| {
                let (neighbours, weights) = graph.matrix().row(at / d);
                let terms = neighbours.iter().zip(weights);
                terms
                    .map(|(&node, &weight)| f64::from(weight) * layer[node as usize * d + at % d])
                    .sum::<f64>()
            };
            layer = (0..layer.len()).map(at).collect();
            sum.iter_mut().zip(&layer).for_each(|(sum, value)| *sum += value);
        }
        sum.into_iter().map(|value| value / (n_layers + 1) as f64).collect()
    }

    fn near(actual: &[f32], expected: &[f64]) {
        assert_eq!(actual.len(), expected.len());
        let is_near = |(&a, e): (&f32, &f64)| (f64::from(a) - e).abs() < 1e-5;
        assert!(actual.iter().zip(expected).all(is_near), "{actual:?} {expected:?}");
    }

    #[test]
    fn vectors_are_means_of_layers() {
        for n_layers in 0..4 {
            let model = config().with_n_layers(n_layers).init(graph(), &Device::default());
            let expected = by_hand(&model.nodes.vectors(), n_layers);
            let [users, items] = model.embed(&[2, 0, 2], &[3, 1], &mut Tape::off());
            let rows = |nodes: &[usize]| {
                nodes.iter().flat_map(|node| expected[node * 5..][..5].to_vec()).collect::<Vec<f64>>()
            };
            near(&host(users), &rows(&[2, 0, 2]));
            near(&host(items), &rows(&[6, 4]));
        }
    }

    #[test]
    fn gradients_are_those_of_the_function() {
        let device = Device::default().autodiff();
        for unit_length in [false, true] {
            let model = config().with_unit_length(unit_length).init(graph(), &device);
            let weigh = |values: Vec<f64>| {
                values.iter().enumerate().map(|(at, v)| (at as f64 * 0.7).sin() * (v + v * v)).sum::<f64>()
            };
            // User 0 twice, items 1 and 3, and what comes before propagation of user 2.
            let loss = |table: &[f32]| {
                let all = by_hand(table, 3);
                let unit = |node: usize| {
                    let row = &all[node * 5..][..5];
                    let norm = if unit_length { row.iter().map(|v| v * v).sum::<f64>().sqrt() } else { 1.0 };
                    row.iter().map(|v| v / norm).collect::<Vec<f64>>()
                };
                let mut values = [0, 0, 4, 6].map(unit).concat();
                values.extend(table[10..15].iter().copied().map(f64::from));
                weigh(values)
            };
            let mut tape = Tape::new();
            let [users, items] = model.embed(&[0, 0], &[1, 3], &mut tape);
            let [before, _] = model.embed_before_propagation(&[2], &[], &mut tape);
            let values = Tensor::cat(vec![users, items, before], 0);
            let weights: Vec<f32> = (0..25).map(|at| (at as f32 * 0.7).sin()).collect();
            let weights = Tensor::<2>::from_data(TensorData::new(weights, [5, 5]), &device);
            let mut grads = ((values.clone() + values.square()) * weights).sum().backward();
            let (rows, gradient) = tape.gradients(&mut grads).get(model.nodes.weight.id).unwrap();
            let gradient = host(gradient);
            let table = model.nodes.vectors();
            for at in 0..table.len() {
                let change = |step: f32| {
                    let mut table = table.clone();
                    table[at] += step;
                    loss(&table)
                };
                let expected = (change(1e-3) - change(-1e-3)) / 2e-3;
                let row = rows.iter().position(|&row| row as usize == at / 5).unwrap();
                let actual = f64::from(gradient[row * 5 + at % 5]);
                assert!(
                    (actual - expected).abs() < 1e-2 * expected.abs().max(1.0),
                    "{at}: {actual} {expected}"
                );
            }
        }
    }

    #[test]
    fn the_scorer_weighs_the_lengths_of_items() {
        let scores = |length_exponent: f64| {
            let model = config().with_length_exponent(length_exponent).init(graph(), &Device::default());
            let mut scores = vec![0.0; 8];
            model.scorer().unwrap().score(&[1, 2], &mut scores);
            let [users, items] = model.embed(&[1, 2], &[0, 1, 2, 3], &mut Tape::off());
            (scores, host(users.matmul(items.clone().transpose())), host(items))
        };
        for exponent in [1.0, 0.5, 0.0] {
            let (actual, products, items) = scores(exponent);
            let length = |item: usize| {
                items[item * 5..][..5].iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt()
            };
            let expected = products
                .iter()
                .enumerate()
                .map(|(at, &p)| f64::from(p) * length(at % 4).powf(exponent - 1.0));
            near(&actual, &expected.collect::<Vec<f64>>());
        }
    }

    #[test]
    #[should_panic(expected = "item 4 of 4")]
    fn an_item_that_is_not_there_panics() {
        config().init(graph(), &Device::default()).embed(&[0], &[4], &mut Tape::off());
    }
}
