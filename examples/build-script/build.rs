//! Updates the customer of `customer.json` while the package is built.
//!
//! A build must not fail because a network is down, so a call that fails is a
//! warning; with `SOAP_BUILD_STRICT=1` it is an error. A mistake in
//! `customer.json` or in the variables always is one: it is found without any
//! network.

use std::env;
use std::error::Error;
use std::fs;
use std::time::Duration;

use paywithsoap::testing::TestServer;
use paywithsoap::{Config, Customer, CustomerPatch, ErrorKind, Outcome, update_customer};

fn main() -> Result<(), Box<dyn Error>> {
    // With any of these lines, cargo runs the script again only where one of
    // the things that they name has changed: not at every build.
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=customer.json");
    // Never for the key: cargo writes the value of each variable that is named
    // here into `target/`, which CI caches upload.
    for name in [URL, ID, STRICT] {
        println!("cargo::rerun-if-env-changed={name}");
    }

    if is_set(URL) && !is_set(KEY) {
        return Err(format!("{KEY} must be set where {URL} is").into());
    }
    let patch = read_patch().map_err(|error| format!("customer.json: {error}"))?;
    patch.validate()?;
    let strict = env::var(STRICT).is_ok_and(|value| value == "1");
    let id = env::var(ID).unwrap_or_default();
    if is_set(KEY) && id.is_empty() {
        return Err(format!("{ID} must be set where {KEY} is").into());
    }
    let (outcome, updated_at) = match update(&id, &patch) {
        Ok(customer) => {
            for field in customer.mismatches(&patch) {
                println!("cargo::warning=the response shows another {field} than was sent");
            }
            // As JSON, for its times are in RFC 3339.
            let customer = serde_json::to_value(customer)?;
            let time = customer["updated_at"].as_str().unwrap_or_default();
            let outcome = if is_set(KEY) { "applied" } else { "rehearsed" };
            (outcome, time.to_owned())
        }
        Err(error) if strict || matches!(error.kind(), ErrorKind::InvalidInput(_)) => {
            return Err(error.into());
        }
        Err(error) => {
            // With the causes, on the one line that a warning is.
            println!("cargo::warning={error:#}");
            let outcome = match error.outcome() {
                Outcome::NotApplied => "not applied",
                Outcome::Unknown => "unknown",
            };
            (outcome, String::new())
        }
    };
    // For `env!` in src/main.rs. Neither the key nor the customer's data: what
    // goes in here ends up in the binary.
    println!("cargo::rustc-env=SOAP_OUTCOME={outcome}");
    println!("cargo::rustc-env=SOAP_UPDATED_AT={updated_at}");
    Ok(())
}

fn read_patch() -> Result<CustomerPatch, Box<dyn Error>> {
    Ok(serde_json::from_str(&fs::read_to_string("customer.json")?)?)
}

/// Updates the customer of this id with the key `SOAP_API_KEY`, or that of a
/// test server where there is no key.
fn update(id: &str, patch: &CustomerPatch) -> Result<Customer, paywithsoap::Error> {
    if is_set(KEY) {
        #[cfg(feature = "without-c")]
        install_provider();
        return update_customer(&Config::from_env()?, id, patch);
    }
    println!(
        "cargo::warning={KEY} is not set: a rehearsal, with a test server in place of the API"
    );
    let server = TestServer::start().expect("a build has a port and a thread to spare");
    let cfg = server.config().timeout(Duration::from_secs(5)).build()?;
    update_customer(&cfg, TestServer::CUSTOMER_ID, patch)
}

/// Installs the cryptography of a build without C.
///
/// ureq panics at the first TLS connection of a process that has none. So this
/// ends the build in words of its own, before anything is sent.
#[cfg(feature = "without-c")]
fn install_provider() {
    // It fails where there is one already, which will do.
    let _ = rustls_graviola::default_provider().install_default();
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        println!("cargo::error=no CryptoProvider is installed: nothing was sent");
        std::process::exit(1);
    }
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}

const KEY: &str = "SOAP_API_KEY";
const URL: &str = "SOAP_API_URL";
const ID: &str = "SOAP_CUSTOMER_ID";
/// Set to 1, a call that fails is an error.
const STRICT: &str = "SOAP_BUILD_STRICT";
