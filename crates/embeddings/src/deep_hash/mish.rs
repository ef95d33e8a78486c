//! Mish in one pass over values in host memory.

use burn::tensor::{Tensor, activation};
use rayon::prelude::*;

use crate::reads::from_host;
use crate::rows;

/// Values that one task of the thread pool makes.
const VALUES_A_TASK: usize = 1 << 14;

/// Mish, `x * tanh(softplus(x))` (Misra 2019, arXiv 1908.08681).
///
/// Of tensor operations it takes nine, three of them with a call of the C library for each element, and
/// more in the backward pass: for layers of 512 about as much time as their matrix products. In host
/// memory one loop makes values and slopes together. Autodiff sees `(x - x0) * slope + value`, of which
/// all but `x` are constants and `x0` is the value of `x`: the first term is zero and has the gradient.
///
/// # Shapes
/// - `x` and output: `[batch, width]`
pub(super) fn mish(x: Tensor<2>) -> Tensor<2> {
    let [_, width] = x.dims();
    let device = x.device();
    let Some((values, slopes)) = rows::read(&x, |x| values_and_slopes(x, device.is_autodiff())) else {
        return activation::mish(x);
    };
    let values = from_host(values, width, &device);
    match slopes {
        Some(slopes) => {
            let slopes = from_host(slopes, width, &device).autodiff();
            (x.clone() - x.detach()) * slopes + values.autodiff()
        }
        None => values,
    }
}

fn values_and_slopes(x: &[f32], with_slopes: bool) -> (Vec<f32>, Option<Vec<f32>>) {
    let mut values = vec![0.0; x.len()];
    let tasks = x.par_chunks(VALUES_A_TASK).zip(values.par_chunks_mut(VALUES_A_TASK));
    if !with_slopes {
        tasks.for_each(|(x, values)| {
            for (&x, value) in x.iter().zip(values) {
                *value = value_and_slope(x).0;
            }
        });
        return (values, None);
    }
    let mut slopes = vec![0.0; x.len()];
    tasks.zip(slopes.par_chunks_mut(VALUES_A_TASK)).for_each(|((x, values), slopes)| {
        for ((&x, value), slope) in x.iter().zip(values).zip(slopes) {
            (*value, *slope) = value_and_slope(x);
        }
    });
    (values, Some(slopes))
}

/// With `t = e^x`, `tanh(softplus(x)) = n / (n + 2)` where `n = t (t + 2)`: nothing cancels.
///
/// Above 20 Mish is `x` to the precision of `f32`; below -80 it is 0.
#[inline(always)]
fn value_and_slope(x: f32) -> (f32, f32) {
    // Written so that NaN stays NaN.
    let x = if x < -80.0 { -80.0 } else { x };
    let bounded = if x > 20.0 { 20.0 } else { x };
    let t = exp(bounded);
    let n = t * (t + 2.0);
    let reciprocal = 1.0 / (n + 2.0);
    let tanh = n * reciprocal;
    // d tanh / dx = 4 t (t + 1) / (n + 2)^2.
    let slope = tanh + bounded * (4.0 * t * reciprocal) * ((t + 1.0) * reciprocal);
    (x * tanh, slope)
}

/// `e^x` for `x` in -87..=88, without a branch or a call, so that loops become vector code.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding it leaves no bits for fractions: the last bits of the sum are the nearest integer.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts; the product of the first with an exponent is exact.
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let exponent = rounded - ROUND;
    let rest = x - exponent * LN_2_HIGH - exponent * LN_2_LOW;
    // The series to the seventh power; for |rest| <= ln 2 / 2 the first term left out is below 6e-9.
    let mut sum = 1.0 / 5040.0;
    for factor in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = sum * rest + factor;
    }
    // The shift drops all but the integer, which becomes the exponent of a float.
    sum * f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    /// Value and slope by their definitions.
    fn exact(x: f64) -> (f64, f64) {
        let softplus = x.exp().ln_1p();
        let tanh = softplus.tanh();
        let sigmoid = 1.0 / (1.0 + (-x).exp());
        (x * tanh, tanh + x * (1.0 - tanh * tanh) * sigmoid)
    }

    #[test]
    fn values_and_slopes_are_right_to_float_precision() {
        for i in -60_000..=60_000 {
            let x = i as f32 / 1000.0;
            let ((value, slope), (exact_value, exact_slope)) = (value_and_slope(x), exact(f64::from(x)));
            let error = (f64::from(value) - exact_value).abs();
            assert!(error <= 5e-7 * exact_value.abs() + 1e-30, "mish {x}: {value}, not {exact_value}");
            let error = (f64::from(slope) - exact_slope).abs();
            // The slope has a zero at -1.19.
            assert!(
                error <= 1e-6 * exact_slope.abs().min(1.0) + 3e-7,
                "slope {x}: {slope}, not {exact_slope}"
            );
        }
        assert_eq!(value_and_slope(0.0), (0.0, 0.6));
        assert_eq!(value_and_slope(1e30), (1e30, 1.0));
        assert!(value_and_slope(-1e30).0.abs() < 1e-30);
        assert!(value_and_slope(f32::NAN).0.is_nan());
    }

    #[test]
    fn gradients_are_those_of_burn() {
        let device = Device::default().autodiff();
        let values: Vec<f32> = (0..600).map(|i| (i as f32 - 300.0) / 20.0).collect();
        let of = |mish: fn(Tensor<2>) -> Tensor<2>| {
            let data = TensorData::new(values.clone(), [200, 3]);
            let x = Tensor::<2>::from_data(data, &device).require_grad();
            let y = mish(x.clone());
            let grads = y.clone().square().sum().backward();
            let gradient = x.grad(&grads).unwrap();
            [y.inner(), gradient].map(|tensor| tensor.into_data().try_to_vec::<f32>().unwrap())
        };
        let [ours, burns] = [of(mish), of(activation::mish)];
        for (ours, burns) in ours.iter().zip(&burns) {
            for (ours, burns) in ours.iter().zip(burns) {
                assert!((ours - burns).abs() <= 1e-6 + 2e-6 * burns.abs(), "{ours}, not {burns}");
            }
        }
        let inference = Tensor::<2>::from_data(TensorData::new(values.clone(), [200, 3]), &Device::default());
        assert_eq!(mish(inference).into_data().try_to_vec::<f32>().unwrap(), ours[0]);
    }
}
