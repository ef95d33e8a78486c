//! The formulas of the estimator in plain Rust and double precision.

use burn::nn::Linear;
use burn::tensor::Tensor;
use burn_recsys_embeddings::EmbeddingTable;
use burn_recsys_models::{
    Cohort, CrossDecoupled, DeepHash, EstimatorInputs, Heads, IdLookup, ItemRepresentation, Mixture,
    MultiTaskEstimator, TwoBranch, UserRepresentation,
};

/// `[n_rows, width]`
pub(crate) type Rows = Vec<Vec<f64>>;

/// The vectors of ids and features.
pub(crate) trait Reference {
    fn vectors(&self, ids: &[u64], features: &Rows) -> Rows;
}

pub(crate) fn rows(tensor: Tensor<2>) -> Rows {
    let [n_rows, width] = tensor.dims();
    let values: Vec<f32> = tensor.into_data().try_to_vec().expect("f32 values");
    let row = |row: usize| values[row * width..][..width].iter().map(|&x| f64::from(x)).collect();
    (0..n_rows).map(row).collect()
}

fn linear(layer: &Linear, input: &Rows) -> Rows {
    let weight = rows(layer.weight.val());
    let bias = layer.bias.as_ref().map(|bias| rows(bias.val().unsqueeze()).remove(0));
    let output = |row: &Vec<f64>, column: usize| {
        let product: f64 = row.iter().zip(&weight).map(|(x, weights)| x * weights[column]).sum();
        product + bias.as_ref().map_or(0.0, |bias| bias[column])
    };
    input.iter().map(|row| (0..weight[0].len()).map(|column| output(row, column)).collect()).collect()
}

fn relu(rows: &Rows) -> Rows {
    rows.iter().map(|row| row.iter().map(|x| x.max(0.0)).collect()).collect()
}

pub(crate) fn stack(layers: &[Linear], input: &Rows) -> Rows {
    let mut hidden = input.clone();
    for (index, layer) in layers.iter().enumerate() {
        hidden = linear(layer, &if index == 0 { hidden } else { relu(&hidden) });
    }
    hidden
}

fn softmax(rows: &Rows) -> Rows {
    let of_row = |row: &Vec<f64>| -> Vec<f64> {
        let powers: Vec<f64> = row.iter().map(|x| x.exp()).collect();
        powers.iter().map(|power| power / powers.iter().sum::<f64>()).collect()
    };
    rows.iter().map(of_row).collect()
}

/// Of each row the sum of `weights[expert] * experts[expert]`.
pub(crate) fn weigh(weights: &Rows, experts: &[Rows]) -> Rows {
    let value = |row: usize, column: usize| -> f64 {
        experts.iter().zip(&weights[row]).map(|(expert, weight)| weight * expert[row][column]).sum()
    };
    let width = experts[0].first().map_or(0, Vec::len);
    (0..weights.len()).map(|row| (0..width).map(|column| value(row, column)).collect()).collect()
}

fn columns(rows: &Rows, columns: &[usize]) -> Rows {
    rows.iter().map(|row| columns.iter().map(|&column| row[column]).collect()).collect()
}

fn lookup(table: &EmbeddingTable, ids: &[u64]) -> Rows {
    let all = rows(table.weight.val());
    ids.iter().map(|&id| all[id as usize].clone()).collect()
}

impl Reference for IdLookup {
    fn vectors(&self, ids: &[u64], _features: &Rows) -> Rows {
        lookup(&self.embedding, ids)
    }
}

impl Reference for DeepHash {
    fn vectors(&self, ids: &[u64], _features: &Rows) -> Rows {
        let codes = self.encoder().encode(ids);
        let codes = codes.chunks(self.encoder().n_hashes());
        stack(&self.stack, &codes.map(|code| code.iter().map(|&x| f64::from(x)).collect()).collect())
    }
}

impl Reference for Cohort {
    fn vectors(&self, _ids: &[u64], features: &Rows) -> Rows {
        let weights = softmax(&stack(&self.addressing.addressing, features));
        let of_cohort = |cohort: Vec<f64>| vec![cohort; features.len()];
        let cohorts: Vec<Rows> = rows(self.addressing.cohorts.val()).into_iter().map(of_cohort).collect();
        stack(&self.addressing.decoder, &weigh(&weights, &cohorts))
    }
}

