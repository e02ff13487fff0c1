//! A small blocking client for one call of the Soap payments API: change some
//! details of one customer, `PATCH /api/v1/customers/{id}`.
//!
//! [`update_customer`] takes a [`Config`], the customer's id and a
//! [`CustomerPatch`], and returns the [`Customer`] or an [`Error`]. After any call
//! the caller knows whether the change was applied, was not applied, or may have
//! been applied.
//!
//! # Example
//!
//! ```no_run
//! use paywithsoap::{Config, CustomerPatch, Outcome, update_customer};
//!
//! // SOAP_API_KEY; the sandbox, unless SOAP_API_URL is set.
//! let cfg = Config::from_env()?;
//! let id = "cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V";
//! let patch = CustomerPatch::new().first_name("Jane").phone_number("5551234567");
//!
//! match update_customer(&cfg, id, &patch) {
//!     Ok(customer) => println!("applied at {:?}", customer.updated_at),
//!     Err(error) => match error.outcome() {
//!         Outcome::NotApplied => eprintln!("the customer is as before: {error:#}"),
//!         Outcome::Unknown => eprintln!("look before you send it again: {error:#}"),
//!     },
//! }
//! # Ok::<(), paywithsoap::Error>(())
//! ```
//!
//! # How a call flows
//!
//! 1. The id and the patch are checked. Everything that is wrong with them is
//!    reported at once, each as a [`Violation`], and nothing is sent. [`validate`] does
//!    only this.
//! 2. The request is sent, over a connection that the [`Config`] kept or over a new
//!    one. Redirects are not followed.
//! 3. A failure that certainly changed nothing and is transient (a refused
//!    connection, 429) is retried, after a delay that grows and obeys
//!    `Retry-After`.
//! 4. The response is read leniently into a [`Customer`]. Only its id is relied on.
//!
//! A call runs on the caller's thread. Only a host name that is not cached is
//! looked up on a thread of its own, because the system's lookup has no timeout.
//!
//! # Outcomes
//!
//! | result | the change | what to do |
//! |---|---|---|
//! | `Ok(customer)` | was applied | look at [`mismatches`](Customer::mismatches) |
//! | [`NotApplied`](Outcome::NotApplied) | was not applied | fix what the error says; try later if it [is transient](Error::is_transient) |
//! | [`Unknown`](Outcome::Unknown) | may have been applied | look at the customer, or send it again if nobody else changes it |
//!
//! `Ok` means that the API accepted the change and returned this customer. A server
//! may accept a change and drop a value that it cannot store;
//! [`Customer::mismatches`] returns the fields that the response shows with another
//! value.
//!
//! `NotApplied` is reported only where it is certain, with two limits. A 4xx
//! response is taken as the API's word that it did not act (RFC 9110, 15.5); a
//! gateway that invents one breaks that. And no HTTP/1.1 client can tell the response
//! to its request from an unsolicited one that arrives after the idle connection was
//! checked and before the request's own response.
//!
//! An idle connection is used again for 4 seconds at most, and for a second less than
//! the server's `Keep-Alive: timeout` says. Where the server closes it at the moment at
//! which the next request is sent, that request is `Unknown`. The client learns from
//! it: once one was closed sooner, idle connections are used for half of that time, or
//! for none. In a busy program, trials find out within about a minute that the server
//! keeps them longer again.
//!
//! Everything else is `Unknown`. Once one attempt of a call was `Unknown`, the call
//! stays so, unless a later attempt returns the customer.
//!
//! ```
//! use paywithsoap::testing::{Fault, TestServer};
//! use paywithsoap::{CustomerPatch, Outcome, update_customer};
//!
//! let server = TestServer::start()?;
//! let cfg = server.config().build()?;
//! let id = TestServer::CUSTOMER_ID;
//!
//! // A date that the server's database does not have.
//! let patch = CustomerPatch::new().date_of_birth("1582-10-10");
//! let body = format!(r#"{{"id":"{id}","date_of_birth":null}}"#);
//! server.fail_next(Fault::respond(200, body));
//! let customer = update_customer(&cfg, id, &patch)?;
//! assert_eq!(customer.mismatches(&patch), ["date_of_birth"]);
//!
//! // A 4xx response.
//! server.fail_next(Fault::respond(403, ""));
//! let error = update_customer(&cfg, id, &patch).unwrap_err();
//! assert_eq!(error.outcome(), Outcome::NotApplied);
//!
//! // The server is disconnected before it responds.
//! server.fail_next(Fault::CloseAfterReading);
//! let error = update_customer(&cfg, id, &patch).unwrap_err();
//! assert_eq!(error.outcome(), Outcome::Unknown);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Error kinds
//!
//! [`Error::kind`] returns what happened:
//!
//! | kind | when | outcome |
//! |---|---|---|
//! | [`InvalidInput`](ErrorKind::InvalidInput) | settings, id or patch were rejected before anything was sent | `NotApplied` |
//! | [`Api`](ErrorKind::Api) | the status is 4xx | `NotApplied` |
//! | | any other status that is not 2xx | `Unknown` |
//! | [`Transport`](ErrorKind::Transport) | nothing was sent: name, connection, proxy, TLS | `NotApplied` |
//! | | the request was sent, and there was no complete response | `Unknown` |
//! | [`InvalidResponse`](ErrorKind::InvalidResponse) | the status is 2xx, but the body is truncated, is too long or is not this customer | `Unknown` |
//!
//! The API documents no error bodies, so [`ApiError`] has what can be read from JSON of
//! any shape and from short plain texts. Its message joins the texts under keys such as
//! `message`, `error` and `detail`, its hint is the text under `hint`, and both are raw.
//! A rejected field is one that a key, a locator such as `path`, or the start of a text
//! names. Not read are HTML, JSON that is cut, levels beyond the sixteenth, values beyond
//! the first thousand, and what merely repeats the request or the customer. Statuses
//! other than 4xx have no rejected fields.
//!
//! ```
//! use paywithsoap::testing::TestServer;
//! use paywithsoap::{CustomerPatch, ErrorKind, update_customer};
//!
//! let server = TestServer::start()?;
//! server.add_customer(r#"{"id":"cus_2","email":"ann@example.com"}"#);
//! let cfg = server.config().build()?;
//! let patch = CustomerPatch::new().email("ann@example.com");
//! let error = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).unwrap_err();
//!
//! let ErrorKind::Api(api) = error.kind() else { panic!("{error:?}") };
//! assert_eq!(api.status(), 422);
//! assert_eq!(api.field_errors()[0].field(), "email");
//! assert_eq!(api.field_errors()[0].message(), "has already been taken");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Retries
//!
//! A call makes up to two retries ([`max_retries`](ConfigBuilder::max_retries))
//! where that is safe and may succeed. That is after 408, 425 and 429, and where nothing
//! was sent and the failure is transient (not a bad certificate). With
//! [`retry_unknown(true)`](ConfigBuilder::retry_unknown) it also retries after a
//! connection that broke, 500, 502, 503, 504 and 520 to 524. That may apply the change
//! twice, and overwrite a change that somebody else made in between.
//!
//! [`Customer::attempts`] and [`Error::attempts`] tell how many attempts a call took.
//! [`on_attempt`](ConfigBuilder::on_attempt) sets a function that is called after each
//! of them, to count or log what a retried success would hide.
//!
//! The delay before retry k is `min(8 s, 0.5 s * 2^(k-1))` times a random factor
//! between 0.5 and 1, and never less than `Retry-After`. A delay of more than 30 s,
//! or past the deadline, ends the call at once:
//!
//! ```
//! use std::time::Duration;
//!
//! use paywithsoap::testing::{Fault, TestServer};
//! use paywithsoap::{CustomerPatch, update_customer};
//!
//! let server = TestServer::start()?;
//! let cfg = server.config().build()?;
//! server.fail_next(Fault::respond(429, "").header("retry-after", "120"));
//! let patch = CustomerPatch::new().first_name("Jane");
//! let error = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).unwrap_err();
//!
//! assert!(error.is_transient());
//! assert_eq!(error.attempts(), 1);
//! assert_eq!(error.retry_after(), Some(Duration::from_secs(120)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Timeouts
//!
//! [`timeout`](ConfigBuilder::timeout), 30 s by default, bounds the whole call: name
//! lookup, connects, proxy, TLS, request, response, retries and the delays between
//! them. [`connect_timeout`](ConfigBuilder::connect_timeout), 5 s by default, bounds
//! everything up to a usable connection. On an idle machine a call of a release build
//! returns no later than 50 ms after its timeout. [`Config::with_timeout`] sets another one for some
//! calls, which share the connections:
//!
//! ```
//! use std::time::Duration;
//!
//! use paywithsoap::testing::TestServer;
//! use paywithsoap::{CustomerPatch, Outcome, update_customer};
//!
//! let server = TestServer::start()?;
//! let cfg = server.config().timeout(Duration::from_secs(10)).build()?;
//! let patch = CustomerPatch::new().first_name("Jane");
//! update_customer(&cfg, TestServer::CUSTOMER_ID, &patch)?;
//!
//! // No time at all: the input is checked, and nothing is tried.
//! let none = cfg.with_timeout(Duration::ZERO);
//! let error = update_customer(&none, TestServer::CUSTOMER_ID, &patch).unwrap_err();
//! assert_eq!((error.outcome(), error.attempts()), (Outcome::NotApplied, 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Formats
//!
//! | what | accepted |
//! |---|---|
//! | id | `cus_` and 1 to 128 ASCII letters or digits |
//! | `email` | a valid e-mail address by the HTML standard, at most 254 bytes |
//! | `first_name`, `last_name` | at most 255 characters, at least one of them visible, no control characters |
//! | `phone_number` | exactly 10 digits |
//! | `date_of_birth` | `YYYY-MM-DD`, a valid calendar date, years 0001 to 9999 |
//!
//! Nothing is trimmed or rewritten: what is accepted is sent as it is. The checks are
//! strict because a server that parses leniently responds with 200 all the same. A Rails
//! date column stores no date for `1990-02-30`, and the 1st of February for `01/02/1990`.
//! A field that is left out keeps its value. The API does not document
//! how to clear one, so this crate cannot.
//!
//! A patch can also be read by serde; see [`CustomerPatch`].
//!
//! ```
//! use paywithsoap::CustomerPatch;
//!
//! let patch = CustomerPatch::new()
//!     .phone_number("555-123-4567")
//!     .date_of_birth("02/13/1990");
//! let error = patch.validate().unwrap_err();
//! let fields: Vec<_> = error.violations().iter().map(|v| v.field()).collect();
//! assert_eq!(fields, ["phone_number", "date_of_birth"]);
//!
//! let patch = CustomerPatch::new().phone_number("5551234567");
//! assert_eq!(patch.to_json()?, r#"{"phone_number":"5551234567"}"#);
//! # Ok::<(), paywithsoap::Error>(())
//! ```
//!
//! # Proxies
//!
//! A call to `https` goes through a proxy by CONNECT: the one that
//! [`proxy`](ConfigBuilder::proxy) sets, or else the environment's. That is the first of
//! `https_proxy`, `HTTPS_PROXY`, `all_proxy` and `ALL_PROXY` that is not empty.
//! `no_proxy` and `NO_PROXY` list hosts to reach without it, and this machine is
//! always reached without it. An unusable proxy is a violation, never a direct
//! connection. The proxy sees neither the key nor the headers of the request.
//!
//! ```no_run
//! use paywithsoap::Config;
//!
//! let cfg = Config::builder("not-a-real-key")
//!     .proxy("http://user:p%40ssword@proxy.example:3128")
//!     .build()?;
//! let direct = Config::builder("not-a-real-key").no_proxy().build()?;
//! # Ok::<(), paywithsoap::Error>(())
//! ```
//!
//! # TLS
//!
//! TLS is version 1.2 or newer, without early data. The feature `rustls`, on by
//! default, trusts Mozilla's roots, which are compiled in. Without it, `native-tls`
//! uses the system's library and its roots.
//! [`root_certificates`](ConfigBuilder::root_certificates) takes a PEM file to trust
//! instead of any other roots. The environment variable `SOAP_API_CA` has the absolute
//! path of one. To trust one more CA beside the usual ones, put both into one file:
//!
//! ```text
//! cat /etc/ssl/certs/ca-certificates.crt company-ca.pem >roots.pem
//! ```
//!
//! On Linux, `native-tls` and [`system_roots(true)`](ConfigBuilder::system_roots) trust
//! what `SSL_CERT_FILE` and `SSL_CERT_DIR` name. Neither backend checks there whether a
//! certificate was revoked, and rustls with the built-in roots does so nowhere.
//!
//! ```no_run
//! use paywithsoap::Config;
//!
//! let cfg = Config::builder("not-a-real-key")
//!     .base_url("https://soap-gateway.internal")
//!     .root_certificates(std::fs::read("/etc/ssl/internal-ca.pem")?)
//!     .build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without TLS, by `http`, a call goes to this machine alone. A program may allow other
//! hosts, each by its name, with [`danger_allow_http`](ConfigBuilder::danger_allow_http):
//! a mock in a container network, or a sidecar that adds TLS. The network between then
//! sees the key.
//!
//! ## TLS without a C compiler
//!
//! ring, which `rustls` uses, is C in part. With `rustls-no-provider` a program brings
//! its own provider of cryptography. [`rustls-graviola`](https://docs.rs/rustls-graviola)
//! is Rust and inline assembler, for `x86_64` and `aarch64`, from Rust 1.89 on:
//!
//! ```toml
//! [dependencies]
//! rustls-graviola = "0.4"
//!
//! [dependencies.paywithsoap]
//! path = "vendor/paywithsoap"
//! default-features = false
//! features = ["rustls-no-provider"]
//! ```
//!
//! The program installs it before its first call:
//!
//! ```text
//! rustls_graviola::default_provider()
//!     .install_default()
//!     .map_err(|_| "another provider is installed already")?;
//! ```
//!
//! Where no provider is installed, ureq panics at the first TLS connection. It is the
//! one panic that this crate does not prevent.
//!
//! ## FIPS
//!
//! A provider that the process has installed is preferred to ring with the feature
//! `rustls`, too. The validated module of AWS-LC comes by a dependency of the program's
//! own on `rustls` with the feature `fips`. Its build also needs Go and `cmake`. The
//! program installs it before its first call:
//!
//! ```text
//! rustls::crypto::aws_lc_rs::default_provider()
//!     .install_default()
//!     .map_err(|_| "another provider is installed already")?;
//! ```
//!
//! # Logging
//!
//! This crate logs nothing. ureq and rustls log by the `log` crate. At DEBUG and
//! above their records hold neither the key nor personal data, with two exceptions. At
//! DEBUG, ureq shows what the server writes into some headers, such as `server` and
//! `content-type`. Where another crate enables ureq's feature `cookies`, the target
//! `cookie_store` logs there each cookie that a response sets. At TRACE, ureq logs raw bytes, the key
//! included. Filters for both:
//!
//! ```text
//! RUST_LOG=debug,ureq=info,cookie_store=info
//! RUST_LOG=trace,ureq=debug,ureq_proto=debug,cookie_store=info
//! ```
//!
//! No `Debug` output and no error's `Display` shows the key, a header's value or a
//! rejected value. Of the server's message an error shows, word by word, what may be
//! shown. These are plain lower-case words, the five field names, numbers of up to three
//! digits, and capitalised words that APIs use, like `Invalid`. Anything else becomes
//! `[..]`. So does a word that holds eight characters in a row of the key or a header's
//! value, or three letters or more that are a word of a name or of the address that was
//! sent, or all letters of one. What may still show, in lower case, is the name of
//! somebody else, and a sent one in another spelling. [`Error::body`], [`ApiError::message`],
//! [`ApiError::hint`], [`ApiError::field_errors`] and [`Customer::raw_json`] return the
//! response unredacted.
//!
//! `{:#}` prints an error with its causes on one line, and `{:?}` each cause on a line
//! of its own:
//!
//! ```
//! use paywithsoap::testing::{Fault, TestServer};
//! use paywithsoap::{CustomerPatch, update_customer};
//!
//! let server = TestServer::start()?;
//! let cfg = server.config().build()?;
//! server.fail_next(Fault::respond(422, r#"{"errors":["jane@example.com is taken"]}"#));
//! let patch = CustomerPatch::new().email("jane@example.com");
//! let error = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).unwrap_err();
//! assert_eq!(
//!     format!("{error:#}"),
//!     "not applied: the API responded with 422: [..] is taken"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Testing
//!
//! The feature `testing` has `testing::TestServer`, an in-process test server on
//! 127.0.0.1. It remembers its customers, rejects what the API rejects, and fails as it
//! is asked to. `TestServer::bind` serves other hosts of a test network, too.
//!
//! ```toml
//! [dev-dependencies]
//! paywithsoap = { path = "vendor/paywithsoap", features = ["testing"] }
//! ```
//!
//! ```
//! use paywithsoap::testing::TestServer;
//! use paywithsoap::{CustomerPatch, update_customer};
//!
//! let server = TestServer::start()?;
//! let cfg = server.config().build()?;
//! let patch = CustomerPatch::new().last_name("Roe");
//! let customer = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch)?;
//! assert_eq!(customer.last_name.as_deref(), Some("Roe"));
//! assert_eq!(server.requests()[0].body, br#"{"last_name":"Roe"}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Constrained environments
//!
//! A call takes this much, measured with `.ci/steps/constrained figures` of the crate's
//! sources on x86-64 Linux, 2026-11-24:
//!
//! | a call, without and with TLS | release | debug |
//! |---|--:|--:|
//! | stack, glibc | 30 KiB, 43 KiB | 80 KiB, 135 KiB |
//! | stack, static musl | 23 KiB, 35 KiB | 75 KiB, 127 KiB |
//! | address space, glibc | 5,513 KiB | 8,257 KiB |
//! | address space, static musl | 3,257 KiB, 3,342 KiB | 5,841 KiB, 5,927 KiB |
//! | address space, static musl, built without TLS | 1,598 KiB | |
//! | file descriptors beyond the standard three | 1 | 1 |
//!
//! - Too small a stack aborts the process, as in any Rust program.
//! - No file is needed: an empty root directory, without `/etc`, `/dev` and `/proc`, is
//!   enough, and so is a read-only one. `localhost` is never looked up.
//! - Where no thread can be started, host names fail at once with `NotApplied`, and
//!   addresses work.
//! - Where there is no network, a call ends with `NotApplied`.
//! - Whatever the clock shows, nothing panics. TLS needs the right time, or no
//!   certificate is valid: `NotApplied`.
//! - Without TLS, no random numbers are needed. TLS needs them: where the system
//!   has none at all, not even `/dev/urandom`, rustls panics.
//!
//! ```
//! use std::thread;
//!
//! use paywithsoap::testing::TestServer;
//! use paywithsoap::{CustomerPatch, update_customer};
//!
//! let server = TestServer::start()?;
//! let cfg = server.config().build()?;
//! let patch = CustomerPatch::new().first_name("Jane");
//! let thread = thread::Builder::new()
//!     .stack_size(256 * 1024)
//!     .spawn(move || update_customer(&cfg, TestServer::CUSTOMER_ID, &patch))?;
//! thread.join().unwrap()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Async programs
//!
//! A call blocks its thread. An async program makes it on a thread that may block:
//!
//! ```
//! # // tokio's bounds, so that this compiles without it.
//! # mod tokio {
//! #     pub mod task {
//! #         pub async fn spawn_blocking<F, R>(f: F) -> std::io::Result<R>
//! #         where
//! #             F: FnOnce() -> R + Send + 'static,
//! #             R: Send + 'static,
//! #         {
//! #             Ok(f())
//! #         }
//! #     }
//! #
//! #     pub fn spawn<F>(_: F)
//! #     where
//! #         F: Future + Send + 'static,
//! #         F::Output: Send + 'static,
//! #     {
//! #     }
//! # }
//! use paywithsoap::{Config, Customer, CustomerPatch, update_customer};
//!
//! async fn rename(
//!     cfg: &Config,
//!     id: String,
//!     name: String,
//! ) -> Result<Customer, Box<dyn std::error::Error + Send + Sync>> {
//!     let cfg = cfg.clone();
//!     let patch = CustomerPatch::new().first_name(name);
//!     let call = move || update_customer(&cfg, &id, &patch);
//!     Ok(tokio::task::spawn_blocking(call).await??)
//! }
//! # fn may_be_spawned(cfg: Config) {
//! #     tokio::spawn(async move { rename(&cfg, String::new(), String::new()).await });
//! # }
//! ```
//!
//! A call cannot be cancelled: dropping the future leaves it running until it returns,
//! at the latest by its timeout.
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `rustls` | yes | TLS by rustls with ring, and Mozilla's roots, compiled in |
//! | `rustls-no-provider` | | the same without ring, by the provider that the process installs |
//! | `native-tls` | | the system's TLS and roots |
//! | `platform-verifier` | | lets rustls trust the system's roots, with [`system_roots(true)`](ConfigBuilder::system_roots); implies `rustls` |
//! | `testing` | | the in-process test server |
//!
//! A feature adds a backend and changes nothing else: of those that are on, `rustls` is
//! used first, then `native-tls`, then `rustls-no-provider`. With none of them an `https`
//! base URL is a violation, and the build needs no C compiler.
//!
//! # Threads and processes
//!
//! A [`Config`] is `Send` and `Sync`. Its clones and all threads share its connections:
//!
//! ```
//! use std::thread;
//!
//! use paywithsoap::testing::TestServer;
//! use paywithsoap::{CustomerPatch, update_customer};
//!
//! let server = TestServer::start()?;
//! let cfg = server.config().build()?;
//! thread::scope(|scope| {
//!     for name in ["Ann", "Bob"] {
//!         let patch = CustomerPatch::new().first_name(name);
//!         let cfg = &cfg;
//!         scope.spawn(move || update_customer(cfg, TestServer::CUSTOMER_ID, &patch));
//!     }
//! });
//! assert_eq!(server.requests().len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Both calls change the same customer. Concurrent calls are not ordered, and the last
//! one wins.
//!
//! After a fork, parent and child never share a connection. Where another thread is in a
//! call at the fork, the child may find a lock held that nobody releases, as with any lock
//! of std. What a call does there is undefined. Fork before there are threads, or let the
//! child execute another program.
//!
//! Processes are told apart by their numbers. Where a process makes a PID namespace, a
//! grandchild in it may have the number of its grandparent: make a new [`Config`] there.
//!
//! # What it does not do
//!
//! Other calls of the API, async I/O, HTTP/2 and SOCKS proxies. It does not clear a
//! field, and has no idempotency key, because the API documents neither. Request ids,
//! `Retry-After` and error bodies, which the API does not document either, are used
//! where they are present and never relied on.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod api_error;
mod attempt;
mod config;
mod connection;
mod customer;
mod error;
mod exchange;
mod failure;
mod field_names;
mod format;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod json;
#[cfg(test)]
mod model_tests;
mod patch;
#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
mod pem;
mod pool;
mod process;
mod proxy;
mod redact;
mod resolver;
mod retry;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;
mod update;
mod url;

pub use crate::api_error::{ApiError, FieldError};
pub use crate::attempt::Attempt;
pub use crate::config::{AuthScheme, Config, ConfigBuilder};
pub use crate::customer::Customer;
pub use crate::error::{Error, ErrorKind, Outcome};
pub use crate::format::Violation;
pub use crate::patch::CustomerPatch;
pub use crate::update::{update_customer, validate};
pub use time;

/// Compiles and runs the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
