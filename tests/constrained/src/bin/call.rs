//! Does what its arguments say, in their order, and prints what that proves:
//!
//! - `plain`, `tls`: a call to the server, which must be applied
//! - `name`, `name-at-once`: a call to a host name, which cannot be looked up, and
//!   which must fail by the timeout, or at once
//! - `unreachable`: a call to an address that no network leads to, which must fail
//!   at once
//! - `no-files`, `no-descriptors`, `no-threads`, `no-writing`: the machine lacks
//!   just that
//! - `stack=BYTES`: the rest on a thread with such a stack
//!
//! Ends with 1 where anything comes out otherwise.

use std::error::Error;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, io, thread};

use paywithsoap::testing::TestServer;
use paywithsoap::{Config, ConfigBuilder, CustomerPatch, Outcome, update_customer};

/// Of calls that are not applied.
const TIMEOUT: Duration = Duration::from_secs(4);

type Proof = Result<String, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let all = match arguments.split_first() {
        Some((first, rest)) if first.starts_with("stack=") => {
            let rest = rest.to_vec();
            let bytes = first["stack=".len()..].parse().expect("a number of bytes");
            thread::Builder::new()
                .stack_size(bytes)
                .spawn(move || run(&rest))
                .is_ok_and(|thread| thread.join().unwrap_or(false))
        }
        _ => run(&arguments),
    };
    ExitCode::from(u8::from(!all))
}

fn run(checks: &[String]) -> bool {
    checks.iter().all(|check| match prove(check) {
        Ok(proof) => {
            println!("  {check}: {proof}");
            true
        }
        Err(error) => {
            eprintln!("  {check} failed: {error}");
            false
        }
    })
}

fn prove(check: &str) -> Proof {
    match check {
        "plain" => applied(config("PLAIN")?),
        "tls" => applied(config("TLS")?.root_certificates(env::var("CA")?)),
        "name" => not_applied(by_name(), TIMEOUT * 2),
        "name-at-once" => not_applied(by_name(), TIMEOUT / 2),
        "unreachable" => not_applied(unreachable(), TIMEOUT / 2),
        "no-files" => no_files(),
        "no-descriptors" => no_descriptors(),
        "no-threads" => lacks("a thread", thread::Builder::new().spawn(|| ())),
        "no-writing" => lacks("a new file", File::create_new("new")),
        _ => Err("no such check".into()),
    }
}

fn config(variable: &str) -> Result<ConfigBuilder, env::VarError> {
    Ok(Config::builder("key")
        .base_url(env::var(variable)?)
        .no_proxy())
}

/// Only TLS may go to other machines, and without it only a proxy has a name.
fn by_name() -> ConfigBuilder {
    let builder = Config::builder("key");
    if cfg!(feature = "tls") {
        builder.base_url("https://soap.invalid").no_proxy()
    } else {
        builder
            .base_url("http://127.0.0.1:1")
            .proxy("http://soap.invalid:1")
    }
}

/// An address for documentation, or of this machine.
fn unreachable() -> ConfigBuilder {
    let url = if cfg!(feature = "tls") {
        "https://192.0.2.1"
    } else {
        "http://127.0.0.1:1"
    };
    Config::builder("key").base_url(url).no_proxy()
}

fn applied(builder: ConfigBuilder) -> Proof {
    call(builder)?;
    Ok("applied".to_owned())
}

fn not_applied(builder: ConfigBuilder, limit: Duration) -> Proof {
    let start = Instant::now();
    let Err(error) = call(builder.timeout(TIMEOUT).max_retries(0)) else {
        return Err("applied".into());
    };
    let took = start.elapsed();
    if error.outcome() != Outcome::NotApplied || took > limit {
        return Err(format!("after {took:.1?}: {error:?}").into());
    }
    Ok(format!("after {took:.1?}: {error:#}"))
}

fn call(builder: ConfigBuilder) -> Result<(), paywithsoap::Error> {
    let patch = CustomerPatch::new().first_name("Jane");
    update_customer(&builder.build()?, TestServer::CUSTOMER_ID, &patch)?;
    Ok(())
}

fn no_files() -> Proof {
    for name in ["/dev", "/etc", "/proc", "/tmp"] {
        if Path::new(name).exists() {
            return Err(format!("there is {name}").into());
        }
    }
    let names: Vec<_> = fs::read_dir("/")?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<_>>()?;
    Ok(format!("in / there is {names:?} alone"))
}

/// A call needs one.
fn no_descriptors() -> Proof {
    let _only = TcpListener::bind("127.0.0.1:0")?;
    lacks("a second socket", TcpListener::bind("127.0.0.1:0"))
}

fn lacks<T>(what: &str, result: io::Result<T>) -> Proof {
    match result {
        Ok(_) => Err(format!("there is {what}").into()),
        Err(error) => Ok(format!("{what}: {error}")),
    }
}
