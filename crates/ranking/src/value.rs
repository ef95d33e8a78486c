//! One number for what an item is worth.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, WatchNext};

/// What a kind of feedback speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueGroup {
    /// That somebody turns to it: clicks, plays.
    Engagement,
    /// That they were glad of it later: likes, long stays, answers to surveys; dislikes with a negative weight.
    Satisfaction,
    /// That it does no harm to others: reports and what reviewers found, with negative weights.
    Responsibility,
}

/// A kind of feedback whose probability a model gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueTask {
    /// The task's name.
    pub name: String,
    /// What it speaks of.
    pub group: ValueGroup,
    /// What one event is worth within the group; negative for what speaks against an item.
    pub weight: f64,
}

/// What each group adds to the value of an item.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Value {
    /// Of [`ValueGroup::Engagement`].
    pub engagement: f64,
    /// Of [`ValueGroup::Satisfaction`].
    pub satisfaction: f64,
    /// Of [`ValueGroup::Responsibility`].
    pub responsibility: f64,
    /// Of what usually follows the item.
    pub watch_next: f64,
}

impl Value {
    /// The sum.
    pub fn total(&self) -> f64 {
        self.engagement + self.satisfaction + self.responsibility + self.watch_next
    }
}

/// A weighted sum of calibrated probabilities, by groups of weights, and of the time spent on what follows.
///
/// ```text
/// value = sum over groups g of W_g * (sum over tasks t of g of w_t p_t)  +  W_next * p_click * T(item)
/// ```
///
/// Probabilities of several tasks are added up, so each must be calibrated (in `burn-recsys-models`, `UserValue`
/// keeps the calibrations beside the model). Weighted sums of objectives are how multi-task rankers are combined
/// (Zhao et al. 2019, "Recommending what video to watch next: a multitask ranking system"); the weights are
/// chosen by people or by experiments, not by this. `T` is the table of [`WatchNext`], seconds: `W_next` is what a
/// second is worth.
///
/// ```
/// use burn_recsys_ranking::{ValueGroup, ValueModel, ValueTask};
///
/// let task = |name: &str, group, weight| ValueTask { name: name.into(), group, weight };
/// let model = ValueModel::new(vec![
///     task("click", ValueGroup::Engagement, 1.0),
///     task("like", ValueGroup::Satisfaction, 5.0),
///     task("report", ValueGroup::Responsibility, -100.0),
/// ])?;
/// // Two items, three probabilities each: the one that draws more clicks is reported more often.
/// let values = model.values(&[7, 9], &[0.5, 0.1, 0.02, 0.3, 0.1, 0.0])?;
/// assert!(values[0].total() < values[1].total());
/// assert_eq!(values[0].responsibility, 0.02 * -100.0);
/// # Ok::<(), burn_recsys_ranking::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ValueModel {
    tasks: Vec<ValueTask>,
    group_weights: [f64; 3],
    watch_next: Option<Next>,
}

#[derive(Debug, Clone, PartialEq)]
struct Next {
    click: usize,
    weight: f64,
    table: WatchNext,
}

impl ValueModel {
    /// The value by these tasks, all groups with weight 1.
    ///
    /// # Errors
    /// If there is no task, a name is taken twice, or a weight is not finite.
    pub fn new(tasks: Vec<ValueTask>) -> Result<Self> {
        let refuse = |message: String| Err(Error::Parameter { parameter: "value tasks", message });
        if tasks.is_empty() {
            return refuse("there are none, so all items are worth the same".into());
        }
        for (at, task) in tasks.iter().enumerate() {
            if !task.weight.is_finite() {
                return refuse(format!("the weight of {} is {}", task.name, task.weight));
            }
            if tasks[..at].iter().any(|other| other.name == task.name) {
                return refuse(format!("there are two of the name {}", task.name));
            }
        }
        Ok(ValueModel { tasks, group_weights: [1.0; 3], watch_next: None })
    }

    /// Sets the weight of a group.
    ///
    /// # Errors
    /// If it is not finite.
    pub fn with_group_weight(mut self, group: ValueGroup, weight: f64) -> Result<Self> {
        if !weight.is_finite() {
            let message = format!("that of {group:?} is {weight}; a weight is a finite number");
            return Err(Error::Parameter { parameter: "group weight", message });
        }
        self.group_weights[group as usize] = weight;
        Ok(self)
    }

    /// Adds the time spent on what usually follows an item that is clicked: `weight` times the probability of the
    /// task `click` times the seconds of the table.
    ///
    /// # Errors
    /// If there is no such task or the weight is not finite.
    pub fn with_watch_next(mut self, table: WatchNext, click: &str, weight: f64) -> Result<Self> {
        let refuse = |message: String| Err(Error::Parameter { parameter: "watch next", message });
        let Some(click) = self.tasks.iter().position(|task| task.name == click) else {
            return refuse(format!("there is no task {click}"));
        };
        if !weight.is_finite() {
            return refuse(format!("the weight is {weight}; a weight is a finite number"));
        }
        self.watch_next = Some(Next { click, weight, table });
        Ok(self)
    }

