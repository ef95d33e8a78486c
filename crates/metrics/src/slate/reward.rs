use super::{PageValue, SlateMetric, Slates, check_values};
use crate::mean::sum;
use crate::{Error, Result};

/// What a page earns on average, each task's outcome having its price.
///
/// `SlateReward = mean over pages of the sum over items and tasks of value[task] * outcome[item, task]`. An empty
/// page earns 0. Any number; undefined without pages.
#[derive(Debug, Clone)]
pub struct SlateReward {
    values: Vec<f64>,
}

impl SlateReward {
    /// With the value of one unit of each task's outcome.
    ///
    /// # Errors
    /// If there are no values, or one is NaN or infinite.
    pub fn new(values: impl Into<Vec<f64>>) -> Result<Self> {
        let values = values.into();
        check_values(&values)?;
        Ok(Self { values })
    }
}

impl SlateMetric for SlateReward {
    fn label(&self) -> String {
        "SlateReward".to_owned()
    }

    /// The reward of each page, and weight 1.
    ///
    /// # Errors
    /// If there are more or fewer values than tasks, or a reward is too large for a number.
    fn per_page(&self, slates: &Slates) -> Result<Vec<PageValue>> {
        rewards(slates, &self.values, |_| 1.0)
    }
}

/// The reward of each page, the item at rank `r` (the first is 1) counting `discount(r)`.
pub(super) fn rewards(
    slates: &Slates,
    values: &[f64],
    discount: impl Fn(usize) -> f64,
) -> Result<Vec<PageValue>> {
    let n_tasks = slates.n_tasks();
    if values.len() != n_tasks {
        let message = format!("{} values for {n_tasks} tasks; give one for each", values.len());
        return Err(Error::Parameter { parameter: "values", message });
    }
    let of_item = |(rank, item): (usize, &[f32])| {
        let worth = item.iter().zip(values).map(|(&outcome, value)| value * f64::from(outcome));
        discount(rank) * worth.sum::<f64>()
    };
    let of_page = |(page, outcomes): (usize, &[f32])| {
        let total = sum((1..).zip(outcomes.chunks_exact(n_tasks)).map(of_item));
        if total.is_finite() {
            return Ok(PageValue { total, weight: 1.0 });
        }
        Err(Error::Page { page, message: "the reward is too large for a number; use smaller values".into() })
    };
    slates.pages().enumerate().map(of_page).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_mean_worth_of_a_page() {
        // Seconds watched at 0.5, likes at 2, reports at -10; two items, no item, one item.
        let pages = [vec![4.0, 1.0, 0.0, 2.0, 0.0, 1.0], vec![], vec![6.0, 0.0, 0.0]];
        let slates = Slates::new(3, pages).unwrap();
        let reward = SlateReward::new([0.5, 2.0, -10.0]).unwrap();
        let first = 0.5 * 4.0 + 2.0 * 1.0 + 0.5 * 2.0 - 10.0 * 1.0;
        let totals: Vec<f64> = reward.per_page(&slates).unwrap().iter().map(|page| page.total).collect();
        assert_eq!(totals, [first, 0.0, 3.0]);
        assert_eq!(reward.measure(&slates), Ok(Some((first + 0.0 + 3.0) / 3.0)));
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        let error = SlateReward::new([1.0, f64::NAN]).unwrap_err().to_string();
        assert_eq!(error, "values: NaN for task 1 (the first is 0); must be a finite number");
        assert!(SlateReward::new([]).is_err());
        let slates = Slates::of_clicks([[true]]);
        let error = SlateReward::new([1.0, 2.0]).unwrap().measure(&slates).unwrap_err().to_string();
        assert_eq!(error, "values: 2 values for 1 tasks; give one for each");
        let too_large = Slates::new(1, [[f32::MAX]]).unwrap();
        assert!(SlateReward::new([f64::MAX]).unwrap().measure(&too_large).is_err());
    }

    #[test]
    fn no_pages_are_undefined() {
        let slates = Slates::of_clicks([[true; 0]; 0]);
        assert_eq!(SlateReward::new([1.0]).unwrap().measure(&slates), Ok(None));
    }
}
