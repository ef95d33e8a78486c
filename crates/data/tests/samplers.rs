//! Negative samplers against their stated distribution.

use burn_recsys_data::{Csr, NegativeSampler, UniformNegatives};
use rayon::prelude::*;

const N_ITEMS: u32 = 40;

/// User 0 has met a few items at both ends and in a run, user 1 none, user 2 all but one.
fn positives() -> Csr {
    let all_but_17: Vec<u32> = (0..N_ITEMS).filter(|&item| item != 17).collect();
    Csr::from_rows([vec![0, 1, 5, 6, 7, 20, 39], vec![], all_but_17])
}

fn sampler(seed: u64) -> UniformNegatives {
    UniformNegatives::new(N_ITEMS, seed).and_then(|sampler| sampler.excluding(positives())).unwrap()
}

#[test]
fn unmet_items_are_equally_likely_and_met_ones_are_never_drawn() {
    let (sampler, positives, n_rows) = (sampler(11), positives(), 40_000);
    // Chi-square exceeded once in 10,000: 32 degrees of freedom 70.6, 39 degrees 80.1.
    for (user, bound) in [(0, 70.6), (1, 80.1)] {
        let mut counts = vec![0u32; N_ITEMS as usize];
        let mut negatives = [0; 5];
        for row in 0..n_rows {
            sampler.sample_into(3, row, user, &mut negatives);
            negatives.iter().for_each(|&item| counts[item as usize] += 1);
        }
        let expected = n_rows as f64 * 5.0 * sampler.probability(user);
        let mut chi = 0.0;
        for item in 0..N_ITEMS {
            let count = counts[item as usize];
            if positives.row(user).contains(&item) {
                assert_eq!(count, 0, "user {user} has met item {item}");
            } else {
                chi += (f64::from(count) - expected).powi(2) / expected;
            }
        }
        assert!(chi < bound, "user {user}: chi-square {chi}, counts {counts:?}");
    }
    let mut negatives = [0; 20];
    sampler.sample_into(0, 0, 2, &mut negatives);
    assert_eq!(negatives, [17; 20]);
    assert_eq!(sampler.probability(2), 1.0);
}

#[test]
fn pairs_of_draws_are_independent() {
    // 10 items drawn twice: 100 pairs, 99 degrees of freedom, 158.7 exceeded once in 10,000.
    let sampler = UniformNegatives::new(10, 5).unwrap();
    let (mut counts, n_rows) = (vec![0u32; 100], 100_000);
    let mut pair = [0; 2];
    for row in 0..n_rows {
        sampler.sample_into(0, row, 0, &mut pair);
        counts[(pair[0] * 10 + pair[1]) as usize] += 1;
    }
    let expected = n_rows as f64 / 100.0;
    let chi: f64 = counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
    assert!(chi < 158.7, "chi-square {chi}");
}

#[test]
fn draws_depend_on_seed_epoch_and_row_but_not_on_threads_or_order() {
    let sample = |sampler: &UniformNegatives, epoch, row| {
        let mut negatives = [0; 8];
        sampler.sample_into(epoch, row, (row % 2) as u32, &mut negatives);
        negatives
    };
    let one = sampler(1);
    let forward: Vec<_> = (0..2000).map(|row| sample(&one, 4, row)).collect();
    let mut backward: Vec<_> = (0..2000).rev().map(|row| sample(&one, 4, row)).collect();
    backward.reverse();
    assert_eq!(forward, backward);
    for n_threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let parallel: Vec<_> =
            pool.install(|| (0..2000u64).into_par_iter().map(|row| sample(&one, 4, row)).collect());
        assert_eq!(forward, parallel);
    }
    assert_ne!(sample(&one, 4, 0), sample(&one, 5, 0));
    assert_ne!(sample(&one, 4, 0), sample(&one, 4, 2));
    assert_ne!(sample(&one, 4, 0), sample(&sampler(2), 4, 0));
    // Fewer draws are the first of more draws.
    let mut first = [0; 3];
    one.sample_into(4, 0, 0, &mut first);
    assert_eq!(first, sample(&one, 4, 0)[..3]);
}

#[test]
fn impossible_tasks_are_refused() {
    let message = |n_items, rows: Vec<Vec<u32>>| {
        UniformNegatives::new(n_items, 0)
            .and_then(|sampler| sampler.excluding(Csr::from_rows(rows)))
            .map(|_| ())
            .map_err(|error| error.to_string())
            .expect_err("must be refused")
    };
    assert_eq!(message(0, vec![]), "n_items: 0 items; there must be at least 1 to draw from");
    assert_eq!(
        message(3, vec![vec![0], vec![0, 1, 2]]),
        "positives: user index 1 has met all 3 items: none is left to draw; filter the user out or do not \
         exclude positives"
    );
    assert_eq!(message(3, vec![vec![0, 3]]), "positives: user index 0 has met item 3, but there are 3 items");
    assert!(message(9, vec![vec![2, 1]]).contains("not ascending and unique"));
    assert!(message(9, vec![vec![1, 1]]).contains("not ascending and unique"));
}
