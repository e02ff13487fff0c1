//! How to send what is left: a command line to copy.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use crate::cli::{NAME, Options};

/// How to send what this run leaves open.
pub(crate) fn resume_hint(options: &Options, is_only_unknown: bool) -> String {
    let command = |file| command(env::args_os().skip(1), file, "");
    match (options.test_server, options.results_file()) {
        (true, Some(file)) => format!("to send the lines to the API:\n  {}", command(file)),
        // Its results have nothing that another run needs.
        (true, None) => "to send the lines to the API, run without --test-server".to_owned(),
        (false, Some(file)) if is_only_unknown => format!(
            "to send the unknown lines again, once you have looked at their customers:\n  \
             {}",
            self::command(env::args_os().skip(1), file, " --retry-unknown")
        ),
        (false, Some(file)) => format!("to send what is left:\n  {}", command(file)),
        (false, None) => {
            "to send what is left, save these results in FILE, then use --resume FILE".to_owned()
        }
    }
}

/// The command of these arguments, but with `--resume` of this file and one more.
fn command(arguments: impl Iterator<Item = OsString>, results: &Path, more: &str) -> String {
    let mut command = format!(
        "{NAME} --resume {}{more}",
        quoted(&results.to_string_lossy())
    );
    let mut arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    let mut are_options = true;
    while let Some(argument) = arguments.next() {
        let name = argument.split('=').next().unwrap_or_default();
        are_options &= name != "--";
        match name {
            // What this run wrote is there now, and a rehearsal is over.
            "--failures" | "--results" | "--resume" if are_options => {
                if name == argument {
                    arguments.next();
                }
            }
            "--retry-unknown" | "--test-server" if are_options => {}
            _ => command = format!("{command} {}", quoted(&argument)),
        }
    }
    command
}

/// An argument as a shell takes it.
pub(crate) fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else if cfg!(windows) {
        format!("\"{argument}\"")
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(arguments: &[&str], expected: &str) {
        let arguments = arguments.iter().map(OsString::from);
        let found = command(arguments, Path::new("r.jsonl"), "");
        assert_eq!(found, format!("{NAME} --resume r.jsonl{expected}"));
    }

    #[test]
    fn the_command_to_resume_keeps_other_options() {
        check(&["--results", "r.jsonl", "in.csv"], " in.csv");
        check(&["in.csv", "--results=r.jsonl"], " in.csv");
        check(
            &[
                "--threads",
                "8",
                "--failures",
                "f.csv",
                "--resume",
                "r.jsonl",
                "in.csv",
            ],
            " --threads 8 in.csv",
        );
        check(&["--test-server", "--retry-unknown", "--yes"], " --yes");
        check(&["--", "--results"], " -- --results");
    }

    #[test]
    #[cfg(unix)]
    fn what_a_shell_would_split_is_quoted() {
        check(&["new customers.csv"], " 'new customers.csv'");
        check(&["--column", "email=E-mail"], " --column email=E-mail");
        check(&["Jane's.csv"], r" 'Jane'\''s.csv'");
        check(&["--delimiter", "|"], " --delimiter '|'");
        check(&["--delimiter", ""], " --delimiter ''");
    }
}
