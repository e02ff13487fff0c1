//! Pauses, and servers that fail.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use paywithsoap::testing::Fault;
use serde_json::json;

use crate::bench::{Bench, SHORT_PAUSES, lines, records, refusing_proxy, respond, stderr_text};

#[test]
fn too_many_requests_make_all_threads_wait() {
    let bench = Bench::new("too_many_requests");
    bench.write_input(&lines(400, 400, 8));
    // The other threads are kept until the pause is known to all.
    bench.server.fail_next(respond(429, Some("1")));
    for _ in 1..4 {
        bench
            .server
            .fail_next(Fault::Delay(Duration::from_millis(500)));
    }
    let started = Instant::now();
    bench.expect(0, &bench.results_args());
    assert!(started.elapsed() >= Duration::from_secs(1));
    // No line has failed, and only the first was sent twice.
    assert_eq!(bench.server.requests().len(), 401);
    assert!(bench.outcomes().iter().all(|outcome| outcome == "applied"));
}

#[test]
fn a_rate_caps_requests() {
    let bench = Bench::new("a_rate");
    bench.write_input(&lines(21, 21, 8));
    let started = Instant::now();
    bench.expect(0, &["--rate", "20"]);
    // The first is free.
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_wrong_key_stops_the_run() {
    let bench = Bench::new("a_wrong_key");
    bench.write_input(&lines(500, 50, 9));
    let output = bench
        .command()
        .env("SOAP_API_KEY", "another-key")
        .arg(&bench.input)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let stderr = stderr_text(&output);
    assert!(
        stderr.contains(
            "\nstopped: the API responded with 401: Unauthorized (Check your API key): \
             check the key\n"
        ),
        "{stderr}"
    );
    assert!(!stderr.contains("another-key"));
    assert!(bench.server.requests().len() <= 4);
}

#[test]
fn equal_refusals_at_the_start_stop_the_run() {
    let options = [&SHORT_PAUSES[..], &["--threads", "1"]].concat();
    for (status, advice) in [
        (402, "is the account in order?"),
        (403, "may this key change customers?"),
        (404, "are URL, key and ids of one environment?"),
        (405, "is the URL the API's?"),
    ] {
        let bench = Bench::new(&format!("equal_refusals_{status}"));
        let input = lines(30, 30, 1);
        bench.write_input(&input);
        let refuse = || {
            (0..12).for_each(|_| bench.server.fail_next(respond(status, None)));
            // What passes is none of them.
            bench.server.fail_next(respond(429, None));
            (12..25).for_each(|_| bench.server.fail_next(respond(status, None)));
        };
        refuse();
        let args = [&bench.results_args()[..], &options].concat();
        let stderr = stderr_text(&bench.expect(3, &args));
        let end = format!(
            "\nstopped: the first 25 responses were all {status}: {advice} (--keep-going goes on)\n"
        );
        assert!(stderr.contains(&end), "{stderr}");
        assert_eq!(bench.outcomes(), ["not_applied"; 25]);

        refuse();
        let args = [&bench.resume_args()[..], &options, &["--keep-going"]].concat();
        bench.expect(1, &args);
        let applied = bench.outcomes();
        assert_eq!(applied[..25], ["not_applied"; 25]);
        assert_eq!(applied[25..], ["applied"; 5]);
    }
}

#[test]
fn other_responses_at_the_start_let_the_run_go_on() {
    for (name, other) in [
        ("success", Fault::Delay(Duration::ZERO)),
        ("another_refusal", respond(403, None)),
        ("a_rejected_patch", respond(422, None)),
    ] {
        let bench = Bench::new(&format!("goes_on_after_{name}"));
        bench.write_input(&lines(60, 60, 1));
        // As late as it can come; what follows is no start any more.
        (0..24).for_each(|_| bench.server.fail_next(respond(404, None)));
        bench.server.fail_next(other);
        (0..30).for_each(|_| bench.server.fail_next(respond(404, None)));
        bench.expect(1, &["--threads", "1"]);
        assert_eq!(bench.server.requests().len(), 60, "{name}");
    }
}

#[test]
fn a_proxy_that_refuses_stops_the_run() {
    let bench = Bench::new("a_proxy_that_refuses");
    bench.write_input(&lines(50, 50, 9));
    for (status, words) in [
        (
            "407 Proxy Authentication Required",
            "responded to CONNECT with 407",
        ),
        ("403 Forbidden", "responded to CONNECT with 403"),
    ] {
        let output = bench
            .command()
            .env("SOAP_API_URL", "https://api.example")
            .env("https_proxy", refusing_proxy(status))
            .args(["--threads", "1"])
            .arg(&bench.input)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        assert_eq!(records(&output.stdout).len(), 1);
        let stderr = stderr_text(&output);
        let stopped = stderr.split_once("\nstopped: the API was not reached: ");
        assert!(
            stopped.is_some_and(|(_, why)| why.contains(words)),
            "{stderr}"
        );
    }
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
    let mut line = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    line.clear();
    stderr.read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(line, "waiting 3600 s: the API responded with 429\n");
}

#[test]
fn a_pause_too_long_to_sit_out_stops_the_run() {
    let bench = Bench::new("a_pause_too_long");
    let input = lines(50, 50, 1);
    bench.write_input(&input);
    bench.server.fail_next(respond(503, Some("86400")));
    let args = [bench.results_args(), vec!["--threads", "1"]].concat();
    let stderr = stderr_text(&bench.expect(3, &args));
    let message = "stopped: the API responded with 503, and asks to wait for 86400 s\n";
    assert!(stderr.contains(message), "{stderr}");
    assert_eq!(bench.outcomes(), ["unknown"]);
    bench.expect(0, &bench.retry_args());
    bench.assert_all_applied(&input);
}

/// A failure that does not pass, so that the run does not try for long.
#[test]
fn an_api_that_does_not_speak_tls_stops_the_run() {
    let bench = Bench::new("does_not_speak_tls");
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
        .env("SOAP_API_URL", &url)
        .args(bench.results_args())
        .arg(&bench.input)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let stderr = stderr_text(&output);
    assert!(
        stderr.contains("\nstopped: the API was not reached: "),
        "{stderr}"
    );
    let outcomes = bench.outcomes();
    assert!((1..=4).contains(&outcomes.len()), "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| outcome == "not_applied"));
}

#[test]
fn eight_pauses_without_a_success_stop_the_run() {
    let bench = Bench::new("eight_pauses");
    let input = lines(500, 500, 9);
    bench.write_input(&input);
    // By turns failures that leave a line unknown, and that send it again.
    for status in [503, 408, 503, 408, 503, 408, 503, 408, 503] {
        bench.server.fail_next(respond(status, None));
    }
    let args = [
        &bench.results_args()[..],
        &SHORT_PAUSES,
        &["--threads", "1"],
    ]
    .concat();
    let stderr = stderr_text(&bench.expect(3, &args));
    let end = "\nstopped: 8 pauses in a row did not help: the API responded with 503\n";
    assert!(stderr.contains(end), "{stderr}");
    // A line for each pause at most, not the whole input.
    assert_eq!(bench.outcomes(), ["unknown"; 5]);
    // The server is back.
    let args = [bench.resume_args(), vec!["--retry-unknown"]].concat();
    bench.expect(0, &args);
    bench.assert_all_applied(&input);
}

#[test]
fn a_failing_server_gets_a_single_request_after_a_pause() {
    let bench = Bench::new("a_single_request");
    let input: Vec<_> = (0..40)
        .map(|number| json!({"id": format!("cus_{number}"), "first_name": "Jane"}))
        .collect();
    bench.write_input(&input);
    for _ in 0..6 {
        bench.server.fail_next(respond(500, None));
    }
    bench.expect(1, &[&bench.results_args()[..], &SHORT_PAUSES].concat());
    let unknown = bench.outcomes();
    let unknown = unknown.iter().filter(|outcome| *outcome == "unknown");
    assert_eq!(unknown.count(), 6);
    assert_eq!(bench.server.requests().len(), 40);
}
