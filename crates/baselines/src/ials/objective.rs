//! What implicit ALS minimises.

use burn_recsys_data::Csr;

use super::gram::gram;
use super::solver::Weights;
use crate::positives::{check, users_of_items};
use crate::{Error, Result};

/// The sum of [`ImplicitAlsConfig`](super::ImplicitAlsConfig)'s objective, as `f64`.
///
/// The sum over all pairs of a user and an item is the inner product of the two sides' Gram matrices.
pub(super) fn objective(
    users: &[f32],
    items: &[f32],
    positives: &Csr,
    d: usize,
    weights: Weights,
) -> Result<f64> {
    let (n_users, n_items) = (users.len() / d, items.len() / d);
    if positives.n_rows() != n_users {
        let message = format!("they are of {} users, the model has {n_users}", positives.n_rows());
        return Err(Error::Parameter { parameter: "positives", message });
    }
    check(positives, n_items)?;
    let users_of_items = users_of_items(positives, n_items);
    let inner =
        |x: &[f32], y: &[f32]| -> f64 { x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum() };
    let mut errors = 0.0;
    for (user, row) in users.chunks_exact(d).zip(positives.rows()) {
        for &item in row {
            errors += (inner(user, &items[item as usize * d..][..d]) - 1.0).powi(2);
        }
    }
    let everything: f64 = gram(users, d).iter().zip(gram(items, d)).map(|(x, y)| x * y).sum();
    let l2 = |vectors: &[f32], positives: &Csr, n_fixed| -> f64 {
        let rows = vectors.chunks_exact(d).zip(positives.rows());
        rows.map(|(vector, row)| weights.l2_of(row.len(), n_fixed) * inner(vector, vector)).sum()
    };
    let l2 = l2(users, positives, n_items) + l2(items, &users_of_items, n_users);
    Ok(errors + weights.unobserved * everything + l2)
}
