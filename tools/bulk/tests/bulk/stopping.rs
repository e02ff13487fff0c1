//! Ctrl-C and a request to terminate.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use paywithsoap::testing::Fault;

use crate::bench::{Bench, PROGRAM, lines, stderr_text};

#[test]
fn an_interrupt_finishes_the_lines_under_way() {
    stop_and_resume("INT");
}

#[test]
fn a_request_to_terminate_does_so_too() {
    stop_and_resume("TERM");
}

#[test]
fn a_terminal_that_closes_does_so_too() {
    stop_and_resume("HUP");
}

#[test]
fn a_second_interrupt_ends_at_once_and_loses_nothing() {
    let bench = Bench::new("a_second_interrupt");
    let input = lines(50, 50, 3);
    bench.write_input(&input);
    // For as long as the timeout of a call.
    bench.server.fail_next(Fault::Stall);
    let mut child = start(&bench);
    bench.wait_for_requests(20);
    send(&child, "INT");
    // Until the first one is known, a second would be the same one.
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let stopping = stderr.by_ref().lines().nth(1).unwrap().unwrap();
    assert!(stopping.starts_with("stopping: "), "{stopping}");
    // Within a second it is the same signal.
    send(&child, "INT");
    thread::sleep(Duration::from_millis(1100));
    assert!(child.try_wait().unwrap().is_none());
    send(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    let hint = bench.hint("");
    assert_eq!(
        rest,
        format!("\nended at once; to send what is left:{hint}")
    );
    bench.settle();
    bench.expect(0, &bench.resume_args());
    bench.assert_all_applied(&input);
    bench.assert_end_state(&input);
}

/// As under `nohup`.
#[test]
fn a_run_that_is_to_outlive_its_terminal_does() {
    let bench = Bench::new("outlives_its_terminal");
    let input = lines(200, 200, 3);
    bench.write_input(&input);
    bench
        .server
        .fail_next(Fault::Delay(Duration::from_millis(300)));
    let child = bench
        .environment(Command::new("sh"))
        .args(["-c", r#"trap "" HUP; exec "$@""#, "sh", PROGRAM])
        .args(bench.results_args())
        .arg(&bench.input)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    bench.wait_for_requests(1);
    send(&child, "HUP");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    bench.assert_all_applied(&input);
}

#[test]
fn an_interrupt_ends_a_pause() {
    let bench = Bench::new("an_interrupt_ends_a_pause");
    bench.write_input(&lines(3, 3, 3));
    bench
        .server
        .fail_next(crate::bench::respond(429, Some("3000")));
    let child = start(&bench);
    bench.wait_for_requests(1);
    send(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let outcomes = bench.outcomes();
    assert!(outcomes.contains(&"not_applied".to_owned()), "{outcomes:?}");
    bench.expect(0, &bench.resume_args());
}

#[test]
fn an_interrupt_does_not_wait_for_input() {
    let bench = Bench::new("does_not_wait_for_input");
    let mut child = bench
        .command()
        .args(bench.results_args())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = lines(1, 1, 1)[0].to_string();
    bench.server.add_customer(r#"{"id":"cus_1"}"#);
    // Kept open, so that the reader waits for more.
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, format!("{line}\n").as_bytes()).unwrap();
    bench.wait_for_requests(1);
    send(&child, "TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(bench.outcomes(), ["applied"]);
}

#[track_caller]
fn stop_and_resume(signal: &str) {
    let bench = Bench::new(&format!("interrupt_{signal}"));
    let input = lines(2000, 2000, 3);
    bench.write_input(&input);
    // Line 1 is under way when those after it are long finished.
    bench.server.fail_next(Fault::Delay(Duration::from_secs(1)));
    let child = start(&bench);
    bench.wait_for_requests(5);
    send(&child, signal);
    // As timeout and npm deliver it: to the process, and to its group.
    thread::sleep(Duration::from_millis(20));
    send(&child, signal);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let stderr = stderr_text(&output);
    assert!(stderr.starts_with("stopping: "), "{stderr}");
    let end = format!(
        "\nstopped: interrupted\nto send what is left:{}",
        bench.hint("")
    );
    assert!(stderr.ends_with(&end), "{stderr}");

    // Each request that was sent has its result, and none is sent twice.
    let sent = bench.server.requests().len();
    assert!(sent < input.len());
    let outcomes = bench.outcomes();
    assert_eq!(outcomes.len(), sent);
    assert!(outcomes.iter().all(|outcome| outcome == "applied"));
    bench.expect(0, &bench.resume_args());
    assert_eq!(bench.server.requests().len(), input.len());
    bench.assert_all_applied(&input);
}

fn start(bench: &Bench) -> Child {
    // The tests may run under `nohup` themselves.
    let (program, args) = if cfg!(target_os = "linux") {
        ("env", &["--default-signal=HUP", PROGRAM][..])
    } else {
        (PROGRAM, &[][..])
    };
    bench
        .environment(Command::new(program))
        .args(args)
        .args(bench.results_args())
        .arg(&bench.input)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn send(child: &Child, signal: &str) {
    let status = Command::new("kill")
        .args(["-s", signal, &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}
