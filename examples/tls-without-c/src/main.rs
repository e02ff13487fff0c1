//! Makes a call over TLS in a program that no C compiler has touched.
//!
//! graviola is cryptography in Rust and assembler, for `x86_64` and `aarch64`. A
//! program installs it once, before its first call, and the feature
//! `rustls-no-provider` has the client use it.

mod server;

use std::error::Error;

use paywithsoap::{Config, CustomerPatch, update_customer};

fn main() -> Result<(), Box<dyn Error>> {
    rustls_graviola::default_provider()
        .install_default()
        .map_err(|_| "another provider is installed already")?;

    // In place of the API, a server that this program trusts alone.
    let (url, tls) = server::start()?;
    let cfg = Config::builder("not-a-real-key")
        .base_url(url)
        .root_certificates(server::ROOT)
        .build()?;
    let patch = CustomerPatch::new().first_name("Jane");
    let customer = update_customer(&cfg, server::CUSTOMER_ID, &patch)?;
    println!("applied: {:?}, over {}", customer.first_name, tls.recv()?);
    Ok(())
}
