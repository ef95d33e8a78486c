//! Events between nodes, in the order of time.

use std::ops::Range;

/// What is wrong with events or a stored state.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TemporalError {
    /// Columns of different lengths.
    #[error("{column} has {actual} values, expected {expected}")]
    Length {
        /// Which one.
        column: &'static str,
        /// The number found.
        actual: usize,
        /// The number needed.
        expected: usize,
    },
    /// A node that does not exist.
    #[error("event {row}: node {node}, but there are {n_nodes} nodes")]
    Node {
        /// The event, counted from 0.
        row: usize,
        /// The node.
        node: u32,
        /// Nodes are below it.
        n_nodes: usize,
    },
    /// An event before the one above it.
    #[error("event {row} is at {time}, before the one above it at {before}; sort the events by time")]
    Order {
        /// The event, counted from 0.
        row: usize,
        /// Its time.
        time: i64,
        /// That of the event before.
        before: i64,
    },
    /// A feature is NaN or infinite.
    #[error("event {row}, feature {column} is {value}; features have to be finite")]
    NotFinite {
        /// The event, counted from 0.
        row: usize,
        /// Counted from 0.
        column: usize,
        /// NaN or infinity.
        value: f32,
    },
}

/// Events as columns, oldest first: who met whom, when, and what else is known of it.
///
/// ```
/// use burn_recsys_models::TemporalEvents;
///
/// // User 0 rates items 2 and 3 with 4 and 5 stars.
/// let events = TemporalEvents::new(4, vec![0, 0], vec![2, 3], vec![100, 160], vec![0.8, 1.0], 1)?;
/// assert_eq!(events.len(), 2);
/// let error = TemporalEvents::new(4, vec![0, 0], vec![2, 3], vec![160, 100], vec![], 0).unwrap_err();
/// assert_eq!(error.to_string(), "event 1 is at 100, before the one above it at 160; sort the events by time");
/// # Ok::<(), burn_recsys_models::TemporalError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TemporalEvents {
    sources: Vec<u32>,
    targets: Vec<u32>,
    times: Vec<i64>,
    features: Vec<f32>,
    d_features: usize,
}

impl TemporalEvents {
    /// Events between nodes below `n_nodes`.
    ///
    /// # Shapes
    /// - `sources`, `targets`: `[n]`
    /// - `times`: `[n]`, in seconds, never falling
    /// - `features`: `[n, d_features]`, row-major, finite and of a like scale
    ///
    /// # Errors
    /// If a length is another, a node does not exist, an event is before the one above it, or a feature is not
    /// finite; the message names the event.
    pub fn new(
        n_nodes: usize,
        sources: Vec<u32>,
        targets: Vec<u32>,
        times: Vec<i64>,
        features: Vec<f32>,
        d_features: usize,
    ) -> Result<Self, TemporalError> {
        let n = sources.len();
        let lengths = [
            ("targets", targets.len(), n),
            ("times", times.len(), n),
            ("features", features.len(), n * d_features),
        ];
        for (column, actual, expected) in lengths {
            if actual != expected {
                return Err(TemporalError::Length { column, actual, expected });
            }
        }
        for (row, (&source, &target)) in sources.iter().zip(&targets).enumerate() {
            if let Some(node) = [source, target].into_iter().find(|&node| node as usize >= n_nodes) {
                return Err(TemporalError::Node { row, node, n_nodes });
            }
        }
        if let Some(at) = times.windows(2).position(|pair| pair[1] < pair[0]) {
            return Err(TemporalError::Order { row: at + 1, time: times[at + 1], before: times[at] });
        }
        if let Some(at) = features.iter().position(|value| !value.is_finite()) {
            let (row, column, value) = (at / d_features, at % d_features, features[at]);
            return Err(TemporalError::NotFinite { row, column, value });
        }
        Ok(TemporalEvents { sources, targets, times, features, d_features })
    }

    /// The number of events.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// One end of every event: users, most often.
    pub fn sources(&self) -> &[u32] {
        &self.sources
    }

    /// The other end: items, most often.
    pub fn targets(&self) -> &[u32] {
        &self.targets
    }

    /// When, in seconds.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// The number of features of an event.
    pub fn d_features(&self) -> usize {
        self.d_features
    }

    /// The features of event `row`.
    ///
    /// # Panics
    /// If there is no such event.
    pub fn features(&self, row: usize) -> &[f32] {
        assert!(row < self.len(), "event {row} of {}", self.len());
        &self.features[row * self.d_features..][..self.d_features]
    }

    /// Some events, one after the other.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn slice(&self, rows: Range<usize>) -> TemporalEvents {
        let d = self.d_features;
        TemporalEvents {
            sources: self.sources[rows.clone()].to_vec(),
            targets: self.targets[rows.clone()].to_vec(),
            times: self.times[rows.clone()].to_vec(),
            features: self.features[rows.start * d..rows.end * d].to_vec(),
            d_features: d,
        }
    }
}
