//! What the program is asked to do.

use std::net::IpAddr;
use std::path::PathBuf;

use burn_recsys_data::named::NamedDataset;
use burn_recsys_models::torch::{TorchModel, UnknownTorchModel};
use burn_recsys_training::protocol::{ProtocolModel, UnknownModel};
use clap::{Args, Parser, Subcommand};

pub(crate) use crate::graph::arguments::GraphCommand;

/// Recommenders from interaction logs: train, evaluate, recommend.
///
/// Start with `burn-recsys quickstart`: it trains on MovieLens data that is inside the program and
/// leaves a run folder that `recommend` and `evaluate` read.
#[derive(Debug, Parser)]
#[command(name = "burn-recsys", version, propagate_version = true, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong arguments or configuration, 130 interrupted \
                          (a run that was interrupted continues with `train --resume` or `compare --resume`).";

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Print one JSON object on standard output instead of text; progress stays on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Folder with data sets, searched before the environment variable BURN_RECSYS_DATA and the
    /// platform's cache folder; what is fetched goes there.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where to compute: flex, ndarray, wgpu, vulkan, cuda or tch; all but flex need the cargo feature
    /// of that name.
    #[arg(long, global = true, value_name = "NAME", default_value = "flex")]
    pub(crate) device: String,
    /// Threads on the CPU; results do not depend on it. Default: all cores.
    #[arg(long, global = true, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train on real data, compare with baselines, show recommendations: one command, no setup.
    Quickstart(Quickstart),
    /// List, fetch and describe data sets.
    #[command(subcommand)]
    Data(DataCommand),
    /// Train what a configuration file says, or continue a run that was cut off.
    Train(Train),
    /// Train several ways to know a user on one split, over several seeds, and compare them.
    Compare(Compare),
    /// Measure a finished run, or the lists of any recommender.
    ///
    /// With --run, or nothing, a finished run beside the baselines. With --recommendations and --ground-truth the
    /// lists of any system, from CSV or parquet files; columns are found by their usual names (user_id, user,
    /// item_id, item, score, rank, ...) or named by options.
    Evaluate(Box<Evaluate>),
    /// The best items for a user, by a finished run.
    Recommend(Recommend),
    /// Answer requests over HTTP from what a finished run serves, with a page for people at /.
    ///
    /// The server listens on this machine alone unless told otherwise, and stops by Ctrl-C or SIGTERM after the
    /// requests in work. A version that is published into the folder is taken over in a second or two, without a
    /// lost request; one that is damaged is refused and the old one stays.
    Serve(Serve),
    /// Put what one run serves into the folder that a server watches.
    Publish(Publish),
    /// Models side by side in the experiment of a paper, on the split that it published.
    #[command(subcommand)]
    Protocol(ProtocolCommand),
    /// Items from links, walks and sequences: a graph, a vector for each item, similar items.
    #[command(subcommand)]
    Graph(GraphCommand),
    /// The logits of a user preference model that was trained with PyTorch.
    ImportTorch(ImportTorch),
}

