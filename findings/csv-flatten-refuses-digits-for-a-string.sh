#!/usr/bin/env bash
# With serde's `flatten`, csv no longer gives a cell of digits to a String.
#
# Version:   csv 1.4.0, serde 1.0.228.
# Expected:  moving two fields to a struct of their own, with `#[serde(flatten)]`, reads the same rows.
# Seen:      a flattened field makes csv guess types. `0551234567`, `1E5` and `NaN` are then numbers, which a
#            String does not take, and the error repeats the cell without its zero; rows of other text pass. A
#            flattened map of JSON values gets the number, without zero or plus sign, and `NaN` as null.
# Who it hurts: importers that were tested with `555-1234` in the column: the first customer whose number has
#            digits only fails, or is stored with another number.
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
csv = "=1.4.0"
serde = { version = "=1.0.228", features = ["derive"] }
serde_json = "=1.0.154"
TOML
cat >src/main.rs <<'RUST'
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::Deserialize;

#[derive(Deserialize)]
struct Contact {
    phone_number: String,
}

#[derive(Deserialize)]
struct Flattened {
    #[serde(flatten)]
    contact: Contact,
}

#[derive(Deserialize)]
struct Rest {
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

fn read<T: DeserializeOwned>(cell: &str, show: fn(T) -> String) -> String {
    let text = format!("phone_number,id\n{cell},1\n");
    let row = csv::Reader::from_reader(text.as_bytes()).deserialize().next().unwrap();
    row.map_or_else(|error| error.to_string(), show)
}

fn main() {
    for cell in ["555-1234567", "0551234567", "+15551234567", "NaN"] {
        println!("{cell}");
        println!("  plain: {}", read(cell, |row: Contact| row.phone_number));
        println!("  flattened: {}", read(cell, |row: Flattened| row.contact.phone_number));
        println!("  flattened JSON: {}", read(cell, |row: Rest| row.rest["phone_number"].to_string()));
    }
}
RUST
cargo run --quiet >seen

diff seen - <<'SEEN'
555-1234567
  plain: 555-1234567
  flattened: 555-1234567
  flattened JSON: "555-1234567"
0551234567
  plain: 0551234567
  flattened: CSV deserialize error: record 1 (line: 2, byte: 16): invalid type: integer `551234567`, expected a string
  flattened JSON: 551234567
+15551234567
  plain: +15551234567
  flattened: CSV deserialize error: record 1 (line: 2, byte: 16): invalid type: integer `15551234567`, expected a string
  flattened JSON: 15551234567
NaN
  plain: NaN
  flattened: CSV deserialize error: record 1 (line: 2, byte: 16): invalid type: floating point `NaN`, expected a string
  flattened JSON: null
SEEN
echo "as described"
