//! What a run says before it sends anything, and whether it asks.

use std::fs;
use std::process::{Command, Output};

use crate::bench::{Bench, lines, refusing_proxy};

const SANDBOX: &str = "https://api-sandbox.paywithsoap.com";
const PRODUCTION: &str = "https://api.paywithsoap.com";

/// A command that would talk to this URL, were it not for a proxy.
fn command(bench: &Bench, url: &str) -> Command {
    let mut command = bench.command();
    command
        .env("SOAP_API_URL", url)
        .env("https_proxy", refusing_proxy("403 Forbidden"));
    command
}

fn first_line(output: &Output) -> &str {
    let text = str::from_utf8(&output.stderr).unwrap();
    text.lines().next().unwrap()
}

#[test]
fn the_first_line_says_what_goes_where() {
    let bench = Bench::new("what_goes_where");
    bench.write_input(&lines(3, 3, 1));
    let input = bench.input.display();
    for (url, option, expected) in [
        (
            SANDBOX,
            None,
            format!("sends {input}, 3 lines, to the sandbox, {SANDBOX}"),
        ),
        (
            PRODUCTION,
            None,
            format!("sends {input}, 3 lines, to production, {PRODUCTION}"),
        ),
        (
            "HTTPS://API.paywithsoap.com:443/api/v1/",
            None,
            format!("sends {input}, 3 lines, to production, {PRODUCTION}:443"),
        ),
        (
            "https://api.paywithsoap.com.example",
            None,
            format!("sends {input}, 3 lines, to https://api.paywithsoap.com.example"),
        ),
        (
            PRODUCTION,
            Some("--dry-run"),
            format!("checks {input}, 3 lines, for production, {PRODUCTION}: nothing is sent"),
        ),
        (
            PRODUCTION,
            Some("--test-server"),
            format!("rehearses {input}, 3 lines, with a test server: nothing leaves this program"),
        ),
    ] {
        let mut command = command(&bench, url);
        let output = command.args(option).arg(&bench.input).output().unwrap();
        assert_eq!(first_line(&output), expected);
        // No terminal is asked.
        let code = if option.is_some() { 0 } else { 3 };
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    }
    let mut command = command(&bench, SANDBOX);
    let output = command
        .stdin(fs::File::open(&bench.input).unwrap())
        .output()
        .unwrap();
    let expected = format!("sends standard input to the sandbox, {SANDBOX}");
    assert_eq!(first_line(&output), expected);
}

#[test]
fn the_number_of_lines_is_that_of_the_results() {
    let row = "cus_a,Ann\n";
    for (name, text, expected) in [
        ("header.csv", "id,last_name\n", "0 lines"),
        ("one.csv", "id,last_name\ncus_a,Ann", "1 line"),
        (
            "sep.csv",
            &format!("\u{FEFF}sep=,\r\nid,last_name\r\n{row}{row}"),
            "2 lines",
        ),
        (
            "header_of_two_lines.csv",
            &format!("id,last_name,\"No\nte\"\n{}", "cus_a,Ann,\n"),
            "1 line",
        ),
        (
            "line_breaks.csv",
            &format!("id,last_name\n\ncus_a,\"A\n\n\nb\"\n\n,,\n,\n\"\",\n{row}\"x"),
            "4 lines",
        ),
        (
            "blank.jsonl",
            "\n \n{\"id\":\"cus_a\"}\n\n{\"id\":\"x\ny\"}",
            "2 lines",
        ),
        ("empty.jsonl", "", "0 lines"),
    ] {
        let bench = Bench::new(&format!("number_of_{name}"));
        let input = bench.folder.join(name);
        fs::write(&input, text).unwrap();
        let mut command = bench.command();
        let output = command
            .args(["--ignore-other-columns", "--dry-run"])
            .arg(&input)
            .output()
            .unwrap();
        let start = format!("checks {}, {expected}, for ", input.display());
        assert!(
            first_line(&output).starts_with(&start),
            "{name}: {output:?}"
        );
        let results = str::from_utf8(&output.stdout).unwrap().lines().count() - 1;
        assert!(
            expected.starts_with(&format!("{results} ")),
            "{name}: {output:?}"
        );
    }
}

/// A terminal of 80 columns, of which both sides are this process's.
#[cfg(unix)]
mod terminal {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::process::{Child, Stdio};
    use std::time::Duration;

    use nix::pty::{Winsize, openpty};
    use paywithsoap::testing::Fault;

    use super::*;

    struct Terminal {
        child: Child,
        keyboard: File,
        /// What was shown so far.
        screen: String,
    }

    impl Terminal {
        /// Starts a command whose standard input and error are the terminal.
        fn start(command: Command) -> Self {
            Self::start_with(command, None)
        }

