//! One model after the other, over the seeds.

use std::time::Instant;

use burn_recsys_training::protocol::{Choice, Contender, Epochs, Protocol, ProtocolModel, Trial, choose};
use burn_recsys_training::{Evaluation, Result, device_from_name};

use super::outcome::{Heading, ModelOutcome, ProtocolOutcome, SeedOutcome};
use crate::arguments::{Common, Contest};
use crate::output::line;
use crate::progress::ContestProgress;

/// Parameters are chosen with this seed.
pub(super) const FIRST_SEED: u64 = 1;

/// Fits and measures every model of `contest`, and prints what was found.
pub(super) fn contest(
    common: &Common,
    contest: &Contest,
    protocol: &Protocol,
    heading: Heading,
) -> Result<()> {
    let k = heading.k;
    let device = device_from_name(&common.device)?;
    let models: Vec<ProtocolModel> = match contest.models.is_empty() {
        true => ProtocolModel::ALL.to_vec(),
        false => contest.models.clone(),
    };
    // A model that is named twice takes part once.
    let models = models
        .iter()
        .enumerate()
        .filter(|(at, model)| !models[..*at].contains(model))
        .map(|(_, model)| *model);
    let seeds: Vec<u64> = (0..contest.seeds as u64).map(|n| FIRST_SEED + n).collect();
    let progress = ContestProgress::new();
    let validation = protocol.hold_out(FIRST_SEED)?;
    if !common.json {
        progress.suspend(|| heading.print());
    }
    let mut outcome = ProtocolOutcome::new(heading, &common.device, seeds);
    let mut failure = None;
    for model in models {
        let contender = model.contender(&device);
        let entry = Entry { model, contender: contender.as_ref(), protocol, k, progress: &progress };
        // A model that cannot run is a row that says why.
        let found = match entry.run(validation.as_ref(), outcome.seeds()) {
            Ok(found) => found,
            Err(error) => {
                let found = ModelOutcome::failed(model.name(), &error);
                failure.get_or_insert(error);
                found
            }
        };
        if !common.json {
            progress.suspend(|| line(format_args!("{found}")));
        }
        outcome.models.push(found);
    }
    drop(progress);
    match common.json {
        true => crate::data::print_json(&outcome)?,
        false => outcome.print_table(),
    }
    match failure {
        Some(error) if outcome.models.iter().all(ModelOutcome::is_failed) => Err(error),
        _ => Ok(()),
    }
}

/// A model in the contest.
struct Entry<'a> {
    model: ProtocolModel,
    contender: &'a dyn Contender,
    protocol: &'a Protocol,
    k: usize,
    progress: &'a ContestProgress,
}

impl Entry<'_> {
    fn run(&self, validation: Option<&Protocol>, seeds: &[u64]) -> Result<ModelOutcome> {
        let start = Instant::now();
        let mut last: Option<Trial> = None;
        let mut show = |trial: Trial| {
            if last.is_some_and(|last| last.candidate != trial.candidate) {
                self.candidate_done(last);
            }
            last = Some(trial);
            self.progress.now(self.describe(trial));
        };
        self.progress.now(format!("{}: choosing parameters", self.model));
        let choice = choose(self.contender, validation, self.k, FIRST_SEED, &mut show)?;
        self.candidate_done(last);
        let search = start.elapsed().as_secs_f64();
        // A model that no seed changes has no interval over seeds.
        let n_seeds = if self.contender.is_seeded() { seeds.len() } else { 1 };
        let mut outcomes: Vec<SeedOutcome> = Vec::new();
        for &seed in &seeds[..n_seeds] {
            self.progress.now(format!("{}: fitting, seed {seed}", self.model));
            let (evaluation, train) = self.fit(choice, seed)?;
            outcomes.push(SeedOutcome::new(seed, &evaluation, train));
        }
        let mut chosen = self.contender.parameters(choice.candidate);
        if let Some(parameters) = chosen.as_object_mut() {
            // It is another one for each fit.
            parameters.remove("seed");
        }
        Ok(ModelOutcome::new(self.model.name(), choice, chosen, search, outcomes))
    }

    /// Fits to the whole training part and measures; gives the seconds of fitting, too.
    fn fit(&self, choice: Choice, seed: u64) -> Result<(Evaluation, f64)> {
        let start = Instant::now();
        let epochs = choice.n_epochs.map_or(Epochs::Configured, Epochs::Exactly);
        let scorer = self.contender.fit(choice.candidate, self.protocol.train_part(), seed, epochs)?;
        let seconds = start.elapsed().as_secs_f64();
        Ok((self.protocol.evaluate(scorer.as_ref(), self.k)?, seconds))
    }

    fn candidate_done(&self, trial: Option<Trial>) {
        if let Some(trial) = trial {
            self.progress.line(&self.describe(trial));
        }
    }

    fn describe(&self, trial: Trial) -> String {
        let Trial { candidate, epoch, score } = trial;
        let epoch = epoch.map_or(String::new(), |epoch| format!(", epoch {epoch}"));
        let n = self.contender.n_candidates();
        format!("{}: candidate {}/{n}{epoch}: held-out NDCG@{} {score:.4}", self.model, candidate + 1, self.k)
    }
}
