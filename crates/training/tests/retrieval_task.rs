//! Batches of pairs for two towers, their losses, and that training is the same bits for any number of threads.

use std::sync::Arc;

use burn::module::Module;
use burn::optim::AdamConfig;
use burn::tensor::Device;
use burn_recsys_data::{Csr, NegativeSampler, UniformNegatives};
use burn_recsys_embeddings::{JaggedIds, LazyAdam, SparseOptimizer, Tape};
use burn_recsys_models::{
    FeatureTwoTower, FeatureTwoTowerConfig, FieldValues, HistoryPooling, RetrievalLoss, TowerConfig,
    TowerField, TowerRows,
};
use burn_recsys_training::{
    FitConfig, Negatives, Optimizers, RetrievalRows, RetrievalTask, Task, TrainState, fit,
};

use crate::device;

const N_USERS: u32 = 12;
const N_ITEMS: u32 = 9;

type PairTask = RetrievalTask<burn_recsys_embeddings::EmbeddingTable, burn_recsys_embeddings::EmbeddingTable>;

fn user_fields() -> Vec<TowerField> {
    let attention = HistoryPooling::Attention { max_length: 4 };
    vec![
        TowerField::id(N_USERS.into()),
        TowerField::history("rated", N_ITEMS as usize, HistoryPooling::Mean),
        TowerField::shared_history("liked", N_ITEMS as usize, attention),
    ]
}

fn item_fields() -> Vec<TowerField> {
    vec![TowerField::id(N_ITEMS.into()), TowerField::categorical("kind", 3)]
}

fn items_of(user: u32) -> Vec<u32> {
    (0..N_ITEMS).filter(|item| item % 3 == user % 3).collect()
}

/// Users like the items of their own third.
fn rows() -> RetrievalRows {
    let (mut users, mut items) = (Vec::new(), Vec::new());
    for user in 0..N_USERS {
        for item in items_of(user) {
            users.push(user);
            items.push(item);
        }
    }
    let histories: Vec<Vec<u32>> =
        (0..N_USERS).map(|user| items_of(user)[..user as usize % 2].to_vec()).collect();
    let histories = FieldValues::Bags(JaggedIds::from_bags(&histories).unwrap());
    let ids = |n: u32| FieldValues::Ids((0..u64::from(n)).collect());
    let user_table =
        TowerRows::new(&user_fields(), vec![ids(N_USERS), histories.clone(), histories]).unwrap();
    let kinds = FieldValues::Codes((0..N_ITEMS).map(|item| item % 3).collect());
    let item_table = TowerRows::new(&item_fields(), vec![ids(N_ITEMS), kinds]).unwrap();
    RetrievalRows::new(users, items, user_table, item_table).unwrap()
}

fn labelled() -> RetrievalRows {
    let n = N_USERS * N_ITEMS;
    let of_rows = rows();
    let labels = (0..n).map(|at| f32::from((at / N_ITEMS) % 3 == (at % N_ITEMS) % 3)).collect();
    RetrievalRows::new(
        (0..n).map(|at| at / N_ITEMS).collect(),
        (0..n).map(|at| at % N_ITEMS).collect(),
        of_rows.user_table().clone(),
        of_rows.item_table().clone(),
    )
    .and_then(|rows| rows.with_labels(labels))
    .unwrap()
}

fn sampler() -> Arc<UniformNegatives> {
    Arc::new(UniformNegatives::new(N_ITEMS, 5).unwrap())
}

fn known() -> Csr {
    Csr::from_rows((0..N_USERS).map(items_of))
}

const SOFTMAX: RetrievalLoss = RetrievalLoss::Softmax { temperature: 1.0 };

