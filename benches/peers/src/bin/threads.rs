//! Calls a second of 1 to 16 threads, with one Config among them, and with one
//! for each.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use peers::clients::{self, Target};
use peers::server::Server;

fn main() {
    let server = Server::start();
    let target = Target {
        base_url: server.plain.clone(),
        ca: None,
    };
    println!("| threads | calls/s, one Config | calls/s, a Config each | ratio |");
    println!("|--:|--:|--:|--:|");
    for threads in [1, 2, 4, 8, 16] {
        // Three turns each, the best of them, or a neighbour decides.
        let (mut shared, mut own) = (0.0_f64, 0.0_f64);
        for _ in 0..3 {
            shared = shared.max(rate(&target, threads, true));
            own = own.max(rate(&target, threads, false));
        }
        println!(
            "| {threads} | {shared:.0} | {own:.0} | {:.2} |",
            shared / own
        );
    }
}

fn rate(target: &Target, threads: usize, share: bool) -> f64 {
    let cfg = target.config();
    let ready = Barrier::new(threads);
    let calls: u64 = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let cfg = if share { cfg.clone() } else { target.config() };
                let ready = &ready;
                scope.spawn(move || {
                    let patch = clients::patch();
                    Target::update(&cfg, &patch);
                    ready.wait();
                    let end = Instant::now() + LONG;
                    let mut calls = 0;
                    while Instant::now() < end {
                        Target::update(&cfg, &patch);
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum()
    });
    calls as f64 / LONG.as_secs_f64()
}

const LONG: Duration = Duration::from_millis(500);
