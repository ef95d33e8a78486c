//! The sources and features of the experiment.

use std::sync::Arc;

use burn_recsys_baselines::{ImplicitAlsConfig, ItemKnnConfig, ItemScorer, RecentPopular};
use burn_recsys_data::{ColumnValues, Csr, FeatureTable, Interactions};
use burn_recsys_ranking::{
    CandidateSources, ItemFacts, ItemNeighbours, NeighbourCandidatesConfig, PopularCandidates, RankFeatures,
    VectorCandidates, WalkCandidates, WalkCandidatesConfig,
};
use burn_recsys_retrieval::ExactIndex;

const DAY: i64 = 86_400;

/// How sources are fitted; all was chosen inside the training rows.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Sources {
    /// Items that each source may give.
    #[arg(long, default_value_t = 200)]
    pub(crate) quota: usize,
    /// Size of the vectors of implicit ALS.
    #[arg(long, default_value_t = 16)]
    als_dimension: usize,
    /// Regularisation of implicit ALS.
    #[arg(long, default_value_t = 0.04)]
    als_l2: f64,
    /// Weight of what users have not met.
    #[arg(long, default_value_t = 0.3)]
    als_unobserved: f64,
    /// Days of the recent popularity.
    #[arg(long, default_value_t = 60)]
    popular_days: i64,
    /// Neighbours that each item keeps.
    #[arg(long, default_value_t = 100)]
    neighbours: usize,
    /// Shrinkage of the neighbours' similarity, in users.
    #[arg(long, default_value_t = 50.0)]
    knn_shrinkage: f32,
    /// How much less users with many items count for it.
    #[arg(long, default_value_t = 0.0)]
    knn_discount: f32,
    /// How much less every older item of a history counts.
    #[arg(long, default_value_t = 1.0)]
    decay: f32,
    /// Recent items that count.
    #[arg(long, default_value_t = 100)]
    recent: usize,
    /// Steps of the walks of a visit.
    #[arg(long, default_value_t = 2000)]
    walk_steps: usize,
}

impl Sources {
    /// Sources and features that know `rows` alone; the sources, those of at least `rating`.
    pub(crate) fn fit(
        &self,
        rows: &Interactions,
        rating: f32,
        genres: Option<&Csr>,
    ) -> burn_recsys_ranking::Result<(CandidateSources, RankFeatures)> {
        let liked = super::liked(rows, rating);
        let (positives, n_items) = (liked.items_by_user(), rows.n_items());
        let als = ImplicitAlsConfig {
            d_embedding: self.als_dimension,
            l2: self.als_l2,
            unobserved_weight: self.als_unobserved,
            ..ImplicitAlsConfig::default()
        };
        let als = als.fit(&positives, n_items)?;
        let index = ExactIndex::new(self.als_dimension, als.items().to_vec())?;
        let vectors =
            VectorCandidates::new(als.users().to_vec().into(), als.items().to_vec().into(), Arc::new(index))?;
        let knn = ItemKnnConfig {
            n_neighbours: self.neighbours,
            shrinkage: self.knn_shrinkage,
            user_discount: self.knn_discount,
        };
        let neighbours = ItemNeighbours::of_knn(&knn.fit(&positives, n_items)?, self.neighbours)?;
        let near = NeighbourCandidatesConfig { n_recent: self.recent, decay: self.decay };
        let walks = WalkCandidatesConfig {
            n_starts: self.recent,
            decay: self.decay,
            n_steps: self.walk_steps,
            ..WalkCandidatesConfig::default()
        };
        let times = liked.timestamps().unwrap_or_default();
        let until = times.iter().max().map_or(0, |last| last.saturating_add(1));
        let window = self.popular_days.saturating_mul(DAY);
        let popular = RecentPopular::new(n_items, liked.items(), times, until, window);
        let mut counts = vec![0.0; n_items];
        popular.score(&[0], &mut counts);
        let sources = CandidateSources::new()
            .with_source("als", self.quota, vectors)?
            .with_source("popular", self.quota, PopularCandidates::of_scores(&counts, n_items)?)?
            .with_source("neighbours", self.quota, near.init(neighbours.clone())?)?
            .with_source("walks", self.quota, WalkCandidates::new(neighbours.clone(), walks)?)?;
        let features =
            RankFeatures::new(sources.names().collect::<Vec<_>>(), ItemFacts::of(rows, window, genres)?);
        let features = features.with_user_means(user_means(rows).into()).with_neighbours(neighbours);
        Ok((sources, features))
    }
}

fn user_means(rows: &Interactions) -> Vec<f32> {
    let ratings = rows.ratings().unwrap_or_default();
    let mean = |of_user: &[u32]| {
        let sum: f64 =
            of_user.iter().filter_map(|&row| ratings.get(row as usize)).map(|&r| f64::from(r)).sum();
        // NaN of a user without ratings.
        (sum / of_user.len() as f64) as f32
    };
    rows.rows_by_user().rows().map(mean).collect()
}

/// The categories of every item, in the order of other ids.
pub(crate) fn genres(items: &FeatureTable, from: &Interactions, to: &Interactions) -> Option<Csr> {
    let ColumnValues::MultiCategorical { codes, .. } = items.column("genres")? else { return None };
    let old = to.item_ids().translate(from.item_ids());
    Some(Csr::from_rows(old.iter().map(|item| item.map_or(&[][..], |item| codes.row(item)))))
}
