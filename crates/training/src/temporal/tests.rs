//! Events whose next item follows from the last one.

use std::sync::Arc;

use burn_recsys_data::random::{Random, Stream};
use burn_recsys_data::{IdMap, Interactions};

use super::*;
use crate::protocol::TemporalLinks;

const N_USERS: u32 = 30;
/// Many more than a user meets: most stay candidates.
const N_ITEMS: u32 = 60;

/// Without a common divisor with the number of items, and far: that numbers are near says nothing.
const STEP: u32 = 23;

/// Every user begins anywhere and goes on from an item to the one that follows it; who is next is random.
fn rows(n: u32) -> Interactions {
    let random = Random::new(3, Stream::Synthetic, 0);
    let mut next: Vec<u32> = (0..N_USERS).map(|user| random.row(user.into()).below(N_ITEMS)).collect();
    let (mut users, mut items) = (Vec::new(), Vec::new());
    for event in 0..n {
        let user = random.row(u64::from(1000 + event)).below(N_USERS);
        users.push(user);
        items.push(next[user as usize]);
        next[user as usize] = (next[user as usize] + STEP) % N_ITEMS;
    }
    let ids = |n: u32| Arc::new(IdMap::from_integers(0..i64::from(n)));
    let times = (0..i64::from(n)).map(|event| 60 * event).collect();
    let ratings = items.iter().map(|&item| (item % 5) as f32).collect();
    Interactions::new(ids(N_USERS), ids(N_ITEMS), users, items, Some(ratings), Some(times)).unwrap()
}

fn config() -> TemporalTraining {
    TemporalTraining {
        d_memory: 16,
        n_neighbours: 4,
        n_negatives: 40,
        batch_size: 20,
        learning_rate: 0.01,
        n_epochs: 10,
        held_out: 0.0,
        ..TemporalTraining::default()
    }
}

#[test]
fn it_learns_what_comes_next_and_static_popularity_does_not() {
    let links = TemporalLinks::new(&rows(600), 0.2).unwrap();
    let config = TemporalTraining { n_epochs: 25, ..config() };
    let fitted =
        fit_temporal(&config, &links.train_events().unwrap(), 1, &Device::default(), &mut ()).unwrap();
    assert_eq!((fitted.n_epochs, fitted.search.len(), fitted.fit.len()), (25, 0, 25));
    let found = links.evaluate(&mut TemporalScorer::new(&fitted.model, fitted.state), 1).unwrap();
    let popular = burn_recsys_baselines::Popular::new(N_ITEMS as usize, &[]);
    let chance = links.evaluate_static(&popular, 1).unwrap();
    let [found, chance] = [found, chance].map(|outcome| outcome.all.reciprocal_rank);
    assert!(found > chance + 0.2, "{found} {chance}");
}

#[test]
fn the_number_of_epochs_is_found_on_the_last_events() {
    let events = InteractionEvents::new(&rows(200), RatingScale::of(&rows(200))).unwrap();
    let config = TemporalTraining { held_out: 0.2, n_epochs: 3, ..config() };
    let fitted = fit_temporal(&config, &events, 1, &Device::default(), &mut ()).unwrap();
    assert_eq!(fitted.fit.len() as u64, fitted.n_epochs);
    assert_eq!(fitted.n_epochs, best_epoch(&fitted.search));
    assert!(fitted.search.iter().all(|record| record.held_out.as_ref().unwrap().metrics.len() == 2));
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let events = InteractionEvents::new(&rows(100), RatingScale::of(&rows(100))).unwrap();
    let config = TemporalTraining { n_epochs: 2, perceptron: true, ..config() };
    let state = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| fit_temporal(&config, &events, 1, &Device::default(), &mut ()).unwrap().state)
    };
    assert_eq!(state(1), state(3));
}

#[test]
fn later_events_do_not_change_what_was_predicted() {
    let rows = rows(150);
    let changed: Vec<u32> = (0..150).map(|row: u32| if row < 120 { row } else { 270 - row - 1 }).collect();
    // The last thirty trade places: other users and items at the same times.
    let other = Interactions::new(
        Arc::clone(rows.user_ids()),
        Arc::clone(rows.item_ids()),
        changed.iter().map(|&row| rows.users()[row as usize]).collect(),
        changed.iter().map(|&row| rows.items()[row as usize]).collect(),
        rows.ratings().map(<[f32]>::to_vec),
        rows.timestamps().map(<[i64]>::to_vec),
    );
    let scale = RatingScale::of(&rows);
    let [before, after] = [rows, other.unwrap()].map(|rows| InteractionEvents::new(&rows, scale).unwrap());
    let config = TemporalTraining { n_epochs: 1, ..config() };
    let device = Device::default().autodiff();
    let model = config.start(&before, 1, &device).model;
    let scores = |events: &InteractionEvents| {
        let mut scorer = TemporalScorer::new(&model, model.state());
        let mut met = Met::new(events, 0..0);
        let links = stream_links(&mut scorer, events, 0..150, &mut met, 7, 1).unwrap();
        links.into_iter().filter(|link| link.row < 120).collect::<Vec<_>>()
    };
    assert_eq!(scores(&before), scores(&after));
}

#[test]
fn parts_by_time_and_what_is_warm() {
    let links = TemporalLinks::new(&rows(100), 0.2).unwrap();
    assert_eq!((links.n_train(), links.n_test(), links.horizon()), (80, 20, 80 * 60));
    let inner = links.hold_out(0.2).unwrap();
    assert_eq!((inner.n_train(), inner.n_test()), (64, 16));
    let popular = burn_recsys_baselines::Popular::new(N_ITEMS as usize, &[]);
    let found = links.evaluate_static(&popular, 1).unwrap();
    assert!(found.all.n <= 20 && found.warm.unwrap().n <= found.all.n);
    // Users and items that the held-out part of the training part shares with what is before it.
    assert!(links.static_validation(0.2).unwrap().n_test_users() > 0);
}

#[test]
fn impossible_values_are_refused_with_their_key() {
    let message = |config: TemporalTraining| config.validate().unwrap_err().to_string();
    assert!(
        message(TemporalTraining { d_memory: 7, ..config() })
            .contains("d_memory: 7; must be a multiple of 2")
    );
    assert!(message(TemporalTraining { held_out: 1.0, ..config() }).contains("held_out: 1"));
    assert!(message(TemporalTraining { n_epochs: 0, ..config() }).contains("n_epochs"));
    let events = InteractionEvents::new(&rows(0), RatingScale::of(&rows(0))).unwrap();
    let error = fit_temporal(&config(), &events, 1, &Device::default(), &mut ()).unwrap_err();
    assert!(error.to_string().contains("no interaction"), "{error}");
}
