//! Candidates of several sources ranked by trees, beside each source alone, on a split by time.

mod first;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use burn_recsys_data::{Interactions, SplitConfig, Strategy};
use burn_recsys_metrics::ranking::{JudgedList, Ndcg, RankingMetric};
use burn_recsys_metrics::statistics::{Bootstrap, PairedComparison};
use burn_recsys_ranking::{
    BoostedTreesConfig, Candidates, ExamplesConfig, FirstStage, Ranker, ReciprocalRankFusion, TreeRanker,
    TwoStageConfig, TwoStageTally, rank,
};
use burn_recsys_retrieval::{Hit, ItemFilter};
use serde_json::json;

use self::first::{Sources, genres};
use crate::Result;
use crate::machine::Machine;
use crate::report::{Report, note};

/// The length of lists.
const K: usize = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A file of ratings in one of MovieLens' layouts, with movies.dat beside it.
    #[arg(long)]
    ratings: PathBuf,
    /// The latest part of all rows, to test on.
    #[arg(long, default_value_t = 0.2)]
    test_fraction: f64,
    /// Test on the latest part of the training rows instead: for choosing parameters.
    #[arg(long)]
    validate: bool,
    /// What is rated lower is neither liked nor relevant; it still counts for what is known of items.
    #[arg(long, default_value_t = 4.0)]
    liked: f32,
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    ranker: RankerArguments,
}

#[derive(Debug, clap::Args)]
struct RankerArguments {
    /// The latest part of the training rows, which gives the labels.
    #[arg(long, default_value_t = 0.6)]
    label_fraction: f64,
    /// Periods of the labels; sources are fitted anew before each.
    #[arg(long, default_value_t = 12)]
    periods: usize,
    /// Periods that the labels of a visit are from.
    #[arg(long, default_value_t = 12)]
    label_periods: usize,
    /// Candidates without a click that are kept for each user.
    #[arg(long, default_value_t = 100)]
    negatives: usize,
    /// Users with shorter histories are no examples.
    #[arg(long, default_value_t = 1)]
    min_history: usize,
    /// Trees.
    #[arg(long, default_value_t = 150)]
    trees: usize,
    /// The greatest depth of trees.
    #[arg(long, default_value_t = 3)]
    depth: usize,
    /// How much of each tree counts.
    #[arg(long, default_value_t = 0.05)]
    learning_rate: f64,
    /// The least sum of second derivatives in a leaf.
    #[arg(long, default_value_t = 50.0)]
    child_weight: f64,
    /// The part of the features that each tree may use.
    #[arg(long, default_value_t = 0.5)]
    feature_fraction: f64,
    /// Let scores fall where a source's score rises.
    #[arg(long)]
    free: bool,
    /// The seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl RankerArguments {
    fn config(&self) -> TwoStageConfig {
        TwoStageConfig {
            trees: BoostedTreesConfig {
                n_trees: self.trees,
                max_depth: self.depth,
                learning_rate: self.learning_rate,
                min_child_weight: self.child_weight,
                feature_fraction: self.feature_fraction,
                seed: self.seed,
                ..BoostedTreesConfig::default()
            },
            examples: ExamplesConfig {
                max_negatives: self.negatives,
                min_history: self.min_history,
                min_rating: None,
                seed: self.seed,
            },
            label_fraction: self.label_fraction,
            n_periods: self.periods,
            periods_of_labels: self.label_periods,
            is_monotone: !self.free,
        }
    }
}

/// NDCG of every tested user by one way to rank.
struct Outcome {
    name: String,
    values: Vec<f64>,
}

/// Time spent by all users together.
#[derive(Default)]
struct Costs {
    sources: Vec<Duration>,
    features: Duration,
    trees: Duration,
    fusion: Duration,
    n_candidates: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    let machine = Machine::now();
    let dataset = burn_recsys_data::movielens::read_ratings("movielens", &arguments.ratings)?;
    let by_time = SplitConfig::new(Strategy::GlobalTime { test_fraction: arguments.test_fraction });
    let mut split = by_time.split(&dataset.interactions)?;
    if arguments.validate {
        split = by_time.split(&split.train)?;
    }
    let (train, test) = (&split.train, &split.test);
    let genres = genres(&dataset.items, &dataset.interactions, train);
    let make = |rows: &Interactions| arguments.sources.fit(rows, arguments.liked, genres.as_ref());

    let start = Instant::now();
    let mut config = arguments.ranker.config();
    config.examples.min_rating = Some(arguments.liked);
    let examples = config.examples(train, make)?;
    let examples_time = start.elapsed();
    note(&format!("{} examples of {} visits", examples.len(), examples.group_sizes().len()));
    let start = Instant::now();
    let first = FirstStage::fit(train, make)?;
    let first_time = start.elapsed();
    let start = Instant::now();
    let trees = config.fit_trees(&examples, first.features())?;
    let trees_time = start.elapsed();
    let ranker = TreeRanker::new(first.features().clone(), trees)?;

