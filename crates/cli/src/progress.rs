//! Progress on standard error: a bar on a terminal, a line an epoch in a log file.

use std::io::IsTerminal;
use std::time::Duration;

use burn_recsys_training::study::SeedOutcome;
use burn_recsys_training::{EpochRecord, Progress, Result, StepReport, TrainState};
use indicatif::{ProgressBar, ProgressStyle};

use crate::interrupt;
use crate::output::note;

/// Shows a fit.
pub(crate) struct FitProgress {
    /// Hidden where standard error is not a terminal.
    bar: ProgressBar,
    is_terminal: bool,
}

impl FitProgress {
    pub(crate) fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = if is_terminal { ProgressBar::no_length() } else { ProgressBar::hidden() };
        bar.set_style(style("{msg} {wide_bar} {pos}/{len} {eta}"));
        FitProgress { bar, is_terminal }
    }

    fn show(&self, step: usize, n_steps: usize, text: String) {
        self.bar.set_length(n_steps as u64);
        self.bar.set_position(step as u64);
        self.bar.set_message(text);
    }

    fn line(&self, text: &str) {
        if self.is_terminal {
            self.bar.println(text);
        } else {
            note(format_args!("{text}"));
        }
    }
}

impl<M> Progress<M> for FitProgress {
    fn step(&mut self, report: StepReport) -> bool {
        let StepReport { epoch, n_epochs, step, n_steps, loss } = report;
        if self.is_terminal {
            self.show(step, n_steps, format!("epoch {epoch}/{n_epochs} loss {loss:.4}"));
        }
        !interrupt::is_requested()
    }

    fn epoch(&mut self, state: &TrainState<M>) -> Result<()> {
        if let Some(record) = state.history.last() {
            self.line(&describe(record));
        }
        Ok(())
    }
}

impl Drop for FitProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn describe(record: &EpochRecord) -> String {
    let EpochRecord { epoch, train_loss, held_out, seconds } = record;
    match held_out {
        Some(held_out) => format!(
            "epoch {epoch:>3}  train loss {train_loss:.4}  held-out loss {:.4}  score {:.4}  {seconds:.2} s",
            held_out.held_out_loss, held_out.score
        ),
        None => format!("epoch {epoch:>3}  train loss {train_loss:.4}  all training rows  {seconds:.2} s"),
    }
}

/// Shows a study: a bar a training on a terminal, a line an epoch in a log file.
pub(crate) struct StudyBar {
    bar: FitProgress,
    n_trainings: usize,
    n_done: usize,
}

impl StudyBar {
    pub(crate) fn new(n_trainings: usize, n_done: usize) -> Self {
        StudyBar { bar: FitProgress::new(), n_trainings, n_done }
    }

    pub(crate) fn step(&self, candidate: &str, seed: u64, report: StepReport) {
        let StepReport { epoch, n_epochs, step, n_steps, loss } = report;
        let text = format!("{} epoch {epoch}/{n_epochs} loss {loss:.4}", self.training(candidate, seed, 1));
        if self.bar.is_terminal {
            self.bar.show(step, n_steps, text);
        } else if step == n_steps {
            self.line(&text);
        }
    }

    pub(crate) fn trained(&mut self, candidate: &str, outcome: &SeedOutcome) {
        let SeedOutcome { seed, n_epochs, held_out_loss, .. } = outcome;
        let auc = outcome.slices.first().and_then(|slice| slice.metrics.get("AUC"));
        let auc = auc.map_or("-".into(), |auc| format!("{auc:.4}"));
        self.n_done += 1;
        self.line(&format!(
            "{} done: {n_epochs} epochs, held-out loss {held_out_loss:.4}, test AUC {auc}",
            self.training(candidate, *seed, 0)
        ));
    }

    pub(crate) fn line(&self, text: &str) {
        self.bar.line(text);
    }

    fn training(&self, candidate: &str, seed: u64, after: usize) -> String {
        format!("[{}/{}] {candidate} seed {seed}", self.n_done + after, self.n_trainings)
    }
}

/// Shows what a contest of models is doing: a line that changes on a terminal, a line for every candidate in
/// a log file.
pub(crate) struct ContestProgress {
    bar: ProgressBar,
    is_terminal: bool,
}

impl ContestProgress {
    pub(crate) fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = if is_terminal { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.set_style(style("{spinner} {wide_msg} {elapsed}"));
        bar.enable_steady_tick(Duration::from_millis(200));
        ContestProgress { bar, is_terminal }
    }

    /// What goes on now.
    pub(crate) fn now(&self, text: String) {
        self.bar.set_message(text);
    }

    /// What has happened.
    pub(crate) fn line(&self, text: &str) {
        match self.is_terminal {
            true => self.bar.println(text),
            false => note(format_args!("{text}")),
        }
    }

    /// Runs `print`, which writes to standard output, while nothing else writes.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }
}

impl Drop for ContestProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Shows how many of a known number of things are done.
pub(crate) struct CountProgress {
    bar: ProgressBar,
    is_terminal: bool,
}

impl CountProgress {
    pub(crate) fn new(what: &str, n: usize) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = if is_terminal { ProgressBar::new(n as u64) } else { ProgressBar::hidden() };
        bar.set_style(style("{msg} {wide_bar} {pos}/{len} {eta}"));
        bar.set_message(what.to_string());
        CountProgress { bar, is_terminal }
    }

    /// So many are done; told every thousand, for things that are many.
    pub(crate) fn at(&self, done: usize) {
        if self.is_terminal && done.is_multiple_of(1000) {
            self.bar.set_position(done as u64);
        }
    }

    /// So many are done, and what came of the last one.
    pub(crate) fn done(&self, done: usize, text: String) {
        self.bar.set_position(done as u64);
        match self.is_terminal {
            true => self.bar.set_message(text),
            false => note(format_args!("{done:>3}  {text}")),
        }
    }
}

impl Drop for CountProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Shows a download.
pub(crate) struct DownloadProgress {
    bar: ProgressBar,
}

impl DownloadProgress {
    pub(crate) fn new(name: &str) -> Self {
        let bar = ProgressBar::no_length();
        bar.set_style(style("{msg} {wide_bar} {bytes}/{total_bytes} {eta}"));
        bar.set_message(name.to_string());
        DownloadProgress { bar }
    }

    pub(crate) fn update(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
    }
}

impl Drop for DownloadProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
