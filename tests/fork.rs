//! A process that forks with an idle connection.
#![cfg(unix)]

#[path = "it/common/mod.rs"]
mod common;

use std::io::{Read, Write};
use std::panic::{self, AssertUnwindSafe};
use std::process;

use common::{ID, config, customer, patch, read_request, response, serve};
use fork::Fork;
use paywithsoap::{Config, update_customer};

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
    // Without a thread: after `unshare`, the system refuses one.
    let customer = update_customer(cfg, ID, &patch()).unwrap();
    customer.first_name.unwrap().parse().unwrap()
}

#[track_caller]
fn assert_apart(cfg: &Config) {
    assert_apart_after(cfg, || ());
}

#[track_caller]
fn assert_apart_after(cfg: &Config, before_fork: impl FnOnce()) {
    assert_eq!(connection(cfg), 0);
    before_fork();
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

/// Where the test server of the process outside of the PID namespace is.
#[cfg(target_os = "linux")]
const ADDR: &str = "PAYWITHSOAP_TEST_ADDR";

#[cfg(target_os = "linux")]
#[test]
fn nor_do_processes_1_of_two_namespaces() {
    use std::env;
    use std::process::Command;

    use nix::sched::{CloneFlags, unshare};

    if let Ok(addr) = env::var(ADDR) {
        assert_eq!(process::id(), 1);
        // The next child is the first process of another namespace.
        return assert_apart_after(&config(addr.parse().unwrap()).build().unwrap(), || {
            unshare(CloneFlags::CLONE_NEWPID).unwrap();
        });
    }
    let in_namespace = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--pid", "--fork", "--", program]);
        command
    };
    // Not everywhere may a process make namespaces.
    if !in_namespace("true").status().is_ok_and(|s| s.success()) {
        return;
    }
    let addr = serve(|number, mut stream| respond(number, &mut stream));
    let output = in_namespace(env::current_exe().unwrap().to_str().unwrap())
        .args(["--exact", "nor_do_processes_1_of_two_namespaces"])
        .env(ADDR, addr.to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}
