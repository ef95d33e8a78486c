//! The server and its folder, as programs see them.

mod answers;
mod chaos;
mod folder;
mod http;
mod world;
