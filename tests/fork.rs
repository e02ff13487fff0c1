//! A process that forks with an idle connection.
#![cfg(unix)]

#[path = "it/common/mod.rs"]
mod common;

use std::io::{Read, Write};
use std::panic::{self, AssertUnwindSafe};
use std::process;

use common::{call, config, customer, read_request, response, serve};
use fork::Fork;
use paywithsoap::Config;

/// Responds with the number of the connection as the first name.
fn respond<S: Read + Write>(number: usize, stream: &mut S) -> std::io::Result<()> {
    let body = customer().replace("Jane", &number.to_string());
    loop {
        read_request(stream)?;
        stream.write_all(&response("200 OK", &body))?;
        stream.flush()?;
    }
}

/// The number of the connection that a call used.
fn connection(cfg: &Config) -> i32 {
    call(cfg).unwrap().first_name.unwrap().parse().unwrap()
}

#[track_caller]
fn assert_apart(cfg: &Config) {
    assert_eq!(connection(cfg), 0);
    let child = match fork::fork().unwrap() {
        // Neither the connection nor the end of it: the parent uses it.
        Fork::Child => {
            let connection = panic::catch_unwind(AssertUnwindSafe(|| connection(cfg)));
            process::exit(connection.unwrap_or(-1))
        }
        Fork::Parent(child) => child,
    };
    let status = fork::waitpid(child).unwrap();
    assert_eq!(fork::WEXITSTATUS(status), 1);
    assert_eq!(connection(cfg), 0);
}

#[test]
fn parent_and_child_never_share_connections() {
    let addr = serve(|number, mut stream| respond(number, &mut stream));
    assert_apart(&config(addr).build().unwrap());
}

#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
#[test]
fn nor_do_they_over_tls() {
    use common::tls;

    let addr = tls::serve(tls::good(), |number, mut tls| respond(number, &mut tls));
    assert_apart(&tls::config(addr).build().unwrap());
}
