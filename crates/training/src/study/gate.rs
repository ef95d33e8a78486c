//! Whom a mixture trusts, by how active a user is.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use burn_recsys_models::UserRepresentation;
use serde::{Deserialize, Serialize};

use super::rows::StudyRows;

/// The weight of the first representation of a mixture by the activity of users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateStudy {
    /// Test users by the number of their training events, in ten groups of equal size.
    pub deciles: Vec<GateDecile>,
    /// Spearman's rank correlation, over the groups, of mean activity and mean weight; absent if either
    /// is the same everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spearman: Option<f64>,
}

/// One group of users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateDecile {
    /// The number of users.
    pub n_users: usize,
    /// Their mean number of training events.
    pub activity: f64,
    /// The mean of their weights.
    pub weight: f64,
}

const N_GROUPS: usize = 10;
const USERS_AT_ONCE: usize = 8192;

/// The gate of `users` over the test rows; `None` where nothing is mixed.
pub(super) fn gate_study(
    users: &impl UserRepresentation,
    rows: &StudyRows,
    device: &Device,
) -> Option<GateStudy> {
    let (test, width) = (&rows.test, rows.test.n_user_features());
    // A user weighs as the mean of the user's test rows.
    let mut of_user: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    let users_of_rows = rows.test_users.chunks(USERS_AT_ONCE);
    for (ids, features) in users_of_rows.zip(test.user_features().chunks((USERS_AT_ONCE * width).max(1))) {
        let features = TensorData::new(features.to_vec(), [ids.len(), width]);
        let weights = users.expert_weights(&Tensor::from_data(features, device))?;
        let n_experts = weights.dims()[1];
        for (&id, weight) in ids.iter().zip(weights.into_data().iter::<f64>().step_by(n_experts)) {
            let (sum, n_rows) = of_user.entry(id).or_default();
            *sum += weight;
            *n_rows += 1.0;
        }
    }
    let mut points: Vec<(f64, f64)> = of_user
        .into_iter()
        .map(|(user, (sum, n_rows))| (f64::from(rows.slices.user_counts[user as usize]), sum / n_rows))
        .collect();
    // Stable: users of equal activity stay in the order of their ids.
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let deciles: Vec<GateDecile> = (0..N_GROUPS)
        .filter_map(|group| {
            let bound = |group: usize| group * points.len() / N_GROUPS;
            let group = &points[bound(group)..bound(group + 1)];
            let mean =
                |value: fn(&(f64, f64)) -> f64| group.iter().map(value).sum::<f64>() / group.len() as f64;
            (!group.is_empty()).then(|| GateDecile {
                n_users: group.len(),
                activity: mean(|point| point.0),
                weight: mean(|point| point.1),
            })
        })
        .collect();
    let spearman = spearman(
        &deciles.iter().map(|decile| decile.activity).collect::<Vec<_>>(),
        &deciles.iter().map(|decile| decile.weight).collect::<Vec<_>>(),
    );
    Some(GateStudy { deciles, spearman })
}

