//! Runs that are killed at random points, and resumed.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use paywithsoap::testing::Fault;

use crate::bench::{Bench, Format, Random, SHORT_PAUSES, body, lines, respond};

#[test]
fn a_killed_run_ends_as_an_unbroken_one() {
    let number = |name, default| env::var(name).map_or(default, |text| text.parse().unwrap());
    let (count, kills) = (number("BULK_LINES", 2000), number("BULK_KILLS", 8));
    for format in [Format::Csv, Format::Jsonl] {
        kill_and_resume(format, count, kills, number("BULK_SEED", 1));
    }
}

/// Kills and resumes a run at random points, with faults strewn in, and then
/// lets it finish.
fn kill_and_resume(format: Format, count: u64, kills: u64, seed: u64) {
    let bench = match format {
        Format::Csv => Bench::csv(&format!("killed_csv_{count}")),
        Format::Jsonl => Bench::new(&format!("killed_jsonl_{count}")),
    };
    let mut random = Random(seed);
    // Few lines a customer, so that many of them decide its end state.
    let input = lines(count, count / 3, seed);
    bench.write_input(&input);
    let size = || fs::metadata(&bench.results).map_or(0, |file| file.len());
    // A result is of about 80 bytes.
    let total = count * 80;
    let mut faulty = 0;
    let mut killed = 0;
    for left in (1..=kills).rev() {
        let args = if size() == 0 {
            bench.results_args()
        } else if left % 3 == 0 {
            bench.resume_args()
        } else {
            bench.retry_args()
        };
        let child = bench
            .command()
            .args(args)
            .args(SHORT_PAUSES)
            .arg(&bench.input)
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.unwrap();
        // Less than what is left, so that each of the kills finds something to
        // break off.
        let room = total.saturating_sub(size()) / (left + 2);
        // Every other kill comes while lines that were left open are sent again.
        let room = if left % 2 == 0 { room } else { room.min(5000) };
        let enough = size() + random.below(room + 1);
        while size() < enough && child.try_wait().unwrap().is_none() {
            if size() >= faulty {
                faulty = size() + random.below(total / 8);
                bench.server.fail_next(fault(&mut random));
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
    let args = [bench.retry_args(), SHORT_PAUSES.to_vec()].concat();
    while bench.run(&args).status.code() != Some(0) {
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

fn fault(random: &mut Random) -> Fault {
    match random.below(6) {
        0 => Fault::CloseAfterReading,
        1 => Fault::Reset,
        2 => Fault::Truncate(20),
        3 => respond(422, None),
        4 => respond(429, Some("0")),
        _ => respond(500, None),
    }
}
