//! A graph with the ids and the features of its items, and the folder that holds them.

use std::fs;
use std::path::Path;

use super::{Edge, EdgeFormat, EdgeList, EdgeReport, ItemGraph, Relation};
use crate::amazon::Product;
use crate::files::write_atomic;
use crate::{Column, ColumnValues, Error, FeatureTable, IdMap, ReadLimits, Result};

/// A graph of items that can be named and described.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribedGraph {
    /// The ids of the nodes.
    pub items: IdMap,
    /// The edges.
    pub graph: ItemGraph,
    /// What is known of every node, `[n_nodes]`: categorical columns, and text for people.
    pub features: FeatureTable,
}

/// The weight of each relation, by name; one that is not named counts 0 and is left out.
pub type RelationWeights<'a> = &'a [(String, f32)];

/// Price buckets: tenths of the products that have a price.
const N_PRICE_BUCKETS: usize = 10;

const EDGES: &str = "edges.csv";
const ITEMS: &str = "items.csv";
const TITLE: &str = "title";

impl DescribedGraph {
    /// The links of products in both directions, with columns `brand`, `category` (the most special of the
    /// first path), `price` (tenths of the products that have one) and the text `title`.
    ///
    /// Related products without a line of their own are nodes of which nothing is known.
    ///
    /// # Errors
    /// As [`from_edge_list`](Self::from_edge_list).
    pub fn from_products(products: &[Product], weights: RelationWeights<'_>) -> Result<(Self, EdgeReport)> {
        let links = EdgeList::from_products(products);
        let (described, report) = Self::from_edge_list(&links, weights)?;
        let mut of_node: Vec<Option<&Product>> = vec![None; described.items.len()];
        for product in products {
            if let Some(node) = described.items.index(&product.asin) {
                of_node[node as usize] = Some(product);
            }
        }
        let label = |of: fn(&Product) -> Option<&str>| {
            ColumnValues::categorical(of_node.iter().map(|product| product.and_then(of)))
        };
        let prices: Vec<Option<String>> = price_buckets(&of_node);
        let titles = of_node.iter().map(|product| product.and_then(|product| product.title.clone()));
        let features = FeatureTable::new(described.items.len())
            .with_column("brand", label(|product| product.brand.as_deref()))?
            .with_column("category", label(|product| product.categories.first()?.last().map(String::as_str)))?
            .with_column("price", ColumnValues::categorical(prices.iter().map(Option::as_deref)))?
            .with_column(TITLE, ColumnValues::Text(titles.map(Option::unwrap_or_default).collect()))?;
        Ok((DescribedGraph { features, ..described }, report))
    }

    /// Links in both directions. An item whose links are all left out stays as a node.
    ///
    /// # Errors
    /// If a weight is for a relation that is not there, or is negative, NaN or infinite.
    pub fn from_edge_list(links: &EdgeList, weights: RelationWeights<'_>) -> Result<(Self, EdgeReport)> {
        let mut edges: Vec<Vec<Edge>> = vec![Vec::new(); links.relations.len()];
        for link in &links.edges {
            let edge = Edge { source: link.source, target: link.target, weight: link.weight };
            edges[link.relation as usize].push(edge);
        }
        let mut weight_of = vec![0.0; links.relations.len()];
        for (name, weight) in weights {
            let Some(relation) = links.relation(name) else {
                let message = format!("there is no relation {name:?}; there are {:?}", links.relations);
                return Err(Error::Parameter { parameter: "relation", message });
            };
            weight_of[relation as usize] = *weight;
        }
        let relations: Vec<Relation<'_>> =
            edges.iter().zip(weight_of).map(|(edges, weight)| Relation { weight, edges }).collect();
        let n_nodes = links.nodes.len();
        let (graph, report) = ItemGraph::from_relations(n_nodes, &relations)?;
        let features = FeatureTable::new(n_nodes);
        Ok((DescribedGraph { items: links.nodes.clone(), graph: graph.undirected(), features }, report))
    }

