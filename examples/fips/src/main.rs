//! Makes a call over TLS by AWS-LC, which has a FIPS build.
//!
//! The provider that a process has installed is preferred to ring, with the
//! feature `rustls` too. So a program gets FIPS by its own dependency, whatever
//! else in it uses this client.

#[path = "../../tls-without-c/src/server.rs"]
mod server;

use std::error::Error;

use paywithsoap::{Config, CustomerPatch, update_customer};
use rustls::crypto::{CryptoProvider, aws_lc_rs};

fn main() -> Result<(), Box<dyn Error>> {
    aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| "another provider is installed already")?;
    let fips = CryptoProvider::get_default().is_some_and(|provider| provider.fips());

    // In place of the API, a server that this program trusts alone.
    let (url, tls) = server::start()?;
    let cfg = Config::builder("not-a-real-key")
        .base_url(url)
        .root_certificates(server::ROOT)
        .build()?;
    let patch = CustomerPatch::new().first_name("Jane");
    let customer = update_customer(&cfg, server::CUSTOMER_ID, &patch)?;
    // ring has no such key exchange: X25519MLKEM768 is AWS-LC's.
    println!("applied: {:?}, over {}", customer.first_name, tls.recv()?);
    println!("FIPS: {fips}");
    Ok(())
}
