//! Results, and what a resumed run makes of them.

use std::fs;

use paywithsoap::testing::{Fault, TestServer};
use serde_json::{Value, json};

use crate::bench::{Bench, lines, records, respond, stderr_text};

#[test]
fn results_name_the_url_and_a_checksum_of_each_body() {
    let bench = Bench::new("results_name_the_url");
    bench.write_input(&[json!({"id": "cus_a", "last_name": "Doe"})]);
    bench.expect(0, &bench.results_args());
    // printf '%s' '{"last_name":"Doe"}' | sha256sum | cut -c-16
    let checksum = "9acb0ab887858038";
    let expected = format!(
        "{{\"base_url\":\"{}\"}}\n\
         {{\"line\":1,\"id\":\"cus_a\",\"outcome\":\"applied\",\"checksum\":\"{checksum}\"}}\n",
        bench.server.base_url()
    );
    assert_eq!(fs::read_to_string(&bench.results).unwrap(), expected);
}

#[test]
fn the_customer_is_in_the_results_where_it_is_asked_for() {
    let bench = Bench::csv("the_customer");
    bench.write_input(&[json!({"id": "cus_a", "last_name": "Doe"})]);
    let output = bench.expect(0, &["--with-customer"]);
    let results = records(&output.stdout);
    assert_eq!(results[0]["line"], 2);
    assert_eq!(results[0]["customer"]["last_name"], "Doe");
}

#[test]
fn a_customer_that_differs_is_named_in_mismatches() {
    let bench = Bench::new("a_customer_that_differs");
    bench.write_input(&[json!({"id": "cus_a", "last_name": "Doe", "email": "a@x.example"})]);
    bench.server.fail_next(Fault::respond(
        200,
        r#"{"id":"cus_a","last_name":null,"email":"a@x.example"}"#,
    ));
    let stderr = stderr_text(&bench.expect(0, &bench.results_args()));
    assert_eq!(bench.records()[0]["mismatches"], json!(["last_name"]));
    let line = "line 1: accepted, but the API returned other values of last_name\n";
    assert!(stderr.starts_with(line), "{stderr}");
    let sum = "\nreturned with other values, see `mismatches`: 1\n";
    assert!(stderr.ends_with(sum), "{stderr}");
}

#[test]
fn results_of_another_url_are_refused() {
    let bench = Bench::new("results_of_another_url");
    bench.write_input(&lines(3, 3, 1));
    bench.expect(0, &bench.results_args());
    let before = fs::read(&bench.results).unwrap();
    let other = TestServer::start().unwrap();
    let url = bench.server.base_url();
    for dry_run in [&[][..], &["--dry-run"]] {
        let output = bench
            .command()
            .env("SOAP_API_URL", other.base_url())
            .args(bench.resume_args())
            .args(dry_run)
            .arg(&bench.input)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(
            stderr_text(&output),
            format!(
                "paywithsoap-bulk: {}: its lines were sent to {url}, and this run would send \
                 to {}: set SOAP_API_URL={url}, or start another file with --results\n",
                bench.results.display(),
                other.base_url()
            )
        );
    }
    assert_eq!(fs::read(&bench.results).unwrap(), before);
    assert_eq!(other.requests().len(), 0);
}

#[test]
fn a_changed_body_is_sent_again_and_counted() {
    for bench in [Bench::new("changed_jsonl"), Bench::csv("changed_csv")] {
        let mut input = vec![
            json!({"id": "cus_a", "first_name": "One"}),
            json!({"id": "cus_b", "first_name": "Two"}),
            json!({"id": "cus_a", "last_name": "Three"}),
        ];
        bench.write_input(&input);
        bench.expect(0, &bench.results_args());
        input[0]["first_name"] = "Uno".into();
        bench.write_lines(&input);
        let stderr = stderr_text(&bench.expect(0, &bench.resume_args()));
        // The later line of its id goes along.
        assert!(
            stderr.contains("\n2 applied, 1 applied before\n"),
            "{stderr}"
        );
        let sum = "\nchanged since applied: 1\n";
        assert!(stderr.ends_with(sum), "{stderr}");
        assert_eq!(bench.sent("cus_b").len(), 1);
        bench.assert_all_applied(&input);
        bench.assert_end_state(&input);
    }
}

