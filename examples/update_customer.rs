//! Updates one customer, and prints it as the API answers.
//!
//! Without `SOAP_API_KEY` in the environment it starts a test server and talks
//! to that one.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};
use paywithsoap::testing::TestServer;
use paywithsoap::{Config, CustomerPatch, Error, ErrorKind, Outcome, Violation, update_customer};

const HELP: &str = "\
Updates one customer, and prints it as the API answers.

Usage: update_customer [ID] [OPTIONS]

Without arguments: the sample of the API's page, first name Jane and phone
number 5551234567, for its customer cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V.

  --email EMAIL            one e-mail address
  --first-name NAME        at most 255 characters
  --last-name NAME         at most 255 characters
  --phone-number NUMBER    10 digits
  --date-of-birth DATE     YYYY-MM-DD
  --dry-run                send nothing, print what would be sent
  --help                   print this

Environment:
  SOAP_API_KEY             the API key; without it, a test server is started
  SOAP_API_URL             the base URL; without it, the sandbox

Exit code: 0 applied, 1 the call failed, 2 the input is wrong and nothing was sent.
";

struct Args {
    id: String,
    patch: CustomerPatch,
    dry_run: bool,
}

fn main() -> ExitCode {
    let args = match parse(Parser::from_env()) {
        Ok(Some(args)) => args,
        Ok(None) => return print(HELP),
        Err(error) => return wrong_input(&[error]),
    };
    let has_key = std::env::var_os("SOAP_API_KEY").is_some_and(|key| !key.is_empty());
    if has_key {
        return run(Config::from_env(), &args);
    }
    match TestServer::start() {
        Ok(server) => {
            eprintln!(
                "SOAP_API_KEY is not set: using a test server at {}",
                server.base_url()
            );
            run(server.config().build(), &args)
        }
        Err(error) => failed(&format!("no test server: {error}")),
    }
}

fn run(cfg: Result<Config, Error>, args: &Args) -> ExitCode {
    let violations = violations(cfg.as_ref().err(), args);
    let cfg = match cfg {
        Ok(cfg) if violations.is_empty() => cfg,
        Ok(_) | Err(_) => return wrong_input(&violations),
    };
    if args.dry_run {
        return match args.patch.to_json() {
            Ok(json) => {
                eprintln!(
                    "not sent: PATCH {}/api/v1/customers/{}",
                    cfg.base_url(),
                    args.id
                );
                print(&json)
            }
            Err(error) => failed(&error),
        };
    }
    match update_customer(&cfg, &args.id, &args.patch) {
        Ok(customer) => match serde_json::to_string_pretty(&customer) {
            Ok(json) => print(&json),
            Err(error) => failed(&format!("applied, but not printable: {error}")),
        },
        Err(error) => {
            // Debug is the message and its causes, a line each.
            eprintln!("{error:?}");
            match error.outcome() {
                Outcome::NotApplied => eprintln!("The customer is unchanged."),
                Outcome::Unknown => eprintln!("Look at the customer before you try again."),
            }
            ExitCode::from(1)
        }
    }
}

/// Everything that is wrong with settings, id and patch, before anything is
/// sent: a call whose time is zero checks its input, and goes no further.
fn violations(cfg: Option<&Error>, args: &Args) -> Vec<Violation> {
    let check_only = Config::builder("unused")
        .base_url("http://localhost")
        .timeout(Duration::ZERO)
        .build();
    let input = check_only.and_then(|cfg| update_customer(&cfg, &args.id, &args.patch));
    let input = input.err();
    cfg.into_iter()
        .chain(&input)
        .filter(|error| matches!(error.kind(), ErrorKind::Invalid(_)))
        .flat_map(Error::violations)
        .cloned()
        .collect()
}

fn parse(mut parser: Parser) -> Result<Option<Args>, lexopt::Error> {
    let mut id = None;
    let mut patch = CustomerPatch::new();
    let mut dry_run = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("email") => patch = patch.email(parser.value()?.string()?),
            Arg::Long("first-name") => patch = patch.first_name(parser.value()?.string()?),
            Arg::Long("last-name") => patch = patch.last_name(parser.value()?.string()?),
            Arg::Long("phone-number") => patch = patch.phone_number(parser.value()?.string()?),
            Arg::Long("date-of-birth") => patch = patch.date_of_birth(parser.value()?.string()?),
            Arg::Long("dry-run") => dry_run = true,
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            Arg::Value(value) if id.is_none() => id = Some(value.string()?),
            _ => return Err(arg.unexpected()),
        }
    }
    // With an id but no field, the sample would be a surprise.
    if id.is_none() && patch.is_empty() {
        patch = patch.first_name("Jane").phone_number("5551234567");
    }
    Ok(Some(Args {
        id: id.unwrap_or_else(|| TestServer::CUSTOMER_ID.into()),
        patch,
        dry_run,
    }))
}

/// Prints a text on its own lines; a closed pipe is no reason to panic.
fn print(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("cannot print: {error}")),
    }
}

fn wrong_input(problems: &[impl Display]) -> ExitCode {
    for problem in problems {
        eprintln!("{problem}");
    }
    eprintln!("Nothing was sent. See --help.");
    ExitCode::from(2)
}

fn failed(problem: &impl Display) -> ExitCode {
    eprintln!("{problem}");
    ExitCode::from(1)
}
