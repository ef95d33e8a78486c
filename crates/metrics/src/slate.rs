//! What pages of recommendations earned: several items shown at once, with feedback for each place.
//!
//! [`Slates`] holds pages and checks them once; a [`SlateMetric`] gives each page a [`PageValue`] and the
//! quotient of their sums, so that an interval can be drawn over pages.
//!
//! **Empty pages.** A page on which nothing was shown is a page that earned nothing: it counts 0 wherever the
//! divisor is the number of pages ([`PageClickRate`], [`SlateReward`], [`DiscountedValue`]), and nothing where
//! it is the number of items ([`ItemClickRate`]). [`Slates::n_empty`] says how many there are.

mod click_rate;
mod discounted_value;
mod reward;
mod slates;

pub use click_rate::{ItemClickRate, PageClickRate};
pub use discounted_value::{Discount, DiscountedValue};
pub use reward::SlateReward;
pub use slates::Slates;

use crate::mean::sum;
use crate::{Error, Result};

/// What one page adds to a metric: the metric is the sum of totals divided by the sum of weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageValue {
    /// What the page adds above the line.
    pub total: f64,
    /// What the page adds below the line: 1, or its number of items.
    pub weight: f64,
}

/// A number for pages with feedback.
pub trait SlateMetric: std::fmt::Debug + Send + Sync {
    /// The name in tables: `ItemClickRate`.
    fn label(&self) -> String;

    /// What each page adds, in their order.
    ///
    /// # Errors
    /// If the metric cannot use the outcomes; the message names the page.
    fn per_page(&self, slates: &Slates) -> Result<Vec<PageValue>>;

    /// The sum of totals divided by the sum of weights; `None` where that is 0. Never NaN.
    ///
    /// # Errors
    /// As [`per_page`](Self::per_page).
    fn measure(&self, slates: &Slates) -> Result<Option<f64>> {
        let pages = self.per_page(slates)?;
        let total = sum(pages.iter().map(|page| page.total));
        let weight = sum(pages.iter().map(|page| page.weight));
        Ok((weight > 0.0).then(|| total / weight))
    }
}

/// Checks one value per task.
fn check_values(values: &[f64]) -> Result<()> {
    let message = if values.is_empty() {
        "none; give the value of one unit of each task's outcome".to_owned()
    } else if let Some((task, value)) = values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        format!("{value} for task {task} (the first is 0); must be a finite number")
    } else {
        return Ok(());
    };
    Err(Error::Parameter { parameter: "values", message })
}