/// Every way to compare a pair.
fn tasks() -> Vec<(&'static str, PairTask)> {
    let task = |rows, negatives, loss| PairTask::new(rows, negatives, loss, 8, 3).unwrap();
    let n = 4;
    vec![
        ("labels", task(labelled(), Negatives::Labels, RetrievalLoss::Pointwise)),
        ("a row", task(rows(), Negatives::PerRow { sampler: sampler(), n }, RetrievalLoss::Bpr)),
        ("a row, logQ", task(rows(), Negatives::PerRow { sampler: sampler(), n }, SOFTMAX).with_log_q(true)),
        ("shared", task(rows(), Negatives::Shared { sampler: sampler(), n }, SOFTMAX).with_log_q(true)),
        ("in batch", task(rows(), Negatives::InBatch, SOFTMAX).with_log_q(true).with_known(known()).unwrap()),
        ("mixed", task(rows(), Negatives::Mixed { sampler: sampler(), n }, SOFTMAX).with_log_q(true)),
    ]
}

/// Without dropout: all tests of the program share Burn's generator of a device.
fn model(device: &Device) -> FeatureTwoTower {
    let tower = |fields| {
        TowerConfig::new(fields).with_d_embedding(6).with_hidden(vec![12]).with_d_output(Some(6)).with_seed(2)
    };
    FeatureTwoTowerConfig::new(tower(user_fields()), tower(item_fields())).with_biases(true).init(device)
}

fn trained(task: &PairTask, n_epochs: u64) -> TrainState<FeatureTwoTower> {
    let device = device().autodiff();
    let optimizers = Optimizers {
        sparse: SparseOptimizer::new(Box::new(LazyAdam::default())),
        dense: AdamConfig::new().init(),
    };
    let state = TrainState { model: model(&device), optimizers, history: Vec::new() };
    let config = FitConfig { n_epochs, learning_rate: 0.02, patience: None, seed: 1, ..FitConfig::default() };
    fit(task, None, state, &config, &device, &mut ()).unwrap()
}

#[test]
fn every_way_of_comparing_learns() {
    for (name, task) in tasks() {
        let state = trained(&task, 8);
        let (first, last) = (state.history[0].train_loss, state.history[7].train_loss);
        assert!(last < 0.9 * first, "{name}: {first} to {last}");
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    for (name, task) in tasks() {
        let bits = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| {
                let model = trained(&task, 2).model.valid();
                let (users, items) = (task.rows().user_table(), task.rows().item_table());
                let vectors = [model.embed_users(users), model.embed_items(items)].concat();
                vectors.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            })
        };
        let one = bits(1);
        assert!(one == bits(2), "{name}: 1 and 2 threads differ");
    }
}

#[test]
fn labels_are_a_binary_cross_entropy_of_pairs() {
    let task = PairTask::new(labelled(), Negatives::Labels, RetrievalLoss::Bpr, 50, 3).unwrap();
    let model = model(&device());
    let rows = task.rows();
    let logits: Vec<f32> = model
        .score_matrix(rows.user_table(), rows.item_table(), &mut Tape::off())
        .into_data()
        .iter::<f32>()
        .collect();
    let terms = logits.iter().zip(rows.labels().unwrap()).map(|(&logit, &label)| {
        let p = 1.0 / (1.0 + f64::from(-logit).exp());
        -(f64::from(label) * p.ln() + f64::from(1.0 - label) * (1.0 - p).ln())
    });
    let expected = terms.sum::<f64>() / logits.len() as f64;
    let actual = task.mean_loss(&model, 1).unwrap();
    assert!((actual - expected).abs() < 1e-6, "{actual} {expected}");
}

#[test]
fn in_batch_softmax_with_everything_in_one_batch_is_its_formula() {
    for log_q in [false, true] {
        let task = PairTask::new(rows(), Negatives::InBatch, SOFTMAX, 1_000, 3).unwrap().with_log_q(log_q);
        let model = model(&device());
        let (users, items) = (task.rows().users(), task.rows().items());
        let logits: Vec<f64> = model
            .score_matrix(task.rows().user_table(), task.rows().item_table(), &mut Tape::off())
            .into_data()
            .iter::<f64>()
            .collect();
        let share =
            |item: u32| items.iter().filter(|&&other| other == item).count() as f64 / items.len() as f64;
        let corrected = |user: u32, item: u32| {
            logits[(user * N_ITEMS + item) as usize] - if log_q { share(item).ln() } else { 0.0 }
        };
        let of_row = |(&user, &item): (&u32, &u32)| -> f64 {
            let positive = corrected(user, item).exp();
            let negatives = items.iter().filter(|&&other| other != item);
            let sum: f64 = negatives.map(|&other| corrected(user, other).exp()).sum();
            -(positive / (positive + sum)).ln()
        };
        let expected = users.iter().zip(items).map(of_row).sum::<f64>() / users.len() as f64;
        let actual = task.mean_loss(&model, 1).unwrap();
        assert!((actual - expected).abs() < 1e-5, "{actual} {expected}");
    }
}

