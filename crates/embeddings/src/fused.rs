//! Layers that pass once over each block of rows where a tensor operation after the other would pass several
//! times: for flex, whose tensors lie in host memory.
//!
//! A block fits into the cache of a core. Blocks do not depend on the number of threads, and what is summed
//! over them is summed in their order: the bits are the same for any number of threads.

mod affine;
mod exponential;
mod mix;
mod softmax;
mod sparse;

use std::marker::PhantomData;
use std::sync::Arc;

use burn::backend::GradientCheckpointingStrategy;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::{DType, Tensor, TensorData};
use rayon::prelude::*;

pub(crate) use affine::Affine;
pub(crate) use mix::Mix;
pub(crate) use softmax::Softmax;
pub(crate) use sparse::{MeanOfPowers, SparseProduct};

/// Rows of a block.
const BLOCK: usize = 512;

/// An operation on matrices in host memory.
pub(crate) trait Operation<const N: usize>: std::fmt::Debug + Send + Sync + 'static {
    /// The output for these inputs.
    fn forward(&self, inputs: &[Matrix; N]) -> Matrix;

    /// The gradients of those inputs that `needed` names; `gradient` is that of the output.
    fn backward(
        &self,
        inputs: &[Matrix; N],
        output: &Matrix,
        gradient: Matrix,
        needed: [bool; N],
    ) -> [Option<Matrix>; N];
}

/// The output of `operation`, tracked by autodiff if the inputs are.
///
/// # Errors
/// The inputs, if they are not all `f32` in host memory, all on autodiff or none, without checkpointing.
pub(crate) fn apply<O: Operation<N>, const N: usize>(
    operation: O,
    inputs: [Tensor<2>; N],
) -> Result<Tensor<2>, [Tensor<2>; N]> {
    let strategy = inputs[0].gradient_checkpointing_strategy();
    let fits = |input: &Tensor<2>| {
        crate::rows::is_flex(&input.device())
            && input.dtype() == DType::F32
            && input.gradient_checkpointing_strategy() == strategy
    };
    let is_checkpointed =
        strategy.is_some_and(|strategy| strategy != GradientCheckpointingStrategy::Disabled);
    if is_checkpointed || !inputs.iter().all(fits) {
        return Err(inputs);
    }
    #[expect(clippy::expect_used, reason = "it was looked at above")]
    if strategy.is_none() {
        let inputs =
            inputs.map(|input| Matrix::of(input.try_into_primitive::<Flex>().expect("a tensor of flex")));
        return Ok(Tensor::from_primitive::<Flex>(operation.forward(&inputs).0));
    }
    #[expect(clippy::expect_used, reason = "it was looked at above")]
    let inputs = inputs
        .map(|input| input.try_into_primitive::<Autodiff<Flex>>().expect("a tensor of flex with autodiff"));
    let nodes = inputs.each_ref().map(|input| input.node());
    let inputs = inputs.map(|input| Matrix::of(input.into_primitive()));
    let output = operation.forward(&inputs);
    let step = Step::<O>(PhantomData);
    let output = match step.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(step) => {
            let saved = Saved { operation, inputs, output: output.clone() };
            step.finish(Arc::new(saved), output.0)
        }
        OpsKind::UnTracked(step) => step.finish(output.0),
    };
    Ok(Tensor::from_primitive::<Autodiff<Flex>>(output))
}

/// The way back through an operation.
#[derive(Debug)]
struct Step<O>(PhantomData<O>);

/// What the way back needs.
#[derive(Debug)]
struct Saved<O, const N: usize> {
    operation: O,
    inputs: [Matrix; N],
    output: Matrix,
}

impl<O: Operation<N>, const N: usize> Backward<Flex, N> for Step<O> {
    type State = Arc<Saved<O, N>>;

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let Saved { operation, inputs, output } = &*ops.state;
        let gradient = Matrix::of(grads.consume::<Flex>(&ops.node));
        let needed = ops.parents.each_ref().map(Option::is_some);
        let gradients = operation.backward(inputs, output, gradient, needed);
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<Flex>(parent.id, gradient.0);
            }
        }
    }
}

/// A matrix of `f32` in host memory, row-major.
#[derive(Debug, Clone)]
pub(crate) struct Matrix(FloatTensor<Flex>);

impl Matrix {
    fn of(tensor: FloatTensor<Flex>) -> Self {
        Matrix(tensor.to_contiguous())
    }

    fn new(values: Vec<f32>, dims: [usize; 2]) -> Self {
        Matrix(FloatTensor::<Flex>::from_data(TensorData::new(values, dims)))
    }

    fn dims(&self) -> [usize; 2] {
        self.0.shape().dims()
    }

    fn values(&self) -> &[f32] {
        self.0.as_slice().unwrap_or_default()
    }

    /// The values to change; a copy if something else refers to them.
    fn values_mut(&mut self) -> &mut [f32] {
        let n_values = self.0.shape().num_elements();
        if self.0.storage::<f32>().len() != n_values {
            *self = Matrix::new(self.values().to_vec(), self.dims());
        }
        self.0.storage_mut()
    }

    /// The values of each block of rows.
    fn blocks(&self) -> impl Iterator<Item = &[f32]> {
        self.values().chunks(BLOCK * self.dims()[1].max(1))
    }
}

/// The blocks of rows of `values`, to change.
fn blocks_mut(values: &mut [f32], width: usize) -> impl Iterator<Item = &mut [f32]> {
    values.chunks_mut(BLOCK * width.max(1))
}

/// Does `work` on each block, in parallel where there are several; the results in order.
fn in_parallel<T: Send, R: Send>(blocks: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    match blocks.len() {
        0 | 1 => blocks.into_iter().map(work).collect(),
        _ => blocks.into_par_iter().map(work).collect(),
    }
}

#[cfg(test)]
mod tests;
