//! From what is known of a row to a logit for each task.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::{Device, Tensor};
use burn_recsys_embeddings::dense::{
    forward_layer, forward_stack, seeded_linear, seeded_stack, softmax, weighted_sum,
};

use super::row::Row;
use crate::streams;

/// Configuration of the [`Heads`] of an estimator. The default is the original form: one linear layer.
#[derive(Config, Debug)]
pub struct HeadsConfig {
    /// The widths of hidden layers that all tasks share; with `n_experts`, of each expert.
    #[config(default = "Vec::new()")]
    pub hidden: Vec<usize>,
    /// The widths of hidden layers of each task's own tower. Where there are none, and no experts, one
    /// linear layer gives all logits.
    #[config(default = "Vec::new()")]
    pub tower: Vec<usize>,
    /// The number of experts of a multi-gate mixture (Ma et al. 2018); 0 for none. Each task has a gate
    /// that weighs the experts by the row.
    #[config(default = 0)]
    pub n_experts: usize,
    /// The probability that a hidden unit that all tasks share is dropped while training, in `0..1`.
    #[config(default = 0.0)]
    pub dropout: f64,
}

/// Layers that turn the description of a row into a logit for each task. Made by [`HeadsConfig::init`].
#[derive(Module, Debug)]
pub struct Heads {
    /// Hidden stacks, a ReLU after every layer: one that all tasks share, or one for each expert; none
    /// in the original form.
    pub hidden: Vec<Vec<Linear>>,
    /// Of the last hidden units.
    pub dropout: Dropout,
    /// A layer of each task that weighs the experts; none without experts.
    pub gates: Vec<Linear>,
    /// A stack for each task with one output, or one stack with an output for each task.
    pub towers: Vec<Vec<Linear>>,
}

impl HeadsConfig {
    /// Fresh heads for descriptions of width `d_input`; their values are a pure function of the
    /// configuration and `seed`.
    ///
    /// # Panics
    /// If a width is 0, experts have no hidden layer, or the dropout is not in `0..1`.
    pub fn init(&self, d_input: usize, n_tasks: usize, seed: u64, device: &Device) -> Heads {
        let HeadsConfig { hidden, tower, n_experts, .. } = self;
        assert!(
            d_input > 0 && n_tasks > 0 && hidden.iter().chain(tower).all(|&width| width > 0),
            "heads need positive widths; asked for {d_input}, hidden {hidden:?}, tower {tower:?}, {n_tasks} \
             tasks"
        );
        assert!(
            *n_experts == 0 || !hidden.is_empty(),
            "{n_experts} experts without a hidden layer; give the widths of an expert's layers as `hidden`"
        );
        let n_stacks = if hidden.is_empty() { 0 } else { (*n_experts).max(1) };
        let widths = [&[d_input], &hidden[..]].concat();
        // Every stack has 2^16 streams of its own: a layer more changes no other first value.
        let stream = |kind: usize, stack: usize| streams::HEADS[kind] + ((stack as u64) << 16);
        let stacks =
            (0..n_stacks).map(|stack| seeded_stack(&widths, seed, stream(0, stack), device)).collect();
        let n_gates = if *n_experts > 0 { n_tasks } else { 0 };
        let gates = (0..n_gates)
            .map(|task| seeded_linear(d_input, *n_experts, seed, stream(1, task), device))
            .collect();
        let d_hidden = hidden.last().copied().unwrap_or(d_input);
        // One matrix product for all tasks where they have nothing of their own.
        let (n_towers, d_output) =
            if tower.is_empty() && *n_experts == 0 { (1, n_tasks) } else { (n_tasks, 1) };
        let widths = [&[d_hidden], &tower[..], &[d_output]].concat();
        let towers = (0..n_towers).map(|task| seeded_stack(&widths, seed, stream(2, task), device)).collect();
        let dropout = DropoutConfig::new(self.dropout).init();
        Heads { hidden: stacks, dropout, gates, towers }
    }
}

impl Heads {
    /// The logits of rows.
    ///
    /// # Shapes
    /// - `rows`: `[batch, d_input]`
    /// - output: `[batch, n_tasks]`
    ///
    /// # Panics
    /// If `rows` has another width.
    pub fn forward(&self, rows: Tensor<2>) -> Tensor<2> {
        self.forward_row(&Row::from(rows))
    }