#[test]
fn known_items_are_no_negatives() {
    // Users met the items of their third: what is left in a batch of all is the other two thirds.
    let task = |known: Option<Csr>| {
        let task = PairTask::new(rows(), Negatives::InBatch, SOFTMAX, 1_000, 3).unwrap();
        match known {
            Some(known) => task.with_known(known).unwrap(),
            None => task,
        }
    };
    let model = model(&device());
    let all = task(None).mean_loss(&model, 1).unwrap();
    assert!(task(Some(known())).mean_loss(&model, 1).unwrap() < all - 0.1);
    // A user who has met everything has no negative: a loss of 0.
    let everything = Csr::from_rows((0..N_USERS).map(|_| (0..N_ITEMS).collect::<Vec<_>>()));
    assert_eq!(task(Some(everything)).mean_loss(&model, 1).unwrap(), 0.0);
}

#[test]
fn batches_are_a_function_of_seed_and_epoch() {
    for (name, task) in tasks() {
        let batches = |epoch| task.batches(epoch).collect::<Vec<_>>();
        assert_eq!(batches(1), batches(1), "{name}");
        assert_ne!(batches(1), batches(2), "{name}");
        let n_rows: usize = batches(1).iter().map(|batch| task.n_rows(batch)).sum();
        assert_eq!((n_rows, batches(1).len()), (task.rows().n_rows(), task.n_batches()), "{name}");
    }
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let message = |result: burn_recsys_training::Result<PairTask>| result.unwrap_err().to_string();
    let refused = |negatives, batch_size| message(PairTask::new(rows(), negatives, SOFTMAX, batch_size, 3));
    assert!(refused(Negatives::Labels, 8).contains("the rows have none"));
    assert!(refused(Negatives::InBatch, 0).contains("a batch needs rows"));
    assert!(refused(Negatives::Shared { sampler: sampler(), n: 0 }, 8).contains("at least 1"));
    let large: Arc<dyn NegativeSampler> = Arc::new(UniformNegatives::new(N_ITEMS + 1, 5).unwrap());
    assert!(
        refused(Negatives::PerRow { sampler: large, n: 1 }, 8)
            .contains("a sampler of 10 items, but there are 9")
    );
    let task = PairTask::new(rows(), Negatives::InBatch, SOFTMAX, 8, 3).unwrap();
    assert!(
        message(task.clone().with_known(Csr::from_rows([[0u32]]))).contains("user 11 has none of 1 rows")
    );
    let unsorted = Csr::from_rows((0..N_USERS).map(|_| [1u32, 0]));
    assert!(message(task.with_known(unsorted)).contains("user 0 are not ascending"));

    let (users, items) = (rows().user_table().clone(), rows().item_table().clone());
    let refused = |result: burn_recsys_training::Result<RetrievalRows>| result.unwrap_err().to_string();
    let new = |of_users: Vec<u32>, of_items: Vec<u32>| {
        RetrievalRows::new(of_users, of_items, users.clone(), items.clone())
    };
    assert!(refused(new(vec![], vec![])).contains("0 rows"));
    assert!(refused(new(vec![0, 1], vec![0])).contains("1 for 2 users"));
    assert!(refused(new(vec![0, 12], vec![0, 0])).contains("row 1 has 12, but there are 12"));
    assert!(refused(new(vec![0, 1], vec![9, 0])).contains("row 0 has 9, but there are 9"));
    let labelled = |label| new(vec![0], vec![0]).and_then(|rows| rows.with_labels(vec![label]));
    assert!(refused(labelled(f32::NAN)).contains("row 0 has NaN"));
    assert!(refused(labelled(1.5)).contains("row 0 has 1.5"));
}
