//! One update over TLS through paywithsoap: base URL and CA file are the arguments.

use std::env;
use std::error::Error;
use std::fs;

use paywithsoap::{Config, CustomerPatch, update_customer};

fn main() -> Result<(), Box<dyn Error>> {
    let [base_url, ca] = [env::args().nth(1), env::args().nth(2)].map(Option::unwrap_or_default);
    let cfg = Config::builder("not-a-real-key")
        .base_url(base_url)
        .root_certificates(fs::read(ca)?)
        .build()?;
    let patch = CustomerPatch::new()
        .first_name("Jane")
        .phone_number("5551234567");
    let customer = update_customer(&cfg, "cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V", &patch)?;
    println!("{}", customer.raw_json());
    Ok(())
}
