use proptest::prelude::*;

use super::*;
use crate::ItemScorer;

/// Rows of pseudo-random items, some empty.
fn rows(n_users: usize, n_items: usize, seed: u64) -> Csr {
    let random = Random::new(seed, Stream::Synthetic, 0);
    Csr::from_rows((0..n_users).map(|user| {
        let mut draws = random.row(user as u64);
        let share = draws.uniform() * 0.5;
        (0..n_items as u32).filter(|_| draws.uniform() < share).collect::<Vec<u32>>()
    }))
}

fn small() -> ImplicitAlsConfig {
    ImplicitAlsConfig { d_embedding: 5, n_epochs: 3, l2: 0.05, ..Default::default() }
}

/// The largest residual of a user's normal equations, in plain `f64`.
fn residual(config: &ImplicitAlsConfig, model: &ImplicitAls, positives: &Csr, user: usize) -> f64 {
    let d = config.d_embedding;
    let n_items = model.n_items();
    let value = |vectors: &[f32], row: usize, column: usize| f64::from(vectors[row * d + column]);
    let row = positives.row(user as u32);
    let frequency = row.len() as f64 + config.unobserved_weight * n_items as f64;
    let l2 = config.l2 * frequency.powf(config.l2_exponent);
    let score =
        |item| -> f64 { (0..d).map(|k| value(model.users(), user, k) * value(model.items(), item, k)).sum() };
    let residual = |k| {
        let positive: f64 = row
            .iter()
            .map(|&item| (score(item as usize) - 1.0) * value(model.items(), item as usize, k))
            .sum();
        let all: f64 = (0..n_items).map(|item| score(item) * value(model.items(), item, k)).sum();
        positive + config.unobserved_weight * all + l2 * value(model.users(), user, k)
    };
    (0..d).map(|k: usize| f64::abs(residual(k))).fold(0.0, f64::max)
}

#[test]
fn an_exact_step_solves_the_normal_equations() {
    for (d_embedding, l2_exponent) in [(1, 0.0), (5, 1.0), (16, 0.5), (37, 1.0), (70, 0.0)] {
        let config = ImplicitAlsConfig { d_embedding, l2_exponent, block_size: d_embedding, ..small() };
        let positives = rows(60, 90, 4);
        let model = config.fit(&positives, 90).unwrap();
        for user in 0..60 {
            let residual = residual(&config, &model, &positives, user);
            assert!(residual < 1e-4, "d = {d_embedding}, user {user}: {residual}");
        }
    }
}

#[test]
fn a_training_user_folded_in_has_its_own_vector() {
    let positives = rows(30, 50, 2);
    let config = ImplicitAlsConfig { d_embedding: 20, block_size: 20, ..small() };
    let model = config.fit(&positives, 50).unwrap();
    for user in 0..30 {
        let vector = model.user_vector(positives.row(user)).unwrap();
        assert_eq!(vector, model.users()[user as usize * 20..][..20]);
    }
    assert_eq!(model.user_vector(&[3, 1, 3]), model.user_vector(&[1, 3]));
    assert_eq!(model.user_vector(&[]).unwrap(), [0.0; 20]);
    assert!(matches!(model.user_vector(&[50]), Err(Error::Parameter { parameter: "items", .. })));
}

