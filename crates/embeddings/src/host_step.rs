//! One pass over the touched rows of a table in host memory.

use std::ops::Range;

use burn::grad_clipping::GradientClippingConfig;
use burn::tensor::Tensor;
use rayon::prelude::*;

use crate::gradients::HostGradient;
use crate::kernels::{prefetch, rows_ahead};
use crate::{HostRule, TableRules, rows};

/// Touched rows from which threads share the work.
const PARALLEL_FROM: usize = 2048;

/// What the update of a table in host memory needs.
pub(crate) struct HostStep<'a> {
    pub(crate) rule: HostRule<'a>,
    pub(crate) decay: f32,
    pub(crate) clipping: &'a Option<GradientClippingConfig>,
    pub(crate) rules: TableRules,
    pub(crate) d: usize,
    pub(crate) width: usize,
}

/// Some of the touched rows and the part of the table and of the state that holds them.
struct Task<'a> {
    rows: &'a [(u32, Range<u32>)],
    first_row: usize,
    table: &'a mut [f32],
    states: &'a mut [f32],
}

impl HostStep<'_> {
    /// One pass over the touched rows, in parallel. Every row is changed by one task in one order of
    /// additions, so the bits do not depend on the number of threads.
    pub(crate) fn update(
        &self,
        table: Tensor<2>,
        states: Tensor<2>,
        mut gradient: HostGradient<'_>,
    ) -> (Tensor<2>, Tensor<2>) {
        // In the order of memory, so that the table can be cut into tasks.
        gradient.rows.sort_unstable_by_key(|(row, _)| *row);
        let gradient = &gradient;
        let scale = self.clip_scale(gradient);
        let run = |table: &mut [f32], states: &mut [f32]| {
            let tasks = self.tasks(table, states, gradient);
            // Few rows are done before another thread has woken up.
            match gradient.rows.len() < PARALLEL_FROM {
                true => tasks.into_iter().for_each(|task| self.run(task, gradient, scale)),
                false => tasks.into_par_iter().for_each(|task| self.run(task, gradient, scale)),
            }
        };
        if self.width == 0 {
            return (rows::write(table, |table| run(table, &mut [])), states);
        }
        let mut table = Some(table);
        let states = rows::write(states, |states| {
            table = table.take().map(|table| rows::write(table, |table| run(table, states)));
        });
        #[expect(clippy::expect_used, reason = "it was put back")]
        (table.expect("the table"), states)
    }

    /// Cuts table and state where runs of rows end.
    fn tasks<'b>(
        &self,
        mut table: &'b mut [f32],
        mut states: &'b mut [f32],
        gradient: &'b HostGradient<'_>,
    ) -> Vec<Task<'b>> {
        const ROWS_A_TASK: usize = 256;
        let mut first_row = 0;
        let mut tasks = Vec::new();
        for rows in gradient.rows.chunks(ROWS_A_TASK) {
            let Some((last, _)) = rows.last() else { break };
            let n_rows = *last as usize + 1 - first_row;
            let (of_task, rest) = table.split_at_mut(n_rows * self.d);
            let (states_of_task, states_rest) = states.split_at_mut(n_rows * self.width);
            tasks.push(Task { rows, first_row, table: of_task, states: states_of_task });
            (table, states, first_row) = (rest, states_rest, *last as usize + 1);
        }
        tasks
    }

    fn run(&self, task: Task<'_>, gradient: &HostGradient<'_>, scale: f32) {
        let Task { rows, first_row, table, states } = task;
        let mut sum = vec![0.0; self.d];
        let n_ahead = rows_ahead(self.d);
        for (index, (row, positions)) in rows.iter().enumerate() {
            if let Some((row, _)) = rows.get(index + n_ahead) {
                let at = *row as usize - first_row;
                prefetch(&table[at * self.d..][..self.d]);
                prefetch(&states[at * self.width..][..self.width]);
            }
            gradient.sum_into(positions.clone(), &mut sum);
            match self.clipping {
                Some(GradientClippingConfig::Value(bound)) => {
                    sum.iter_mut().for_each(|value| *value = value.clamp(-bound, *bound));
                }
                Some(GradientClippingConfig::Norm(_)) => sum.iter_mut().for_each(|value| *value *= scale),
                None => {}
            }
            let at = *row as usize - first_row;
            let row = &mut table[at * self.d..][..self.d];
            if self.decay != 0.0 {
                row.iter_mut().for_each(|value| *value -= self.decay * *value);
            }
            (self.rule)(&sum, &mut states[at * self.width..][..self.width], row);
            self.rules.shorten(row);
        }
    }

    /// What the gradient is multiplied by so that its norm is not too large.
    fn clip_scale(&self, gradient: &HostGradient<'_>) -> f32 {
        let Some(GradientClippingConfig::Norm(max_norm)) = self.clipping else { return 1.0 };
        // Summed in a fixed order, whatever the number of threads.
        let squares: Vec<f64> = gradient
            .rows
            .par_chunks(256)
            .map(|rows| {
                let mut sum = vec![0.0f32; self.d];
                let square = |(_, positions): &(u32, Range<u32>)| {
                    gradient.sum_into(positions.clone(), &mut sum);
                    sum.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>()
                };
                rows.iter().map(square).sum()
            })
            .collect();
        let norm = squares.iter().sum::<f64>().sqrt();
        (f64::from(*max_norm) / norm.max(f64::MIN_POSITIVE)).min(1.0) as f32
    }
}
