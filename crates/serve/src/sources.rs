//! Which candidates a model looks for.

use burn_recsys_ranking::{
    CandidateGenerator, CandidateSources, ItemNeighbours, NeighbourCandidatesConfig, PopularCandidates,
    WalkCandidates, WalkCandidatesConfig,
};
use serde::{Deserialize, Serialize};

/// How many candidates come from where. It is part of a version: a ranker has learned from these candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourcesConfig {
    /// Candidates by the visitor's vector, the source `vectors`; 0 to leave them out. Default 100.
    pub vectors: usize,
    /// Popular candidates, the source `popular`; at least 1: they are all that some visitors get. Default 100.
    pub popular: usize,
    /// Candidates that are neighbours of the history, the source `neighbours`. Default 100.
    pub neighbours: usize,
    /// Candidates by walks from the history, the source `walks`. Default 100.
    pub walks: usize,
    /// How the history counts for neighbours.
    pub neighbour_config: NeighbourCandidatesConfig,
    /// The walks. Default 500 steps: half of the time of an answer would be theirs otherwise.
    pub walk_config: WalkCandidatesConfig,
}

impl Default for SourcesConfig {
    fn default() -> Self {
        SourcesConfig {
            vectors: 100,
            popular: 100,
            neighbours: 100,
            walks: 100,
            neighbour_config: NeighbourCandidatesConfig::default(),
            walk_config: WalkCandidatesConfig { n_steps: 500, ..WalkCandidatesConfig::default() },
        }
    }
}

/// The most candidates of a source: a request ranks all of them.
const MOST_CANDIDATES: usize = 10_000;

impl SourcesConfig {
    /// The sources, as a server has them: for the training of a ranker. Without neighbours there are neither
    /// `neighbours` nor `walks`.
    ///
    /// # Errors
    /// If a parameter is out of range.
    pub fn init(
        &self,
        vectors: impl CandidateGenerator + 'static,
        popular: PopularCandidates,
        neighbours: Option<ItemNeighbours>,
    ) -> burn_recsys_ranking::Result<CandidateSources> {
        for (parameter, quota) in [
            ("vectors", self.vectors),
            ("popular", self.popular),
            ("neighbours", self.neighbours),
            ("walks", self.walks),
        ] {
            if quota > MOST_CANDIDATES {
                let message = format!("{quota}; a source gives at most {MOST_CANDIDATES} candidates");
                return Err(burn_recsys_ranking::Error::Parameter { parameter, message });
            }
        }
        let mut sources = CandidateSources::new();
        if self.vectors > 0 {
            sources = sources.with_source("vectors", self.vectors, vectors)?;
        }
        sources = sources.with_source("popular", self.popular, popular)?;
        if let Some(neighbours) = neighbours {
            if self.neighbours > 0 {
                let generator = self.neighbour_config.init(neighbours.clone())?;
                sources = sources.with_source("neighbours", self.neighbours, generator)?;
            }
            if self.walks > 0 {
                let generator = WalkCandidates::new(neighbours, self.walk_config.clone())?;
                sources = sources.with_source("walks", self.walks, generator)?;
            }
        }
        Ok(sources)
    }
}
