//! The recipes that need other crates, each a module. README and the crate page
//! quote some word for word. `cargo test` runs them, and compares the quotes.
#![cfg(test)]

mod anyhow;
mod quotes;
mod thiserror;
mod tokio;
mod toml;
mod tracing;