    let (outcomes, tally, costs) = test_users(&first, &ranker, &liked(test, arguments.liked))?;
    let ours = outcomes.last().ok_or("nothing was ranked")?;
    let n_users = ours.values.len() as f64;
    let mean = |outcome: &Outcome| outcome.values.iter().sum::<f64>() / n_users;
    let n_sources = costs.sources.len();
    let best = (0..n_sources).max_by(|&a, &b| f64::total_cmp(&mean(&outcomes[a]), &mean(&outcomes[b])));
    let best = &outcomes[best.ok_or("there are no sources")?];
    let bootstrap = Bootstrap::new(10_000, 1)?;
    let mut table = vec![["ranked by", "NDCG@10", "trees - this, 95% interval"].map(String::from).to_vec()];
    let mut json_outcomes = Vec::new();
    for outcome in &outcomes {
        let comparison = PairedComparison::new(&outcome.values, &ours.values, &bootstrap)?;
        let (difference, interval) = (comparison.difference, comparison.bootstrap_interval);
        let cell = difference.zip(interval).map_or(String::new(), |(difference, interval)| {
            format!("{difference:+.4} ({:+.4} to {:+.4})", interval.lower, interval.upper)
        });
        table.push(vec![outcome.name.clone(), format!("{:.4}", mean(outcome)), cell]);
        json_outcomes.push(json!({
            "name": outcome.name, "ndcg": mean(outcome), "difference": difference,
            "lower": interval.map(|interval| interval.lower), "upper": interval.map(|interval| interval.upper),
        }));
    }
    let loss = tally.finish().ok_or("no user was tested")?;
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / n_users;
    let mut findings = vec![
        format!(
            "{} training rows, {} test rows of {n_users} users; best source alone: {}",
            train.len(),
            test.len(),
            best.name
        ),
        format!(
            "of the relevant items {:.4} are in the answer, {:.4} were not found, {:.4} ranked too low",
            loss.recall, loss.retrieval_loss, loss.ranking_loss
        ),
    ];
    for (source, time) in loss.sources.iter().zip(&costs.sources) {
        findings.push(format!(
            "{}: found {:.4}, alone {:.4}; {:.0} us a user",
            source.name,
            source.recall,
            source.unique,
            micros(*time)
        ));
    }
    findings.push(format!(
        "features {:.0} us, trees {:.0} us, fusion {:.0} us a user of {:.0} candidates",
        micros(costs.features),
        micros(costs.trees),
        micros(costs.fusion),
        costs.n_candidates as f64 / n_users
    ));
    findings.push(format!(
        "fitted in {:.1} s (examples of {} periods), {:.1} s (trees), {:.1} s (sources)",
        examples_time.as_secs_f64(),
        config.n_periods,
        trees_time.as_secs_f64(),
        first_time.as_secs_f64()
    ));
    let mut importances: Vec<(f32, &String)> =
        ranker.trees().importances().into_iter().zip(ranker.trees().names()).collect();
    importances.sort_by(|a, b| b.0.total_cmp(&a.0));
    let share = |(share, name): &(f32, &String)| format!("{name} {share:.3}");
    findings.push(format!("gains: {}", importances.iter().map(share).collect::<Vec<_>>().join(", ")));
    let json = json!({
        "users": n_users, "outcomes": json_outcomes, "best_source": best.name, "recall": loss.recall,
        "retrieval_loss": loss.retrieval_loss, "ranking_loss": loss.ranking_loss,
        "micros": {
            "sources": costs.sources.iter().map(|&time| micros(time)).collect::<Vec<_>>(),
            "features": micros(costs.features), "trees": micros(costs.trees), "fusion": micros(costs.fusion),
        },
    });
    Ok(Report { name: "two-stage", machine, table, findings, json })
}

/// The rows of at least this rating.
fn liked(rows: &Interactions, rating: f32) -> Interactions {
    rows.retain(|row| rows.ratings().is_some_and(|ratings| ratings[row] >= rating))
}

/// Each source alone, then fusion, then trees, for every user with a test row.
fn test_users(
    first: &FirstStage,
    ranker: &TreeRanker,
    test: &Interactions,
) -> Result<(Vec<Outcome>, TwoStageTally, Costs)> {
    let names: Vec<String> = first.sources().names().map(String::from).collect();
    let mut tally = TwoStageTally::new(names.iter().cloned());
    let outcome = |name: String| Outcome { name, values: Vec::new() };
    let mut outcomes: Vec<Outcome> =
        names.into_iter().chain(["reciprocal rank fusion".into(), "trees".into()]).map(outcome).collect();
    let n_sources = outcomes.len() - 2;
    let mut costs = Costs { sources: vec![Duration::ZERO; n_sources], ..Costs::default() };
    let ndcg = Ndcg::new(K)?;
    for (user, met) in (0..).zip(test.items_by_user().rows()) {
        // What was met before cannot be recommended, and is no test.
        let seen = first.seen(user);
        let relevant: Vec<u32> =
            met.iter().copied().filter(|item| seen.binary_search(item).is_err()).collect();
        if relevant.is_empty() {
            continue;
        }
        let visitor = first.visitor(user);
        let filter = ItemFilter { exclude: seen, allow: &[] };
        let mut lists: Vec<Vec<Hit>> = Vec::with_capacity(n_sources);
        for (source, cost) in costs.sources.iter_mut().enumerate() {
            let start = Instant::now();
            lists.push(first.sources().list(source, &visitor, &filter)?);
            *cost += start.elapsed();
        }
        let candidates = Candidates::merge(&lists);
        costs.n_candidates += candidates.len();
        let start = Instant::now();
        let fused = rank(&ReciprocalRankFusion::default(), &visitor, &candidates, K)?;
        costs.fusion += start.elapsed();
        let start = Instant::now();
        ranker.features().rows(&visitor, &candidates)?;
        let features = start.elapsed();
        let start = Instant::now();
        ranker.scores(&visitor, &candidates)?;
        costs.trees += start.elapsed().saturating_sub(features);
        costs.features += features;
        let ranked = rank(ranker, &visitor, &candidates, K)?;
        tally.observe(&relevant, &candidates, &ranked)?;
        for (outcome, list) in outcomes.iter_mut().zip(lists.iter().chain([&fused, &ranked])) {
            let items: Vec<u32> = list.iter().take(K).map(|hit| hit.item).collect();
            outcome.values.push(ndcg.measure(&JudgedList::new(&items, &relevant)?).unwrap_or(0.0));
        }
    }
    Ok((outcomes, tally, costs))
}
