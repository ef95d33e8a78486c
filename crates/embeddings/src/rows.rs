//! Reading and writing rows of a table, on each backend the way that is fast there.
//!
//! - flex keeps tensors in host memory, so rows are read and written in place by plain loops.
//! - On CubeCL `select_assign` starts one thread a column; `scatter_nd` starts one an element, and is
//!   free of races because rows are distinct.
//! - On libtorch `select_assign` copies the table first; its own in-place operations do not.

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};

/// What a backend does best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The values lie in host memory.
    #[cfg(feature = "flex")]
    Host,
    /// Any runtime of CubeCL.
    #[cfg(any(feature = "wgpu", feature = "vulkan", feature = "cuda"))]
    Cube,
    #[cfg(feature = "tch")]
    Torch,
    Other,
}

impl Kind {
    fn of(device: &Device) -> Self {
        use burn::backend::DispatchDevice;
        match device.clone().without_autodiff().as_dispatch() {
            #[cfg(feature = "flex")]
            DispatchDevice::Flex(_) => Kind::Host,
            #[cfg(any(feature = "wgpu", feature = "vulkan", feature = "cuda"))]
            DispatchDevice::Cube(_) => Kind::Cube,
            #[cfg(feature = "tch")]
            DispatchDevice::LibTorch(_) => Kind::Torch,
            #[allow(unreachable_patterns, reason = "with one backend there is nothing else")]
            _ => Kind::Other,
        }
    }
}

/// Whether tensors of `device` lie in host memory and are those of flex.
#[cfg(feature = "flex")]
pub(crate) fn is_flex(device: &Device) -> bool {
    Kind::of(device) == Kind::Host
}

/// Gives `read` the values of `tensor`, row-major, if they lie in host memory as `f32`.
pub(crate) fn read<R>(tensor: &Tensor<2>, read: impl FnOnce(&[f32]) -> R) -> Option<R> {
    #[cfg(feature = "flex")]
    if Kind::of(&tensor.device()) == Kind::Host {
        let tensor = tensor.clone().without_autodiff();
        let primitive = tensor.try_into_primitive::<burn::backend::Flex>().ok()?;
        return primitive.as_slice::<f32>().map(read);
    }
    let _ = (tensor, read);
    None
}

/// Gives `write` the values of `tensor`, row-major, to change in place. The tensor must be
/// [on the host](is_on_host); otherwise nothing is done.
pub(crate) fn write(tensor: Tensor<2>, write: impl FnOnce(&mut [f32])) -> Tensor<2> {
    #[cfg(feature = "flex")]
    if is_on_host(&tensor) {
        use burn::backend::Flex;
        if let Ok(mut primitive) = tensor.clone().try_into_primitive::<Flex>() {
            // The second reference would force a copy.
            drop(tensor);
            write(primitive.storage_mut::<f32>());
            return Tensor::from_primitive::<Flex>(primitive);
        }
    }
    let _ = write;
    tensor
}

/// Whether [`write`] would find the values of `tensor`: a buffer of `f32` in host memory and nothing
/// else in it.
pub(crate) fn is_on_host(tensor: &Tensor<2>) -> bool {
    #[cfg(feature = "flex")]
    if Kind::of(&tensor.device()) == Kind::Host {
        let n_values = tensor.shape().num_elements();
        let primitive = tensor.clone().without_autodiff().try_into_primitive::<burn::backend::Flex>();
        return primitive.is_ok_and(|primitive| {
            primitive.as_slice::<f32>().is_some() && primitive.storage::<f32>().len() == n_values
        });
    }
    let _ = tensor;
    false
}

/// Replaces the rows `rows` of `table`, which are distinct, by `values`.
///
/// # Shapes
/// - `table`: `[n_rows, d]`
/// - `rows`: `[n]`
/// - `values`: `[n, d]`
pub(crate) fn assign(table: Tensor<2>, rows: Tensor<1, Int>, values: Tensor<2>) -> Tensor<2> {
    update(table, rows, values, IndexingUpdateOp::Assign)
}

/// Adds `values` to the rows `rows` of `table`, which are distinct.
///
/// # Shapes
/// As [`assign`].
pub(crate) fn add(table: Tensor<2>, rows: Tensor<1, Int>, values: Tensor<2>) -> Tensor<2> {
    update(table, rows, values, IndexingUpdateOp::Add)
}

fn update(table: Tensor<2>, rows: Tensor<1, Int>, values: Tensor<2>, op: IndexingUpdateOp) -> Tensor<2> {
    match Kind::of(&table.device()) {
        #[cfg(any(feature = "wgpu", feature = "vulkan", feature = "cuda"))]
        Kind::Cube => {
            let n = rows.dims()[0];
            table.scatter_nd::<2, 2>(rows.reshape([n, 1]), values, op)
        }
        #[cfg(feature = "tch")]
        Kind::Torch => torch::update(table, rows, values, op),
        _ => table.select_assign(0, rows, values, op),
    }
}

