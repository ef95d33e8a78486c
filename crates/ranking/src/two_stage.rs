//! Both stages together.

use burn_recsys_data::Interactions;
use burn_recsys_retrieval::{Hit, ItemFilter};
use serde::{Deserialize, Serialize};

use crate::best::best;
use crate::{
    BoostedTrees, BoostedTreesConfig, CandidateSources, Candidates, Error, ExamplesConfig, FirstStage, Found,
    RankFeatures, Ranker, RankingExamples, Result, TreeRanker, Visitor,
};

/// Sources that find candidates and a ranker that orders them.
pub struct TwoStage {
    sources: CandidateSources,
    ranker: Box<dyn Ranker>,
}

/// An item of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommended {
    /// The item's index.
    pub item: u32,
    /// The ranker's score.
    pub score: f32,
    /// How each source found it, in the order of the sources.
    pub found: Vec<Option<Found>>,
}

impl TwoStage {
    /// These sources, ranked by this.
    pub fn new(sources: CandidateSources, ranker: impl Ranker + 'static) -> Self {
        TwoStage { sources, ranker: Box::new(ranker) }
    }

    /// The sources.
    pub fn sources(&self) -> &CandidateSources {
        &self.sources
    }

    /// The ranker.
    pub fn ranker(&self) -> &dyn Ranker {
        &*self.ranker
    }

    /// The best `k` candidates, best first, ties by the lower item; fewer if fewer are found.
    ///
    /// # Errors
    /// If a source or the ranker fails.
    pub fn recommend(
        &self,
        visitor: &Visitor<'_>,
        filter: &ItemFilter<'_>,
        k: usize,
    ) -> Result<Vec<Recommended>> {
        let candidates = self.sources.candidates(visitor, filter)?;
        let recommended = |hit: Hit| {
            let found =
                candidates.items().binary_search(&hit.item).map(|position| candidates.found(position));
            Recommended { item: hit.item, score: hit.score, found: found.unwrap_or_default().to_vec() }
        };
        Ok(rank(&*self.ranker, visitor, &candidates, k)?.into_iter().map(recommended).collect())
    }
}

impl std::fmt::Debug for TwoStage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TwoStage").field("sources", &self.sources).finish_non_exhaustive()
    }
}

/// The best `k` candidates by a ranker, best first, ties by the lower item.
///
/// # Errors
/// If the ranker fails, gives another number of scores, or one that is NaN.
pub fn rank(
    ranker: &dyn Ranker,
    visitor: &Visitor<'_>,
    candidates: &Candidates,
    k: usize,
) -> Result<Vec<Hit>> {
    let scores = ranker.scores(visitor, candidates)?;
    if scores.len() != candidates.len() {
        let (found, expected) = (scores.len(), candidates.len());
        return Err(Error::Misfit { what: "scores of candidates".into(), found, expected });
    }
    let hits: Vec<Hit> =
        candidates.items().iter().zip(scores).map(|(&item, score)| Hit { item, score }).collect();
    match hits.iter().find(|hit| hit.score.is_nan()) {
        Some(hit) => {
            Err(Error::Retrieval(burn_recsys_retrieval::Error::NanScore { query: 0, item: hit.item }))
        }
        None => Ok(best(hits, k)),
    }
}

/// How a [`TwoStage`] with trees is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TwoStageConfig {
    /// The trees.
    pub trees: BoostedTreesConfig,
    /// The examples.
    pub examples: ExamplesConfig,
    /// The latest part of the training rows, which gives the labels, cut into
    /// [`n_periods`](Self::n_periods); above 0, below 1. Default 0.2.
    pub label_fraction: f64,
    /// How many periods the labels are from; sources and features are fitted anew before each. From 1.
    /// Default 1.
    pub n_periods: usize,
    /// How many periods a visit's labels are from, the one that begins there and those after it; from 1. With
    /// several, a later item gives labels to several visits. Default 1.
    pub periods_of_labels: usize,
    /// Whether scores may not fall when one of [`RankFeatures::increasing`] rises, beside what the trees'
    /// configuration says. Default true.
    pub is_monotone: bool,
}

