//! Which metrics are measured on what is there.

use std::sync::Arc;

use burn_recsys_metrics::beyond::{
    AveragePopularity, CategorySets, IntraListDiversity, InverseUserFrequency, ItemPopularity,
    JaccardDistance, Overlap, Serendipity, Surprisal, Unexpectedness, UnseenShare,
};
use burn_recsys_metrics::catalogue::{CatalogueMetric, Coverage, Entropy, Gini, TailShare};
use burn_recsys_metrics::ranking::{
    AchievablePrecision, FBeta, Gain, Ndcg, RPrecision, RankBiasedPrecision, RankingMetric, RocAuc,
    standard_metrics,
};
use burn_recsys_metrics::{Grouping, Lists, RankingEvaluator};

use crate::Result;
use crate::input::Input;

/// What the training part says of users and items.
pub(crate) struct Training {
    histories: Arc<Lists>,
    popularity: Arc<ItemPopularity>,
    /// Items that someone met.
    catalogue: Vec<u32>,
    user_counts: Vec<u64>,
    item_counts: Vec<u64>,
}

impl Training {
    pub(crate) fn of(input: &Input) -> Result<Option<Self>> {
        let Some(rows) = &input.train else { return Ok(None) };
        let (n_users, n_items) = (input.user_ids.len(), input.item_ids.len());
        let (users, items) = (&rows.users, &rows.items);
        let popularity = ItemPopularity::of_pairs(n_users, n_items, users, items)?;
        let item_counts: Vec<u64> =
            (0..n_items as u32).map(|item| popularity.n_interactions_of(item)).collect();
        let mut user_counts = vec![0; n_users];
        users.iter().for_each(|&user| user_counts[user as usize] += 1);
        Ok(Some(Training {
            histories: Arc::new(Lists::of_pairs(n_users, users, items)?),
            popularity: Arc::new(popularity),
            catalogue: (0..n_items as u32).filter(|&item| item_counts[item as usize] > 0).collect(),
            user_counts,
            item_counts,
        }))
    }

    pub(crate) fn catalogue(&self) -> &[u32] {
        &self.catalogue
    }

    pub(crate) fn users_by_activity(&self) -> Grouping {
        Grouping::users_by_activity(&self.user_counts)
    }

    pub(crate) fn items_by_popularity(&self) -> Grouping {
        Grouping::items_by_popularity(&self.item_counts)
    }

    fn catalogue_metrics(&self) -> Vec<Box<dyn CatalogueMetric>> {
        // The tail of the slices: all but the head that gathers four fifths of the interactions.
        let popularity = self.items_by_popularity();
        let is_head =
            |item: u32| popularity.slice_of(item).is_some_and(|slice| popularity.slices()[slice] == "head");
        let tail = (0..self.item_counts.len() as u32).filter(|&item| !is_head(item));
        vec![Box::new(Coverage), Box::new(Gini), Box::new(Entropy), Box::new(TailShare::new(tail))]
    }
}

/// An evaluator of everything that can be measured on `input`, with the overlap with `other` lists.
pub(crate) fn evaluator(
    input: &Input,
    training: Option<&Training>,
    other: Option<&Lists>,
    cutoffs: &[usize],
    is_graded: bool,
) -> Result<RankingEvaluator> {
    let mut metrics: Vec<Box<dyn RankingMetric>> = Vec::new();
    for &k in cutoffs {
        metrics.extend(of_lists(k, is_graded)?);
    }
    metrics.push(Box::new(RPrecision));
    let distance = input.categories.as_ref().map(|categories| {
        let rows = (0..input.item_ids.len() as u32).map(|item| categories.of_items.of_user(item));
        Arc::new(JaccardDistance::new(Arc::new(CategorySets::from_rows(rows))))
    });
    for &k in cutoffs {
        if let Some(Training { popularity, histories, catalogue, .. }) = training {
            metrics.push(Box::new(UnseenShare::new(k, Arc::clone(histories))?));
            metrics.push(Box::new(InverseUserFrequency::new(k, Arc::clone(popularity))?));
            // The logarithm of one user is 0.
            if popularity.n_users() > 1 {
                metrics.push(Box::new(Surprisal::new(k, Arc::clone(popularity))?));
            }
            metrics.push(Box::new(AveragePopularity::new(k, Arc::clone(popularity))?));
            metrics.push(Box::new(Serendipity::new(k, Arc::clone(popularity), catalogue.len())?));
        }
        if let Some(base) = &input.base {
            metrics.push(Box::new(Unexpectedness::new(k, base)?));
        }
        if let Some(other) = other {
            metrics.push(Box::new(Overlap::new(k, other)?));
        }
        if let Some(distance) = &distance {
            metrics.push(Box::new(IntraListDiversity::new(k, Arc::clone(distance))?));
        }
    }
    let mut evaluator = RankingEvaluator::new(metrics)?;
    if let Some(training) = training {
        for &k in cutoffs {
            let items = training.catalogue.iter().copied();
            evaluator = evaluator.with_catalogue(k, items, training.catalogue_metrics())?;
        }
    }
    Ok(evaluator)
}

fn of_lists(k: usize, is_graded: bool) -> Result<Vec<Box<dyn RankingMetric>>> {
    let mut metrics = standard_metrics(k)?;
    let more: [Box<dyn RankingMetric>; 4] = [
        Box::new(FBeta::new(k, 1.0)?),
        Box::new(AchievablePrecision::new(k)?),
        Box::new(RankBiasedPrecision::new(k, 0.8)?),
        Box::new(RocAuc::new(k)?),
    ];
    metrics.extend(more);
    if is_graded {
        metrics.insert(1, Box::new(Ndcg::new(k)?.with_gain(Gain::Linear)));
        metrics.insert(2, Box::new(Ndcg::new(k)?.with_gain(Gain::Exponential)));
    }
    Ok(metrics)
}
