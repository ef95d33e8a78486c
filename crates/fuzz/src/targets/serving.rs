//! What answers requests: indexes, rankers, folders, and the requests.

use std::path::Path;

use burn_recsys_ranking::{
    BoostedTrees, BoostedTreesConfig, ItemNeighbours, PopularCandidates, RankingExamples,
};
use burn_recsys_retrieval::{ExactIndex, Hit, ItemFilter, ItemIndex, Precision};
use burn_recsys_serve::{
    ItemTables, RecommendRequest, Rows, ServingModel, ServingTables, SourcesConfig, UserTables,
};

use crate::Result;
use crate::targets::Target;

const N_ITEMS: usize = 40;
const N_USERS: usize = 12;
const DIMENSION: usize = 4;

const REQUESTS: [&str; 3] = [
    r#"{"user": "03", "k": 5, "diversity": 0.5, "exploration": 0.2, "visit": 7}"#,
    r#"{"history": ["1", 2, "30"], "filters": {"only": ["4"], "blocked": []}, "k": 10}"#,
    r#"{"features": {"age": "25"}, "k": 1, "filters": {}}"#,
];

pub(super) fn all(folder: &Path) -> Result<Vec<Target>> {
    let path = folder.join("index");
    let mut indexes = Vec::new();
    for precision in [Precision::F32, Precision::F16, Precision::I8] {
        ExactIndex::with_precision(DIMENSION, &vectors(N_ITEMS), precision)?.write(&path)?;
        indexes.push(std::fs::read(&path)?);
    }
    let served = folder.join("served");
    tables()?.write(&served)?;
    let model = ServingModel::open(&served)?;
    let requests = REQUESTS.map(|request| request.as_bytes().to_vec()).to_vec();
    let ask = Box::new(move |bytes: &[u8]| {
        let request = RecommendRequest::from_json(bytes).map_err(|error| error.to_string())?;
        model.recommend(&request).map(drop).map_err(|error| error.to_string())
    });
    Ok(vec![
        Target::file("exact-index", folder, indexes, |path| {
            let index = ExactIndex::open(path)?;
            index.search_one(&vec![0.5; index.dimension()], 3, &ItemFilter::default()).map(drop)
        }),
        Target {
            name: "boosted-trees",
            seeds: vec![trees()?.to_bytes()],
            read: Box::new(|bytes: &[u8]| {
                let trees = BoostedTrees::from_bytes(bytes).map_err(|error| error.to_string())?;
                trees.scores(&vec![0.5; trees.names().len()]).map(drop).map_err(|error| error.to_string())
            }),
            per_byte: 64,
        },
        Target { name: "recommend-request", seeds: requests, read: ask, per_byte: 64 },
        Target::folder("serving-folder", served, |_| (), |path| ServingModel::open(path).map(drop))?,
    ])
}

fn vectors(n: usize) -> Vec<f32> {
    (0..n * DIMENSION).map(|at| (at as f32 * 0.37).sin()).collect()
}

fn trees() -> Result<BoostedTrees> {
    let mut examples = RankingExamples::new(vec!["a".into(), "b".into()]);
    for visit in 0..20 {
        let value = |at: usize| ((visit * 4 + at) as f32 * 0.7).sin();
        let features: Vec<f32> = (0..8).map(value).collect();
        let labels: Vec<u8> = (0..4).map(|at| u8::from(value(2 * at) > 0.0)).collect();
        examples.push(&features, &labels)?;
    }
    Ok(BoostedTreesConfig { n_trees: 3, ..BoostedTreesConfig::default() }.fit(&examples)?)
}

fn tables() -> Result<ServingTables> {
    let names = |n: usize| (0..n).map(|at| at.to_string()).collect::<Vec<_>>();
    let history = |user: usize| {
        let mut items: Vec<u32> = (0..5).map(|at| ((user * 7 + at * 11) % N_ITEMS) as u32).collect();
        items.dedup();
        items
    };
    let histories = Rows::from_rows((0..N_USERS).map(history));
    let near = |item: u32| vec![Hit { item: (item + 1) % N_ITEMS as u32, score: 1.0 }];
    Ok(ServingTables {
        model: "generated".into(),
        trained: 1,
        items: ItemTables {
            ids: names(N_ITEMS),
            titles: names(N_ITEMS),
            category_names: vec!["even".into(), "odd".into()],
            categories: Rows::from_rows((0..N_ITEMS as u32).map(|item| [item % 2])),
            dimension: DIMENSION,
            vectors: vectors(N_ITEMS),
            unavailable: vec![3],
        },
        users: UserTables {
            ids: (0..N_USERS).map(|user| format!("{user:02}")).collect(),
            seen: histories.to_sets(),
            histories,
            vectors: Some(vectors(N_USERS)),
            ..UserTables::none()
        },
        popular: PopularCandidates::of_scores(&[2.0; N_ITEMS], 20)?,
        neighbours: Some(ItemNeighbours::from_rows((0..N_ITEMS as u32).map(near), 3)?),
        ranker: None,
        sources: SourcesConfig::default(),
    })
}
