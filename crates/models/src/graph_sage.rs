//! Items from what is known of them and of their neighbours in a graph.

mod sampler;

use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use burn_recsys_embeddings::dense::{affine, seeded_param};
use burn_recsys_embeddings::{JaggedIds, TableInitializer, Tape};

pub use sampler::{Adjacency, GraphSageBatch, NeighbourSampler};

use crate::streams;
use crate::{Tower, TowerConfig, TowerField, TowerRows};

/// Configuration of a [`GraphSage`].
#[derive(Config, Debug)]
pub struct GraphSageConfig {
    /// What is known of a node. Ids are a [`Categorical`](TowerField::Categorical) field of the nodes that
    /// training sees, so that others are [`UNKNOWN`](crate::UNKNOWN).
    pub fields: Vec<TowerField>,
    /// The size of the vectors of categories.
    #[config(default = 32)]
    pub d_embedding: usize,
    /// The size of what each layer gives; one layer for every step away from a node.
    #[config(default = "vec![64, 64]")]
    pub widths: Vec<usize>,
    /// How tables are first filled.
    #[config(default = "TableInitializer::Normal { std: 0.1 }")]
    pub initializer: TableInitializer,
    /// What the first values are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// GraphSAGE with the mean aggregator (Hamilton, Ying and Leskovec 2017, "Inductive representation learning on
/// large graphs", algorithms 1 and 2): a node is what is known of it beside the mean of some neighbours, layer
/// after layer.
///
/// ```text
/// h_0 = [ category | mean of categories | numbers | ... ]
/// h_k = unit(ReLU(W_k [ h_k-1 of the node | mean of h_k-1 of its drawn neighbours ] + b_k))
/// ```
///
/// The last layer has no ReLU: two vectors without negative values could not point apart. Nothing but the
/// fields belongs to a single node, so a node that training has never seen has a vector too; without
/// neighbours it is one from its fields alone. Products of vectors are cosines.
///
/// ```
/// use std::sync::Arc;
/// use burn::tensor::Device;
/// use burn_recsys_data::Csr;
/// use burn_recsys_embeddings::Tape;
/// use burn_recsys_models::{FieldValues, GraphSageConfig, NeighbourSampler, TowerField, TowerRows, UNKNOWN};
///
/// // Items 0 and 1 are bought together; item 2 is new.
/// let graph = Arc::new(Csr::from_rows([&[1u32][..], &[0], &[]]));
/// let fields = vec![TowerField::categorical("id", 2), TowerField::categorical("brand", 5)];
/// let values = vec![FieldValues::Codes(vec![0, 1, UNKNOWN]), FieldValues::Codes(vec![4, 4, 3])];
/// let rows = TowerRows::new(&fields, values)?;
/// let model = GraphSageConfig::new(fields).init(&Device::default());
/// let sampler = NeighbourSampler::new(graph, vec![10, 5], 0);
/// let vectors = model.forward(&sampler.sample(0, &[0, 2], &[], &rows), &mut Tape::off());
/// assert_eq!(vectors.dims(), [2, 64]);
/// # Ok::<(), burn_recsys_models::TowerError>(())
/// ```
#[derive(Module, Debug)]
pub struct GraphSage {
    /// What is known of a node, side by side: a tower without layers.
    pub features: Tower,
    /// One for every step away from a node; the first reads the features.
    pub layers: Vec<SageLayer>,
}

/// One step: a linear layer of a node beside the mean of its neighbours.
#[derive(Module, Debug)]
pub struct SageLayer {
    /// What a node's own vector is multiplied by, `[d_input, d_output]`.
    pub own: Param<Tensor<2>>,
    /// What the mean of its neighbours is multiplied by, `[d_input, d_output]`.
    pub neighbours: Param<Tensor<2>>,
    /// `[d_output]`
    pub bias: Param<Tensor<1>>,
}

impl GraphSageConfig {
    /// A fresh model on `device`.
    ///
    /// # Panics
    /// If there is no layer, a size is 0, a field is of ids, or the fields are not ones that a [`Tower`] can have.
    pub fn init(&self, device: &Device) -> GraphSage {
        let &GraphSageConfig { d_embedding, initializer, seed, .. } = self;
        assert!(
            !self.widths.is_empty() && self.widths.iter().all(|&width| width > 0),
            "layers need positive widths and there is at least one; asked for {:?}",
            self.widths
        );
        let has_ids = self.fields.iter().any(|field| matches!(field, TowerField::Id { .. }));
        assert!(!has_ids, "a new node has no id: give ids as categories, those not known being UNKNOWN");
        let features = TowerConfig::new(self.fields.clone())
            .with_d_embedding(d_embedding)
            .with_hidden(Vec::new())
            .with_d_output(None)
            .with_initializer(initializer)
            .with_seed(seed)
            .init(device);
        let widths = [&[features.d_output()], &self.widths[..]].concat();
        let layer = |(pair, index): (&[usize], u64)| {
            // Both halves are one matrix of twice the input: its rows have that bound.
            let initializer = TableInitializer::Uniform { bound: 1.0 / (2.0 * pair[0] as f64).sqrt() };
            let stream = streams::GRAPH_SAGE + 3 * index;
            SageLayer {
                own: seeded_param([pair[0], pair[1]], initializer, seed, stream, device),
                neighbours: seeded_param([pair[0], pair[1]], initializer, seed, stream + 1, device),
                bias: seeded_param([pair[1]], initializer, seed, stream + 2, device),
            }
        };
        GraphSage { features, layers: widths.windows(2).zip(0..).map(layer).collect() }
    }
}

impl GraphSage {
    /// The vectors of the nodes that a batch was drawn for, of unit length.
    ///
    /// # Shapes
    /// - output: `[batch.n_outputs(), d_output]`
    ///
    /// # Panics
    /// If the batch was drawn for another number of layers, or its rows are of other fields.
    pub fn forward(&self, batch: &GraphSageBatch, tape: &mut Tape) -> Tensor<2> {
        let (n_hops, n_layers) = (batch.hops().len(), self.layers.len());
        assert!(n_hops == n_layers, "a batch drawn for {n_hops} layers, the model has {n_layers}");
        let mut hidden = self.features.forward(batch.rows(), tape);
        for (index, (layer, hop)) in self.layers.iter().zip(batch.hops()).enumerate() {
            let means = mean_of(&hop.neighbours, hidden.clone());
            let own = hidden.narrow(0, 0, hop.neighbours.n_bags());
            let pairs = vec![(own, layer.own.val()), (means, layer.neighbours.val())];
            hidden = unit(affine(pairs, Some(layer.bias.val().unsqueeze()), index + 1 < n_layers));
        }
        let places: Vec<i32> = batch.places().iter().map(|&place| place as i32).collect();
        let n_outputs = places.len();
        let places = Tensor::<1, Int>::from_data(TensorData::new(places, [n_outputs]), &hidden.device());
        hidden.select(0, places)
    }

