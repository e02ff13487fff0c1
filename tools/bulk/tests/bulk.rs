//! The example `bulk_update`, run as a program against the test server.
//!
//! `cargo test` builds it first; `cargo test --test bulk_update` does not, so
//! run `cargo build --example bulk_update` before that.
//!
//! `BULK_LINES`, `BULK_KILLS` and `BULK_SEED` set the size and the course of
//! the run that is killed over and over. The full one:
//!
//! ```text
//! cargo test --test bulk_update -- --ignored
//! ```

use std::collections::{BTreeMap, HashSet};
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use paywithsoap::testing::{Fault, TestServer};
use serde_json::{Map, Value, json};
use socket2::{Domain, Socket, Type};

#[test]
fn every_line_has_a_result_in_input_order() {
    let bench = Bench::new("every_line_has_a_result");
    let input = b"\xEF\xBB\xBF{\"id\":\"cus_a\",\"email\":\"a@x.example\"}\r\n\
        \r\n\
        {\"id\":\"cus_a\",\"email\":\"b@x.example\",\"email\":\"c@x.example\"}\n\
        {\"phone_number\":\"12\",\"id\":\"cus a\"}\n\
        nope\n\
        {\"id\":1}\n\
        {\"email\":\"a@x.example\"}\n\
        {\"id\":\"cus_a\",\"x\":1}\n\
        {\"id\":\"cus_a\",\"email\":null}\n\
        \"\xFF\"\n\
        {\"id\":\"cus_a\",\"id\":\"cus_a\"}\n\
        {\"id\":\"cus_a\"}\n\
        {\"id\":\"cus_none\",\"last_name\":\"Doe\"}\n";
    let mut input = input.to_vec();
    input.extend(" ".repeat(70_000).into_bytes());
    input.extend(b"\n{\"id\":\"cus_a\",\"first_name\":\"Zo\xC3\xAB\"}\n[\"cus_a\"]");
    fs::write(&bench.input, input).unwrap();

    let output = bench.run(&[]);
    let results = records(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let found: Vec<_> = results.iter().map(brief).collect();
    let rule = "a key must be one of email, first_name, last_name, phone_number, date_of_birth";
    assert_eq!(
        found,
        [
            (1, json!("cus_a"), "applied", ""),
            (3, json!(null), "bad_line", "email is set twice"),
            (
                4,
                json!("cus a"),
                "not_applied",
                results[2]["message"].as_str().unwrap()
            ),
            (
                5,
                json!(null),
                "bad_line",
                "the line is not JSON from column 2 on"
            ),
            (6, json!(null), "bad_line", "id must be a string"),
            (7, json!(null), "bad_line", "id is missing"),
            (8, json!(null), "bad_line", rule),
            (9, json!(null), "bad_line", "email must be a string"),
            (10, json!(null), "bad_line", "the line is not UTF-8"),
            (11, json!(null), "bad_line", "id is set twice"),
            (
                12,
                json!("cus_a"),
                "not_applied",
                "not applied: patch must set at least one field"
            ),
            (
                13,
                json!("cus_none"),
                "not_applied",
                "not applied: the API responded with 404: Customer not found"
            ),
            (
                14,
                json!(null),
                "bad_line",
                "the line is longer than 65536 bytes"
            ),
            (15, json!("cus_a"), "applied", ""),
            (
                16,
                json!(null),
                "bad_line",
                "the line must be an object with id and the fields to change"
            ),
        ]
    );
    let fields = |record: &Value| -> Vec<String> {
        let each = record["violations"].as_array().unwrap().iter();
        each.map(|v| v["field"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(fields(&results[2]), ["id", "phone_number"]);
    assert_eq!(results[11]["status"], 404);
    let request_id = results[11]["request_id"].as_str().unwrap();
    assert!(request_id.starts_with("req_"), "{request_id}");
    assert_eq!(results[13]["customer"]["first_name"], "Zoë");
    assert_eq!(results[13]["customer"]["email"], "a@x.example");
    assert_eq!(bench.server.requests().len(), 3);
    let said = String::from_utf8(output.stderr).unwrap();
    let sum = said.lines().last().unwrap();
    assert!(
        sum.starts_with("15 lines: 2 applied, 3 not applied, 10 bad, in "),
        "{sum}"
    );
    assert!(
        said.starts_with("line 3: bad line: email is set twice\n"),
        "{said}"
    );
}

#[test]
fn piped_output_is_plain_text() {
    let bench = Bench::new("piped_output_is_plain_text");
    bench.write_input(&lines(40, 4, 1));
    let output = bench.run(&[]);
    for bytes in [&output.stdout, &output.stderr] {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let odd = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(odd, None, "{text}");
    }
    assert_eq!(records(&output.stdout).len(), 40);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn reads_stdin_and_takes_a_test_server_where_there_is_no_key() {
    let bench = Bench::new("reads_stdin");
    bench.write_input(&lines(3, 3, 1));
    let output = bench
        .command()
        .env_remove("SOAP_API_KEY")
        .env_remove("SOAP_API_URL")
        .stdin(fs::File::open(&bench.input).unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(records(&output.stdout).len(), 3);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("SOAP_API_KEY is not set: this is a test server, "),
        "{said}"
    );
    assert_eq!(said.lines().count(), 2, "{said}");
    assert_eq!(bench.server.requests().len(), 0);
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
    let output = bench.run(&["--dry-run"]);
    let results = records(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .next()
            .unwrap(),
        r#"{"line":1,"id":"cus_a","outcome":"would_send","body":{"email":"a@x.example","last_name":"Doe"}}"#
    );
    let fields: Vec<_> = results[1..]
        .iter()
        .flat_map(|record| record["violations"].as_array().unwrap())
        .map(|violation| violation["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["phone_number", "date_of_birth", "id"]);
    assert_eq!(bench.server.requests().len(), 0);
}

#[test]
fn settings_that_are_wrong_start_nothing_and_have_the_names_of_their_variables() {
    let bench = Bench::new("settings_that_are_wrong");
    bench.write_input(&lines(3, 3, 1));
    let url = "SOAP_API_URL must start with `https://`, or with `http://` for this machine";
    let key = "SOAP_API_KEY must be visible ASCII characters only: \
        no space, control or other character";
    for (of_key, of_url, message) in [
        ("a-key", "nonsense", url.to_owned()),
        ("a key", "nonsense", format!("{key}; {url}")),
        (
            "",
            "http://localhost",
            "SOAP_API_KEY must be set where SOAP_API_URL is".to_owned(),
        ),
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
                String::from_utf8(output.stderr).unwrap(),
                format!("bulk_update: {message}\n")
            );
            assert!(!bench.results.exists());
        }
    }
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
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("3 lines: 3 would be sent, in "), "{said}");
}

#[test]
fn lines_of_one_id_are_sent_in_input_order() {
    let bench = Bench::new("lines_of_one_id");
    let input = lines(300, 3, 7);
    bench.write_input(&input);
    let output = bench.run(&["--threads", "8"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for id in ids(&input) {
        assert_eq!(bench.sent(&id), bodies(&input, &id), "{id}");
    }
}

#[test]
fn a_torn_last_line_is_sent_again() {
    let bench = Bench::new("a_torn_last_line");
    let input = lines(50, 50, 3);
    bench.write_input(&input);
    assert_eq!(bench.run(&bench.results_args()).status.code(), Some(0));
    let whole = fs::read_to_string(&bench.results).unwrap();
    let end_of_29: usize = whole.split_inclusive('\n').take(29).map(str::len).sum();
    let end_of_30: usize = whole.split_inclusive('\n').take(30).map(str::len).sum();
    // After the 29th line end, in the middle of line 30, and before its line end.
    for end in [end_of_29, end_of_29 + 1, end_of_29 + 20, end_of_30 - 1] {
        fs::write(&bench.results, &whole[..end]).unwrap();
        let before = bench.server.requests().len();
        let output = bench.run(&bench.resume_args());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(bench.server.requests().len() - before, 21, "{end}");
        bench.assert_all_applied(&input);
    }
}

#[test]
fn an_earlier_line_that_is_sent_again_takes_later_lines_of_its_id_along() {
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
    assert_eq!(bench.run(&args).status.code(), Some(1));
    let outcomes: Vec<_> = bench.outcomes();
    assert_eq!(outcomes, ["unknown", "applied", "applied", "applied"]);

    let before = bench.server.requests().len();
    let output = bench.run(&bench.resume_args());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
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
fn a_resumed_run_that_was_killed_leaves_no_stale_result_to_trust() {
    let bench = Bench::new("a_resumed_run_that_was_killed");
    let input = vec![
        json!({"id": "cus_a", "first_name": "One"}),
        json!({"id": "cus_b", "first_name": "Two"}),
        json!({"id": "cus_a", "first_name": "Three"}),
    ];
    bench.write_input(&input);
    // As a first run leaves it that lost the answer to line 1, and a second one
    // that was killed after it had sent line 1 again.
    let result = |line: u32, id: &str, outcome: &str| {
        format!("{{\"line\":{line},\"id\":\"{id}\",\"outcome\":\"{outcome}\"}}\n")
    };
    let left = [
        result(1, "cus_a", "unknown"),
        result(2, "cus_b", "applied"),
        result(3, "cus_a", "applied"),
        result(1, "cus_a", "applied"),
    ]
    .concat();
    fs::write(&bench.results, &left).unwrap();

    let args = [bench.resume_args(), vec!["--dry-run"]].concat();
    let output = bench.run(&args);
    let shown: Vec<_> = records(&output.stdout)
        .iter()
        .map(|r| r["line"].clone())
        .collect();
    assert_eq!(shown, [3], "{output:?}");
    assert_eq!(fs::read_to_string(&bench.results).unwrap(), left);
    assert_eq!(bench.server.requests().len(), 0);

    assert_eq!(bench.run(&bench.resume_args()).status.code(), Some(0));
    assert_eq!(bench.sent("cus_a"), [r#"{"first_name":"Three"}"#]);
    assert_eq!(bench.sent("cus_b"), [""; 0]);
    bench.assert_all_applied(&input);
}

#[test]
fn an_answer_that_is_odd_json_is_resumed_from() {
    let bench = Bench::new("an_answer_that_is_odd_json");
    let input = [
        json!({"id": "cus_a", "first_name": "One"}),
        json!({"id": "cus_b", "first_name": "Two"}),
    ];
    bench.write_input(&input);
    // A customer to the client, but no value that serde_json can hold.
    let customer = r#"{"id":"cus_a","x":"\ud800","y":1e999}"#;
    bench.server.fail_next(Fault::respond(200, customer));
    let first = [&bench.results_args()[..], &["--threads", "1"]].concat();
    assert_eq!(bench.run(&first).status.code(), Some(0));
    let args = bench.resume_args();
    let output = bench.run(&args);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(bench.sent("cus_a").len(), 1);
    assert_eq!(bench.sent("cus_b").len(), 1);
}

#[test]
#[ignore = "takes five seconds"]
fn a_failure_late_in_the_run_pauses_nothing() {
    let bench = Bench::new("a_failure_late_in_the_run");
    bench.write_input(&[
        json!({"id": "cus_a", "first_name": "One"}),
        json!({"id": "cus_b", "first_name": "Two"}),
    ]);
    // Longer than a pause must be to be told of.
    bench
        .server
        .fail_next(Fault::Delay(Duration::from_millis(5200)));
    bench.server.fail_next(Fault::respond(422, "{}"));
    let args = [&bench.results_args()[..], &["--threads", "1"]].concat();
    let output = bench.run(&args);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("paused"), "{said}");
}

#[test]
fn a_result_of_another_id_does_not_count_and_a_mended_line_is_sent() {
    let bench = Bench::new("a_result_of_another_id");
    fs::write(
        &bench.input,
        "nope\n{\"id\":\"cus_a\",\"first_name\":\"Two\"}\n",
    )
    .unwrap();
    assert_eq!(bench.run(&bench.results_args()).status.code(), Some(1));
    assert_eq!(bench.outcomes(), ["bad_line", "applied"]);
    let input = vec![
        json!({"id": "cus_a", "first_name": "One"}),
        json!({"id": "cus_b", "first_name": "Two"}),
    ];
    bench.write_input(&input);
    assert_eq!(bench.run(&bench.resume_args()).status.code(), Some(0));
    assert_eq!(bench.sent("cus_b"), [r#"{"first_name":"Two"}"#]);
    bench.assert_all_applied(&input);
}

#[test]
fn a_file_that_holds_something_else_is_left_as_it_is() {
    let bench = Bench::new("a_file_that_holds_something_else");
    bench.write_input(&lines(3, 3, 1));
    let result = "{\"line\":1,\"id\":\"cus_a\",\"outcome\":\"applied\"}\n";
    let not_empty = "it is not empty: continue it with --resume, or choose another name";
    let no_result = |line| format!("this is not a results file: line {line} is not a result");
    for (option, text, message) in [
        ("--resume", "{\"id\":\"cus_a\"}\n", no_result(1)),
        ("--resume", "no line end", no_result(1)),
        ("--resume", &format!("{result}\0\0\0"), no_result(2)),
        ("--results", result, not_empty.to_owned()),
    ] {
        fs::write(&bench.results, text).unwrap();
        let output = bench.run(&[option, bench.results.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{text:?}");
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            format!("bulk_update: {}: {message}\n", bench.results.display())
        );
        assert_eq!(fs::read_to_string(&bench.results).unwrap(), text);
    }
    fs::remove_file(&bench.results).unwrap();
    assert_eq!(bench.run(&bench.resume_args()).status.code(), Some(2));
    assert_eq!(bench.server.requests().len(), 0);
}

#[test]
fn a_number_of_threads_that_cannot_be_is_refused() {
    let bench = Bench::new("a_number_of_threads");
    for number in ["0", "65", "four"] {
        let output = bench.run(&["--threads", number]);
        assert_eq!(output.status.code(), Some(2), "{number}");
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            "bulk_update: --threads must be 1 to 64; --help tells more\n"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_stops_the_run() {
    let bench = Bench::new("a_full_disk_stops_the_run");
    bench.write_input(&lines(1000, 100, 5));
    let output = bench.run(&["--results", "/dev/full"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("stopped: the results cannot be written: No space left on device"),
        "{said}"
    );
    assert!(bench.server.requests().len() <= 128 + 4);
}

/// A limit on the size of files ends a write in the middle, as a full disk
/// does, and can be lifted.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_fills_up_in_the_middle_loses_nothing() {
    let bench = Bench::new("a_disk_that_fills_up");
    let input = lines(600, 60, 6);
    bench.write_input(&input);
    for blocks in [40, 80] {
        let started = fs::metadata(&bench.results).is_ok();
        let args = if started {
            bench.resume_args()
        } else {
            bench.results_args()
        };
        let output = bench.run_limited(blocks, &args);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let torn = fs::read(&bench.results).unwrap();
        assert_eq!(torn.len() % 512, 0);
        assert_ne!(torn.last(), Some(&b'\n'));
    }
    assert_eq!(bench.run(&bench.resume_args()).status.code(), Some(0));
    bench.assert_all_applied(&input);
    bench.assert_end_state(&input);
}

#[test]
#[cfg(target_os = "linux")]
fn results_that_cannot_be_put_in_order_are_left_as_they_are() {
    let bench = Bench::new("results_that_cannot_be_put_in_order");
    let input = lines(100, 10, 4);
    bench.write_input(&input);
    assert_eq!(bench.run(&bench.results_args()).status.code(), Some(0));
    let whole = fs::read_to_string(&bench.results).unwrap();
    let first = whole.lines().next().unwrap();
    let two_parts = format!("{whole}{first}\n");
    fs::write(&bench.results, &two_parts).unwrap();
    let before = bench.server.requests().len();

    let output = bench.run_limited(4, &bench.resume_args());
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(fs::read_to_string(&bench.results).unwrap(), two_parts);
    let files = fs::read_dir(bench.results.parent().unwrap()).unwrap();
    assert_eq!(files.count(), 2, "input and results");
    assert_eq!(bench.server.requests().len(), before);

    assert_eq!(bench.run(&bench.resume_args()).status.code(), Some(0));
    bench.assert_all_applied(&input);
    bench.assert_end_state(&input);
}

#[test]
fn too_many_requests_make_all_threads_wait() {
    let bench = Bench::new("too_many_requests");
    bench.write_input(&lines(400, 400, 8));
    // The other threads are kept until the pause is known to all.
    bench.server.fail_next(respond(429, Some("2")));
    for _ in 1..4 {
        bench.server.fail_next(Fault::Delay(Duration::from_secs(1)));
    }
    let started = Instant::now();
    let child = bench
        .command()
        .arg(&bench.input)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.unwrap();
    while bench.server.requests().len() < 100 && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(5));
    }
    // Only the line that was refused would have waited by itself, and the
    // window has room for 127 others.
    assert!(started.elapsed() >= Duration::from_secs(2));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(bench.server.requests().len(), 401);
}

#[test]
fn a_refused_key_stops_the_run() {
    let bench = Bench::new("a_refused_key");
    bench.write_input(&lines(500, 50, 9));
    let output = bench
        .command()
        .env("SOAP_API_KEY", "another-key")
        .arg(&bench.input)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("\nstopped: the API refuses the key\n"),
        "{said}"
    );
    assert!(!said.contains("another-key"));
    assert!(bench.server.requests().len() <= 4);
}

/// The pause of all threads, and what it is for.
#[test]
fn a_pause_says_why() {
    let bench = Bench::new("a_pause_says_why");
    bench.write_input(&lines(1, 1, 1));
    bench.server.fail_next(respond(429, Some("3600")));
    let child = bench
        .command()
        .arg(&bench.input)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut said).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        said,
        "paused for 3600 s: not applied: the API responded with 429\n"
    );
}

/// A failure that does not pass, so that the run does not try for long.
#[test]
#[cfg(feature = "rustls")]
fn an_api_that_does_not_speak_tls_stops_the_run() {
    use std::io::{self, Read, Write};
    use std::net::TcpListener;

    let bench = Bench::new("an_api_that_does_not_speak_tls");
    let input = lines(500, 500, 9);
    bench.write_input(&input);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Closed with something unread, it would be reset, which passes.
            let hello = stream.read(&mut [0; 4096]);
            let _ = hello.and_then(|_| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
            let _ = io::copy(&mut stream, &mut io::sink());
        }
    });
    let output = bench
        .command()
        .env("SOAP_API_URL", url)
        .args(bench.results_args())
        .arg(&bench.input)
        .output()
        .unwrap();
    bench.assert_not_reached(&output);
    assert_eq!(bench.run(&bench.resume_args()).status.code(), Some(0));
    bench.assert_all_applied(&input);
}

#[test]
#[ignore = "takes half a minute: the pauses before the run gives up"]
fn a_dead_network_stops_the_run() {
    let bench = Bench::new("a_dead_network");
    bench.write_input(&lines(500, 500, 9));
    // Bound, so that nobody else gets the port, and not listening.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    socket.bind(&any.into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let output = bench
        .command()
        .env("SOAP_API_URL", format!("http://127.0.0.1:{port}"))
        .args(bench.results_args())
        .arg(&bench.input)
        .output()
        .unwrap();
    let said = bench.assert_not_reached(&output);
    let pause = "paused for 8 s: not applied: the API was not reached: ";
    assert!(said.starts_with(pause), "{said}");
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_an_unbroken_one() {
    let number = |name, default| env::var(name).map_or(default, |text| text.parse().unwrap());
    kill_and_resume(
        "killed",
        number("BULK_LINES", 3000),
        number("BULK_KILLS", 10),
        number("BULK_SEED", 1),
    );
}

#[test]
#[ignore = "takes longer: 10,000 lines, ten kills, for three seeds"]
fn ten_thousand_lines_with_ten_kills_end_as_an_unbroken_run() {
    for seed in 1..=3 {
        kill_and_resume("killed_ten_thousand", 10_000, 10, seed);
    }
}

/// Kills and resumes a run at random points, with faults strewn in, and then
/// lets it finish.
fn kill_and_resume(name: &str, count: u64, kills: u64, seed: u64) {
    let bench = Bench::new(name);
    let mut random = Random(seed);
    // Few lines a customer, so that many of them decide its end state.
    let input = lines(count, count / 3, seed);
    bench.write_input(&input);
    let size = || fs::metadata(&bench.results).map_or(0, |file| file.len());
    let mut killed = 0;
    for left in (1..=kills).rev() {
        let args = if size() == 0 {
            bench.results_args()
        } else {
            bench.resume_args()
        };
        let child = bench
            .command()
            .args(args)
            .arg(&bench.input)
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.unwrap();
        // A result is of about 250 bytes. Less than what is left, so that each
        // of the kills finds something to break off.
        let room = (count * 250).saturating_sub(size()) / (left + 2);
        // Every other kill comes while lines that were left open are sent again.
        let room = if left % 2 == 0 { room } else { room.min(5000) };
        let enough = size() + random.below(room + 1);
        while size() < enough && child.try_wait().unwrap().is_none() {
            if random.below(20) == 0 {
                bench.server.fail_next(random.fault());
            }
            thread::sleep(Duration::from_micros(random.below(300)));
        }
        child.kill().unwrap();
        killed += u64::from(child.wait().unwrap().code().is_none());
        bench.settle();
    }
    assert!(
        killed > 0,
        "the machine is too slow to kill anything in time"
    );
    println!("seed {seed}: {killed} of {kills} kills came before the end");

    // Faults that are left over may fail a line of the first.
    let mut runs = 0;
    while bench.run(&bench.resume_args()).status.code() != Some(0) {
        runs += 1;
        assert!(runs < 20);
    }
    bench.assert_all_applied(&input);
    bench.assert_end_state(&input);
    let sent: HashSet<_> = bench
        .server
        .requests()
        .into_iter()
        .map(|request| (request.path, request.body))
        .collect();
    for line in &input {
        let path = format!("/api/v1/customers/{}", line["id"].as_str().unwrap());
        assert!(sent.contains(&(path, body(line).into_bytes())), "{line}");
    }
}

/// A server, and a folder for the files of a run.
struct Bench {
    server: TestServer,
    input: PathBuf,
    results: PathBuf,
}

impl Bench {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("bulk_update")
            .join(name);
        // Absent the first time.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let server = TestServer::start().unwrap();
        for id in ["cus_a", "cus_b"] {
            server.add_customer(&json!({ "id": id }).to_string());
        }
        Self {
            server,
            input: folder.join("input.jsonl"),
            results: folder.join("results.jsonl"),
        }
    }

    fn write_input(&self, input: &[Value]) {
        for id in ids(input) {
            self.server.add_customer(&json!({ "id": id }).to_string());
        }
        let text: Vec<_> = input.iter().map(Value::to_string).collect();
        fs::write(&self.input, text.join("\n")).unwrap();
    }

    fn command(&self) -> Command {
        self.environment(Command::new(program()))
    }

    fn environment(&self, mut command: Command) -> Command {
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command
            .env("SOAP_API_KEY", self.server.api_key())
            .env("SOAP_API_URL", self.server.base_url())
            .stdin(Stdio::null());
        command
    }

    fn results_args(&self) -> Vec<&str> {
        vec!["--results", self.results.to_str().unwrap()]
    }

    fn resume_args(&self) -> Vec<&str> {
        vec!["--resume", self.results.to_str().unwrap()]
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command().args(args).arg(&self.input).output().unwrap()
    }

    /// Runs it with files limited to so many blocks of 512 bytes, or of 1024
    /// where the shell counts so.
    #[cfg(target_os = "linux")]
    fn run_limited(&self, blocks: u32, args: &[&str]) -> Output {
        self.environment(Command::new("sh"))
            .arg("-c")
            // Ignored, the signal leaves the write to fail.
            .arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""))
            .arg("sh")
            .arg(program())
            .args(args)
            .arg(&self.input)
            .output()
            .unwrap()
    }

    /// Waits until what a killed run has sent is through: a request that is
    /// left in a socket may be applied after its sender is gone.
    fn settle(&self) {
        let mut before = usize::MAX;
        loop {
            let now = self.server.requests().len();
            if now == before {
                return;
            }
            before = now;
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The bodies that were sent for a customer, in order.
    fn sent(&self, id: &str) -> Vec<String> {
        let path = format!("/api/v1/customers/{id}");
        let requests = self.server.requests().into_iter();
        requests
            .filter(|request| request.path == path)
            .map(|request| String::from_utf8(request.body).unwrap())
            .collect()
    }

    fn outcomes(&self) -> Vec<String> {
        let results = records(&fs::read(&self.results).unwrap());
        let outcomes = results
            .iter()
            .map(|record| record["outcome"].as_str().unwrap());
        outcomes.map(str::to_owned).collect()
    }

    /// The run gave up after a line for each thread. Answers what it said.
    #[track_caller]
    fn assert_not_reached(&self, output: &Output) -> String {
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(output.status.code(), Some(3), "{said}");
        let results = self.results.display();
        let end = format!(
            "\nstopped: the API cannot be reached\nto send what is left: --resume {results}\n"
        );
        assert!(said.ends_with(&end), "{said}");
        let outcomes = self.outcomes();
        assert!((1..=4).contains(&outcomes.len()), "{outcomes:?}");
        assert!(outcomes.iter().all(|outcome| outcome == "not_applied"));
        said
    }

    #[track_caller]
    fn assert_all_applied(&self, input: &[Value]) {
        let results = records(&fs::read(&self.results).unwrap());
        let found: Vec<_> = results
            .iter()
            .map(|record| (&record["line"], &record["id"], &record["outcome"]))
            .collect();
        let numbers: Vec<_> = (1..=input.len()).map(Value::from).collect();
        let applied = json!("applied");
        let expected: Vec<_> = numbers
            .iter()
            .zip(input)
            .map(|(number, line)| (number, &line["id"], &applied))
            .collect();
        assert_eq!(found, expected);
    }

    /// Each customer is as all lines one after the other leave it.
    #[track_caller]
    fn assert_end_state(&self, input: &[Value]) {
        let mut expected: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for line in input {
            let customer = expected.entry(line["id"].as_str().unwrap()).or_default();
            customer.extend(line.as_object().unwrap().clone());
        }
        for (id, expected) in expected {
            let customer = self.server.customer(id).unwrap();
            let mut found: Map<String, Value> = serde_json::from_str(&customer).unwrap();
            found.remove("updated_at");
            assert_eq!(found, expected);
        }
    }
}

/// The program, which cargo puts next to the folder of the tests.
fn program() -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let program = format!("bulk_update{}", env::consts::EXE_SUFFIX);
    let program = profile.join("examples").join(program);
    assert!(
        program.exists(),
        "run `cargo build --example bulk_update` first, in the same profile"
    );
    program
}

/// Lines for so many customers, each with values that no other line has.
fn lines(count: u64, customers: u64, seed: u64) -> Vec<Value> {
    let mut random = Random(seed);
    let line = |number: u64| {
        let customer = if count == customers {
            number
        } else {
            random.below(customers)
        };
        let mut line = json!({ "id": format!("cus_{customer}") });
        let fields = random.below(15) + 1;
        let values = [
            ("email", format!("jane{number}@example.com")),
            ("first_name", format!("Jane {number}")),
            ("last_name", format!("Doe {number}")),
            ("phone_number", format!("{number:010}")),
        ];
        for (bit, (name, value)) in values.into_iter().enumerate() {
            if fields >> bit & 1 == 1 {
                line[name] = value.into();
            }
        }
        line
    };
    (1..=count).map(line).collect()
}

fn ids(input: &[Value]) -> HashSet<String> {
    let ids = input.iter().map(|line| line["id"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

fn bodies(input: &[Value], id: &str) -> Vec<String> {
    input
        .iter()
        .filter(|line| line["id"] == id)
        .map(body)
        .collect()
}

/// The body that a line comes to. The fields have the order of the alphabet in
/// it, which for those of [`lines`] is the API's.
fn body(line: &Value) -> String {
    let mut fields = line.as_object().unwrap().clone();
    fields.remove("id");
    Value::from(fields).to_string()
}

#[track_caller]
fn records(bytes: &[u8]) -> Vec<Value> {
    let text = str::from_utf8(bytes).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn brief(record: &Value) -> (u64, Value, &str, &str) {
    (
        record["line"].as_u64().unwrap(),
        record["id"].clone(),
        record["outcome"].as_str().unwrap(),
        record["message"].as_str().unwrap_or_default(),
    )
}

fn respond(status: u16, retry_after: Option<&str>) -> Fault {
    let fault = Fault::respond(status, "");
    match retry_after {
        Some(value) => fault.header("retry-after", value),
        None => fault,
    }
}

/// xorshift64*: the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }

    fn fault(&mut self) -> Fault {
        match self.below(6) {
            0 => Fault::CloseAfterReading,
            1 => Fault::Reset,
            2 => Fault::Truncate(20),
            3 => respond(422, None),
            4 => respond(429, Some("0")),
            _ => respond(500, None),
        }
    }
}
