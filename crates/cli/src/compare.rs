//! Ways to know a user, side by side.

use std::path::{Path, PathBuf};

use burn_recsys_training::study::{
    CandidateReport, SeedOutcome, Study, StudyConfig, StudyProgress, StudyReport,
};
use burn_recsys_training::{Error, Result, StepReport, StudyFolder, device_from_name};

use crate::arguments::{Common, Compare};
use crate::output::{line, note};
use crate::progress::StudyBar;
use crate::study_tables::{Section, sections};
use crate::{data, interrupt, study_plots};

/// `compare`.
pub(crate) fn run(common: &Common, arguments: &Compare) -> Result<()> {
    let given = arguments.config.as_deref().map(StudyConfig::read).transpose()?;
    let given = given.map(|config| with_data(config, arguments.data.as_deref())).transpose()?;
    let path = study_path(arguments)?;
    // Refused before any work is done.
    let device = device_from_name(&common.device)?;
    let (config, folder) = if arguments.resume {
        let folder = StudyFolder::open(&path)?;
        let saved = folder.config()?;
        let given = match given {
            None => with_data(saved.clone(), arguments.data.as_deref())?,
            Some(given) => given,
        };
        folder.check_config(&given)?;
        (saved, Some(folder))
    } else {
        StudyFolder::refuse_existing(&path)?;
        let absent = || Error::Config { key: "--config", message: "is needed to start a study".into() };
        (given.ok_or_else(absent)?, None)
    };

    note(format_args!("reading the data and what was known before every row"));
    let study = Study::prepare(&data::load(common, &config.data)?, &config)?;
    let folder = match folder {
        Some(folder) => folder.check(&config, &study).map(|()| folder)?,
        None => StudyFolder::create(&path, &config, &study)?,
    };
    let candidates = study.candidates();
    let known = folder.outcomes()?;
    interrupt::listen();
    // Without candidates a report is its heading.
    let mut heading = study.run(&[], &[], &device, &mut ())?;
    heading.candidates.clone_from(&known);
    let n_known = known.iter().map(|candidate| candidate.seeds.len()).sum();
    let bar = StudyBar::new(candidates.len() * config.seeds.len(), n_known);
    let mut progress = Saved { folder: &folder, report: heading, bar };
    let report = study.run(&candidates, &known, &device, &mut progress).inspect_err(|error| {
        if matches!(error, Error::Stopped { .. }) {
            let path = path.display();
            progress.bar.line(&format!("what was trained is kept; continue: compare --resume --out {path}"));
        }
    })?;
    drop(progress);
    finish(common, &folder, &report)
}

/// Saves and prints what was found.
fn finish(common: &Common, folder: &StudyFolder, report: &StudyReport) -> Result<()> {
    let sections = sections(report);
    let markdown: Vec<String> = sections.iter().map(Section::markdown).collect();
    folder.write_text("table.md", &markdown.join("\n"))?;
    for (name, svg) in study_plots::all(report)? {
        folder.write_text(name, &svg)?;
    }
    // After all else: the budgets of a memory study are in the final report only.
    folder.write_results(report)?;
    if common.json {
        return data::print_json(report);
    }
    sections.iter().for_each(Section::print);
    line(format_args!("folder: {}", folder.path().display()));
    Ok(())
}

/// The study with other data, if there is any, and paths that mean the same from every folder.
fn with_data(mut config: StudyConfig, data: Option<&str>) -> Result<StudyConfig> {
    if let Some(data) = data {
        config.data = crate::data::named_or_path("--data", data)?;
    }
    config.data = config.data.absolute()?;
    Ok(config)
}

fn study_path(arguments: &Compare) -> Result<PathBuf> {
    let stem = || Some(Path::new("runs").join(arguments.config.as_deref()?.file_stem()?));
    arguments.out.clone().or_else(stem).ok_or_else(|| Error::Config {
        key: "--out",
        message: "is needed to find the study: name its folder, or the --config that it was started with"
            .into(),
    })
}

/// Saves every outcome at once: what is cut off loses one training.
struct Saved<'a> {
    folder: &'a StudyFolder,
    report: StudyReport,
    bar: StudyBar,
}

impl StudyProgress for Saved<'_> {
    fn step(&mut self, candidate: &str, seed: u64, report: StepReport) -> bool {
        self.bar.step(candidate, seed, report);
        !interrupt::is_requested()
    }

    fn trained(&mut self, candidate: &str, outcome: &SeedOutcome) -> Result<()> {
        self.bar.trained(candidate, outcome);
        let candidates = &mut self.report.candidates;
        match candidates.iter_mut().find(|known| known.name == candidate) {
            Some(known) => known.seeds.push(outcome.clone()),
            None => candidates.push(CandidateReport {
                name: candidate.into(),
                budget: None,
                seeds: vec![outcome.clone()],
            }),
        }
        self.folder.write_results(&self.report)
    }
}