    /// The tasks, in the order of their probabilities.
    pub fn tasks(&self) -> &[ValueTask] {
        &self.tasks
    }

    /// What every item is worth, group by group.
    ///
    /// # Shapes
    /// - `items`: `[n]`
    /// - `probabilities`: `[n, n_tasks]`, row-major, calibrated
    ///
    /// # Errors
    /// If the sizes do not agree or a probability is not in 0..1.
    pub fn values(&self, items: &[u32], probabilities: &[f64]) -> Result<Vec<Value>> {
        let n_tasks = self.tasks.len();
        if items.len() * n_tasks != probabilities.len() {
            return Err(Error::Misfit {
                what: format!("probabilities of {} items", items.len()),
                found: probabilities.len(),
                expected: items.len() * n_tasks,
            });
        }
        if let Some(at) = probabilities.iter().position(|probability| !(0.0..=1.0).contains(probability)) {
            let (item, task) = (items[at / n_tasks], &self.tasks[at % n_tasks].name);
            let message = format!("{task} of item {item} has {}; calibrate it to 0..1", probabilities[at]);
            return Err(Error::Parameter { parameter: "probabilities", message });
        }
        let value = |(&item, row): (&u32, &[f64])| {
            let mut groups = [0.0; 3];
            for (task, probability) in self.tasks.iter().zip(row) {
                groups[task.group as usize] += task.weight * probability;
            }
            let [engagement, satisfaction, responsibility] =
                [0, 1, 2].map(|group| self.group_weights[group] * groups[group]);
            let next = self.watch_next.as_ref();
            let watch_next =
                next.map_or(0.0, |next| next.weight * row[next.click] * f64::from(next.table.seconds(item)));
            Value { engagement, satisfaction, responsibility, watch_next }
        };
        Ok(items.iter().zip(probabilities.chunks_exact(n_tasks)).map(value).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str, group: ValueGroup, weight: f64) -> ValueTask {
        ValueTask { name: name.into(), group, weight }
    }

    fn model() -> ValueModel {
        ValueModel::new(vec![
            task("click", ValueGroup::Engagement, 1.0),
            task("like", ValueGroup::Satisfaction, 4.0),
            task("dislike", ValueGroup::Satisfaction, -8.0),
            task("report", ValueGroup::Responsibility, -100.0),
        ])
        .unwrap()
    }

    #[test]
    fn values_by_hand() {
        let table = WatchNext::new(vec![60.0, 0.0].into(), 30.0).unwrap();
        let model = model()
            .with_group_weight(ValueGroup::Satisfaction, 0.5)
            .unwrap()
            .with_watch_next(table, "click", 0.25)
            .unwrap();
        let rows = [0.5, 0.25, 0.125, 0.0, 1.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0];
        let values = model.values(&[0, 1, 9], &rows).unwrap();
        let expected = Value {
            engagement: 0.5,
            satisfaction: 0.5 * (4.0 * 0.25 - 8.0 * 0.125),
            responsibility: 0.0,
            watch_next: 0.25 * 0.5 * 60.0,
        };
        assert_eq!(values[0], expected);
        assert_eq!(values[0].total(), 0.5 + 0.0 + 7.5);
        assert_eq!((values[1].total(), values[1].watch_next), (1.0 - 50.0, 0.0));
        // An item that is not in the table is as an unknown one.
        assert_eq!(values[2].watch_next, 0.25 * 0.5 * 30.0);
    }

    #[test]
    fn faults_are_refused() {
        assert!(ValueModel::new(vec![]).is_err());
        assert!(ValueModel::new(vec![task("a", ValueGroup::Engagement, f64::NAN)]).is_err());
        let twice = vec![task("a", ValueGroup::Engagement, 1.0), task("a", ValueGroup::Satisfaction, 1.0)];
        assert!(ValueModel::new(twice).is_err());
        assert!(model().with_group_weight(ValueGroup::Engagement, f64::INFINITY).is_err());
        let table = WatchNext::new(vec![].into(), 1.0).unwrap();
        assert!(model().with_watch_next(table.clone(), "play", 1.0).is_err());
        assert!(model().with_watch_next(table, "click", f64::NAN).is_err());
        let message = |items: &[u32], rows: &[f64]| model().values(items, rows).unwrap_err().to_string();
        assert!(message(&[1], &[0.0; 3]).contains("probabilities of 1 items: 3, but 4"));
        assert!(message(&[5], &[0.0, 0.0, 1.5, 0.0]).contains("dislike of item 5 has 1.5"));
        assert!(message(&[5], &[0.0, 0.0, f64::NAN, 0.0]).contains("dislike of item 5"));
    }
}
