//! Each operation beside the tensor operations that it stands for.

use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Distribution, Tensor};

use super::*;

fn device() -> Device {
    Device::flex().autodiff()
}

fn random(dims: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::random(dims, Distribution::Normal(0.0, 1.0), device).require_grad()
}

fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Output and gradients of both, where the loss weighs every output differently.
fn check<const N: usize>(
    inputs: [Tensor<2>; N],
    operation: impl Operation<N>,
    reference: impl Fn([Tensor<2>; N]) -> Tensor<2>,
) {
    let fused = apply(operation, inputs.clone()).unwrap();
    let expected = reference(inputs.clone());
    let weights = random(expected.dims(), &device()).without_autodiff().autodiff();
    let near = |actual: Tensor<2>, expected: Tensor<2>| {
        assert_eq!(actual.dims(), expected.dims());
        for (actual, expected) in values(actual).into_iter().zip(values(expected)) {
            let tolerance = 2e-4 * expected.abs().max(1.0);
            assert!((actual - expected).abs() < tolerance, "{actual} {expected}");
        }
    };
    near(fused.clone(), expected.clone());
    let actual = (fused * weights.clone()).sum().backward();
    let expected = (expected * weights).sum().backward();
    for input in inputs {
        let gradients = (input.grad(&actual), input.grad(&expected));
        assert_eq!(gradients.0.is_some(), gradients.1.is_some());
        if let (Some(actual), Some(expected)) = gradients {
            near(actual, expected);
        }
    }
}

#[test]
fn affine_layers() {
    let device = device();
    for (n_rows, is_relu) in [(1, true), (BLOCK, false), (2 * BLOCK + 7, true)] {
        let features = random([n_rows, 5], &device).without_autodiff().autodiff();
        let inputs =
            [features, random([5, 9], &device), random([n_rows, 3], &device), random([3, 9], &device)];
        let [x, w, y, v] = inputs.clone();
        let b = random([1, 9], &device);
        let finish = move |out: Tensor<2>| if is_relu { relu(out) } else { out };
        check([x.clone(), w.clone(), b.clone()], Affine { relu: is_relu }, |[x, w, b]| {
            finish(x.matmul(w) + b)
        });
        check([x, w, y, v, b], Affine { relu: is_relu }, |[x, w, y, v, b]| {
            finish(x.matmul(w) + y.matmul(v) + b)
        });
    }
}

#[test]
fn softmax_of_any_width() {
    for (n_rows, d) in [(1, 1), (3, 2), (BLOCK + 1, 64), (40, 37)] {
        let input = random([n_rows, d], &device());
        check([input], Softmax { scale: 2.5 }, |[x]| softmax(x * 2.5, 1));
    }
}

#[test]
fn softmax_is_stable_and_keeps_nan() {
    let of = |row: [f32; 3]| {
        let row = Tensor::<2>::from_data([row], &Device::flex());
        values(apply(Softmax { scale: 1.0 }, [row]).unwrap())
    };
    assert_eq!(of([1e30, 1e30, -1e30])[..2], [0.5, 0.5]);
    assert!(of([0.0, f32::NAN, 1.0]).iter().all(|value| value.is_nan()));
}

#[test]
fn mixtures() {
    for n_rows in [1, BLOCK + 5] {
        let device = device();
        let inputs =
            [random([n_rows, 2], &device), random([n_rows, 11], &device), random([n_rows, 11], &device)];
        check(inputs, Mix, |[w, a, b]| a * w.clone().narrow(1, 0, 1) + b * w.narrow(1, 1, 1));
    }
}

#[test]
fn views_are_read_where_they_lie() {
    let wide = random([6, 8], &device());
    let weights = || Tensor::<2>::from_data([[1.0, -2.0, 3.0]], &device());
    let gradient = |columns: bool, apply_to: &dyn Fn(Tensor<2>) -> Tensor<2>| {
        let view =
            if columns { wide.clone().narrow(1, 2, 3) } else { wide.clone().narrow(0, 1, 3).transpose() };
        let output = apply_to(view);
        let grads = (output.clone() * weights()).sum().backward();
        (values(output), values(wide.grad(&grads).unwrap()))
    };
    for columns in [true, false] {
        let (output, of_wide) = gradient(columns, &|x| apply(Softmax { scale: 1.0 }, [x]).unwrap());
        let (expected, expected_of_wide) = gradient(columns, &|x| softmax(x, 1));
        for (actual, expected) in output.iter().zip(&expected).chain(of_wide.iter().zip(&expected_of_wide)) {
            assert!((actual - expected).abs() < 1e-5, "{actual} {expected}");
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let device = Device::flex();
    let [x, w, b] = [[3 * BLOCK + 1, 40], [40, 33], [1, 33]]
        .map(|dims| Tensor::<2>::random(dims, Distribution::Normal(0.0, 1.0), &device));
    let run = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let [x, w, b] = [&x, &w, &b].map(|input| input.clone().autodiff().require_grad());
            let out = apply(Affine { relu: true }, [x.clone(), w.clone(), b.clone()]).unwrap();
            let out = apply(Softmax { scale: 1.0 }, [out]).unwrap();
            let grads = (out.clone() * out).sum().backward();
            [x, w, b].map(|input| values(input.grad(&grads).unwrap()))
        })
    };
    let expected = run(1);
    assert!([2, 3, 7].into_iter().all(|n_threads| run(n_threads) == expected));
}
