//! Samplers by popularity and mixtures: each against its stated distribution.

use burn_recsys_data::random::{Random, Stream};
use burn_recsys_data::{
    AliasTable, Csr, MixedNegatives, NegativeSampler, PopularityNegatives, SharedNegativeSampler,
    UniformNegatives,
};
use proptest::prelude::*;
use rayon::prelude::*;

/// Item 3 was never met; items 0 and 1 have 60% of the interactions.
const COUNTS: [u32; 12] = [300, 300, 100, 0, 50, 50, 40, 40, 30, 30, 30, 30];

/// User 0 has met nothing, user 1 a few items, user 2 more than 0.9 of the probability, user 3 all but
/// items 3 and 8.
fn positives() -> Csr {
    Csr::from_rows([
        vec![],
        vec![1, 3, 6],
        vec![0, 1, 2, 4, 5, 6, 7, 8, 9],
        vec![0, 1, 2, 4, 5, 6, 7, 9, 10, 11],
    ])
}

fn popularity(alpha: f64) -> PopularityNegatives {
    PopularityNegatives::new(&COUNTS, alpha, 5).and_then(|sampler| sampler.excluding(positives())).unwrap()
}

fn uniform() -> UniformNegatives {
    UniformNegatives::new(12, 5).and_then(|sampler| sampler.excluding(positives())).unwrap()
}

/// All samplers under one seed.
fn samplers() -> Vec<(&'static str, Box<dyn SharedNegativeSampler>)> {
    let mixed = |share| MixedNegatives::new(popularity(1.0), uniform(), share, 5).unwrap();
    vec![
        ("uniform", Box::new(uniform())),
        ("popularity^1", Box::new(popularity(1.0))),
        ("popularity^0.75", Box::new(popularity(0.75))),
        ("popularity^0", Box::new(popularity(0.0))),
        ("mixed", Box::new(mixed(0.8))),
        ("mixture of a mixture", Box::new(MixedNegatives::new(mixed(0.3), uniform(), 0.7, 5).unwrap())),
    ]
}

/// Counts cells against probabilities: chi-square exceeded once in 30,000 (Wilson and Hilferty's
/// approximation). Cells of probability 0 must be empty.
fn assert_follows(what: &str, counts: &[u64], probability: impl Fn(usize) -> f64) {
    let n = counts.iter().sum::<u64>() as f64;
    let (mut chi, mut freedom) = (0.0, -1.0);
    for (cell, &count) in counts.iter().enumerate() {
        let expected = n * probability(cell);
        if expected == 0.0 {
            assert_eq!(count, 0, "{what}: cell {cell} has probability 0");
            continue;
        }
        assert!(expected > 5.0, "{what}: cell {cell} expects only {expected}");
        chi += (count as f64 - expected).powi(2) / expected;
        freedom += 1.0;
    }
    let spread = 2.0 / (9.0 * freedom);
    let bound = freedom * (1.0 - spread + 4.0 * f64::sqrt(spread)).powi(3);
    assert!(freedom < 1.0 || chi < bound, "{what}: chi-square {chi} > {bound}, counts {counts:?}");
}

#[test]
fn draws_follow_the_stated_distribution_of_each_user() {
    for (name, sampler) in samplers() {
        for user in 0..4 {
            let mut counts = vec![0; 12];
            let mut negatives = [0; 20];
            for row in 0..6_000 {
                sampler.sample_into(1, row, user, &mut negatives);
                negatives.iter().for_each(|&item| counts[item as usize] += 1);
            }
            assert_follows(&format!("{name}, user {user}"), &counts, |item| {
                sampler.log_probability(user, item as u32).exp()
            });
            for &met in positives().row(user) {
                assert_eq!(sampler.log_probability(user, met), f64::NEG_INFINITY);
            }
        }
    }
}

#[test]
fn shared_candidates_follow_the_distribution_without_users() {
    for (name, sampler) in samplers() {
        let mut counts = vec![0; 12];
        let mut candidates = [0; 40];
        for batch in 0..3_000 {
            sampler.sample_shared_into(1, batch, &mut candidates);
            candidates.iter().for_each(|&item| counts[item as usize] += 1);
        }
        assert_follows(name, &counts, |item| sampler.log_shared_probability(item as u32).exp());
        // Not the draws of the row with the batch's number.
        let mut negatives = [0; 40];
        sampler.sample_shared_into(0, 7, &mut candidates);
        sampler.sample_into(0, 7, 0, &mut negatives);
        assert_ne!(candidates, negatives, "{name}");
    }
}

