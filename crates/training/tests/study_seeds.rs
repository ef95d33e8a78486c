//! Where the first values of models come from.

use std::sync::{Arc, Mutex};

use burn::tensor::{Device, Tensor};
use burn_recsys_data::synthetic::SyntheticConfig;
use burn_recsys_embeddings::{EmbeddingTableConfig, MixtureConfig, Tape};
use burn_recsys_models::{
    Cohort, CrossDecoupledConfig, DeepHashConfig, IdLookup, Mixture, TwoBranchConfig, UserRepresentation,
};
use burn_recsys_training::study::{Candidate, Study, StudyConfig, StudySizes};

use crate::device;

const N_FEATURES: usize = 3;

fn ids(seed: u64, device: &Device) -> IdLookup {
    IdLookup::new(EmbeddingTableConfig::new(6, 4).with_seed(seed).init(device))
}

/// Vectors of three users with features, and what weighs their parts.
fn first_values(users: &impl UserRepresentation, device: &Device) -> Vec<f32> {
    let features = [[0.5, -1.0, 2.0], [0.0, 0.3, -0.7], [1.5, 0.2, 0.1]];
    let features = Tensor::<2>::from_data(features, device);
    let mut values: Vec<f32> =
        users.user_vectors(&[0, 3, 5], &features, &mut Tape::off()).into_data().iter::<f32>().collect();
    if let Some(weights) = users.expert_weights(&features) {
        values.extend(weights.into_data().iter::<f32>());
    }
    values
}

#[test]
fn first_values_are_a_function_of_the_seed() {
    let device = device();
    let cohort = |seed| Cohort::new(Cohort::original(N_FEATURES, 4, 4).with_seed(seed).init(&device));
    let mixture = |seed, of_gate| {
        let gate = MixtureConfig::new(N_FEATURES, 2, 5).with_seed(of_gate).init(&device);
        first_values(&Mixture::new((ids(seed, &device), cohort(seed)), gate), &device)
    };
    let cross_decoupled = |seed, of_ids| {
        let ids = EmbeddingTableConfig::new(6, 4).with_seed(of_ids);
        let config = CrossDecoupledConfig::new(ids, N_FEATURES, vec![0], 4).with_seed(seed);
        first_values(&config.init(&device), &device)
    };
    let two_branch = |seed| {
        let users = TwoBranchConfig::new(4, 1.5).with_seed(seed).init(ids(1, &device), &device);
        first_values(&users, &device)
    };
    type FirstValues<'a> = &'a dyn Fn(u64) -> Vec<f32>;
    let kinds: [(&str, FirstValues<'_>); 8] = [
        ("table", &|seed| first_values(&ids(seed, &device), &device)),
        ("hashes", &|seed| {
            let config = DeepHashConfig::new(4).with_n_hashes(8).with_seed(seed);
            first_values(&config.init(&device), &device)
        }),
        ("cohorts", &|seed| first_values(&cohort(seed), &device)),
        ("experts of a mixture", &|seed| mixture(seed, 1)),
        ("gate of a mixture", &|seed| mixture(1, seed)),
        ("layers of cross decoupling", &|seed| cross_decoupled(seed, 1)),
        ("table of cross decoupling", &|seed| cross_decoupled(1, seed)),
        ("branches", &two_branch),
    ];
    for (kind, values) in kinds {
        assert_eq!(values(1), values(1), "{kind}");
        assert_ne!(values(1), values(2), "{kind}");
    }
}

#[test]
fn users_and_items_and_seeds_of_a_study_begin_apart() {
    let data = SyntheticConfig::default().with_n_users(30).with_n_items(40).with_n_interactions(300);
    let text = r#"
        data = { name = "synthetic" }
        split = { strategy = { kind = "user-time", test_fraction = 0.25 } }
        validation = { kind = "user-time", test_fraction = 0.25 }
        seeds = [0, 1, 2]
        estimator = { d_user = 4, d_item = 4, hidden = [] }
        training = { n_epochs = 1 }
    "#;
    let study =
        Study::prepare(&data.generate().unwrap().dataset, &StudyConfig::parse(text).unwrap()).unwrap();
    // Part, seed and first row of a table of every table that is made.
    let made = Arc::new(Mutex::new(Vec::new()));
    let table = |part: &'static str, n: fn(&StudySizes) -> usize| {
        let made = Arc::clone(&made);
        move |sizes: &StudySizes, seed: u64, device: &Device| {
            let ids = IdLookup::new(sizes.table(n(sizes), 4, seed).init(device));
            let none = Tensor::<2>::zeros([1, 0], device);
            let first: Vec<f32> =
                ids.user_vectors(&[0], &none, &mut Tape::off()).into_data().iter::<f32>().collect();
            made.lock().unwrap().push((part, seed, first));
            ids
        }
    };
    let users = table("users", |sizes| sizes.n_users);
    let items = table("items", |sizes| sizes.n_items);
    study.run(&[Candidate::with_items("own", users, items)], &[], &device(), &mut ()).unwrap();
    let made = made.lock().unwrap();
    // Three seeds, twice each: the search and the training that is measured begin alike.
    assert_eq!(made.len(), 12);
    for (part, seed, first) in made.iter() {
        let alike: Vec<_> = made.iter().filter(|other| other.2 == *first).collect();
        assert_eq!(alike.len(), 2, "{part} {seed}");
        assert!(alike.iter().all(|other| other.0 == *part && other.1 == *seed), "{part} {seed}");
    }
}
