use std::cell::RefCell;
use std::sync::Arc;

use burn_recsys_baselines::ItemKnnConfig;
use burn_recsys_data::IdMap;
use burn_recsys_data::random::{Random, Stream};

use super::*;
use crate::{ItemFacts, ItemNeighbours, LoggedSlate, NeighbourCandidates, PopularCandidates};

const N_USERS: u32 = 60;
const N_ITEMS: u32 = 40;

/// Users of two tastes who meet an item each time step: even users mostly even items, odd users odd ones.
fn world() -> Interactions {
    let ids = |n: u32| Arc::new(IdMap::from_integers(0..i64::from(n)));
    let random = Random::new(5, Stream::Synthetic, 0);
    let (mut users, mut items, mut ratings, mut times) = (vec![], vec![], vec![], vec![]);
    for user in 0..N_USERS {
        let mut draws = random.row(u64::from(user));
        for step in 0..16 {
            let is_own = draws.below(10) > 0;
            users.push(user);
            items.push(2 * draws.below(N_ITEMS / 2) + u32::from((user % 2 == 0) != is_own));
            ratings.push(if is_own { 5.0 } else { 1.0 });
            times.push(1000 + step);
        }
    }
    Interactions::new(ids(N_USERS), ids(N_ITEMS), users, items, Some(ratings), Some(times)).unwrap()
}

fn before(rows: &Interactions, moment: i64) -> Interactions {
    rows.retain(|row| rows.timestamps().unwrap()[row] < moment)
}

fn from(rows: &Interactions, moment: i64) -> Interactions {
    rows.retain(|row| rows.timestamps().unwrap()[row] >= moment)
}

fn make(rows: &Interactions) -> Result<(CandidateSources, RankFeatures)> {
    let knn = ItemKnnConfig::default().fit(&rows.items_by_user(), rows.n_items())?;
    let neighbours = ItemNeighbours::of_knn(&knn, 20)?;
    let counts: Vec<f32> = rows.item_counts().iter().map(|&count| count as f32).collect();
    let sources = CandidateSources::new()
        .with_source("popular", 20, PopularCandidates::of_scores(&counts, 30)?)?
        .with_source("near", 15, NeighbourCandidates::new(neighbours.clone()))?;
    let facts = ItemFacts::of(rows, 4, None)?;
    let features = RankFeatures::new(sources.names().collect::<Vec<_>>(), facts).with_neighbours(neighbours);
    Ok((sources, features))
}

fn column(examples: &RankingExamples, name: &str) -> Vec<f32> {
    let n = examples.names().len();
    let at = examples.names().iter().position(|found| found == name).unwrap();
    examples.features().chunks(n).map(|row| row[at]).collect()
}

#[test]
fn taste_is_learned_and_answers_say_where_they_come_from() {
    let rows = world();
    let (train, test) = (before(&rows, 1014), from(&rows, 1014));
    let config = TwoStageConfig {
        trees: BoostedTreesConfig { n_trees: 40, max_depth: 3, learning_rate: 0.2, ..Default::default() },
        ..TwoStageConfig::default()
    };
    let fitted = config.fit(&train, make).unwrap();
    let seen = train.items_by_user();
    let (mut own, mut all) = (0, 0);
    for user in 0..N_USERS {
        let filter = ItemFilter { exclude: seen.row(user), allow: &[] };
        let first = FirstStage::fit(&train, make).unwrap();
        let answer = fitted.recommend(&first.visitor(user), &filter, 5).unwrap();
        assert_eq!(answer.len(), 5);
        assert!(answer.windows(2).all(|pair| pair[0].score >= pair[1].score));
        for recommended in answer {
            assert!(recommended.found.iter().any(Option::is_some) && recommended.found.len() == 2);
            assert!(seen.row(user).binary_search(&recommended.item).is_err());
            own += usize::from(recommended.item % 2 == user % 2);
            all += 1;
        }
    }
    // Half by chance.
    assert!(own * 10 > all * 8, "{own} of {all}");
    assert!(!test.is_empty());
}

