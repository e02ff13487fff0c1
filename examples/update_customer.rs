//! Updates one customer, and prints it as the API returns it.
//!
//! Without `SOAP_API_KEY` in the environment it starts a test server and talks
//! to that one.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};
use paywithsoap::testing::TestServer;
use paywithsoap::{Config, CustomerPatch, Error, Outcome, Violation, update_customer};

const HELP: &str = "\
Updates one customer, and prints it as the API returns it.

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

Exit code: 0 applied, or nothing to send (--dry-run, --help); 1 the call failed,
or its result could not be printed; 2 the input is wrong, and nothing was sent.
";

struct Args {
    id: String,
    patch: CustomerPatch,
    dry_run: bool,
}

fn main() -> ExitCode {
    let args = match parse(Parser::from_env()) {
        Ok(Some(args)) => args,
        Ok(None) => return shown(print(HELP)),
        Err(error) => return wrong_input(&[error]),
    };
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match (is_set("SOAP_API_KEY"), is_set("SOAP_API_URL")) {
        (true, _) if args.dry_run => dry_run(Some(Config::from_env()), &args),
        (true, _) => run(Config::from_env(), &args),
        (false, true) => wrong_input(&["SOAP_API_KEY must be set where SOAP_API_URL is"]),
        (false, false) if args.dry_run => dry_run(None, &args),
        (false, false) => match TestServer::start() {
            Ok(server) => {
                let url = server.base_url();
                eprintln!("SOAP_API_KEY is not set: using a test server at {url}");
                run(server.config().build(), &args)
            }
            Err(error) => failed(&format!("no test server: {error}")),
        },
    }
}

fn run(cfg: Result<Config, Error>, args: &Args) -> ExitCode {
    let violations = violations(cfg.as_ref().err(), args);
    let cfg = match cfg {
        Ok(cfg) if violations.is_empty() => cfg,
        Ok(_) | Err(_) => return wrong_input(&violations),
    };
    match update_customer(&cfg, &args.id, &args.patch) {
        Ok(customer) => {
            let json = serde_json::to_string_pretty(&customer).map_err(io::Error::from);
            match json.and_then(|json| print(&json)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failed(&format!("applied, but it cannot be printed: {error}")),
            }
        }
        Err(error) => {
            // Debug is the message and its causes, a line each.
            eprintln!("{error:?}");
            if let Some(id) = error.request_id() {
                eprintln!("request id: {id}");
            }
            match error.outcome() {
                Outcome::NotApplied => eprintln!("The customer is unchanged."),
                Outcome::Unknown => eprintln!("Look at the customer before you try again."),
            }
            ExitCode::from(1)
        }
    }
}

fn dry_run(cfg: Option<Result<Config, Error>>, args: &Args) -> ExitCode {
    let cfg = cfg.transpose();
    let violations = violations(cfg.as_ref().err(), args);
    let (Ok(cfg), Ok(json), []) = (cfg, args.patch.to_json(), &violations[..]) else {
        return wrong_input(&violations);
    };
    let base_url = cfg.as_ref().map_or("", Config::base_url);
    eprintln!("not sent: PATCH {base_url}/api/v1/customers/{}", args.id);
    shown(print(&json))
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

/// Prints a text; a closed pipe is no reason to panic.
fn print(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{}", text.trim_end())
}

fn shown(printed: io::Result<()>) -> ExitCode {
    match printed {
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
