//! Measuring a finished run again, or the lists of any recommender.

mod lists;

use std::path::Path;

use burn_recsys_training::{Error, Recommender, RunFolder, device_from_name};

use crate::arguments::{Common, Evaluate};
use crate::failure::Failure;
use crate::train::{measure, prepare};

/// `evaluate`.
pub(crate) fn run(common: &Common, arguments: &Evaluate) -> Result<(), Failure> {
    match (&arguments.recommendations, &arguments.lists.ground_truth) {
        (Some(recommendations), Some(truth)) => lists::run(common, recommendations, truth, &arguments.lists),
        _ => {
            let run = arguments.run.as_deref().unwrap_or(Path::new("runs/quickstart"));
            Ok(run_again(common, run)?)
        }
    }
}

fn run_again(common: &Common, run: &Path) -> Result<(), Error> {
    let folder = RunFolder::open(run)?;
    let config = folder.config()?;
    let recommender = Recommender::load(&folder, &device_from_name(&common.device)?)?;
    let prepared = prepare(common, &config)?;
    folder.check(&prepared)?;
    let test = prepared.test_set()?;
    let outcome = measure(common, &config, &prepared, &folder, &test, recommender.scorer(), None)?;
    if common.json {
        return outcome.print_json();
    }
    outcome.print_table();
    Ok(())
}
