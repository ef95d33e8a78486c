//! How features of the past are computed, as users write it.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How to compute features of the past. Every field has a default, so an empty table is a whole
/// configuration:
/// ```toml
/// prior_strength = 5.0
/// initial_rating = 3.5
/// liked_rating = 4.0
/// activity_bounds = [1, 4, 20, 100]
/// max_categories = 32
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PastFeaturesConfig {
    /// How many events at the prior mean every mean and share is mixed with. Higher values trust few
    /// events less. Above 0, at most 1e9. Default: 5.
    pub prior_strength: f64,
    /// The mean rating that is assumed before the first event: about the middle of the data's scale.
    /// Its weight is that of `prior_strength` events, so it matters for the first rows only.
    /// Default: 3.5, for 1 to 5 stars.
    pub initial_rating: f32,
    /// From which rating on an item was liked. Default: 4.
    pub liked_rating: f32,
    /// Where the buckets of user activity begin, ascending, from 1: the defaults `[1, 4, 20, 100]` give
    /// the buckets 0, 1 to 3, 4 to 19, 20 to 99 and 100 or more events. One column each.
    pub activity_bounds: Vec<u32>,
    /// How many categories of a column occur in training rows at most; a column with more, such as a
    /// zip code, is left out. Every category of items costs 3 columns, and 16 bytes a user while
    /// computing. Default: 32.
    pub max_categories: usize,
}

impl Default for PastFeaturesConfig {
    fn default() -> Self {
        PastFeaturesConfig {
            prior_strength: 5.0,
            initial_rating: 3.5,
            liked_rating: 4.0,
            activity_bounds: vec![1, 4, 20, 100],
            max_categories: 32,
        }
    }
}

impl PastFeaturesConfig {
    /// Checks the parameters.
    ///
    /// # Errors
    /// If `prior_strength` is not above 0 and at most 1e9, a rating is not finite, or
    /// `activity_bounds` does not ascend from at least 1.
    pub fn validate(&self) -> Result<()> {
        let refuse = |parameter, message: String| Err(Error::Parameter { parameter, message });
        if !(self.prior_strength > 0.0 && self.prior_strength <= 1e9) {
            return refuse("prior_strength", format!("{} must be above 0, at most 1e9", self.prior_strength));
        }
        for (parameter, rating) in
            [("initial_rating", self.initial_rating), ("liked_rating", self.liked_rating)]
        {
            if !rating.is_finite() {
                return refuse(parameter, format!("{rating} must be a finite number"));
            }
        }
        let bounds = &self.activity_bounds;
        if bounds.first() == Some(&0) || !bounds.is_sorted_by(|a, b| a < b) {
            return refuse("activity_bounds", format!("{bounds:?} must ascend from at least 1, none twice"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_parameters_are_named() {
        let default = PastFeaturesConfig::default;
        assert!(default().validate().is_ok());
        assert!(PastFeaturesConfig { activity_bounds: vec![], ..default() }.validate().is_ok());
        for (config, parameter) in [
            (PastFeaturesConfig { prior_strength: 0.0, ..default() }, "prior_strength: 0 "),
            (PastFeaturesConfig { prior_strength: f64::NAN, ..default() }, "prior_strength: NaN "),
            (PastFeaturesConfig { initial_rating: f32::INFINITY, ..default() }, "initial_rating: inf "),
            (PastFeaturesConfig { liked_rating: f32::NAN, ..default() }, "liked_rating: NaN "),
            (PastFeaturesConfig { activity_bounds: vec![0, 3], ..default() }, "activity_bounds: [0, 3] "),
            (PastFeaturesConfig { activity_bounds: vec![2, 2], ..default() }, "activity_bounds: [2, 2] "),
        ] {
            let message = config.validate().unwrap_err().to_string();
            assert!(message.starts_with(parameter), "{message}");
        }
        let misspelt: std::result::Result<PastFeaturesConfig, _> =
            serde_json::from_str(r#"{"prior_strenght": 5.0}"#);
        assert!(misspelt.unwrap_err().to_string().contains("prior_strenght"));
        let empty: PastFeaturesConfig = serde_json::from_str("{}").unwrap();
        assert_eq!(empty, default());
    }
}
