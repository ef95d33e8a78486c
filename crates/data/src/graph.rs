//! Graphs of items, and what is made of them.
//!
//! An [`ItemGraph`] comes from weighted edges, from relations such as "bought together" with a weight each
//! ([`ItemGraph::from_relations`]), or from who met what when ([`CoVisitationConfig`]). A [`TimedGraph`] is
//! one that edges are added to and age away from. A [`DescribedGraph`] knows ids and features of its items, and
//! is kept in a folder; an [`EdgeList`] is read from any file of links. [`RandomWalks`] are sequences of its nodes, for whatever
//! learns from [`Sequences`](crate::Sequences).
//!
//! Nodes are items by index. A graph may have one node more than there are items: the start of users without
//! history ([`ItemGraph::with_start_node`]).

mod co_visitation;
mod described;
mod edge_list;
mod edges;
mod freshness;
mod item_graph;
mod link_split;
mod start_node;
mod step;
mod timed;
mod walks;

pub use co_visitation::{CoVisitationConfig, Normalization};
pub use described::{DescribedGraph, RelationWeights};
pub use edge_list::{EdgeFormat, EdgeList, RelationEdge};
pub use edges::{Edge, EdgeReport, Relation};
pub use freshness::Freshness;
pub use item_graph::ItemGraph;
pub use link_split::{LinkSplit, LinkSplitConfig};
pub use start_node::first_item_counts;
pub use step::EdgeSampler;
pub use timed::TimedGraph;
pub use walks::{MIN_PROPOSALS, RandomWalks, RandomWalksConfig};
