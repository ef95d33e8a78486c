//! The two coefficients of Platt 1999, by the Newton iteration of Lin, Lin & Weng 2007.

use super::{CalibrationError, sigmoid};

const MAX_ITERATIONS: usize = 100;
/// Of the mean derivatives; Newton's last step overshoots it by far.
const TOLERANCE: f64 = 1e-9;
/// Added to the diagonal, so that the matrix can always be inverted.
const RIDGE: f64 = 1e-12;
/// A step must bring this share of what the gradient promises.
const SUFFICIENT_DECREASE: f64 = 1e-4;
const SHORTEST_STEP: f64 = 1e-10;

/// Slope and intercept that minimise the cross-entropy to Platt's targets; there are rows of both
/// labels.
pub(super) fn fit(logits: &[f32], labels: &[bool]) -> Result<(f64, f64), CalibrationError> {
    let n = logits.len() as f64;
    let mean = logits.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let deviation = (logits.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n).sqrt();
    if logits.iter().all(|&x| x == logits[0]) || deviation == 0.0 {
        return Err(CalibrationError::Constant { n_rows: logits.len(), logit: logits[0] });
    }
    // Standardised, both coefficients are of order one and the matrix is well conditioned.
    let rows = Rows {
        inputs: logits.iter().map(|&x| (f64::from(x) - mean) / deviation).collect(),
        targets: targets(labels),
    };
    let (slope, intercept) = rows.minimise(labels)?;
    let slope = slope / deviation;
    Ok((slope, intercept - slope * mean))
}

/// `(n_positive + 1) / (n_positive + 2)` for a positive row and `1 / (n_negative + 2)` for a negative
/// one.
fn targets(labels: &[bool]) -> Vec<f64> {
    let n_positive = labels.iter().filter(|label| **label).count() as f64;
    let n_negative = labels.len() as f64 - n_positive;
    let (high, low) = ((n_positive + 1.0) / (n_positive + 2.0), 1.0 / (n_negative + 2.0));
    labels.iter().map(|&label| if label { high } else { low }).collect()
}

struct Rows {
    inputs: Vec<f64>,
    targets: Vec<f64>,
}

impl Rows {
    fn minimise(&self, labels: &[bool]) -> Result<(f64, f64), CalibrationError> {
        let n_positive = labels.iter().filter(|label| **label).count() as f64;
        let n_negative = labels.len() as f64 - n_positive;
        let (mut slope, mut intercept) = (0.0, ((n_positive + 1.0) / (n_negative + 1.0)).ln());
        let mut loss = self.loss(slope, intercept);
        let mut largest = f64::INFINITY;
        for _ in 0..MAX_ITERATIONS {
            let ([d_slope, d_intercept], [h_ss, h_si, h_ii]) = self.derivatives(slope, intercept);
            largest = d_slope.abs().max(d_intercept.abs());
            if largest < TOLERANCE {
                return Ok((slope, intercept));
            }
            let determinant = h_ss * h_ii - h_si * h_si;
            let step_slope = -(h_ii * d_slope - h_si * d_intercept) / determinant;
            let step_intercept = -(h_ss * d_intercept - h_si * d_slope) / determinant;
            let promised = d_slope * step_slope + d_intercept * step_intercept;
            let mut length = 1.0;
            loop {
                let next = (slope + length * step_slope, intercept + length * step_intercept);
                let next_loss = self.loss(next.0, next.1);
                if next_loss < loss + SUFFICIENT_DECREASE * length * promised {
                    (slope, intercept) = next;
                    loss = next_loss;
                    break;
                }
                length /= 2.0;
                if length < SHORTEST_STEP {
                    // No smaller loss can be told from this one: that is the minimum to working accuracy.
                    return if largest < TOLERANCE.sqrt() {
                        Ok((slope, intercept))
                    } else {
                        Err(CalibrationError::NoMinimum { n_iterations: MAX_ITERATIONS, gradient: largest })
                    };
                }
            }
        }
        Err(CalibrationError::NoMinimum { n_iterations: MAX_ITERATIONS, gradient: largest })
    }

    /// The mean cross-entropy, `ln(1 + exp(z)) - target z`.
    fn loss(&self, slope: f64, intercept: f64) -> f64 {
        let rows = self.inputs.iter().zip(&self.targets);
        let terms = rows.map(|(&input, &target)| {
            let z = slope * input + intercept;
            z.max(0.0) + (-z.abs()).exp().ln_1p() - target * z
        });
        terms.sum::<f64>() / self.inputs.len() as f64
    }

    /// Of the mean cross-entropy: the gradient, and the second derivatives by slope, by both and by
    /// intercept.
    fn derivatives(&self, slope: f64, intercept: f64) -> ([f64; 2], [f64; 3]) {
        let n = self.inputs.len() as f64;
        let (mut gradient, mut second) = ([0.0; 2], [0.0; 3]);
        for (&input, &target) in self.inputs.iter().zip(&self.targets) {
            let z = slope * input + intercept;
            let (error, curvature) = (sigmoid(z) - target, sigmoid(z) * sigmoid(-z));
            gradient[0] += error * input / n;
            gradient[1] += error / n;
            second[0] += curvature * input * input / n;
            second[1] += curvature * input / n;
            second[2] += curvature / n;
        }
        second[0] += RIDGE;
        second[2] += RIDGE;
        (gradient, second)
    }
}
