//! A ranker of boosted trees in the folder.

use std::sync::Arc;

use burn_recsys_data::{IdMap, Interactions};
use burn_recsys_ranking::{
    BoostedTreesConfig, Candidates, ExamplesConfig, FirstStage, ItemFactColumns, ItemFacts, RankFeatures,
    Ranker, RankingExamples, TreeRanker, VectorCandidates, Visitor,
};
use burn_recsys_retrieval::{Buffer, ExactIndex, Hit};
use burn_recsys_serve::{
    Filters, RankerTables, RecommendRequest, Rows, ServingModel, ServingTables, SourcesConfig,
};

use crate::world::world;

/// Users 0 and 1 of the small world: what they met, then what they met later.
fn rows(pairs: [(u32, u32); 4], start: i64) -> Interactions {
    let ids =
        |letter: &str, n: usize| Arc::new(IdMap::from_texts((0..n).map(|index| format!("{letter}{index}"))));
    let (users, items) = pairs.into_iter().unzip();
    Interactions::new(ids("u", 2), ids("i", 8), users, items, None, Some((start..start + 4).collect()))
        .unwrap()
}

struct Trained {
    tables: ServingTables,
    ranker: TreeRanker,
}

fn trained() -> Trained {
    let mut tables = world();
    let (met, later) =
        (rows([(0, 1), (0, 0), (0, 1), (1, 6)], 0), rows([(0, 2), (1, 5), (1, 4), (0, 3)], 10));
    let vectors = |values: &[f32]| Buffer::from(values.to_vec());
    let index = Arc::new(ExactIndex::new(2, tables.items.vectors.clone()).unwrap());
    let generator = VectorCandidates::new(
        vectors(tables.users.vectors.as_ref().unwrap()),
        vectors(&tables.items.vectors),
        index,
    )
    .unwrap();
    let facts = |counts: Vec<f32>, rows: &Rows| ItemFactColumns {
        recent_counts: counts.clone().into(),
        counts: counts.into(),
        mean_ratings: vec![f32::NAN; 8].into(),
        category_offsets: rows
            .iter()
            .fold(vec![0], |mut ends, row| {
                ends.push(ends.last().unwrap() + row.len() as u64);
                ends
            })
            .into(),
        categories: rows.iter().flatten().copied().collect::<Vec<u32>>().into(),
    };
    let counts: Vec<f32> = met.item_counts().into_iter().map(|count| count as f32).collect();
    let columns = facts(counts.clone(), &tables.items.categories);
    let neighbours = tables.neighbours.clone();
    let (popular, nearby) = (tables.popular.clone(), neighbours.clone());
    let first = FirstStage::fit(&met, move |_| {
        let sources = SourcesConfig::default().init(generator, popular, nearby.clone())?;
        let features =
            RankFeatures::new(sources.names(), ItemFacts::new(columns)?).with_neighbours(nearby.unwrap());
        Ok((sources, features))
    })
    .unwrap();
    let examples = RankingExamples::of_later_rows(&first, &later, &ExamplesConfig::default()).unwrap();
    let config = BoostedTreesConfig { n_trees: 5, min_child_weight: 0.0, ..BoostedTreesConfig::default() };
    let trees = config.fit(&examples).unwrap();
    let ranker = TreeRanker::new(first.features().clone(), trees.clone()).unwrap();
    tables.ranker = Some(RankerTables {
        trees,
        recent_counts: counts.clone(),
        counts,
        mean_ratings: vec![f32::NAN; 8],
        user_means: None,
    });
    Trained { tables, ranker }
}

#[test]
fn served_scores_are_those_of_the_trained_ranker() {
    let folder = tempfile::tempdir().unwrap();
    let Trained { tables, ranker } = trained();
    tables.write(folder.path()).unwrap();
    let model = ServingModel::open(folder.path()).unwrap();
    assert_eq!(model.describe().ranker, "boosted trees");
    let filters = Filters { seen: true, ..Filters::default() };
    let request = RecommendRequest { user: Some("u0".into()), k: 8, filters, ..RecommendRequest::default() };
    let served = model.recommend(&request).unwrap();
    assert_eq!(served.items.len(), 7);
    // The same candidates again, as the answer tells where each was found.
    let names = ["vectors", "popular", "neighbours", "walks"];
    let lists = names.map(|name| {
        let mut found: Vec<(u32, Hit)> = Vec::new();
        for place in &served.items {
            let item = place.item.id[1..].parse().unwrap();
            let of_source = place.sources.iter().filter(|found| found.source == name);
            found.extend(of_source.map(|found| (found.rank, Hit { item, score: found.score })));
        }
        found.sort_unstable_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, hit)| hit).collect::<Vec<Hit>>()
    });
    let candidates = Candidates::merge(&lists);
    let visitor = Visitor { user: Some(0), history: &[1, 0, 1], visit: 0 };
    let expected = ranker.scores(&visitor, &candidates).unwrap();
    for place in &served.items {
        let item: u32 = place.item.id[1..].parse().unwrap();
        let at = candidates.items().binary_search(&item).unwrap();
        assert_eq!(place.score, expected[at], "{}", place.item.id);
    }
    assert!(served.items.is_sorted_by(|a, b| a.score >= b.score));
}

#[test]
fn trees_of_other_features_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let Trained { mut tables, .. } = trained();
    // The trees know walks, which the folder no longer has.
    tables.sources.walks = 0;
    let message = tables.write(folder.path()).unwrap_err().to_string();
    assert!(message.contains("ranker.bin"), "{message}");
    // Nothing became current.
    assert!(ServingModel::open(folder.path()).is_err());
}
