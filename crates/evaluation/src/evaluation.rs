use burn_recsys_metrics::catalogue::Exposure;
use burn_recsys_metrics::leakage::{Finding, FindingKind, LeakageReport, Part};
use burn_recsys_metrics::statistics::{Interval, PairedComparison};
use burn_recsys_metrics::{Lists, RankingReport, SampledCandidates};

use crate::input::{EvaluationFiles, Input};
use crate::labels::Slices;
use crate::roles::Role;
use crate::rows::Rows;
use crate::suite::{Training, evaluator};
use crate::{Error, EvaluationConfig, Result};

/// What was measured.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Evaluation {
    /// The metrics, of all users and of slices.
    pub report: RankingReport,
    /// The intervals of means, in the order of [`RankingReport::summaries`]; `None` for a metric of the catalogue
    /// and where fewer than two users are defined.
    pub intervals: Vec<Option<Interval>>,
    /// Who was measured.
    pub users: UserCounts,
    /// What the training and the test part have in common; `None` without a training part.
    pub leakage: Option<LeakageReport>,
    /// The first rows of each finding of `leakage`, as they stand in the files.
    pub leakage_examples: Vec<String>,
    /// The other model, metric by metric; empty without one.
    pub comparison: Vec<(String, PairedComparison)>,
    /// How often each item of the catalogue stands in the lists at the largest cutoff, descending; `None` without
    /// a training part.
    pub exposure: Option<Vec<u64>>,
    /// What a reader should know besides the numbers.
    pub notes: Vec<String>,
    /// What was asked for.
    pub config: EvaluationConfig,
    /// What was read.
    pub files: EvaluationFiles,
}

/// How many users are on which side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserCounts {
    /// With recommendations and relevant items.
    pub both: usize,
    /// With recommendations but nothing relevant: metrics that need relevant items are undefined for them.
    pub only_recommendations: usize,
    /// With relevant items but without a recommendation: these count as misses.
    pub only_ground_truth: usize,
}

impl EvaluationFiles {
    /// Reads the files and measures what they allow.
    ///
    /// # Errors
    /// If a file cannot be read, lacks a column, or holds a row that cannot be used (the message has the line),
    /// and if `config` is impossible.
    pub fn evaluate(&self, config: &EvaluationConfig) -> Result<Evaluation> {
        let cutoffs = config.sorted_cutoffs()?;
        let bootstrap = config.bootstrap()?;
        let bootstrap_of_pairs = config.bootstrap_or_usual()?;
        let mut input = Input::read(self, config.relevance()?)?;
        let training = Training::of(&input)?;
        let mut notes = std::mem::take(&mut input.notes);
        let leakage =
            input.train.as_ref().map(|train| leakage(train, &input.test, &mut notes)).transpose()?;
        notes.extend(length_note(&input.recommended, &cutoffs));

        let compared = input.compared.as_ref();
        let mut measured = evaluator(&input, training.as_ref(), compared, &cutoffs, config.is_graded)?;
        let slices_need = |what: &'static str| {
            let message = "the slices are made of the training part; give it".to_owned();
            Error::Parameter { parameter: what, message }
        };
        if config.by_activity {
            let grouping = training.as_ref().map(Training::users_by_activity);
            measured = measured.with_user_slices(grouping.ok_or_else(|| slices_need("activity"))?)?;
        }
        if config.by_popularity {
            let grouping = training.as_ref().map(Training::items_by_popularity);
            measured = measured.with_item_slices(grouping.ok_or_else(|| slices_need("popularity"))?)?;
        }
        for path in &self.slices {
            match Slices::read(path, &self.columns, &input.user_ids, &input.item_ids)? {
                Slices::Users(groupings) => {
                    for grouping in groupings {
                        measured = measured.with_user_slices(grouping)?;
                    }
                }
                Slices::Items(groupings) => {
                    for grouping in groupings {
                        measured = measured.with_item_slices(grouping)?;
                    }
                }
            }
        }
        let n_items = training.as_ref().map_or(input.item_ids.len(), |training| training.catalogue().len());
        if let Some(sampled) = sampled_candidates(&input, n_items)? {
            measured = measured.with_sampled_candidates(sampled);
        }
        measured.observe_lists(&input.recommended, &input.truth)?;
        let report = measured.finish()?;
        let mut comparison = Vec::new();
        if let Some(lists) = compared {
            let mut other = evaluator(&input, training.as_ref(), None, &cutoffs, config.is_graded)?;
            other.observe_lists(lists, &input.truth)?;
            comparison = report.compare_all(&other.finish()?, &bootstrap_of_pairs)?;
        }
        let intervals = match &bootstrap {
            Some(bootstrap) => report.bootstrap_intervals(bootstrap),
            None => {
                report.summaries().iter().map(|summary| summary.normal_interval(config.confidence)).collect()
            }
        };
        let most = cutoffs.last().copied().unwrap_or_default();
        Ok(Evaluation {
            users: count_users(&input),
            leakage_examples: leakage.as_ref().map(|leakage| examples(leakage, &input)).unwrap_or_default(),
            exposure: training
                .as_ref()
                .map(|training| exposure(training, &input.recommended, most))
                .transpose()?,
            report,
            intervals,
            leakage,
            comparison,
            notes,
            config: EvaluationConfig { cutoffs, ..config.clone() },
            files: self.clone(),
        })
    }
}