impl Default for TwoStageConfig {
    fn default() -> Self {
        TwoStageConfig {
            trees: BoostedTreesConfig::default(),
            examples: ExamplesConfig::default(),
            label_fraction: 0.2,
            n_periods: 1,
            periods_of_labels: 1,
            is_monotone: true,
        }
    }
}

impl TwoStageConfig {
    /// Fits both stages to the training rows.
    ///
    /// The trees learn from candidates that `make` finds when it is shown the rows before a period alone, and
    /// from what users met in that period. Then `make` is shown all rows, for serving.
    ///
    /// # Errors
    /// If a parameter is out of range, the rows have no timestamps or too few different ones, no user met a
    /// candidate, or `make` fails.
    pub fn fit(
        &self,
        rows: &Interactions,
        make: impl Fn(&Interactions) -> Result<(CandidateSources, RankFeatures)>,
    ) -> Result<TwoStage> {
        let examples = self.examples(rows, &make)?;
        let (sources, features) = FirstStage::fit(rows, &make)?.into_parts();
        let trees = self.fit_trees(&examples, &features)?;
        Ok(TwoStage::new(sources, TreeRanker::new(features, trees)?))
    }

    /// The trees alone, of examples of these features.
    ///
    /// # Errors
    /// As [`BoostedTreesConfig::fit`].
    pub fn fit_trees(&self, examples: &RankingExamples, features: &RankFeatures) -> Result<BoostedTrees> {
        let mut trees = self.trees.clone();
        if self.is_monotone {
            trees.increasing.extend(features.increasing());
        }
        trees.fit(examples)
    }

    /// What the trees learn from.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn examples(
        &self,
        rows: &Interactions,
        make: impl Fn(&Interactions) -> Result<(CandidateSources, RankFeatures)>,
    ) -> Result<RankingExamples> {
        let cuts = self.cuts(rows)?;
        let times = rows.timestamps().unwrap_or_default();
        let mut all: Option<RankingExamples> = None;
        for (period, &begin) in cuts[..cuts.len() - 1].iter().enumerate() {
            let end = cuts[period.saturating_add(self.periods_of_labels).min(cuts.len() - 1)];
            let first = FirstStage::fit(&rows.retain(|row| times[row] < begin), &make)?;
            let later = rows.retain(|row| (begin..end).contains(&times[row]));
            let examples = RankingExamples::of_later_rows(&first, &later, &self.examples)?;
            match &mut all {
                None => all = Some(examples),
                Some(all) => all.append(examples)?,
            }
        }
        all.ok_or_else(|| Error::Parameter { parameter: "n_periods", message: "there is no period".into() })
    }

    /// Where periods begin, and a moment after the last one.
    fn cuts(&self, rows: &Interactions) -> Result<Vec<i64>> {
        let refuse = |parameter, message: String| Err(Error::Parameter { parameter, message });
        if !(self.label_fraction > 0.0 && self.label_fraction < 1.0) {
            return refuse("label_fraction", format!("{} is not between 0 and 1", self.label_fraction));
        }
        if !(1..=1000).contains(&self.n_periods) {
            return refuse("n_periods", format!("{} is not from 1 to 1000", self.n_periods));
        }
        if self.periods_of_labels == 0 {
            return refuse("periods_of_labels", "0 periods give no labels; take 1 or more".into());
        }
        let mut times = rows.timestamps().unwrap_or_default().to_vec();
        times.sort_unstable();
        let Some(&last) = times.last() else {
            return refuse("rows", "there are no rows with timestamps".into());
        };
        let cut = |period: usize| {
            let part = self.label_fraction * (1.0 - period as f64 / self.n_periods as f64);
            times[(((1.0 - part) * times.len() as f64) as usize).min(times.len() - 1)]
        };
        let mut cuts: Vec<i64> = (0..self.n_periods).map(cut).chain([last.saturating_add(1)]).collect();
        cuts.dedup();
        if cuts[0] == times[0] {
            return refuse("rows", "no row is before the labels; there are too few different moments".into());
        }
        Ok(cuts)
    }
}

#[cfg(test)]
mod tests;