    /// Writes `edges.csv` and `items.csv` into `folder`, which is made if it is not there.
    ///
    /// Columns of several categories and of numbers are written, but are read as columns of one category.
    ///
    /// # Errors
    /// If an id is empty, has spaces around it or holds the end of a line, or the system refuses.
    pub fn write(&self, folder: impl AsRef<Path>) -> Result<()> {
        let folder = folder.as_ref();
        for id in self.items.iter() {
            let id = id.to_string();
            if id.is_empty() || id.trim() != id || id.contains(['\n', '\r']) {
                let message = format!("the id {id:?} cannot stand in a file of items; rename it");
                return Err(Error::Parameter { parameter: "items", message });
            }
        }
        fs::create_dir_all(folder).map_err(|source| Error::io("create", folder, source))?;
        write_atomic(&folder.join(ITEMS), |out| {
            let mut csv = csv::Writer::from_writer(out);
            let names = self.features.columns().iter().map(|column| column.name.as_str());
            csv.write_record(["item"].into_iter().chain(names))?;
            for (row, id) in self.items.iter().enumerate() {
                let cells = self.features.columns().iter().map(|column| cell(column, row));
                csv.write_record([id.to_string()].into_iter().chain(cells))?;
            }
            csv.flush()
        })?;
        write_atomic(&folder.join(EDGES), |out| {
            let mut csv = csv::Writer::from_writer(out);
            csv.write_record(["source", "target", "weight"])?;
            let names: Vec<String> = self.items.iter().map(|id| id.to_string()).collect();
            for Edge { source, target, weight } in self.graph.edges() {
                csv.write_record([&names[source as usize], &names[target as usize], &weight.to_string()])?;
            }
            csv.flush()
        })
    }

    /// Reads what [`write`](Self::write) wrote, or files written by hand: `edges.csv` as
    /// [`EdgeList::read`] reads it, with all relations at weight 1, and `items.csv`, whose first column is the
    /// item. A column `title` is text, every other column a category.
    ///
    /// Without `items.csv` nothing is known of the items.
    ///
    /// # Errors
    /// If a file cannot be read, has a broken line, or an item twice.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let edges = folder.join(EDGES);
        // A graph without edges is one, too.
        let links = match holds_no_edge(&edges)? {
            true => None,
            false => Some(EdgeList::read(&edges, &EdgeFormat::default(), &ReadLimits::strict())?.0),
        };
        let Items { names, rows: texts } = Items::read(&folder.join(ITEMS))?;
        let of_file = IdMap::from_texts(texts.iter().map(|row| row[0].clone()));
        let items = match &links {
            Some(links) => IdMap::union(&[&of_file, &links.nodes]),
            None => of_file,
        };
        let mut row_of: Vec<Option<usize>> = vec![None; items.len()];
        for (row, text) in texts.iter().enumerate() {
            if let Some(item) = items.index(&text[0]) {
                row_of[item as usize] = Some(row);
            }
        }
        let mut features = FeatureTable::new(items.len());
        for (at, name) in names.into_iter().enumerate() {
            let texts = row_of.iter().map(|row| row.map_or("", |row| texts[row][at + 1].as_str()));
            let values = match name == TITLE {
                true => ColumnValues::Text(texts.map(String::from).collect()),
                false => ColumnValues::categorical(texts.map(|text| (!text.is_empty()).then_some(text))),
            };
            features = features.with_column(name, values)?;
        }
        let graph = match links {
            None => ItemGraph::without_edges(items.len())?,
            Some(links) => {
                let to = links.nodes.translate(&items);
                let node = |index: u32| to[index as usize].unwrap_or_default();
                let edges: Vec<Edge> = (links.edges.iter())
                    .map(|link| Edge {
                        source: node(link.source),
                        target: node(link.target),
                        weight: link.weight,
                    })
                    .collect();
                ItemGraph::from_edges(items.len(), &edges)?.0
            }
        };
        Ok(DescribedGraph { items, graph, features })
    }

    /// The text that people know an item by, if there is one.
    pub fn title(&self, item: u32) -> Option<&str> {
        self.features.text(TITLE, item)
    }
}

