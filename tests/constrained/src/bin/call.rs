//! Does what its arguments say, in their order, and prints what that proves:
//!
//! - `plain`, `tls`: a call to the server, which must be applied
//! - `no-tls`: a call over TLS, which must fail at once
//! - `name`, `name-at-once`: a call to a host name, which cannot be looked up, and
//!   which must fail by the timeout, or at once
//! - `unreachable`: a call to an address that no network leads to, which must fail
//!   at once
//! - `no-clock`, `no-files`, `no-descriptors`, `no-random`, `no-threads`,
//!   `no-writing`: the machine lacks just that
//! - `stack=BYTES`: the rest on a thread with such a stack
//!
//! Ends with 1 where anything comes out otherwise.

use std::error::Error;
use std::fs::{self, File};
use std::hash::RandomState;
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, io, panic, thread};

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
        "tls" => applied(over_tls()?),
        "no-tls" => not_applied(over_tls()?, TIMEOUT / 2),
        "name" => not_applied(by_name(), TIMEOUT * 2),
        "name-at-once" => not_applied(by_name(), TIMEOUT / 2),
        "unreachable" => not_applied(unreachable(), TIMEOUT / 2),
        "no-clock" => no_clock(),
        "no-files" => no_files(),
        "no-descriptors" => no_descriptors(),
        "no-random" => no_random(),
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

fn over_tls() -> Result<ConfigBuilder, env::VarError> {
    Ok(config("TLS")?.root_certificates(env::var("CA")?))
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

/// No certificate is valid before 2000 or after 2100.
fn no_clock() -> Proof {
    let now = SystemTime::now();
    match now.duration_since(UNIX_EPOCH) {
        Ok(since) if (946_684_800..4_102_444_800).contains(&since.as_secs()) => {
            Err("the clock may be right".into())
        }
        _ => Ok(format!("it is {now:?}")),
    }
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

/// std panics where it needs some.
fn no_random() -> Proof {
    panic::set_hook(Box::new(|_| ()));
    let state = panic::catch_unwind(RandomState::new);
    let _ = panic::take_hook();
    match state {
        Ok(_) => Err("there are random numbers".into()),
        Err(_) => Ok("no random numbers".to_owned()),
    }
}

fn lacks<T>(what: &str, result: io::Result<T>) -> Proof {
    match result {
        Ok(_) => Err(format!("there is {what}").into()),
        Err(error) => Ok(format!("{what}: {error}")),
    }
}
