//! From scores to places: diversity and exploration.

use burn_recsys_ranking::Candidates;

use crate::answer::cosine;
use crate::api::{RecommendRequest, RequestError};
use crate::model::ServingModel;

/// How many of the best candidates diversity chooses from, for every place.
const CHOICE: usize = 5;

/// One place of an answer.
pub(crate) struct Place {
    pub(crate) item: u32,
    /// Where the item stands among the candidates.
    pub(crate) position: usize,
    pub(crate) explored: bool,
}

impl ServingModel {
    /// The `k` places of an answer.
    pub(crate) fn rerank(
        &self,
        request: &RecommendRequest,
        candidates: &Candidates,
        scores: &[f32],
    ) -> Result<Vec<Place>, RequestError> {
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        // Positions ascend with items: ties go to the lower item.
        order.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
        if request.diversity > 0.0 {
            order.truncate(request.k * CHOICE + 50);
            order = self.diverse(request, candidates, scores, &order);
        }
        order.truncate(request.k);
        let place = |position: usize| Place { item: candidates.items()[position], position, explored: false };
        Ok(order.into_iter().map(place).collect())
    }

    /// Maximal marginal relevance over scores of 0 to 1.
    fn diverse(
        &self,
        request: &RecommendRequest,
        candidates: &Candidates,
        scores: &[f32],
        order: &[usize],
    ) -> Vec<usize> {
        let beta = request.diversity;
        let (Some(&first), Some(&last)) = (order.first(), order.last()) else { return Vec::new() };
        let span = (scores[first] - scores[last]).max(f32::MIN_POSITIVE);
        let relevance = |position: usize| (scores[position] - scores[last]) / span;
        let mut rest: Vec<(usize, f32)> = order.iter().map(|&position| (position, 0.0)).collect();
        let mut chosen = Vec::new();
        while chosen.len() < request.k && !rest.is_empty() {
            let value =
                |&(position, nearest): &(usize, f32)| (1.0 - beta) * relevance(position) - beta * nearest;
            let best = (1..rest.len())
                .fold(0, |best, at| if value(&rest[at]) > value(&rest[best]) { at } else { best });
            let (position, _) = rest.remove(best);
            chosen.push(position);
            let vector = self.vector(candidates.items()[position]);
            for (other, nearest) in &mut rest {
                *nearest = nearest.max(cosine(vector, self.vector(candidates.items()[*other])));
            }
        }
        chosen
    }
}