/// `1 of 10` to `10 of 10`, cheapest first, for products that have a price.
fn price_buckets(products: &[Option<&Product>]) -> Vec<Option<String>> {
    let price = |product: &Option<&Product>| product.and_then(|product| product.price);
    let mut prices: Vec<f32> = products.iter().filter_map(price).collect();
    prices.sort_unstable_by(f32::total_cmp);
    let bucket = |price: f32| {
        // All products of one price are in one bucket.
        let below = prices.partition_point(|&other| other < price);
        format!("{:02} of {N_PRICE_BUCKETS}", below * N_PRICE_BUCKETS / prices.len() + 1)
    };
    products.iter().map(|product| price(product).map(bucket)).collect()
}

fn cell(column: &Column, row: usize) -> String {
    match &column.values {
        ColumnValues::Categorical { codes, vocabulary } => {
            codes[row].map_or(String::new(), |code| vocabulary[code as usize].clone())
        }
        ColumnValues::MultiCategorical { codes, vocabulary } => {
            let labels: Vec<&str> =
                codes.row(row as u32).iter().map(|&code| vocabulary[code as usize].as_str()).collect();
            labels.join("|")
        }
        ColumnValues::Dense(values) if values[row].is_nan() => String::new(),
        ColumnValues::Dense(values) => values[row].to_string(),
        ColumnValues::Text(values) => values[row].clone(),
    }
}

/// The rows of `items.csv`.
#[derive(Default)]
struct Items {
    /// Of the columns after the item.
    names: Vec<String>,
    /// The item and its cells.
    rows: Vec<Vec<String>>,
}

impl Items {
    /// No row without a file.
    fn read(path: &Path) -> Result<Self> {
        let file = match fs::File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            file => file.map_err(|source| Error::io("read", path, source))?,
        };
        let mut csv = csv::Reader::from_reader(std::io::BufReader::new(file));
        let broken = |error: csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            Error::Line { path: path.into(), line, message: error.to_string() }
        };
        let header: Vec<String> =
            csv.headers().map_err(broken)?.iter().map(|name| name.trim().to_string()).collect();
        let Some(("item", names)) = header.split_first().map(|(first, rest)| (first.as_str(), rest)) else {
            let message = "the first column must be named item".into();
            return Err(Error::Line { path: path.into(), line: 1, message });
        };
        let (mut rows, mut seen) = (Vec::new(), rustc_hash::FxHashMap::default());
        for row in csv.records() {
            let row = row.map_err(broken)?;
            let line = row.position().map_or(0, csv::Position::line);
            let refuse = |message| Err(Error::Line { path: path.into(), line, message });
            // As in the file of edges, spaces around an id do not count.
            let item = row[0].trim();
            if item.is_empty() {
                return refuse("the item is empty".into());
            }
            if let Some(first) = seen.insert(item.to_string(), line) {
                return refuse(format!("item {item:?} has line {first} already; keep one"));
            }
            let cells = row.iter().skip(1).map(String::from);
            rows.push(std::iter::once(item.to_string()).chain(cells).collect());
        }
        Ok(Items { names: names.to_vec(), rows })
    }
}

