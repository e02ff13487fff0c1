//! A whole process that does one update over TLS: time on the clock, and the
//! most memory it had. The arguments are the server's URL and CA file, then
//! names and programs, in turn.
//!
//! It is a package of its own to stay small: the system counts what a process
//! had before `exec`, as a copy of this one, into the most it had.

use std::env;
use std::io::Read;
use std::mem::MaybeUninit;
use std::process::{Command, Stdio};
use std::time::Instant;

fn main() {
    let args: Vec<_> = env::args().skip(1).collect();
    let rounds = env::var("ROUNDS").map_or(40, |n| n.parse().unwrap());
    let (server, pairs) = args.split_at(2);
    let programs: Vec<_> = pairs.chunks(2).map(|pair| (&pair[0], &pair[1])).collect();
    let mut runs = vec![(Vec::new(), Vec::new()); programs.len()];
    for _ in 0..rounds {
        for ((_, program), (times, sizes)) in programs.iter().zip(&mut runs) {
            let (millis, kilobytes) = run(program, server);
            times.push(millis);
            sizes.push(kilobytes);
        }
    }
    println!("| program | wall ms | x ours | peak memory kB | x ours |");
    println!("|---|--:|--:|--:|--:|");
    let medians: Vec<_> = runs
        .into_iter()
        .map(|(times, sizes)| (median(times), median(sizes)))
        .collect();
    let (time, size) = medians[0];
    for ((name, _), (millis, kilobytes)) in programs.iter().zip(&medians) {
        println!(
            "| {name} | {millis:.2} | {:.2} | {kilobytes:.0} | {:.2} |",
            millis / time,
            kilobytes / size
        );
    }
    println!("\n| target | measured | |\n|---|--:|---|");
    for ((name, _), (millis, kilobytes)) in programs.iter().zip(&medians).skip(1) {
        for (what, ratio) in [
            ("wall time", time / millis),
            ("peak memory", size / kilobytes),
        ] {
            let met = if ratio <= 1.0 { "met" } else { "missed" };
            println!("| cold start: {what} at most that of {name} | {ratio:.2} | {met} |");
        }
    }
}

/// Milliseconds and kilobytes of one run.
fn run(program: &str, server: &[String]) -> (f64, f64) {
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(server)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reported = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut reported)
        .unwrap();
    let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
    let pid = child.id().try_into().unwrap();
    let (usage, millis) = unsafe {
        assert_eq!(libc::wait4(pid, &mut status, 0, usage.as_mut_ptr()), pid);
        (usage.assume_init(), start.elapsed().as_secs_f64() * 1e3)
    };
    assert!(status == 0 && reported.contains("cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V"));
    (millis, usage.ru_maxrss as f64)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
