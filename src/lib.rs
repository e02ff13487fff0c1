//! A small blocking client for one call of the Soap payments API.

mod config;
mod customer;
mod error;
mod exchange;
mod field;
mod names;
mod patch;
mod retry;
#[cfg(feature = "testing")]
pub mod testing;
mod transport;
mod update;

pub use crate::config::{AuthScheme, Config, ConfigBuilder};
pub use crate::customer::Customer;
pub use crate::error::{ApiError, Error, ErrorKind, Outcome};
pub use crate::field::Violation;
pub use crate::patch::CustomerPatch;
pub use crate::update::update_customer;
