//! A GraphSAGE from a graph and what is known of its nodes.

use std::sync::Arc;

use burn::optim::AdamConfig;
use burn::tensor::Device;
use burn_recsys_embeddings::{LazyAdam, SparseOptimizer};
use burn_recsys_models::{
    Adjacency, GraphSage, GraphSageConfig, NeighbourSampler, RetrievalLoss, TowerField, TowerRows,
};
use serde::{Deserialize, Serialize};

use crate::{EpochRecord, Error, FitConfig, GraphSageTask, Optimizers, Progress, Result, TrainState, fit};

/// How a [`GraphSage`] is made and trained by [`fit_graph_sage`], as users write it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GraphSageTraining {
    /// The size of the vectors of categories. Default: 32.
    pub d_embedding: usize,
    /// The size of what each layer gives; as many as there are fan-outs. Default: 64, 64.
    pub widths: Vec<usize>,
    /// The most neighbours drawn of a node, from the nodes in question outwards. Time grows with their product.
    /// Default: 10, 5.
    pub fan_outs: Vec<usize>,
    /// What is learned by; logits are cosines. Default: softmax of temperature 0.1.
    pub loss: RetrievalLoss,
    /// Negatives of a batch, shared by its rows. Default: 256.
    pub n_negatives: usize,
    /// Links that a step learns from. Default: 512.
    pub batch_size: usize,
    /// The learning rate of Adam in the first epoch; it falls linearly, to 0 after the last one. Default: 0.003.
    pub learning_rate: f64,
    /// How often every link is visited. Default: 10.
    pub n_epochs: u64,
}

impl Default for GraphSageTraining {
    fn default() -> Self {
        GraphSageTraining {
            d_embedding: 32,
            widths: vec![64, 64],
            fan_outs: vec![10, 5],
            loss: RetrievalLoss::Softmax { temperature: 0.1 },
            n_negatives: 256,
            batch_size: 512,
            learning_rate: 0.003,
            n_epochs: 10,
        }
    }
}

/// A trained [`GraphSage`] and how it came to be.
#[derive(Debug)]
pub struct FittedGraphSage<G> {
    /// The model.
    pub model: GraphSage,
    /// The neighbourhoods that it reads.
    pub sampler: NeighbourSampler<G>,
    /// The epochs that made the model.
    pub fit: Vec<EpochRecord>,
}

impl GraphSageTraining {
    /// Checks every value.
    ///
    /// # Errors
    /// The first impossible one, with its key.
    pub fn validate(&self) -> Result<()> {
        let refuse = |key, message: String| Err(Error::Config { key, message });
        let sizes = [
            ("d_embedding", &[self.d_embedding][..]),
            ("widths", &self.widths),
            ("fan_outs", &self.fan_outs),
            ("n_negatives", &[self.n_negatives]),
            ("batch_size", &[self.batch_size]),
        ];
        for (key, sizes) in sizes {
            if let Some(size) = sizes.iter().find(|size| !(1..=1 << 24).contains(*size)) {
                return refuse(key, format!("{size}; must be 1 to {}", 1 << 24));
            }
        }
        let (n_widths, n_fan_outs) = (self.widths.len(), self.fan_outs.len());
        if n_widths == 0 || n_widths != n_fan_outs {
            return refuse(
                "widths",
                format!("{n_widths} for {n_fan_outs} fan_outs; one each, and at least 1"),
            );
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return refuse("learning_rate", format!("{}; must be a positive number", self.learning_rate));
        }
        if self.n_epochs == 0 {
            return refuse("n_epochs", "0; must be at least 1".into());
        }
        self.loss.validate().map_err(|error| Error::Config { key: "loss", message: error.to_string() })
    }
}