#[test]
fn a_torn_last_line_is_sent_again() {
    let bench = Bench::new("a_torn_last_line");
    let input = lines(50, 50, 3);
    bench.write_input(&input);
    bench.expect(0, &bench.results_args());
    let whole = fs::read_to_string(&bench.results).unwrap();
    // The header and 29 results, the header and 30.
    let end_of_29: usize = whole.split_inclusive('\n').take(30).map(str::len).sum();
    let end_of_30: usize = whole.split_inclusive('\n').take(31).map(str::len).sum();
    let end_of_header = whole.find('\n').unwrap() + 1;
    for (end, sent) in [
        // After a line end, in the middle of a line, and before its line end.
        (end_of_29, 21),
        (end_of_29 + 1, 21),
        (end_of_29 + 20, 21),
        (end_of_30 - 1, 21),
        (end_of_header, 50),
        (end_of_header - 1, 50),
        (5, 50),
        (0, 50),
    ] {
        fs::write(&bench.results, &whole[..end]).unwrap();
        let before = bench.server.requests().len();
        bench.expect(0, &bench.resume_args());
        assert_eq!(bench.server.requests().len() - before, sent, "{end}");
        bench.assert_all_applied(&input);
    }
}

#[test]
fn an_earlier_line_takes_later_lines_of_its_id_along() {
    let bench = Bench::new("an_earlier_line");
    let input = vec![
        json!({"id": "cus_a", "first_name": "One"}),
        json!({"id": "cus_b", "first_name": "Two"}),
        json!({"id": "cus_a", "first_name": "Three"}),
        json!({"id": "cus_b", "first_name": "Four"}),
    ];
    bench.write_input(&input);
    bench.server.fail_next(respond(500, None));
    let args = [bench.results_args(), vec!["--threads", "1"]].concat();
    bench.expect(1, &args);
    let outcomes: Vec<_> = bench.outcomes();
    assert_eq!(outcomes, ["unknown", "applied", "applied", "applied"]);

    let before = bench.server.requests().len();
    bench.expect(0, &bench.resume_args());
    let sent: Vec<_> = bench.server.requests()[before..]
        .iter()
        .map(|request| String::from_utf8(request.body.clone()).unwrap())
        .collect();
    assert_eq!(
        sent,
        [r#"{"first_name":"One"}"#, r#"{"first_name":"Three"}"#]
    );
    bench.assert_all_applied(&input);
    bench.assert_end_state(&input);
}

#[test]
fn a_killed_resume_leaves_no_stale_result() {
    let bench = Bench::new("a_killed_resume");
    let input = vec![
        json!({"id": "cus_a", "first_name": "One"}),
        json!({"id": "cus_b", "first_name": "Two"}),
        json!({"id": "cus_a", "first_name": "Three"}),
    ];
    bench.write_input(&input);
    bench.expect(0, &bench.results_args());
    // As a first run leaves it that lost the response to line 1, and a second one
    // that was killed after it had sent line 1 again.
    let whole = fs::read_to_string(&bench.results).unwrap();
    let lines: Vec<_> = whole.split_inclusive('\n').collect();
    let lost = lines[1].replace("applied", "unknown");
    let left = [lines[0], &lost, lines[2], lines[3], lines[1]].concat();
    fs::write(&bench.results, &left).unwrap();
    let before = bench.server.requests().len();

    let args = [bench.resume_args(), vec!["--dry-run"]].concat();
    let output = bench.expect(0, &args);
    let shown: Vec<_> = records(&output.stdout)
        .iter()
        .map(|r| r["line"].clone())
        .collect();
    assert_eq!(shown, [3], "{output:?}");
    assert_eq!(fs::read_to_string(&bench.results).unwrap(), left);
    assert_eq!(bench.server.requests().len(), before);

    bench.expect(0, &bench.resume_args());
    assert_eq!(bench.server.requests().len(), before + 1);
    assert_eq!(bench.sent("cus_a")[2], r#"{"first_name":"Three"}"#);
    bench.assert_all_applied(&input);
}

#[test]
fn a_response_of_odd_json_is_resumed_from() {
    let bench = Bench::new("a_response_of_odd_json");
    let input = [
        json!({"id": "cus_a", "first_name": "One"}),
        json!({"id": "cus_b", "first_name": "Two"}),
    ];
    bench.write_input(&input);
    // A customer to the client, but no value that serde_json can hold.
    let odd = "{\"id\":\"cus_a\",\n\"x\":\"\\ud800\",\"y\":1e999}";
    bench.server.fail_next(Fault::respond(200, odd));
    let first = ["--threads", "1", "--with-customer"];
    bench.expect(0, &[&bench.results_args()[..], &first].concat());
    let results = fs::read_to_string(&bench.results).unwrap();
    assert!(results.contains(r#""customer":{"id":"cus_a", "x":"\ud800","y":1e999}}"#));
    bench.expect(0, &bench.resume_args());
    assert_eq!(bench.sent("cus_a").len(), 1);
    assert_eq!(bench.sent("cus_b").len(), 1);
}

#[test]
fn a_fixed_line_and_another_id_are_sent() {
    let bench = Bench::new("a_fixed_line");
    fs::write(
        &bench.input,
        "nope\n{\"id\":\"cus_a\",\"first_name\":\"Two\"}\n",
    )
    .unwrap();
    bench.expect(1, &bench.results_args());
    assert_eq!(bench.outcomes(), ["bad_line", "applied"]);
    let input = vec![
        json!({"id": "cus_a", "first_name": "One"}),
        json!({"id": "cus_b", "first_name": "Two"}),
    ];
    bench.write_input(&input);
    bench.expect(0, &bench.resume_args());
    assert_eq!(bench.sent("cus_b"), [r#"{"first_name":"Two"}"#]);
    bench.assert_all_applied(&input);
}

#[test]
fn a_file_that_holds_something_else_is_left_alone() {
    let bench = Bench::new("something_else");
    bench.write_input(&lines(3, 3, 1));
    let header = format!("{{\"base_url\":\"{}\"}}\n", bench.server.base_url());
    let result = "{\"line\":1,\"id\":\"cus_a\",\"outcome\":\"applied\"}\n";
    let not_empty = "it is not empty: continue it with --resume, or choose another name";
    let no_result = |line| format!("this is not a results file: line {line} is not a result");
    for (option, text, message) in [
        ("--resume", "{\"id\":\"cus_a\"}\n", no_result(1)),
        ("--resume", result, no_result(1)),
        ("--resume", "no line end", no_result(1)),
        ("--resume", &format!("{header}{header}"), no_result(2)),
        ("--resume", &format!("{header}{result}\0\0\0"), no_result(3)),
        (
            "--resume",
            &format!("{header}{result}{result}{result}"),
            "its results are not in order".to_owned(),
        ),
        ("--results", &header, not_empty.to_owned()),
        ("--results", "text", not_empty.to_owned()),
    ] {
        fs::write(&bench.results, text).unwrap();
        let output = bench.expect(2, &[option, bench.results.to_str().unwrap()]);
        let stderr = stderr_text(&output);
        let end = format!("paywithsoap-bulk: {}: {message}\n", bench.results.display());
        assert!(stderr.ends_with(&end), "{stderr}");
        assert_eq!(fs::read_to_string(&bench.results).unwrap(), text);
    }
    fs::remove_file(&bench.results).unwrap();
    bench.expect(2, &bench.resume_args());
    assert_eq!(bench.server.requests().len(), 0);
}

#[test]
fn a_lost_response_is_unknown() {
    let bench = Bench::new("a_lost_response");
    bench.write_input(&[json!({"id": "cus_a", "first_name": "One"})]);
    bench.server.fail_next(Fault::CloseAfterReading);
    let stderr = stderr_text(&bench.expect(1, &bench.results_args()));
    let results = bench.records();
    assert_eq!(results[0]["outcome"], "unknown");
    let message = results[0]["message"].as_str().unwrap();
    assert!(
        message.starts_with("unknown whether applied: "),
        "{message}"
    );
    assert_ne!(results[0]["checksum"], Value::Null);
    let hint = format!(
        "to send what is left, use --resume {}\n",
        bench.results.display()
    );
    assert!(stderr.ends_with(&hint), "{stderr}");
}