/// Spearman's rank correlation, ties with their mean rank; `None` where a side is constant.
pub(super) fn spearman(left: &[f64], right: &[f64]) -> Option<f64> {
    let (left, right) = (ranks(left), ranks(right));
    let mean = |ranks: &[f64]| ranks.iter().sum::<f64>() / ranks.len() as f64;
    let (mean_left, mean_right) = (mean(&left), mean(&right));
    let (mut product, mut of_left, mut of_right) = (0.0, 0.0, 0.0);
    for (l, r) in left.iter().zip(&right) {
        product += (l - mean_left) * (r - mean_right);
        of_left += (l - mean_left).powi(2);
        of_right += (r - mean_right).powi(2);
    }
    (of_left > 0.0 && of_right > 0.0).then(|| product / (of_left * of_right).sqrt())
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = start as f64 + (tied.len() as f64 - 1.0) / 2.0;
        tied.iter().for_each(|&at| ranks[at] = rank);
        start += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn_recsys_embeddings::Tape;

    use super::*;
    use crate::study::rows::tests::rows_by_hand;

    #[test]
    fn rank_correlation_equals_the_textbook() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [2.5, 0.0, 2.5, 1.0]);
        // scipy.stats.spearmanr([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) = 0.8207826816681233
        let value = spearman(&[1.0, 2.0, 3.0, 4.0, 5.0], &[5.0, 6.0, 7.0, 8.0, 7.0]).unwrap();
        assert!((value - 0.820_782_681_668_123_3).abs() < 1e-12, "{value}");
        assert_eq!(spearman(&[1.0, 2.0], &[5.0, 5.0]), None);
        assert_eq!(spearman(&[], &[]), None);
    }

    /// The features are the weights.
    #[derive(Module, Debug)]
    struct Given {
        #[module(skip)]
        n_experts: usize,
    }

    impl UserRepresentation for Given {
        fn d_user(&self) -> usize {
            1
        }

        fn user_vectors(&self, _: &[u64], _: &Tensor<2>, _: &mut Tape) -> Tensor<2> {
            unreachable!("a gate is asked for weights alone")
        }

        fn expert_weights(&self, features: &Tensor<2>) -> Option<Tensor<2>> {
            assert_eq!(features.dims()[1], self.n_experts);
            (self.n_experts > 1).then(|| features.clone())
        }
    }

    const N_USERS: u32 = 20;

    /// Every count below 20 once, and not in the order of users.
    fn count(user: u32) -> u32 {
        (7 * user + 3) % N_USERS
    }

    /// A user with more events weighs less; the two rows of user 11, who has none, are unlike.
    fn study_of(n_copies: usize) -> GateStudy {
        let weight = |user: u32| 0.9 - 0.04 * count(user) as f32;
        let mut points: Vec<(u32, f32)> = Vec::new();
        for _ in 0..n_copies {
            points.extend([(11, 0.8), (11, 1.0)]);
        }
        points.extend((0..N_USERS).filter(|&user| user != 11).map(|user| (user, weight(user))));
        let users: Vec<u32> = points.iter().map(|point| point.0).collect();
        let features = points.iter().flat_map(|&(_, weight)| [weight, 0.05, 0.95 - weight]).collect();
        let (items, labels) = (vec![0; users.len()], vec![[0.0; 3]; users.len()]);
        let counts = (0..N_USERS).map(count).collect();
        let mut rows = rows_by_hand(&users, &items, &labels, counts, vec![true]);
        rows.test = rows.test.with_user_features(features, 3).unwrap();
        gate_study(&Given { n_experts: 3 }, &rows, &Device::default()).unwrap()
    }

    #[test]
    fn groups_are_of_users_by_their_training_events() {
        // The second has more rows than are asked about at once.
        for n_copies in [1, 4200] {
            let gate = study_of(n_copies);
            assert_eq!(gate.deciles.len(), 10);
            for (group, decile) in gate.deciles.iter().enumerate() {
                let activity = 2.0 * group as f64 + 0.5;
                assert_eq!((decile.n_users, decile.activity), (2, activity));
                let expected = 0.9 - 0.04 * activity;
                assert!((decile.weight - expected).abs() < 1e-5, "{group}: {} {expected}", decile.weight);
            }
            assert!((gate.spearman.unwrap() + 1.0).abs() < 1e-12, "{:?}", gate.spearman);
        }
    }

    #[test]
    fn nothing_is_said_where_nothing_is_mixed() {
        let mut rows = rows_by_hand(&[0], &[0], &[[0.0; 3]], vec![1], vec![true]);
        rows.test = rows.test.with_user_features(vec![1.0], 1).unwrap();
        assert_eq!(gate_study(&Given { n_experts: 1 }, &rows, &Device::default()), None);
    }
}
