//! The learning rate over steps and epochs.

use serde::{Deserialize, Serialize};

/// How the learning rate goes from step to step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Schedule {
    /// It stays.
    #[default]
    Constant,
    /// It falls in equal steps, to 0 after the last epoch, as word2vec's.
    Linear,
    /// It falls along half a cosine to 0 within every epoch, and starts anew with the next: cosine annealing
    /// with warm restarts (Loshchilov and Hutter 2017, "SGDR", equation 5, with a period of one epoch).
    CosineRestarts,
}

impl Schedule {
    /// What the learning rate is multiplied by in step `step` of `n_steps`, in epoch `epoch` of `n_epochs`,
    /// both counted from 1.
    pub fn factor(self, step: usize, n_steps: usize, epoch: u64, n_epochs: u64) -> f64 {
        let within = (step - 1) as f64 / n_steps.max(1) as f64;
        match self {
            Schedule::Constant => 1.0,
            Schedule::Linear => 1.0 - ((epoch - 1) as f64 + within) / n_epochs.max(1) as f64,
            Schedule::CosineRestarts => 0.5 * (1.0 + (std::f64::consts::PI * within).cos()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_fall_as_they_should() {
        let factors = |schedule: Schedule| {
            (1..=2).flat_map(move |epoch| (1..=4).map(move |step| schedule.factor(step, 4, epoch, 2)))
        };
        assert!(factors(Schedule::Constant).all(|factor| factor == 1.0));
        let linear: Vec<f64> = factors(Schedule::Linear).collect();
        assert_eq!(linear, [1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]);
        let cosine: Vec<f64> = factors(Schedule::CosineRestarts).collect();
        let half = std::f64::consts::FRAC_1_SQRT_2 / 2.0;
        for (actual, expected) in cosine.iter().zip([1.0, 0.5 + half, 0.5, 0.5 - half].repeat(2)) {
            assert!((actual - expected).abs() < 1e-12, "{cosine:?}");
        }
    }
}
