//! A folder to serve: random tables that know which version they are of.

use std::path::Path;

use burn_recsys_ranking::{ItemNeighbours, PopularCandidates};
use burn_recsys_retrieval::Hit;
use burn_recsys_serve::{CohortTables, ItemTables, Rows, ServingTables, SourcesConfig, UserTables};

use crate::Result;

/// Neighbours of each item.
const NEIGHBOURS: u64 = 20;
/// Items of each history.
const HISTORY: u64 = 30;
/// Categories.
const CATEGORIES: u64 = 20;

/// Writes a version whose titles all begin with `name`, and makes it current; returns its version.
pub(crate) fn write(
    folder: &Path,
    name: &str,
    n_items: u32,
    dimension: usize,
    n_users: u32,
) -> Result<String> {
    let seed = u64::from(name.as_bytes().first().copied().unwrap_or_default()) << 56;
    let random = |kind: u64, at: u64| mixed(seed ^ (kind << 48) ^ at);
    let item = |kind: u64, at: u64| (random(kind, at) % u64::from(n_items)) as u32;
    // Sums of four uniform numbers: near enough to a normal distribution.
    let value = |kind: u64, at: usize| {
        let bits = random(kind, at as u64);
        (0..4).map(|part| (bits >> (16 * part)) as u16 as f32 / 65_536.0 - 0.5).sum::<f32>()
    };
    let vectors =
        |kind: u64, n: u32| (0..n as usize * dimension).map(|at| value(kind, at)).collect::<Vec<f32>>();
    let histories = Rows::from_rows(
        (0..u64::from(n_users))
            .map(|user| (0..HISTORY).map(|at| item(3, user * HISTORY + at)).collect::<Vec<u32>>()),
    );
    let neighbours = (0..u64::from(n_items)).map(|of| {
        let mut row: Vec<Hit> = (0..NEIGHBOURS)
            .map(|at| Hit { item: item(4, of * NEIGHBOURS + at), score: 1.0 / (1 + at) as f32 })
            .collect();
        row.sort_unstable_by_key(|hit| hit.item);
        row.dedup_by_key(|hit| hit.item);
        row
    });
    let counts: Vec<f32> =
        (0..n_items).map(|item| 1e6 / (1.0 + (random(5, u64::from(item)) % 100_000) as f32)).collect();
    let tables = ServingTables {
        model: format!("random {name}"),
        trained: 1_700_000_000,
        items: ItemTables {
            ids: (0..n_items).map(|item| format!("{item}")).collect(),
            titles: (0..n_items).map(|item| format!("{name} item {item}")).collect(),
            category_names: (0..CATEGORIES).map(|category| format!("category {category}")).collect(),
            categories: Rows::from_rows(
                (0..u64::from(n_items)).map(|item| [(random(6, item) % CATEGORIES) as u32]),
            ),
            dimension,
            vectors: vectors(1, n_items),
            unavailable: vec![],
        },
        users: UserTables {
            ids: (0..n_users).map(|user| format!("u{user}")).collect(),
            seen: histories.to_sets(),
            histories,
            vectors: Some(vectors(2, n_users)),
            gate_weights: None,
            cohorts: CohortTables::default(),
        },
        popular: PopularCandidates::of_scores(&counts, 10_000)?,
        neighbours: Some(ItemNeighbours::from_rows(neighbours, NEIGHBOURS as usize)?),
        ranker: None,
        sources: SourcesConfig::default(),
    };
    Ok(tables.write(folder)?)
}

/// The finaliser of SplitMix64.
pub(super) fn mixed(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
