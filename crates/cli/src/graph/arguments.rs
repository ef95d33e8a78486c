//! What `graph` is asked to do.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum GraphCommand {
    /// Make a graph of items from product metadata, a list of links or interactions.
    Build(Box<Build>),
    /// Write random walks on a graph, one a line: a corpus for word2vec.
    Walk(Walk),
    /// Learn a vector for each item of a graph, and measure on held-out links how well they predict others.
    Train(Box<Train>),
    /// The items most like an item, by the vectors that `graph train` left.
    Similar(Similar),
}

#[derive(Debug, Args)]
#[group(id = "source", required = true, multiple = false)]
pub(crate) struct Source {
    /// Amazon product metadata, one object a line, plain or gzip.
    #[arg(long, value_name = "FILE")]
    pub(crate) products: Option<PathBuf>,
    /// Links: a CSV file with columns source and target, and relation and weight if there are any; plain or gzip.
    #[arg(long, value_name = "FILE")]
    pub(crate) edges: Option<PathBuf>,
    /// Who met what when: a data set such as ml-100k, a folder of MovieLens files, or one file of ratings. Items
    /// that users met within a window of time are linked.
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) interactions: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The folder for edges.csv and items.csv.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// What links of a relation count, such as also_bought=1, repeatable; relations that are not named are left
    /// out. Default: 1 for all.
    #[arg(long, value_name = "NAME=WEIGHT", value_parser = relation, conflicts_with = "interactions")]
    pub(crate) relation: Vec<(String, f32)>,
    /// The share of lines that may be broken; they are counted and passed over.
    #[arg(long, value_name = "SHARE", default_value_t = 0.01, conflicts_with = "interactions")]
    pub(crate) max_broken_share: f64,
    /// Hours between two items of a user that are linked.
    #[arg(long, value_name = "HOURS", default_value_t = 24.0, conflicts_with_all = ["products", "edges"])]
    pub(crate) window: f64,
    /// Users that two items must have in common.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with_all = ["products", "edges"])]
    pub(crate) min_count: u32,
    /// Neighbours that an item keeps, the most related ones.
    #[arg(long, value_name = "N", default_value_t = 100, conflicts_with_all = ["products", "edges"])]
    pub(crate) max_neighbours: usize,
}

/// How walks go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Walks")]
pub(crate) struct Walks {
    /// Nodes of a walk.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) length: usize,
    /// Walks from every node in an epoch.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) walks: usize,
    /// node2vec's return parameter: the larger, the less walks go back at once.
    #[arg(short, value_name = "P", default_value_t = 1.0)]
    pub(crate) p: f64,
    /// node2vec's in-out parameter: the larger, the more walks stay near.
    #[arg(short, value_name = "Q", default_value_t = 1.0)]
    pub(crate) q: f64,
    /// The probability of going back to the start.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub(crate) restart: f64,
    /// What every random draw is a function of.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Walk {
    /// The folder of the graph.
    #[arg(long, value_name = "DIR")]
    pub(crate) graph: PathBuf,
    /// The file to write; replaced if there.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) walks: Walks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Model {
    /// Skip-gram on walks; the fastest.
    SkipGram,
    /// Skip-gram on walks with the columns of items.csv: items without links get vectors, too.
    Features,
    /// Factorisation of the edges.
    Mf,
    /// Factorisation of the edges with a bias for each item.
    MfBias,
    /// Factorisation of the pairs in windows of walks.
    MfWalks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Safetensors,
    Word2vec,
    Word2vecBinary,
}

#[derive(Debug, Args)]
pub(crate) struct Train {
    /// The folder of the graph.
    #[arg(long, value_name = "DIR")]
    pub(crate) graph: PathBuf,
    /// The folder for the vectors, metrics and plots; those of an earlier training in it are replaced.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// What learns the vectors.
    #[arg(long, value_enum, default_value_t = Model::SkipGram)]
    pub(crate) model: Model,
    /// With --model features: weigh an item's own vector and its features by attention, not equally.
    #[arg(long)]
    pub(crate) attention: bool,
    /// With --model skip-gram: all threads on the same vectors without waiting. Faster, and no two runs are the
    /// same.
    #[arg(long)]
    pub(crate) lock_free: bool,
    /// The size of vectors.
    #[arg(short, long, value_name = "N", default_value_t = 128)]
    pub(crate) d_embedding: usize,
    /// Items on each side that are context.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) window: usize,
    /// Random items beside every one.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) negatives: usize,
    /// Passes over the walks or edges [default: 5; 20 for mf and mf-bias].
    #[arg(long, value_name = "N")]
    pub(crate) epochs: Option<usize>,
    /// The share of links to hold out and to predict, beside as many random pairs without a link; 0 for none.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub(crate) test_share: f64,
    /// The format of the vectors' file.
    #[arg(long, value_enum, default_value_t = Format::Safetensors)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) walks: Walks,
}

#[derive(Debug, Args)]
pub(crate) struct Similar {
    /// The folder that `graph train` made.
    #[arg(long, value_name = "DIR")]
    pub(crate) vectors: PathBuf,
    /// The item's id as it stands in the data.
    #[arg(long, value_name = "ID")]
    pub(crate) item: String,
    /// How many items.
    #[arg(short, long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) k: u32,
}

fn relation(text: &str) -> Result<(String, f32), String> {
    let (name, weight) = text.split_once('=').ok_or("write it as also_bought=1")?;
    match weight.parse::<f32>() {
        Ok(weight) if weight >= 0.0 && weight.is_finite() => Ok((name.to_string(), weight)),
        _ => Err(format!("the weight {weight:?} is not a finite number from 0")),
    }
}
