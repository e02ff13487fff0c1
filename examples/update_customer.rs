//! Updates one customer, and prints it as the API returns it.
//!
//! Without `SOAP_API_KEY` in the environment it starts a test server and talks
//! to that one.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::{env, fs};

use lexopt::{Arg, Parser, ValueExt};
use paywithsoap::testing::TestServer;
use paywithsoap::{
    Config, ConfigBuilder, CustomerPatch, Error, Outcome, Violation, update_customer, validate,
};

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
  --from FILE              the fields from a JSON file instead, or from standard
                           input (-): {\"email\": \"jane@example.com\"}
  --dry-run                send nothing, print what would be sent
  --help                   print this

Other users of the machine can see the arguments of a program while it runs.
Use --from for a customer's real data.

Environment:
  SOAP_API_KEY             the API key; without it, a test server is started
  SOAP_API_URL             the API's URL; without it, the sandbox. Production:
                           SOAP_API_URL=https://api.paywithsoap.com
  SOAP_API_CA              the absolute path of a PEM file, whose certificates are
                           trusted instead of any others

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
        Ok(None) => return printed(print(HELP)),
        Err(error) => return wrong_input(&[error]),
    };
    // A URL without a key is a mistake, which the settings report.
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_real = is_set("SOAP_API_KEY") || is_set("SOAP_API_URL");
    let cfg = if is_real {
        ConfigBuilder::from_env().build()
    } else {
        // For the URL of the sandbox; nothing is sent with it.
        Config::builder("unused").build()
    };
    let violations = violations(cfg.as_ref().err(), &args);
    match cfg {
        Ok(cfg) if violations.is_empty() => match (args.dry_run, is_real) {
            (true, _) => dry_run(&cfg, &args),
            (false, true) => run(&cfg, &args, ""),
            (false, false) => rehearse(&args),
        },
        Ok(_) | Err(_) => wrong_input(&violations),
    }
}

/// Makes the call to a test server.
fn rehearse(args: &Args) -> ExitCode {
    let server = match TestServer::start() {
        Ok(server) => server,
        Err(error) => return failed(&format!("no test server: {error}")),
    };
    let url = server.base_url();
    eprintln!("SOAP_API_KEY is not set: using a test server at {url}");
    match server.config().build() {
        Ok(cfg) => run(&cfg, args, " (a test server: nothing real was changed)"),
        Err(error) => failed(&error),
    }
}

/// Makes the call. The last line names the API, with a note.
fn run(cfg: &Config, args: &Args, note: &str) -> ExitCode {
    let code = update(cfg, args);
    eprintln!("API: {}{note}", cfg.base_url());
    code
}

fn update(cfg: &Config, args: &Args) -> ExitCode {
    match update_customer(cfg, &args.id, &args.patch) {
        Ok(customer) => {
            for field in customer.mismatches(&args.patch) {
                eprintln!("warning: the response shows another {field} than was sent");
            }
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

fn dry_run(cfg: &Config, args: &Args) -> ExitCode {
    let json = match args.patch.to_json() {
        Ok(json) => json,
        Err(error) => return wrong_input(&[error]),
    };
    let base_url = cfg.base_url();
    eprintln!("not sent: PATCH {base_url}/api/v1/customers/{}", args.id);
    printed(print(&json))
}

/// Everything that is wrong with settings, id and patch.
fn violations(cfg: Option<&Error>, args: &Args) -> Vec<Violation> {
    let input = validate(&args.id, &args.patch).err();
    let errors = cfg.into_iter().chain(&input);
    errors.flat_map(Error::violations).cloned().collect()
}

fn parse(mut parser: Parser) -> Result<Option<Args>, lexopt::Error> {
    let mut id = None;
    let mut patch = CustomerPatch::new();
    let mut from = None;
    let mut dry_run = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("email") => patch = patch.email(parser.value()?.string()?),
            Arg::Long("first-name") => patch = patch.first_name(parser.value()?.string()?),
            Arg::Long("last-name") => patch = patch.last_name(parser.value()?.string()?),
            Arg::Long("phone-number") => patch = patch.phone_number(parser.value()?.string()?),
            Arg::Long("date-of-birth") => patch = patch.date_of_birth(parser.value()?.string()?),
            Arg::Long("from") if from.is_none() => from = Some(parser.value()?),
            Arg::Long("from") => return Err("--from is given twice".into()),
            Arg::Long("dry-run") => dry_run = true,
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            Arg::Value(value) if id.is_none() => id = Some(value.string()?),
            _ => return Err(arg.unexpected()),
        }
    }
    if let Some(file) = from {
        if !patch.is_empty() {
            return Err("--from must be the only source of fields".into());
        }
        let name = file.display();
        patch = read_patch(&file).map_err(|error| format!("--from {name}: {error}"))?;
    } else if patch.is_empty() {
        if id.is_some() {
            // The sample would be a surprise.
            return Err("give at least one field, like --email".into());
        }
        patch = patch.first_name("Jane").phone_number("5551234567");
    }
    Ok(Some(Args {
        id: id.unwrap_or_else(|| TestServer::CUSTOMER_ID.into()),
        patch,
        dry_run,
    }))
}

/// The fields of a JSON file. A malformed value is a violation, and no error yet.
fn read_patch(file: &OsStr) -> Result<CustomerPatch, io::Error> {
    let mut json = Vec::new();
    if file == "-" {
        io::stdin().read_to_end(&mut json)?;
    } else {
        json = fs::read(file)?;
    }
    Ok(serde_json::from_slice(&json)?)
}

/// Prints a text; a closed pipe is no reason to panic.
fn print(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{}", text.trim_end())
}

fn printed(result: io::Result<()>) -> ExitCode {
    match result {
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
