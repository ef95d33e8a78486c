//! A static model that is fitted anew as events pass.

use std::ops::Range;

use burn_recsys_baselines::Popular;
use burn_recsys_data::Csr;
use burn_recsys_models::ItemScorer;

use super::{Choice, Contender, Epochs, TrainPart};
use crate::{InteractionEvents, LinkScorer, Result};

/// Fits a model again, with the parameters that were chosen, whenever events have passed: what a static model can do
/// with all that a streaming one knows. Users that have met nothing get the most popular items.
pub struct RefittedLinks<'a> {
    contender: &'a dyn Contender,
    choice: Choice,
    seed: u64,
    n_items: usize,
    /// For every user the items met, ascending and unique.
    met: Vec<Vec<u32>>,
    scorer: Box<dyn ItemScorer>,
    popular: Popular,
}

impl std::fmt::Debug for RefittedLinks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefittedLinks").field("choice", &self.choice).finish_non_exhaustive()
    }
}

impl<'a> RefittedLinks<'a> {
    /// Begins with a fit to the training part.
    ///
    /// # Errors
    /// If the model cannot be fitted.
    ///
    /// # Panics
    /// If there is no such candidate.
    pub fn new(
        contender: &'a dyn Contender,
        choice: Choice,
        train: TrainPart<'_>,
        seed: u64,
    ) -> Result<Self> {
        let met: Vec<Vec<u32>> = train.positives.rows().map(<[u32]>::to_vec).collect();
        let (scorer, popular) = fit(contender, choice, &met, train.n_items, seed)?;
        Ok(RefittedLinks { contender, choice, seed, n_items: train.n_items, met, scorer, popular })
    }
}

fn fit(
    contender: &dyn Contender,
    choice: Choice,
    met: &[Vec<u32>],
    n_items: usize,
    seed: u64,
) -> Result<(Box<dyn ItemScorer>, Popular)> {
    let positives = Csr::from_rows(met);
    let popular = Popular::new(n_items, &met.concat());
    let epochs = choice.n_epochs.map_or(Epochs::Configured, Epochs::Exactly);
    let train = TrainPart { positives: &positives, n_items };
    Ok((contender.fit(choice.candidate, train, seed, epochs)?, popular))
}

impl LinkScorer for RefittedLinks<'_> {
    fn score(&mut self, events: &InteractionEvents, rows: Range<usize>, scores: &mut [f32]) {
        for (row, scores) in rows.zip(scores.chunks_exact_mut(self.n_items)) {
            let user = events.user(row);
            match self.met[user as usize].is_empty() {
                true => self.popular.score(&[user], scores),
                false => self.scorer.score(&[user], scores),
            }
        }
    }

    fn pass(&mut self, events: &InteractionEvents, rows: Range<usize>) -> Result<()> {
        for row in rows {
            let (met, item) = (&mut self.met[events.user(row) as usize], events.item(row));
            if let Err(at) = met.binary_search(&item) {
                met.insert(at, item);
            }
        }
        (self.scorer, self.popular) = fit(self.contender, self.choice, &self.met, self.n_items, self.seed)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RatingScale;
    use crate::protocol::ProtocolModel;
    use burn::tensor::Device;
    use burn_recsys_data::{IdMap, Interactions};
    use std::sync::Arc;

    #[test]
    fn it_is_the_model_of_all_that_has_passed() {
        let ids = |n| Arc::new(IdMap::from_integers(0..n));
        let (users, items) = (vec![0, 0, 1, 1, 2, 2], vec![0, 1, 1, 2, 0, 2]);
        let rows = Interactions::new(ids(4), ids(3), users, items, None, Some((0..6).collect())).unwrap();
        let events = InteractionEvents::new(&rows, RatingScale::of(&rows)).unwrap();
        let contender = ProtocolModel::ItemKnn.contender(&Device::default());
        let choice = Choice { candidate: 0, n_epochs: None, score: None };
        let scores = |rows: &[Vec<u32>], passing: Range<usize>| {
            let positives = Csr::from_rows(rows);
            let train = TrainPart { positives: &positives, n_items: 3 };
            let mut links = RefittedLinks::new(contender.as_ref(), choice, train, 1).unwrap();
            links.pass(&events, passing).unwrap();
            let mut scores = vec![0.0; 18];
            links.score(&events, 0..6, &mut scores);
            scores
        };
        let whole = [vec![0, 1], vec![1, 2], vec![0, 2], vec![]];
        let begun = [vec![0, 1], vec![1], vec![], vec![]];
        assert_eq!(scores(&whole, 0..0), scores(&begun, 3..6));
        assert_ne!(scores(&whole, 0..0), scores(&begun, 0..0));
        // Of user 2 nothing is known at first: item 1 is the most popular.
        assert_eq!(scores(&begun, 0..0)[12..15], [1.0, 2.0, 0.0]);
    }
}
