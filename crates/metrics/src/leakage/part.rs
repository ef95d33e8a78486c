use crate::{Error, Result};

/// The rows of a training or test part: columns of one length.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    pub(super) users: &'a [u32],
    pub(super) items: &'a [u32],
    pub(super) timestamps: Option<&'a [i64]>,
}

impl<'a> Part<'a> {
    /// Pairs users with items.
    ///
    /// # Errors
    /// If the lengths differ.
    pub fn new(users: &'a [u32], items: &'a [u32]) -> Result<Self> {
        let (n_left, n_right) = (users.len(), items.len());
        if n_left != n_right {
            return Err(Error::ColumnLength { left: "users", n_left, right: "items", n_right });
        }
        Ok(Self { users, items, timestamps: None })
    }

    /// With the time of each row, in any unit that both parts share.
    ///
    /// # Errors
    /// If the lengths differ.
    pub fn with_timestamps(mut self, timestamps: &'a [i64]) -> Result<Self> {
        let (n_left, n_right) = (self.users.len(), timestamps.len());
        if n_left != n_right {
            return Err(Error::ColumnLength { left: "users", n_left, right: "timestamps", n_right });
        }
        self.timestamps = Some(timestamps);
        Ok(self)
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.users.len()
    }

    /// User and item of each row as one number, in the order of users, then items.
    pub(super) fn pairs(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.users.iter().zip(self.items).map(|(&user, &item)| u64::from(user) << 32 | u64::from(item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_unequal_length_are_refused() {
        let error = Part::new(&[1, 2], &[1]).unwrap_err().to_string();
        assert_eq!(error, "2 users but 1 items; each row needs both");
        let error = Part::new(&[1, 2], &[1, 2]).unwrap().with_timestamps(&[]).unwrap_err().to_string();
        assert_eq!(error, "2 users but 0 timestamps; each row needs both");
    }
}
