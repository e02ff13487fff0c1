//! What a run is about to do, said before it does it.

use std::io::{self, IsTerminal, Write};

use crate::cli::Options;
use crate::progress::{eprint_line, plural};

/// Says which file goes to which API, and asks whether to go on where that is
/// production and somebody is there to reply. Returns whether to go on.
pub(crate) fn announce(options: &Options, base_url: &str, lines: Option<u64>) -> bool {
    let mut input = options.input_name();
    if let Some(lines) = lines {
        input = format!("{input}, {},", plural(lines));
    }
    let api = match host(base_url) {
        SANDBOX => format!("the sandbox, {base_url}"),
        PRODUCTION => format!("production, {base_url}"),
        _ => base_url.to_owned(),
    };
    if options.test_server {
        eprint_line(&format!(
            "rehearses {input} with a test server: nothing leaves this program"
        ));
    } else if options.dry_run {
        eprint_line(&format!("checks {input} for {api}: nothing is sent"));
    } else {
        eprint_line(&format!("sends {input} to {api}"));
    }
    let sends = !options.test_server && !options.dry_run;
    let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !sends || host(base_url) != PRODUCTION || options.yes || !is_terminal {
        return true;
    }
    // The input is the terminal itself, and so is no reply.
    options.input.is_none() || is_confirmed()
}

fn is_confirmed() -> bool {
    let _ = write!(io::stderr(), "change these customers in production? [y/N] ");
    let mut reply = String::new();
    // At the end of the input, or where it cannot be read, nobody has agreed.
    let _ = io::stdin().read_line(&mut reply);
    ["y", "yes"].contains(&reply.trim().to_ascii_lowercase().as_str())
}

/// The host of a base URL, in lower case as the crate has it.
fn host(base_url: &str) -> &str {
    let (_, rest) = base_url.split_once("://").unwrap_or_default();
    rest.split([':', '/']).next().unwrap_or_default()
}

const SANDBOX: &str = "api-sandbox.paywithsoap.com";
const PRODUCTION: &str = "api.paywithsoap.com";
