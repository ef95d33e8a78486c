//! Every lookup and every sparse optimizer on every backend.

mod bags;
mod host;
mod tables;
