//! What all models here learn from: the items of every user.

use burn_recsys_data::Csr;

use crate::{Error, Result};

/// Checks that there is something to learn from, and that every row of `positives` is ascending, unique
/// and of items below `n_items`.
pub(crate) fn check(positives: &Csr, n_items: usize) -> Result<()> {
    if positives.n_values() == 0 {
        return Err(Error::Empty);
    }
    if n_items > u32::MAX as usize {
        let message = format!("{n_items} items; their indices are 32-bit numbers");
        return Err(Error::Parameter { parameter: "n_items", message });
    }
    if positives.n_rows() > u32::MAX as usize {
        let message = format!("{} users; their indices are 32-bit numbers", positives.n_rows());
        return Err(Error::Parameter { parameter: "positives", message });
    }
    for (user, row) in positives.rows().enumerate() {
        if let Some(pair) = row.windows(2).find(|pair| pair[0] >= pair[1]) {
            let message = format!(
                "user {user}: item {} comes after item {}; items must ascend and be unique \
                 (`Csr::sorted_unique`)",
                pair[1], pair[0]
            );
            return Err(Error::Parameter { parameter: "positives", message });
        }
        if let Some(&last) = row.last().filter(|&&last| last as usize >= n_items) {
            let message = format!("user {user}: item {last} does not exist: there are {n_items} items");
            return Err(Error::Parameter { parameter: "positives", message });
        }
    }
    Ok(())
}

/// The users of every item, ascending.
pub(crate) fn users_of_items(positives: &Csr, n_items: usize) -> Csr {
    let mut items = Vec::with_capacity(positives.n_values());
    let mut users = Vec::with_capacity(positives.n_values());
    for (user, row) in positives.rows().enumerate() {
        items.extend_from_slice(row);
        users.extend(std::iter::repeat_n(user as u32, row.len()));
    }
    Csr::group(n_items, &items, users.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        let message =
            |rows: &[&[u32]], n_items| check(&Csr::from_rows(rows), n_items).unwrap_err().to_string();
        assert!(message(&[&[], &[0, 3]], 3).contains("user 1: item 3 does not exist: there are 3 items"));
        assert!(message(&[&[2, 1]], 3).contains("user 0: item 1 comes after item 2"));
        assert!(message(&[&[1, 1]], 3).contains("user 0: item 1 comes after item 1"));
        assert!(message(&[&[0]], usize::MAX).contains("indices are 32-bit"));
        assert_eq!(check(&Csr::from_rows::<&[u32]>([]), 3), Err(Error::Empty));
        assert_eq!(check(&Csr::from_rows([&[][..], &[]]), 3), Err(Error::Empty));
        assert_eq!(check(&Csr::from_rows([&[][..], &[0, 2]]), 3), Ok(()));
    }

    #[test]
    fn users_of_items_ascend() {
        let users = users_of_items(&Csr::from_rows([&[0u32, 2][..], &[], &[0], &[0, 1]]), 4);
        assert_eq!(users.rows().collect::<Vec<_>>(), [&[0u32, 2, 3][..], &[3], &[0], &[]]);
    }
}
