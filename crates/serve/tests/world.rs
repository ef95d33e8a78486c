//! A small world that can be worked out by hand.

use burn_recsys_ranking::{ItemNeighbours, PopularCandidates};
use burn_recsys_retrieval::Hit;
use burn_recsys_serve::{CohortTables, ItemTables, Rows, ServingTables, SourcesConfig, UserTables};

/// Items `i0` to `i7` point in eight directions of a quarter circle, from (1, 0) to (0, 1); `i0` to `i3` are of
/// category `even` or `odd`, the others of both. Users `u0` and `u1` stand at the two ends. `i7` is unavailable.
pub(crate) fn world() -> ServingTables {
    let vector = |item: usize| {
        let angle = item as f32 / 7.0 * std::f32::consts::FRAC_PI_2;
        [angle.cos(), angle.sin()]
    };
    let histories = Rows::from_rows([vec![1, 0, 1], vec![6]]);
    let neighbours = (0..8_u32)
        .map(|item| vec![Hit { item: (item + 1) % 8, score: 2.0 }, Hit { item: (item + 2) % 8, score: 1.0 }]);
    ServingTables {
        model: "a quarter circle".into(),
        trained: 1_700_000_000,
        items: ItemTables {
            ids: (0..8).map(|item| format!("i{item}")).collect(),
            titles: (0..8).map(|item| format!("The <b>{item}</b>th")).collect(),
            category_names: vec!["even".into(), "odd".into()],
            categories: Rows::from_rows(
                (0..8).map(|item| if item < 4 { vec![item % 2] } else { vec![0, 1] }),
            ),
            dimension: 2,
            vectors: (0..8).flat_map(vector).collect(),
            unavailable: vec![7],
        },
        users: UserTables {
            ids: vec!["u0".into(), "u1".into()],
            seen: histories.to_sets(),
            histories,
            vectors: Some(vec![1.0, 0.0, 0.0, 1.0]),
            gate_weights: Some(vec![0.25, 1.0]),
            cohorts: CohortTables { names: vec!["age=25,gender=F".into()], vectors: vec![0.0, 1.0] },
        },
        popular: PopularCandidates::new(
            vec![5, 4, 3, 2, 1, 0, 6, 7].into(),
            vec![8., 7., 6., 5., 4., 3., 2., 1.].into(),
        )
        .unwrap(),
        neighbours: Some(ItemNeighbours::from_rows(neighbours, 2).unwrap()),
        ranker: None,
        sources: SourcesConfig::default(),
    }
}

/// The same world under other names: `suffix` is added to every title.
pub(crate) fn world_named(suffix: &str) -> ServingTables {
    let mut tables = world();
    tables.items.titles.iter_mut().for_each(|title| title.push_str(suffix));
    tables
}