/// With the original gate, without a hidden layer.
impl Reference for Mixture<(IdLookup, Cohort)> {
    fn vectors(&self, ids: &[u64], features: &Rows) -> Rows {
        let weights = softmax(&relu(&linear(&self.gate.hidden, features)));
        weigh(&weights, &[self.experts.0.vectors(ids, features), self.experts.1.vectors(ids, features)])
    }
}

/// With column 1 as the frequency.
impl Reference for CrossDecoupled {
    fn vectors(&self, ids: &[u64], features: &Rows) -> Rows {
        let others: Vec<usize> = (0..features[0].len()).filter(|&column| column != 1).collect();
        let weights = softmax(&linear(&self.gate, &columns(features, &[1])));
        let memorised = stack(&self.memorisation, &lookup(&self.ids, ids));
        weigh(&weights, &[memorised, stack(&self.generalisation, &columns(features, &others))])
    }
}

impl<R: Reference + UserRepresentation> Reference for TwoBranch<R> {
    fn vectors(&self, ids: &[u64], features: &Rows) -> Rows {
        stack(&self.main, &self.base.vectors(ids, features))
    }
}

fn heads(heads: &Heads, input: &Rows) -> Rows {
    let hidden: Vec<Rows> = heads.hidden.iter().map(|layers| relu(&stack(layers, input))).collect();
    let towers = heads.towers.iter().enumerate().map(|(task, tower)| match heads.gates.get(task) {
        Some(gate) => stack(tower, &weigh(&softmax(&linear(gate, input)), &hidden)),
        None => stack(tower, hidden.first().unwrap_or(input)),
    });
    beside(&towers.collect::<Vec<_>>())
}

fn beside(parts: &[Rows]) -> Rows {
    let row = |row: usize| parts.iter().flat_map(|part| part[row].clone()).collect();
    (0..parts[0].len()).map(row).collect()
}

/// The logits of an estimator without positions.
pub(crate) fn logits<R: Reference + UserRepresentation, I: Reference + ItemRepresentation>(
    model: &MultiTaskEstimator<R, I>,
    inputs: &EstimatorInputs,
) -> Rows {
    let users = model.users.vectors(&inputs.user_ids, &rows(inputs.user_features.clone()));
    logits_of_users(model, users, inputs)
}

pub(crate) fn logits_of_users<R: UserRepresentation, I: Reference + ItemRepresentation>(
    model: &MultiTaskEstimator<R, I>,
    users: Rows,
    inputs: &EstimatorInputs,
) -> Rows {
    let item_features = rows(inputs.item_features.clone());
    let mut parts = vec![users];
    let layer = |layer: &Option<Linear>, features: Tensor<2>| {
        layer.as_ref().map(|layer| linear(layer, &rows(features)))
    };
    parts.extend(layer(&model.user_features, inputs.user_features.clone()));
    parts.push(model.items.vectors(&inputs.item_ids, &item_features));
    parts.extend(layer(&model.item_features, inputs.item_features.clone()));
    parts.extend(layer(&model.cross_features, inputs.cross_features.clone()));
    heads(&model.heads, &beside(&parts))
}

/// The mean binary cross-entropy over rows and tasks.
pub(crate) fn loss(logits: &Rows, labels: &[f32]) -> f64 {
    let terms = logits.iter().flatten().zip(labels);
    let sum: f64 = terms.map(|(&x, &label)| (1.0 + x.exp()).ln() - x * f64::from(label)).sum();
    sum / labels.len() as f64
}

pub(crate) fn assert_close(actual: Tensor<2>, expected: &Rows) {
    assert_eq!(actual.dims(), [expected.len(), expected[0].len()]);
    for (index, (actual, expected)) in
        rows(actual).into_iter().flatten().zip(expected.iter().flatten()).enumerate()
    {
        let is_close = (actual - expected).abs() < 1e-5 * (1.0 + expected.abs());
        assert!(is_close, "value {index}: {actual}, expected {expected}");
    }
}
