//! From scores to places: what was shown before, diversity, exploration, caps.

use burn_recsys_ranking::Candidates;
use burn_recsys_retrieval::Hit;
use burn_recsys_retrieval::rerank::{
    Exploration, Placed, Record, Rules, cosine, discount_impressions, maximal_marginal_relevance,
};

use crate::answer::failed;
use crate::api::{RecommendRequest, RequestError};
use crate::model::ServingModel;

/// How many of the best candidates are looked at for every place, and how many more.
const CHOICE: (usize, usize) = (5, 50);
/// What remains of a score for every time that an item was shown and passed over.
const SHOWN_DECAY: f32 = 0.5;

/// One place of an answer.
pub(crate) struct Place {
    pub(crate) item: u32,
    /// Where the item stands among the candidates.
    pub(crate) position: usize,
    pub(crate) explored: bool,
}

impl ServingModel {
    /// The `k` places of an answer; `shown` are items that were shown before and passed over.
    pub(crate) fn rerank(
        &self,
        request: &RecommendRequest,
        history: &[u32],
        shown: &[u32],
        candidates: &Candidates,
        scores: &[f32],
    ) -> Result<Vec<Place>, RequestError> {
        if scores.len() != candidates.len() {
            return Err(failed(format!("{} scores for {} candidates", scores.len(), candidates.len())));
        }
        let mut hits: Vec<Hit> =
            candidates.items().iter().zip(scores).map(|(&item, &score)| Hit { item, score }).collect();
        let by_score = |a: &Hit, b: &Hit| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item));
        hits.sort_unstable_by(by_score);
        // Scores of 0 to 1, as similarities are; 0 is worth nothing.
        if let (Some(&Hit { score: best, .. }), Some(&Hit { score: worst, .. })) = (hits.first(), hits.last())
        {
            let span = (best - worst).max(f32::MIN_POSITIVE);
            hits.iter_mut().for_each(|hit| hit.score = (hit.score - worst) / span);
        }
        if !shown.is_empty() {
            let times = |item: u32| shown.iter().filter(|&&other| other == item).count() as u32;
            hits = discount_impressions(&hits, SHOWN_DECAY, 0.0, times).map_err(failed)?;
        }
        hits.truncate(request.k.saturating_mul(CHOICE.0) + CHOICE.1);
        if request.diversity > 0.0 {
            let alike = cosine(self.items.dimension, &self.items.vectors);
            let mut diverse =
                maximal_marginal_relevance(&hits, request.k, request.diversity, alike).map_err(failed)?;
            // Exploration and caps may need more than k.
            let mut chosen: Vec<u32> = diverse.iter().map(|hit| hit.item).collect();
            chosen.sort_unstable();
            diverse.extend(hits.into_iter().filter(|hit| chosen.binary_search(&hit.item).is_err()));
            hits = diverse;
        }
        let categories = |item: u32| self.items.categories.row(item);
        let mut page: Vec<Placed> = hits.iter().map(|&hit| Placed { hit, explores: None }).collect();
        if request.exploration > 0.0 {
            let mut seen = vec![0_u32; self.items.category_names.len()];
            for &item in history.iter().chain(shown) {
                categories(item).iter().for_each(|&category| seen[category as usize] += 1);
            }
            // Only how much a category was seen: what was chosen of it has its places by its scores.
            let record = |category: u32| Record { shown: seen[category as usize], chosen: 0 };
            let exploration = Exploration { share: f64::from(request.exploration), seed: 0 };
            let visit = (visitor_key(request), request.visit);
            // A cap may leave out some of the places.
            let n_places = if request.max_per_category.is_some() { 2 * request.k } else { request.k };
            page = exploration.apply(&hits, n_places, visit, categories, record).map_err(failed)?;
        }
        if let Some(cap) = request.max_per_category {
            let mut names: Vec<u32> =
                page.iter().flat_map(|placed| categories(placed.hit.item)).copied().collect();
            names.sort_unstable();
            names.dedup();
            let caps: Vec<(u32, usize)> = names.into_iter().map(|name| (name, cap)).collect();
            let hits: Vec<Hit> = page.iter().map(|placed| placed.hit).collect();
            let rules = Rules { caps: &caps, ..Rules::default() };
            let kept = rules.apply(&hits, request.k, categories).map_err(failed)?;
            page.retain(|placed| kept.iter().any(|hit| hit.item == placed.hit.item));
        }
        page.truncate(request.k);
        let place = |placed: Placed| {
            let position = candidates.items().binary_search(&placed.hit.item).ok()?;
            Some(Place { item: placed.hit.item, position, explored: placed.explores.is_some() })
        };
        Ok(page.into_iter().filter_map(place).collect())
    }
}

/// A number for whoever asks, the same for every version: FNV-1a of the user's id, else of the history's.
fn visitor_key(request: &RecommendRequest) -> u64 {
    let ids = request.user.iter().chain(request.history.iter().flatten());
    let bytes = ids.flat_map(|id| id.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |key, byte| (key ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