#[derive(Debug, Args)]
pub(crate) struct Quickstart {
    /// The data set; all but ml-latest-small are downloaded if they are not on this machine.
    #[arg(long, value_name = "NAME", default_value = "ml-latest-small", value_parser = dataset)]
    pub(crate) data: NamedDataset,
    /// The run folder to make. Default: runs/quickstart, replaced if there.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// What every random draw is a function of.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// The data sets known by name, and where they are on this machine.
    List,
    /// Download a data set, check it, and unpack it.
    Fetch {
        /// Such as ml-100k.
        #[arg(value_parser = dataset)]
        name: NamedDataset,
    },
    /// Counts, ratings, times and features of a data set.
    Describe {
        /// A name such as ml-100k, or a configuration file (*.toml) whose data and filters to describe.
        #[arg(value_name = "NAME|FILE")]
        source: String,
    },
}

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Train {
    /// The configuration, a TOML file. `runs/quickstart/config.toml` is a complete example.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The run folder. Default: runs/ and the configuration file's name.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Continue the run in the folder from its last checkpoint.
    #[arg(long)]
    pub(crate) resume: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The run folder, or a folder that `publish` made.
    #[arg(long, value_name = "DIR", default_value = "runs/quickstart")]
    pub(crate) run: PathBuf,
    /// Where to listen; 0 takes a free port.
    #[arg(long, value_name = "N", default_value_t = 8080)]
    pub(crate) port: u16,
    /// The address to listen on. One that other machines can reach needs --token-file or --no-token.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// A file whose first line is the token that requests must carry: `Authorization: Bearer TOKEN`.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Serve other machines without a token: something before the server keeps strangers out.
    #[arg(long, conflicts_with = "token_file")]
    pub(crate) no_token: bool,
    /// Log events alone, not every request.
    #[arg(long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// The run folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) run: PathBuf,
    /// The folder that a server watches; made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// How many versions before it are kept, to go back to.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) keep: usize,
}

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Compare {
    /// The study, a TOML file. `examples/studies/` has complete ones.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Other data than the file names: a data set such as ml-1m, a folder of MovieLens files, or one
    /// file of ratings beside such files.
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) data: Option<String>,
    /// The folder for the results. Default: runs/ and the configuration file's name.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Continue the study in the folder; what was trained is not trained again.
    #[arg(long)]
    pub(crate) resume: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// The run folder. Default: runs/quickstart.
    #[arg(long, value_name = "DIR", conflicts_with = "recommendations")]
    pub(crate) run: Option<PathBuf>,
    /// Lists to measure: a file of users, items, and scores or ranks.
    #[arg(long, value_name = "FILE", requires = "ground_truth", help_heading = "Any recommender's lists")]
    pub(crate) recommendations: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) lists: EvaluateLists,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Any recommender's lists")]
pub(crate) struct EvaluateLists {
    /// What was relevant: a file of users and items; with ratings and timestamps if there are any.
    #[arg(long, value_name = "FILE", requires = "recommendations")]
    pub(crate) ground_truth: Option<PathBuf>,
    /// The training part, a file of users and items: for coverage, novelty, popularity, slices, and the search for
    /// leaks.
    #[arg(long, value_name = "FILE", requires = "recommendations")]
    pub(crate) train: Option<PathBuf>,
    /// The lengths at which lists are cut, with commas between them.
    #[arg(
        long, value_name = "N,..", value_delimiter = ',', default_value = "1,5,10", value_parser = at_least_one,
        requires = "recommendations"
    )]
    pub(crate) k: Vec<usize>,
    /// Only rows of the ground truth that are rated at least this are relevant.
    #[arg(long, value_name = "RATING", requires = "recommendations")]
    pub(crate) min_rating: Option<f64>,
    /// Ratings of the ground truth are grades of relevance: adds NDCG with linear and exponential gain.
    #[arg(long, requires = "recommendations")]
    pub(crate) graded: bool,
    /// Slices, repeatable: `activity` (users by training rows: cold, light, power), `popularity` (items by training
    /// rows: cold, head, tail), or a file of users or items whose further columns are their groups.
    #[arg(long, value_name = "NAME|FILE", requires = "recommendations")]
    pub(crate) slices: Vec<String>,
    /// The lists of another model, to compare user by user.
    #[arg(long, value_name = "FILE", requires = "recommendations")]
    pub(crate) compare: Option<PathBuf>,
    /// Lists that everyone expects, such as the most popular items: for unexpectedness.
    #[arg(long, value_name = "FILE", requires = "recommendations")]
    pub(crate) base: Option<PathBuf>,
    /// Categories of items, a row for each pair: for diversity.
    #[arg(long, value_name = "FILE", requires = "recommendations")]
    pub(crate) categories: Option<PathBuf>,
    /// The items that were ranked for each user, if not all were: the report then names the bias of that.
    #[arg(long, value_name = "FILE", requires = "recommendations")]
    pub(crate) candidates: Option<PathBuf>,
    /// How often an interval is to hold the mean.
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, requires = "recommendations")]
    pub(crate) confidence: f64,
    /// Intervals by the bootstrap with so many resamples, not by the normal distribution.
    #[arg(long, value_name = "N", value_parser = resamples, requires = "recommendations")]
    pub(crate) bootstrap: Option<usize>,
    /// What every resample is a function of.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "recommendations")]
    pub(crate) seed: u64,
    /// Writes a report with plots to this file; replaced if there.
    #[arg(long, value_name = "FILE", requires = "recommendations")]
    pub(crate) html: Option<PathBuf>,
    /// Fails if the training part holds test rows or what came after them.
    #[arg(long, requires = "train")]
    pub(crate) fail_on_leak: bool,
    #[command(flatten)]
    pub(crate) columns: EvaluateColumns,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Columns with unusual names, in every file that has them")]
