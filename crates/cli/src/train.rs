//! Training from a configuration file.

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn_recsys_baselines::VectorScorer;
use burn_recsys_training::{
    Error, Prepared, Result, RunConfig, RunFolder, Seen, TestSet, Trained, device_from_name, evaluate,
    evaluate_lists, served_lists, train, write_serving,
};

use crate::arguments::{Common, Train};
use crate::outcome::{ModelOutcome, Outcome, baselines};
use crate::output::line;
use crate::progress::FitProgress;
use crate::{data, interrupt, plot};

/// The name of the trained model in tables.
pub(crate) const MODEL: &str = "two-tower";
/// The name of what is served in tables: candidates of the model and others, ranked.
const SERVED: &str = "two-stage";

/// `train`.
pub(crate) fn run(common: &Common, arguments: &Train) -> Result<()> {
    let given = arguments.config.as_deref().map(RunConfig::read).transpose()?;
    let path = run_path(arguments)?;
    // Refused before any work is done.
    device_from_name(&common.device)?;
    if arguments.resume {
        let folder = RunFolder::open(&path)?;
        let config = folder.config()?;
        if given.map(with_absolute_path).transpose()?.is_some_and(|given| given != config) {
            let message = "differs from the configuration that the run in the folder was started with; leave \
                           --config out to continue that run, or train into a new folder";
            return Err(Error::Config { key: "--config", message: message.into() });
        }
        let prepared = prepare(common, &config)?;
        return finish(common, &config, &prepared, &folder);
    }
    let Some(config) = given else {
        return Err(Error::Config { key: "--config", message: "is needed to start a run".into() });
    };
    let prepared = prepare(common, &config)?;
    let config = with_absolute_path(config)?;
    // What cannot be tested should not leave a run folder.
    prepared.test_set()?;
    let folder = RunFolder::create(&path, &config, &prepared)?;
    finish(common, &config, &prepared, &folder)
}

/// The run folder is read from other working directories too.
fn with_absolute_path(config: RunConfig) -> Result<RunConfig> {
    Ok(RunConfig { data: config.data.absolute()?, ..config })
}

fn run_path(arguments: &Train) -> Result<PathBuf> {
    let stem = || Some(Path::new("runs").join(arguments.config.as_deref()?.file_stem()?));
    arguments.out.clone().or_else(stem).ok_or_else(|| Error::Config {
        key: "--out",
        message: "is needed to find the run: name its folder, or the --config that it was started with"
            .into(),
    })
}

/// Trains, measures, saves and prints.
fn finish(common: &Common, config: &RunConfig, prepared: &Prepared, folder: &RunFolder) -> Result<()> {
    let outcome = train_and_measure(common, config, prepared, folder)?;
    if common.json {
        return outcome.print_json();
    }
    outcome.print_table();
    line(format_args!("\nrun folder: {}", folder.path().display()));
    Ok(())
}

/// Trains `config` into `folder` and measures the model beside the baselines.
pub(crate) fn train_and_measure(
    common: &Common,
    config: &RunConfig,
    prepared: &Prepared,
    folder: &RunFolder,
) -> Result<Outcome> {
    let device = device_from_name(&common.device)?;
    // Before training: an overlap or an empty test part should not cost an hour.
    let test = prepared.test_set()?;
    interrupt::listen();
    let mut progress = FitProgress::new();
    let trained = train(folder, prepared, config, &device, &mut progress)?;
    drop(progress);
    folder.write_text("loss.svg", &plot::loss_svg(&trained)?)?;
    let scorer = trained.model.scorer()?;
    let mut outcome = measure(common, config, prepared, folder, &test, &scorer, Some(&trained))?;
    // Whatever happens to what is served, the model's results are there.
    folder.write_results(&outcome)?;
    outcome.models.push(serve_and_measure(config, prepared, folder, &test, common)?);
    folder.write_results(&outcome)?;
    Ok(outcome)
}

/// Writes what the run serves, and measures it.
fn serve_and_measure(
    config: &RunConfig,
    prepared: &Prepared,
    folder: &RunFolder,
    test: &TestSet,
    common: &Common,
) -> Result<ModelOutcome> {
    let start = Instant::now();
    let served = write_serving(folder, prepared, config, &device_from_name(&common.device)?)?;
    let seconds = start.elapsed().as_secs_f64();
    let cutoffs = &config.evaluation.k;
    let k = cutoffs.iter().copied().max().unwrap_or(1);
    let evaluation = evaluate_lists(test, test.evaluator(cutoffs)?, |users| {
        served_lists(&served.stages, &prepared.train, test, users, k)
    })?;
    Ok(ModelOutcome::new(SERVED, &evaluation, Some(seconds)))
}

/// Measures a model beside the baselines.
pub(crate) fn measure(
    common: &Common,
    config: &RunConfig,
    prepared: &Prepared,
    folder: &RunFolder,
    test: &TestSet,
    scorer: &VectorScorer,
    trained: Option<&Trained>,
) -> Result<Outcome> {
    let k = &config.evaluation.k;
    let mut models = baselines(prepared, test, k)?;
    let evaluation = evaluate(scorer, test, k, Seen::Removed)?;
    models.push(ModelOutcome::new(MODEL, &evaluation, trained.map(|trained| trained.seconds)));
    let n_epochs = trained.map(|trained| trained.n_epochs);
    Ok(Outcome::new(prepared, test, config, &common.device, folder.path(), n_epochs, models))
}

/// Reads the data of `config` and prepares it.
pub(crate) fn prepare(common: &Common, config: &RunConfig) -> Result<Prepared> {
    Prepared::new(&data::load(common, &config.data)?, config)
}
