//! The server and its folder, as programs see them.

mod answers;
mod folder;
mod http;
mod world;
