//! Answers from a folder that training wrote, in a program of one's own or over HTTP.
//!
//! [`ServingTables`] writes a folder, [`ServingModel`] maps it and answers.

mod answer;
mod api;
mod error;
mod folder;
#[cfg(feature = "http")]
mod http;
mod live;
#[cfg(feature = "http")]
mod log;
#[cfg(feature = "http")]
mod metrics;
mod model;
mod rerank;
mod rows;
#[cfg(feature = "http")]
mod server;
mod sources;
mod tables;
mod texts;

pub use api::{
    Basis, ErrorInfo, ErrorResponse, Filters, FoundBy, Id, ItemInfo, ModelResponse, RecommendRequest,
    RecommendResponse, RecommendedItem, RequestError, SimilarItem, SimilarResponse, UserResponse,
    UserSummary, UsersResponse,
};
pub use error::{Error, Result};
pub use folder::{activate, copy_version, current_version, prune};
#[cfg(feature = "http")]
pub use http::{HttpConfig, HttpState, LogConfig, router};
pub use live::{LiveModel, Reload};
pub use model::{MakeIndex, ModelConfig, ServingModel, exact_index};
pub use rows::Rows;
#[cfg(feature = "http")]
pub use server::{ServeConfig, run};
pub use sources::SourcesConfig;
pub use tables::{CohortTables, ItemTables, RankerTables, ServingTables, UserTables};