    /// As [`forward`](Self::forward), of a description whose parts may not be multiplied out.
    pub(crate) fn forward_row(&self, row: &Row<'_>) -> Tensor<2> {
        // A stack has one layer or more.
        let hidden = |layers: &Vec<Linear>| {
            let first = row.through(&layers[0], true);
            let hidden = layers[1..].iter().fold(first, |rows, layer| forward_layer(layer, rows, true));
            self.dropout.forward(hidden)
        };
        let hidden: Vec<Tensor<2>> = self.hidden.iter().map(hidden).collect();
        let tower = |layers: &Vec<Linear>| match hidden.first() {
            Some(shared) => forward_stack(layers, shared.clone()),
            None => forward_stack(&layers[1..], row.through(&layers[0], layers.len() > 1)),
        };
        let logits: Vec<Tensor<2>> = match self.gates.is_empty() {
            true => self.towers.iter().map(tower).collect(),
            false => {
                let tasks = self.gates.iter().zip(&self.towers);
                tasks
                    .map(|(gate, tower)| {
                        forward_stack(tower, weighted_sum(&hidden, softmax(row.through(gate, false), 1.0)))
                    })
                    .collect()
            }
        };
        if logits.len() == 1 { logits[0].clone() } else { Tensor::cat(logits, 1) }
    }

    /// The number of columns of all layers that read the description.
    pub(crate) fn d_first(&self) -> usize {
        let stacks = if self.hidden.is_empty() { &self.towers } else { &self.hidden };
        let first = stacks.iter().filter_map(|layers| layers.first()).chain(&self.gates);
        first.map(|layer| layer.weight.lazy_shape()[1]).sum()
    }

    /// The number of tasks.
    pub fn n_tasks(&self) -> usize {
        match self.towers.as_slice() {
            [only] => only.last().map_or(0, |layer| layer.weight.lazy_shape()[1]),
            towers => towers.len(),
        }
    }

    /// The device of the layers.
    pub fn device(&self) -> Device {
        let first = self.towers.iter().flatten().next();
        first.map_or_else(Device::default, |layer| layer.weight.lazy_device())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Distribution, TensorData};

    fn values(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn every_form_gives_a_logit_for_each_task() {
        let device = Device::default();
        let rows = Tensor::random([5, 7], Distribution::Default, &device);
        let with = |hidden: &[usize], tower: &[usize], n_experts| {
            HeadsConfig::new()
                .with_hidden(hidden.to_vec())
                .with_tower(tower.to_vec())
                .with_n_experts(n_experts)
                .init(7, 3, 1, &device)
        };
        for heads in [with(&[], &[], 0), with(&[4], &[], 0), with(&[], &[2], 0), with(&[4], &[2], 0)] {
            assert_eq!((heads.forward(rows.clone()).dims(), heads.n_tasks()), ([5, 3], 3));
            assert!(heads.gates.is_empty());
        }
        let heads = with(&[4, 4], &[2], 6);
        assert_eq!((heads.forward(rows.clone()).dims(), heads.n_tasks()), ([5, 3], 3));
        assert_eq!((heads.hidden.len(), heads.gates.len(), heads.towers.len()), (6, 3, 3));
        assert_eq!(with(&[4], &[], 1).forward(rows).dims(), [5, 3]);
    }

    #[test]
    fn a_gate_weighs_its_experts_for_its_task_only() {
        let device = Device::default();
        let row = |values: &[f32]| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), [1, values.len()]), &device)
        };
        let config = HeadsConfig::new().with_hidden(vec![2]).with_n_experts(2);
        let mut heads = config.init(2, 2, 3, &device);
        let set = |layer: &mut Linear, weight: [[f32; 2]; 2], bias: [f32; 2]| {
            layer.weight = burn::module::Param::from_data(weight, &device);
            layer.bias = Some(burn::module::Param::from_data(bias, &device));
        };
        // Expert 0 repeats the row, expert 1 doubles it.
        set(&mut heads.hidden[0][0], [[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]);
        set(&mut heads.hidden[1][0], [[2.0, 0.0], [0.0, 2.0]], [0.0, 0.0]);
        // Task 0 trusts expert 0 with 3/4, task 1 with 1/2.
        set(&mut heads.gates[0], [[0.0, 0.0], [0.0, 0.0]], [3f32.ln(), 0.0]);
        set(&mut heads.gates[1], [[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0]);
        for tower in &mut heads.towers {
            tower[0].weight = burn::module::Param::from_data([[1.0], [10.0]], &device);
            tower[0].bias = None;
        }
        let logits = values(heads.forward(row(&[1.0, 2.0])));
        assert!(
            (logits[0] - 1.25 * 21.0).abs() < 1e-4 && (logits[1] - 1.5 * 21.0).abs() < 1e-4,
            "{logits:?}"
        );
    }

    #[test]
    #[should_panic(expected = "4 experts without a hidden layer")]
    fn experts_need_layers() {
        HeadsConfig::new().with_n_experts(4).init(2, 1, 0, &Device::default());
    }
}