pub(crate) struct EvaluateColumns {
    /// The column of users.
    #[arg(long, value_name = "COLUMN", requires = "recommendations")]
    pub(crate) user: Option<String>,
    /// The column of items.
    #[arg(long, value_name = "COLUMN", requires = "recommendations")]
    pub(crate) item: Option<String>,
    /// The column of scores, the highest best.
    #[arg(long, value_name = "COLUMN", requires = "recommendations")]
    pub(crate) score: Option<String>,
    /// The column of ranks, the lowest best; counts before scores unless only --score is named.
    #[arg(long, value_name = "COLUMN", requires = "recommendations")]
    pub(crate) rank: Option<String>,
    /// The column of ratings.
    #[arg(long, value_name = "COLUMN", requires = "recommendations")]
    pub(crate) rating: Option<String>,
    /// The column of timestamps.
    #[arg(long, value_name = "COLUMN", requires = "recommendations")]
    pub(crate) timestamp: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Recommend {
    /// The run folder.
    #[arg(long, value_name = "DIR", default_value = "runs/quickstart")]
    pub(crate) run: PathBuf,
    /// The user's id as it stands in the data.
    #[arg(long, value_name = "ID")]
    pub(crate) user: String,
    /// How many items.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = at_least_one)]
    pub(crate) k: usize,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProtocolCommand {
    /// LightGCN (He et al. 2020): all items that a user has not met are ranked.
    Lightgcn(LightgcnProtocol),
    /// Neural collaborative filtering (He et al. 2017): one item among 99 sampled ones.
    Ncf(NcfProtocol),
    /// What the choice of negatives does to popular and to rare items: two towers of ids, five ways.
    Sampling(SamplingProtocol),
    /// Which ratings of MovieLens 100K are at least 3, on a random split: two towers with features, as in a
    /// published tutorial and the best that were found.
    #[command(name = "ml-100k-random")]
    Ml100kRandom(Ml100kRandomProtocol),
    /// MovieLens 100K by time: what users like after a moment, from what was known before it.
    #[command(name = "ml-100k-time")]
    Ml100kTime(Ml100kTimeProtocol),
    /// MovieLens by time, event after event: a temporal graph network that learns of what passes beside models
    /// that do not.
    Temporal(TemporalProtocol),
    /// What diversity costs and brings: maximal marginal relevance on recommendations for MovieLens users, and on
    /// pages for simulated users of several interests.
    Diversity(DiversityProtocol),
    /// Candidates of several generators and a ranker behind them, on MovieLens by time.
    TwoStage(TwoStageProtocol),
}

#[derive(Debug, Args)]
pub(crate) struct TwoStageProtocol {
    /// A data set such as ml-1m, a folder of MovieLens files, or one file of ratings beside such files.
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) data: String,
    /// How many seeds, 1, 2, ...
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    pub(crate) seeds: usize,
    /// Settings, a TOML file with the keys that --json shows; a key left out is as by default.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Measure on the last fifth of the training part, trained on the rest: what a search may look at.
    #[arg(long)]
    pub(crate) held_out: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DiversityProtocol {
    /// A data set such as ml-1m, a folder of MovieLens files, or one file of ratings beside such files.
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) data: String,
    /// The length of lists and pages.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = at_least_one)]
    pub(crate) k: usize,
    /// A folder for diversity.svg and pages.svg.
    #[arg(long, value_name = "DIR")]
    pub(crate) plots: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TemporalProtocol {
    /// The folder with the files of a MovieLens release, such as u.data of ml-100k.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// How many seeds, 1, 2, ...
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    pub(crate) seeds: usize,
    /// Settings of the temporal graph network, a TOML file with the keys that --json shows; a key left out is as by
    /// default.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Measure on the last fifth of the training part, trained on the rest: what a search may look at.
    #[arg(long)]
    pub(crate) held_out: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ml100kRandomProtocol {
    /// The folder with the files of ml-100k and split-random-0.2-test-rows.txt: the numbers of the test rows,
    /// counted from 0 in the order of u.data.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// How many seeds, 1, 2, ...
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    pub(crate) seeds: usize,
    /// Towers to measure in place of both, a TOML file with the keys that --json shows; a key left out is as in
    /// the best ones.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Measure on a tenth of the training rows, trained on the rest: what a search may look at.
    #[arg(long)]
    pub(crate) held_out: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LightgcnProtocol {
    /// The folder with train.txt and test.txt: a user, then that user's items, one user a line.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The length of lists.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = at_least_one)]
    pub(crate) k: usize,
    #[command(flatten)]
    pub(crate) contest: Contest,
}

#[derive(Debug, Args)]
pub(crate) struct NcfProtocol {
    /// The folder with NAME.train.rating, NAME.test.rating and NAME.test.negative.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The data set's name, with which its files begin.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// The length of lists.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = at_least_one)]
    pub(crate) k: usize,
    #[command(flatten)]
    pub(crate) contest: Contest,
}

#[derive(Debug, Args)]
pub(crate) struct SamplingProtocol {
    /// The folder with train.txt and test.txt, as of `protocol lightgcn`.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The length of lists.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = at_least_one)]
    pub(crate) k: usize,
    /// How many seeds, 1, 2, ...
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    pub(crate) seeds: usize,
    /// How many epochs, the same for all.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) epochs: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Ml100kTimeProtocol {
    /// The folder with u.data, u.item and u.user.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// How many seeds, 1, 2, ...
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    pub(crate) seeds: usize,
}

/// Who takes part in a protocol, and how often.
#[derive(Debug, Args)]
pub(crate) struct Contest {
    /// The models, with commas between them: popular, itemknn, ease, slim, ials, mf, bpr, simplex, two-tower.
    /// Default: all. Parameters are chosen on rows held out of the training part.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = protocol_model)]
    pub(crate) models: Vec<ProtocolModel>,
    /// How many seeds, 1, 2, ...; parameters are chosen with the first one.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    pub(crate) seeds: usize,
}

/// Sizes are read from the weights. A file that does not fit is refused with all that is wrong in it.
#[derive(Debug, Args)]
pub(crate) struct ImportTorch {
    /// How the model knows users: id, dhe, cohort, cohort-top1 or mixture.
    #[arg(long, value_name = "NAME", value_parser = torch_model)]
    pub(crate) model: TorchModel,
    /// The state dict, as safetensors.torch.save_file writes it, with the keys of the original model.
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: PathBuf,
    /// The rows, a safetensors file: user_id, user_features, item_id, item_features, cross_features,
    /// position and, for dhe, user_hash, the encoding to use instead of the hash of user_id.
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: PathBuf,
    /// Where to write logits [batch, n_tasks], a safetensors file; replaced if there.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

fn dataset(name: &str) -> Result<NamedDataset, String> {
    name.parse().map_err(|error: burn_recsys_data::Error| error.to_string())
}

fn torch_model(name: &str) -> Result<TorchModel, String> {
    name.parse().map_err(|error: UnknownTorchModel| error.to_string())
}

fn protocol_model(name: &str) -> Result<ProtocolModel, String> {
    name.parse().map_err(|error: UnknownModel| error.to_string())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".into()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}

/// Fewer have no percentiles to speak of.
fn resamples(text: &str) -> Result<usize, String> {
    const ALLOWED: std::ops::RangeInclusive<usize> = 100..=1_000_000;
    at_least_one(text)
        .and_then(|n| if ALLOWED.contains(&n) { Ok(n) } else { Err("must be 100 to 1000000".into()) })
}

/// A thread costs memory and a slot of the system: a misplaced zero should not bring it down.
fn threads(text: &str) -> Result<usize, String> {
    const MOST: usize = 1024;
    at_least_one(text).and_then(|n| if n <= MOST { Ok(n) } else { Err(format!("must be at most {MOST}")) })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