    /// The vectors of `nodes` on the host, row-major, for search and for files.
    ///
    /// # Shapes
    /// - `rows`: one for every node of the graph
    /// - output: `[nodes.len(), d_output]`
    ///
    /// # Panics
    /// As [`forward`](Self::forward) and [`NeighbourSampler::sample`].
    pub fn vectors<G: Adjacency>(
        &self,
        sampler: &NeighbourSampler<G>,
        nodes: &[u32],
        rows: &TowerRows,
    ) -> Vec<f32> {
        let mut vectors = Vec::with_capacity(nodes.len() * self.d_output());
        for nodes in nodes.chunks(BLOCK) {
            // Training counts its epochs from 1.
            let batch = sampler.sample(0, nodes, &[], rows);
            let data = self.forward(&batch, &mut Tape::off()).into_data();
            #[expect(clippy::expect_used, reason = "layers are of f32")]
            vectors.extend(data.try_to_vec::<f32>().expect("vectors of f32"));
        }
        vectors
    }

    /// The size of the vectors.
    pub fn d_output(&self) -> usize {
        self.layers.last().map_or_else(|| self.features.d_output(), |layer| layer.bias.dims()[0])
    }
}

/// Nodes that are embedded at once.
const BLOCK: usize = 1024;

/// The mean of the vectors at the places of each bag, zeros of an empty one.
///
/// # Shapes
/// - `vectors`: `[n, d]`
/// - output: `[bags.n_bags(), d]`
fn mean_of(bags: &JaggedIds, vectors: Tensor<2>) -> Tensor<2> {
    let ([n, d], device) = (vectors.dims(), vectors.device());
    let n_bags = bags.n_bags();
    let longest = (0..n_bags).map(|bag| bags.bag(bag).len()).max().unwrap_or(0);
    if longest == 0 {
        return Tensor::zeros([n_bags, d], &device);
    }
    // One past the last is a row of zeros.
    let mut places = vec![n as i32; n_bags * longest];
    let mut shares = Vec::with_capacity(n_bags);
    for (bag, out) in places.chunks_exact_mut(longest).enumerate() {
        let bag = bags.bag(bag);
        out.iter_mut().zip(bag).for_each(|(out, &place)| *out = place as i32);
        shares.push(1.0 / bag.len().max(1) as f32);
    }
    let places = Tensor::<1, Int>::from_data(TensorData::new(places, [n_bags * longest]), &device);
    let shares = Tensor::<2>::from_data(TensorData::new(shares, [n_bags, 1]), &device);
    let filled = Tensor::cat(vec![vectors, Tensor::zeros([1, d], &device)], 0).select(0, places);
    filled.reshape([n_bags, longest, d]).sum_dim(1).reshape([n_bags, d]) * shares
}

/// Rows over their Euclidean norm. A row of zeros stays, and its gradient is finite.
fn unit(rows: Tensor<2>) -> Tensor<2> {
    let norms = (rows.clone().square().sum_dim(1) + 1e-12).sqrt();
    rows / norms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FieldValues, UNKNOWN};
    use burn_recsys_data::Csr;
    use std::sync::Arc;

