use super::reward::rewards;
use super::{PageValue, SlateMetric, Slates, check_values};
use crate::{Error, Result};

/// How much less an item counts the lower it stands; rank 1 counts 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Discount {
    /// `1 / log₂(rank + 1)`, that of NDCG (Järvelin and Kekäläinen 2002).
    #[default]
    Logarithmic,
    /// `gamma^(rank - 1)`: a user goes on to the next item with probability `gamma`, as in rank-biased precision
    /// (Moffat and Zobel 2008).
    Geometric {
        /// In 0..1.
        gamma: f64,
    },
}

impl Discount {
    fn at(self, rank: usize) -> f64 {
        match self {
            Discount::Logarithmic => 1.0 / (rank as f64 + 1.0).log2(),
            Discount::Geometric { gamma } => gamma.powf((rank - 1) as f64),
        }
    }
}

/// What a page earns on average, an item counting less the lower it stands.
///
/// `DiscountedValue = mean over pages of the sum over items of discount(rank) * sum over tasks of
/// value[task] * outcome[item, task]`: [`SlateReward`](super::SlateReward) with a [`Discount`]. An empty page
/// earns 0. Any number; undefined without pages.
///
/// ```
/// use burn_recsys_metrics::slate::{Discount, DiscountedValue, SlateMetric, Slates};
///
/// let slates = Slates::of_clicks([[true, false, true]]);
/// let value = DiscountedValue::new([1.0])?.with_discount(Discount::Geometric { gamma: 0.5 })?;
/// assert_eq!(value.measure(&slates)?, Some(1.0 + 0.25));
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct DiscountedValue {
    values: Vec<f64>,
    discount: Discount,
}

impl DiscountedValue {
    /// With the value of one unit of each task's outcome, and the logarithmic discount.
    ///
    /// # Errors
    /// If there are no values, or one is NaN or infinite.
    pub fn new(values: impl Into<Vec<f64>>) -> Result<Self> {
        let values = values.into();
        check_values(&values)?;
        Ok(Self { values, discount: Discount::default() })
    }

    /// With another discount.
    ///
    /// # Errors
    /// If `gamma` is not in 0..1.
    pub fn with_discount(mut self, discount: Discount) -> Result<Self> {
        if let Discount::Geometric { gamma } = discount
            && !(0.0..=1.0).contains(&gamma)
        {
            return Err(Error::Parameter {
                parameter: "gamma",
                message: format!("{gamma}; must be in 0..1"),
            });
        }
        self.discount = discount;
        Ok(self)
    }
}

impl SlateMetric for DiscountedValue {
    fn label(&self) -> String {
        match self.discount {
            Discount::Logarithmic => "DiscountedValue".to_owned(),
            Discount::Geometric { gamma } => format!("DiscountedValue({gamma})"),
        }
    }

    /// The discounted reward of each page, and weight 1.
    ///
    /// # Errors
    /// If there are more or fewer values than tasks, or a reward is too large for a number.
    fn per_page(&self, slates: &Slates) -> Result<Vec<PageValue>> {
        rewards(slates, &self.values, |rank| self.discount.at(rank))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slate::SlateReward;

    #[test]
    fn lower_places_count_less() {
        let slates = Slates::new(2, [vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0], vec![]]).unwrap();
        let value = DiscountedValue::new([1.0, 4.0]).unwrap();
        let expected = (1.0 + 4.0 / 3.0_f64.log2() + 5.0 / 4.0_f64.log2()) / 2.0;
        let found = value.measure(&slates).unwrap().unwrap();
        assert!((found - expected).abs() < 1e-15, "{found}");
        let geometric = value.with_discount(Discount::Geometric { gamma: 0.5 }).unwrap();
        assert_eq!(geometric.measure(&slates), Ok(Some((1.0 + 4.0 * 0.5 + 5.0 * 0.25) / 2.0)));
        assert_eq!(geometric.label(), "DiscountedValue(0.5)");
    }

    #[test]
    fn the_ends_of_gamma_are_the_first_place_and_all_places() {
        let slates = Slates::of_clicks([vec![true, true], vec![false, true]]);
        let with = |gamma| {
            let value = DiscountedValue::new([1.0]).unwrap();
            value.with_discount(Discount::Geometric { gamma }).unwrap().measure(&slates)
        };
        assert_eq!(with(0.0), Ok(Some(0.5)));
        assert_eq!(with(1.0), SlateReward::new([1.0]).unwrap().measure(&slates));
    }

    #[test]
    fn a_gamma_that_would_grow_is_refused() {
        for gamma in [-0.1, 1.5, f64::NAN] {
            let value = DiscountedValue::new([1.0]).unwrap();
            assert!(value.with_discount(Discount::Geometric { gamma }).is_err());
        }
    }
}
