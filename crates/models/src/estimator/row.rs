//! The description of rows that the heads read.

use burn::nn::Linear;
use burn::tensor::Tensor;
use burn_recsys_embeddings::dense::{affine, forward_layer};

/// The parts of a description, side by side.
///
/// A layer without activation that another one follows is no layer of its own: `(x A + a) B + b` is
/// `x (A B) + (a B + b)`. The product of the weights costs nothing beside that of the rows of a batch, so
/// parts that are linear in their features go straight through the first layer of the heads. The parameters
/// and the function are the same; the order of the additions is another.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    parts: Vec<Part<'a>>,
}

/// Some columns of the description.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// `[batch, n]`
    pub(crate) input: Tensor<2>,
    /// From `n` to the width of the part; none where the input is the part.
    pub(crate) layer: Option<&'a Linear>,
}

impl<'a> Row<'a> {
    /// `parts` for layers of `d_output` columns in all.
    pub(crate) fn new(parts: Vec<Part<'a>>, d_output: usize) -> Self {
        let parts = parts.into_iter().map(|part| match part.layer {
            Some(layer) if !is_worth_it(layer, part.input.dims()[0], d_output) => {
                Part { input: forward_layer(layer, part.input, false), layer: None }
            }
            _ => part,
        });
        let parts: Vec<Part<'a>> = parts.collect();
        match parts.iter().all(|part| part.layer.is_none()) {
            true => Row::from(concat(parts)),
            false => Row { parts },
        }
    }

    /// The output of a layer that reads the whole description, followed by a ReLU if `is_hidden`.
    ///
    /// # Shapes
    /// - output: `[batch, d_output]`
    pub(crate) fn through(&self, layer: &Linear, is_hidden: bool) -> Tensor<2> {
        if let [Part { input, layer: None }] = self.parts.as_slice() {
            return forward_layer(layer, input.clone(), is_hidden);
        }
        let weight = layer.weight.val();
        let mut bias = layer.bias.as_ref().map(|bias| bias.val().unsqueeze::<2>());
        let (mut features, mut folded, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
        let mut first = 0;
        for Part { input, layer } in &self.parts {
            let width = layer.map_or(input.dims()[1], |layer| layer.weight.lazy_shape()[1]);
            let columns = weight.clone().narrow(0, first, width);
            first += width;
            let Some(layer) = layer else {
                pairs.push((input.clone(), columns));
                continue;
            };
            features.push(input.clone());
            folded.push(layer.weight.val().matmul(columns.clone()));
            if let Some(of_part) = &layer.bias {
                let of_part = of_part.val().unsqueeze::<2>().matmul(columns);
                bias = Some(bias.map_or(of_part.clone(), |bias| bias + of_part));
            }
        }
        pairs.extend(features.into_iter().zip(folded));
        affine(pairs, bias, is_hidden)
    }

    /// The description itself.
    ///
    /// # Shapes
    /// - output: `[batch, d_row]`
    pub(crate) fn into_tensor(self) -> Tensor<2> {
        concat(self.parts)
    }
}

impl From<Tensor<2>> for Row<'_> {
    fn from(input: Tensor<2>) -> Self {
        Row { parts: vec![Part { input, layer: None }] }
    }
}

fn concat(mut parts: Vec<Part<'_>>) -> Tensor<2> {
    let out = |part: Part<'_>| match part.layer {
        Some(layer) => forward_layer(layer, part.input, false),
        None => part.input,
    };
    match parts.len() {
        1 => out(parts.remove(0)),
        _ => Tensor::cat(parts.into_iter().map(out).collect(), 1),
    }
}

/// Whether it is less work to multiply the weights than to multiply by each of them.
///
/// Per row: a product for the output and one for each gradient, where features need none.
fn is_worth_it(layer: &Linear, batch: usize, d_output: usize) -> bool {
    let [n_features, width] = layer.weight.lazy_shape().dims();
    let apart = batch * (2 * n_features * width + 3 * width * d_output);
    let folded = batch * 2 * n_features * d_output + 3 * n_features * width * d_output;
    folded < apart
}
