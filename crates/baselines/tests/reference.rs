//! What numpy and scikit-learn find, made by `reference/generate.py`.

use serde::Deserialize;

/// Interactions, parameters and the weights between items, `[n_items, n_items]`.
#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) positives: Vec<Vec<u32>>,
    pub(crate) l1: f32,
    pub(crate) l2: f32,
    pub(crate) ease: Vec<Vec<f64>>,
    pub(crate) slim: Vec<Vec<f64>>,
}

pub(crate) fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("reference/item_weights.json")).unwrap()
}
