//! Skip-gram on random walks beside gensim: words a second, and how well links are told from others.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use burn_recsys_baselines::{SkipGramConfig, SkipGramMode};
use burn_recsys_data::Sequences;
use burn_recsys_data::graph::RandomWalksConfig;
use burn_recsys_data::protocol::ItemMeta;
use burn_recsys_training::protocol::{ItemLinks, LinkPart};
use serde_json::json;

use crate::Result;
use crate::links;
use crate::machine::Machine;
use crate::peer::Python;
use crate::report::Report;
use crate::rounds::{Series, measure};
use crate::spread::Spread;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A folder with item_meta.csv, such as amazon-grocery.
    folder: PathBuf,
    /// Which links: a column of the file without its `r_`.
    #[arg(long, default_value = "complement")]
    relation: String,
    /// Threads of each side.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Visits to everything that is compared, in turn; each is another seed of all first vectors.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    python: Python,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Subject {
    Ours(SkipGramMode),
    Gensim,
}

const SUBJECTS: [Subject; 3] =
    [Subject::Ours(SkipGramMode::LockFree), Subject::Ours(SkipGramMode::Reproducible), Subject::Gensim];

impl Subject {
    fn name(self) -> &'static str {
        match self {
            Subject::Ours(SkipGramMode::LockFree) => "burn-recsys, lock-free",
            Subject::Ours(_) => "burn-recsys, reproducible",
            Subject::Gensim => "gensim",
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let &Arguments { threads, rounds, .. } = arguments;
    if threads == 0 || rounds == 0 {
        return Err("--threads and --rounds must be at least 1".into());
    }
    let meta = ItemMeta::read(&arguments.folder)?;
    let walks = RandomWalksConfig { walk_length: 10, walks_per_node: 10, ..RandomWalksConfig::default() };
    let links = ItemLinks::new(&meta, &arguments.relation, LinkPart::Test, &walks, 1)?;
    let config = SkipGramConfig::default();
    let n_words = links.walks.counts(0).iter().sum::<u64>() * config.n_epochs as u64;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    // Of every round of every subject, the one that is not timed included.
    let mut areas: [Vec<f64>; SUBJECTS.len()] = Default::default();
    let series = measure(&SUBJECTS, rounds, |&subject| {
        let areas = &mut areas[SUBJECTS.iter().position(|&other| other == subject).unwrap_or_default()];
        let seed = areas.len() as u64;
        let (metrics, time) = match subject {
            Subject::Ours(mode) => {
                let start = Instant::now();
                let model =
                    pool.install(|| SkipGramConfig { mode, seed, ..config.clone() }.fit(&links.walks))?;
                let time = start.elapsed();
                let vectors: Vec<Option<Vec<f32>>> =
                    (0..links.n_items() as u32).map(|item| model.vector(item).map(<[f32]>::to_vec)).collect();
                (links.test.measure(&links.test.cosines(&vectors))?, time)
            }
            Subject::Gensim => {
                let outcome = links::gensim(&links, &arguments.python, threads, seed)?;
                (outcome.metrics, Duration::from_secs_f64(outcome.seconds))
            }
        };
        areas.push(metrics.auc.ok_or("the test pairs have one kind of label only")?);
        Ok(vec![time])
    })?;
    report(machine, arguments, n_words, &series, &areas)
}

fn report(
    machine: Machine,
    arguments: &Arguments,
    n_words: u64,
    series: &[Series],
    areas: &[Vec<f64>],
) -> Result<Report> {
    let gensim = series.last().ok_or("nothing was measured")?;
    let mut table = vec![vec!["a training".to_string()]];
    table[0].extend(Spread::headers("s"));
    table[0].extend(["k words/s", "AUC, mean", "AUC, range", "gensim / this"].map(String::from));
    let mut measured = Vec::new();
    for ((subject, series), areas) in SUBJECTS.iter().zip(series).zip(areas) {
        let spread = series.spread()?;
        let words_a_second = n_words as f64 / spread.median;
        let ratio = gensim.over(series)?;
        let mean = areas.iter().sum::<f64>() / areas.len() as f64;
        let least = areas.iter().copied().fold(f64::INFINITY, f64::min);
        let most = areas.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut row = vec![subject.name().to_string()];
        row.extend(spread.cells(1.0));
        row.push(format!("{:.0}", words_a_second / 1e3));
        row.push(format!("{mean:.4}"));
        row.push(format!("{least:.4}-{most:.4}"));
        row.push(ratio.to_string());
        table.push(row);
        measured.push(json!({
            "name": subject.name(), "seconds": spread, "words_a_second": words_a_second, "auc": areas,
            "gensim_over_this": ratio,
        }));
    }
    let findings = vec![format!(
        "{} words in {} epochs, {} threads; vectors of 128, window 5, 5 negatives; counting the items is part of the \
         time; AUC of held-out links by cosine, one seed a round and the same walks for all",
        n_words,
        SkipGramConfig::default().n_epochs,
        arguments.threads
    )];
    let json = json!({"words": n_words, "threads": arguments.threads, "trainings": measured});
    Ok(Report { name: "skip-gram", machine, table, findings, json })
}
