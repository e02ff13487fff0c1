//! Microseconds a warm call, plain and over TLS, rounds interleaved: a table
//! on stdout, and the chart in the file that the first argument names.

use std::env;
use std::fmt::Write;
use std::fs;
use std::time::Instant;

use peers::clients::{Call, PEERS, Peer, Target};
use peers::server::Server;

struct Row {
    peer: &'static Peer,
    micros: f64,
}

fn main() {
    let rounds = env::var("ROUNDS").map_or(40, |n| n.parse().unwrap());
    let server = Server::start();
    let plain = measure(
        rounds,
        &Target {
            base_url: server.plain.clone(),
            ca: None,
        },
    );
    let tls = measure(
        rounds,
        &Target {
            base_url: server.tls.clone(),
            ca: Some(fs::read(&server.ca).unwrap()),
        },
    );
    print(&plain, &tls);
    targets(&plain, &tls);
    if let Some(file) = env::args().nth(1) {
        let chart = chart(&[("HTTP", &plain), ("HTTPS", &tls)]);
        fs::write(file, chart).unwrap();
    }
}

/// The median of each peer's calls, over rounds in which each has its turn.
fn measure(rounds: usize, target: &Target) -> Vec<Row> {
    let mut calls: Vec<(&Peer, Call, Vec<f64>)> = PEERS
        .iter()
        .filter_map(|peer| Some((peer, (peer.make)(target)?, Vec::new())))
        .collect();
    for (_, call, _) in &mut calls {
        (0..300).for_each(|_| call());
    }
    for _ in 0..rounds {
        for (_, call, times) in &mut calls {
            // The first brings code and connection back into the caches.
            call();
            for _ in 0..100 {
                let start = Instant::now();
                call();
                times.push(start.elapsed().as_secs_f64() * 1e6);
            }
        }
        // Whoever comes after another must not always come after the same.
        calls.rotate_left(1);
    }
    let mut rows: Vec<_> = calls
        .into_iter()
        .map(|(peer, _, mut times)| {
            times.sort_by(f64::total_cmp);
            let micros = times[times.len() / 2];
            Row { peer, micros }
        })
        .collect();
    rows.sort_by(|a, b| a.micros.total_cmp(&b.micros));
    rows
}

fn micros(rows: &[Row], name: &str) -> Option<f64> {
    Some(rows.iter().find(|row| row.peer.name == name)?.micros)
}

fn ours(rows: &[Row]) -> f64 {
    micros(rows, "paywithsoap").unwrap()
}

fn print(plain: &[Row], tls: &[Row]) {
    println!("| client | HTTP µs | x ours | HTTPS µs | x ours | what it does |");
    println!("|---|--:|--:|--:|--:|---|");
    for Row { peer, micros: time } in plain {
        let (secure, ratio) = match micros(tls, peer.name) {
            Some(time) => (format!("{time:.1}"), format!("{:.2}", time / ours(tls))),
            None => ("no CA of one's own".into(), String::new()),
        };
        println!(
            "| {} | {time:.1} | {:.2} | {secure} | {ratio} | {} |",
            peer.name,
            time / ours(plain),
            peer.note
        );
    }
}

fn targets(plain: &[Row], tls: &[Row]) {
    println!("\n| target | measured | |\n|---|--:|---|");
    let line = |rows: &[Row], what: &str, name: &str, most: f64| {
        if let Some(time) = micros(rows, name) {
            let ratio = ours(rows) / time;
            let met = if ratio <= most { "met" } else { "missed" };
            println!("| {what}: at most {most} x {name} | {ratio:.2} | {met} |");
        }
    };
    line(plain, "HTTP", "libcurl", 0.9);
    line(plain, "HTTP", "reqwest::blocking", 0.7);
    line(plain, "HTTP", "ureq, timeout_global", 0.45);
    line(plain, "HTTP", "bare socket", 2.3);
    for row in tls {
        if !matches!(row.peer.name, "paywithsoap" | "bare socket") {
            line(tls, "HTTPS", row.peer.name, 0.9);
        }
    }
}

/// Plain bars, readable on light and on dark.
fn chart(panels: &[(&str, &[Row])]) -> String {
    const LINE: usize = 26;
    const LEFT: usize = 170;
    const WIDTH: f64 = 300.0;
    let mut body = String::new();
    let mut y = 8;
    for (title, rows) in panels {
        // A client that connects anew each time would squeeze the others: its
        // bar is cut, and says so.
        let most = 3.5 * ours(rows);
        let _ = writeln!(
            body,
            r#"<text x="0" y="{}" class="title">{title}, warm call, microseconds (ratio to paywithsoap)</text>"#,
            y + 16
        );
        y += LINE;
        for Row { peer, micros } in *rows {
            let cut = if *micros > most { " \u{2192}" } else { "" };
            let width = WIDTH * micros.min(most) / most;
            let class = if peer.name == "paywithsoap" {
                "ours"
            } else {
                "bar"
            };
            let _ = writeln!(
                body,
                r#"<text x="{}" y="{}" text-anchor="end">{}</text><rect x="{LEFT}" y="{y}" width="{width:.1}" height="18" class="{class}"/><text x="{:.1}" y="{}">{micros:.1} ({:.2}){cut}</text>"#,
                LEFT - 8,
                y + 14,
                peer.name,
                LEFT as f64 + width + 8.0,
                y + 14,
                micros / ours(rows),
            );
            y += LINE;
        }
        y += 14;
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {y}" width="640" height="{y}" role="img" aria-label="Microseconds a warm call, by client">
<style>
text {{ font: 13px system-ui, sans-serif; fill: #57606a; }}
.title {{ font-weight: 600; }}
.bar {{ fill: #8c959f; }}
.ours {{ fill: #0f766e; }}
@media (prefers-color-scheme: dark) {{
  text {{ fill: #adbac7; }}
  .ours {{ fill: #2dd4bf; }}
}}
</style>
{body}</svg>
"#
    )
}
