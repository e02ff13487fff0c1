//! What the crate does, by its public API: a module for each subject.

mod attempt;
mod autotraits;
mod common;
mod config;
mod cookies;
mod error_bodies;
mod error_response;
mod faults;
mod formats;
mod header;
mod live;
mod patch;
#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
mod pem;
mod privacy;
mod properties;
#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
mod proxy;
mod request;
mod response;
mod reuse;
mod testing;
mod tls;
mod truncated;
