//! A test server for other hosts of a test network, such as the containers of a
//! compose file. It serves until it is stopped.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use paywithsoap::testing::TestServer;

const HELP: &str = "\
Stands in for the API on an address of choice, until it is stopped.

Usage: test_server ADDRESS

  ADDRESS    like 0.0.0.0:8080, for all addresses of this machine; a port of 0
             stands for a free one

Prints its URL, the only key that it accepts, and the id of its customer.
Whoever reaches the address may use it. A client needs plain http allowed to the
host by which it calls the server: danger_allow_http(\"soap-mock\").

Exit code: 2 without an address, 1 where the system does not give it.
";

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    let addr = match (args.next(), args.next()) {
        (Some(help), None) if help == "--help" || help == "-h" => {
            print(HELP);
            return ExitCode::SUCCESS;
        }
        // What is not UTF-8 is no address, either.
        (Some(addr), None) => addr.to_string_lossy().into_owned(),
        _ => {
            eprint(HELP);
            return ExitCode::from(2);
        }
    };
    let server = match TestServer::bind(&addr) {
        Ok(server) => server,
        Err(error) => {
            eprint(&format!(
                "cannot listen on {addr}: {error} (an address is like 127.0.0.1:8080)\n"
            ));
            return ExitCode::from(1);
        }
    };
    print(&format!(
        "URL: {}\nkey: {}\ncustomer: {}\n",
        server.base_url(),
        server.api_key(),
        TestServer::CUSTOMER_ID
    ));
    loop {
        thread::sleep(Duration::from_secs(60));
        // Nobody here looks at them, and they would be kept for ever.
        server.clear_requests();
    }
}

/// Prints a text. Where nobody reads it any more, the server serves all the same.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

fn eprint(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
