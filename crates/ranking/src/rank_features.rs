//! What a ranker knows of a candidate.

use burn_recsys_baselines::recent_items;
use burn_recsys_retrieval::Buffer;

use crate::{Candidates, Error, ItemFacts, ItemNeighbours, ReciprocalRankFusion, Result, Visitor};

/// How many of the latest items are the recent history.
const RECENT: usize = 10;

/// How many of the latest items neighbours are looked up for.
const NEAR: usize = 50;

/// Features of candidates, in a fixed order, each with a name.
///
/// | name | what |
/// |---|---|
/// | `S.score` | the score that source S gave; NaN if it did not find the item |
/// | `S.relative_score` | that score over the highest one of S in this visit, where that is above 0; NaN likewise |
/// | `S.reciprocal_rank` | 1 / its rank there; NaN likewise |
/// | `n_sources` | how many sources found it |
/// | `best_reciprocal_rank` | the largest reciprocal rank of all sources |
/// | `fusion` | the score of [`ReciprocalRankFusion`](crate::ReciprocalRankFusion) |
/// | `item.log_count` | ln(1 + interactions) |
/// | `item.log_recent_count` | ln(1 + late interactions) |
/// | `item.trend` | the difference of the two |
/// | `item.mean_rating` | NaN if there is none |
/// | `user.log_history` | ln(1 + items of the history) |
/// | `user.mean_rating` | if [`with_user_means`](Self::with_user_means) gave it |
/// | `category_share` | the part of the history in a category of the item; the mean over its categories |
/// | `category_recent_share` | the same of the last 10 items |
/// | `near.max`, `near.mean` | the largest weight to it, and the mean one, among the last 50 different items; if [`with_neighbours`](Self::with_neighbours) gave neighbours |
///
/// All of it must be known before the visit: [`FirstStage`](crate::FirstStage) sees to that in training.
#[derive(Debug, Clone)]
pub struct RankFeatures {
    sources: Vec<String>,
    facts: ItemFacts,
    user_means: Option<Buffer<f32>>,
    neighbours: Option<ItemNeighbours>,
}

impl RankFeatures {
    /// Features of candidates from these sources.
    pub fn new<S: Into<String>>(sources: impl IntoIterator<Item = S>, facts: ItemFacts) -> Self {
        RankFeatures {
            sources: sources.into_iter().map(Into::into).collect(),
            facts,
            user_means: None,
            neighbours: None,
        }
    }

    /// Adds the mean rating that each user gave.
    ///
    /// # Shapes
    /// - `means`: `[n_users]`, NaN where there is none
    pub fn with_user_means(mut self, means: Buffer<f32>) -> Self {
        self.user_means = Some(means);
        self
    }

    /// Adds how near a candidate is to the history.
    pub fn with_neighbours(mut self, neighbours: ItemNeighbours) -> Self {
        self.neighbours = Some(neighbours);
        self
    }

