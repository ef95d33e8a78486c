//! Batches in which every row has its own number of ids.

use std::borrow::Cow;

/// Bags of ids, one after another: the values of all bags and where each bag ends.
///
/// Bags may be empty. Every id may carry a weight.
#[derive(Debug, Clone, PartialEq)]
pub struct JaggedIds {
    values: Vec<u32>,
    /// `[n_bags + 1]`, from 0 to `values.len()`.
    offsets: Vec<u32>,
    /// `[values.len()]`
    weights: Option<Vec<f32>>,
}

/// Ids that do not form bags.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JaggedError {
    /// The lengths promise another number of ids.
    #[error("the lengths of the bags sum to {sum}, but there are {n_values} ids")]
    Lengths {
        /// The sum of the lengths.
        sum: u64,
        /// The number of ids.
        n_values: usize,
    },
    /// Not one weight an id.
    #[error("there are {n_weights} weights for {n_values} ids")]
    Weights {
        /// The number of weights.
        n_weights: usize,
        /// The number of ids.
        n_values: usize,
    },
    /// A weight is NaN or infinite.
    #[error("the weight of id {id} at position {position} is {weight}; weights must be finite")]
    WeightNotFinite {
        /// Where the weight is.
        position: usize,
        /// The id there.
        id: u32,
        /// The weight.
        weight: f32,
    },
    /// More ids than a batch may have.
    #[error("a batch has {n_values} ids, at most {} are possible", i32::MAX)]
    TooMany {
        /// The number of ids.
        n_values: usize,
    },
    /// The lengths are not a whole number for each key.
    #[error("{n_lengths} lengths cannot be divided among {n_keys} keys")]
    Keys {
        /// The number of keys.
        n_keys: usize,
        /// The number of lengths.
        n_lengths: usize,
    },
    /// A key occurs twice.
    #[error("the key {key:?} occurs twice")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// The features have different numbers of bags.
    #[error("{key:?} has {actual} bags, the features before it have {expected}")]
    BatchSize {
        /// The feature.
        key: String,
        /// Its number of bags.
        actual: usize,
        /// The number of bags of the others.
        expected: usize,
    },
}

impl JaggedIds {
    /// Bags of the given lengths over `values`.
    ///
    /// # Shapes
    /// - `values`: `[n_values]`
    /// - `lengths`: `[n_bags]`
    ///
    /// # Errors
    /// If the lengths do not sum to the number of values, or there are more than 2^31 - 1 values.
    pub fn new(values: Vec<u32>, lengths: &[u32]) -> Result<Self, JaggedError> {
        let n_values = values.len();
        let sum: u64 = lengths.iter().map(|&length| u64::from(length)).sum();
        if sum != n_values as u64 {
            return Err(JaggedError::Lengths { sum, n_values });
        }
        if i32::try_from(n_values).is_err() {
            return Err(JaggedError::TooMany { n_values });
        }
        let mut offsets = Vec::with_capacity(lengths.len() + 1);
        let mut end = 0;
        offsets.push(end);
        offsets.extend(lengths.iter().map(|&length| {
            end += length;
            end
        }));
        Ok(JaggedIds { values, offsets, weights: None })
    }

    /// A bag of one for each id.
    ///
    /// # Errors
    /// If there are more than 2^31 - 1 ids.
    pub fn one_each(values: Vec<u32>) -> Result<Self, JaggedError> {
        let lengths = vec![1; values.len()];
        JaggedIds::new(values, &lengths)
    }

    /// One bag for each slice.
    ///
    /// # Errors
    /// If there are more than 2^31 - 1 ids in all.
    pub fn from_bags<B: AsRef<[u32]>>(bags: &[B]) -> Result<Self, JaggedError> {
        let values = bags.iter().flat_map(|bag| bag.as_ref()).copied().collect();
        let lengths: Vec<u32> = bags.iter().map(|bag| bag.as_ref().len() as u32).collect();
        JaggedIds::new(values, &lengths)
    }

