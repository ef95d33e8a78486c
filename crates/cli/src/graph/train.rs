//! `graph train`.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use burn_recsys_baselines::{SkipGramConfig, SkipGramMode};
use burn_recsys_data::graph::{DescribedGraph, Edge, ItemGraph, LinkSplit, LinkSplitConfig};
use burn_recsys_data::windows::WindowConfig;
use burn_recsys_data::{ColumnValues, Csr, FeatureTable, IdMap, ItemVectors, Sequences, StoredSequences};
use burn_recsys_models::{
    FeatureSkipGramConfig, FieldPooling, ItemField, ItemFields, PairEncoder, PairwiseFactorizationConfig,
    UNKNOWN,
};
use burn_recsys_training::{
    Error, LinkTest, PairTraining, Result, device_from_name, fit_pairs, pair_logits, write_atomic,
};
use serde_json::json;

use super::arguments::{Format, Model, Train};
use super::plots;
use crate::arguments::Common;
use crate::output::{line, note};
use crate::progress::{CountProgress, FitProgress};
use crate::{data, interrupt};

/// Vectors and how they came to be.
struct Fitted {
    /// `[n_items]`; `None` for an item that nothing is known of.
    vectors: Vec<Option<Vec<f32>>>,
    /// Scores of the test pairs, if there are any.
    scores: Vec<Option<f32>>,
    /// The training loss of every epoch.
    losses: Vec<f64>,
}

pub(super) fn run(common: &Common, arguments: &Train) -> Result<()> {
    device_from_name(&common.device)?;
    if !(0.0..1.0).contains(&arguments.test_share) {
        let message = format!("{}; must be at least 0 and below 1", arguments.test_share);
        return Err(Error::Config { key: "--test-share", message });
    }
    let DescribedGraph { items, graph, features } = DescribedGraph::read(&arguments.graph)?;
    if is_same_folder(&arguments.graph, &arguments.out) {
        let message = "is the folder of the graph, whose items.csv would be replaced; name another".into();
        return Err(Error::Config { key: "--out", message });
    }
    if graph.n_edges() == 0 {
        let message = "the graph has no edge, so there is nothing to learn from".into();
        return Err(burn_recsys_data::Error::File { path: arguments.graph.clone(), message }.into());
    }
    let fields = fields(items.len(), &features)?;
    if arguments.model == Model::Features && fields.fields().is_empty() {
        let message = "features needs columns in items.csv beside the title; there are none".into();
        return Err(Error::Config { key: "--model", message });
    }
    let (graph, test) = match arguments.test_share {
        0.0 => (graph, None),
        share => {
            let links = undirected(&graph);
            let config = LinkSplitConfig::default().with_test_share(share).with_seed(arguments.walks.seed);
            let split = LinkSplit::new(items.len() as u32, &links, &config)?;
            (without(&graph, &split.test)?, Some(LinkTest::new(&split, items.len() as u32)))
        }
    };
    let graph = Arc::new(graph);
    interrupt::listen();
    let start = Instant::now();
    let fitted = fit(common, arguments, &graph, &fields, test.as_ref())?;
    let seconds = start.elapsed().as_secs_f64();
    let metrics = test.as_ref().map(|test| test.measure(&fitted.scores)).transpose()?;
    let learning_curve = plots::learning_curve(&fitted.losses)?;
    let precision_recall = match &test {
        Some(test) => Some(plots::precision_recall(&test.precision_recall(&fitted.scores)?)?),
        None => None,
    };
    let out = &arguments.out;
    fs::create_dir_all(out).map_err(|source| burn_recsys_data::Error::io("create", out, source))?;
    let file = write_vectors(arguments, &items, &fitted.vectors)?;
    write_items(&out.join(super::similar::ITEMS), &items, &features, &graph, &fitted.vectors)?;
    write_atomic(&out.join("learning-curve.svg"), learning_curve.as_bytes())?;
    match precision_recall {
        Some(svg) => write_atomic(&out.join("precision-recall.svg"), svg.as_bytes())?,
        // One of another training would be read as this one's.
        None => delete(&out.join("precision-recall.svg"))?,
    }
    let n_vectors = fitted.vectors.iter().flatten().count();
    let outcome = json!({
        "items": items.len(), "vectors": n_vectors, "file": file, "seconds": seconds, "losses": fitted.losses,
        "links": metrics, "test_pairs": test.as_ref().map(|test| test.pairs().len()),
        "test_pairs_of_seen_items": test.as_ref().map(LinkTest::n_seen),
    });
    #[expect(clippy::expect_used, reason = "numbers and texts")]
    let text = serde_json::to_string_pretty(&outcome).expect("JSON");
    write_atomic(&out.join("metrics.json"), text.as_bytes())?;
    if common.json {
        return data::print_json(&outcome);
    }
    let n_items = items.len();
    line(format_args!("{n_vectors} vectors of {n_items} items in {seconds:.1} s; in {}", out.display()));
    if n_vectors < n_items {
        note(format_args!(
            "{} items have no vector: they are in no pair that was trained on{}",
            n_items - n_vectors,
            if arguments.model == Model::Features {
                ", and have no feature"
            } else {
                "; see --model features"
            }
        ));
    }
    if let (Some(metrics), Some(test)) = (metrics, test) {
        let show = |value: Option<f64>| value.map_or("undefined".into(), |value| format!("{value:.4}"));
        line(format_args!(
            "held-out links: AUC {} ({} of items with links), average precision {}; {} pairs, half of them links",
            show(metrics.auc),
            show(metrics.auc_seen),
            show(metrics.average_precision),
            test.pairs().len()
        ));
    }
    Ok(())
}