    const N: usize = 5;

    fn fields() -> Vec<TowerField> {
        vec![TowerField::categorical("id", 3), TowerField::bag("kinds", 4), TowerField::dense("price", 1)]
    }

    /// Node 3 is new, and next to 0; node 4 is new and next to nobody.
    fn rows() -> TowerRows {
        let kinds = JaggedIds::from_bags(&[vec![0, 1], vec![2], vec![], vec![3], vec![0]]).unwrap();
        let values = vec![
            FieldValues::Codes(vec![0, 1, 2, UNKNOWN, UNKNOWN]),
            FieldValues::Bags(kinds),
            FieldValues::Dense(vec![0.5, -0.3, 1.1, 0.2, -0.7]),
        ];
        TowerRows::new(&fields(), values).unwrap()
    }

    fn graph() -> Arc<Csr> {
        Arc::new(Csr::from_rows([&[1u32, 2][..], &[0, 2], &[0, 1], &[0], &[]]))
    }

    fn model(device: &Device) -> GraphSage {
        GraphSageConfig::new(fields()).with_d_embedding(3).with_widths(vec![4, 2]).with_seed(5).init(device)
    }

    fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    /// Algorithm 1 over all nodes and all neighbours.
    fn by_hand(model: &GraphSage) -> Vec<Vec<f32>> {
        let features = host(model.features.forward(&rows(), &mut Tape::off()));
        let mut hidden: Vec<Vec<f32>> = features.chunks(features.len() / N).map(<[f32]>::to_vec).collect();
        for (index, layer) in model.layers.iter().enumerate() {
            let [own, neighbours] = [&layer.own, &layer.neighbours].map(|weight| host(weight.val()));
            let bias = host(layer.bias.val());
            let d = bias.len();
            let next = (0..N).map(|node| {
                let around = graph().row(node as u32).to_vec();
                let mean = |k: usize| {
                    let sum: f32 = around.iter().map(|&other| hidden[other as usize][k]).sum();
                    sum / around.len().max(1) as f32
                };
                let mut out: Vec<f32> = (0..d)
                    .map(|to| {
                        let inputs = hidden[node].iter().enumerate();
                        let sum: f32 =
                            inputs.map(|(k, x)| x * own[k * d + to] + mean(k) * neighbours[k * d + to]).sum();
                        let linear = sum + bias[to];
                        if index + 1 < model.layers.len() { linear.max(0.0) } else { linear }
                    })
                    .collect();
                let norm = out.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
                out.iter_mut().for_each(|x| *x /= norm);
                out
            });
            hidden = next.collect();
        }
        hidden
    }

