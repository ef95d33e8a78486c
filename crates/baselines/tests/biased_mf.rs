//! Factorisation of ratings through its public interface.

use std::ops::ControlFlow;

use burn_recsys_baselines::{BiasedMf, BiasedMfConfig, Error, ItemScorer};
use burn_recsys_data::random::{Random, Stream};

fn config() -> BiasedMfConfig {
    BiasedMfConfig {
        d_embedding: 6,
        learning_rate: 0.05,
        l2: 0.01,
        n_epochs: 150,
        ..BiasedMfConfig::default()
    }
}

/// Ratings 3 + biases + an inner product of two dimensions, for training and held out.
fn planted(n_users: u32, n_items: u32) -> [Vec<(u32, u32, f32)>; 2] {
    let draw = |axis, index: u32| {
        let mut draws = Random::new(3, Stream::Synthetic, axis).row(index.into());
        [(); 3].map(|()| draws.uniform() * 2.0 - 1.0)
    };
    let mut parts = [Vec::new(), Vec::new()];
    for user in 0..n_users {
        for item in 0..n_items {
            let (u, i) = (draw(0, user), draw(1, item));
            let rating = 3.0 + 0.5 * u[0] + 0.5 * i[0] + u[1] * i[1] + u[2] * i[2];
            let mut draws = Random::new(3, Stream::Split, user.into()).row(item.into());
            match draws.below(10) {
                0..3 => parts[0].push((user, item, rating as f32)),
                3 => parts[1].push((user, item, rating as f32)),
                _ => {}
            }
        }
    }
    parts
}

fn root_mean_square(model: &BiasedMf, rows: &[(u32, u32, f32)]) -> f64 {
    let squares =
        rows.iter().map(|&(user, item, rating)| f64::from(model.predict(user, item) - rating).powi(2));
    (squares.sum::<f64>() / rows.len() as f64).sqrt()
}

#[test]
fn planted_ratings_are_predicted() {
    let [train, held_out] = planted(200, 150);
    let mut losses = Vec::new();
    let model = config()
        .fit_with(&train, 200, 150, |_, model| {
            losses.push(model.loss());
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(losses[149] < 0.05 * losses[0], "{losses:?}");
    let error = root_mean_square(&model, &held_out);
    // The ratings' own deviation is 0.6.
    assert!(error < 0.1, "root mean squared error of held-out ratings {error}");
}

#[test]
fn predictions_are_scores_within_the_range_of_ratings() {
    let ratings = [(0, 0, 1.0), (0, 1, 5.0), (1, 0, 1.0), (1, 1, 4.0), (1, 2, 5.0)];
    let free = BiasedMfConfig { clamps_predictions: false, ..config() }.fit(&ratings, 3, 4).unwrap();
    let clamped = config().fit(&ratings, 3, 4).unwrap();
    let mut scores = vec![f32::NAN; 3 * 4];
    clamped.score(&[0, 1, 2], &mut scores);
    for (at, &score) in scores.iter().enumerate() {
        let (user, item) = (at as u32 / 4, at as u32 % 4);
        assert_eq!(free.predict(user, item), score);
        assert_eq!(clamped.predict(user, item), score.clamp(1.0, 5.0));
    }
    // Nothing is known of user 2 and item 3: the mean of all ratings.
    assert_eq!(clamped.predict(2, 3), 3.2);
    let mut vector_scores = vec![f32::NAN; 4];
    clamped.into_scorer().unwrap().score(&[1], &mut vector_scores);
    assert!(vector_scores.iter().zip(&scores[4..8]).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn bits_do_not_depend_on_threads() {
    let [train, _] = planted(200, 150);
    let config = BiasedMfConfig { n_epochs: 3, ..config() };
    let fit = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let model = pool.install(|| config.fit(&train, 200, 150).unwrap());
        let predictions: Vec<f32> = train.iter().map(|row| model.predict(row.0, row.1)).collect();
        (predictions, model.loss())
    };
    let one = fit(1);
    assert_eq!(one, fit(2));
    assert_eq!(one, fit(4));
}

#[test]
fn ratings_all_alike_and_one_item_are_lawful() {
    let model = config().fit(&[(0, 0, 4.0), (1, 0, 4.0)], 2, 1).unwrap();
    assert!((model.predict(1, 0) - 4.0).abs() < 1e-3);
}

#[test]
fn bad_input_is_an_error() {
    let fit = |ratings: &[(u32, u32, f32)]| config().fit(ratings, 2, 2).map(|_| ()).unwrap_err().to_string();
    assert_eq!(fit(&[]), Error::Empty.to_string());
    assert_eq!(fit(&[(0, 0, 1.0), (2, 0, 1.0)]), "ratings: row 1 has user 2, but there are 2 users");
    assert_eq!(fit(&[(0, 2, 1.0)]), "ratings: row 0 has item 2, but there are 2 items");
    for wrong in [f32::NAN, f32::INFINITY] {
        assert!(fit(&[(0, 0, wrong)]).contains("is not finite"));
    }
    let [train, _] = planted(50, 40);
    for learning_rate in [10.0, 1e6] {
        let error = BiasedMfConfig { learning_rate, ..config() }.fit(&train, 50, 40);
        assert!(matches!(error, Err(Error::Diverged { epoch: 1.. })), "{error:?}");
    }
    let error = BiasedMfConfig { n_epochs: 5, l2: -0.1, ..config() }.fit(&train, 50, 40);
    assert!(matches!(error, Err(Error::Parameter { parameter: "l2", .. })), "{error:?}");
}
