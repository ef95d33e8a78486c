//! Skip-gram: what it learns, whatever the number of threads, and what it refuses.

use std::ops::ControlFlow;

use burn_recsys_baselines::{Error, SkipGram, SkipGramConfig, SkipGramMode};
use burn_recsys_data::random::{Random, Stream};
use burn_recsys_data::{Csr, IdMap, Sequences, StoredSequences};

const N_BLOCKS: u32 = 5;
const BLOCK: u32 = 12;

/// Sequences whose items are all of one block.
fn planted(n_sequences: usize, length: usize) -> StoredSequences {
    let random = Random::new(3, Stream::Synthetic, 0);
    let sequence = |index: usize| {
        let mut draws = random.row(index as u64);
        let first = draws.below(N_BLOCKS) * BLOCK;
        (0..length).map(|_| first + draws.below(BLOCK)).collect::<Vec<u32>>()
    };
    StoredSequences::new((N_BLOCKS * BLOCK) as usize, Csr::from_rows((0..n_sequences).map(sequence))).unwrap()
}

fn config(mode: SkipGramMode) -> SkipGramConfig {
    SkipGramConfig { d_embedding: 24, n_epochs: 20, learning_rate: 0.05, mode, ..SkipGramConfig::default() }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

/// The mean cosine of pairs within a block, and of pairs across.
fn cosines(model: &SkipGram) -> (f64, f64) {
    let (mut within, mut across) = (Vec::new(), Vec::new());
    for a in 0..N_BLOCKS * BLOCK {
        for b in 0..a {
            let list = if a / BLOCK == b / BLOCK { &mut within } else { &mut across };
            list.push(cosine(model.vector(a).unwrap(), model.vector(b).unwrap()));
        }
    }
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    (mean(within), mean(across))
}

#[test]
fn items_of_a_block_are_close() {
    // Sequences longer than a passage, and short ones.
    for sequences in [planted(100, 80), planted(800, 10)] {
        for mode in [SkipGramMode::Reproducible, SkipGramMode::LockFree] {
            let model = config(mode).fit(&sequences).unwrap();
            let (within, across) = cosines(&model);
            assert!(within > across + 0.5, "{mode:?}: {within} within blocks, {across} across");
            let losses = model.losses();
            assert_eq!(losses.len(), 20);
            assert!(losses[0] < std::f64::consts::LN_2 && losses[19] < losses[0], "{losses:?}");
        }
    }
}

#[test]
fn vectors_are_under_the_ids_of_learned_items() {
    // Item 1 is alone in its sequence, as a node without edges is in its walk.
    let sequences = StoredSequences::new(4, Csr::from_rows([vec![0, 2, 3], vec![1], vec![3, 2, 0]])).unwrap();
    let model = config(SkipGramMode::Reproducible).fit(&sequences).unwrap();
    let ids = |names: &[&str]| IdMap::from_texts(names.iter().map(|name| (*name).to_string()));
    let vectors = model.item_vectors(&ids(&["ale", "bun", "cup", "dip"])).unwrap();
    assert_eq!((vectors.len(), vectors.dimension()), (3, 24));
    assert_eq!(model.counts(), [2, 0, 2, 2]);
    assert_eq!(vectors.vector("bun"), None);
    for (item, id) in [(0, "ale"), (2, "cup"), (3, "dip")] {
        assert_eq!(vectors.vector(id), model.vector(item), "{id}");
    }
    let error = model.item_vectors(&ids(&["ale", "bun"])).unwrap_err();
    assert_eq!(error.to_string(), "ids: 2 ids for 4 items");
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn bits_do_not_depend_on_threads() {
    let sequences = planted(500, 37);
    let features = Csr::from_rows((0..N_BLOCKS * BLOCK).map(|item| vec![item / BLOCK, 5 + item % 3]));
    let config = SkipGramConfig {
        d_embedding: 50,
        n_epochs: 3,
        subsampling: 0.01,
        ..config(SkipGramMode::Reproducible)
    };
    for features in [None, Some(&features)] {
        let fit = |n_threads, config: &SkipGramConfig| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let model = pool
                .install(|| config.fit_watched(&sequences, features, |_| ControlFlow::Continue(())).unwrap());
            (bits(model.input_vectors()), bits(model.output_vectors()), model.losses().to_vec())
        };
        let one = fit(1, &config);
        assert_eq!(one, fit(2, &config));
        assert_eq!(one, fit(3, &config));
        assert_ne!(one.0, fit(1, &SkipGramConfig { seed: 1, ..config.clone() }).0);
    }
}

#[test]
fn one_thread_without_locks_repeats_itself() {
    let sequences = planted(200, 20);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let fit = || pool.install(|| config(SkipGramMode::LockFree).fit(&sequences).unwrap());
    assert_eq!(bits(fit().input_vectors()), bits(fit().input_vectors()));
}

#[test]
fn items_without_interactions_have_the_vectors_of_their_features() {
    // The last item of every block is left out of all sequences; features are the block and one of two more.
    let rows = planted(2400, 10);
    let mut sequences = Vec::new();
    for index in 0..rows.n_sequences() {
        let mut items = Vec::new();
        rows.append(0, index, &mut items);
        items.retain(|item| item % BLOCK != BLOCK - 1);
        sequences.push(items);
    }
    let n_items = (N_BLOCKS * BLOCK) as usize + 2;
    let sequences = StoredSequences::new(n_items, Csr::from_rows(sequences)).unwrap();
    // Of the last two items, one has a feature that no learned item has and one has none.
    let mut features: Vec<Vec<u32>> =
        (0..N_BLOCKS * BLOCK).map(|item| vec![item / BLOCK, N_BLOCKS + item % 2]).collect();
    features.extend([vec![N_BLOCKS + 2], vec![]]);
    let features = Csr::from_rows(features);
    for mode in [SkipGramMode::Reproducible, SkipGramMode::LockFree] {
        let model = config(mode).fit_with_features(&sequences, &features).unwrap();
        let (within, across) = cosines(&model);
        assert!(within > across + 0.5, "{mode:?}: {within} within blocks, {across} across");
        for block in 0..N_BLOCKS {
            let cold = block * BLOCK + BLOCK - 1;
            assert_eq!(model.counts()[cold as usize], 0);
            let to = |item| cosine(model.vector(cold).unwrap(), model.vector(item).unwrap());
            let nearest = (0..N_BLOCKS).max_by(|&a, &b| to(a * BLOCK).total_cmp(&to(b * BLOCK)));
            assert_eq!(nearest, Some(block), "{mode:?}");
        }
        assert_eq!([60, 61].map(|item| model.vector(item).is_none()), [true; 2]);
        let error = config(mode).fit_with_features(&sequences, &Csr::from_rows([[0]])).unwrap_err();
        assert_eq!(error.to_string(), "features: 1 rows for 62 items; every item needs one");
        // No feature at all is as no features.
        let none = Csr::from_rows(vec![Vec::<u32>::new(); 62]);
        let fit = SkipGramConfig { n_epochs: 1, ..config(SkipGramMode::Reproducible) };
        let (with, without) = (fit.fit_with_features(&sequences, &none), fit.fit(&sequences));
        assert_eq!(bits(with.unwrap().input_vectors()), bits(without.unwrap().input_vectors()));
    }
}

#[test]
fn short_sequences_and_rare_items_are_left_out() {
    let rows = [&[0, 1, 0, 1][..], &[], &[2], &[0, 3, 1], &[1, 0]];
    let sequences = StoredSequences::new(6, Csr::from_rows(rows)).unwrap();
    for mode in [SkipGramMode::Reproducible, SkipGramMode::LockFree] {
        let mut words = Vec::new();
        let config = SkipGramConfig { min_count: 2, n_epochs: 2, ..config(mode) };
        let model = config
            .fit_watched(&sequences, None, |epoch| {
                words.push((epoch.epoch, epoch.n_words));
                ControlFlow::Continue(())
            })
            .unwrap();
        // Without items 2 and 3: sequences of 4, 0, 0, 2 and 2.
        assert_eq!(words, [(1, 8), (2, 8)]);
        // Item 2 is alone, and item 3 is rare.
        assert_eq!(model.counts(), [4, 4, 0, 0, 0, 0]);
        let known: Vec<bool> = (0..6).map(|item| model.vector(item).is_some()).collect();
        assert_eq!(known, [true, true, false, false, false, false]);
        assert!(model.input_vectors()[2 * 24..].iter().all(|&value| value == 0.0));
        assert!(model.output_vectors()[..24].iter().any(|&value| value != 0.0));
        assert_eq!((model.n_items(), model.d_embedding()), (6, 24));
    }
}

#[test]
fn who_is_alone_without_rare_items_is_not_learned() {
    // Item 2 meets rare items only.
    let rows = [&[0, 1][..], &[0, 1], &[2, 3], &[2, 4], &[2, 5]];
    let sequences = StoredSequences::new(6, Csr::from_rows(rows)).unwrap();
    for mode in [SkipGramMode::Reproducible, SkipGramMode::LockFree] {
        let model = SkipGramConfig { min_count: 2, ..config(mode) }.fit(&sequences).unwrap();
        let known: Vec<bool> = (0..6).map(|item| model.vector(item).is_some()).collect();
        assert_eq!(known, [true, true, false, false, false, false]);
    }
}

#[test]
fn one_item_has_contexts_but_no_negatives() {
    let sequences = StoredSequences::new(1, Csr::from_rows([[0, 0, 0]])).unwrap();
    for mode in [SkipGramMode::Reproducible, SkipGramMode::LockFree] {
        let model = config(mode).fit(&sequences).unwrap();
        assert!(model.losses()[19] < model.losses()[0]);
    }
    let alone = StoredSequences::new(2, Csr::from_rows([[0], [1]])).unwrap();
    for mode in [SkipGramMode::Reproducible, SkipGramMode::LockFree] {
        assert_eq!(config(mode).fit(&alone).unwrap_err(), Error::Empty);
    }
}

#[test]
fn training_ends_when_told_to() {
    let sequences = planted(100, 10);
    // The learning rate is that of all epochs, so only the first of them is alike.
    let config = SkipGramConfig { final_learning_rate: 1.0, ..config(SkipGramMode::Reproducible) };
    let stop = |epoch: &burn_recsys_baselines::SkipGramEpoch| match epoch.epoch {
        2 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let stopped = config.fit_watched(&sequences, None, stop).unwrap();
    let two = SkipGramConfig { n_epochs: 2, ..config.clone() }.fit(&sequences).unwrap();
    assert_eq!(bits(stopped.input_vectors()), bits(two.input_vectors()));
    assert_eq!(stopped.losses().len(), 2);
    let error = SkipGramConfig { n_epochs: 0, ..config }.fit(&sequences).unwrap_err();
    assert_eq!(error.to_string(), "n_epochs: 0; it must be from 1 to 16777216");
}

#[test]
fn frequent_items_are_subsampled() {
    let sequences = planted(200, 20);
    let words = |subsampling| {
        let mut words = 0;
        let config = SkipGramConfig { subsampling, n_epochs: 1, ..SkipGramConfig::default() };
        let watch = |epoch: &burn_recsys_baselines::SkipGramEpoch| {
            words = epoch.n_words;
            ControlFlow::Continue(())
        };
        config.fit_watched(&sequences, None, watch).unwrap();
        words as f64
    };
    assert_eq!(words(0.0), 4000.0);
    // Every item is about 1 of 60: sqrt(0.06) + 0.06 of them stay.
    assert!((words(0.001) / 4000.0 - 0.305).abs() < 0.03);
}

#[test]
fn bad_input_is_an_error() {
    let sequences = planted(10, 5);
    let parameter = |config: SkipGramConfig| match config.fit(&sequences).unwrap_err() {
        Error::Parameter { parameter, .. } => parameter,
        error => panic!("{error}"),
    };
    let config = SkipGramConfig::default();
    for wrong in [0, usize::MAX] {
        assert_eq!(parameter(SkipGramConfig { d_embedding: wrong, ..config.clone() }), "d_embedding");
        assert_eq!(parameter(SkipGramConfig { window: wrong, ..config.clone() }), "window");
        assert_eq!(parameter(SkipGramConfig { n_negatives: wrong, ..config.clone() }), "n_negatives");
    }
    for wrong in [f32::NAN, f32::INFINITY, -1.0] {
        assert_eq!(parameter(SkipGramConfig { learning_rate: wrong, ..config.clone() }), "learning_rate");
        let with = SkipGramConfig { final_learning_rate: wrong, ..config.clone() };
        assert_eq!(parameter(with), "final_learning_rate");
        let wrong = f64::from(wrong);
        assert_eq!(parameter(SkipGramConfig { noise_power: wrong, ..config.clone() }), "noise_power");
        assert_eq!(parameter(SkipGramConfig { subsampling: wrong, ..config.clone() }), "subsampling");
    }
    for rows in [vec![], vec![vec![], vec![]]] {
        let empty = StoredSequences::new(3, Csr::from_rows::<Vec<u32>>(rows)).unwrap();
        assert_eq!(config.fit(&empty).unwrap_err(), Error::Empty);
    }
    let rare = SkipGramConfig { min_count: 1000, ..config };
    assert_eq!(rare.fit(&sequences).unwrap_err(), Error::Empty);
}

#[test]
fn a_huge_learning_rate_diverges() {
    let sequences = planted(200, 20);
    for mode in [SkipGramMode::Reproducible, SkipGramMode::LockFree] {
        let config = SkipGramConfig { learning_rate: 1e30, ..config(mode) };
        let error = config.fit(&sequences).unwrap_err();
        assert!(matches!(error, Error::Diverged { epoch: 1.. }), "{error}");
    }
}

#[test]
fn configurations_are_read_as_they_are_written() {
    let config: SkipGramConfig = serde_json::from_str(r#"{"mode": "lock-free", "window": 3}"#).unwrap();
    let expected = SkipGramConfig { mode: SkipGramMode::LockFree, window: 3, ..SkipGramConfig::default() };
    assert_eq!(config, expected);
    assert!(serde_json::from_str::<SkipGramConfig>(r#"{"windows": 3}"#).is_err());
}