fn fit(
    common: &Common,
    arguments: &Train,
    graph: &Arc<ItemGraph>,
    fields: &ItemFields,
    test: Option<&LinkTest>,
) -> Result<Fitted> {
    let (n_items, seed, d) = (graph.n_nodes(), arguments.walks.seed, arguments.d_embedding);
    let on_edges = matches!(arguments.model, Model::Mf | Model::MfBias);
    let sequences: Box<dyn Sequences> = match on_edges {
        true => {
            let pairs = Csr::from_rows(undirected(graph).into_iter().map(|(a, b)| [a, b]));
            Box::new(StoredSequences::new(n_items, pairs)?)
        }
        false => Box::new(arguments.walks.config().walks(Arc::clone(graph))?),
    };
    let n_epochs = arguments.epochs.unwrap_or(if on_edges { 20 } else { 5 });
    let cosines = |vectors: &[Option<Vec<f32>>]| test.map(|test| test.cosines(vectors)).unwrap_or_default();
    if arguments.model == Model::SkipGram || (arguments.model == Model::Features && !arguments.attention) {
        let mode = if arguments.lock_free { SkipGramMode::LockFree } else { SkipGramMode::Reproducible };
        let (window, n_negatives) = (arguments.window, arguments.negatives);
        let config = SkipGramConfig {
            d_embedding: d,
            window,
            n_negatives,
            n_epochs,
            mode,
            seed,
            ..SkipGramConfig::default()
        };
        let progress = CountProgress::new("epochs", n_epochs);
        let features = (arguments.model == Model::Features).then(|| fields.feature_rows());
        let model = config.fit_watched(sequences.as_ref(), features.as_ref(), |epoch| {
            progress.done(epoch.epoch, format!("loss {:.4}", epoch.loss));
            if interrupt::is_requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        drop(progress);
        let losses = model.losses().to_vec();
        if interrupt::is_requested() {
            return Err(Error::Stopped { epoch: losses.len() as u64 });
        }
        let vector = |item| model.vector(item).map(<[f32]>::to_vec);
        let vectors: Vec<Option<Vec<f32>>> = (0..n_items as u32).map(vector).collect();
        return Ok(Fitted { scores: cosines(&vectors), vectors, losses });
    }
    let device = device_from_name(&common.device)?.autodiff();
    let training = PairTraining {
        windows: WindowConfig { window: arguments.window, ..WindowConfig::default() },
        n_negatives: arguments.negatives as f64,
        n_epochs: n_epochs as u64,
        ..PairTraining::default()
    };
    let pairs = test.map(LinkTest::pairs).unwrap_or_default();
    if arguments.model == Model::Features {
        let config = FeatureSkipGramConfig::new()
            .with_d_embedding(check(d)?)
            .with_pooling(FieldPooling::Attention)
            .with_seed(seed);
        let model = config.init(fields.clone(), &device);
        let mut fitted = of_pairs(&training, model, sequences.as_ref(), seed, common, pairs)?;
        fitted.scores = cosines(&fitted.vectors);
        return Ok(fitted);
    }
    let config = PairwiseFactorizationConfig::new(n_items)
        .with_d_embedding(check(d)?)
        .with_has_bias(arguments.model == Model::MfBias)
        .with_seed(seed);
    of_pairs(&training, config.init(&device), sequences.as_ref(), seed, common, pairs)
}

/// Trains a model of pairs; the scores are its logits.
fn of_pairs<M: PairEncoder>(
    training: &PairTraining,
    model: M,
    sequences: &dyn Sequences,
    seed: u64,
    common: &Common,
    pairs: &[(u32, u32)],
) -> Result<Fitted> {
    let mut progress = FitProgress::new();
    let device = device_from_name(&common.device)?.autodiff();
    let fitted = fit_pairs(training, model, sequences, seed, &device, None, &mut progress)?;
    drop(progress);
    Ok(Fitted {
        vectors: fitted.model.similarity_vectors(&fitted.is_trained),
        scores: pair_logits(&fitted.model, &fitted.is_trained, pairs),
        losses: fitted.history.iter().map(|record| record.train_loss).collect(),
    })
}

fn is_same_folder(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// A table of a model refuses a width of 0 by a panic.
fn check(d_embedding: usize) -> Result<usize> {
    match d_embedding {
        1..=65_536 => Ok(d_embedding),
        _ => {
            let message = format!("{d_embedding}; must be 1 to 65536");
            Err(Error::Config { key: "--d-embedding", message })
        }
    }
}

/// Every linked pair once, the lower item first.
fn undirected(graph: &ItemGraph) -> Vec<(u32, u32)> {
    let mut pairs: Vec<(u32, u32)> =
        graph.edges().map(|edge| (edge.source.min(edge.target), edge.source.max(edge.target))).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// The graph without some links, in both directions; they ascend.
fn without(graph: &ItemGraph, links: &[(u32, u32)]) -> Result<ItemGraph> {
    let is_kept = |edge: &Edge| {
        links.binary_search(&(edge.source.min(edge.target), edge.source.max(edge.target))).is_err()
    };
    let edges: Vec<Edge> = graph.edges().filter(is_kept).collect();
    Ok(ItemGraph::from_edges(graph.n_nodes(), &edges)?.0)
}

/// The categorical columns of the items.
fn fields(n_items: usize, features: &FeatureTable) -> Result<ItemFields> {
    let fields = features.columns().iter().filter_map(|column| match &column.values {
        ColumnValues::Categorical { codes, vocabulary } => Some(ItemField {
            name: column.name.clone(),
            n_values: vocabulary.len(),
            codes: codes.iter().map(|code| code.unwrap_or(UNKNOWN)).collect(),
        }),
        _ => None,
    });
    ItemFields::new(n_items, fields.collect())
        .map_err(|error| Error::Config { key: "items.csv", message: error.to_string() })
}

fn write_vectors(arguments: &Train, items: &IdMap, vectors: &[Option<Vec<f32>>]) -> Result<String> {
    let known: Vec<u32> =
        (0..).zip(vectors).filter(|(_, vector)| vector.is_some()).map(|(item, _)| item).collect();
    let Some(dimension) = vectors.iter().flatten().map(Vec::len).next() else {
        return Err(
            burn_recsys_data::Error::Empty { after: "leaving out items without a vector".into() }.into()
        );
    };
    let values = vectors.iter().flatten().flatten().copied().collect();
    let vectors = ItemVectors::new(Arc::new(items.select(&known)), dimension, values)?;
    let path = |name: &str| arguments.out.join(name);
    let name = match arguments.format {
        Format::Safetensors => {
            vectors.write_safetensors(path("vectors.safetensors"))?;
            "vectors.safetensors"
        }
        Format::Word2vec => {
            vectors.write_word2vec_text(path("vectors.txt"))?;
            "vectors.txt"
        }
        Format::Word2vecBinary => {
            vectors.write_word2vec_binary(path("vectors.bin"))?;
            "vectors.bin"
        }
    };
    // What another format left would be read as these vectors.
    for other in super::similar::FILES.into_iter().filter(|&other| other != name) {
        delete(&path(other))?;
    }
    Ok(name.into())
}

/// Deletes a file, if it is there.
fn delete(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(burn_recsys_data::Error::io("delete", path, error).into())
        }
        _ => Ok(()),
    }
}

/// What `similar` shows of items, and says of those without a vector.
fn write_items(
    path: &Path,
    items: &IdMap,
    features: &FeatureTable,
    graph: &ItemGraph,
    vectors: &[Option<Vec<f32>>],
) -> Result<()> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let written = csv.write_record(["item", "title", "links", "has_vector"]).and_then(|()| {
        for ((item, id), vector) in (0..).zip(items.iter()).zip(vectors) {
            let n_links = graph.neighbours(item).len().to_string();
            let has_vector = if vector.is_some() { "yes" } else { "no" };
            let title = features.text("title", item).unwrap_or_default();
            csv.write_record([id.to_string().as_str(), title, &n_links, has_vector])?;
        }
        Ok(())
    });
    #[expect(clippy::expect_used, reason = "memory takes what is written")]
    let bytes = written.and_then(|()| csv.into_inner().map_err(|e| e.into_error().into())).expect("a buffer");
    write_atomic(path, &bytes)
}
