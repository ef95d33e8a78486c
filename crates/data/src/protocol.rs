//! Splits that papers published, in the files in which they were published.
//!
//! A split is read as it is: nobody is filtered out and nothing is drawn again, so that figures compare
//! with those of the papers. What cannot be read is refused with file and line.

mod item_meta;
mod lightgcn;
mod ncf;
mod text;

pub use item_meta::{ItemMeta, MetaField};
pub use lightgcn::LightGcn;
pub use ncf::{Ncf, NcfTest};
