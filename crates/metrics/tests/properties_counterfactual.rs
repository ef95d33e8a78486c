//! Estimates of a policy from another one's log.

use burn_recsys_metrics::counterfactual::{
    DoublyRobust, Ips, LoggedFeedback, PredictedRewards, SelfNormalizedIps,
};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn the_logging_policy_itself_earns_the_plain_mean(rows in vec((-5.0..5.0_f64, 0.01..=1.0_f64), 1..60)) {
        let (rewards, logged): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
        let log = LoggedFeedback::new(&rewards, &logged, &logged).unwrap();
        let mean = rewards.iter().sum::<f64>() / rewards.len() as f64;
        let (ips, snips) = (Ips::default().estimate(&log).unwrap(), SelfNormalizedIps.estimate(&log).unwrap());
        prop_assert!((ips.value - mean).abs() < 1e-12);
        prop_assert_eq!(ips.value, snips.value);
        prop_assert_eq!(ips.effective_sample_size, Some(rewards.len() as f64));
    }

    #[test]
    fn the_self_normalised_estimate_lies_among_the_rewards_and_moves_with_them(
        rows in vec((-5.0..5.0_f64, 0.01..=1.0_f64, 0.0..=1.0_f64), 1..60),
    ) {
        let rewards: Vec<f64> = rows.iter().map(|row| row.0).collect();
        let logged: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let target: Vec<f64> = rows.iter().map(|row| row.2).collect();
        let estimate = |rewards: &[f64]| {
            SelfNormalizedIps.estimate(&LoggedFeedback::new(rewards, &logged, &target).unwrap())
        };
        let moved: Vec<f64> = rewards.iter().map(|reward| reward + 3.0).collect();
        if let (Some(value), Some(moved)) = (estimate(&rewards), estimate(&moved)) {
            let (least, most) = rewards.iter().fold((f64::MAX, f64::MIN), |(l, m), &r| (l.min(r), m.max(r)));
            prop_assert!(least - 1e-12 <= value.value && value.value <= most + 1e-12);
            prop_assert!((moved.value - value.value - 3.0).abs() < 1e-12);
            let size = value.effective_sample_size.unwrap();
            prop_assert!((1.0 - 1e-12..=rows.len() as f64 + 1e-9).contains(&size), "{size}");
        }
    }

    #[test]
    fn the_doubly_robust_estimate_is_ips_of_what_the_model_left(
        rows in vec((-5.0..5.0_f64, 0.01..=1.0_f64, 0.0..=1.0_f64, -5.0..5.0_f64, -5.0..5.0_f64), 1..60),
    ) {
        let column = |of: fn(&(f64, f64, f64, f64, f64)) -> f64| rows.iter().map(of).collect::<Vec<f64>>();
        let (rewards, logged, target) = (column(|row| row.0), column(|row| row.1), column(|row| row.2));
        let (q_logged, q_target) = (column(|row| row.3), column(|row| row.4));
        let log = LoggedFeedback::new(&rewards, &logged, &target).unwrap();
        let nothing = PredictedRewards::new(std::vec![0.0; rows.len()], std::vec![0.0; rows.len()]).unwrap();
        let without = DoublyRobust.estimate(&log, &nothing).unwrap().unwrap();
        prop_assert_eq!(without, Ips::default().estimate(&log).unwrap());
        let left: Vec<f64> = rewards.iter().zip(&q_logged).map(|(reward, q)| reward - q).collect();
        let left = LoggedFeedback::new(&left, &logged, &target).unwrap();
        let expected = Ips::default().estimate(&left).unwrap().value
            + q_target.iter().sum::<f64>() / rows.len() as f64;
        let predicted = PredictedRewards::new(q_logged, q_target).unwrap();
        let found = DoublyRobust.estimate(&log, &predicted).unwrap().unwrap().value;
        prop_assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{} {}", found, expected);
    }

    #[test]
    fn clipping_never_raises_an_estimate_of_rewards_that_are_not_negative(
        rows in vec((0.0..5.0_f64, 0.01..=1.0_f64, 0.0..=1.0_f64), 1..60),
        bound in 0.1..20.0_f64,
    ) {
        let rewards: Vec<f64> = rows.iter().map(|row| row.0).collect();
        let logged: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let target: Vec<f64> = rows.iter().map(|row| row.2).collect();
        let log = LoggedFeedback::new(&rewards, &logged, &target).unwrap();
        let free = Ips::default().estimate(&log).unwrap();
        let clipped = Ips::default().with_largest_weight(bound).unwrap().estimate(&log).unwrap();
        prop_assert!(clipped.value <= free.value + 1e-12);
        let beyond = rows.iter().filter(|row| row.2 / row.1 > bound).count();
        prop_assert_eq!(clipped.clipped_share, beyond as f64 / rows.len() as f64);
    }
}

