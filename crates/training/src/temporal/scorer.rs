//! A temporal graph network that scores items as events pass.

use std::ops::Range;

use burn_recsys_embeddings::Tape;
use burn_recsys_models::{TemporalGraphNetwork, TemporalQuery, TemporalState};

use super::InteractionEvents;
use super::stream::LinkScorer;
use crate::Result;

/// Users that are compared with all items at once.
const BLOCK: usize = 16;

/// Scores by the vectors of now. The weights stay; the state learns of every event that passes.
#[derive(Debug)]
pub struct TemporalScorer<'a> {
    model: &'a TemporalGraphNetwork,
    state: TemporalState,
}

impl<'a> TemporalScorer<'a> {
    /// Begins with a state, such as that after the training part.
    pub fn new(model: &'a TemporalGraphNetwork, state: TemporalState) -> Self {
        TemporalScorer { model, state }
    }

    /// What it knows by now.
    pub fn state(&self) -> &TemporalState {
        &self.state
    }
}

impl LinkScorer for TemporalScorer<'_> {
    fn score(&mut self, events: &InteractionEvents, rows: Range<usize>, scores: &mut [f32]) {
        let (n, n_items) = (rows.len(), events.n_items());
        assert!(scores.len() == n * n_items, "{} scores for {n} events, {n_items} items", scores.len());
        if n == 0 {
            return;
        }
        // As in training, items are as of the beginning of the batch.
        let begin = events.events().times()[rows.start];
        let users = rows.map(|row| events.query_user(row));
        let items =
            (0..n_items as u32).map(|item| TemporalQuery { node: events.node_of_item(item), time: begin });
        let queries: Vec<TemporalQuery> = users.chain(items).collect();
        let vectors = self.model.embed(&self.state.view(&queries), &mut Tape::off()).vectors;
        let items = vectors.clone().narrow(0, n, n_items);
        for (first, out) in (0..n).step_by(BLOCK).zip(scores.chunks_mut(BLOCK * n_items)) {
            let users = vectors.clone().narrow(0, first, BLOCK.min(n - first));
            let logits = self.model.decoder.forward(users, items.clone()).without_autodiff().into_data();
            #[expect(clippy::expect_used, reason = "weights are of f32")]
            out.copy_from_slice(&logits.try_to_vec::<f32>().expect("logits of f32"));
        }
    }

    fn pass(&mut self, events: &InteractionEvents, rows: Range<usize>) -> Result<()> {
        self.model.pass(&mut self.state, &events.events().slice(rows));
        Ok(())
    }
}
