#!/usr/bin/env bash
# figment's `Env` does not give a variable of digits to a String, and its error shows the value.
#
# Version:   figment 0.10.19.
# Expected:  every environment variable is text, so that a field of type String takes any of them.
# Seen:      `Env` reads values as TOML-like literals first, and digits, `true` and `[a]` then do not fit: the
#            key of a service works until a new one happens to have digits only. The message repeats it.
# Who it hurts: programs that read a phone number, a PIN or an API key so, and those who may read their logs.
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
figment = { version = "=0.10.19", features = ["env"] }
serde = { version = "=1.0.228", features = ["derive"] }
TOML
cat >src/main.rs <<'RUST'
use figment::{providers::Env, Figment};
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    value: String,
}

fn main() {
    for text in ["k5551234567", "5551234567", "true", "[a]", "\"5551234567\""] {
        std::env::set_var("FINDING_VALUE", text);
        match Figment::from(Env::prefixed("FINDING_")).extract::<Settings>() {
            Ok(settings) => println!("{text}: {}", settings.value),
            Err(error) => println!("{text}: {}", error.kind),
        }
    }
}
RUST
cargo run --quiet >seen

diff seen - <<'SEEN'
k5551234567: k5551234567
5551234567: invalid type: found unsigned int `5551234567`, expected a string
true: invalid type: found bool true, expected a string
[a]: invalid type: found sequence, expected a string
"5551234567": 5551234567
SEEN
echo "as described"