/// Whether there is nothing but blank lines after the first line, which has no link.
fn holds_no_edge(path: &Path) -> Result<bool> {
    let refuse = |source| Error::io("read", path, source);
    let mut file = std::io::BufReader::new(fs::File::open(path).map_err(refuse)?);
    let (mut n_lines, mut is_blank) = (0, true);
    loop {
        // A line may be longer than memory: it is looked at in pieces.
        let piece = std::io::BufRead::fill_buf(&mut file).map_err(refuse)?;
        if piece.is_empty() {
            return Ok(n_lines + usize::from(!is_blank) == 1);
        }
        let n = piece.len();
        for &byte in piece {
            if byte == b'\n' {
                n_lines += usize::from(!is_blank);
                is_blank = true;
            } else {
                is_blank &= byte.is_ascii_whitespace();
            }
            if n_lines + usize::from(!is_blank) > 1 {
                return Ok(false);
            }
        }
        std::io::BufRead::consume(&mut file, n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amazon::Related;

    fn product(asin: &str, price: Option<f32>, also_bought: &[&str]) -> Product {
        Product {
            asin: asin.into(),
            title: Some(format!("{asin}, \"large\"")),
            price,
            brand: Some("Brand, Inc.".into()),
            categories: vec![vec!["Food".into(), "Tea".into()]],
            related: Related {
                also_bought: also_bought.iter().map(|id| id.to_string()).collect(),
                also_viewed: vec!["B9".into()],
                ..Related::default()
            },
            ..Product::default()
        }
    }

    fn described() -> DescribedGraph {
        let products = [product("B1", Some(2.0), &["B2", "B1"]), product("B2", None, &["B1", "B3"])];
        let weights = [("also_bought".to_string(), 2.0)];
        let (described, report) = DescribedGraph::from_products(&products, &weights).unwrap();
        assert_eq!(report.n_self_loops, 1);
        described
    }

    #[test]
    fn products_become_a_graph_with_features() {
        let described = described();
        let ids: Vec<String> = described.items.iter().map(|id| id.to_string()).collect();
        assert_eq!(ids, ["B1", "B2", "B3", "B9"]);
        assert_eq!(described.graph.neighbours(0), [1]);
        assert_eq!(described.graph.neighbours(1), [0, 2]);
        assert_eq!(described.graph.neighbours(3), [0u32; 0], "its relation is left out");
        assert_eq!(described.graph.weight(2, 1), Some(2.0));
        let Some(ColumnValues::Categorical { codes, vocabulary }) = described.features.column("price") else {
            panic!("there must be prices");
        };
        assert_eq!(
            (&codes[..], &vocabulary[..]),
            (&[Some(0), None, None, None][..], &["01 of 10".to_string()][..])
        );
        assert_eq!(described.title(1), Some("B2, \"large\""));
        assert_eq!(described.title(2), None);
    }

    #[test]
    fn a_folder_gives_back_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("graph");
        described().write(&path).unwrap();
        assert_eq!(DescribedGraph::read(&path).unwrap(), described());
        // Written by hand, without items and in one direction.
        fs::remove_file(path.join(ITEMS)).unwrap();
        fs::write(path.join(EDGES), "source,target\n7,5\n").unwrap();
        let by_hand = DescribedGraph::read(&path).unwrap();
        assert_eq!((by_hand.items.len(), by_hand.graph.neighbours(1)), (2, &[0u32][..]));
        fs::write(path.join(ITEMS), "item, brand\n 7 ,x\n").unwrap();
        assert_eq!(DescribedGraph::read(&path).unwrap().items.len(), 2, "spaces around ids do not count");
        // Blank lines neither hide edges nor make some.
        fs::write(path.join(EDGES), format!("source,target\n{}7,5\n", "\n".repeat(3000))).unwrap();
        assert_eq!(DescribedGraph::read(&path).unwrap().graph.n_edges(), 1);
        fs::write(path.join(EDGES), "source,target\n\n \n").unwrap();
        assert_eq!(DescribedGraph::read(&path).unwrap().graph.n_edges(), 0);
    }

    #[test]
    fn a_graph_without_edges_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let lonely = DescribedGraph {
            items: IdMap::from_texts(["a".to_string()]),
            graph: ItemGraph::without_edges(1).unwrap(),
            features: FeatureTable::new(1),
        };
        lonely.write(folder.path()).unwrap();
        assert_eq!(DescribedGraph::read(folder.path()).unwrap(), lonely);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let message = |items: &str| {
            fs::write(folder.path().join(EDGES), "source,target,weight\na,b,1\n").unwrap();
            fs::write(folder.path().join(ITEMS), items).unwrap();
            let message = DescribedGraph::read(folder.path()).unwrap_err().to_string();
            message.split_once("items.csv").unwrap().1.to_string()
        };
        assert_eq!(message("id\na\n"), " line 1: the first column must be named item");
        assert_eq!(message("item\na\nb\na\n"), " line 4: item \"a\" has line 2 already; keep one");
        assert_eq!(message("item,x\n,1\n"), " line 2: the item is empty");
        assert!(message("item,x\na\n").starts_with(" line 2: "));
        let weights = [("bought".to_string(), 1.0)];
        let error = DescribedGraph::from_products(&[product("a", None, &[])], &weights).unwrap_err();
        assert!(error.to_string().starts_with("relation: there is no relation \"bought\""), "{error}");
    }
}