    /// Gives every id a weight.
    ///
    /// # Shapes
    /// - `weights`: `[n_values]`
    ///
    /// # Errors
    /// If there is not one weight an id, or a weight is not finite.
    pub fn with_weights(mut self, weights: Vec<f32>) -> Result<Self, JaggedError> {
        let n_values = self.values.len();
        if weights.len() != n_values {
            return Err(JaggedError::Weights { n_weights: weights.len(), n_values });
        }
        if let Some(position) = weights.iter().position(|weight| !weight.is_finite()) {
            let (id, weight) = (self.values[position], weights[position]);
            return Err(JaggedError::WeightNotFinite { position, id, weight });
        }
        self.weights = Some(weights);
        Ok(self)
    }

    /// The ids of all bags, `[n_values]`.
    pub fn values(&self) -> &[u32] {
        &self.values
    }

    /// The weights of all ids, `[n_values]`.
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    /// Where each bag begins, and the number of ids at the end: `[n_bags + 1]`.
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// The number of bags.
    pub fn n_bags(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The ids of bag `index`.
    ///
    /// # Panics
    /// If there is no such bag.
    pub fn bag(&self, index: usize) -> &[u32] {
        let (start, end) = (self.offsets[index] as usize, self.offsets[index + 1] as usize);
        &self.values[start..end]
    }

    /// The same bags without `id`, where they hold it.
    pub(crate) fn without(&self, id: Option<u32>) -> Cow<'_, Self> {
        let Some(id) = id.filter(|id| self.values.contains(id)) else { return Cow::Borrowed(self) };
        let kept = |&position: &usize| self.values[position] != id;
        let positions = || (0..self.values.len()).filter(kept);
        let mut offsets = vec![0; self.offsets.len()];
        for (bag, pair) in self.offsets.windows(2).enumerate() {
            let of_bag = &self.values[pair[0] as usize..pair[1] as usize];
            offsets[bag + 1] = offsets[bag] + of_bag.iter().filter(|&&value| value != id).count() as u32;
        }
        Cow::Owned(JaggedIds {
            values: positions().map(|position| self.values[position]).collect(),
            offsets,
            weights: self.weights.as_ref().map(|weights| positions().map(|at| weights[at]).collect()),
        })
    }

    /// Whether every bag holds one id of weight one, so that pooling changes nothing.
    pub(crate) fn is_one_to_one(&self) -> bool {
        self.weights.is_none()
            && self.values.len() == self.n_bags()
            && self.offsets.windows(2).all(|pair| pair[1] - pair[0] == 1)
    }
}

/// Several features of one batch, each with its bags, by key.
///
/// ```
/// use burn_recsys_embeddings::KeyedJaggedIds;
///
/// let batch = KeyedJaggedIds::new(
///     &["product", "user"],
///     vec![101, 202, 303, 404, 505, 606],
///     &[2, 0, 1, 1, 1, 1], // three bags of products, then three of users
/// )?;
/// assert_eq!(batch.batch_size(), 3);
/// let products = batch.get("product").unwrap();
/// assert_eq!([products.bag(0), products.bag(1), products.bag(2)], [&[101, 202][..], &[], &[303]]);
/// # Ok::<(), burn_recsys_embeddings::JaggedError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct KeyedJaggedIds {
    features: Vec<(String, JaggedIds)>,
    batch_size: usize,
}

impl KeyedJaggedIds {
    /// Divides `values` and `lengths` among `keys`: first all bags of the first key, then those of the
    /// second.
    ///
    /// # Shapes
    /// - `keys`: `[n_keys]`
    /// - `values`: `[n_values]`
    /// - `lengths`: `[n_keys * batch]`
    ///
    /// # Errors
    /// If the lengths are not a whole number for each key or do not sum to the number of values, or a
    /// key occurs twice.
    pub fn new<K: AsRef<str>>(keys: &[K], values: Vec<u32>, lengths: &[u32]) -> Result<Self, JaggedError> {
        let (n_keys, n_lengths) = (keys.len(), lengths.len());
        if n_keys == 0 || !n_lengths.is_multiple_of(n_keys) {
            return Err(JaggedError::Keys { n_keys, n_lengths });
        }
        let JaggedIds { values, offsets, .. } = JaggedIds::new(values, lengths)?;
        let batch_size = n_lengths / n_keys;
        let features = keys.iter().enumerate().map(|(index, key)| {
            let first = index * batch_size;
            let (start, end) = (offsets[first] as usize, offsets[first + batch_size] as usize);
            let lengths = &lengths[first..first + batch_size];
            Ok((key.as_ref().to_string(), JaggedIds::new(values[start..end].to_vec(), lengths)?))
        });
        KeyedJaggedIds::from_features(features.collect::<Result<_, JaggedError>>()?)
    }

