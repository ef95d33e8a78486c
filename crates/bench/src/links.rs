//! Which items are bought together: models of pairs, walks and features on the same links, beside gensim.

use std::io::Write;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use burn_recsys_data::graph::RandomWalksConfig;
use burn_recsys_data::protocol::ItemMeta;
use burn_recsys_data::{ItemVectors, Sequences};
use burn_recsys_training::LinkMetrics;
use burn_recsys_training::protocol::{ItemLinkOutcome, ItemLinks, LinkModel, LinkPart};
use burn_recsys_training::study::Estimate;
use serde::Deserialize;
use serde_json::json;

use crate::Result;
use crate::machine::Machine;
use crate::peer::{Python, run_once};
use crate::report::{Report, note};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A folder with item_meta.csv, such as amazon-grocery.
    folder: PathBuf,
    /// Which links: a column of the file without its `r_`.
    #[arg(long, default_value = "complement")]
    relation: String,
    /// Splits, walks and first weights; each seed is another of all of them.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Nodes of a walk.
    #[arg(long, default_value_t = 10)]
    walk_length: usize,
    /// Walks from every node.
    #[arg(long, default_value_t = 10)]
    walks_per_node: usize,
    /// Split the training links once more and test on those: to choose by, without the test links.
    #[arg(long)]
    validation: bool,
    /// How much, times the learning rate, factorisations shrink in each step that touches them.
    #[arg(long)]
    weight_decay: Option<f64>,
    /// Epochs of the factorisations of links.
    #[arg(long)]
    epochs: Option<u64>,
    /// Only the models whose names contain this.
    #[arg(long)]
    only: Option<String>,
    #[command(flatten)]
    python: Python,
}

/// What the peer reports.
#[derive(Debug, Deserialize)]
struct Trained {
    seconds: f64,
}

const GENSIM: &str = "gensim";

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    if arguments.seeds == 0 {
        return Err("--seeds must be at least 1".into());
    }
    let meta = ItemMeta::read(&arguments.folder)?;
    let walks = RandomWalksConfig {
        walk_length: arguments.walk_length,
        walks_per_node: arguments.walks_per_node,
        ..RandomWalksConfig::default()
    };
    let part = if arguments.validation { LinkPart::Validation } else { LinkPart::Test };
    let is_wanted = |name: &str| arguments.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let names: Vec<String> =
        LinkModel::ALL.iter().map(LinkModel::to_string).chain([GENSIM.to_string()]).collect();
    let mut outcomes: Vec<Vec<ItemLinkOutcome>> = vec![Vec::new(); names.len()];
    let mut sizes = None;
    for seed in 1..=arguments.seeds {
        let mut links = ItemLinks::new(&meta, &arguments.relation, part, &walks, seed)?;
        if let Some(weight_decay) = arguments.weight_decay {
            links.on_links.weight_decay = weight_decay;
        }
        links.on_links.n_epochs = arguments.epochs.unwrap_or(links.on_links.n_epochs);
        sizes = Some((links.n_items(), links.links.len(), links.test.pairs().len(), links.test.n_seen()));
        for (at, name) in names.iter().enumerate().filter(|(_, name)| is_wanted(name)) {
            let outcome = match LinkModel::ALL.get(at) {
                Some(model) => links.run(*model, &Device::default())?,
                None => gensim(&links, &arguments.python, machine.cores(), seed)?,
            };
            note(&format!("seed {seed}: {name}: {:?}, {:.1} s", outcome.metrics, outcome.seconds));
            outcomes[at].push(outcome);
        }
    }
    let mut table = vec![
        ["model", "AUC", "AUC, seen", "AUC, others", "average precision", "s"].map(String::from).to_vec(),
    ];
    let mut models = Vec::new();
    for (name, outcomes) in names.iter().zip(&outcomes).filter(|(_, outcomes)| !outcomes.is_empty()) {
        let estimate = |of: fn(&ItemLinkOutcome) -> Option<f64>| {
            Estimate::of(&outcomes.iter().filter_map(of).collect::<Vec<f64>>())
        };
        let auc = estimate(|outcome| outcome.metrics.auc);
        let seen = estimate(|outcome| outcome.metrics.auc_seen);
        let unseen = estimate(|outcome| outcome.metrics.auc_unseen);
        let precision = estimate(|outcome| outcome.metrics.average_precision);
        let seconds = estimate(|outcome| Some(outcome.seconds));
        let mut row = vec![name.clone()];
        row.extend(
            [auc, seen, unseen, precision].map(|estimate| estimate.map_or("-".into(), |e| e.to_string())),
        );
        row.push(seconds.map_or("-".into(), |seconds| format!("{:.1}", seconds.mean)));
        table.push(row);
        models.push(json!({"name": name, "seeds": outcomes}));
    }
    let (n_items, n_links, n_pairs, n_seen) = sizes.unwrap_or_default();
    let findings = vec![format!(
        "{n_items} items, {n_links} training links; {n_pairs} test pairs, half of them links; of {n_seen} both items \
         have a training link (last seed); 95% intervals over {} seeds by Student's t",
        arguments.seeds
    )];
    let json = json!({
        "items": n_items, "training_links": n_links, "test_pairs": n_pairs, "seen_pairs": n_seen,
        "walk_length": arguments.walk_length, "walks_per_node": arguments.walks_per_node,
        "part": if arguments.validation { "validation" } else { "test" }, "models": models,
    });
    Ok(Report { name: "links", machine, table, findings, json })
}

/// gensim's skip-gram on the same walks, scored as ours.
pub(crate) fn gensim(
    links: &ItemLinks,
    python: &Python,
    threads: usize,
    seed: u64,
) -> Result<ItemLinkOutcome> {
    let folder = tempfile::tempdir()?;
    let (sequences, vectors) = (folder.path().join("walks.txt"), folder.path().join("vectors.bin"));
    write(&links.walks, &sequences)?;
    let mut command = python.command_in(".venv-gensim", "gensim_vectors.py", threads)?;
    command.arg(&sequences).arg(&vectors);
    command.args(["--threads", &threads.to_string(), "--seed", &seed.to_string()]);
    let Trained { seconds } = run_once(&mut command)?;
    let vectors = ItemVectors::read_word2vec_binary(&vectors)?;
    let of_item = |item: u32| vectors.vector(&item.to_string()).map(<[f32]>::to_vec);
    let of_items: Vec<Option<Vec<f32>>> = (0..links.n_items() as u32).map(of_item).collect();
    let metrics: LinkMetrics = links.test.measure(&links.test.cosines(&of_items))?;
    Ok(ItemLinkOutcome { metrics, seconds })
}

/// One walk a line.
fn write(walks: &dyn Sequences, path: &Path) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut items = Vec::new();
    for index in 0..walks.n_sequences() {
        items.clear();
        walks.append(1, index, &mut items);
        let words: Vec<String> = items.iter().map(u32::to_string).collect();
        writeln!(out, "{}", words.join(" "))?;
    }
    Ok(out.flush()?)
}
