//! Items whose vectors are near a visitor's.

use std::fmt;
use std::sync::Arc;

use burn_recsys_retrieval::{Buffer, Hit, ItemFilter, ItemIndex};

use crate::{CandidateGenerator, Error, Result, Visitor};

/// The items of largest inner product with the visitor's vector.
///
/// The vector is that of a known user, else the mean of the vectors of the history's items, each as often as
/// it stands there. Users without a vector, or with one of zeros (as models give users without training rows),
/// are not known; items that do not exist are passed over. A visitor without either gets no items.
#[derive(Clone)]
pub struct VectorCandidates {
    users: Buffer<f32>,
    items: Buffer<f32>,
    index: Arc<dyn ItemIndex>,
}

impl VectorCandidates {
    /// Candidates of these vectors. Whether they are finite is seen when they are used: no page of a mapped
    /// file is read for it.
    ///
    /// # Shapes
    /// - `users`: `[n_users, dimension]`, row-major
    /// - `items`: `[n_items, dimension]`, row-major, the vectors that `index` searches
    ///
    /// # Errors
    /// If `users` is not a whole number of vectors, or `items` are not as many as the index holds.
    pub fn new(users: Buffer<f32>, items: Buffer<f32>, index: Arc<dyn ItemIndex>) -> Result<Self> {
        let (dimension, n_items) = (index.dimension(), index.n_items());
        if dimension == 0 || !users.len().is_multiple_of(dimension) {
            return Err(burn_recsys_retrieval::Error::Shape { length: users.len(), dimension }.into());
        }
        if n_items.checked_mul(dimension) != Some(items.len()) {
            return Err(Error::Misfit {
                what: format!("values of item vectors of {dimension}"),
                found: items.len(),
                expected: n_items.saturating_mul(dimension),
            });
        }
        Ok(VectorCandidates { users, items, index })
    }

    /// The vector that items are found by; none if nothing is known of the visitor.
    ///
    /// # Shapes
    /// - returns `[dimension]`
    pub fn query(&self, visitor: &Visitor<'_>) -> Option<Vec<f32>> {
        let is_known = |vector: &&[f32]| vector.iter().any(|&value| value != 0.0);
        let user = visitor.user.and_then(|user| self.row(&self.users, user)).filter(is_known);
        user.map(<[f32]>::to_vec)
            .or_else(|| self.mean_of(visitor.history).filter(|mean| is_known(&&mean[..])))
    }

    /// The mean of the vectors of the items that exist.
    fn mean_of(&self, history: &[u32]) -> Option<Vec<f32>> {
        let mut mean = vec![0.0; self.index.dimension()];
        let mut n = 0;
        for vector in history.iter().filter_map(|&item| self.row(&self.items, item)) {
            mean.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
            n += 1;
        }
        mean.iter_mut().for_each(|sum| *sum /= n as f32);
        (n > 0).then_some(mean)
    }

    fn row<'a>(&self, vectors: &'a Buffer<f32>, row: u32) -> Option<&'a [f32]> {
        let dimension = self.index.dimension();
        let start = (row as usize).checked_mul(dimension)?;
        vectors.get(start..start.checked_add(dimension)?)
    }
}

impl CandidateGenerator for VectorCandidates {
    fn candidates(&self, visitor: &Visitor<'_>, k: usize, filter: &ItemFilter<'_>) -> Result<Vec<Hit>> {
        match self.query(visitor) {
            Some(query) => Ok(self.index.search_one(&query, k, filter)?),
            None => Ok(Vec::new()),
        }
    }
}

impl fmt::Debug for VectorCandidates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VectorCandidates")
            .field("users", &self.users)
            .field("items", &self.items)
            .field("is_exact", &self.index.is_exact())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_recsys_retrieval::ExactIndex;

    const ITEMS: [f32; 6] = [1.0, 0.0, 0.0, 1.0, 2.0, 2.0];

    fn generator() -> VectorCandidates {
        let index = Arc::new(ExactIndex::new(2, ITEMS.to_vec()).unwrap());
        // User 1 was never seen in training.
        VectorCandidates::new(vec![0.0, 1.0, 0.0, 0.0].into(), ITEMS.to_vec().into(), index).unwrap()
    }

    fn visitor(user: Option<u32>, history: &[u32]) -> Visitor<'_> {
        Visitor { user, history, visit: 0 }
    }

    #[test]
    fn a_known_user_has_a_vector_and_others_a_history() {
        let generator = generator();
        let found = |user, history: &[u32], filter| {
            let hits = generator.candidates(&visitor(user, history), 2, &filter).unwrap();
            hits.iter().map(|hit| (hit.item, hit.score)).collect::<Vec<_>>()
        };
        let all = ItemFilter::default;
        assert_eq!(found(Some(0), &[0], all()), [(2, 2.0), (1, 1.0)]);
        // (2 * [1, 0] + [2, 2]) / 3; item 9 does not exist.
        let third = |x: f32| x / 3.0;
        for user in [None, Some(1), Some(7)] {
            let hits = found(user, &[0, 9, 2, 0], all());
            assert_eq!(hits, [(2, third(4.0) * 2.0 + third(2.0) * 2.0), (0, third(4.0))]);
        }
        assert_eq!(found(None, &[9], all()), []);
        assert_eq!(found(Some(1), &[], all()), []);
        // What is filtered out leaves its place to others.
        assert_eq!(found(Some(0), &[], ItemFilter { exclude: &[2], allow: &[] }), [(1, 1.0), (0, 0.0)]);
    }

    #[test]
    fn vectors_that_do_not_fit_are_refused() {
        let index = || Arc::new(ExactIndex::new(2, ITEMS.to_vec()).unwrap());
        let new = |users: &[f32], items: &[f32]| {
            VectorCandidates::new(users.to_vec().into(), items.to_vec().into(), index())
        };
        assert!(new(&[1.0; 3], &ITEMS).unwrap_err().to_string().contains("3 values"));
        assert!(new(&[1.0; 2], &ITEMS[..4]).unwrap_err().to_string().contains("4, but 6"));
        let nan = new(&[f32::NAN, 1.0], &ITEMS).unwrap();
        assert!(nan.candidates(&visitor(Some(0), &[]), 1, &ItemFilter::default()).is_err());
    }
}
