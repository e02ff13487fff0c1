#!/usr/bin/env bash
# time's Date is `[1990,2]` in JSON, until any other crate of the program turns on a feature.
#
# Version:   time 0.3.55 with its feature `serde`, serde_json 1.0.
# Expected:  JSON has the text "1990-01-02", as chrono and jiff write it; or at least the same form in each program.
# Seen:      year and day of the year, in an array. The feature `serde-human-readable` makes it a text, and Cargo turns
#            it on for all crates once one asks for it. Without it, the text cannot be read; with it, both can.
# Who it hurts: whoever sends or stores a Date by serde: an API that wants YYYY-MM-DD rejects the array, and adding or
#            removing a dependency changes what is written, with no line of one's own changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/src" "$work/neighbour/src"
cd "$work"
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
neighbour = { path = "neighbour", optional = true }
serde_json = "1.0"
time = { version = "=0.3.55", default-features = false, features = ["serde"] }

[profile.dev]
debug = false
TOML
cat >neighbour/Cargo.toml <<'TOML'
[package]
name = "neighbour"
version = "0.0.0"
edition = "2021"

[dependencies]
time = { version = "=0.3.55", default-features = false, features = ["serde-human-readable"] }
TOML
touch neighbour/src/lib.rs
cat >src/main.rs <<'RUST'
use time::{Date, Month::January};

fn main() {
    let date = Date::from_calendar_date(1990, January, 2).unwrap();
    println!("writes {}", serde_json::to_string(&date).unwrap());
    for json in ["[1990,2]", "\"1990-01-02\""] {
        let read = serde_json::from_str::<Date>(json);
        println!("reads {json}: {}", read.map_or_else(|error| error.to_string(), |date| date.to_string()));
    }
}
RUST
{
    cargo run --quiet
    echo "with the neighbour:"
    cargo run --quiet --features neighbour
} >seen

diff seen - <<'SEEN'
writes [1990,2]
reads [1990,2]: 1990-01-02
reads "1990-01-02": invalid type: string "1990-01-02", expected a `Date` at line 1 column 12
with the neighbour:
writes "1990-01-02"
reads [1990,2]: 1990-01-02
reads "1990-01-02": 1990-01-02
SEEN
echo "as described"
