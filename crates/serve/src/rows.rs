//! Compressed rows of item or category indices.

use burn_recsys_retrieval::Buffer;

use crate::{Error, Result};

/// For every row a slice of `u32` values, all in one allocation or one mapped file.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    offsets: Buffer<u64>,
    values: Buffer<u32>,
}

impl Rows {
    /// Rows from their parts: row `r` is `values[offsets[r]..offsets[r + 1]]`.
    ///
    /// # Shapes
    /// - `offsets`: `[n_rows + 1]`, from 0 to the number of values, never falling
    ///
    /// # Errors
    /// If the offsets are others.
    pub fn new(offsets: Buffer<u64>, values: Buffer<u32>) -> Result<Self> {
        check_offsets(&offsets, values.len()).map_err(|message| Error::tables("rows", message))?;
        Ok(Rows { offsets, values })
    }

    /// One row after the other.
    pub fn from_rows<R: AsRef<[u32]>>(rows: impl IntoIterator<Item = R>) -> Self {
        let (mut offsets, mut values) = (vec![0], Vec::new());
        for row in rows {
            values.extend_from_slice(row.as_ref());
            offsets.push(values.len() as u64);
        }
        Rows { offsets: offsets.into(), values: values.into() }
    }

    /// The number of rows, empty ones included.
    pub fn n_rows(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The values of a row; none if there is no such row.
    pub fn row(&self, row: u32) -> &[u32] {
        slice(&self.offsets, &self.values, row).unwrap_or_default()
    }

    /// The rows, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.offsets.windows(2).map(|ends| {
            // What was checked may change only if a mapped file is changed against the rule.
            self.values.get(ends[0] as usize..ends[1] as usize).unwrap_or_default()
        })
    }

    /// The same rows, each ascending and without repetitions: of histories, what has been seen.
    pub fn to_sets(&self) -> Rows {
        Rows::from_rows(self.iter().map(|row| {
            let mut row = row.to_vec();
            row.sort_unstable();
            row.dedup();
            row
        }))
    }

    pub(crate) fn offsets(&self) -> &Buffer<u64> {
        &self.offsets
    }

    pub(crate) fn values(&self) -> &Buffer<u32> {
        &self.values
    }

    /// Checks the number of rows and that every value is below `bound`.
    pub(crate) fn check(&self, table: &'static str, n_rows: usize, bound: usize) -> Result<()> {
        if self.n_rows() != n_rows {
            return Err(Error::tables(table, format!("{} rows, but {n_rows} are needed", self.n_rows())));
        }
        check_below(table, &self.values, bound)
    }

    /// Checks that every row is strictly ascending.
    pub(crate) fn check_ascending(&self, table: &'static str) -> Result<()> {
        match self.iter().position(|row| !row.is_sorted_by(|a, b| a < b)) {
            None => Ok(()),
            Some(row) => Err(Error::tables(table, format!("row {row} is not strictly ascending"))),
        }
    }
}

/// Checks that every value is below `bound`.
pub(crate) fn check_below(table: &'static str, values: &[u32], bound: usize) -> Result<()> {
    // One comparison of registers a block: the first that is wrong is looked for only if there is one.
    if values.iter().fold(0, |most: u32, &value| most.max(value)) as usize >= bound.max(1)
        || (bound == 0 && !values.is_empty())
    {
        let at = values.iter().position(|&value| value as usize >= bound).unwrap_or(0);
        let value = values.get(at).copied().unwrap_or(0);
        return Err(Error::tables(table, format!("value {at} is {value}, but there are {bound} to name")));
    }
    Ok(())
}

/// Whether offsets go from 0 to `n_values` and never fall.
pub(crate) fn check_offsets(offsets: &[u64], n_values: usize) -> Result<(), String> {
    match (offsets.first(), offsets.last()) {
        (Some(0), Some(&last)) if last == n_values as u64 && offsets.is_sorted() => Ok(()),
        (Some(0), Some(&last)) if last == n_values as u64 => Err("the offsets of rows fall".into()),
        (Some(0), Some(&last)) => {
            Err(format!("the offsets of rows end at {last}, but there are {n_values} values"))
        }
        _ => Err("the offsets of rows do not start at 0".into()),
    }
}

/// The values between two neighbouring offsets.
pub(crate) fn slice<'v, T>(offsets: &[u64], values: &'v [T], row: u32) -> Option<&'v [T]> {
    let start = *offsets.get(row as usize)?;
    let end = *offsets.get(row as usize + 1)?;
    values.get(start as usize..end as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_what_was_given() {
        let rows = Rows::from_rows([vec![3, 1, 3], vec![], vec![2]]);
        assert_eq!(
            (rows.n_rows(), rows.row(0), rows.row(1), rows.row(2)),
            (3, &[3, 1, 3][..], &[][..], &[2][..])
        );
        assert!(rows.row(3).is_empty());
        assert_eq!(rows.to_sets(), Rows::from_rows([vec![1, 3], vec![], vec![2]]));
        assert!(rows.check("rows", 3, 4).is_ok());
        assert_eq!(
            rows.check("rows", 3, 3).unwrap_err().to_string(),
            "rows: value 0 is 3, but there are 3 to name"
        );
        assert!(rows.check("rows", 2, 4).is_err());
        assert!(rows.check_ascending("rows").is_err());
        assert!(check_below("none", &[], 0).is_ok());
        assert!(check_below("none", &[0], 0).is_err());
    }

    #[test]
    fn offsets_that_do_not_fit_are_refused() {
        for offsets in [vec![], vec![1, 2], vec![0, 3], vec![0, 2, 1, 2], vec![0, u64::MAX, 2]] {
            assert!(Rows::new(offsets.clone().into(), vec![7, 8].into()).is_err(), "{offsets:?}");
        }
        assert!(Rows::new(vec![0, 0, 2].into(), vec![7, 8].into()).is_ok());
    }
}
