//! What a study found.

use serde::{Deserialize, Serialize};

use super::gate::GateStudy;
use super::train::SeedOutcome;

/// The outcomes of all representations over all seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyReport {
    /// The data set's name.
    pub dataset: String,
    /// Rows to train on, rows to test on, users, items.
    pub counts: [usize; 4],
    /// The tasks, in the order of the logits.
    pub tasks: Vec<String>,
    /// One entry for each representation.
    pub candidates: Vec<CandidateReport>,
}

/// The outcomes of one representation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateReport {
    /// The representation's name.
    pub name: String,
    /// In a memory study the way to save memory, and the part of the bytes of the full table it was made
    /// for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<(String, f64)>,
    /// One for each seed.
    pub seeds: Vec<SeedOutcome>,
}

/// A mean over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half the width of the 95% interval of the mean by Student's t; `None` from one seed.
    pub half_width: Option<f64>,
    /// The number of seeds.
    pub n_seeds: usize,
}

impl Estimate {
    /// The mean of `values` and its interval; `None` without any.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n_seeds = values.len();
        if n_seeds == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n_seeds as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let half_width = (n_seeds > 1).then(|| {
            let deviation = (squares / (n_seeds - 1) as f64).sqrt();
            student_t(n_seeds - 1) * deviation / (n_seeds as f64).sqrt()
        });
        Some(Estimate { mean, half_width, n_seeds })
    }
}

impl std::fmt::Display for Estimate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.half_width {
            Some(half_width) => write!(f, "{:.4} ± {half_width:.4}", self.mean),
            None => write!(f, "{:.4}", self.mean),
        }
    }
}

/// The 97.5% quantile of Student's t distribution.
fn student_t(degrees: usize) -> f64 {
    const QUANTILES: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
        2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048,
        2.045, 2.042,
    ];
    // Beyond the table the first terms of the expansion around the normal quantile.
    let z: f64 = 1.959_964;
    QUANTILES.get(degrees.wrapping_sub(1)).copied().unwrap_or(z + (z.powi(3) + z) / (4.0 * degrees as f64))
}

impl CandidateReport {
    /// The values of `metric` in `slice`, one for each seed that has it.
    pub fn values(&self, slice: &str, metric: &str) -> Vec<(u64, f64)> {
        let of_seed = |outcome: &SeedOutcome| {
            let slice = outcome.slices.iter().find(|outcome| outcome.slice == slice)?;
            Some((outcome.seed, *slice.metrics.get(metric)?))
        };
        self.seeds.iter().filter_map(of_seed).collect()
    }

    /// The mean of `metric` in `slice` over seeds.
    pub fn estimate(&self, slice: &str, metric: &str) -> Option<Estimate> {
        Estimate::of(&self.values(slice, metric).into_iter().map(|(_, value)| value).collect::<Vec<_>>())
    }

    /// The mean of the difference to `other`, seed by seed.
    pub fn difference(&self, other: &CandidateReport, slice: &str, metric: &str) -> Option<Estimate> {
        let others = other.values(slice, metric);
        let differences: Vec<f64> = self
            .values(slice, metric)
            .into_iter()
            .filter_map(|(seed, value)| {
                others.iter().find(|(other, _)| *other == seed).map(|(_, other)| value - other)
            })
            .collect();
        Estimate::of(&differences)
    }

    /// The mean of something of every seed.
    pub fn mean(&self, value: impl Fn(&SeedOutcome) -> f64) -> Option<Estimate> {
        Estimate::of(&self.seeds.iter().map(value).collect::<Vec<_>>())
    }

    /// The gate of every seed; empty where nothing is mixed.
    pub fn gates(&self) -> Vec<&GateStudy> {
        self.seeds.iter().filter_map(|outcome| outcome.gate.as_ref()).collect()
    }

    /// Bytes of the user representation's parameters.
    pub fn user_bytes(&self) -> usize {
        self.seeds.first().map_or(0, |outcome| outcome.n_user_parameters * size_of::<f32>())
    }
}

impl StudyReport {
    /// The representation of this name.
    pub fn candidate(&self, name: &str) -> Option<&CandidateReport> {
        self.candidates.iter().find(|candidate| candidate.name == name)
    }

    /// The names of the slices.
    pub fn slices(&self) -> Vec<String> {
        let first = self.candidates.first().and_then(|candidate| candidate.seeds.first());
        first
            .map_or_else(Vec::new, |outcome| outcome.slices.iter().map(|slice| slice.slice.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_students() {
        // scipy: t.interval(0.95, 4, loc=mean, scale=sem) of 1..5 is 3 -+ 1.9632432
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!((estimate.mean, estimate.n_seeds), (3.0, 5));
        assert!((estimate.half_width.unwrap() - 1.963_243_2).abs() < 1e-3);
        assert_eq!(Estimate::of(&[2.0]).unwrap().half_width, None);
        assert_eq!(Estimate::of(&[]), None);
        // scipy.stats.t.ppf(0.975, 40) = 2.02107539
        assert!((student_t(40) - 2.021_075).abs() < 3e-3);
    }
}
