//! Blocks put together to one table.

use std::sync::Arc;

use rayon::prelude::*;

use super::block::Block;
use super::codes::{Codes, Merged};
use super::layout::Layout;
use crate::{Interactions, Result};

/// The rows of the first blocks of a file. Ids stay codes of their blocks until all are known.
#[derive(Debug)]
pub(super) struct Rows {
    users: Vec<u32>,
    items: Vec<u32>,
    ratings: Option<Vec<f32>>,
    timestamps: Option<Vec<i64>>,
    /// For every block its number of rows and its codes.
    n_rows: Vec<usize>,
    user_codes: Vec<Codes>,
    item_codes: Vec<Codes>,
}

impl Rows {
    /// No rows.
    pub(super) fn new(layout: &Layout) -> Self {
        Rows {
            users: Vec::new(),
            items: Vec::new(),
            ratings: layout.has_rating.then(Vec::new),
            timestamps: layout.has_timestamp.then(Vec::new),
            n_rows: Vec::new(),
            user_codes: Vec::new(),
            item_codes: Vec::new(),
        }
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    /// Makes room for about `n_rows` rows. Memory that is never written to costs nothing, memory that
    /// grows is copied.
    pub(super) fn reserve(&mut self, n_rows: usize) {
        // The number is a guess: if there is no room for so many, there may be for what comes.
        let _ = self.users.try_reserve(n_rows);
        let _ = self.items.try_reserve(n_rows);
        let _ = self.ratings.as_mut().map(|ratings| ratings.try_reserve(n_rows));
        let _ = self.timestamps.as_mut().map(|timestamps| timestamps.try_reserve(n_rows));
    }

    /// Adds the rows of `block` and leaves it empty, so that its memory serves another one.
    pub(super) fn append(&mut self, block: &mut Block) {
        self.n_rows.push(block.len());
        self.user_codes.push(std::mem::take(&mut block.user_codes));
        self.item_codes.push(std::mem::take(&mut block.item_codes));
        self.users.append(&mut block.users);
        self.items.append(&mut block.items);
        if let (Some(all), Some(ratings)) = (&mut self.ratings, &mut block.ratings) {
            all.append(ratings);
        }
        if let (Some(all), Some(timestamps)) = (&mut self.timestamps, &mut block.timestamps) {
            all.extend(timestamps.drain(..).map(i64::from));
        }
    }

    /// The table of all rows.
    pub(super) fn finish(mut self) -> Result<Interactions> {
        let (user_codes, item_codes) = (self.user_codes, self.item_codes);
        let (users, items) = rayon::join(|| Merged::new(user_codes), || Merged::new(item_codes));
        decode(&mut self.users, &self.n_rows, &users);
        decode(&mut self.items, &self.n_rows, &items);
        let (user_ids, item_ids) = (Arc::new(users.ids), Arc::new(items.ids));
        Interactions::new(user_ids, item_ids, self.users, self.items, self.ratings, self.timestamps)
    }
}

/// Replaces codes by the indices of their ids, in blocks of `n_rows` rows each.
fn decode(column: &mut [u32], n_rows: &[usize], ids: &Merged) {
    let mut rest = column;
    let mut blocks = Vec::with_capacity(n_rows.len());
    for &n_rows in n_rows {
        let (block, tail) = rest.split_at_mut(n_rows);
        blocks.push(block);
        rest = tail;
    }
    blocks.into_par_iter().enumerate().for_each(|(n, block)| {
        for code in block {
            *code = ids.index(n, *code);
        }
    });
}
