//! The server and its folder, as programs see them.

#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod answers;
mod chaos;
mod folder;
mod http;
mod process;
mod ranker;
mod world;
