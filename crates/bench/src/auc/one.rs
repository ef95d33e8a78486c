//! Our AUC and average precision in a process of its own, so that threads and the peak of memory are its own.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;

use burn_recsys_metrics::pointwise::{Auc, AveragePrecision, PointwiseMetric, Predictions, Scores};

use super::Measured;
use crate::Result;
use crate::columns::read;
use crate::machine::MemoryWatch;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where the columns are.
    folder: PathBuf,
}

enum Column {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Measures what each line of standard input names, and prints [`Measured`] for it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = &arguments.folder;
    let labels = read(&folder.join("labels"), |[byte]: [u8; 1]| byte == 1)?;
    // The threads start before the clock.
    rayon::broadcast(|_| ());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ');
        let (Some(column), Some(kind), Some(metric)) = (words.next(), words.next(), words.next()) else {
            return Err(format!("{line:?} does not name a column, its type and a metric").into());
        };
        let path = folder.join(format!("{column}.{kind}"));
        let scores = match kind {
            "f32" => Column::F32(read(&path, f32::from_le_bytes)?),
            _ => Column::F64(read(&path, f64::from_le_bytes)?),
        };
        let metric: &dyn PointwiseMetric = if metric == "auc" { &Auc } else { &AveragePrecision };
        let memory = MemoryWatch::start();
        let start = Instant::now();
        let scores: Scores<'_> = match &scores {
            Column::F32(scores) => scores.into(),
            Column::F64(scores) => scores.into(),
        };
        let value = metric.measure(&Predictions::new(scores, &labels)?)?.ok_or("one class only")?;
        let seconds = start.elapsed().as_secs_f64();
        let extra_memory = memory.and_then(|memory| memory.extra());
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&Measured { seconds, extra_memory, value })?)?;
        out.flush()?;
    }
    Ok(())
}