    /// The sources' names, in their order.
    pub fn source_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.sources.iter().map(String::as_str)
    }

    /// The names of the features of which more is never worse: what sources gave, and nearness to the history.
    /// Trees that keep to it ([`BoostedTreesConfig::increasing`](crate::BoostedTreesConfig)) are fooled less by
    /// few examples.
    pub fn increasing(&self) -> Vec<String> {
        let is_increasing = |name: &String| {
            let of_source = self
                .sources
                .iter()
                .any(|source| name.strip_prefix(source.as_str()).is_some_and(|rest| rest.starts_with('.')));
            of_source
                || ["n_sources", "best_reciprocal_rank", "fusion", "near.max", "near.mean"]
                    .contains(&name.as_str())
        };
        self.names().into_iter().filter(is_increasing).collect()
    }

    /// The names of the features, in their order.
    pub fn names(&self) -> Vec<String> {
        let of_source = |source: &String| {
            ["score", "relative_score", "reciprocal_rank"].map(|name| format!("{source}.{name}"))
        };
        let mut names: Vec<String> = self.sources.iter().flat_map(of_source).collect();
        let mut add = |more: &[&str]| names.extend(more.iter().map(|&name| name.to_owned()));
        add(&["n_sources", "best_reciprocal_rank", "fusion", "item.log_count", "item.log_recent_count"]);
        add(&["item.trend", "item.mean_rating", "user.log_history"]);
        if self.user_means.is_some() {
            add(&["user.mean_rating"]);
        }
        add(&["category_share", "category_recent_share"]);
        if self.neighbours.is_some() {
            add(&["near.max", "near.mean"]);
        }
        names
    }

    /// The number of features.
    pub fn n_features(&self) -> usize {
        let optional = usize::from(self.user_means.is_some()) + 2 * usize::from(self.neighbours.is_some());
        3 * self.sources.len() + 10 + optional
    }

    /// The features of every candidate.
    ///
    /// # Shapes
    /// - returns `[n_candidates, n_features]`, row-major
    ///
    /// # Errors
    /// If the candidates come from another number of sources.
    pub fn rows(&self, visitor: &Visitor<'_>, candidates: &Candidates) -> Result<Vec<f32>> {
        if candidates.n_sources() != self.sources.len() {
            return Err(Error::Misfit {
                what: "sources of candidates".into(),
                found: candidates.n_sources(),
                expected: self.sources.len(),
            });
        }
        let history = visitor.history;
        let recent = &history[history.len().saturating_sub(RECENT)..];
        let (shares, recent_shares) = (self.category_shares(history), self.category_shares(recent));
        let near =
            self.neighbours.as_ref().map(|neighbours| nearness(neighbours, history, candidates.items()));
        let user_mean = self
            .user_means
            .as_ref()
            .map(|means| visitor.user.and_then(|user| means.get(user as usize)).copied().unwrap_or(f32::NAN));
        let log_history = (history.len() as f32).ln_1p();
        let highest = highest_scores(candidates);
        let mut rows = Vec::with_capacity(candidates.len() * self.n_features());
        for (position, &item) in candidates.items().iter().enumerate() {
            let found = candidates.found(position);
            let mut best: f32 = 0.0;
            for (source, &highest) in found.iter().zip(&highest) {
                let (score, rank) =
                    source.map_or((f32::NAN, f32::NAN), |found| (found.score, found.rank as f32));
                let relative = if highest > 0.0 { score / highest } else { f32::NAN };
                rows.extend([score, relative, 1.0 / rank]);
                // The maximum passes NaN over.
                best = best.max(1.0 / rank);
            }
            let (count, late) = (self.facts.count(item).ln_1p(), self.facts.recent_count(item).ln_1p());
            let n_sources = found.iter().flatten().count() as f32;
            let fused = ReciprocalRankFusion::default().score(found);
            rows.extend([
                n_sources,
                best,
                fused,
                count,
                late,
                late - count,
                self.facts.mean_rating(item),
                log_history,
            ]);
            rows.extend(user_mean);
            let categories = self.facts.categories(item);
            rows.extend([mean_share(&shares, categories), mean_share(&recent_shares, categories)]);
            rows.extend(near.iter().flat_map(|near| near[position]));
        }
        Ok(rows)
    }

    /// The part of `items` that is in each category.
    fn category_shares(&self, items: &[u32]) -> Vec<f32> {
        let mut shares = vec![0.0; self.facts.n_categories()];
        let share = 1.0 / items.len().max(1) as f32;
        for &category in items.iter().flat_map(|&item| self.facts.categories(item)) {
            shares[category as usize] += share;
        }
        shares
    }
}

/// The highest score of every source; negative infinity for one that found nothing.
fn highest_scores(candidates: &Candidates) -> Vec<f32> {
    let mut highest = vec![f32::NEG_INFINITY; candidates.n_sources()];
    for position in 0..candidates.len() {
        for (highest, found) in highest.iter_mut().zip(candidates.found(position)) {
            *highest = found.map_or(*highest, |found| highest.max(found.score));
        }
    }
    highest
}

/// NaN for an item without categories.
fn mean_share(shares: &[f32], categories: &[u32]) -> f32 {
    let sum: f32 = categories.iter().map(|&category| shares[category as usize]).sum();
    sum / categories.len() as f32
}

