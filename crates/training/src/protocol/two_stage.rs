//! Candidates of several generators, and rankers behind them, on a split by time.

mod sources;

use std::time::Instant;

use burn::tensor::Device;
use burn_recsys_data::{Filter, Interactions};
use burn_recsys_ranking::{
    BoostedTreesConfig, Candidates, FirstStage, RankFeatures, Ranker, RankingExamples, ReciprocalRankFusion,
    TreeRanker, TwoStageLoss, TwoStageTally, rank,
};
use burn_recsys_retrieval::Hit;
use serde::{Deserialize, Serialize};

use super::TimeSplit;
use crate::{
    EstimatorRanker, EstimatorRankerConfig, Evaluation, LabelledVisit, Result, TestSet, evaluate_lists,
};
use sources::LIKED;
pub use sources::SourcesConfig;

/// Ratings from here on are the highest grade.
const LOVED: f32 = 5.0;

/// How both stages are fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TwoStageSettings {
    /// The generators.
    pub sources: SourcesConfig,
    /// A ranker of boosted trees.
    pub trees: BoostedTreesConfig,
    /// A ranker by the multi-task estimator.
    pub estimator: EstimatorRankerConfig,
    /// The latest share of the training rows, from which the rankers have their labels; above 0, below 1.
    /// Default 0.5.
    pub label_fraction: f64,
    /// Into how many periods it is cut; the generators are fitted anew before each, and the labels are of that
    /// period and those after it. At least 1. Default 8.
    pub n_periods: usize,
}

impl Default for TwoStageSettings {
    fn default() -> Self {
        TwoStageSettings {
            sources: SourcesConfig::default(),
            // More passes, or a faster rate, and the vectors of users know the visits by heart.
            estimator: EstimatorRankerConfig {
                n_epochs: 1,
                learning_rate: 0.002,
                ..EstimatorRankerConfig::default()
            },
            trees: BoostedTreesConfig {
                n_trees: 150,
                max_depth: 3,
                min_child_weight: 50.0,
                feature_fraction: 0.5,
                ..BoostedTreesConfig::default()
            },
            label_fraction: 0.5,
            n_periods: 8,
        }
    }
}

/// What was measured of the generators alone and of the two stages.
#[derive(Debug)]
pub struct TwoStageOutcome {
    /// By name: each generator alone.
    pub sources: Vec<(String, Evaluation)>,
    /// By name: each ranker behind all generators, with what each stage loses of the relevant items.
    pub rankers: Vec<(String, Evaluation, TwoStageLoss)>,
    /// By name: the mean time of a stage for one user on one thread, in microseconds.
    pub microseconds: Vec<(String, f64)>,
    /// Candidates of a user, mean.
    pub n_candidates: f64,
    /// Visits that the rankers learned from.
    pub n_visits: usize,
    /// Seconds to fit both stages and all rankers.
    pub seconds: f64,
}

impl TwoStageSettings {
    /// Reads settings from a TOML file; a key left out is as by default.
    ///
    /// # Errors
    /// If the file cannot be read, or has an unknown key or an impossible value.
    pub fn read(path: &std::path::Path) -> Result<Self> {
        crate::config::read_file(path, |text| {
            let settings: TwoStageSettings = crate::config::from_toml(text, "settings")?;
            settings.validate()?;
            Ok(settings)
        })
    }

    fn validate(&self) -> Result<()> {
        let refuse = |key, message: String| Err(crate::Error::Config { key, message });
        if !(self.label_fraction > 0.0 && self.label_fraction < 1.0) {
            return refuse("label_fraction", format!("{} is not between 0 and 1", self.label_fraction));
        }
        match self.n_periods {
            1..=100 => Ok(()),
            n => refuse("n_periods", format!("{n} is not from 1 to 100")),
        }
    }
}