#[test]
fn the_draws_of_a_row_are_independent() {
    // Pairs of places in a row: components of a mixture that shared random numbers would show here.
    for (name, sampler) in samplers() {
        let mut counts = vec![0; 144];
        for row in 0..60_000 {
            let mut pair = [0; 2];
            sampler.sample_into(2, row, 0, &mut pair);
            counts[(pair[0] * 12 + pair[1]) as usize] += 1;
        }
        assert_follows(name, &counts, |cell| {
            let [first, second] = [cell / 12, cell % 12].map(|item| sampler.log_probability(0, item as u32));
            (first + second).exp()
        });
    }
}

#[test]
fn a_mixture_gives_its_share_to_the_first_sampler() {
    // Only popularity can draw item 0, only the other one items 1 to 3.
    let first = PopularityNegatives::new(&[9, 0, 0, 0], 1.0, 3).unwrap();
    let second = PopularityNegatives::new(&[0, 1, 1, 2], 1.0, 3).unwrap();
    let mixed = MixedNegatives::new(first, second, 0.9, 3).unwrap();
    for (item, expected) in [0.9_f64, 0.025, 0.025, 0.05].into_iter().enumerate() {
        assert!((mixed.log_probability(0, item as u32) - expected.ln()).abs() < 1e-12);
    }
    let mut negatives = vec![0; 10_000];
    mixed.sample_into(0, 0, 0, &mut negatives);
    let n_first = negatives.iter().filter(|&&item| item == 0).count();
    assert!((8_880..9_120).contains(&n_first), "{n_first} of 10,000 with share 0.9");
    // Places do not tell the sampler: a mixture is not first one, then the other.
    let n_early = negatives[..5_000].iter().filter(|&&item| item == 0).count();
    assert!((4_400..4_600).contains(&n_early), "{n_early} of the first 5,000");
}

#[test]
fn probabilities_are_the_formula() {
    let sampler = popularity(0.75);
    let weight = |item: usize| f64::from(COUNTS[item]).powf(0.75);
    let met = [1, 3, 6];
    let unmet: f64 = (0..12).filter(|item| !met.contains(item)).map(weight).sum();
    let all: f64 = (0..12).map(weight).sum();
    for item in (0..12).filter(|item| !met.contains(item)) {
        let q = sampler.log_probability(1, item as u32);
        assert!((q - (weight(item) / unmet).ln()).abs() < 1e-7, "item {item}: {q}");
        let q = sampler.log_shared_probability(item as u32);
        assert!((q - (weight(item) / all).ln()).abs() < 1e-7, "item {item}: {q}");
    }
    // alpha 0 is uniform, for items without interactions, too, and without a difference in any bit.
    let (flat, uniform) = (popularity(0.0), uniform());
    for (user, item) in (0..4).flat_map(|user| (0..12).map(move |item| (user, item))) {
        let difference = flat.log_probability(user, item) - uniform.log_probability(user, item);
        assert!(difference.is_nan() || difference.abs() < 1e-15, "user {user} item {item}: {difference}");
    }
    assert_eq!(flat.log_shared_probability(3), (1.0_f64 / 12.0).ln());
}

#[test]
fn draws_depend_on_seed_epoch_and_row_but_not_on_threads_or_order() {
    for (name, sampler) in samplers() {
        let sample = |epoch: u64, row: u64| {
            let (mut negatives, mut candidates) = ([0; 40], [0; 40]);
            sampler.sample_into(epoch, row, (row % 4) as u32, &mut negatives);
            sampler.sample_shared_into(epoch, row, &mut candidates);
            (negatives, candidates)
        };
        let forward: Vec<_> = (0..500).map(|row| sample(4, row)).collect();
        let mut backward: Vec<_> = (0..500).rev().map(|row| sample(4, row)).collect();
        backward.reverse();
        assert_eq!(forward, backward, "{name}");
        for n_threads in [1, 2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let parallel: Vec<_> =
                pool.install(|| (0..500u64).into_par_iter().map(|row| sample(4, row)).collect());
            assert_eq!(forward, parallel, "{name}, {n_threads} threads");
        }
        assert_ne!(sample(4, 0), sample(5, 0), "{name}");
        assert_ne!(sample(4, 0), sample(4, 4), "{name}");
        // Fewer draws are the first of more draws.
        for user in 0..3 {
            let (mut few, mut many) = ([0; 17], [0; 100]);
            sampler.sample_into(4, 9, user, &mut few);
            sampler.sample_into(4, 9, user, &mut many);
            assert_eq!(few, many[..17], "{name}, user {user}");
        }
    }
    let draw = |seed| {
        let sampler = PopularityNegatives::new(&COUNTS, 1.0, seed).unwrap();
        let mut negatives = [0; 20];
        sampler.sample_into(0, 0, 0, &mut negatives);
        negatives
    };
    assert_ne!(draw(1), draw(2));
}