/// The largest and the mean weight from the latest items of `history` to each of `candidates`, ascending; NaN
/// without history.
fn nearness(neighbours: &ItemNeighbours, history: &[u32], candidates: &[u32]) -> Vec<[f32; 2]> {
    let starts = recent_items(history, NEAR, 1.0, |item| (item as usize) < neighbours.n_items());
    if starts.is_empty() {
        return vec![[f32::NAN; 2]; candidates.len()];
    }
    let mut near = vec![[0.0f32; 2]; candidates.len()];
    for start in &starts {
        let (items, weights) = neighbours.row(start.item);
        for (item, &weight) in items.iter().zip(weights) {
            if let Ok(position) = candidates.binary_search(item) {
                let [max, sum] = &mut near[position];
                *max = max.max(weight);
                *sum += weight;
            }
        }
    }
    near.iter_mut().for_each(|[_, sum]| *sum /= starts.len() as f32);
    near
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ItemFactColumns;
    use burn_recsys_retrieval::Hit;

    fn facts() -> ItemFacts {
        ItemFacts::new(ItemFactColumns {
            counts: vec![9.0, 1.0, 0.0, 3.0].into(),
            recent_counts: vec![0.0, 1.0, 0.0, 3.0].into(),
            mean_ratings: vec![4.5, 2.0, f32::NAN, 3.0].into(),
            category_offsets: vec![0, 2, 3, 3, 4].into(),
            categories: vec![0, 1, 1, 2].into(),
        })
        .unwrap()
    }

    fn neighbours() -> ItemNeighbours {
        let hit = |item, score| Hit { item, score };
        let rows = [vec![hit(1, 0.5), hit(3, 0.25)], vec![hit(3, 1.0)], vec![], vec![]];
        ItemNeighbours::from_rows(rows, 9).unwrap()
    }

    /// Equal, or both NaN.
    fn assert_same(found: &[f32], expected: &[f32]) {
        let bits = |values: &[f32]| {
            values.iter().map(|&value| (value + 0.0).to_bits() & 0x7FFF_FFFF).collect::<Vec<_>>()
        };
        let whole = |value: &f32| if value.is_nan() { f32::NAN } else { *value };
        let clean = |values: &[f32]| values.iter().map(whole).collect::<Vec<_>>();
        assert_eq!(bits(&clean(found)), bits(&clean(expected)), "{found:?} {expected:?}");
    }

    #[test]
    fn features_by_hand() {
        let features = RankFeatures::new(["a", "b"], facts())
            .with_user_means(vec![3.5].into())
            .with_neighbours(neighbours());
        let list = |hits: &[(u32, f32)]| hits.iter().map(|&(item, score)| Hit { item, score }).collect();
        let candidates = Candidates::merge(&[list(&[(3, 8.0)]), list(&[(2, 0.5), (3, 0.25)])]);
        let visitor = Visitor { user: Some(0), history: &[0, 1, 0], visit: 0 };
        let rows = features.rows(&visitor, &candidates).unwrap();
        assert_eq!(rows.len(), 2 * features.n_features());
        assert_eq!(features.names().len(), features.n_features());
        let nan = f32::NAN;
        let ln4 = 3f32.ln_1p();
        // Item 2: by b alone; no interaction, no category, near nothing.
        let unknown = [
            nan,
            nan,
            nan,
            0.5,
            1.0,
            1.0,
            1.0,
            1.0,
            1.0 / 61.0,
            0.0,
            0.0,
            0.0,
            nan,
            ln4,
            3.5,
            nan,
            nan,
            0.0,
            0.0,
        ];
        assert_same(&rows[..19], &unknown);
        // Item 3: its category 2 is not in the history; weights 0.25 from item 0, 1 from item 1.
        let known = [
            8.0,
            1.0,
            1.0,
            0.25,
            0.5,
            0.5,
            2.0,
            1.0,
            1.0 / 61.0 + 1.0 / 62.0,
            ln4,
            ln4,
            0.0,
            3.0,
            ln4,
            3.5,
            0.0,
            0.0,
            1.0,
            1.25 / 2.0,
        ];
        assert_same(&rows[19..], &known);
        let candidates = Candidates::merge(&[list(&[(0, 1.0)]), vec![]]);
        let rows = features.rows(&Visitor { user: None, ..visitor }, &candidates).unwrap();
        // Category 0 is in two of three, category 1 in all.
        let third = 1.0f32 / 3.0;
        let shares = ((third + third) + (third + third + third)) / 2.0;
        assert_same(&rows[14..], &[nan, shares, shares, 0.0, 0.0]);
    }

    #[test]
    fn what_is_not_known_has_no_feature() {
        let features = RankFeatures::new(["a"], facts());
        assert_eq!((features.n_features(), features.names().len()), (13, 13));
        let candidates = Candidates::merge(&[vec![Hit { item: 0, score: 1.0 }]]);
        assert_eq!(features.rows(&Visitor::default(), &candidates).unwrap().len(), 13);
        // An item that does not exist is described by NaN and 0.
        let unknown = Candidates::merge(&[vec![Hit { item: 99, score: 1.0 }]]);
        assert_eq!(
            features.rows(&Visitor { history: &[77], ..Visitor::default() }, &unknown).unwrap().len(),
            13
        );
        assert!(RankFeatures::new(["a", "b"], facts()).rows(&Visitor::default(), &candidates).is_err());
    }
}
