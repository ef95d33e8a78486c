//! How often items are met of late.

use burn_recsys_data::Interactions;

/// The moment at which the last `share` of the rows begins; the first of all without timestamps.
pub(crate) fn last_share(rows: &Interactions, share: f64) -> i64 {
    let mut moments = rows.timestamps().unwrap_or_default().to_vec();
    moments.sort_unstable();
    let first = (1.0 - share.clamp(0.0, 1.0)) * moments.len() as f64;
    moments.get(first as usize).copied().unwrap_or(i64::MIN)
}

/// How many rows from `since` on each item has; all of them without timestamps.
pub(crate) fn counts_since(rows: &Interactions, since: i64) -> Vec<f32> {
    let mut counts = vec![0.0; rows.n_items()];
    for (row, &item) in rows.items().iter().enumerate() {
        let counted = rows.timestamps().is_none_or(|moments| moments[row] >= since);
        counts[item as usize] += f32::from(u8::from(counted));
    }
    counts
}