#[test]
fn the_first_stage_is_never_shown_what_gives_the_labels() {
    let rows = world();
    let shown = RefCell::new(Vec::new());
    let watching = |rows: &Interactions| {
        shown.borrow_mut().push(rows.timestamps().unwrap().iter().copied().max().unwrap());
        make(rows)
    };
    for n_periods in [1, 2, 4] {
        let config = TwoStageConfig { n_periods, label_fraction: 0.25, ..TwoStageConfig::default() };
        let examples = config.examples(&rows, watching).unwrap();
        // Times are 1000 to 1015, and the last quarter begins at 1012.
        let step = 4 / n_periods as i64;
        let expected: Vec<i64> = (0..n_periods as i64).map(|period| 1011 + step * period).collect();
        assert_eq!(std::mem::take(&mut *shown.borrow_mut()), expected);
        // Histories end there, too.
        let histories = column(&examples, "user.log_history");
        let lengths: Vec<f32> = expected.iter().map(|last| ((last - 999) as f32).ln_1p()).collect();
        assert!(histories.iter().all(|length| lengths.contains(length)));
    }
    // For serving all is shown.
    TwoStageConfig::default().fit(&rows, watching).unwrap();
    assert_eq!(shown.borrow().last(), Some(&1015));
}

#[test]
fn a_planted_leak_is_refused() {
    let rows = world();
    let (earlier, later) = (before(&rows, 1012), from(&rows, 1012));
    let config = ExamplesConfig::default();
    let clean = FirstStage::fit(&earlier, make).unwrap();
    assert!(RankingExamples::of_later_rows(&clean, &later, &config).is_ok());
    // The sources were fitted to rows that give labels.
    let leaking = FirstStage::fit(&rows, make).unwrap();
    let message = |result: Result<RankingExamples>| result.unwrap_err().to_string();
    let of_rows = message(RankingExamples::of_later_rows(&leaking, &later, &config));
    assert!(of_rows.contains("know rows up to 1015"), "{of_rows}");
    assert!(message(RankingExamples::of_later_ratings(&leaking, &later)).contains("up to 1015"));
    // One row of the moment that the sources know is enough.
    let touching = from(&rows, 1011);
    assert!(message(RankingExamples::of_later_rows(&clean, &touching, &config)).contains("is of 1011"));
    let slate = LoggedSlate {
        user: Some(0),
        time: 1012,
        history: &[1, 2],
        history_times: &[1000, 1011],
        visit: 0,
        shown: &[3, 4],
        is_clicked: &[false, true],
    };
    let of =
        |first: &FirstStage, slate| RankingExamples::of_slates(first, [slate]).map(|(examples, _)| examples);
    assert_eq!(of(&clean, slate).unwrap().len(), 2);
    assert!(message(of(&leaking, slate)).contains("slate 0 is of 1012"));
    // The history holds the click itself.
    let late = LoggedSlate { history_times: &[1000, 1012], ..slate };
    assert!(message(of(&clean, late)).contains("what came before alone"));
}

#[test]
fn what_stands_below_the_last_click_is_not_known() {
    let first = FirstStage::fit(&before(&world(), 1012), make).unwrap();
    let slate = |shown: &'static [u32], is_clicked: &'static [bool]| LoggedSlate {
        user: Some(1),
        time: 2000,
        history: &[],
        history_times: &[],
        visit: 0,
        shown,
        is_clicked,
    };
    let slates = [
        slate(&[9, 3, 7, 5, 1], &[false, true, false, true, false]),
        slate(&[9, 3, 7], &[true, false, false]),
        slate(&[9, 3, 7], &[false; 3]),
        slate(&[], &[]),
    ];
    let (examples, counts) = RankingExamples::of_slates(&first, slates).unwrap();
    // Items ascend: 3, 5, 7, 9; item 1 is below the last click.
    assert_eq!((examples.labels(), examples.group_sizes()), (&[1.0, 1.0, 0.0, 0.0][..], &[4][..]));
    let expected = crate::SlateCounts { n_used: 1, n_without_click: 2, n_without_negative: 1 };
    assert_eq!(counts, expected);
    let short = LoggedSlate { is_clicked: &[true], ..slates[0] };
    assert!(RankingExamples::of_slates(&first, [short]).is_err());
}

