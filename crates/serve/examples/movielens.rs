//! Writes a serving folder of MovieLens latest small: vectors by implicit ALS, films watched by the same
//! users, what is popular.
//!
//! ```text
//! cargo run --release -p burn-recsys-serve --example movielens -- DIR
//! ```

#![expect(clippy::print_stdout, reason = "a program that people start")]

use std::error::Error;
use std::path::PathBuf;
use std::time::SystemTime;

use burn_recsys_baselines::{ImplicitAlsConfig, ItemKnnConfig};
use burn_recsys_data::named::{DataFolders, Fetch, NamedDataset};
use burn_recsys_data::{ColumnValues, IdMap};
use burn_recsys_ranking::{ItemNeighbours, PopularCandidates};
use burn_recsys_serve::{ItemTables, Rows, ServingTables, SourcesConfig, UserTables};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: movielens DIR")?);
    let dataset = NamedDataset::MlLatestSmall.load(&DataFolders::new(None), Fetch::Never, &|_, _| ())?;
    let rows = &dataset.interactions;
    let (positives, n_items) = (rows.items_by_user(), rows.n_items());
    let vectors =
        ImplicitAlsConfig { d_embedding: 32, ..ImplicitAlsConfig::default() }.fit(&positives, n_items)?;
    let knn = ItemKnnConfig::default().fit(&positives, n_items)?;
    let counts: Vec<f32> = rows.item_counts().into_iter().map(|count| count as f32).collect();
    let Some(ColumnValues::MultiCategorical { codes, vocabulary }) = dataset.items.column("genres") else {
        return Err("the data set has no genres".into());
    };
    let names = |ids: &IdMap| ids.iter().map(|id| id.to_string()).collect::<Vec<_>>();
    let items_of =
        |rows_of_user: &[u32]| rows_of_user.iter().map(|&row| rows.items()[row as usize]).collect::<Vec<_>>();
    let tables = ServingTables {
        model: "implicit ALS on MovieLens latest small".into(),
        trained: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs(),
        items: ItemTables {
            ids: names(rows.item_ids()),
            titles: (0..n_items as u32)
                .map(|item| dataset.items.text("title", item).unwrap_or("").into())
                .collect(),
            category_names: vocabulary.clone(),
            categories: Rows::from_rows(codes.rows()),
            dimension: vectors.d_embedding(),
            vectors: vectors.items().to_vec(),
            unavailable: vec![],
        },
        users: UserTables {
            ids: names(rows.user_ids()),
            histories: Rows::from_rows(rows.rows_by_user().rows().map(items_of)),
            seen: Rows::from_rows(positives.rows()),
            vectors: Some(vectors.users().to_vec()),
            ..UserTables::none()
        },
        popular: PopularCandidates::of_scores(&counts, n_items)?,
        neighbours: Some(ItemNeighbours::of_knn(&knn, 50)?),
        ranker: None,
        sources: SourcesConfig::default(),
    };
    println!("{} is version {}", folder.display(), tables.write(&folder)?);
    Ok(())
}
