//! Similar items from "bought together": product metadata in, a vector for each item out, without Burn.
//!
//! `similar_items [PRODUCTS [ASIN]]`; without arguments it reads the invented products beside this file.

#![allow(clippy::print_stdout)]

use std::env;

use burn_recsys::baselines::{SimilarItems, SkipGramConfig};
use burn_recsys::data::ReadLimits;
use burn_recsys::data::amazon::{Related, read_products};
use burn_recsys::data::graph::{DescribedGraph, RandomWalksConfig};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PRODUCTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin/similar_items/products.jsonl");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let path = arguments.next().unwrap_or(PRODUCTS.into());
    let asin = arguments.next().unwrap_or("B0COFF0001".into());

    // A node for each product, and an edge where one was bought with another, or viewed, whichever way.
    let (products, report) = read_products(&path, &ReadLimits::default())?;
    let weights = Related::NAMES.map(|relation| (relation.to_string(), 1.0));
    let (described, _) = DescribedGraph::from_products(&products, &weights)?;
    println!("{} products, {} lines broken", products.len(), report.n_broken);

    // Walks stand for sentences, items for words. So small a graph wants more walks and epochs than a large one.
    let walks = RandomWalksConfig { walk_length: 10, walks_per_node: 50, ..RandomWalksConfig::default() }
        .walks(described.graph.clone())?;
    let config = SkipGramConfig { d_embedding: 16, n_epochs: 20, ..SkipGramConfig::default() };
    let vectors = config.fit(&walks)?.item_vectors(&described.items)?;

    // What stands in the same places is alike.
    let items = SimilarItems::new(vectors)?;
    let title =
        |id: &str| described.items.index(id).and_then(|item| described.title(item)).unwrap_or_default();
    println!("like {asin} {}", title(&asin));
    let Some(similar) = items.similar(&asin, 5)? else {
        return Err(format!("{asin} is not in {path}, or no product there is linked with it").into());
    };
    for found in similar {
        let id = found.id.to_string();
        println!("{:.3}  {id}  {}", found.cosine, title(&id));
    }
    Ok(())
}
