//! Updates a customer for each line of JSON on standard input, on four threads
//! that share one `Config`. (`tools/bulk` is a tool that survives a crash.)
//! Without `SOAP_API_KEY` in the environment it talks to a test server.
//!
//! ```sh
//! echo '{"id": "cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V", "email": "jane@example.com"}' |
//!     cargo run --example bulk
//! ```

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;

use paywithsoap::testing::TestServer;
use paywithsoap::{Config, CustomerPatch, update_customer};
use serde_json::{Map, Value};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let server = TestServer::start()?;
    let cfg = match std::env::var_os("SOAP_API_KEY") {
        Some(key) if !key.is_empty() => Config::from_env()?,
        _ => server.config().build()?,
    };
    eprintln!("API: {}", cfg.base_url());
    // A line for whichever thread is free.
    let lines = Mutex::new((1..).zip(BufReader::new(io::stdin()).split(b'\n')));
    let next_line = || lines.lock().expect("no thread panics").next();
    let work = || -> io::Result<usize> {
        let mut failures = 0;
        while let Some((number, line)) = next_line() {
            let line = line?;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let result = update(&cfg, &line);
            failures += usize::from(result.is_err());
            match result {
                Ok(id) => writeln!(io::stdout(), "line {number}: {id}: applied")?,
                Err(error) => writeln!(io::stderr(), "line {number}: {error}")?,
            }
        }
        Ok(failures)
    };
    let failures: io::Result<usize> = thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(work));
        let threads = threads.into_iter();
        threads.map(|t| t.join().expect("no thread panics")).sum()
    });
    Ok(ExitCode::from(u8::from(failures? > 0)))
}

fn update(cfg: &Config, line: &[u8]) -> Result<String, Box<dyn Error>> {
    // serde_json's own words count lines from here, and may quote a value.
    let mut fields: Map<String, Value> =
        serde_json::from_slice(line).map_err(|_| "the line must be a JSON object")?;
    let id = fields.remove("id").ok_or("id is missing")?;
    let id = id.as_str().ok_or("id must be a string")?;
    let patch: CustomerPatch = serde_json::from_value(fields.into())?;
    Ok(update_customer(cfg, id, &patch)?.id)
}
