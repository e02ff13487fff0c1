#!/usr/bin/env bash
# time's strftime syntax reads `01/02/1990`, and rejects `1/2/1990`.
#
# Version:   time 0.3.55; chrono 0.4.45, jiff 1.0.2 and Python's strptime read both.
# Expected:  `%m` and `%d` read one digit or two, as C's strptime does; only writing pads them.
# Seen:      they take two digits only, so that a format from another program reads part of its files. GNU's
#            `%-m`, which elsewhere is for writing, reads one digit or two.
# Who it hurts: who moves an importer to Rust: the dates of a spreadsheet, which have no padding, fail until
#            October, and a test with `12/31/1990` passes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cd "$work"
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
chrono = { version = "=0.4.45", default-features = false }
jiff = { version = "=1.0.2", default-features = false, features = ["std"] }
time = { version = "=0.3.55", features = ["parsing"] }
TOML
cat >src/main.rs <<'RUST'
use chrono::NaiveDate;
use jiff::civil;
use time::{format_description::parse_strftime_owned, Date};

fn main() {
    let padded = parse_strftime_owned("%m/%d/%Y").unwrap();
    let unpadded = parse_strftime_owned("%-m/%-d/%Y").unwrap();
    for text in ["01/02/1990", "1/2/1990", "12/31/1990"] {
        println!(
            "{text}: time {}, time with %-m {}, chrono {}, jiff {}",
            Date::parse(text, &padded).is_ok(),
            Date::parse(text, &unpadded).is_ok(),
            NaiveDate::parse_from_str(text, "%m/%d/%Y").is_ok(),
            civil::Date::strptime("%m/%d/%Y", text).is_ok(),
        );
    }
}
RUST
cargo run --quiet >seen
python3 -c 'from datetime import datetime
print("Python:", datetime.strptime("1/2/1990", "%m/%d/%Y").date())' >>seen

diff seen - <<'SEEN'
01/02/1990: time true, time with %-m true, chrono true, jiff true
1/2/1990: time false, time with %-m true, chrono true, jiff true
12/31/1990: time true, time with %-m true, chrono true, jiff true
Python: 1990-01-02
SEEN
echo "as described"
