//! Weighted links between items, one a line or from product metadata.

mod fields;
mod format;
mod read;

use std::path::Path;

pub use format::EdgeFormat;

use crate::amazon::{Product, Related};
use crate::table::{Codes, Merged};
use crate::{IdMap, ReadLimits, ReadReport, Result};

/// A link from one node to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RelationEdge {
    /// Index in [`EdgeList::nodes`].
    pub source: u32,
    /// Index in [`EdgeList::nodes`].
    pub target: u32,
    /// Index in [`EdgeList::relations`].
    pub relation: u16,
    /// Finite and not negative.
    pub weight: f32,
}

/// Links as they were written: repeated ones, loops and links in both directions are all kept.
///
/// ```
/// use burn_recsys_data::ReadLimits;
/// use burn_recsys_data::graph::{EdgeFormat, EdgeList};
///
/// let text = "source,target,relation,weight\nb,a,bought,2\nb,c,viewed,0.5\n";
/// let (links, report) =
///     EdgeList::from_reader("links.csv", text.as_bytes(), &EdgeFormat::default(), &ReadLimits::strict())?;
/// assert_eq!(links.relations, ["bought", "viewed"]);
/// assert_eq!((links.edges[0].source, links.edges[0].target), (1, 0));
/// assert_eq!(links.undirected(links.relation("bought")), [(0, 1)]);
/// assert_eq!(report.n_broken, 0);
/// # Ok::<(), burn_recsys_data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeList {
    /// The ids of all sources and targets.
    pub nodes: IdMap,
    /// In the order of the file.
    pub edges: Vec<RelationEdge>,
    /// The names of the relations, ascending by bytes; one without a name, `""`, if links have none.
    pub relations: Vec<String>,
}

impl EdgeList {
    /// Reads a file of links, plain or gzip-compressed: a line of column names, then one link a line.
    ///
    /// The separator is the one of `,` `;` tab `|` that the first line has most of, unless `format` says
    /// which. Fields may be quoted with `"`, but not across lines. Spaces around fields do not count, nor do
    /// blank lines.
    ///
    /// A line with an empty field, too many or too few of them, or a weight that is not a finite number from
    /// 0 is broken: it is passed over, counted, and past [`ReadLimits::max_broken_share`] stops the reading.
    ///
    /// # Errors
    /// If the file cannot be read, lacks a column or holds no link, a gzip file is cut or damaged, too many
    /// lines are broken, or there are more than 65,536 relations or 2^31 links.
    pub fn read(
        path: impl AsRef<Path>,
        format: &EdgeFormat,
        limits: &ReadLimits,
    ) -> Result<(Self, ReadReport)> {
        read::file(path.as_ref(), format, limits)
    }

    /// Reads links from `reader`, which errors call `name`; else like [`read`](Self::read).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_reader(
        name: impl AsRef<Path>,
        reader: impl std::io::Read + Send + 'static,
        format: &EdgeFormat,
        limits: &ReadLimits,
    ) -> Result<(Self, ReadReport)> {
        read::reader(name.as_ref(), reader, format, limits)
    }

    /// The links of products to related ones, each of weight 1, in the order of their indices.
    ///
    /// The relations are [`Related::NAMES`], with or without links. All products are nodes, and so are related
    /// ones that are not among `products`. A link counts once, however often a dump repeats it.
    pub fn from_products(products: &[Product]) -> Self {
        let mut codes = Codes::default();
        let mut links: Vec<(u32, u32, u16)> = Vec::new();
        for product in products {
            let source = codes.code(product.asin.as_bytes());
            for (relation, targets) in (0..).zip(product.related.lists()) {
                links.extend(targets.iter().map(|id| (source, codes.code(id.as_bytes()), relation)));
            }
        }
        let merged = Merged::new(vec![codes]);
        for (source, target, _) in &mut links {
            (*source, *target) = (merged.index(0, *source), merged.index(0, *target));
        }
        links.sort_unstable();
        links.dedup();
        let edge = |(source, target, relation)| RelationEdge { source, target, relation, weight: 1.0 };
        EdgeList {
            nodes: merged.ids,
            edges: links.into_iter().map(edge).collect(),
            relations: Related::NAMES.map(String::from).to_vec(),
        }
    }

    /// The index of a relation, or `None` if no link is of it.
    pub fn relation(&self, name: &str) -> Option<u16> {
        self.relations.iter().position(|known| known == name).map(|index| index as u16)
    }

    /// The linked pairs of different nodes, the smaller index first, ascending and each once: those of one
    /// relation, or of all if `relation` is `None`. Links of weight 0 are left out.
    pub fn undirected(&self, relation: Option<u16>) -> Vec<(u32, u32)> {
        let wanted = |edge: &&RelationEdge| {
            edge.source != edge.target
                && edge.weight > 0.0
                && relation.is_none_or(|relation| relation == edge.relation)
        };
        let pair = |edge: &RelationEdge| (edge.source.min(edge.target), edge.source.max(edge.target));
        let mut pairs: Vec<(u32, u32)> = self.edges.iter().filter(wanted).map(pair).collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }
}

#[cfg(test)]
mod tests;
