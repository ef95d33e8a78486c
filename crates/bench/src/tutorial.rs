//! The configuration of a well-known two-tower tutorial on ml-100k, beside what it published.

use std::path::PathBuf;

use burn_recsys_data::named::{DataFolders, Fetch, NamedDataset};
use burn_recsys_training::{Prepared, RunConfig, RunFolder, Seen, device_from_name, evaluate, train};
use serde_json::json;

use crate::Result;
use crate::machine::Machine;
use crate::report::{Report, note};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder that holds `ml-100k/` [default: BURN_RECSYS_DATA, then the cache folder].
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Seeds 1, 2, ... to train with.
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// The compute device.
    #[arg(long, default_value = "flex")]
    device: String,
}

/// What the tutorial fixes. It names no rate and no initialiser: see [`VARIANTS`].
pub(crate) const CONFIG: &str = r#"
    data = { name = "ml-100k" }
    filters = [{ kind = "min-count-by-user", count = 20 }]
    [split]
    strategy = { kind = "global-time", test_fraction = 0.2 }
    [model]
    d_embedding = 16
    [training]
    n_negatives = 10
    batch_size = 1024
    n_epochs = 30
    [evaluation]
    relevant_rating = 4.0
"#;

/// Name, learning rate, standard deviation of the first values.
const VARIANTS: [(&str, f64, f64); 2] =
    [("PyTorch's defaults (rate 0.001, std 1)", 0.001, 1.0), ("ours (rate 0.003, std 0.1)", 0.003, 0.1)];

const METRICS: [&str; 3] = ["NDCG@10", "HitRate@10", "Coverage@10"];
/// The tutorial's own figures for [`METRICS`].
const PUBLISHED: [f64; 3] = [0.0345, 0.221, 0.191];

/// Trains every variant with every seed and measures it on the test part.
pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let folders = DataFolders::new(arguments.data_dir.as_deref());
    let dataset = NamedDataset::Ml100k.load(&folders, Fetch::Never, &|_, _| ())?;
    let device = device_from_name(&arguments.device)?;
    let header = ["".to_string()].into_iter().chain(METRICS.map(String::from));
    let mut table = vec![header.collect::<Vec<_>>()];
    table.push(row("published", PUBLISHED.map(|value| format!("{value:.4}"))));
    let mut variants = Vec::new();
    for (name, learning_rate, initial_std) in VARIANTS {
        let mut values: [Vec<f64>; 3] = Default::default();
        for seed in 1..=arguments.seeds {
            note(&format!("{name}, seed {seed}"));
            let mut config = RunConfig::parse(CONFIG)?;
            config.seed = seed;
            config.training.learning_rate = learning_rate;
            config.model.initial_std = initial_std;
            let prepared = Prepared::new(&dataset, &config)?;
            let place = tempfile::tempdir()?;
            let folder = RunFolder::create(&place.path().join("run"), &config, &prepared)?;
            let trained = train(&folder, &prepared, &config, &device, &mut ())?;
            let scorer = trained.model.scorer()?;
            let report = evaluate(&scorer, &prepared.test_set()?, &[10], Seen::Removed)?.report;
            for (metric, values) in METRICS.iter().zip(&mut values) {
                values.push(report.summary(metric)?.value.unwrap_or(f64::NAN));
            }
        }
        table.push(row(name, values.each_ref().map(|values| interval(values))));
        variants.push(json!({"name": name, "learning_rate": learning_rate, "initial_std": initial_std,
                             "NDCG@10": values[0], "HitRate@10": values[1], "Coverage@10": values[2]}));
    }
    let findings = vec![format!(
        "mean and standard deviation over {} seeds; dimension 16, 10 uniform negatives, 30 epochs, batch 1024, \
         binary cross-entropy, lazy Adam; no early stopping",
        arguments.seeds
    )];
    let json = json!({"published": PUBLISHED, "metrics": METRICS, "variants": variants});
    Ok(Report { name: "tutorial", machine, table, findings, json })
}

fn row(name: &str, values: [String; 3]) -> Vec<String> {
    [name.to_string()].into_iter().chain(values).collect()
}

/// `mean ± standard deviation`.
fn interval(values: &[f64]) -> String {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / f64::max(n - 1.0, 1.0);
    format!("{mean:.4} ± {:.4}", variance.sqrt())
}
