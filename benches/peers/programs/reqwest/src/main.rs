//! One update over TLS through reqwest::blocking: base URL and CA file are the arguments.

use std::env;
use std::error::Error;
use std::fs;

use reqwest::Certificate;
use reqwest::blocking::Client;
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let [base_url, ca] = [env::args().nth(1), env::args().nth(2)].map(Option::unwrap_or_default);
    let provider = rustls::crypto::ring::default_provider();
    provider.install_default().map_err(|_| "two providers")?;
    let client = Client::builder()
        .tls_certs_only([Certificate::from_pem(&fs::read(ca)?)?])
        .build()?;
    let customer: Value = client
        .patch(format!(
            "{base_url}/api/v1/customers/cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V"
        ))
        .header("authorization", "Bearer not-a-real-key")
        .json(&json!({"first_name": "Jane", "phone_number": "5551234567"}))
        .send()?
        .error_for_status()?
        .json()?;
    println!("{customer}");
    Ok(())
}
