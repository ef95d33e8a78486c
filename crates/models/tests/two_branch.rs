//! Two branches of users, each trained by its own sample.

use burn::tensor::Device;
use burn_recsys_embeddings::Tape;
use burn_recsys_models::{
    Branch, BranchCoupling, EstimatorInputs, Examples, HeadsConfig, IdLookup, MultiTaskEstimator,
    MultiTaskLoss, TwoBranch, TwoBranchConfig,
};

use crate::gradients::{check_differences, gradients, loss_of};
use crate::reference::{self, Reference, Rows, rows as values, stack};
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

/// The logits by one branch.
fn logits(model: &Model, branch: Branch, inputs: &EstimatorInputs) -> Rows {
    let base = model.users.base.vectors(&inputs.user_ids, &Vec::new());
    let layers = match branch {
        Branch::Main => &model.users.main,
        Branch::Regulariser => &model.users.regulariser,
    };
    reference::logits_of_users(model, stack(layers, &base), inputs)
}

#[test]
fn a_branch_is_its_layers_over_the_base_and_the_main_one_serves() {
    let device = Device::default();
    let inputs = rows().inputs(&device);
    for heads in [HeadsConfig::new(), HeadsConfig::new().with_hidden(vec![3])] {
        let model = model(heads, &device);
        let [main, regulariser] = [Branch::Main, Branch::Regulariser].map(|branch| {
            let actual = model.forward_branch(branch, &inputs, &mut Tape::off());
            reference::assert_close(actual.clone(), &logits(&model, branch, &inputs));
            values(actual)
        });
        assert_ne!(main, regulariser);
        assert_eq!(values(model.forward(&inputs, &mut Tape::off())), main);
    }
}

/// Two samples of as many rows.
fn samples() -> [Examples; 2] {
    [rows().select(&[0, 1, 2, 5]), rows().select(&[3, 6, 4, 0])]
}

#[test]
fn the_loss_and_its_gradients_are_those_of_the_formula() {
    let (device, progress) = (autodiff(), 0.8);
    let samples = samples();
    let inputs = samples.each_ref().map(|rows| rows.inputs(&device));
    let alpha = 1.0 - 0.4 * 0.4;
    let expected = |model: &Model, coupling| {
        let mut of =
            [logits(model, Branch::Main, &inputs[0]), logits(model, Branch::Regulariser, &inputs[1])];
        if coupling == BranchCoupling::Logits {
            let both = reference::weigh(&vec![vec![alpha, 1.0 - alpha]; 4], &of);
            of = [both.clone(), both];
        }
        let [main, regulariser] = [0, 1].map(|at| reference::loss(&of[at], samples[at].labels()));
        alpha * main + (1.0 - alpha) * regulariser
    };
    for heads in [HeadsConfig::new(), HeadsConfig::new().with_hidden(vec![4])] {
        let model = model(heads, &device);
        let mut losses = Vec::new();
        for coupling in [BranchCoupling::Losses, BranchCoupling::Logits] {
            let loss = |tape: &mut Tape| {
                let [main, rebalanced] = &samples;
                let loss = MultiTaskLoss::new(N_TASKS);
                model.two_branch_loss(&loss, coupling, progress, [main, rebalanced], &device, tape)
            };
            let actual = f64::from(loss(&mut Tape::new()).into_scalar::<f32>());
            assert!((actual - expected(&model, coupling)).abs() < 1e-6, "{coupling:?}: {actual}");
            losses.push(actual);
            let gradients = gradients(&model, loss);
            let n_compared = check_differences(&model, &gradients, |model| expected(model, coupling));
            assert_eq!(n_compared, n_parameters(&model));
        }
        assert!((losses[0] - losses[1]).abs() > 1e-3, "the couplings differ: {losses:?}");
    }
}

#[test]
fn training_starts_from_the_main_sample_alone() {
    let (device, loss) = (autodiff(), MultiTaskLoss::new(N_TASKS));
    let model = model(HeadsConfig::new(), &device);
    let [main, rebalanced] = samples();
    let alone = f64::from(loss_of(&model, &main, &mut Tape::new()).into_scalar::<f32>());
    for coupling in [BranchCoupling::Losses, BranchCoupling::Logits] {
        let rows = [&main, &rebalanced];
        let both = model.two_branch_loss(&loss, coupling, 0.0, rows, &device, &mut Tape::new());
        assert!((f64::from(both.into_scalar::<f32>()) - alone).abs() < 1e-7);
    }
}

#[test]
#[should_panic(expected = "4 main rows cannot pair 2 rebalanced")]
fn logits_of_samples_of_different_sizes_panic() {
    let (device, loss) = (Device::default(), MultiTaskLoss::new(N_TASKS));
    let [main, rebalanced] = samples();
    model(HeadsConfig::new(), &device).two_branch_loss(
        &loss,
        BranchCoupling::Logits,
        0.5,
        [&main, &rebalanced.select(&[0, 1])],
        &device,
        &mut Tape::off(),
    );
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