    /// Puts features together that are bags already.
    ///
    /// # Errors
    /// If a key occurs twice or the numbers of bags differ.
    pub fn from_features(features: Vec<(String, JaggedIds)>) -> Result<Self, JaggedError> {
        let batch_size = features.first().map_or(0, |(_, bags)| bags.n_bags());
        for (index, (key, bags)) in features.iter().enumerate() {
            if features[..index].iter().any(|(other, _)| other == key) {
                return Err(JaggedError::DuplicateKey { key: key.clone() });
            }
            if bags.n_bags() != batch_size {
                let (key, actual) = (key.clone(), bags.n_bags());
                return Err(JaggedError::BatchSize { key, actual, expected: batch_size });
            }
        }
        Ok(KeyedJaggedIds { features, batch_size })
    }

    /// The number of bags of every feature.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// The keys in their order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(|(key, _)| key.as_str())
    }

    /// The bags of the feature `key`.
    pub fn get(&self, key: &str) -> Option<&JaggedIds> {
        self.features.iter().find(|(other, _)| other == key).map(|(_, bags)| bags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_does_not_fit_is_told_with_both_numbers() {
        let error = JaggedIds::new(vec![1, 2, 3], &[2, 2]).unwrap_err().to_string();
        assert_eq!(error, "the lengths of the bags sum to 4, but there are 3 ids");
        let error = JaggedIds::new(vec![7], &[u32::MAX, u32::MAX]).unwrap_err();
        assert_eq!(error, JaggedError::Lengths { sum: 2 * u64::from(u32::MAX), n_values: 1 });
        let bags = JaggedIds::new(vec![7, 8], &[2]).unwrap();
        let error = bags.clone().with_weights(vec![1.0]).unwrap_err().to_string();
        assert_eq!(error, "there are 1 weights for 2 ids");
        let error = bags.with_weights(vec![1.0, f32::NAN]).unwrap_err().to_string();
        assert_eq!(error, "the weight of id 8 at position 1 is NaN; weights must be finite");
        let error = KeyedJaggedIds::new(&["a", "b"], vec![1], &[1, 0, 0]).unwrap_err();
        assert_eq!(error, JaggedError::Keys { n_keys: 2, n_lengths: 3 });
        let error = KeyedJaggedIds::new(&["a", "a"], vec![1], &[1, 0]).unwrap_err();
        assert_eq!(error, JaggedError::DuplicateKey { key: "a".into() });
        assert!(KeyedJaggedIds::new::<&str>(&[], vec![], &[]).is_err());
        let (one, two) = (JaggedIds::from_bags(&[[1]]).unwrap(), JaggedIds::from_bags(&[[1], [2]]).unwrap());
        let error = KeyedJaggedIds::from_features(vec![("a".into(), one), ("b".into(), two)]).unwrap_err();
        assert_eq!(error.to_string(), "\"b\" has 2 bags, the features before it have 1");
    }

    proptest! {
        #[test]
        fn keys_divide_the_bags(bags in prop::collection::vec(prop::collection::vec(0u32..99, 0..4), 0..20)) {
            let n_keys = 2;
            let bags = &bags[..bags.len() / n_keys * n_keys];
            let values: Vec<u32> = bags.iter().flatten().copied().collect();
            let lengths: Vec<u32> = bags.iter().map(|bag| bag.len() as u32).collect();
            let keyed = KeyedJaggedIds::new(&["a", "b"], values, &lengths).unwrap();
            let read: Vec<Vec<u32>> = ["a", "b"]
                .iter()
                .flat_map(|key| (0..keyed.batch_size()).map(|index| keyed.get(key).unwrap().bag(index).to_vec()))
                .collect();
            prop_assert_eq!(read, bags.to_vec());
        }
    }
}
