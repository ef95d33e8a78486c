//! Graphs of items: links read from files, and links held out.

mod edge_list;
mod link_split;

pub use edge_list::{Edge, EdgeFormat, EdgeList};
pub use link_split::{LinkSplit, LinkSplitConfig};
