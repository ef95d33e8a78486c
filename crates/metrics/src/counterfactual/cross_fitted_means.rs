use super::PredictedRewards;
use crate::mean::sum;
use crate::{Error, Result};

/// A model of rewards without context: the mean reward of each action, shrunk towards the mean of all where
/// there are few rows, and never of the row that it is applied to.
///
/// The rows are dealt into folds one by one; the predictions of a fold come from the rows of all others:
///
/// ```text
/// q(a) = (sum of the rewards of a + shrinkage * mean of all) / (rows of a + shrinkage)
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrossFittedMeans {
    n_folds: usize,
    shrinkage: f64,
}

impl CrossFittedMeans {
    /// `n_folds` folds; as many rows as `shrinkage` speak for the mean of all.
    ///
    /// # Errors
    /// If there are fewer than 2 folds, or `shrinkage` is not a finite number above 0.
    pub fn new(n_folds: usize, shrinkage: f64) -> Result<Self> {
        if n_folds < 2 {
            let message = format!("{n_folds}; with fewer than 2 there are no other rows to learn from");
            return Err(Error::Parameter { parameter: "n_folds", message });
        }
        if !(shrinkage > 0.0 && shrinkage.is_finite()) {
            let message = format!("{shrinkage}; must be a finite number above 0");
            return Err(Error::Parameter { parameter: "shrinkage", message });
        }
        Ok(Self { n_folds, shrinkage })
    }

    /// The predicted rewards of the rows of a log.
    ///
    /// `target(row, action)` is the probability with which the target policy takes an action there.
    ///
    /// # Errors
    /// If there is not one reward for every action, an action is not below `n_actions`, there are fewer rows than
    /// folds, or a prediction is not finite.
    pub fn predict(
        &self,
        n_actions: usize,
        actions: &[usize],
        rewards: &[f64],
        target: impl Fn(usize, usize) -> f64,
    ) -> Result<PredictedRewards> {
        let n = actions.len();
        if n != rewards.len() {
            return Err(Error::ColumnLength {
                left: "actions",
                n_left: n,
                right: "rewards",
                n_right: rewards.len(),
            });
        }
        if let Some(row) = actions.iter().position(|&action| action >= n_actions) {
            let message = format!("action {} does not exist; there are {n_actions}", actions[row]);
            return Err(Error::Row { row, message });
        }
        if n < self.n_folds {
            let message = format!("{} for {n} rows; take at most one fold for each row", self.n_folds);
            return Err(Error::Parameter { parameter: "n_folds", message });
        }
        let (mut logged, mut of_target) = (vec![0.0; n], vec![0.0; n]);
        for fold in 0..self.n_folds {
            let means = self.means_without(fold, n_actions, actions, rewards);
            for row in (fold..n).step_by(self.n_folds) {
                logged[row] = means[actions[row]];
                let expected = means.iter().enumerate().map(|(action, mean)| target(row, action) * mean);
                of_target[row] = sum(expected);
            }
        }
        PredictedRewards::new(logged, of_target)
    }

    fn means_without(&self, fold: usize, n_actions: usize, actions: &[usize], rewards: &[f64]) -> Vec<f64> {
        let (mut sums, mut counts) = (vec![0.0; n_actions], vec![0.0; n_actions]);
        let others = (0..actions.len()).filter(|row| row % self.n_folds != fold);
        for row in others {
            sums[actions[row]] += rewards[row];
            counts[actions[row]] += 1.0;
        }
        let mean_of_all = sum(sums.iter().copied()) / sum(counts.iter().copied());
        let shrunk = |(sum, count)| (sum + self.shrinkage * mean_of_all) / (count + self.shrinkage);
        sums.iter().zip(counts).map(shrunk).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_predicted_from_the_rows_of_other_folds() {
        let model = CrossFittedMeans::new(2, 1.0).unwrap();
        let (actions, rewards) = ([0, 0, 1, 1], [1.0, 0.0, 0.0, 1.0]);
        let target = |row: usize, action: usize| if row < 2 { [0.25, 0.75][action] } else { 0.5 };
        let predicted = model.predict(2, &actions, &rewards, target).unwrap();
        // Without rows 0 and 2: rewards 0 and 1, mean 0.5.
        let first = [(0.0 + 0.5) / 2.0, (1.0 + 0.5) / 2.0];
        // Without rows 1 and 3: 1 and 0.
        let second = [(1.0 + 0.5) / 2.0, (0.0 + 0.5) / 2.0];
        assert_eq!(predicted.logged(), [first[0], second[0], first[1], second[1]]);
        assert_eq!(predicted.target()[0], 0.25 * first[0] + 0.75 * first[1]);
        assert_eq!(predicted.target()[3], 0.5);
    }

    #[test]
    fn a_reward_does_not_move_its_own_prediction() {
        let model = CrossFittedMeans::new(3, 0.5).unwrap();
        let actions = [0, 1, 2, 0, 1, 2, 0, 1];
        for row in 0..8 {
            let predict = |reward| {
                let mut rewards = [0.5; 8];
                rewards[row] = reward;
                let predicted = model.predict(3, &actions, &rewards, |_, _| 1.0 / 3.0).unwrap();
                (predicted.logged()[row], predicted.target()[row], predicted)
            };
            let (low, high) = (predict(0.0), predict(9.0));
            assert_eq!((low.0, low.1), (high.0, high.1));
            assert_ne!(low.2, high.2);
        }
    }

    #[test]
    fn faults_are_refused() {
        assert!(CrossFittedMeans::new(1, 1.0).is_err());
        for shrinkage in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(CrossFittedMeans::new(2, shrinkage).is_err());
        }
        let model = CrossFittedMeans::new(2, 1.0).unwrap();
        assert!(model.predict(1, &[0, 0], &[1.0], |_, _| 1.0).is_err());
        assert!(model.predict(1, &[0, 1], &[1.0; 2], |_, _| 1.0).is_err());
        assert!(model.predict(1, &[0], &[1.0], |_, _| 1.0).is_err());
        assert!(model.predict(1, &[0, 0], &[1.0; 2], |_, _| f64::NAN).is_err());
    }
}
