//! The recipes of README that need other crates, each a module that README
//! quotes word for word. `cargo test` runs them, and compares the quotes.
#![cfg(test)]

mod anyhow;
mod readme;
mod thiserror;
mod toml;
