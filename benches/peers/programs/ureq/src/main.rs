//! One update over TLS through bare ureq: base URL and CA file are the arguments.

use std::env;
use std::error::Error;
use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

#[derive(Serialize)]
struct Patch {
    first_name: &'static str,
    phone_number: &'static str,
}

#[derive(Deserialize)]
struct Customer {
    id: String,
    updated_at: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let [base_url, ca] = [env::args().nth(1), env::args().nth(2)].map(Option::unwrap_or_default);
    let ca = Certificate::from_pem(&fs::read(ca)?)?;
    let agent: Agent = Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(5)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .tls_config(
            TlsConfig::builder()
                .root_certs(RootCerts::new_with_certs(&[ca]))
                .build(),
        )
        .build()
        .into();
    let patch = Patch {
        first_name: "Jane",
        phone_number: "5551234567",
    };
    let body = agent
        .patch(format!(
            "{base_url}/api/v1/customers/cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V"
        ))
        .header("authorization", "Bearer not-a-real-key")
        .header("content-type", "application/json")
        .send(serde_json::to_string(&patch)?)?
        .body_mut()
        .read_to_string()?;
    let customer: Customer = serde_json::from_str(&body)?;
    let updated_at = OffsetDateTime::parse(&customer.updated_at, &Rfc3339)?;
    println!("{} {}", customer.id, updated_at.unix_timestamp());
    Ok(())
}
