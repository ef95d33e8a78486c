//! What a study found.

use burn_recsys_metrics::statistics::{Confidence, student_interval};
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
        let interval = student_interval(values, Confidence::default());
        let half_width = interval.map(|interval| (interval.upper - interval.lower) / 2.0);
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
        assert!((estimate.half_width.unwrap() - 1.963_243_2).abs() < 1e-7);
        assert_eq!(Estimate::of(&[2.0]).unwrap().half_width, None);
        assert_eq!(Estimate::of(&[]), None);
    }
}
