//! Runs that change nothing: `--test-server` and `--dry-run`.

use std::fs;

use paywithsoap::testing::Fault;
use serde_json::json;

use crate::bench::{Bench, lines, records, stderr_text};

#[test]
fn a_rehearsal_needs_no_key_and_applies_nothing() {
    for bench in [Bench::new("rehearsal_jsonl"), Bench::csv("rehearsal_csv")] {
        let input = lines(300, 30, 2);
        bench.write_input(&input);
        let output = bench
            .command()
            .env_remove("SOAP_API_KEY")
            .args(bench.results_args())
            .arg("--test-server")
            .arg(&bench.input)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let stderr = stderr_text(&output);
        assert!(
            stderr.starts_with("300 lines for a test server in "),
            "{stderr}"
        );
        let end = format!(
            "\n300 rehearsed\nto send the lines to the API:{}",
            bench.hint("")
        );
        assert!(stderr.ends_with(&end), "{stderr}");
        assert!(
            bench
                .outcomes()
                .iter()
                .all(|outcome| outcome == "rehearsed")
        );
        assert_eq!(bench.server.requests().len(), 0);

        // Also where the rehearsal was cut short.
        let text = fs::read_to_string(&bench.results).unwrap();
        fs::write(&bench.results, &text[..text.len() - 9]).unwrap();
        bench.expect(0, &bench.resume_args());
        bench.assert_all_applied(&input);
        bench.assert_end_state(&input);
    }
}

#[test]
fn hints_fit_results_on_standard_output() {
    let bench = Bench::new("hints_fit_results");
    bench.write_input(&lines(3, 3, 1));
    let stderr = stderr_text(&bench.expect(0, &["--test-server"]));
    let hint = "\n3 rehearsed\nto send the lines to the API, run without --test-server\n";
    assert!(stderr.ends_with(hint), "{stderr}");
    bench.server.fail_next(Fault::respond(422, "{}"));
    let stderr = stderr_text(&bench.expect(1, &[]));
    let hint = "\nto send what is left, save these results in FILE, then use --resume FILE\n";
    assert!(stderr.ends_with(hint), "{stderr}");

    fs::write(&bench.input, "\n").unwrap();
    let mut args = bench.results_args();
    args.push("--test-server");
    let stderr = stderr_text(&bench.expect(0, &args));
    assert!(
        stderr.starts_with("0 lines for a test server in "),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_rehearsal_finds_what_the_api_would_reject() {
    let bench = Bench::new("a_rehearsal_finds");
    let email = "a@x.example";
    bench.write_input(&[
        json!({"id": "cus_a", "email": email}),
        json!({"id": "cus_b", "email": email}),
    ]);
    let mut args = bench.results_args();
    args.extend(["--test-server", "--threads", "1"]);
    bench.expect(1, &args);
    assert_eq!(bench.outcomes(), ["rehearsed", "not_applied"]);
    // And again, on a test server of its own.
    let mut args = bench.resume_args();
    args.extend(["--test-server", "--threads", "1"]);
    bench.expect(1, &args);
    assert_eq!(bench.outcomes(), ["rehearsed", "not_applied"]);
}

#[test]
fn results_of_a_real_run_are_not_rehearsed() {
    let bench = Bench::new("results_of_a_real_run");
    bench.write_input(&lines(3, 3, 1));
    bench.expect(0, &bench.results_args());
    let before = fs::read(&bench.results).unwrap();
    let mut args = bench.resume_args();
    args.push("--test-server");
    let stderr = stderr_text(&bench.expect(2, &args));
    let message = format!(
        "its lines were sent to {}, and a rehearsal must not continue them: \
         start another file with --results, or see with --dry-run what is left\n",
        bench.server.base_url()
    );
    assert!(stderr.ends_with(&message), "{stderr}");
    assert_eq!(fs::read(&bench.results).unwrap(), before);
}

#[test]
fn a_dry_run_sends_nothing_and_shows_every_mistake() {
    let bench = Bench::new("a_dry_run_sends_nothing");
    fs::write(
        &bench.input,
        "{\"id\":\"cus_a\",\"last_name\":\"Doe\",\"email\":\"a@x.example\"}\n\
         {\"id\":\"cus_a\",\"phone_number\":\"1\",\"date_of_birth\":\"1\"}\n\
         {\"id\":\"a\",\"last_name\":\"Doe\"}\n",
    )
    .unwrap();
    let output = bench.expect(1, &["--dry-run"]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let body = r#"{"email":"a@x.example","last_name":"Doe"}"#;
    let shown = text.lines().nth(1).unwrap();
    let start = r#"{"line":1,"id":"cus_a","outcome":"would_send","checksum":""#;
    let end = format!("\",\"body\":{body}}}");
    assert!(shown.starts_with(start) && shown.ends_with(&end), "{shown}");
    let results = records(&output.stdout);
    let fields: Vec<_> = results[1..]
        .iter()
        .flat_map(|record| record["violations"].as_array().unwrap())
        .map(|violation| violation["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["phone_number", "date_of_birth", "id"]);
    assert_eq!(bench.server.requests().len(), 0);
}

#[test]
fn a_dry_run_needs_no_key() {
    let bench = Bench::new("a_dry_run_needs_no_key");
    bench.write_input(&lines(3, 3, 1));
    let output = bench
        .command()
        .env_remove("SOAP_API_KEY")
        .env_remove("SOAP_API_URL")
        .arg("--dry-run")
        .arg(&bench.input)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let stderr = stderr_text(&output);
    let start = "3 lines for https://api-sandbox.paywithsoap.com in ";
    assert!(stderr.starts_with(start), "{stderr}");
    assert!(stderr.ends_with("\n3 would be sent\n"), "{stderr}");
}
