//! x
#![allow(missing_docs,dead_code,unreachable_pub)]
mod error;mod roles;mod rows;
pub use error::{Error,Result};pub use roles::ColumnNames;
