//! Every way of embedding ids and every sparse optimizer on every backend.

mod bags;
mod dense;
mod hashing;
mod host;
mod inference;
mod large;
mod networks;
mod plain_networks;
mod records;
mod state;
mod tables;