/// Trains a [`GraphSage`] to predict `links` between nodes of `graph`, of which `rows` says what is known.
///
/// # Shapes
/// - `rows`: one for every node of the graph, of the fields `fields`
///
/// # Errors
/// If the configuration is not valid, there is no link or one of a node that is not in the graph, the rows are
/// not as many as its nodes, the loss becomes NaN or infinite, or `progress` asks to stop.
///
/// # Panics
/// If the rows are not of these fields, or the fields are not ones that [`GraphSageConfig::init`] takes.
#[expect(
    clippy::too_many_arguments,
    reason = "data, configuration and surroundings, none of which hold another"
)]
pub fn fit_graph_sage<G: Adjacency>(
    config: &GraphSageTraining,
    graph: Arc<G>,
    fields: &[TowerField],
    rows: Arc<TowerRows>,
    links: Vec<[u32; 2]>,
    seed: u64,
    device: &Device,
    progress: &mut dyn Progress<GraphSage>,
) -> Result<FittedGraphSage<G>> {
    let task = GraphSageTask::new(graph, rows, links, config, seed)?;
    let device = device.clone().autodiff();
    let model = GraphSageConfig::new(fields.to_vec())
        .with_d_embedding(config.d_embedding)
        .with_widths(config.widths.clone())
        .with_seed(seed)
        .init(&device);
    let optimizers = Optimizers {
        sparse: SparseOptimizer::new(Box::new(LazyAdam::default())),
        dense: AdamConfig::new().init(),
    };
    let mut state = TrainState { model, optimizers, history: Vec::new() };
    for epoch in 0..config.n_epochs {
        let learning_rate = config.learning_rate * (1.0 - epoch as f64 / config.n_epochs as f64);
        let epoch =
            FitConfig { n_epochs: epoch + 1, learning_rate, patience: None, seed, ..FitConfig::default() };
        state = fit(&task, None, state, &epoch, &device, progress)?;
    }
    let TrainState { model, history, .. } = state;
    Ok(FittedGraphSage { model, sampler: task.sampler().clone(), fit: history })
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_recsys_data::Csr;
    use burn_recsys_data::random::{Random, Stream};
    use burn_recsys_metrics::pointwise::{Auc, PointwiseMetric, Predictions};
    use burn_recsys_models::{FieldValues, UNKNOWN};

    const N: u32 = 120;
    const N_KINDS: u32 = 4;
    /// Nodes from here on are new: they are in no link of training, and have no neighbours.
    const N_WARM: u32 = 100;

    /// Nodes of a kind are linked; a price tells kinds apart two by two, a category in four of five cases.
    fn world() -> (Csr, Vec<TowerField>, TowerRows, Vec<[u32; 2]>) {
        let random = Random::new(7, Stream::Synthetic, 0);
        let kind = |node: u32| node % N_KINDS;
        let mut links = Vec::new();
        for node in 0..N_WARM {
            let mut draws = random.row(node.into());
            for _ in 0..4 {
                let other = draws.below(N_WARM / N_KINDS) * N_KINDS + kind(node);
                if other != node {
                    links.extend([[node, other], [other, node]]);
                }
            }
        }
        let from: Vec<u32> = links.iter().map(|link| link[0]).collect();
        let graph =
            Csr::group(N as usize, &from, links.iter().map(|link| link[1]).collect::<Vec<_>>().into_iter());
        let fields = vec![
            TowerField::categorical("id", N_WARM as usize),
            TowerField::categorical("brand", 2 * N_KINDS as usize),
            TowerField::dense("price", 1),
        ];
        let of_nodes = |of: &dyn Fn(u32) -> u32| (0..N).map(of).collect::<Vec<u32>>();
        let brand = |node: u32| {
            let mut draws = random.row(u64::from(N + node));
            if draws.below(5) == 0 { draws.below(2 * N_KINDS) } else { 2 * kind(node) + draws.below(2) }
        };
        let values = vec![
            FieldValues::Codes(of_nodes(&|node| if node < N_WARM { node } else { UNKNOWN })),
            FieldValues::Codes(of_nodes(&brand)),
            FieldValues::Dense((0..N).map(|node| (kind(node) / 2) as f32 - 0.5).collect()),
        ];
        let rows = TowerRows::new(&fields, values).unwrap();
        (graph.sorted_unique(), fields, rows, links)
    }

    fn config() -> GraphSageTraining {
        GraphSageTraining {
            d_embedding: 8,
            widths: vec![16, 16],
            n_negatives: 40,
            batch_size: 64,
            learning_rate: 0.01,
            n_epochs: 6,
            ..GraphSageTraining::default()
        }
    }

    fn fitted(config: &GraphSageTraining) -> Vec<f32> {
        let (graph, fields, rows, links) = world();
        let rows = Arc::new(rows);
        let device = Device::default();
        let fitted =
            fit_graph_sage(config, Arc::new(graph), &fields, Arc::clone(&rows), links, 5, &device, &mut ());
        let fitted = fitted.unwrap();
        let all: Vec<u32> = (0..N).collect();
        fitted.model.vectors(&fitted.sampler, &all, &rows)
    }

    #[test]
    fn links_of_new_items_are_found_by_their_features() {
        let vectors = fitted(&config());
        let vector = |node: u32| &vectors[node as usize * 16..][..16];
        let (mut scores, mut labels) = (Vec::new(), Vec::new());
        for new in N_WARM..N {
            for known in 0..N_WARM {
                let score: f32 = vector(new).iter().zip(vector(known)).map(|(a, b)| a * b).sum();
                scores.push(score);
                labels.push(new % N_KINDS == known % N_KINDS);
            }
        }
        let auc = Auc.measure(&Predictions::new(&scores, &labels).unwrap()).unwrap().unwrap();
        assert!(auc > 0.7, "AUC {auc}");
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads() {
        let config = GraphSageTraining { n_epochs: 1, ..config() };
        let vectors = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| fitted(&config))
        };
        assert_eq!(vectors(1), vectors(3));
    }

    #[test]
    fn impossible_values_are_refused_with_their_key() {
        let message = |config: GraphSageTraining| config.validate().unwrap_err().to_string();
        assert!(
            message(GraphSageTraining { widths: vec![4], ..config() }).contains("widths: 1 for 2 fan_outs")
        );
        assert!(message(GraphSageTraining { fan_outs: vec![4, 0], ..config() }).contains("fan_outs: 0"));
        assert!(message(GraphSageTraining { n_epochs: 0, ..config() }).contains("n_epochs"));
    }
}
