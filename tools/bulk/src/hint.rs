//! Command lines to copy: how to send what is left, or to read a header.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use crate::cli::{NAME, Options};
use crate::columns::IGNORE_OTHERS;

/// How to send what this run leaves open.
pub(crate) fn resume_hint(options: &Options, is_only_unknown: bool) -> String {
    let command = |file: &Path, more: &str| {
        let resume = format!("--resume {}{more}", quoted(&file.to_string_lossy()));
        // What this run wrote is there now, and a rehearsal is over.
        command(
            env::args_os(),
            &resume,
            &["--failures", "--results", "--resume"],
            &["--retry-unknown", "--test-server"],
        )
    };
    match (options.test_server, options.results_file()) {
        (true, Some(file)) => format!("to send the lines to the API:\n  {}", command(file, "")),
        // Its results have nothing that another run needs.
        (true, None) => "to send the lines to the API, run without --test-server".to_owned(),
        (false, Some(file)) if is_only_unknown => format!(
            "to send the unknown lines again, once you have looked at their customers:\n  \
             {}",
            command(file, " --retry-unknown")
        ),
        (false, Some(file)) => format!("to send what is left:\n  {}", command(file, "")),
        (false, None) => {
            "to send what is left, save these results in FILE, then use --resume FILE".to_owned()
        }
    }
}

/// The command of this process, with these options for the header and no others.
pub(crate) fn header_command(options: &[String]) -> String {
    let options = options.join(" ");
    command(
        env::args_os(),
        &options,
        &["--column", "--delimiter"],
        &[IGNORE_OTHERS],
    )
}

/// The command of these arguments, with other options before them, and without some
/// that have a value and some that have none.
fn command(
    mut arguments: impl Iterator<Item = OsString>,
    options: &str,
    dropped: &[&str],
    dropped_flags: &[&str],
) -> String {
    let program = arguments.next().unwrap_or_else(|| NAME.into());
    let mut command = format!("{} {options}", quoted(&program.to_string_lossy()));
    let mut arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    let mut are_options = true;
    while let Some(argument) = arguments.next() {
        let name = argument.split('=').next().unwrap_or_default();
        are_options &= name != "--";
        if are_options && dropped.contains(&name) {
            if name == argument {
                arguments.next();
            }
        } else if !are_options || !dropped_flags.contains(&name) {
            command = format!("{command} {}", quoted(&argument));
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
        let arguments = ["./bulk"].iter().chain(arguments).map(OsString::from);
        let dropped = ["--failures", "--results", "--resume"];
        let found = command(arguments, "--resume r.jsonl", &dropped, &["--test-server"]);
        assert_eq!(found, format!("./bulk --resume r.jsonl{expected}"));
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
        check(&["--test-server", "--yes"], " --yes");
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
