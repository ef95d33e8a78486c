//! Measuring a finished run again.

use burn_recsys_training::{Recommender, Result, RunFolder, device_from_name};

use crate::arguments::{Common, Evaluate};
use crate::train::{measure, prepare};

/// `evaluate`.
pub(crate) fn run(common: &Common, arguments: &Evaluate) -> Result<()> {
    let folder = RunFolder::open(&arguments.run)?;
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
