//! Estimates of a policy from another one's log.

use burn_recsys_metrics::counterfactual::{Ips, LoggedFeedback, SelfNormalizedIps};
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