#[test]
fn impossible_tasks_are_refused() {
    let message = |counts: &[u32], alpha, rows: Vec<Vec<u32>>| {
        PopularityNegatives::new(counts, alpha, 0)
            .and_then(|sampler| sampler.excluding(Csr::from_rows(rows)))
            .map(|_| ())
            .map_err(|error| error.to_string())
            .expect_err("must be refused")
    };
    assert_eq!(message(&[], 1.0, vec![]), "counts: there are none; there must be at least 1 to draw from");
    assert_eq!(message(&[0, 0], 1.0, vec![]), "counts: all are 0; at least 1 must be above 0");
    for alpha in [-0.5, f64::NAN, f64::INFINITY] {
        let expected = format!("alpha: {alpha} must be a finite number, at least 0");
        assert_eq!(message(&[1], alpha, vec![]), expected);
    }
    // Item 2 is unmet, but it is never drawn.
    assert_eq!(
        message(&[4, 5, 0], 1.0, vec![vec![], vec![0, 1]]),
        "positives: user index 1 has met every item with a probability above 0: none is left to draw; filter \
         the user out, do not exclude positives, or mix with uniform negatives"
    );
    assert!(message(&[4], 0.0, vec![vec![0]]).contains("none is left"));
    assert!(message(&[4, 5], 1.0, vec![vec![1, 2]]).contains("has met item 2, but there are 2 items"));
    assert!(message(&[4, 5], 1.0, vec![vec![1, 0]]).contains("not ascending and unique"));

    let mixed = |share, n_items| {
        MixedNegatives::new(popularity(1.0), UniformNegatives::new(n_items, 0).unwrap(), share, 0)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    for share in [-0.1, 1.1, f64::NAN] {
        assert_eq!(mixed(share, 12), Err(format!("share_of_a: {share} must be within 0 and 1")));
    }
    assert_eq!(
        mixed(0.5, 13),
        Err("n_items: the samplers of a mixture have 12 and 13 items; they must have the same".into())
    );
}

#[test]
fn a_catalogue_of_one_item_has_one_answer() {
    let one = PopularityNegatives::new(&[7], 1.0, 0).unwrap();
    let mixed = MixedNegatives::new(one, UniformNegatives::new(1, 0).unwrap(), 0.5, 0).unwrap();
    let mut negatives = [9; 5];
    mixed.sample_into(0, 0, 0, &mut negatives);
    assert_eq!(negatives, [0; 5]);
    assert_eq!(mixed.log_probability(0, 0), 0.0);
    mixed.sample_into(0, 0, 0, &mut []);
}

proptest! {
    #[test]
    fn alias_draws_have_weight(weights in prop::collection::vec(prop_oneof![Just(0.0), 0.0..1e300], 1..40)) {
        prop_assume!(weights.iter().any(|&weight| weight > 0.0));
        let table = AliasTable::new(&weights).unwrap();
        let sum: f64 = (0..weights.len() as u32).map(|index| table.probability(index)).sum();
        prop_assert!((sum - 1.0).abs() < 1e-12, "sum {sum}");
        let mut draws = Random::new(1, Stream::Negatives, 0).row(0);
        for _ in 0..100 {
            let index = table.draw(&mut draws);
            prop_assert!(table.probability(index) > 0.0);
            prop_assert!(weights[index as usize] > 0.0);
        }
    }

    #[test]
    fn every_user_has_a_distribution_over_unmet_items(
        counts in prop::collection::vec(prop_oneof![Just(0), 1u32..10, 1u32..1_000_000], 1..30),
        met in prop::collection::vec(any::<bool>(), 30),
        alpha in prop_oneof![Just(0.0), Just(1.0), 0.0..3.0],
        share in 0.0..=1.0,
        row in any::<u64>(),
    ) {
        let n_items = counts.len() as u32;
        let positives = Csr::from_rows([(0..n_items).filter(|&item| met[item as usize]).collect::<Vec<_>>()]);
        let popularity = PopularityNegatives::new(&counts, alpha, 1)
            .and_then(|sampler| sampler.excluding(positives.clone()));
        let uniform =
            UniformNegatives::new(n_items, 1).and_then(|sampler| sampler.excluding(positives.clone()));
        if let Ok(popularity) = popularity {
            let mixed = MixedNegatives::new(popularity.clone(), uniform.unwrap(), share, 1).unwrap();
            let samplers: [&dyn NegativeSampler; 2] = [&popularity, &mixed];
            for sampler in samplers {
                let sum: f64 = (0..n_items).map(|item| sampler.log_probability(0, item).exp()).sum();
                prop_assert!((sum - 1.0).abs() < 1e-12, "sum {sum}");
                let mut negatives = [0; 70];
                sampler.sample_into(0, row, 0, &mut negatives);
                for item in negatives {
                    prop_assert!(item < n_items);
                    prop_assert!(positives.row(0).binary_search(&item).is_err(), "met item {item}");
                    prop_assert!(sampler.log_probability(0, item).is_finite());
                }
            }
        }
    }
}
