use super::ItemDistance;
use crate::{Error, Result};

/// Sums kept apart, which lets the processor add them side by side.
const LANES: usize = 8;

/// One checked vector for each item.
#[derive(Debug, Clone)]
struct ItemVectors {
    values: Vec<f32>,
    n_dims: usize,
}

impl ItemVectors {
    fn new(values: Vec<f32>, n_dims: usize) -> Result<Self> {
        let refused = |message| Err(Error::Parameter { parameter: "vectors", message });
        if n_dims == 0 || !values.len().is_multiple_of(n_dims) {
            return refused(format!("{} values are no rows of {n_dims}; give item by item", values.len()));
        }
        if let Some(position) = values.iter().position(|value| !value.is_finite()) {
            let (item, dim, value) = (position / n_dims, position % n_dims, values[position]);
            return refused(format!("item {item} has {value} in dimension {dim}; values are finite"));
        }
        Ok(Self { values, n_dims })
    }

    /// `None` if the item is unknown.
    fn of_item(&self, item: u32) -> Option<&[f32]> {
        let start = (item as usize).checked_mul(self.n_dims)?;
        self.values.get(start..start.checked_add(self.n_dims)?)
    }
}

/// `Σ f(left, right)` over the dimensions, in `f64`; the same bits for the same input.
fn sum_of(left: &[f32], right: &[f32], f: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0.0_f64; LANES];
    for (left, right) in left.chunks(LANES).zip(right.chunks(LANES)) {
        for (lane, (&left, &right)) in lanes.iter_mut().zip(left.iter().zip(right)) {
            *lane += f(f64::from(left), f64::from(right));
        }
    }
    lanes.iter().sum()
}

/// One less the cosine of the angle of two items' vectors: 0 for the same direction, 2 for opposite ones.
#[derive(Debug, Clone)]
pub struct CosineDistance {
    vectors: ItemVectors,
    inverse_norms: Vec<f64>,
}

impl CosineDistance {
    /// The distance by `vectors`: `n_dims` values for each item, in the order of item indices. An item beyond
    /// the last one is unknown.
    ///
    /// # Errors
    /// If there are no dimensions, the values do not fill the rows, one is not finite, or a vector is all 0,
    /// which has no direction; the message names the item.
    pub fn new(vectors: Vec<f32>, n_dims: usize) -> Result<Self> {
        let vectors = ItemVectors::new(vectors, n_dims)?;
        let norms = vectors.values.chunks(n_dims).map(|row| sum_of(row, row, |a, b| a * b).sqrt());
        let inverse_norms: Vec<f64> = norms.map(|norm| 1.0 / norm).collect();
        if let Some(item) = inverse_norms.iter().position(|inverse| inverse.is_infinite()) {
            let message = format!(
                "item {item} has only zeros, so no direction; give it a vector or use another distance"
            );
            return Err(Error::Parameter { parameter: "vectors", message });
        }
        Ok(Self { vectors, inverse_norms })
    }
}

impl ItemDistance for CosineDistance {
    fn distance(&self, left: u32, right: u32) -> Option<f64> {
        let dot = sum_of(self.vectors.of_item(left)?, self.vectors.of_item(right)?, |a, b| a * b);
        let cosine = dot * self.inverse_norms[left as usize] * self.inverse_norms[right as usize];
        // Rounding could leave the range.
        Some((1.0 - cosine).clamp(0.0, 2.0))
    }
}

/// The length of the difference of two items' vectors.
#[derive(Debug, Clone)]
pub struct EuclideanDistance {
    vectors: ItemVectors,
}

impl EuclideanDistance {
    /// The distance by `vectors`: `n_dims` values for each item, in the order of item indices. An item beyond
    /// the last one is unknown.
    ///
    /// # Errors
    /// If there are no dimensions, the values do not fill the rows, or one is not finite; the message names
    /// the item.
    pub fn new(vectors: Vec<f32>, n_dims: usize) -> Result<Self> {
        Ok(Self { vectors: ItemVectors::new(vectors, n_dims)? })
    }
}

impl ItemDistance for EuclideanDistance {
    fn distance(&self, left: u32, right: u32) -> Option<f64> {
        let (left, right) = (self.vectors.of_item(left)?, self.vectors.of_item(right)?);
        Some(sum_of(left, right, |a, b| (a - b) * (a - b)).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_compared_by_angle_or_length() {
        let rows = vec![3.0, 4.0, 6.0, 8.0, -4.0, 3.0, -3.0, -4.0];
        let cosine = CosineDistance::new(rows.clone(), 2).unwrap();
        let distances = [(0, 1), (0, 2), (0, 3)].map(|(left, right)| cosine.distance(left, right).unwrap());
        for (distance, expected) in distances.iter().zip([0.0, 1.0, 2.0]) {
            assert!((distance - expected).abs() < 1e-15, "{distances:?}");
        }
        let euclidean = EuclideanDistance::new(rows, 2).unwrap();
        assert_eq!([euclidean.distance(0, 1), euclidean.distance(0, 3)], [Some(5.0), Some(10.0)]);
        assert_eq!([cosine.distance(0, 4), euclidean.distance(u32::MAX, 0)], [None, None]);
    }

    #[test]
    fn long_vectors_are_summed_whole() {
        let left: Vec<f32> = (0..19).map(|i| i as f32).collect();
        let ones = vec![1.0; 19];
        let expected: f32 = (0..19).map(|i| i as f32).sum();
        assert_eq!(sum_of(&left, &ones, |a, b| a * b), f64::from(expected));
    }

    #[test]
    fn bad_vectors_are_refused_by_item() {
        let message =
            |vectors: Vec<f32>, n_dims| CosineDistance::new(vectors, n_dims).unwrap_err().to_string();
        assert!(message(vec![1.0, 2.0, 0.0, 0.0], 2).starts_with("vectors: item 1 has only zeros"));
        let nan = message(vec![1.0, 2.0, 0.0, f32::NAN], 2);
        assert_eq!(nan, "vectors: item 1 has NaN in dimension 1; values are finite");
        assert_eq!(message(vec![1.0; 3], 2), "vectors: 3 values are no rows of 2; give item by item");
        assert!(EuclideanDistance::new(vec![1.0], 0).is_err());
        assert!(EuclideanDistance::new(vec![0.0, 0.0], 2).is_ok());
    }
}
