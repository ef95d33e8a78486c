//! What is known of items.

use burn_recsys_data::{Csr, Interactions};
use burn_recsys_retrieval::Buffer;

use crate::{Error, Result};

/// What rankers know of items: how often and how well each was received, and its categories.
///
/// Everything is of the rows before a visit; [`of`](Self::of) counts the rows it is given.
#[derive(Debug, Clone)]
pub struct ItemFacts {
    counts: Buffer<f32>,
    recent_counts: Buffer<f32>,
    mean_ratings: Buffer<f32>,
    category_offsets: Buffer<u64>,
    categories: Buffer<u32>,
    n_categories: usize,
}

/// The columns of [`ItemFacts`], as they lie in a file.
#[derive(Debug, Clone)]
pub struct ItemFactColumns {
    /// The number of interactions with every item, `[n_items]`.
    pub counts: Buffer<f32>,
    /// The number of late interactions with every item, `[n_items]`.
    pub recent_counts: Buffer<f32>,
    /// The mean rating of every item, NaN where there is none, `[n_items]`.
    pub mean_ratings: Buffer<f32>,
    /// Where the categories of every item begin, `[n_items + 1]`.
    pub category_offsets: Buffer<u64>,
    /// The categories of all items, `[n_links]`.
    pub categories: Buffer<u32>,
}

impl ItemFacts {
    /// Facts of these columns.
    ///
    /// # Errors
    /// If the columns are of different numbers of items, a count is negative or not finite, a mean rating is
    /// infinite, the offsets do not ascend from 0 to the number of links, or there are more categories than
    /// links could name.
    pub fn new(columns: ItemFactColumns) -> Result<Self> {
        let refuse = |message: String| Err(Error::Parameter { parameter: "item facts", message });
        let ItemFactColumns { counts, recent_counts, mean_ratings, category_offsets, categories } = columns;
        let n_items = counts.len();
        for (what, found) in [
            ("late counts", recent_counts.len()),
            ("mean ratings", mean_ratings.len()),
            ("rows of categories", category_offsets.len().saturating_sub(1)),
        ] {
            if found != n_items || category_offsets.is_empty() {
                return Err(Error::Misfit { what: what.into(), found, expected: n_items });
            }
        }
        if let Some(count) = counts.iter().chain(&recent_counts[..]).find(|&&n| !(n >= 0.0 && n.is_finite()))
        {
            return refuse(format!("a count is {count}; counts are finite numbers from 0"));
        }
        if mean_ratings.iter().any(|mean| mean.is_infinite()) {
            return refuse("a mean rating is infinite; give NaN where there is none".into());
        }
        if category_offsets[0] != 0
            || category_offsets[n_items] != categories.len() as u64
            || category_offsets.windows(2).any(|pair| pair[0] > pair[1])
        {
            return refuse(format!("offsets of categories do not ascend from 0 to {}", categories.len()));
        }
        let n_categories = categories.iter().max().map_or(0, |&last| last as usize + 1);
        if n_categories > MOST_CATEGORIES {
            return refuse(format!(
                "category {} is too high; there can be {MOST_CATEGORIES}",
                n_categories - 1
            ));
        }
        Ok(ItemFacts { counts, recent_counts, mean_ratings, category_offsets, categories, n_categories })
    }

    /// Counts the rows of a table; those of the last `window` seconds are the late ones.
    ///
    /// # Shapes
    /// - `categories`: `[n_items]`, the categories of every item; `None` if there are none
    ///
    /// # Errors
    /// If the table has no timestamps, or `categories` has another number of rows.
    pub fn of(interactions: &Interactions, window: i64, categories: Option<&Csr>) -> Result<Self> {
        let Some(times) = interactions.timestamps() else {
            let message = "the table has no timestamps, so nothing in it is late".into();
            return Err(Error::Parameter { parameter: "interactions", message });
        };
        let n_items = interactions.n_items();
        let since = times.iter().max().map_or(0, |last| last.saturating_sub(window));
        let (mut counts, mut recent, mut sums) =
            (vec![0.0f32; n_items], vec![0.0f32; n_items], vec![0.0f64; n_items]);
        for (row, (&item, &time)) in interactions.items().iter().zip(times).enumerate() {
            let item = item as usize;
            counts[item] += 1.0;
            recent[item] += f32::from(u8::from(time > since));
            sums[item] += interactions.ratings().map_or(f64::NAN, |ratings| f64::from(ratings[row]));
        }
        let mean = |(&count, &sum): (&f32, &f64)| {
            if count > 0.0 { (sum / f64::from(count)) as f32 } else { f32::NAN }
        };
        let mean_ratings: Vec<f32> = counts.iter().zip(&sums).map(mean).collect();
        let nothing = Csr::from_rows((0..n_items).map(|_| []));
        let (mut offsets, mut links) = (vec![0], Vec::new());
        for row in categories.unwrap_or(&nothing).rows() {
            links.extend_from_slice(row);
            offsets.push(links.len() as u64);
        }
        Self::new(ItemFactColumns {
            counts: counts.into(),
            recent_counts: recent.into(),
            mean_ratings: mean_ratings.into(),
            category_offsets: offsets.into(),
            categories: links.into(),
        })
    }

