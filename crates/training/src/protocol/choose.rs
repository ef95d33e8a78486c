//! Choosing parameters on rows held out of the training part.

use std::ops::ControlFlow;

use burn_recsys_models::ItemScorer;

use super::{Contender, Epochs, Protocol};
use crate::Result;

/// Training ends after so many measurements without a better one.
const PATIENCE: usize = 4;
/// But not before this part of its epochs: slow models are measured at random first.
const WARM_UP: u64 = 8;

/// What was chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Which candidate.
    pub candidate: usize,
    /// For how many epochs; `None` if the model has no epochs.
    pub n_epochs: Option<u64>,
    /// NDCG on held-out rows; `None` if there was nothing to choose, or nothing to hold out.
    pub score: Option<f64>,
}

/// One measurement on held-out rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// Which candidate.
    pub candidate: usize,
    /// After so many epochs; `None` if the model has no epochs.
    pub epoch: Option<u64>,
    /// NDCG.
    pub score: f64,
}

/// The best candidate of `contender` and its number of epochs, by NDCG at `k` on `validation`; the first
/// of equals. Without `validation` it is the first candidate as it is.
///
/// A model is measured after each of its first epochs, later after every tenth part more of them, and no
/// more once four measurements found nothing better, an eighth of its epochs at least. `progress` is told of each.
///
/// A candidate that cannot be fitted is passed over if another one can.
///
/// # Errors
/// If no candidate can be fitted: why the first could not. If a score is NaN.
pub fn choose(
    contender: &dyn Contender,
    validation: Option<&Protocol>,
    k: usize,
    seed: u64,
    progress: &mut dyn FnMut(Trial),
) -> Result<Choice> {
    let as_configured =
        |candidate| Choice { candidate, n_epochs: contender.max_epochs(candidate), score: None };
    let Some(validation) = validation else { return Ok(as_configured(0)) };
    if contender.n_candidates() == 1 && contender.max_epochs(0).is_none() {
        return Ok(as_configured(0));
    }
    let mut best: Option<Choice> = None;
    let mut failure = None;
    for candidate in 0..contender.n_candidates() {
        match best_epoch(contender, candidate, validation, k, seed, progress) {
            Ok(choice) if best.is_none_or(|best| choice.score > best.score) => best = Some(choice),
            Ok(_) => {}
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    match (best, failure) {
        (Some(best), _) => Ok(best),
        (None, Some(error)) => Err(error),
        (None, None) => Ok(as_configured(0)),
    }
}

fn best_epoch(
    contender: &dyn Contender,
    candidate: usize,
    validation: &Protocol,
    k: usize,
    seed: u64,
    progress: &mut dyn FnMut(Trial),
) -> Result<Choice> {
    let train = validation.train_part();
    let score_of = |scorer: &dyn ItemScorer| -> Result<f64> {
        let report = validation.evaluate(scorer, k)?.report;
        Ok(report.summary(&format!("NDCG@{k}"))?.value.unwrap_or(0.0))
    };
    let Some(max_epochs) = contender.max_epochs(candidate) else {
        let scorer = contender.fit(candidate, train, seed, Epochs::Configured)?;
        let score = score_of(scorer.as_ref())?;
        progress(Trial { candidate, epoch: None, score });
        return Ok(Choice { candidate, n_epochs: None, score: Some(score) });
    };
    let mut best: Option<(f64, u64)> = None;
    let (mut n_stale, mut failure) = (0, None);
    let mut watch = |epoch: u64, scorer: &dyn ItemScorer| {
        // All of the first 19 epochs, every second of the next 10, and so on.
        if !epoch.is_multiple_of((epoch / 10).max(1)) && epoch < max_epochs {
            return ControlFlow::Continue(());
        }
        let score = match score_of(scorer) {
            Ok(score) => score,
            Err(error) => {
                failure = Some(error);
                return ControlFlow::Break(());
            }
        };
        progress(Trial { candidate, epoch: Some(epoch), score });
        match best {
            Some((highest, _)) if score <= highest => n_stale += 1,
            _ => {
                best = Some((score, epoch));
                n_stale = 0;
            }
        }
        if n_stale < PATIENCE || epoch < max_epochs / WARM_UP {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    contender.fit(candidate, train, seed, Epochs::Watched(&mut watch))?;
    match failure {
        Some(error) => Err(error),
        None => Ok(Choice {
            candidate,
            n_epochs: best.map(|(_, epoch)| epoch),
            score: best.map(|(score, _)| score),
        }),
    }
}
