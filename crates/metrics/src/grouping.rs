use std::sync::Arc;

use crate::{Error, Result};

const NONE: u32 = u32::MAX;

/// A division of users or of items into named slices: cold, light and power users; head and tail items; cohorts.
///
/// Cloning shares the table. Memory: 4 bytes a user or item.
///
/// ```
/// use burn_recsys_metrics::Grouping;
///
/// // Users 0 and 2 have an even age, user 1 has none at all.
/// let parity = Grouping::new("age", ["even", "odd"], [Some(0), None, Some(0)])?;
/// assert_eq!(parity.slice_of(2), Some(0));
/// assert_eq!((parity.slice_of(1), parity.slice_of(99)), (None, None));
/// # Ok::<(), burn_recsys_metrics::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    name: String,
    slices: Arc<[String]>,
    slice_of: Arc<[u32]>,
}

impl Grouping {
    /// Divides users or items `0, 1, ...`: `slice_of` has the position in `slices` of each one's slice, `None`
    /// for one that belongs to none.
    ///
    /// # Errors
    /// If two slices have one name, or a position is beyond them.
    pub fn new<S: Into<String>>(
        name: impl Into<String>,
        slices: impl IntoIterator<Item = S>,
        slice_of: impl IntoIterator<Item = Option<usize>>,
    ) -> Result<Self> {
        let name = name.into();
        let slices: Vec<String> = slices.into_iter().map(Into::into).collect();
        let refused = |message: String| Error::Parameter { parameter: "slices", message };
        if let Some(again) =
            (1..slices.len()).find(|&position| slices[..position].contains(&slices[position]))
        {
            return Err(refused(format!("{name} has two slices called {}", slices[again])));
        }
        let position = |(index, slice): (usize, Option<usize>)| match slice {
            None => Ok(NONE),
            Some(slice) if slice < slices.len() => Ok(slice as u32),
            Some(slice) => {
                Err(refused(format!("{name}: {index} is of slice {slice} but there are {}", slices.len())))
            }
        };
        let slice_of: Vec<u32> = slice_of.into_iter().enumerate().map(position).collect::<Result<_>>()?;
        Ok(Grouping { name, slices: slices.into(), slice_of: slice_of.into() })
    }

    /// Users by their number of interactions in training, `activity`: `cold` without any; `power`, the most
    /// active fifth of the others (of equally active ones all or none, so it can be fewer); `light`, the rest.
    pub fn users_by_activity(counts: &[u64]) -> Self {
        let mut sorted: Vec<u64> = counts.iter().copied().filter(|&count| count > 0).collect();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        // More than whoever is first beyond the fifth.
        let light_at_most = sorted.get(sorted.len() / 5).copied().unwrap_or(0);
        let slice = |&count: &u64| match count {
            0 => 0,
            count if count > light_at_most => 2,
            _ => 1,
        };
        Self::of_known("activity", ["cold", "light", "power"], counts.iter().map(slice))
    }

    /// Items by their number of interactions in training, `popularity`: `cold` without any; `head`, the most
    /// popular ones that together have at least four fifths of all interactions (of equally popular ones the
    /// lower index first, as few as suffice); `tail`, the rest.
    pub fn items_by_popularity(counts: &[u64]) -> Self {
        let mut items: Vec<usize> = (0..counts.len()).filter(|&item| counts[item] > 0).collect();
        items.sort_unstable_by_key(|&item| (std::cmp::Reverse(counts[item]), item));
        let all: u128 = counts.iter().map(|&count| u128::from(count)).sum();
        let mut slices = vec![0_u32; counts.len()];
        let mut before = 0_u128;
        for item in items {
            // Of the head while what stands before it does not suffice.
            slices[item] = if before * 5 < all * 4 { 1 } else { 2 };
            before += u128::from(counts[item]);
        }
        Self::of_known("popularity", ["cold", "head", "tail"], slices)
    }

    fn of_known(name: &str, slices: [&str; 3], slice_of: impl IntoIterator<Item = u32>) -> Self {
        let slices = slices.map(str::to_owned).into_iter().collect();
        Grouping { name: name.to_owned(), slices, slice_of: slice_of.into_iter().collect() }
    }

    /// What it divides by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The slices' names.
    pub fn slices(&self) -> &[String] {
        &self.slices
    }

    /// The position in [`slices`](Self::slices) of the slice of a user or an item; `None` if it belongs to none
    /// or is unknown.
    pub fn slice_of(&self, index: u32) -> Option<usize> {
        self.slice_of.get(index as usize).copied().filter(|&slice| slice != NONE).map(|slice| slice as usize)
    }

    /// How many users or items belong to each slice.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.slices.len()];
        self.slice_of.iter().filter(|&&slice| slice != NONE).for_each(|&slice| sizes[slice as usize] += 1);
        sizes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slices(grouping: &Grouping) -> Vec<&str> {
        let indices = 0..grouping.slice_of.len() as u32;
        indices.map(|index| grouping.slice_of(index).map_or("-", |slice| &grouping.slices[slice])).collect()
    }

    #[test]
    fn the_power_users_are_a_fifth_at_most() {
        let ten = Grouping::users_by_activity(&[5, 1, 9, 3, 2, 2, 8, 4, 1, 1, 0]);
        let expected = [
            "light", "light", "power", "light", "light", "light", "power", "light", "light", "light", "cold",
        ];
        assert_eq!(slices(&ten), expected);
        let twenty: Vec<u64> = (1..=20).collect();
        assert_eq!(Grouping::users_by_activity(&twenty).sizes(), [0, 16, 4]);
        // The fifth would cut through equals.
        let equal = Grouping::users_by_activity(&[7, 7, 7, 1, 1]);
        assert_eq!(slices(&equal), ["light"; 5]);
        assert_eq!(slices(&Grouping::users_by_activity(&[0, 0])), ["cold"; 2]);
        assert_eq!(ten.sizes(), [1, 8, 2]);
    }

    #[test]
    fn the_head_has_four_fifths() {
        let items = Grouping::items_by_popularity(&[10, 0, 50, 30, 10]);
        assert_eq!(slices(&items), ["tail", "cold", "head", "head", "tail"]);
        // 79 do not suffice.
        let items = Grouping::items_by_popularity(&[79, 11, 10]);
        assert_eq!(slices(&items), ["head", "head", "tail"]);
    }

    #[test]
    fn slices_are_named_once_and_exist() {
        let twice = Grouping::new("age", ["a", "b", "a"], []).unwrap_err().to_string();
        assert_eq!(twice, "slices: age has two slices called a");
        let beyond = Grouping::new("age", ["a"], [None, Some(1)]).unwrap_err().to_string();
        assert_eq!(beyond, "slices: age: 1 is of slice 1 but there are 1");
    }
}
