//! Examples from what users met after the first stage was fitted.

use burn_recsys_data::Interactions;
use burn_recsys_data::random::{Random, Stream};
use serde::{Deserialize, Serialize};

use super::{LARGEST_LABEL, RankingExamples};
use crate::{Error, FirstStage, Result};

/// How examples are made of candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExamplesConfig {
    /// How many candidates that the user did not meet are kept for each user, drawn at random; from 1.
    /// Default 100.
    pub max_negatives: usize,
    /// Users with a shorter history at the moment are left out; their candidates are those of everybody, and
    /// where most users are new they would hide what is learned from histories. Default 1.
    pub min_history: usize,
    /// Later rows with lower ratings, or none, say nothing for an item: it counts as one that the user did not
    /// meet. Default none: every row counts.
    pub min_rating: Option<f32>,
    /// The seed. Default 0.
    pub seed: u64,
}

impl Default for ExamplesConfig {
    fn default() -> Self {
        ExamplesConfig { max_negatives: 100, min_history: 1, min_rating: None, seed: 0 }
    }
}

impl RankingExamples {
    /// The candidates of every user with a row in `later`; those that the user met there (and rated high
    /// enough, if [`ExamplesConfig::min_rating`] asks for it) have label 1.
    ///
    /// Items that no source found are no examples: a ranker never sees them.
    ///
    /// # Errors
    /// If a row of `later` is not after everything that the first stage knows, the tables are of different
    /// users or items, or a source fails.
    pub fn of_later_rows(first: &FirstStage, later: &Interactions, config: &ExamplesConfig) -> Result<Self> {
        if config.max_negatives == 0 {
            let message = "0: without negatives there is nothing to rank above".into();
            return Err(Error::Parameter { parameter: "max_negatives", message });
        }
        check(first, later)?;
        let random = Random::new(config.seed, Stream::Candidates, 0);
        let mut examples = RankingExamples::new(first.features().names());
        let counts = |row: usize| {
            config.min_rating.is_none_or(|min| later.ratings().is_some_and(|ratings| ratings[row] >= min))
        };
        for (user, met) in (0..).zip(later.retain(counts).items_by_user().rows()) {
            if met.is_empty() || first.visitor(user).history.len() < config.min_history {
                continue;
            }
            let candidates = first.candidates(user)?;
            let is_met = |item: &u32| met.binary_search(item).is_ok();
            let mut negatives: Vec<u32> =
                candidates.items().iter().copied().filter(|item| !is_met(item)).collect();
            let mut draws = random.row(u64::from(user));
            let n = negatives.len();
            for place in 0..config.max_negatives.min(n) {
                negatives.swap(place, place + draws.below((n - place) as u32) as usize);
            }
            negatives.truncate(config.max_negatives);
            let kept: Vec<u32> = candidates.items().iter().copied().filter(is_met).chain(negatives).collect();
            let kept = candidates.of_items(&kept);
            let labels: Vec<u8> = kept.items().iter().map(|item| u8::from(is_met(item))).collect();
            examples.push(&first.features().rows(&first.visitor(user), &kept)?, &labels)?;
        }
        Ok(examples)
    }

    /// The items that every user rated in `later`; labels are the ranks of the ratings among the different
    /// ones of the table, from 0 for the lowest. It tells nothing of items that nobody chose to rate, but
    /// makes the most of few data, below some 10,000 ratings.
    ///
    /// # Errors
    /// If a row of `later` is not after everything that the first stage knows, the tables are of different
    /// users or items, `later` has no ratings or more than 32 different ones, or a source fails.
    pub fn of_later_ratings(first: &FirstStage, later: &Interactions) -> Result<Self> {
        let refuse = |message: String| Err(Error::Parameter { parameter: "later", message });
        check(first, later)?;
        let Some(ratings) = later.ratings() else { return refuse("it has no ratings".into()) };
        let mut grades = ratings.to_vec();
        grades.sort_unstable_by(f32::total_cmp);
        grades.dedup();
        if grades.len() > usize::from(LARGEST_LABEL) + 1 {
            return refuse(format!("it has {} different ratings; round them to at most 32", grades.len()));
        }
        let grade = |rating: f32| grades.partition_point(|&other| other < rating) as u8;
        let mut examples = RankingExamples::new(first.features().names());
        for (user, rows) in (0..).zip(later.rows_by_user().rows()) {
            if rows.is_empty() {
                continue;
            }
            let items: Vec<u32> = rows.iter().map(|&row| later.items()[row as usize]).collect();
            let candidates = first.candidates(user)?.of_items(&items);
            let mut labels = vec![0; candidates.len()];
            // In time order: of several ratings of an item the last one counts.
            for (&item, &row) in items.iter().zip(rows) {
                if let Ok(position) = candidates.items().binary_search(&item) {
                    labels[position] = grade(ratings[row as usize]);
                }
            }
            examples.push(&first.features().rows(&first.visitor(user), &candidates)?, &labels)?;
        }
        Ok(examples)
    }
}

fn check(first: &FirstStage, later: &Interactions) -> Result<()> {
    for (what, found, expected) in [
        ("users of the later rows", later.n_users(), first.n_users()),
        ("items of the later rows", later.n_items(), first.n_items()),
    ] {
        if found != expected {
            return Err(Error::Misfit { what: what.into(), found, expected });
        }
    }
    match later.timestamps() {
        None => {
            let message = "the later rows have no timestamps, so nothing says that they are later".into();
            Err(Error::Parameter { parameter: "labels", message })
        }
        Some(times) => times
            .iter()
            .enumerate()
            .try_for_each(|(row, &time)| first.check_later(time, &format!("row {row}"))),
    }
}