fn count_users(input: &Input) -> UserCounts {
    let mut counts = UserCounts { both: 0, only_recommendations: 0, only_ground_truth: 0 };
    for user in 0..input.user_ids.len() as u32 {
        match (input.recommended.of_user(user).is_empty(), input.truth.items().of_user(user).is_empty()) {
            (false, false) => counts.both += 1,
            (false, true) => counts.only_recommendations += 1,
            (true, false) => counts.only_ground_truth += 1,
            (true, true) => {}
        }
    }
    counts
}

/// Lists that end before a cutoff: a value there is that of a shorter list.
fn length_note(recommended: &Lists, cutoffs: &[usize]) -> Option<String> {
    let lengths = (0..recommended.n_users() as u32).map(|user| recommended.of_user(user).len());
    let longest = lengths.max()?;
    let beyond: Vec<String> = cutoffs.iter().filter(|&&k| k > longest).map(usize::to_string).collect();
    (!beyond.is_empty()).then(|| {
        format!("no list is longer than {longest}: metrics at {} see no more than that", beyond.join(", "))
    })
}

fn leakage(train: &Rows, test: &Rows, notes: &mut Vec<String>) -> Result<LeakageReport> {
    let mut parts = [Part::new(&train.users, &train.items)?, Part::new(&test.users, &test.items)?];
    let (Some(of_train), Some(of_test)) = (train.numbers(Role::Timestamp), test.numbers(Role::Timestamp))
    else {
        let of_both = "leaks in time were not looked for: both parts need timestamps";
        notes.push(of_both.to_owned());
        return Ok(LeakageReport::new(&parts[0], &parts[1]));
    };
    let last = |moments: &[f64]| moments.iter().copied().fold(f64::NEG_INFINITY, f64::max).abs();
    let ratio = last(of_test) / last(of_train);
    if !(0.01..=100.0).contains(&ratio) {
        notes.push(format!(
            "the last timestamp of the ground truth is {ratio:.3} times that of training: leaks in time are right \
             only if both have one unit"
        ));
    }
    let (of_train, of_test) = (in_order(of_train), in_order(of_test));
    let [train, test] = parts;
    parts = [train.with_timestamps(&of_train)?, test.with_timestamps(&of_test)?];
    Ok(LeakageReport::new(&parts[0], &parts[1]))
}

/// Whole numbers in the order of the moments, whatever their unit.
fn in_order(moments: &[f64]) -> Vec<i64> {
    let key = |moment: &f64| {
        // Adding 0 turns -0 into 0; the bits of negative numbers run backwards.
        let bits = (moment + 0.0).to_bits() as i64;
        if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
    };
    moments.iter().map(key).collect()
}

fn examples(leakage: &LeakageReport, input: &Input) -> Vec<String> {
    let of_finding = |finding: &Finding| {
        let rows = match (&input.train, finding.kind) {
            (Some(train), FindingKind::DuplicateInTrain) => train,
            _ => &input.test,
        };
        finding.examples.first().map_or_else(String::new, |&row| {
            format!("{}: user {}, item {}", rows.place(row), rows.user_name(row), rows.item_name(row))
        })
    };
    leakage.findings().iter().map(of_finding).collect()
}

/// What the lists were chosen from, if that was not everything.
fn sampled_candidates(input: &Input, n_items: usize) -> Result<Option<SampledCandidates>> {
    let Some(candidates) = &input.candidates else { return Ok(None) };
    let mut n_negatives = 0;
    for user in 0..input.user_ids.len() as u32 {
        let of_user = candidates.of_user(user);
        let relevant = input.truth.items().of_user(user);
        let is_candidate = |item: &u32| of_user.binary_search(item).is_ok();
        let lists = [Some(&input.recommended), input.compared.as_ref()].into_iter().flatten();
        let recommended = lists.map(|lists| (lists.of_user(user), "recommended"));
        for (items, what) in recommended.chain([(relevant, "relevant")]) {
            if let Some(&item) = items.iter().find(|&item| !is_candidate(item)) {
                let (user, item) = (input.user_name(user), input.item_name(item));
                let message =
                    format!("item {item} is {what} to user {user} but not among the user's candidates");
                return Err(Error::Parameter { parameter: "candidates", message });
            }
        }
        n_negatives = n_negatives.max(of_user.len() - relevant.len());
    }
    Ok((n_negatives + 1 < n_items)
        .then_some(SampledCandidates { n_negatives: n_negatives as u64, n_items: n_items as u64 }))
}

fn exposure(training: &Training, recommended: &Lists, k: usize) -> Result<Vec<u64>> {
    let mut exposure = Exposure::new(k, training.catalogue().iter().copied())?;
    (0..recommended.n_users() as u32).for_each(|user| exposure.observe(recommended.of_user(user)));
    let mut counts = exposure.counts().to_vec();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    Ok(counts)
}
