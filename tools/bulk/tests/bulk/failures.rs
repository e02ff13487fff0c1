//! The lines that failed, handed on by `--failures`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::bench::{Bench, respond, stderr_text};

#[test]
fn failed_rows_are_corrected_and_sent() {
    let bench = Bench::csv("failed_rows");
    fs::write(
        &bench.input,
        "\u{FEFF}sep=;\r\n\
         Note;id;E-mail;phone_number\r\n\
         \"a;\r\n\"\"b\"\"\";cus_a;a@x.example;555\r\n\
         ;cus_b;b@x.example;5551234567\r\n\
         c;cus_b;c@x.example;\r\n\
         d;cus_a;d@x.example;\r\n\
         e;cus_b\r\n\
         f;;f@x.example;\r\n\
         g;cus_b;g@x.example;\"5551234568\r\n",
    )
    .unwrap();
    let options = [
        "--column",
        "email=E-mail",
        "--ignore-other-columns",
        "--threads",
        "1",
    ];
    let failures = bench.folder.join("failed 1.csv");
    // The rows that are sent, in order: one is applied, two of them fail.
    bench.server.fail_next(respond(500, None));
    bench.server.fail_next(respond(422, None));
    run(&bench, &bench.input, &options, Some(&failures), 1);
    let text = fs::read_to_string(&failures).unwrap();
    let never_closed = "a quote is never closed: all that follows it is skipped";
    let digits = "phone_number must be exactly 10 digits of 0 to 9, like 5551234567";
    assert_eq!(
        text,
        format!(
            "\u{FEFF}sep=;\n\
             Note;id;E-mail;phone_number;reason\n\
             \"a;\r\n\"\"b\"\"\";cus_a;a@x.example;555;\"{digits}\"\n\
             c;cus_b;c@x.example;;\"the API responded with 422\"\n\
             e;cus_b;\"the line has 2 cells, and the header has 4\"\n\
             f;;f@x.example;;\"id is missing\"\n\
             \"g;cus_b;g@x.example;\"\"5551234568\";;;;\"{never_closed}\"\n"
        )
    );
    // Row b is unknown, and row d was applied.
    assert_eq!(bench.sent("cus_a"), [r#"{"email":"d@x.example"}"#]);

    // Corrected all but one, with the reasons left as they are.
    let text = text
        .replace("e;cus_b;\"", "e;cus_b;e@x.example;;\"")
        .replace("f;;", "f;cus_b;")
        .replace(
            "\"g;cus_b;g@x.example;\"\"5551234568\";;;;",
            "g;cus_b;g@x.example;5551234568;",
        );
    fs::write(&failures, text).unwrap();
    bench.server.clear_requests();
    let again = bench.folder.join("failed-2.csv");
    run(&bench, &failures, &options, Some(&again), 1);
    let text = fs::read_to_string(&again).unwrap();
    let expected = format!(
        "\u{FEFF}sep=;\n\
         Note;id;E-mail;phone_number;reason\n\
         \"a;\r\n\"\"b\"\"\";cus_a;a@x.example;555;\"{digits}\"\n"
    );
    assert_eq!(text, expected);
    let sent = ["c", "e", "f"].map(|name| format!("{{\"email\":\"{name}@x.example\"}}"));
    let last = r#"{"email":"g@x.example","phone_number":"5551234568"}"#.to_owned();
    assert_eq!(bench.sent("cus_b"), [&sent[..], &[last]].concat());

    fs::write(&again, text.replace(";555;", ";5551234569;")).unwrap();
    let third = bench.folder.join("failed-3.csv");
    run(&bench, &again, &options, Some(&third), 0);
    assert!(!third.exists());
}

#[test]
fn failed_objects_are_corrected_and_sent() {
    let bench = Bench::new("failed_objects");
    fs::write(
        &bench.input,
        "{\"id\":\"cus_a\", \"email\" : \"a\"}\n\
         {\"id\":\"cus_b\",\"email\":\"b@x.example\"}\n\
         {\"id\":\"cus_a\",\"email\":null}\n",
    )
    .unwrap();
    let failures = bench.folder.join("failed.jsonl");
    bench.server.fail_next(respond(500, None));
    run(&bench, &bench.input, &[], Some(&failures), 1);
    let text = fs::read_to_string(&failures).unwrap();
    let found: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let reason = found[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("email must "), "{reason}");
    assert_eq!(
        found[0],
        json!({"id": "cus_a", "email": "a", "reason": reason})
    );
    let reason = "email is null: leave the field out";
    assert_eq!(
        found[1..],
        [json!({"id": "cus_a", "email": null, "reason": reason})]
    );

    let text = text
        .replace(r#""a","#, r#""a@x.example","#)
        .replace("null,", r#""c@x.example","#);
    fs::write(&failures, text).unwrap();
    run(&bench, &failures, &[], None, 0);
    assert_eq!(
        bench.sent("cus_a"),
        [r#"{"email":"a@x.example"}"#, r#"{"email":"c@x.example"}"#]
    );
}

#[test]
fn a_file_of_failures_that_exists_is_refused() {
    let bench = Bench::new("failures_that_exist");
    bench.write_input(&[json!({"id": "cus_a", "email": "a"})]);
    let failures = bench.folder.join("failed.jsonl");
    fs::write(&failures, "precious").unwrap();
    let output = run(&bench, &bench.input, &[], Some(&failures), 2);
    let start = format!(
        "paywithsoap-bulk: {}: it is there already: name another",
        failures.display()
    );
    assert!(stderr_text(&output).starts_with(&start), "{output:?}");
    assert_eq!(fs::read_to_string(&failures).unwrap(), "precious");
}

/// So that the next run can have it.
#[test]
#[cfg(target_os = "linux")]
fn a_run_that_does_not_start_leaves_no_file_of_failures() {
    let bench = Bench::new("failures_of_no_run");
    bench.write_input(&[json!({"id": "cus_a", "email": "a"})]);
    let failures = bench.folder.join("failed.jsonl");
    run(
        &bench,
        &bench.input,
        &["--results", "/dev/full"],
        Some(&failures),
        2,
    );
    assert!(!failures.exists());
}

#[test]
#[cfg(unix)]
fn a_file_of_failures_is_private() {
    use std::os::unix::fs::PermissionsExt;

    let bench = Bench::new("failures_are_private");
    bench.write_input(&[json!({"id": "cus_a", "email": "a"})]);
    let failures = bench.folder.join("failed.jsonl");
    run(&bench, &bench.input, &[], Some(&failures), 1);
    let mode = fs::metadata(&failures).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[track_caller]
fn run(
    bench: &Bench,
    input: &PathBuf,
    options: &[&str],
    failures: Option<&Path>,
    code: i32,
) -> Output {
    let mut command = bench.command();
    if let Some(failures) = failures {
        command.arg("--failures").arg(failures);
    }
    let output = command.args(options).arg(input).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    output
}
