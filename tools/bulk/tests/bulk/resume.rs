//! Results, and what a resumed run makes of them.

use std::collections::HashSet;
use std::fs;

use paywithsoap::testing::{Fault, TestServer};
use serde_json::{Value, json};

use crate::bench::{Bench, ids, lines, records, respond, stderr_text};

#[test]
fn results_name_the_url_and_a_salted_checksum() {
    let bench = Bench::new("results_name_the_url");
    bench.write_input(&[
        json!({"id": "cus_a", "last_name": "Doe"}),
        json!({"id": "cus_b", "last_name": "Doe"}),
    ]);
    let mut checksums = HashSet::new();
    for _ in 0..3 {
        bench.expect(0, &bench.results_args());
        let text = fs::read_to_string(&bench.results).unwrap();
        let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(header["base_url"], bench.server.base_url());
        assert_eq!(header["salt"].as_str().unwrap().len(), 32);
        for record in bench.records() {
            let checksum = record["checksum"].as_str().unwrap();
            assert_eq!(checksum.len(), 16);
            checksums.insert(checksum.to_owned());
        }
        let line = text.lines().nth(1).unwrap();
        assert!(line.starts_with(r#"{"line":1,"id":"cus_a","outcome":"applied","checksum":""#));
        fs::remove_file(&bench.results).unwrap();
    }
    // The same values, of another customer or in another file, are not to be seen.
    assert_eq!(checksums.len(), 6);
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
    let sum = "\n1 line returned with other values: see `mismatches`\n";
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
fn rows_may_move_between_runs() {
    for bench in [Bench::new("rows_move_jsonl"), Bench::csv("rows_move_csv")] {
        let mut input = lines(200, 200, 5);
        bench.write_input(&input);
        bench.expect(0, &bench.results_args());
        let sent = bench.server.requests().len();
        // Sorted another way, some inserted, some removed.
        input.sort_by_key(|line| line["email"].to_string());
        let removed: Vec<_> = input.drain(20..50).collect();
        let inserted = lines(5, 5, 6);
        let inserted: Vec<_> = inserted
            .iter()
            .map(|line| json!({"id": format!("{}new", line["id"].as_str().unwrap()), "first_name": "Ann"}))
            .collect();
        bench.write_input(&inserted);
        input.splice(10..10, inserted.clone());
        bench.write_lines(&input);
        let stderr = stderr_text(&bench.expect(0, &bench.resume_args()));
        assert!(
            stderr.contains("\n5 applied, 170 applied before\n"),
            "{stderr}"
        );
        let end = "\n30 lines no longer in the input: see the end of the results\n";
        assert!(stderr.ends_with(end), "{stderr}");
        assert_eq!(bench.server.requests().len(), sent + 5);
        let gone = bench.assert_all_applied_but_gone(&input);
        assert_eq!(gone, ids(&removed));

        // They are still known, should their rows return.
        input.extend(removed);
        bench.write_lines(&input);
        bench.expect(0, &bench.resume_args());
        assert_eq!(bench.server.requests().len(), sent + 5);
        bench.assert_all_applied(&input);
    }
}

#[test]
fn rows_of_one_id_may_move_too() {
    let bench = Bench::new("rows_of_one_id_may_move");
    let input = lines(60, 6, 7);
    bench.write_input(&input);
    bench.expect(0, &bench.results_args());
    assert_no_row_is_sent_again(&bench, input);
}

#[test]
fn joined_files_are_sent_once() {
    let bench = Bench::new("joined_files");
    let input = lines(50, 50, 7);
    bench.write_input(&input);
    bench.expect(0, &bench.results_args());
    let sent = bench.server.requests().len();
    let mut joined = [&input[..], &input[..]].concat();
    joined.sort_by_key(|line| line["email"].to_string());
    bench.write_lines(&joined);
    for _ in 0..2 {
        let stderr = stderr_text(&bench.expect(0, &bench.resume_args()));
        assert!(stderr.ends_with("\n100 applied before\n"), "{stderr}");
        assert_eq!(bench.server.requests().len(), sent);
        bench.assert_all_applied(&joined);
    }
}

#[test]
fn a_repeated_row_that_comes_after_another_is_sent() {
    let bench = Bench::new("a_repeated_row");
    let input = ["One", "Two", "One"].map(|name| json!({"id": "cus_a", "first_name": name}));
    bench.write_input(&input[..2]);
    bench.expect(0, &bench.results_args());
    bench.write_lines(&input);
    bench.expect(0, &bench.resume_args());
    assert_eq!(bench.sent("cus_a").len(), 3);
    bench.assert_all_applied(&input);
    bench.assert_end_state(&input);
}

#[test]
fn an_edited_row_is_sent_and_what_follows_it() {
    for bench in [Bench::new("edited_jsonl"), Bench::csv("edited_csv")] {
        let mut input = vec![
            json!({"id": "cus_a", "email": "a@x.example"}),
            json!({"id": "cus_a", "first_name": "One"}),
            json!({"id": "cus_b", "first_name": "Two"}),
            json!({"id": "cus_a", "last_name": "Three"}),
        ];
        bench.write_input(&input);
        bench.expect(0, &bench.results_args());
        // There and back: the values of the first run are no longer the customer's.
        for (sent, name) in ["One", "Uno", "One", "One"].into_iter().enumerate().skip(1) {
            input[1]["first_name"] = name.into();
            bench.write_lines(&input);
            let stderr = stderr_text(&bench.expect(0, &bench.resume_args()));
            let sent = sent.min(2);
            assert_eq!(bench.sent("cus_a").len(), 3 + sent * 2, "{stderr}");
            bench.assert_end_state(&input);
        }
        assert_eq!(bench.sent("cus_b").len(), 1);
        let gone = &bench.records()[4..];
        let outcomes: Vec<_> = gone.iter().map(|record| &record["outcome"]).collect();
        assert_eq!(outcomes, ["superseded"]);
    }
}

#[test]
fn a_value_that_comes_back_behind_another_is_sent() {
    let bench = Bench::new("a_value_that_comes_back");
    let a = json!({"id": "cus_a", "last_name": "A"});
    let b = json!({"id": "cus_a", "last_name": "B"});
    bench.write_input(&[a.clone(), b.clone()]);
    bench.expect(0, &bench.results_args());
    bench.write_lines(std::slice::from_ref(&b));
    bench.expect(0, &bench.resume_args());
    assert_eq!(bench.sent("cus_a").len(), 2);
    let input = [b, a];
    bench.write_lines(&input);
    bench.expect(0, &bench.resume_args());
    assert_eq!(bench.sent("cus_a").len(), 3);
    bench.assert_end_state(&input);
}

#[test]
fn results_of_two_files_are_refused() {
    let bench = Bench::new("results_of_two_files");
    let input = lines(4, 4, 5);
    let mut joined = Vec::new();
    for half in [&input[..2], &input[2..]] {
        bench.write_input(half);
        bench.expect(0, &bench.results_args());
        joined.extend(fs::read(&bench.results).unwrap());
        fs::remove_file(&bench.results).unwrap();
    }
    fs::write(&bench.results, &joined).unwrap();
    bench.write_lines(&input);
    let requests = bench.server.requests().len();
    let stderr = stderr_text(&bench.expect(2, &bench.resume_args()));
    assert!(
        stderr.contains("it holds the results of two files: "),
        "{stderr}"
    );
    assert_eq!(bench.server.requests().len(), requests);
    assert_eq!(fs::read(&bench.results).unwrap(), joined);
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
        // All of a result is one, as an editor may leave it.
        (end_of_30 - 1, 20),
        (end_of_header, 50),
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
fn unknown_rows_are_held_back() {
    let bench = Bench::new("unknown_rows");
    let mut input = vec![
        json!({"id": "cus_a", "first_name": "One"}),
        json!({"id": "cus_b", "first_name": "Two"}),
        json!({"id": "cus_a", "first_name": "Three"}),
        json!({"id": "cus_b", "first_name": "Four"}),
    ];
    bench.write_input(&input);
    bench.server.fail_next(respond(500, None));
    let args = [bench.results_args(), vec!["--threads", "1"]].concat();
    bench.expect(1, &args);
    let outcomes = ["unknown", "applied", "applied", "applied"];
    assert_eq!(bench.outcomes(), outcomes);

    let before = bench.server.requests().len();
    for _ in 0..2 {
        let stderr = stderr_text(&bench.expect(1, &bench.resume_args()));
        let end = format!(
            "\n3 applied before, 1 unknown before\n\
             to send the unknown lines again, once you have looked at their customers:{}",
            bench.hint(" --retry-unknown")
        );
        assert!(stderr.ends_with(&end), "{stderr}");
        assert_eq!(bench.outcomes(), outcomes);
    }
    assert_eq!(bench.server.requests().len(), before);

    // An unknown row that is gone is none of this input.
    let unknown = input.remove(0);
    bench.write_lines(&input);
    bench.expect(0, &bench.resume_args());
    assert_eq!(bench.outcomes()[3], "unknown");
    assert_eq!(bench.server.requests().len(), before);

    // It takes later rows of its id along.
    input.insert(0, unknown);
    bench.write_lines(&input);
    bench.expect(0, &bench.retry_args());
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
fn an_unknown_row_that_was_edited_is_sent() {
    let bench = Bench::new("an_unknown_row_that_was_edited");
    let mut input = [json!({"id": "cus_a", "first_name": "One"})];
    bench.write_input(&input);
    bench.server.fail_next(respond(500, None));
    bench.expect(1, &bench.results_args());
    input[0]["first_name"] = "Uno".into();
    bench.write_lines(&input);
    bench.expect(0, &bench.resume_args());
    assert_eq!(bench.outcomes(), ["applied", "unknown"]);
    bench.assert_end_state(&input);
}

#[test]
fn a_killed_resume_leaves_no_stale_result() {
    let bench = Bench::new("a_killed_resume");
    let mut input = vec![
        json!({"id": "cus_a", "email": "a@x.example"}),
        json!({"id": "cus_a", "first_name": "One"}),
        json!({"id": "cus_b", "first_name": "Two"}),
        json!({"id": "cus_a", "first_name": "Three"}),
    ];
    bench.write_input(&input);
    bench.expect(0, &bench.results_args());
    input[1]["first_name"] = "Uno".into();
    bench.write_lines(&input);
    // Stops it once the second line is sent again, and before the fourth is.
    bench.server.fail_next(respond(503, Some("86400")));
    bench.expect(3, &[bench.resume_args(), vec!["--threads", "1"]].concat());
    let left = fs::read_to_string(&bench.results).unwrap();
    assert_eq!(left.lines().count(), 9, "{left}");
    let left = left.replace("\"unknown\"", "\"applied\"");
    fs::write(&bench.results, &left).unwrap();
    let before = bench.server.requests().len();

    let args = [bench.resume_args(), vec!["--dry-run"]].concat();
    let output = bench.expect(0, &args);
    let shown: Vec<_> = records(&output.stdout)
        .iter()
        .map(|r| r["line"].clone())
        .collect();
    assert_eq!(shown, [4], "{output:?}");
    assert_eq!(fs::read_to_string(&bench.results).unwrap(), left);
    assert_eq!(bench.server.requests().len(), before);

    bench.expect(0, &bench.resume_args());
    assert_eq!(bench.server.requests().len(), before + 1);
    assert_eq!(bench.sent("cus_a")[4], r#"{"first_name":"Three"}"#);
    let gone = bench.assert_all_applied_but_gone(&input);
    assert_eq!(gone.len(), 1);
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
    let gone = bench.assert_all_applied_but_gone(&input);
    assert_eq!(gone.into_iter().collect::<Vec<_>>(), ["cus_a"]);
}

#[test]
fn a_file_that_holds_something_else_is_left_alone() {
    let bench = Bench::new("something_else");
    bench.write_input(&lines(3, 3, 1));
    let url = bench.server.base_url();
    let header = format!("{{\"base_url\":\"{url}\",\"salt\":\"00\"}}\n");
    let old_header = format!("{{\"base_url\":\"{url}\"}}\n");
    let result = "{\"line\":1,\"id\":\"cus_a\",\"outcome\":\"applied\"}\n";
    let not_empty = "it is not empty: continue it with --resume, or choose another name";
    let no_result = |line| format!("this is not a results file: line {line} is not a result");
    let old = "an earlier version of this program wrote it, which knew lines by their numbers: \
        continue it with that version, or start another file with --results";
    for (option, text, message) in [
        ("--resume", "{\"id\":\"cus_a\"}\n", no_result(1)),
        ("--resume", result, no_result(1)),
        ("--resume", "no line end", no_result(1)),
        ("--resume", &format!("{header}{{}}\n"), no_result(2)),
        ("--resume", &format!("{header}\n"), no_result(2)),
        // What is applied must say of which values.
        ("--resume", &format!("{header}{result}"), no_result(2)),
        ("--resume", &format!("{header}{header}\0\0\0"), no_result(3)),
        ("--resume", &format!("{old_header}{result}"), old.to_owned()),
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
fn results_that_went_through_an_editor_are_read() {
    let bench = Bench::new("through_an_editor");
    let input = lines(20, 20, 3);
    bench.write_input(&input);
    bench.expect(0, &bench.results_args());
    let text = fs::read_to_string(&bench.results).unwrap();
    let text = text
        .replace(':', ": ")
        .replace(',', ", ")
        .replace("https: //", "https://");
    let text = text.replace("http: //127.0.0.1: ", "http://127.0.0.1:");
    // Without the last line end.
    fs::write(&bench.results, text.trim_end().replace('\n', "\r\n")).unwrap();
    assert_no_row_is_sent_again(&bench, input);
}

#[test]
fn results_of_a_dry_run_are_of_no_api() {
    let bench = Bench::new("results_of_a_dry_run");
    let input = lines(3, 3, 1);
    bench.write_input(&input);
    let mut args = bench.results_args();
    args.push("--dry-run");
    let output = bench
        .command()
        .env_remove("SOAP_API_URL")
        .args(args)
        .arg(&bench.input)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    bench.expect(0, &bench.resume_args());
    bench.assert_all_applied(&input);
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
    let hint = bench.hint(" --retry-unknown");
    assert!(stderr.ends_with(&hint), "{stderr}");
}

/// Resumes with the rows in reverse, which are all applied already.
#[track_caller]
fn assert_no_row_is_sent_again(bench: &Bench, mut input: Vec<Value>) {
    let sent = bench.server.requests().len();
    input.reverse();
    bench.write_lines(&input);
    bench.expect(0, &bench.resume_args());
    assert_eq!(bench.server.requests().len(), sent);
    bench.assert_all_applied(&input);
}
