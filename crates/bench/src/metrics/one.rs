//! Our metrics in a process of their own, so that threads and the peak of memory are its own.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use burn_recsys_metrics::beyond::{ItemPopularity, Surprisal, UnseenShare};
use burn_recsys_metrics::catalogue::Coverage;
use burn_recsys_metrics::ranking::{RPrecision, RankingMetric, RocAuc, all_metrics, standard_metrics};
use burn_recsys_metrics::{Lists, RankingEvaluator, Truth};

use super::Measured;
use crate::Result;
use crate::columns::read;
use crate::machine::MemoryWatch;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where the columns are.
    folder: PathBuf,
    /// Ranks that count.
    #[arg(long, value_delimiter = ',')]
    cutoffs: Vec<usize>,
    /// Every ranking metric, not only those of RePlay.
    #[arg(long)]
    all: bool,
    /// The metrics that need a training part too.
    #[arg(long)]
    training: bool,
}

struct Columns {
    n_users: usize,
    n_items: usize,
    users: Vec<u32>,
    items: Vec<u32>,
    scores: Vec<f64>,
    truth: [Vec<u32>; 2],
    training: Option<[Vec<u32>; 2]>,
}

/// Measures once for each line of standard input, and prints [`Measured`] for it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let columns = Columns::read(&arguments.folder, arguments.training)?;
    // The threads start before the clock.
    rayon::broadcast(|_| ());
    for line in std::io::stdin().lock().lines() {
        line?;
        let memory = MemoryWatch::start();
        let start = Instant::now();
        let (values, phases) = measure(&columns, arguments)?;
        let seconds = start.elapsed().as_secs_f64();
        let extra_memory = memory.and_then(|memory| memory.extra());
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&Measured { seconds, extra_memory, values, phases })?)?;
        out.flush()?;
    }
    Ok(())
}

type Named = BTreeMap<String, f64>;

/// From columns to means, with the seconds of each part; all that was made on the way is given back.
fn measure(columns: &Columns, arguments: &Arguments) -> Result<(Named, Named)> {
    let mut phases = BTreeMap::new();
    let mut last = Instant::now();
    let mut end_of = |phase: &str| {
        phases.insert(phase.to_owned(), last.elapsed().as_secs_f64());
        last = Instant::now();
    };
    let Columns { n_users, users, items, scores, .. } = columns;
    let lists = Lists::by_score(*n_users, users, items, scores)?;
    end_of("lists");
    let truth = Truth::new(*n_users, &columns.truth[0], &columns.truth[1])?;
    end_of("truth");
    let mut evaluator = evaluator(columns, arguments)?;
    end_of("training");
    evaluator.observe_lists(&lists, &truth)?;
    end_of("observe");
    let report = evaluator.finish()?;
    let value = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let values = report.summaries().iter().map(|summary| (summary.label.clone(), value(summary.value)));
    let values = values.collect();
    end_of("finish");
    drop((lists, truth, report));
    end_of("drop");
    Ok((values, phases))
}

fn evaluator(columns: &Columns, arguments: &Arguments) -> Result<RankingEvaluator> {
    let mut metrics: Vec<Box<dyn RankingMetric>> = Vec::new();
    for &k in &arguments.cutoffs {
        if arguments.all {
            metrics.extend(all_metrics(k)?);
        } else {
            metrics.extend(standard_metrics(k)?);
            metrics.push(Box::new(RocAuc::new(k)?));
        }
    }
    if arguments.all {
        metrics.push(Box::new(RPrecision));
    }
    let Some([users, items]) = &columns.training else {
        return Ok(RankingEvaluator::new(metrics)?);
    };
    let histories = Arc::new(Lists::of_pairs(columns.n_users, users, items)?);
    let popularity = Arc::new(ItemPopularity::of_pairs(columns.n_users, columns.n_items, users, items)?);
    for &k in &arguments.cutoffs {
        metrics.push(Box::new(UnseenShare::new(k, Arc::clone(&histories))?));
        metrics.push(Box::new(Surprisal::new(k, Arc::clone(&popularity))?));
    }
    let mut evaluator = RankingEvaluator::new(metrics)?;
    for &k in &arguments.cutoffs {
        let known = (0..columns.n_items as u32).filter(|&item| popularity.n_users_of(item) > 0);
        evaluator = evaluator.with_catalogue(k, known, vec![Box::new(Coverage)])?;
    }
    Ok(evaluator)
}

impl Columns {
    fn read(folder: &Path, with_training: bool) -> Result<Self> {
        let integers = |name: &str| read(&folder.join(name), u32::from_le_bytes);
        let pairs = |name: &str| -> Result<[Vec<u32>; 2]> {
            Ok([integers(&format!("{name}.users"))?, integers(&format!("{name}.items"))?])
        };
        let [users, items] = pairs("lists")?;
        let truth = pairs("truth")?;
        let training = with_training.then(|| pairs("training")).transpose()?;
        let n = |column: usize| {
            let all = [Some(&truth), training.as_ref()].into_iter().flatten().flat_map(|pair| &pair[column]);
            let more = if column == 0 { &users } else { &items };
            all.chain(more).max().map_or(0, |&last| last as usize + 1)
        };
        let (n_users, n_items) = (n(0), n(1));
        let scores = read(&folder.join("lists.scores"), f64::from_le_bytes)?;
        Ok(Columns { n_users, n_items, users, items, scores, truth, training })
    }
}
