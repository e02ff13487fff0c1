//! What a call takes: the smallest stack and the smallest address space with
//! which the programs `call` that are given still make one.

use std::env;
use std::process::{Command, Stdio};

fn main() {
    let server = constrained::start();
    println!("| program | call | stack, KiB | address space, KiB |");
    println!("|---|---|--:|--:|");
    for program in env::args().skip(1) {
        for call in ["plain", "tls"] {
            if call == "tls" && !has_tls(&program, &server) {
                continue;
            }
            let stack = smallest(4, 1024, 1, |kib| {
                let stack = format!("stack={}", kib * 1024);
                succeeds(Command::new(&program).args([&stack, call]), &server)
            });
            let space = smallest(100, 100_000, 20, |kib| {
                let limited = format!("ulimit -v {kib} && exec \"$0\" {call}");
                succeeds(Command::new("sh").args(["-c", &limited, &program]), &server)
            });
            println!("| {program} | {call} | {stack} | {space} |");
        }
    }
}

fn has_tls(program: &str, server: &[(&'static str, String)]) -> bool {
    succeeds(Command::new(program).arg("tls"), server)
}

/// The smallest number that will do, to within `step`: `most` does, and what
/// does not do never does with less.
fn smallest(mut least: usize, mut most: usize, step: usize, does: impl Fn(usize) -> bool) -> usize {
    assert!(does(most), "{most} KiB are not enough");
    while most - least > step {
        let middle = least.midpoint(most);
        if does(middle) {
            most = middle;
        } else {
            least = middle;
        }
    }
    most
}

/// Several times over, since a retry or a scheduler may take another path.
fn succeeds(command: &mut Command, server: &[(&'static str, String)]) -> bool {
    command
        .env_clear()
        .envs(server.iter().cloned())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    (0..3).all(|_| command.status().is_ok_and(|status| status.success()))
}