    /// The columns, to be written.
    pub fn columns(&self) -> ItemFactColumns {
        ItemFactColumns {
            counts: self.counts.clone(),
            recent_counts: self.recent_counts.clone(),
            mean_ratings: self.mean_ratings.clone(),
            category_offsets: self.category_offsets.clone(),
            categories: self.categories.clone(),
        }
    }

    /// The number of items.
    pub fn n_items(&self) -> usize {
        self.counts.len()
    }

    /// One more than the highest category.
    pub fn n_categories(&self) -> usize {
        self.n_categories
    }

    /// The number of interactions with `item`; 0 for one that does not exist.
    pub fn count(&self, item: u32) -> f32 {
        self.counts.get(item as usize).copied().unwrap_or(0.0)
    }

    /// The number of late interactions with `item`; 0 for one that does not exist.
    pub fn recent_count(&self, item: u32) -> f32 {
        self.recent_counts.get(item as usize).copied().unwrap_or(0.0)
    }

    /// The mean rating of `item`; NaN if it has none.
    pub fn mean_rating(&self, item: u32) -> f32 {
        self.mean_ratings.get(item as usize).copied().unwrap_or(f32::NAN)
    }

    /// The categories of `item`; none for one that does not exist.
    pub fn categories(&self, item: u32) -> &[u32] {
        let item = item as usize;
        if item >= self.n_items() {
            return &[];
        }
        &self.categories[self.category_offsets[item] as usize..self.category_offsets[item + 1] as usize]
    }
}

/// A ranker counts the history's categories with one number for each.
const MOST_CATEGORIES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use burn_recsys_data::IdMap;

    #[test]
    fn rows_are_counted() {
        let ids = |n| Arc::new(IdMap::from_integers(0..n));
        let table = Interactions::new(
            ids(2),
            ids(3),
            vec![0, 1, 0, 1],
            vec![0, 0, 1, 1],
            Some(vec![4.0, 2.0, 5.0, 1.0]),
            Some(vec![10, 20, 30, 20]),
        )
        .unwrap();
        let facts = ItemFacts::of(&table, 10, Some(&Csr::from_rows([&[1u32, 3][..], &[], &[0]]))).unwrap();
        assert_eq!([facts.count(0), facts.count(1), facts.count(2), facts.count(9)], [2.0, 2.0, 0.0, 0.0]);
        // The moment 20 is 10 seconds before the last one, and late is what came after it.
        assert_eq!([facts.recent_count(0), facts.recent_count(1)], [0.0, 1.0]);
        assert_eq!([facts.mean_rating(0), facts.mean_rating(1)], [3.0, 3.0]);
        assert!(facts.mean_rating(2).is_nan() && facts.mean_rating(9).is_nan());
        assert_eq!((facts.categories(0), facts.categories(9)), (&[1, 3][..], &[][..]));
        assert_eq!((facts.n_categories(), facts.n_items()), (4, 3));
        assert!(ItemFacts::of(&table, 10, Some(&Csr::from_rows([[0u32]]))).is_err());
        let without = ItemFacts::of(&table, 10, None).unwrap();
        assert_eq!((without.categories(0), without.n_categories()), (&[][..], 0));
    }

    #[test]
    fn columns_that_do_not_fit_are_refused() {
        let columns = || ItemFactColumns {
            counts: vec![1.0, 2.0].into(),
            recent_counts: vec![0.0, 1.0].into(),
            mean_ratings: vec![f32::NAN, 3.0].into(),
            category_offsets: vec![0, 1, 1].into(),
            categories: vec![7].into(),
        };
        assert!(ItemFacts::new(columns()).is_ok());
        for broken in [
            ItemFactColumns { counts: vec![1.0].into(), ..columns() },
            ItemFactColumns { counts: vec![1.0, -1.0].into(), ..columns() },
            ItemFactColumns { recent_counts: vec![1.0, f32::NAN].into(), ..columns() },
            ItemFactColumns { mean_ratings: vec![f32::INFINITY, 1.0].into(), ..columns() },
            ItemFactColumns { category_offsets: vec![].into(), ..columns() },
            ItemFactColumns { category_offsets: vec![0, 2, 1].into(), ..columns() },
            ItemFactColumns { category_offsets: vec![0, 1, 2].into(), ..columns() },
            ItemFactColumns { categories: vec![u32::MAX].into(), ..columns() },
        ] {
            assert!(ItemFacts::new(broken).is_err());
        }
    }
}
