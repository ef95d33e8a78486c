//! Files of who met what.

use std::path::Path;

use burn_recsys_data::Csr;

use crate::Result;

/// The items of every user, and the number of items.
pub(crate) fn read(path: &Path) -> Result<(Csr, usize)> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let n_fields =
        if path.extension().is_some_and(|extension| extension == "rating") { 2 } else { usize::MAX };
    let (mut users, mut items) = (Vec::new(), Vec::new());
    for (at, line) in text.lines().enumerate() {
        let mut fields = line.split_whitespace().take(n_fields).map(str::parse::<u32>);
        let Some(user) = fields.next() else { continue };
        for item in fields {
            let item = item.map_err(|error| format!("{}, line {}: {error}", path.display(), at + 1))?;
            users
                .push(user.clone().map_err(|error| format!("{}, line {}: {error}", path.display(), at + 1))?);
            items.push(item);
        }
    }
    let size = |values: &[u32]| values.iter().max().map_or(0, |&most| most as usize + 1);
    let n_items = size(&items);
    Ok((Csr::group(size(&users), &users, items.into_iter()).sorted_unique(), n_items))
}