/// Uniform numbers by SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn simulated_logs_give_the_target_policys_reward_within_the_stated_error() {
    // Four actions: chance of a reward, logged and target probability.
    let actions = [(0.1, 0.4, 0.1), (0.3, 0.3, 0.2), (0.5, 0.2, 0.3), (0.2, 0.1, 0.4)];
    let truth: f64 = actions.iter().map(|&(reward, _, target)| reward * target).sum();
    let (n_logs, n_rows) = (1000, 1000);
    let mut random = Random(7);
    let (mut covered, mut sums) = ([0; 2], [0.0; 2]);
    for _ in 0..n_logs {
        let (mut rewards, mut logged, mut target) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..n_rows {
            let mut drawn = random.next();
            let action = actions.iter().find(|action| {
                drawn -= action.1;
                drawn < 0.0
            });
            let &(reward, log, of_target) = action.unwrap_or(&actions[3]);
            rewards.push(f64::from(u8::from(random.next() < reward)));
            logged.push(log);
            target.push(of_target);
        }
        let log = LoggedFeedback::new(&rewards, &logged, &target).unwrap();
        let estimates = [Ips::default().estimate(&log).unwrap(), SelfNormalizedIps.estimate(&log).unwrap()];
        for (i, estimate) in estimates.into_iter().enumerate() {
            sums[i] += estimate.value;
            let distance = (estimate.value - truth).abs();
            covered[i] += i32::from(distance <= 1.96 * estimate.standard_error.unwrap());
        }
    }
    for (covered, sum) in covered.into_iter().zip(sums) {
        // 950 expected; four standard deviations are 28.
        assert!((922..=978).contains(&covered), "{covered} of {n_logs} intervals hold the truth");
        // The mean of the estimates is off by less than four standard errors of that mean, about 0.0007 each.
        assert!((sum / f64::from(n_logs) - truth).abs() < 0.003, "{}", sum / f64::from(n_logs));
    }
}

#[test]
fn the_doubly_robust_estimate_needs_right_probabilities_or_a_right_model() {
    // Four actions: chance of a reward, logged and target probability, a wrong guess of the reward and of the
    // logged probability.
    let actions = [
        (0.1, 0.4, 0.1, 0.6, 0.25),
        (0.3, 0.3, 0.2, 0.6, 0.25),
        (0.5, 0.2, 0.3, 0.0, 0.25),
        (0.2, 0.1, 0.4, 0.9, 0.25),
    ];
    let truth: f64 = actions.iter().map(|action| action.0 * action.2).sum();
    let wrong_model: f64 = actions.iter().map(|action| action.3 * action.2).sum();
    let (n_logs, n_rows) = (1000, 1000);
    let mut random = Random(11);
    // Right probabilities and a wrong model, wrong probabilities and a right model, all right, all wrong; IPS of
    // right and of wrong probabilities.
    let (mut covered, mut sums, mut errors) = ([0; 6], [0.0; 6], [0.0; 6]);
    for _ in 0..n_logs {
        let mut columns: [Vec<f64>; 6] = Default::default();
        for _ in 0..n_rows {
            let mut drawn = random.next();
            let action = actions.iter().find(|action| {
                drawn -= action.1;
                drawn < 0.0
            });
            let &(reward, logged, target, guess, guessed) = action.unwrap_or(&actions[3]);
            let row = [f64::from(u8::from(random.next() < reward)), logged, target, guess, guessed, reward];
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
        let [rewards, logged, target, guess, guessed, chance] = columns;
        let right = LoggedFeedback::new(&rewards, &logged, &target).unwrap();
        let wrong = LoggedFeedback::new(&rewards, &guessed, &target).unwrap();
        let right_model = PredictedRewards::new(chance, vec![truth; n_rows]).unwrap();
        let wrong_model = PredictedRewards::new(guess, vec![wrong_model; n_rows]).unwrap();
        let robust = |log, model| DoublyRobust.estimate(log, model).unwrap().unwrap();
        let estimates = [
            robust(&right, &wrong_model),
            robust(&wrong, &right_model),
            robust(&right, &right_model),
            robust(&wrong, &wrong_model),
            Ips::default().estimate(&right).unwrap(),
            Ips::default().estimate(&wrong).unwrap(),
        ];
        for (i, estimate) in estimates.into_iter().enumerate() {
            let error = estimate.standard_error.unwrap();
            sums[i] += estimate.value / f64::from(n_logs);
            errors[i] += error / f64::from(n_logs);
            covered[i] += i32::from((estimate.value - truth).abs() <= 1.96 * error);
        }
    }
    for i in 0..3 {
        // 950 expected; four standard deviations are 28.
        assert!(
            (922..=978).contains(&covered[i]),
            "{i}: {} of {n_logs} intervals hold the truth",
            covered[i]
        );
        assert!((sums[i] - truth).abs() < 4.0 * errors[i] / f64::from(n_logs).sqrt(), "{i}: {}", sums[i]);
    }
    // With neither right it is off, as IPS is with wrong probabilities; a right model makes it vary less than IPS.
    assert!(covered[3] < 500 && covered[5] < 500, "{covered:?}");
    assert!(errors[2] < 0.95 * errors[4], "{errors:?}");
}