    #[test]
    fn vectors_are_those_of_the_algorithm_on_the_whole_graph() {
        let model = model(&Device::default());
        let sampler = NeighbourSampler::new(graph(), vec![10, 10], 0);
        let nodes = [3, 0, 4, 1, 2, 0];
        let actual = model.vectors(&sampler, &nodes, &rows());
        let all = by_hand(&model);
        let expected: Vec<f32> = nodes.iter().flat_map(|&node| all[node as usize].clone()).collect();
        assert!(actual.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{actual:?} {expected:?}");
        assert_eq!(actual.len(), expected.len());
    }

    #[test]
    fn a_new_item_differs_by_its_features_and_its_neighbours() {
        let model = model(&Device::default());
        let vector =
            |graph, node| model.vectors(&NeighbourSampler::new(graph, vec![10, 10], 0), &[node], &rows());
        let alone = Arc::new(Csr::from_rows([&[1u32, 2][..], &[0, 2], &[0, 1], &[], &[]]));
        assert_ne!(vector(graph(), 3), vector(Arc::clone(&alone), 3));
        assert_ne!(vector(Arc::clone(&alone), 3), vector(Arc::clone(&alone), 4));
        assert_eq!(vector(graph(), 4), vector(alone, 4));
    }

    #[test]
    fn gradients_are_finite_with_an_isolated_node_and_reach_every_part() {
        let device = Device::default().autodiff();
        let model = model(&device);
        let sampler = NeighbourSampler::new(graph(), vec![1, 2], 7);
        let mut tape = Tape::new();
        let vectors = model.forward(&sampler.sample(1, &[4, 0, 1, 2, 3], &[], &rows()), &mut tape);
        let target = Tensor::<2>::from_data([[0.3, -0.9]], &device);
        let mut grads = (vectors * target).sum().backward();
        for layer in &model.layers {
            for weight in [&layer.own, &layer.neighbours] {
                let gradient = host(weight.val().grad(&grads).unwrap());
                assert!(gradient.iter().all(|x| x.is_finite()) && gradient.iter().any(|x| *x != 0.0));
            }
        }
        let mut rows = tape.gradients(&mut grads);
        rows.check_finite().unwrap();
    }

    #[test]
    fn a_graph_without_links_has_vectors() {
        let model = model(&Device::default());
        let none = Arc::new(Csr::from_rows([[0u32; 0]; N]));
        let vectors = model.vectors(&NeighbourSampler::new(none, vec![3, 3], 0), &[0, 1], &rows());
        assert!(vectors.iter().all(|x| x.is_finite()));
    }

    #[test]
    #[should_panic(expected = "a batch drawn for 1 layers, the model has 2")]
    fn another_number_of_layers_panics() {
        let sampler = NeighbourSampler::new(graph(), vec![3], 0);
        model(&Device::default()).forward(&sampler.sample(0, &[0], &[], &rows()), &mut Tape::off());
    }
}