/// Sums the rows of `values` that go to the same output row.
///
/// The order of the additions is fixed: on one device the same bits every time.
///
/// # Shapes
/// - `values`: `[n, d]`
/// - `to`: `[n]`, each below `n_out`
/// - output: `[n_out, d]`; zero where nothing goes
pub(crate) fn segment_sum(values: Tensor<2>, to: &[u32], n_out: usize) -> Tensor<2> {
    let device = values.device();
    let [_, d] = values.dims();
    #[cfg(any(feature = "wgpu", feature = "vulkan", feature = "cuda"))]
    if Kind::of(&device) == Kind::Cube {
        return tree_sum(values, to, n_out);
    }
    Tensor::zeros([n_out, d], &device).select_assign(0, indices(to, &device), values, IndexingUpdateOp::Add)
}

/// As [`segment_sum`], by adding neighbours of a segment in pairs until one is left: logarithmically
/// many steps in the size of the largest segment, each with a thread an element and without races.
#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "cuda"))]
fn tree_sum(values: Tensor<2>, to: &[u32], n_out: usize) -> Tensor<2> {
    let device = values.device();
    let [n, d] = values.dims();
    let (mut offsets, order) = group(to, n_out);
    // One row of zeros at the end stands for "nothing".
    let mut zero = n as u32;
    let mut sums = Tensor::cat(vec![values, Tensor::zeros([1, d], &device)], 0);
    // Which rows of `sums` belong to a segment.
    let mut members = order;
    loop {
        let largest = offsets.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        if largest <= 1 {
            let last: Vec<u32> = offsets
                .windows(2)
                .map(|pair| if pair[0] == pair[1] { zero } else { members[pair[0] as usize] })
                .collect();
            return sums.select(0, indices(&last, &device));
        }
        let (mut left, mut right, mut next) = (Vec::new(), Vec::new(), vec![0u32]);
        for pair in offsets.windows(2) {
            for couple in members[pair[0] as usize..pair[1] as usize].chunks(2) {
                left.push(couple[0]);
                right.push(couple.get(1).copied().unwrap_or(zero));
            }
            next.push(left.len() as u32);
        }
        // The row of zeros plus itself stays zero.
        left.push(zero);
        right.push(zero);
        zero = left.len() as u32 - 1;
        let summands = sums.clone().select(0, indices(&left, &device));
        sums = summands + sums.select(0, indices(&right, &device));
        members = (0..zero).collect();
        offsets = next;
    }
}

/// The positions of `to` by the value there, in order: those of value `v` are
/// `order[offsets[v]..offsets[v + 1]]`.
pub(crate) fn group(to: &[u32], n_out: usize) -> (Vec<u32>, Vec<u32>) {
    let mut offsets = vec![0u32; n_out + 1];
    for &value in to {
        offsets[value as usize + 1] += 1;
    }
    for value in 0..n_out {
        offsets[value + 1] += offsets[value];
    }
    let mut next = offsets.clone();
    let mut order = vec![0; to.len()];
    for (position, &value) in to.iter().enumerate() {
        let place = &mut next[value as usize];
        order[*place as usize] = position as u32;
        *place += 1;
    }
    (offsets, order)
}

/// Indices as a tensor `[rows.len()]`.
pub(crate) fn indices(rows: &[u32], device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
    let n_rows = rows.len();
    Tensor::from_data(TensorData::new(rows, [n_rows]), &device.clone().without_autodiff())
}

#[cfg(feature = "tch")]
mod torch {
    use burn::backend::LibTorch;
    use burn::tensor::{Float, IndexingUpdateOp, Int, Tensor};

    /// In place if nothing else refers to `table`.
    #[allow(deprecated, reason = "Burn deprecates the backend as a whole")]
    pub(super) fn update(
        table: Tensor<2>,
        rows: Tensor<1, Int>,
        values: Tensor<2>,
        op: IndexingUpdateOp,
    ) -> Tensor<2> {
        let assign = matches!(op, IndexingUpdateOp::Assign);
        let (Ok(mut table_primitive), Ok(rows_primitive), Ok(values_primitive)) = (
            table.clone().try_into_primitive::<LibTorch>(),
            rows.clone().try_into_primitive::<LibTorch>(),
            values.clone().try_into_primitive::<LibTorch>(),
        ) else {
            return table.select_assign(0, rows, values, op);
        };
        drop(table);
        let (rows, values) = (&rows_primitive.tensor, &values_primitive.tensor);
        let updated = table_primitive.mut_ops(|table| {
            if assign { table.index_copy_(0, rows, values) } else { table.index_add_(0, rows, values) }
        });
        match updated {
            Some(updated) => Tensor::<2, Float>::from_primitive::<LibTorch>(updated),
            None => {
                let table = Tensor::<2, Float>::from_primitive::<LibTorch>(table_primitive);
                let rows = Tensor::<1, Int>::from_primitive::<LibTorch>(rows_primitive);
                let values = Tensor::<2, Float>::from_primitive::<LibTorch>(values_primitive);
                table.select_assign(0, rows, values, op)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn groups_hold_every_position_in_order(to in prop::collection::vec(0u32..9, 0..60)) {
            let (offsets, order) = group(&to, 9);
            let mut seen = Vec::new();
            for value in 0..9 {
                let members = &order[offsets[value] as usize..offsets[value + 1] as usize];
                prop_assert!(members.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert!(members.iter().all(|&position| to[position as usize] == value as u32));
                seen.extend_from_slice(members);
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..to.len() as u32).collect::<Vec<_>>());
        }
    }
}
