//! Small tables to test on.

use std::sync::Arc;

use burn_recsys_data::{IdMap, Interactions};
use proptest::prelude::*;

/// A table of (user id, item id, rating, timestamp) rows.
pub(crate) fn table(rows: &[(i64, i64, f32, i64)]) -> Interactions {
    table_among(rows, &[], &[])
}

/// The same with ids in the maps that have no row.
pub(crate) fn table_among(rows: &[(i64, i64, f32, i64)], users: &[i64], items: &[i64]) -> Interactions {
    let user_ids = IdMap::from_integers(rows.iter().map(|row| row.0).chain(users.iter().copied()));
    let item_ids = IdMap::from_integers(rows.iter().map(|row| row.1).chain(items.iter().copied()));
    let index = |ids: &IdMap, id| ids.index_of_integer(id).expect("the id is in the map");
    Interactions::new(
        Arc::new(user_ids.clone()),
        Arc::new(item_ids.clone()),
        rows.iter().map(|row| index(&user_ids, row.0)).collect(),
        rows.iter().map(|row| index(&item_ids, row.1)).collect(),
        Some(rows.iter().map(|row| row.2).collect()),
        Some(rows.iter().map(|row| row.3).collect()),
    )
    .expect("valid columns")
}

/// A table of (user id, item id) rows without ratings and timestamps.
pub(crate) fn bare_table(rows: &[(i64, i64)]) -> Interactions {
    let rows: Vec<_> = rows.iter().map(|&(user, item)| (user, item, 0.0, 0)).collect();
    let full = table(&rows);
    Interactions::new(
        Arc::clone(full.user_ids()),
        Arc::clone(full.item_ids()),
        full.users().to_vec(),
        full.items().to_vec(),
        None,
        None,
    )
    .expect("valid columns")
}

/// Rows of few users, items and moments, so that counts, duplicates and ties abound.
pub(crate) fn any_rows() -> impl Strategy<Value = Vec<(i64, i64, f32, i64)>> {
    let row = (0i64..7, 0i64..7, 1u8..=10, -3i64..12)
        .prop_map(|(user, item, half_stars, time)| (user, item, f32::from(half_stars) / 2.0, time));
    prop::collection::vec(row, 1..60)
}

pub(crate) fn any_table() -> impl Strategy<Value = Interactions> {
    any_rows().prop_map(|rows| table(&rows))
}