#[test]
fn blocks_reach_the_exact_fold_in() {
    let positives = rows(40, 60, 5);
    let config = ImplicitAlsConfig { d_embedding: 24, block_size: 7, n_epochs: 200, ..small() };
    let model = config.fit(&positives, 60).unwrap();
    for user in 0..40 {
        let vector = model.user_vector(positives.row(user)).unwrap();
        for (exact, blockwise) in vector.iter().zip(&model.users()[user as usize * 24..]) {
            assert!((exact - blockwise).abs() < 1e-3, "user {user}: {exact} {blockwise}");
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let positives = rows(300, 120, 3);
    for block_size in [4, 64] {
        let config = ImplicitAlsConfig { d_embedding: 18, block_size, ..small() };
        let models = [1, 2, 4].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let model = pool.install(|| config.fit(&positives, 120).unwrap());
            (model.users().to_vec(), model.items().to_vec())
        });
        assert!(models[0] == models[1] && models[0] == models[2]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_objective_never_rises(
        n_users in 1usize..20,
        n_items in 1usize..25,
        d_embedding in 1usize..20,
        block_size in 1usize..20,
        l2_exponent in 0.0..1.5f64,
        seed: u64,
    ) {
        let positives = rows(n_users, n_items, seed);
        prop_assume!(positives.n_values() > 0);
        let config = ImplicitAlsConfig { d_embedding, block_size, l2_exponent, n_epochs: 6, seed, ..small() };
        let mut last = f64::INFINITY;
        config.fit_with(&positives, n_items, |epoch, model| {
            let objective = model.objective(&positives).unwrap();
            assert!(objective <= last * (1.0 + 1e-6), "epoch {epoch}: {last} then {objective}");
            last = objective;
            ControlFlow::Continue(())
        }).unwrap();
    }
}

#[test]
fn training_can_be_ended_early() {
    let positives = rows(20, 20, 1);
    let mut epochs = 0;
    let stopped = small().fit_with(&positives, 20, |epoch, _| {
        epochs = epoch;
        if epoch == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(epochs, 2);
    let short = ImplicitAlsConfig { n_epochs: 2, ..small() }.fit(&positives, 20).unwrap();
    assert_eq!(stopped.unwrap().users(), short.users());
}

#[test]
fn bad_input_is_refused() {
    let positives = rows(5, 6, 1);
    let parameter = |config: ImplicitAlsConfig| match config.fit(&positives, 6) {
        Err(Error::Parameter { parameter, .. }) => parameter,
        other => panic!("{other:?}"),
    };
    assert_eq!(parameter(ImplicitAlsConfig { d_embedding: 0, ..small() }), "d_embedding");
    assert_eq!(parameter(ImplicitAlsConfig { d_embedding: usize::MAX, ..small() }), "d_embedding");
    assert_eq!(parameter(ImplicitAlsConfig { n_epochs: 0, ..small() }), "n_epochs");
    assert_eq!(parameter(ImplicitAlsConfig { block_size: 0, ..small() }), "block_size");
    for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(parameter(ImplicitAlsConfig { l2: value, ..small() }), "l2");
        assert_eq!(parameter(ImplicitAlsConfig { unobserved_weight: value, ..small() }), "unobserved_weight");
        assert_eq!(parameter(ImplicitAlsConfig { initial_std: value, ..small() }), "initial_std");
    }
    assert_eq!(parameter(ImplicitAlsConfig { l2_exponent: -1.0, ..small() }), "l2_exponent");

    let fit = |rows: &[&[u32]], n_items| small().fit(&Csr::from_rows(rows), n_items).map(|_| ());
    let is_refused = |result| matches!(result, Err(Error::Parameter { parameter: "positives", .. }));
    assert!(is_refused(fit(&[&[0, 6]], 6)));
    assert!(is_refused(fit(&[&[1, 0]], 6)));
    assert!(is_refused(fit(&[&[1, 1]], 6)));
    assert_eq!(fit(&[], 6), Err(Error::Empty));
    assert_eq!(fit(&[&[], &[]], 0), Err(Error::Empty));
    // Lawful: one item, a user without items, a user with all items.
    assert_eq!(fit(&[&[0], &[]], 1), Ok(()));
    assert_eq!(fit(&[&[0, 1, 2], &[], &[1]], 3), Ok(()));
    let model = small().fit(&positives, 6).unwrap();
    assert!(model.objective(&rows(4, 6, 1)).is_err());
}

#[test]
fn a_regularisation_too_weak_for_single_precision_is_an_error_not_nonsense() {
    let positives = rows(40, 30, 1);
    let config = ImplicitAlsConfig { d_embedding: 64, l2: 1e-30, unobserved_weight: 1e-12, ..small() };
    match config.fit(&positives, 30) {
        Err(Error::Diverged { epoch: 1.. }) => {}
        Ok(model) => assert!(model.users().iter().all(|value| value.is_finite())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn first_vectors_have_the_deviation_that_was_asked_for() {
    for (d_embedding, initial_std) in [(1, 0.1), (4, 0.1), (64, 0.5)] {
        let config = ImplicitAlsConfig { d_embedding, initial_std, ..Default::default() };
        let n = 64_000;
        let sides = [0, 1].map(|side| config.first_vectors(side, n / d_embedding));
        assert!(sides[0] != sides[1]);
        for values in sides {
            assert_eq!(values.len(), n);
            let unit = initial_std / (d_embedding as f64).sqrt();
            let moment = |power: i32| {
                values.iter().map(|&value| (f64::from(value) / unit).powi(power)).sum::<f64>() / n as f64
            };
            // Within five standard errors of the moments of a normal distribution.
            for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (4, 3.0, 96.0)] {
                let error = (moment(power) - expected).abs();
                assert!(error < 5.0 * f64::sqrt(variance / n as f64), "moment {power}: {}", moment(power));
            }
        }
    }
}