/// Fits generators and rankers to the training part of `split`, and measures them on its test part at `k`.
///
/// Rankers learn from periods at the end of the training part: what generators fitted to the rows before a
/// period found, and what users liked from then on. Then the generators are fitted to the whole training part.
///
/// # Errors
/// If a setting is out of range, a generator or ranker cannot be fitted, or a list cannot be measured.
pub fn two_stage(
    split: &TimeSplit,
    settings: &TwoStageSettings,
    seed: u64,
    device: &Device,
    k: usize,
) -> Result<TwoStageOutcome> {
    settings.validate()?;
    let start = Instant::now();
    let tables = [&split.users, &split.items];
    let first_stage = |rows: &Interactions| {
        let mut failure = None;
        let made = FirstStage::fit(rows, |rows| {
            settings.sources.fit(rows, tables, seed, device).map_err(|error| {
                let message = error.to_string();
                failure = Some(error);
                burn_recsys_ranking::Error::Parameter { parameter: "sources", message }
            })
        });
        made.map_err(|error| failure.unwrap_or_else(|| error.into()))
    };
    let visits = visits(&split.train, settings, &first_stage)?;
    let first = first_stage(&split.train)?;
    let features = first.features();
    let rankers: [(&str, Box<dyn Ranker>); 3] = [
        ("reciprocal rank fusion", Box::new(ReciprocalRankFusion::default())),
        ("boosted trees", Box::new(trees(features, &visits, &settings.trees, seed)?)),
        ("estimator", {
            let sizes = [split.train.n_users(), split.train.n_items()];
            let config = EstimatorRankerConfig { seed, ..settings.estimator.clone() };
            Box::new(EstimatorRanker::fit(features.clone(), sizes, &visits, &config, device)?)
        }),
    ];
    let seconds = start.elapsed().as_secs_f64();

    let test = split.test();
    let mut clock = Clock::default();
    let found: Vec<Candidates> = test
        .known_users()
        .iter()
        .map(|&user| clock.time("candidates", || first.candidates(user)))
        .collect::<std::result::Result<_, _>>()?;
    for (&user, candidates) in test.known_users().iter().zip(&found) {
        clock.time("features", || features.rows(&first.visitor(user), candidates))?;
    }
    let names: Vec<String> = first.sources().names().map(String::from).collect();
    let mut of_sources = Vec::new();
    for (source, name) in names.iter().enumerate() {
        let lists = found.iter().map(|candidates| best_of_source(candidates, source, k)).collect();
        of_sources.push((name.clone(), measure(test, lists, k)?));
    }
    let mut of_rankers = Vec::new();
    for (name, ranker) in &rankers {
        let mut tally = TwoStageTally::new(names.iter().map(String::as_str));
        let mut lists = Vec::new();
        for (position, (&user, candidates)) in test.known_users().iter().zip(&found).enumerate() {
            let visitor = first.visitor(user);
            let hits = clock.time(name, || rank(ranker.as_ref(), &visitor, candidates, k))?;
            tally.observe(test.relevant(position), candidates, &hits)?;
            lists.push(hits.iter().map(|hit: &Hit| hit.item).collect());
        }
        let loss =
            tally.finish().ok_or_else(|| burn_recsys_data::Error::Empty { after: "testing".into() })?;
        of_rankers.push((name.to_string(), measure(test, lists, k)?, loss));
    }
    Ok(TwoStageOutcome {
        sources: of_sources,
        rankers: of_rankers,
        microseconds: clock.means(),
        n_candidates: found.iter().map(Candidates::len).sum::<usize>() as f64 / found.len().max(1) as f64,
        n_visits: visits.len(),
        seconds,
    })
}

/// What was found before each period for those who liked something from then on.
fn visits(
    train: &Interactions,
    settings: &TwoStageSettings,
    first_stage: &impl Fn(&Interactions) -> Result<FirstStage>,
) -> Result<Vec<LabelledVisit>> {
    let moments = train.timestamps().unwrap_or_default();
    let mut ascending = moments.to_vec();
    ascending.sort_unstable();
    let cut = |period: usize| {
        let share = settings.label_fraction * (1.0 - period as f64 / settings.n_periods as f64);
        ascending.get(((1.0 - share) * ascending.len() as f64) as usize).copied().unwrap_or(i64::MAX)
    };
    let mut visits = Vec::new();
    for period in 0..settings.n_periods {
        let begin = cut(period);
        let first = first_stage(&train.retain(|row| moments[row] < begin))?;
        let later = train.retain(|row| moments[row] >= begin);
        let liked = |rating: f32| {
            Ok::<_, burn_recsys_data::Error>(Filter::RatingAtLeast { rating }.apply(&later)?.items_by_user())
        };
        let (liked, loved) = (liked(LIKED)?, liked(LOVED)?);
        for user in (0..train.n_users() as u32).filter(|&user| !liked.row(user).is_empty()) {
            let candidates = first.candidates(user)?;
            let is_in = |row: &[u32], item: &u32| u8::from(row.binary_search(item).is_ok());
            let label = |item: &u32| is_in(liked.row(user), item) + is_in(loved.row(user), item);
            visits.push(LabelledVisit {
                user: Some(user),
                features: first.features().rows(&first.visitor(user), &candidates)?,
                labels: candidates.items().iter().map(label).collect(),
                items: candidates.items().to_vec(),
            });
        }
    }
    Ok(visits)
}

fn trees(
    features: &RankFeatures,
    visits: &[LabelledVisit],
    config: &BoostedTreesConfig,
    seed: u64,
) -> Result<TreeRanker> {
    let mut examples = RankingExamples::new(features.names());
    for visit in visits {
        examples.push(&visit.features, &visit.labels)?;
    }
    let mut config = BoostedTreesConfig { seed, ..config.clone() };
    if config.increasing.is_empty() {
        config.increasing = features.increasing();
    }
    let trees = config.fit(&examples)?;
    Ok(TreeRanker::new(features.clone(), trees)?)
}

fn best_of_source(candidates: &Candidates, source: usize, k: usize) -> Vec<u32> {
    let of_source =
        |position: usize| Some((candidates.found(position)[source]?.rank, candidates.items()[position]));
    let mut list: Vec<(u32, u32)> = (0..candidates.len()).filter_map(of_source).collect();
    list.sort_unstable();
    list.into_iter().take(k).map(|(_, item)| item).collect()
}

/// Measures the lists of all known users.
fn measure(test: &TestSet, lists: Vec<Vec<u32>>, k: usize) -> Result<Evaluation> {
    let mut lists = lists.into_iter();
    evaluate_lists(test, test.evaluator(&[k])?, |users| Ok(lists.by_ref().take(users.len()).collect()))
}

/// Mean times by name, in the order in which they were first seen.
#[derive(Default)]
struct Clock(Vec<(String, f64, u32)>);

impl Clock {
    fn time<T>(&mut self, name: &str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        let microseconds = start.elapsed().as_secs_f64() * 1e6;
        match self.0.iter_mut().find(|(other, ..)| other == name) {
            Some((_, sum, n)) => (*sum, *n) = (*sum + microseconds, *n + 1),
            None => self.0.push((name.to_string(), microseconds, 1)),
        }
        result
    }

    fn means(self) -> Vec<(String, f64)> {
        self.0.into_iter().map(|(name, sum, n)| (name, sum / f64::from(n))).collect()
    }
}
