//! A small blocking client for one call of the Soap payments API: change some
//! details of one customer, `PATCH /api/v1/customers/{id}`.
//!
//! # Example
//!
//! ```
//! use paywithsoap::{Config, CustomerPatch, update_customer};
//! # use paywithsoap::testing::TestServer;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = TestServer::start()?;
//! # let cfg = server.config().build()?;
//! # #[cfg(any())]
//! let cfg = Config::sandbox(&api_key)?;
//! let id = "cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V";
//! let patch = CustomerPatch::new().first_name("Jane").phone_number("5551234567");
//! let customer = update_customer(&cfg, id, &patch)?;
//! assert_eq!(customer.phone_number.as_deref(), Some("5551234567"));
//! # Ok(())
//! # }
//! ```
//!
//! # How a call flows
//!
//! 1. Id and patch are checked. Whatever is wrong with them is reported at
//!    once, each as a [`Violation`], and nothing is sent.
//! 2. The request goes out, over a connection that the [`Config`] kept or a new
//!    one. No redirect is followed.
//! 3. A failure that certainly changed nothing and may pass (a refused
//!    connection, 429) is tried again, after a wait that grows and obeys
//!    `Retry-After`.
//! 4. The response is read leniently into a [`Customer`]; only its id is relied on.
//!
//! All of this ends by the [`timeout`](ConfigBuilder::timeout) of the `Config`,
//! 30 s unless set. A call runs on the caller's thread. Only a host name that
//! is not remembered is looked up on a thread of its own, since the system's
//! lookup knows no deadline.
//!
//! # What can go wrong
//!
//! `Ok` means applied. An [`Error`] has an [`outcome`](Error::outcome):
//! [`NotApplied`](Outcome::NotApplied) only where that is certain,
//! [`Unknown`](Outcome::Unknown) otherwise. Its [`kind`](Error::kind) tells what
//! happened, [`is_transient`](Error::is_transient) whether trying later may
//! work.
//!
//! Neither the API key nor the customer's data shows in any `Debug` output, in
//! any error's `Display`, or in log records at DEBUG or above. (At TRACE, ureq
//! logs raw bytes; turn the targets `ureq` and `ureq_proto` down.) Where an
//! error shows the server's message, every e-mail address, date and number of
//! seven or more digits is redacted, whosever it is, and so are the key and the
//! names of the patch; other names may show. The response itself is returned
//! unredacted by [`Error::body`], [`ApiError::message`],
//! [`ApiError::field_errors`] and [`Customer::raw_json`].
//!
//! # What it does not do
//!
//! Any other call of the API, async, SOCKS proxies, HTTP/2; clear a field, which
//! the API does not document.
//!
//! # Features
//!
//! - `rustls` (default): TLS by rustls with ring, and the built-in roots.
//! - `rustls-no-provider`: the same without ring, by the `CryptoProvider` that
//!   the process has installed; used where neither `rustls` nor `native-tls` is on.
//! - `native-tls`: the system's TLS and roots, unless `rustls` is on.
//! - `platform-verifier`: lets rustls use the system's roots, where
//!   [`system_roots(true)`](ConfigBuilder::system_roots) asks for it.
//! - `testing`: the in-process test server, for tests of your own program.
//!
//! With no TLS feature, an `https` base URL is a violation.
//!
//! # TLS without a C compiler
//!
//! ring is C in part. With `rustls-no-provider` a program brings a provider of
//! its own; [`rustls-graviola`](https://docs.rs/rustls-graviola) is Rust and
//! inline assembler, for `x86_64` and `aarch64`:
//!
//! ```toml
//! paywithsoap = { version = "0.1", default-features = false, features = ["rustls-no-provider"] }
//! rustls-graviola = "0.4"
//! ```
//!
//! The program installs it before its first call, with
//! `rustls_graviola::default_provider().install_default()`. Where no provider is
//! installed, ureq panics at the first TLS connection: the one panic that this
//! crate does not keep from its callers.
//!
//! # FIPS
//!
//! The provider that a process has installed is preferred to ring, with the
//! feature `rustls` too. So a program gets the validated module of AWS-LC by its
//! own dependency on `rustls` with the feature `fips`, and
//! `rustls::crypto::aws_lc_rs::default_provider().install_default()` before its
//! first call.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod api_error;
mod config;
mod connection;
mod customer;
mod error;
mod exchange;
mod format;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(test)]
mod model_tests;
mod patch;
#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
mod pem;
mod personal_data;
mod pool;
mod proxy;
#[cfg(test)]
mod proxy_tests;
mod redact;
#[cfg(test)]
mod redact_tests;
mod resolver;
mod retry;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;
mod update;
mod url;

pub use crate::api_error::{ApiError, FieldError};
pub use crate::config::{AuthScheme, Config, ConfigBuilder};
pub use crate::customer::Customer;
pub use crate::error::{Error, ErrorKind, Outcome};
pub use crate::format::Violation;
pub use crate::patch::CustomerPatch;
pub use crate::update::update_customer;
pub use time;

/// Compiles and runs the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
