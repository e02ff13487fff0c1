//! Updates a customer for each line of JSON on standard input, on four threads
//! that share one `Config`. (`tools/bulk` is a tool that survives a crash.)
//! Without `SOAP_API_KEY` in the environment it talks to a test server.
//!
//! ```sh
//! echo '{"id": "cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V", "email": "jane@example.com"}' |
//!     cargo run --example bulk
//! ```

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::thread;

use paywithsoap::testing::TestServer;
use paywithsoap::{Config, CustomerPatch, update_customer};
use serde_json::{Map, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let server = TestServer::start()?;
    let cfg = match std::env::var_os("SOAP_API_KEY") {
        Some(key) if !key.is_empty() => Config::from_env()?,
        _ => server.config().build()?,
    };
    eprintln!("API: {}", cfg.base_url());
    // A line for whichever thread is free.
    let next_line = || io::stdin().lock().split(b'\n').next();
    let work = || -> io::Result<()> {
        while let Some(line) = next_line().transpose()? {
            match update(&cfg, &line) {
                Ok(id) => writeln!(io::stdout(), "{id}: applied")?,
                Err(error) => writeln!(io::stderr(), "{error}")?,
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(work));
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("no thread panics"))
    })?;
    Ok(())
}

fn update(cfg: &Config, line: &[u8]) -> Result<String, Box<dyn Error>> {
    let mut fields: Map<String, Value> = serde_json::from_slice(line)?;
    let id = fields.remove("id").unwrap_or_default();
    let id = id.as_str().ok_or("id must be a string")?;
    let patch: CustomerPatch = serde_json::from_value(fields.into())?;
    let customer = update_customer(cfg, id, &patch).map_err(|error| format!("{id}: {error}"))?;
    Ok(customer.id)
}
