//! Columns of a part of a file, and joining the parts into one table.

use std::sync::Arc;

use rayon::prelude::*;

use super::codes::{Codes, Merged};
use super::field::{rating, timestamp, trim};
use super::layout::{Fields, ITEM, Layout, RATING, TIMESTAMP, USER};
use super::numbers::Numbers;
use crate::{Interactions, Result};

/// The rows of a part of a file. Ids are coded anew in every part.
#[derive(Debug)]
pub(super) struct Block {
    user_codes: Codes,
    item_codes: Codes,
    users: Vec<u32>,
    items: Vec<u32>,
    ratings: Option<Vec<f32>>,
    /// Timestamps end before 2^32; a wider type would only be more memory to fill and to copy.
    timestamps: Option<Vec<u32>>,
}

impl Block {
    /// A block with room for `n_rows` rows.
    pub(super) fn new(layout: &Layout, n_rows: usize) -> Self {
        Block {
            user_codes: Codes::default(),
            item_codes: Codes::default(),
            users: Vec::with_capacity(n_rows),
            items: Vec::with_capacity(n_rows),
            ratings: layout.has_rating.then(|| Vec::with_capacity(n_rows)),
            timestamps: layout.has_timestamp.then(|| Vec::with_capacity(n_rows)),
        }
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// Adds a row, or says what is wrong with it.
    #[inline]
    pub(super) fn push(&mut self, fields: &Fields<'_>) -> std::result::Result<(), String> {
        let (user, item) = (trim(fields[USER]), trim(fields[ITEM]));
        if user.is_empty() || item.is_empty() {
            return Err(format!("the {} id is empty", if user.is_empty() { "user" } else { "item" }));
        }
        if let Some(ratings) = &mut self.ratings {
            ratings.push(rating(trim(fields[RATING]))?);
        }
        if let Some(timestamps) = &mut self.timestamps {
            timestamps.push(timestamp(trim(fields[TIMESTAMP]))?);
        }
        self.users.push(self.user_codes.code(user));
        self.items.push(self.item_codes.code(item));
        Ok(())
    }

    /// Adds a row.
    #[inline]
    pub(super) fn push_numbers(&mut self, row: &Numbers) {
        if let Some(ratings) = &mut self.ratings {
            ratings.push(row.rating);
        }
        if let Some(timestamps) = &mut self.timestamps {
            timestamps.push(row.timestamp);
        }
        self.users.push(self.user_codes.integer(row.user));
        self.items.push(self.item_codes.integer(row.item));
    }
}

/// The table of all rows of `blocks`, in order. Blocks are freed column by column as they are copied.
pub(super) fn join(mut blocks: Vec<Block>) -> Result<Interactions> {
    let (users, items) = {
        let user_codes = blocks.iter_mut().map(|block| std::mem::take(&mut block.user_codes)).collect();
        let item_codes = blocks.iter_mut().map(|block| std::mem::take(&mut block.item_codes)).collect();
        rayon::join(|| Merged::new(user_codes), || Merged::new(item_codes))
    };
    let has_rating = blocks.iter().all(|block| block.ratings.is_some());
    let has_timestamp = blocks.iter().all(|block| block.timestamps.is_some());
    let user = concatenate(&mut blocks, |block| &mut block.users, |n, code| users.index(n, code));
    let item = concatenate(&mut blocks, |block| &mut block.items, |n, code| items.index(n, code));
    let rating = has_rating
        .then(|| concatenate(&mut blocks, |block| block.ratings.get_or_insert_default(), |_, rating| rating));
    let timestamp = has_timestamp.then(|| {
        concatenate(
            &mut blocks,
            |block| block.timestamps.get_or_insert_default(),
            |_, timestamp| i64::from(timestamp),
        )
    });
    Interactions::new(Arc::new(users.ids), Arc::new(items.ids), user, item, rating, timestamp)
}

/// One column of all blocks, each value passed with its block's number through `map`.
fn concatenate<S: Send, T: Clone + Default + Send>(
    blocks: &mut [Block],
    column: impl Fn(&mut Block) -> &mut Vec<S>,
    map: impl Fn(usize, S) -> T + Sync,
) -> Vec<T> {
    let parts: Vec<Vec<S>> = blocks.iter_mut().map(|block| std::mem::take(column(block))).collect();
    let mut all = vec![T::default(); parts.iter().map(Vec::len).sum()];
    let mut rest = all.as_mut_slice();
    let mut tasks = Vec::with_capacity(parts.len());
    for (n, part) in parts.into_iter().enumerate() {
        let (target, tail) = rest.split_at_mut(part.len());
        rest = tail;
        tasks.push((n, part, target));
    }
    tasks.into_par_iter().for_each(|(n, part, target)| {
        for (target, value) in target.iter_mut().zip(part) {
            *target = map(n, value);
        }
    });
    all
}
