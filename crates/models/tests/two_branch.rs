//! Two branches of users, each trained by its own sample.

use burn::tensor::Device;
use burn_recsys_embeddings::Tape;
use burn_recsys_models::{
    Branch, HeadsConfig, IdLookup, MultiTaskEstimator, MultiTaskLoss, TwoBranch, TwoBranchConfig,
};

use crate::gradients::{check_differences, gradients};
use crate::reference::{self, Reference, branch_vectors, rows as values, stack};
use crate::{D, N_ITEMS, N_TASKS, N_USERS, autodiff, estimator, lookup, n_parameters, rows};

type Model = MultiTaskEstimator<TwoBranch<IdLookup>>;

fn model(heads: HeadsConfig, device: &Device) -> Model {
    let config = TwoBranchConfig::new(D, 2.0).with_hidden(vec![3]).with_seed(6);
    let users = config.init(lookup(N_USERS, 1, device), device);
    estimator(users, lookup(N_ITEMS, 2, device), heads, device)
}

#[test]
fn shares_shift_from_main_to_regulariser() {
    let users = TwoBranchConfig::new(D, 1.5).init(lookup(3, 1, &Device::default()), &Device::default());
    let mut before = 1.0;
    for step in 0..=10 {
        let progress = f64::from(step) / 10.0;
        let main = users.share(Branch::Main, progress);
        assert_eq!(main, 1.0 - (progress / 1.5).powi(2));
        assert!((main + users.share(Branch::Regulariser, progress) - 1.0).abs() < 1e-15);
        assert!(main < before || step == 0);
        before = main;
    }
    assert!((before - 5.0 / 9.0).abs() < 1e-12);
}

/// With linear heads, adding vectors is adding logits, as the paper does.
#[test]
fn logits_of_linear_heads_are_the_weighted_sum_of_the_branches() {
    let device = Device::default();
    let (model, inputs, progress) = (model(HeadsConfig::new(), &device), rows().inputs(&device), 0.7);
    let base = model.users.base.vectors(&inputs.user_ids, &Vec::new());
    let of = |users| reference::logits_of_users(&model, users, &inputs);
    let branches = [of(stack(&model.users.main, &base)), of(stack(&model.users.regulariser, &base))];
    let alpha = 1.0 - progress * progress / 4.0;
    let expected = reference::weigh(&vec![vec![alpha, 1.0 - alpha]; base.len()], &branches);
    for branch in [Branch::Main, Branch::Regulariser] {
        let logits = model.forward_branch(branch, progress, &inputs, &mut Tape::off());
        reference::assert_close(logits, &expected);
    }
}

#[test]
fn serving_is_the_end_of_training() {
    let device = Device::default();
    let heads = HeadsConfig::new().with_hidden(vec![3]);
    let (model, inputs) = (model(heads, &device), rows().inputs(&device));
    let served = values(model.forward(&inputs, &mut Tape::off()));
    for branch in [Branch::Main, Branch::Regulariser] {
        let at = |progress| values(model.forward_branch(branch, progress, &inputs, &mut Tape::off()));
        assert_eq!(at(1.0), served);
        assert_ne!(at(0.0), served);
    }
}

#[test]
fn a_sample_trains_its_own_branch_and_what_is_shared() {
    let device = autodiff();
    let (rows, progress) = (rows(), 0.8);
    let inputs = rows.inputs(&device);
    for heads in [HeadsConfig::new(), HeadsConfig::new().with_hidden(vec![4])] {
        let model = model(heads, &device);
        let branch_size = n_parameters(&model.users.main);
        assert_eq!(branch_size, n_parameters(&model.users.regulariser));
        for branch in [Branch::Main, Branch::Regulariser] {
            let gradients = gradients(&model, |tape| {
                let logits = model.forward_branch(branch, progress, &inputs, tape);
                MultiTaskLoss::new(N_TASKS).forward(logits, rows.label_tensor(&device), None)
            });
            let n_compared = check_differences(&model, &gradients, |changed| {
                let users = match branch {
                    Branch::Main => [&changed.users, &model.users],
                    Branch::Regulariser => [&model.users, &changed.users],
                };
                let users = branch_vectors(users, progress, &inputs.user_ids, &Vec::new());
                reference::loss(&reference::logits_of_users(changed, users, &inputs), rows.labels())
            });
            assert_eq!(n_compared, n_parameters(&model) - branch_size);
            let other = match branch {
                Branch::Main => &model.users.regulariser,
                Branch::Regulariser => &model.users.main,
            };
            assert!(gradients.iter().all(|(param, _)| other.iter().all(|layer| layer.weight.id != *param)));
        }
    }
}

#[test]
#[should_panic(expected = "gamma is 1, not a finite number above 1")]
fn a_gamma_of_1_panics() {
    TwoBranchConfig::new(2, 1.0).init(lookup(3, 1, &Device::default()), &Device::default());
}

#[test]
#[should_panic(expected = "a progress of 1.5 is not in 0..=1")]
fn progress_beyond_the_end_panics() {
    model(HeadsConfig::new(), &Device::default()).users.share(Branch::Main, 1.5);
}
