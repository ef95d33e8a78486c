//! Logits of every representation and every form of the heads.

use burn::tensor::{Device, Tensor};
use burn_recsys_embeddings::{MixtureConfig, Tape};
use burn_recsys_models::{
    DeepHashConfig, HeadsConfig, ItemRepresentation, Mixture, MultiTaskEstimatorConfig, TwoBranchConfig,
    UserRepresentation,
};

use crate::reference::{Reference, assert_close, logits, rows as values};
use crate::{
    D, N_ITEM_FEATURES, N_ITEMS, N_TASKS, N_USER_FEATURES, N_USERS, cohort, cross_decoupled, estimator,
    lookup, rows, table,
};

fn forms() -> Vec<HeadsConfig> {
    vec![
        HeadsConfig::new(),
        HeadsConfig::new().with_hidden(vec![5, 4]),
        HeadsConfig::new().with_tower(vec![3]),
        HeadsConfig::new().with_hidden(vec![5]).with_tower(vec![3]),
        HeadsConfig::new().with_hidden(vec![5]).with_tower(vec![3]).with_n_experts(3),
    ]
}

fn check<R: Reference + UserRepresentation, I: Reference + ItemRepresentation>(users: R, items: I) {
    let device = Device::default();
    let inputs = rows().inputs(&device);
    for heads in forms() {
        let model = estimator(users.clone(), items.clone(), heads, &device);
        model.check(&rows()).expect("rows of this model");
        let expected = logits(&model, &inputs);
        assert!(expected.iter().flatten().any(|x| x.abs() > 0.01), "nothing was tested: {expected:?}");
        assert_close(model.forward(&inputs, &mut Tape::off()), &expected);
    }
}

#[test]
fn id_lookup_is_the_formula() {
    let device = Device::default();
    check(lookup(N_USERS, 1, &device), lookup(N_ITEMS, 2, &device));
}

#[test]
fn deep_hash_is_the_formula() {
    let device = Device::default();
    let users = DeepHashConfig::new(D).with_n_hashes(8).with_n_layers(3).init(&device);
    check(users, lookup(N_ITEMS, 2, &device));
}

#[test]
fn cohort_is_the_formula() {
    let device = Device::default();
    check(cohort(&device), lookup(N_ITEMS, 2, &device));
}

#[test]
fn mixture_is_the_formula() {
    let device = Device::default();
    let gate = MixtureConfig::new(N_USER_FEATURES, 2, 0).init(&device);
    let users = Mixture::new((lookup(N_USERS, 1, &device), cohort(&device)), gate);
    check(users, lookup(N_ITEMS, 2, &device));
}

#[test]
fn cross_decoupled_is_the_formula_on_either_side() {
    let device = Device::default();
    check(
        cross_decoupled(N_USERS, N_USER_FEATURES, &device),
        cross_decoupled(N_ITEMS, N_ITEM_FEATURES, &device),
    );
}

#[test]
fn two_branches_are_the_formula() {
    let device = Device::default();
    let users = TwoBranchConfig::new(D, 2.0).with_hidden(vec![3]).init(cohort(&device), &device);
    check(users, lookup(N_ITEMS, 2, &device));
}

#[test]
fn without_features_the_parts_are_left_out() {
    let device = Device::default();
    let model = MultiTaskEstimatorConfig::new(N_TASKS, 0, 0, 0).init(
        lookup(N_USERS, 1, &device),
        lookup(N_ITEMS, 2, &device),
        &device,
    );
    assert_eq!(model.heads.towers[0][0].weight.dims(), [2 * D, N_TASKS]);
    let inputs = rows().inputs(&device);
    assert_close(model.forward(&inputs, &mut Tape::off()), &logits(&model, &inputs));
}

#[test]
fn an_unseen_user_has_a_vector_where_there_are_rows_for_them() {
    let device = Device::default();
    let users = burn_recsys_models::IdLookup::new(table(N_USERS, 1).with_n_oov_rows(2).init(&device));
    assert_eq!(users.n_users(), None);
    let spare: Vec<Vec<f64>> = values(users.embedding.weight.val()).split_off(N_USERS as usize);
    let vectors = |ids: &[u64]| {
        values(users.user_vectors(ids, &Tensor::zeros([ids.len(), 0], &device), &mut Tape::off()))
    };
    let unseen: Vec<u64> = (N_USERS..N_USERS + 50).chain([u64::MAX]).collect();
    let found = vectors(&unseen);
    assert!(found.iter().all(|vector| spare.contains(vector)));
    // Both rows are in use, and an id always has the same.
    assert!(spare.iter().all(|row| found.contains(row)));
    assert_eq!(found, vectors(&unseen));

    let mut ids = rows().user_ids().to_vec();
    ids[3] = u64::MAX;
    let unseen = burn_recsys_models::Examples::new(ids, rows().item_ids().to_vec()).expect("pairs");
    let config = MultiTaskEstimatorConfig::new(N_TASKS, 0, 0, 0);
    let model = config.init(users, lookup(N_ITEMS, 2, &device), &device);
    model.check(&unseen).expect("every id has a row");
    assert!(values(model.forward(&unseen.inputs(&device), &mut Tape::off()))[3][0].is_finite());
    let model = config.init(lookup(N_USERS, 1, &device), lookup(N_ITEMS, 2, &device), &device);
    let error = model.check(&unseen).expect_err("an id without a row").to_string();
    assert_eq!(error, format!("user ids: row 3 has id {}, the model knows ids below 6", u64::MAX));
}

#[test]
fn no_two_layers_begin_alike() {
    use burn::module::{ModuleVisitor, Param};
    use burn::tensor::Tensor;
    use burn_recsys_embeddings::MixtureConfig;
    use burn_recsys_models::{Cohort, HeadsConfig, Mixture, MultiTaskEstimatorConfig};

    /// The first values of every matrix, in units of its largest: layers of other widths are scaled apart.
    struct First(Vec<Vec<f32>>);
    impl ModuleVisitor for First {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let values: Vec<f32> = param.val().into_data().iter().take(8).collect();
            let largest = values.iter().fold(0f32, |largest, value| largest.max(value.abs()));
            if D == 2 && largest > 0.0 {
                self.0.push(values.iter().map(|value| value / largest).collect());
            }
        }
    }

    let device = burn::tensor::Device::default();
    // All seeds the default: streams alone keep the parts apart.
    let table = |seed| {
        let config = burn_recsys_embeddings::EmbeddingTableConfig::new(20, 8).with_seed(seed);
        burn_recsys_models::IdLookup::new(config.init(&device))
    };
    let cohorts = Cohort::new(Cohort::original(8, 8, 8).init(&device));
    let users = Mixture::new((table(1), cohorts), MixtureConfig::new(8, 2, 8).init(&device));
    let heads = HeadsConfig::new().with_hidden(vec![8, 8]).with_tower(vec![8]).with_n_experts(2);
    let model = MultiTaskEstimatorConfig::new(2, 8, 8, 8).with_d_cross(8).with_heads(heads).init(
        users,
        table(2),
        &device,
    );
    let mut first = First(Vec::new());
    burn::module::Module::visit(&model, &mut first);
    assert!(first.0.len() > 15, "{} matrices", first.0.len());
    for (at, left) in first.0.iter().enumerate() {
        for right in &first.0[at + 1..] {
            let is_equal = left.iter().zip(right).all(|(left, right)| (left - right).abs() < 1e-5);
            assert!(!is_equal, "two layers begin with {left:?}");
        }
    }
}
