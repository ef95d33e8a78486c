//! Columns of a part of a file.

use super::codes::Codes;
use super::field::{rating, timestamp, trim};
use super::layout::{Fields, ITEM, Layout, RATING, TIMESTAMP, USER};
use super::numbers::Numbers;

/// The rows of a part of a file. Ids are coded anew in every part.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) user_codes: Codes,
    pub(super) item_codes: Codes,
    pub(super) users: Vec<u32>,
    pub(super) items: Vec<u32>,
    pub(super) ratings: Option<Vec<f32>>,
    /// Timestamps end before 2^32; a wider type would only be more memory to fill and to copy.
    pub(super) timestamps: Option<Vec<u32>>,
}

impl Block {
    /// A block without rows.
    pub(super) fn new(layout: &Layout) -> Self {
        Block {
            user_codes: Codes::default(),
            item_codes: Codes::default(),
            users: Vec::new(),
            items: Vec::new(),
            ratings: layout.has_rating.then(Vec::new),
            timestamps: layout.has_timestamp.then(Vec::new),
        }
    }

    /// Makes room for `n_rows` more rows.
    pub(super) fn reserve(&mut self, n_rows: usize) {
        self.users.reserve(n_rows);
        self.items.reserve(n_rows);
        if let Some(ratings) = &mut self.ratings {
            ratings.reserve(n_rows);
        }
        if let Some(timestamps) = &mut self.timestamps {
            timestamps.reserve(n_rows);
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