        /// The same, but for its standard input.
        fn start_with(mut command: Command, stdin: Option<Stdio>) -> Self {
            let size = Winsize {
                ws_row: 24,
                ws_col: 80,
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            let pty = openpty(Some(&size), None).unwrap();
            let child = command
                .env("TERM", "xterm")
                .stdin(stdin.unwrap_or_else(|| pty.slave.try_clone().unwrap().into()))
                .stderr(pty.slave)
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            Self {
                child,
                keyboard: File::from(pty.master),
                screen: String::new(),
            }
        }

        /// Reads until this is shown.
        #[track_caller]
        fn wait_for(&mut self, text: &str) {
            while !self.screen.contains(text) {
                assert!(self.read(), "{}", self.screen);
            }
        }

        fn type_line(&mut self, line: &str) {
            self.keyboard
                .write_all(format!("{line}\n").as_bytes())
                .unwrap();
        }

        /// Reads to the end, and returns the exit code.
        fn end(&mut self) -> Option<i32> {
            while self.read() {}
            self.child.wait().unwrap().code()
        }

        fn read(&mut self) -> bool {
            let mut bytes = [0; 4096];
            // Linux fails where nobody has the other side open any more.
            let count = self.keyboard.read(&mut bytes).unwrap_or_default();
            self.screen += &String::from_utf8_lossy(&bytes[..count]);
            count > 0
        }
    }

    const QUESTION: &str = "change these customers in production? [y/N] ";

    #[test]
    fn with_production_it_asks() {
        let bench = Bench::new("it_asks");
        bench.write_input(&lines(3, 3, 1));
        for (reply, goes_on) in [
            ("", false),
            ("n", false),
            ("yess", false),
            ("\u{4}", false),
            ("y", true),
            ("YES", true),
        ] {
            let mut command = command(&bench, PRODUCTION);
            command.args(bench.results_args()).arg(&bench.input);
            let mut terminal = Terminal::start(command);
            terminal.wait_for(QUESTION);
            let (before, _) = terminal.screen.split_once(QUESTION).unwrap();
            assert!(
                before.starts_with("sends ") && before.contains(PRODUCTION),
                "{before}"
            );
            // Where nothing was sent, the same command can be used again.
            assert!(fs::read(&bench.results).unwrap().is_empty());
            terminal.type_line(reply);
            let code = terminal.end();
            assert_eq!(
                code,
                Some(if goes_on { 3 } else { 2 }),
                "{}",
                terminal.screen
            );
            let nothing = "paywithsoap-bulk: nothing was sent";
            assert_eq!(
                terminal.screen.contains(nothing),
                !goes_on,
                "{}",
                terminal.screen
            );
            if goes_on {
                fs::remove_file(&bench.results).unwrap();
            }
        }
    }

    #[test]
    fn it_asks_only_where_the_answer_matters() {
        let bench = Bench::new("where_the_answer_matters");
        bench.write_input(&lines(3, 3, 1));
        let none = &[][..];
        for (url, args, stdin, code) in [
            (PRODUCTION, &["--yes"][..], None, 3),
            (PRODUCTION, &["--dry-run"], None, 0),
            (PRODUCTION, &["--test-server"], None, 0),
            (SANDBOX, none, None, 3),
            // Somebody else types, or nobody does.
            (PRODUCTION, none, Some(Stdio::null()), 3),
        ] {
            let mut command = command(&bench, url);
            command.args(args).arg(&bench.input);
            let mut terminal = Terminal::start_with(command, stdin);
            let code_found = terminal.end();
            assert_eq!(code_found, Some(code), "{}", terminal.screen);
            assert!(!terminal.screen.contains(QUESTION), "{}", terminal.screen);
        }
        // The input is no reply.
        let mut terminal = Terminal::start(command(&bench, PRODUCTION));
        terminal.wait_for("Ctrl-D ends them");
        terminal.type_line(r#"{"id":"cus_a","last_name":"Doe"}"#);
        terminal.type_line("\u{4}");
        assert_eq!(terminal.end(), Some(3), "{}", terminal.screen);
        assert!(!terminal.screen.contains(QUESTION), "{}", terminal.screen);
    }

    #[test]
    fn a_bar_shows_how_many_of_how_many_in_80_columns() {
        let bench = Bench::new("how_many_of_how_many");
        bench.write_input(&lines(3, 3, 1));
        bench
            .server
            .fail_next(Fault::Delay(Duration::from_millis(500)));
        let mut command = bench.command();
        command.args(bench.results_args()).arg(&bench.input);
        let mut terminal = Terminal::start(command);
        terminal.wait_for(" of 3 lines, ");
        assert_eq!(terminal.end(), Some(0), "{}", terminal.screen);
        let (_, last) = terminal.screen.rsplit_once("3 lines for ").unwrap();
        assert!(last.ends_with(" s\r\n3 applied\r\n"), "{last}");
    }
}