#[test]
fn ratings_are_grades() {
    let rows = world();
    let first = FirstStage::fit(&before(&rows, 1012), make).unwrap();
    let later = from(&rows, 1012);
    let examples = RankingExamples::of_later_ratings(&first, &later).unwrap();
    // Ratings 1 and 5 are the grades 0 and 1; users who gave one of them alone say nothing.
    assert!(!examples.is_empty() && examples.labels().iter().all(|label| [0.0, 1.0].contains(label)));
    assert!(examples.group_sizes().len() < N_USERS as usize);
}

#[test]
fn negatives_are_drawn_and_positives_kept() {
    let rows = world();
    let first = FirstStage::fit(&before(&rows, 1012), make).unwrap();
    let later = from(&rows, 1012);
    let of = |max_negatives, seed| {
        RankingExamples::of_later_rows(
            &first,
            &later,
            &ExamplesConfig { max_negatives, seed, ..Default::default() },
        )
        .unwrap()
    };
    let (few, all) = (of(3, 0), of(1000, 0));
    let positives = |examples: &RankingExamples| examples.labels().iter().sum::<f32>();
    assert_eq!(positives(&few), positives(&all));
    assert_eq!(few.len() as f32, positives(&few) + 3.0 * few.group_sizes().len() as f32);
    let bits = |examples: &RankingExamples| {
        examples.features().iter().map(|value| value.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(bits(&few), bits(&of(3, 0)));
    assert_ne!(bits(&few), bits(&of(3, 1)));
    assert!(
        RankingExamples::of_later_rows(
            &first,
            &later,
            &ExamplesConfig { max_negatives: 0, ..Default::default() }
        )
        .is_err()
    );
}

#[test]
fn low_ratings_say_nothing_for_an_item() {
    let rows = world();
    let first = FirstStage::fit(&before(&rows, 1012), make).unwrap();
    let later = from(&rows, 1012);
    let of = |min_rating| {
        let config = ExamplesConfig { max_negatives: 1000, min_rating, ..Default::default() };
        RankingExamples::of_later_rows(&first, &later, &config).unwrap().labels().iter().sum::<f32>()
    };
    // One in ten was rated 1, the others 5.
    assert_eq!(of(None), of(Some(1.0)));
    assert!(of(Some(5.0)) < of(None) && of(Some(5.0)) > 0.8 * of(None));
    assert_eq!(of(Some(5.5)), 0.0);
}

#[test]
fn impossible_stages_are_refused() {
    let rows = world();
    let message =
        |config: TwoStageConfig, rows: &Interactions| config.examples(rows, make).unwrap_err().to_string();
    let default = TwoStageConfig::default;
    for label_fraction in [0.0, 1.0, f64::NAN] {
        assert!(message(TwoStageConfig { label_fraction, ..default() }, &rows).starts_with("label_fraction"));
    }
    assert!(message(TwoStageConfig { n_periods: 0, ..default() }, &rows).starts_with("n_periods"));
    assert!(message(default(), &before(&rows, 1001)).contains("no row is before the labels"));
    assert!(message(default(), &before(&rows, 0)).contains("no rows with timestamps"));
    let other = |rows: &Interactions| {
        let (sources, _) = make(rows)?;
        Ok((sources, RankFeatures::new(["popular"], ItemFacts::of(rows, 1, None)?)))
    };
    assert!(FirstStage::fit(&rows, other).unwrap_err().to_string().contains("not of the sources"));
}
