//! Runs the command that follows with a server to call, from outside of the
//! command's own limits.

use std::env;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let program = arguments.next().expect("a command to run");
    let status = Command::new(&program)
        .args(arguments)
        .envs(constrained::start())
        .status()
        .expect("the command starts");
    ExitCode::from(u8::from(!status.success()))
}
