//! How long ago, as a vector.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Shape, Tensor, TensorData};

/// `cos(w t + b)` of a time span, for learned frequencies and phases (Xu et al. 2020, "Inductive representation
/// learning on temporal graphs", equation 5, with phases).
///
/// What is learned of a frequency is its logarithm: a span of a year in seconds would make the gradient of the
/// frequency itself 10^7 times that of other weights. A negative frequency would be a positive one with
/// another phase, so nothing is lost.
#[derive(Module, Debug)]
pub struct TimeEncoding {
    /// `ln w`, with w in radians a second, `[d_time]`.
    pub log_frequencies: Param<Tensor<1>>,
    /// `b`, `[d_time]`.
    pub phases: Param<Tensor<1>>,
}

impl TimeEncoding {
    /// Phases of 0, and frequencies whose periods go from the shortest to the longest in even ratios.
    ///
    /// # Panics
    /// If there is no frequency, or the periods are not `0 < shortest <= longest`.
    pub(super) fn new(d_time: usize, [shortest, longest]: [f64; 2], device: &Device) -> Self {
        assert!(d_time > 0, "a time encoding of size 0");
        assert!(
            shortest > 0.0 && shortest <= longest && longest.is_finite(),
            "periods from {shortest} to {longest} seconds"
        );
        let steps = (d_time - 1).max(1) as f64;
        let period = |at: usize| shortest * (longest / shortest).powf(at as f64 / steps);
        let logs: Vec<f32> = (0..d_time).map(|at| (std::f64::consts::TAU / period(at)).ln() as f32).collect();
        let param = |values: Vec<f32>| {
            let shape = Shape::from([d_time]);
            Param::uninitialized(
                ParamId::new(),
                move |device, is_require_grad| {
                    let values = TensorData::new(values.clone(), [d_time]);
                    Tensor::from_data(values, device).set_require_grad(is_require_grad)
                },
                device.clone(),
                true,
                shape,
            )
        };
        TimeEncoding { log_frequencies: param(logs), phases: param(vec![0.0; d_time]) }
    }

    /// The size of the vectors.
    pub fn d_time(&self) -> usize {
        self.phases.dims()[0]
    }

    /// # Shapes
    /// - `spans`: `[n]`, in seconds
    /// - output: `[n, d_time]`
    pub fn forward(&self, spans: &[f32]) -> Tensor<2> {
        let phases = self.phases.val();
        let spans = TensorData::new(spans.to_vec(), [spans.len(), 1]);
        let spans = Tensor::<2>::from_data(spans, &phases.device());
        let frequencies = self.log_frequencies.val().exp().unsqueeze::<2>();
        (spans * frequencies + phases.unsqueeze()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_have_the_periods_asked_for() {
        let encoding = TimeEncoding::new(3, [10.0, 1000.0], &Device::default());
        // Periods of 10, 100 and 1000 seconds: a whole turn, a tenth and a hundredth of it.
        let of_10: Vec<f32> = encoding.forward(&[10.0, 0.0]).into_data().try_to_vec().unwrap();
        let turn = std::f32::consts::TAU;
        let expected = [1.0, (turn / 10.0).cos(), (turn / 100.0).cos(), 1.0, 1.0, 1.0];
        assert!(of_10.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{of_10:?}");
    }

    #[test]
    fn a_year_has_gradients_of_the_size_of_the_phase() {
        let encoding = TimeEncoding::new(4, [60.0, 3e8], &Device::default().autodiff());
        let grads = encoding.forward(&[3e7]).sum().backward();
        let of = |param: &Param<Tensor<1>>| -> Vec<f32> {
            param.val().grad(&grads).unwrap().into_data().try_to_vec().unwrap()
        };
        // d/d ln w = w t d/db
        let (logs, phases) = (of(&encoding.log_frequencies), of(&encoding.phases));
        let frequencies: Vec<f32> = encoding.log_frequencies.val().exp().into_data().try_to_vec().unwrap();
        for ((log, phase), w) in logs.iter().zip(&phases).zip(frequencies) {
            assert!((log - phase * w * 3e7).abs() <= 1e-3 * log.abs(), "{log} {phase} {w}");
        }
        assert!(phases.iter().any(|x| *x != 0.0));
    }
}
