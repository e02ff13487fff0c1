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
        // In turn, and the median of each, or a neighbour decides.
        let (mut shared, mut own): (Vec<_>, Vec<_>) = (0..TURNS)
            .map(|_| {
                let shared = rate(&target, threads, true);
                (shared, rate(&target, threads, false))
            })
            .unzip();
        let (shared, own) = (median(&mut shared), median(&mut own));
        println!(
            "| {threads} | {shared:.0} | {own:.0} | {:.2} |",
            shared / own
        );
    }
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
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

const TURNS: usize = 9;

const LONG: Duration = Duration::from_millis(200);
