//! Options, settings and help.

use std::fs;
use std::process::Command;

use crate::bench::{Bench, PROGRAM, lines, records, stderr_text};

#[test]
fn help_fits_a_terminal_and_names_what_matters() {
    let output = Command::new(PROGRAM).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for line in help.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for part in [
        "https://api-sandbox.paywithsoap.com",
        "https://api.paywithsoap.com",
        "\n    id,email,first_name\n",
        "\n    {\"id\": \"cus_",
        "\n  applied ",
        "\n  not_applied ",
        "\n  unknown ",
        "\n  bad_line ",
        "\n  rehearsed ",
        "\n  would_send ",
        "\n  3  stopped in the middle",
    ] {
        assert!(help.contains(part), "{part}");
    }
}

#[test]
fn wrong_options_start_nothing() {
    let bench = Bench::new("wrong_options");
    bench.write_input(&lines(3, 3, 1));
    let threads = "'--threads <N>': must be a whole number from 1 to 64\n";
    for (args, message) in [
        (&["--threads", "0"][..], threads),
        (&["--threads", "65"], threads),
        (&["--threads", "four"], threads),
        (
            &["--rate", "10001"],
            "'--rate <N>': must be a whole number from 1 to 10000\n",
        ),
        (
            &["--timeout", "1.5"],
            "'--timeout <SECONDS>': must be a whole number of seconds from 1 to 3600\n",
        ),
        (
            &["--resume", "-"],
            "paywithsoap-bulk: --resume needs a file\n",
        ),
        (&["--format", "xml"], "invalid value 'xml' for '--format"),
        (&["--dry-run", "--test-server"], "cannot be used with"),
        (&["--results", "a", "--resume", "b"], "cannot be used with"),
        (&["--retries", "1"], "unexpected argument '--retries'"),
        (&["another.csv"], "unexpected argument"),
    ] {
        let output = bench.expect(2, args);
        let stderr = stderr_text(&output);
        assert!(stderr.contains(message), "{stderr}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(bench.server.requests().len(), 0);
}

#[test]
fn wrong_settings_start_nothing_and_name_their_variables() {
    let bench = Bench::new("wrong_settings");
    bench.write_input(&lines(3, 3, 1));
    let url = "SOAP_API_URL must start with `https://`, or with `http://` for this machine";
    let key = "SOAP_API_KEY must be visible ASCII characters only: \
        no space, control or other character";
    for (of_key, of_url, message) in [
        ("a-key", "nonsense", url.to_owned()),
        ("a key", "nonsense", format!("{key}; {url}")),
    ] {
        for dry_run in [&["--dry-run"][..], &[]] {
            let output = bench
                .command()
                .env("SOAP_API_KEY", of_key)
                .env("SOAP_API_URL", of_url)
                .args(bench.results_args())
                .args(dry_run)
                .arg(&bench.input)
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(2), "{dry_run:?}");
            assert_eq!(
                stderr_text(&output),
                format!("paywithsoap-bulk: {message}\n")
            );
            assert!(!bench.results.exists());
        }
    }
}

#[test]
fn a_missing_key_is_reported_before_anything_is_read() {
    let bench = Bench::new("a_missing_key");
    for key in [None, Some("")] {
        let mut command = bench.command();
        match key {
            Some(key) => command.env("SOAP_API_KEY", key),
            None => command.env_remove("SOAP_API_KEY"),
        };
        // Not there, which would be an error of its own.
        let output = command
            .args(bench.results_args())
            .arg(bench.folder.join("absent.csv"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(
            stderr_text(&output),
            "paywithsoap-bulk: SOAP_API_KEY must be set to your API key; \
             --test-server rehearses without one\n"
        );
        assert!(!bench.results.exists());
    }
}

#[test]
fn the_summary_names_the_url() {
    let bench = Bench::new("the_summary");
    bench.write_input(&lines(3, 3, 1));
    let stderr = stderr_text(&bench.expect(0, &[]));
    let url = bench.server.base_url();
    assert!(
        stderr.starts_with(&format!("3 lines for {url} in ")),
        "{stderr}"
    );
    assert!(stderr.ends_with(" s\n3 applied\n"), "{stderr}");
}

#[test]
fn reads_standard_input() {
    let bench = Bench::new("reads_standard_input");
    bench.write_input(&lines(3, 3, 1));
    for args in [&[][..], &["-"], &["-", "--results", "-"]] {
        let output = bench
            .command()
            .stdin(fs::File::open(&bench.input).unwrap())
            .args(args)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(records(&output.stdout).len(), 3);
    }
}

#[test]
fn piped_output_is_plain_text() {
    let bench = Bench::new("piped_output");
    bench.write_input(&lines(40, 4, 1));
    let output = bench.expect(0, &[]);
    for bytes in [&output.stdout, &output.stderr] {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let odd = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(odd, None, "{text}");
    }
    assert_eq!(records(&output.stdout).len(), 40);
}

#[test]
fn a_file_may_hold_the_key() {
    let bench = Bench::new("a_file_may_hold_the_key");
    bench.write_input(&lines(3, 3, 1));
    let path = bench.folder.join("key");
    let run = || {
        let mut command = bench.command();
        command.env("SOAP_API_KEY", "another-key");
        let command = command.arg("--key-file").arg(&path).arg(&bench.input);
        command.output().unwrap()
    };
    for end in ["", "\n", "\r\n"] {
        let key = bench.server.api_key();
        fs::write(&path, format!("\u{FEFF}{key}{end}")).unwrap();
        let output = run();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let sent = bench.server.requests().len();
    let start = format!("paywithsoap-bulk: --key-file {}: ", path.display());
    for (text, message) in [
        (Some("a key\n"), "must be visible ASCII characters only"),
        (Some("\n"), "must "),
        (None, "No such file"),
    ] {
        match text {
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let output = run();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let stderr = stderr_text(&output);
        assert!(stderr.starts_with(&format!("{start}{message}")), "{stderr}");
    }
    assert_eq!(bench.server.requests().len(), sent);
}

/// `--ca` is read and replaces the built-in roots; what is wrong with it is
/// reported before anything is sent.
#[test]
fn a_wrong_ca_file_starts_nothing() {
    let bench = Bench::new("a_wrong_ca_file");
    bench.write_input(&lines(3, 3, 1));
    let ca = bench.folder.join("ca.pem");
    let args = ["--ca", ca.to_str().unwrap()];
    let stderr = stderr_text(&bench.expect(2, &args));
    let start = format!("paywithsoap-bulk: --ca {}: ", ca.display());
    assert!(stderr.starts_with(&start), "{stderr}");
    fs::write(&ca, "no certificate").unwrap();
    let stderr = stderr_text(&bench.expect(2, &args));
    assert!(
        stderr.starts_with(&format!("{start}must hold ")),
        "{stderr}"
    );
    assert_eq!(bench.server.requests().len(), 0);
}

#[test]
fn the_environment_names_a_ca_file_too() {
    let bench = Bench::new("the_environment_names_a_ca_file");
    bench.write_input(&lines(3, 3, 1));
    let ca = bench.folder.join("absent.pem");
    let output = bench
        .command()
        .env("SOAP_API_CA", &ca)
        .arg(&bench.input)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = stderr_text(&output);
    assert!(
        stderr.starts_with("paywithsoap-bulk: SOAP_API_CA "),
        "{stderr}"
    );
    assert_eq!(bench.server.requests().len(), 0);
}

#[test]
fn a_timeout_ends_a_call() {
    use paywithsoap::testing::Fault;

    let bench = Bench::new("a_timeout");
    bench.write_input(&lines(1, 1, 1));
    bench.server.fail_next(Fault::Stall);
    let mut args = bench.results_args();
    args.extend(["--timeout", "1"]);
    bench.expect(1, &args);
    assert_eq!(bench.outcomes(), ["unknown"]);
}

#[test]
fn a_folder_is_no_file() {
    let bench = Bench::new("a_folder");
    bench.write_input(&lines(3, 3, 1));
    let folder = bench.folder.to_str().unwrap();
    for (args, name) in [
        (&["--results", folder][..], folder),
        (&["--resume", folder], folder),
        (&["--dry-run", "--resume", folder], folder),
        (&["--ca", folder], &format!("--ca {folder}")),
    ] {
        let message = format!("paywithsoap-bulk: {name}: it is a folder\n");
        assert_eq!(stderr_text(&bench.expect(2, args)), message);
    }
    let output = bench.command().arg(folder).output().unwrap();
    let message = format!("paywithsoap-bulk: {folder}: it is a folder\n");
    assert_eq!(stderr_text(&output), message);
    assert_eq!(bench.server.requests().len(), 0);
}
