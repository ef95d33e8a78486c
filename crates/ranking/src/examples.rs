//! What a ranker learns from.

mod later_rows;
mod slates;

pub use later_rows::ExamplesConfig;
pub use slates::{LoggedSlate, SlateCounts};

use crate::{Error, Result};

/// Candidates with labels, visit by visit.
#[derive(Debug, Clone)]
pub struct RankingExamples {
    names: Vec<String>,
    features: Vec<f32>,
    labels: Vec<f32>,
    group_sizes: Vec<usize>,
}

/// The largest label: gains of NDCG are `2^label - 1`.
pub const LARGEST_LABEL: u8 = 31;

impl RankingExamples {
    /// No example, of these features.
    pub fn new(names: Vec<String>) -> Self {
        RankingExamples { names, features: Vec::new(), labels: Vec::new(), group_sizes: Vec::new() }
    }

    /// Adds the candidates of one visit. A visit whose labels are all alike says nothing of their order and
    /// is left out.
    ///
    /// # Shapes
    /// - `features`: `[n, n_features]`, row-major; NaN where unknown
    /// - `labels`: `[n]`, 0 to [`LARGEST_LABEL`]; the higher, the better
    ///
    /// # Errors
    /// If the sizes do not agree, a feature is infinite, or a label is out of range.
    pub fn push(&mut self, features: &[f32], labels: &[u8]) -> Result<()> {
        if features.len() != labels.len() * self.names.len() {
            return Err(Error::Misfit {
                what: format!("features of {} candidates", labels.len()),
                found: features.len(),
                expected: labels.len() * self.names.len(),
            });
        }
        if let Some(at) = features.iter().position(|value| value.is_infinite()) {
            let message = format!("{} of candidate {} is infinite", self.name_at(at), at / self.names.len());
            return Err(Error::Parameter { parameter: "features", message });
        }
        if let Some(label) = labels.iter().find(|&&label| label > LARGEST_LABEL) {
            let message = format!("{label} is not from 0 to {LARGEST_LABEL}");
            return Err(Error::Parameter { parameter: "label", message });
        }
        if labels.iter().any(|label| label != &labels[0]) {
            self.features.extend_from_slice(features);
            self.labels.extend(labels.iter().copied().map(f32::from));
            self.group_sizes.push(labels.len());
        }
        Ok(())
    }

    /// Adds the visits of other examples.
    ///
    /// # Errors
    /// If they are of other features.
    pub fn append(&mut self, other: RankingExamples) -> Result<()> {
        if self.names != other.names {
            let message = "the examples are of different ones; make all of them by one RankFeatures".into();
            return Err(Error::Parameter { parameter: "features", message });
        }
        self.features.extend(other.features);
        self.labels.extend(other.labels);
        self.group_sizes.extend(other.group_sizes);
        Ok(())
    }

    fn name_at(&self, at: usize) -> &str {
        &self.names[at % self.names.len()]
    }

    /// The features' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// All features, `[n_examples, n_features]`, row-major.
    pub fn features(&self) -> &[f32] {
        &self.features
    }

    /// All labels, `[n_examples]`.
    pub fn labels(&self) -> &[f32] {
        &self.labels
    }

    /// How many examples each visit has.
    pub fn group_sizes(&self) -> &[usize] {
        &self.group_sizes
    }

    /// The number of examples of all visits.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_that_teach_nothing_are_left_out() {
        let mut examples = RankingExamples::new(vec!["a".into(), "b".into()]);
        examples.push(&[1.0, f32::NAN, 2.0, 3.0], &[0, 1]).unwrap();
        examples.push(&[1.0; 4], &[1, 1]).unwrap();
        examples.push(&[1.0; 2], &[1]).unwrap();
        examples.push(&[], &[]).unwrap();
        assert_eq!((examples.group_sizes(), examples.labels()), (&[2][..], &[0.0, 1.0][..]));
        assert_eq!(examples.len(), 2);
        let message = |features: &[f32], labels: &[u8]| {
            examples.clone().push(features, labels).unwrap_err().to_string()
        };
        assert!(message(&[1.0; 3], &[0, 1]).contains("features of 2 candidates: 3, but 4"));
        assert!(message(&[1.0, 1.0, 1.0, f32::INFINITY], &[0, 1]).contains("b of candidate 1"));
        assert!(message(&[1.0; 4], &[0, 32]).contains("32 is not from 0 to 31"));
    }
}
