//! The tool, run as a program against the crate's test server.
//!
//! `BULK_LINES`, `BULK_KILLS` and `BULK_SEED` set the size and the course of
//! the run that is killed over and over; see `killed.rs`.

mod announce;
mod bench;
mod cli;
mod columns;
mod conversions;
mod export;
mod failures;
mod files;
mod input;
mod killed;
mod pacing;
mod rehearsal;
mod resume;
mod stopping;
mod tls;
mod writers;
