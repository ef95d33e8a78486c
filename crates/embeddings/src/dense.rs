//! Dense layers whose first values are a function of a seed.
//!
//! Burn fills a layer from the generator of its device, so the values differ between backends and
//! depend on what else was drawn before. Here they are made on the host, as those of a table are.
//! Parameters of one module take different streams of the module's seed.

use burn::module::{Param, ParamId};
use burn::nn::Linear;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Shape, Tensor, TensorData};

use crate::TableInitializer;

/// A trainable parameter; its values are a pure function of `(seed, stream)` and the position.
///
/// All dimensions but the last are rows to the initializer.
pub fn seeded_param<const D: usize>(
    shape: [usize; D],
    initializer: TableInitializer,
    seed: u64,
    stream: u64,
    device: &Device,
) -> Param<Tensor<D>> {
    // Steps of the golden ratio are the states of SplitMix64: the initializer's finaliser makes
    // independent keys of them. Stream 0 is one step on, so that it is no table of the same seed.
    let seed = seed.wrapping_add(stream.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    Param::uninitialized(
        ParamId::new(),
        move |device, is_require_grad| {
            let (width, n_rows) = (shape[D - 1], shape[..D - 1].iter().product());
            let values = initializer.values(0..n_rows, width, seed);
            Tensor::from_data(TensorData::new(values, shape), device).set_require_grad(is_require_grad)
        },
        device.clone(),
        true,
        Shape::from(shape),
    )
}

/// A linear layer with bias; its values are a pure function of `(seed, stream)`.
///
/// Uniform in `±1 / sqrt(d_input)`, weight and bias, the distribution of Burn's own `LinearConfig`
/// (Kaiming uniform with gain `1 / sqrt(3)`).
pub fn seeded_linear(d_input: usize, d_output: usize, seed: u64, stream: u64, device: &Device) -> Linear {
    let initializer = TableInitializer::Uniform { bound: 1.0 / (d_input as f64).sqrt() };
    let (weight, bias) = (stream.wrapping_mul(2), stream.wrapping_mul(2).wrapping_add(1));
    Linear {
        weight: seeded_param([d_input, d_output], initializer, seed, weight, device),
        bias: Some(seeded_param([d_output], initializer, seed, bias, device)),
    }
}

/// Linear layers from each of `widths` to the next; layer `i` takes the stream `stream + i`.
pub fn seeded_stack(widths: &[usize], seed: u64, stream: u64, device: &Device) -> Vec<Linear> {
    let pairs = widths.windows(2).zip(stream..);
    pairs.map(|(pair, stream)| seeded_linear(pair[0], pair[1], seed, stream, device)).collect()
}

/// The layers one after the other, with a ReLU between two of them and none after the last.
///
/// # Shapes
/// - `input`: `[batch, d_input]` of the first layer
/// - output: `[batch, d_output]` of the last layer
pub fn forward_stack(layers: &[Linear], input: Tensor<2>) -> Tensor<2> {
    let mut hidden = input;
    for (index, layer) in layers.iter().enumerate() {
        hidden = forward_layer(layer, hidden, index + 1 < layers.len());
    }
    hidden
}

/// One layer, followed by a ReLU if `is_hidden`.
///
/// # Shapes
/// - `input`: `[batch, d_input]`
/// - output: `[batch, d_output]`
pub fn forward_layer(layer: &Linear, input: Tensor<2>, is_hidden: bool) -> Tensor<2> {
    let bias = layer.bias.as_ref().map(|bias| bias.val().unsqueeze());
    affine(vec![(input, layer.weight.val())], bias, is_hidden)
}

/// `x_1 W_1 + x_2 W_2 + ... + b`, followed by a ReLU if `is_hidden`: a layer that reads several inputs side by
/// side, without a copy of them.
///
/// # Shapes
/// - `pairs`: one or more of `[batch, d_i]` and `[d_i, d_output]`
/// - `bias`: `[1, d_output]`
/// - output: `[batch, d_output]`
///
/// # Panics
/// If there is no pair, or shapes do not agree.
pub fn affine(pairs: Vec<(Tensor<2>, Tensor<2>)>, bias: Option<Tensor<2>>, is_hidden: bool) -> Tensor<2> {
    for (input, weight) in &pairs {
        let ([batch, width], [d_input, d_output]) = (input.dims(), weight.dims());
        let [first, _] = pairs[0].0.dims();
        let [_, expected] = pairs[0].1.dims();
        assert!(
            width == d_input && batch == first && d_output == expected,
            "an input [{batch}, {width}] and a weight [{d_input}, {d_output}] of a sum [{first}, {expected}]"
        );
    }
    assert!(!pairs.is_empty(), "a sum of nothing has no shape");
    #[cfg(feature = "flex")]
    if let Some(output) = fused_affine(&pairs, bias.as_ref(), is_hidden) {
        return output;
    }
    let mut pairs = pairs.into_iter().map(|(input, weight)| input.matmul(weight));
    #[expect(clippy::expect_used, reason = "a documented panic")]
    let first = pairs.next().expect("a sum of nothing");
    let sum = pairs.fold(first, |sum, product| sum + product);
    let sum = match bias {
        Some(bias) => sum + bias,
        None => sum,
    };
    if is_hidden { relu(sum) } else { sum }
}

/// As [`affine`]; none where that cannot be.
#[cfg(feature = "flex")]
fn fused_affine(pairs: &[(Tensor<2>, Tensor<2>)], bias: Option<&Tensor<2>>, relu: bool) -> Option<Tensor<2>> {
    use crate::fused::{Affine, Operation, apply};
    fn fused<const N: usize, O: Operation<N>>(inputs: Vec<Tensor<2>>, operation: O) -> Option<Tensor<2>> {
        apply(operation, <[Tensor<2>; N]>::try_from(inputs).ok()?).ok()
    }
    let bias = bias?;
    let (batch, d_output) = (pairs[0].0.dims()[0], pairs[0].1.dims()[1]);
    let is_empty = batch == 0 || pairs.iter().any(|(input, _)| input.dims()[1] == 0);
    if is_empty || bias.dims()[1] != d_output {
        return None;
    }
    // Handles, not values.
    let inputs = pairs.iter().flat_map(|(input, weight)| [input, weight]).chain([bias]).cloned().collect();
    let operation = Affine { relu };
    match pairs.len() {
        1 => fused::<3, _>(inputs, operation),
        2 => fused::<5, _>(inputs, operation),
        3 => fused::<7, _>(inputs, operation),
        4 => fused::<9, _>(inputs, operation),
        5 => fused::<11, _>(inputs, operation),
        _ => None,
    }
}

/// `softmax(logits / temperature)` over each row.
///
/// # Shapes
/// - `logits` and output: `[batch, n]`
pub fn softmax(logits: Tensor<2>, temperature: f64) -> Tensor<2> {
    #[cfg(feature = "flex")]
    let logits = {
        use crate::fused::{Softmax, apply};
        match apply(Softmax { scale: (1.0 / temperature) as f32 }, [logits]) {
            Ok(output) => return output,
            Err([logits]) => logits,
        }
    };
    let logits = if temperature == 1.0 { logits } else { logits / temperature };
    burn::tensor::activation::softmax(logits, 1)
}

/// The sum of experts, each row weighed by its own weight.
///
/// # Shapes
/// - `experts`: `n` times `[batch, d]`
/// - `weights`: `[batch, n]`
/// - output: `[batch, d]`
///
/// # Panics
/// If there is no expert, or shapes do not agree.
pub fn weighted_sum(experts: &[Tensor<2>], weights: Tensor<2>) -> Tensor<2> {
    assert!(!experts.is_empty(), "a sum of nothing has no shape");
    let ([batch, n], dims) = (weights.dims(), experts[0].dims());
    for expert in experts {
        assert!(
            n == experts.len() && dims[0] == batch && expert.dims() == dims,
            "weights {:?} for {} experts, one of them {:?}",
            [batch, n],
            experts.len(),
            expert.dims()
        );
    }
    #[cfg(feature = "flex")]
    let weights = {
        use crate::fused::{Mix, apply};
        match experts {
            [a, b] if batch > 0 && dims[1] > 0 => match apply(Mix, [weights, a.clone(), b.clone()]) {
                Ok(output) => return output,
                Err([weights, ..]) => weights,
            },
            _ => weights,
        }
    };
    let weighed = |(at, expert): (usize, &Tensor<2>)| expert.clone() * weights.clone().narrow(1, at, 1);
    let rest = experts.iter().enumerate().skip(1).map(weighed);
    rest.fold(weighed((0, &experts[0])), |sum, expert| sum + expert)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<const D: usize>(param: &Param<Tensor<D>>) -> Vec<f32> {
        param.val().into_data().try_to_vec().unwrap()
    }

    #[test]
    fn bits_are_the_same_everywhere() {
        // Worked out apart from this code, from the definition of SplitMix64's finaliser.
        for device in [Device::default(), Device::default().autodiff()] {
            let layer = seeded_linear(3, 2, 7, 1, &device);
            let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            assert_eq!(
                bits(values(&layer.weight)),
                [0xbb00_c53d, 0x3ef0_2112, 0xbec6_1c31, 0xbedd_34a9, 0x3e99_4f12, 0x3e00_c0c2]
            );
            assert_eq!(bits(values(layer.bias.as_ref().unwrap())), [0x3efa_44e4, 0x3e08_ff1f]);
            assert_eq!(layer.weight.val().is_require_grad(), device.is_autodiff());
        }
    }

    #[test]
    fn every_layer_has_values_of_its_own_within_the_bound() {
        let device = Device::default();
        let layers = seeded_stack(&[16, 16, 16], 1, 0, &device);
        let parameters = [
            values(&layers[0].weight),
            values(&layers[1].weight),
            values(layers[0].bias.as_ref().unwrap()),
            values(layers[1].bias.as_ref().unwrap()),
            TableInitializer::Uniform { bound: 0.25 }.values(0..16, 16, 1),
        ];
        for (index, parameter) in parameters.iter().enumerate() {
            let largest = parameter.iter().fold(0f32, |largest, value| largest.max(value.abs()));
            assert!((0.15..=0.25).contains(&largest), "parameter {index}: largest {largest}");
            for other in &parameters[index + 1..] {
                assert_ne!(parameter[..16], other[..16]);
            }
        }
    }

    #[test]
    fn relu_is_between_layers_only() {
        let device = Device::default();
        let scale = |factor: f32| Linear {
            weight: Param::from_tensor(Tensor::from_data([[factor]], &device)),
            bias: None,
        };
        let input = || Tensor::<2>::from_data([[3.0], [-2.0]], &device);
        let outputs = |layers: &[Linear]| -> Vec<f32> {
            forward_stack(layers, input()).into_data().try_to_vec().unwrap()
        };
        assert_eq!(outputs(&[]), [3.0, -2.0]);
        assert_eq!(outputs(&[scale(-1.0)]), [-3.0, 2.0]);
        assert_eq!(outputs(&[scale(-1.0), scale(-5.0)]), [0.0, -10.0]);
    }
}
