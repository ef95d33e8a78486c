//! Items like an item, by their vectors.

use burn_recsys_data::{ExternalId, ItemVectors};
use burn_recsys_retrieval::ExactIndex;

use crate::Result;

/// The items whose vectors point where an item's vector points: exact search by cosine.
///
/// ```
/// use burn_recsys_baselines::SimilarItems;
/// use burn_recsys_data::ItemVectors;
///
/// let ids = ["amp", "bass", "guitar"].map(String::from).to_vec();
/// let vectors = ItemVectors::from_rows(ids, 2, vec![0.2, 0.9, 1.0, 0.1, 2.0, 0.0])?;
/// let items = SimilarItems::new(vectors)?;
/// let similar = items.similar("guitar", 2)?.expect("it has a vector");
/// assert_eq!(similar[0].id.to_string(), "bass");
/// assert!(items.similar("drum", 2)?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SimilarItems {
    /// Of unit length; zeros stay zeros.
    vectors: ItemVectors,
    index: ExactIndex,
}

/// An item like the one that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarItem<'a> {
    /// Its id.
    pub id: ExternalId<'a>,
    /// The cosine of both vectors.
    pub cosine: f32,
}

impl SimilarItems {
    /// Items by these vectors.
    ///
    /// # Errors
    /// If there is none.
    pub fn new(vectors: ItemVectors) -> Result<Self> {
        let (ids, dimension) = (vectors.ids().clone(), vectors.dimension());
        let mut values = vectors.into_values();
        for vector in values.chunks_exact_mut(dimension) {
            // In double precision no square overflows.
            let norm = vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            if norm > 0.0 {
                vector.iter_mut().for_each(|value| *value = (f64::from(*value) / norm) as f32);
            }
        }
        let index = ExactIndex::new(dimension, values.clone())?;
        let vectors = ItemVectors::new(ids, dimension, values)
            .map_err(|error| crate::Error::Parameter { parameter: "vectors", message: error.to_string() })?;
        Ok(SimilarItems { vectors, index })
    }

    /// The `k` most similar items, most similar first, ties by the order of ids, without the item itself;
    /// `None` if the item has no vector.
    ///
    /// # Errors
    /// If the search fails.
    pub fn similar(&self, id: &str, k: usize) -> Result<Option<Vec<SimilarItem<'_>>>> {
        let Some(item) = self.vectors.index_of(id) else { return Ok(None) };
        let own = [item];
        let hits = self.index.search(self.vectors.row(item), k, |_| &own)?;
        let similar = hits.into_iter().flatten().filter_map(|hit| {
            Some(SimilarItem { id: self.vectors.ids().external(hit.item)?, cosine: hit.score })
        });
        Ok(Some(similar.collect()))
    }

    /// The vectors, of unit length.
    pub fn vectors(&self) -> &ItemVectors {
        &self.vectors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(values: Vec<f32>) -> SimilarItems {
        let ids = (0..values.len() / 2).map(|id| id.to_string()).collect();
        SimilarItems::new(ItemVectors::from_rows(ids, 2, values).unwrap()).unwrap()
    }

    #[test]
    fn length_does_not_count_and_ties_are_in_order() {
        let items = items(vec![1.0, 0.0, 0.0, 5.0, 1e30, 1e30, 3.0, 0.0, 0.5, 0.0]);
        let similar = items.similar("0", 9).unwrap().unwrap();
        let found: Vec<(String, f32)> =
            similar.iter().map(|item| (item.id.to_string(), item.cosine)).collect();
        assert_eq!(found[..2], [("3".to_string(), 1.0), ("4".to_string(), 1.0)]);
        assert!((found[2].1 - 0.5f32.sqrt()).abs() < 1e-6 && found[2].0 == "2");
        assert_eq!(found[3], ("1".to_string(), 0.0));
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn an_unknown_item_and_a_zero_vector_are_defined() {
        let items = items(vec![0.0, 0.0, 1.0, 0.0]);
        assert!(items.similar("7", 3).unwrap().is_none());
        assert_eq!(items.similar("0", 3).unwrap().unwrap()[0].cosine, 0.0);
        assert!(items.similar("1", 0).unwrap().unwrap().is_empty());
    }
}
