#!/usr/bin/env bash
# config's `Environment` with `try_parsing(true)` rewrites values on their way into a String.
#
# Version:   config 0.15.19; envy 0.4.2 leaves them as they are.
# Expected:  `try_parsing` serves fields that are numbers; a field of type String gets the variable's text.
# Seen:      a text that looks like a number becomes one and then text again: `0551234567` is `551234567`,
#            `+15551234567` loses its sign, `1.0` is `1`, `1e5` is `100000`.
# Who it hurts: programs that keep a phone number, a postcode, a version or a key of digits in the environment:
#            nothing fails, and another value is used.
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
config = { version = "=0.15.19", default-features = false }
envy = "=0.4.2"
serde = { version = "=1.0.228", features = ["derive"] }
TOML
cat >src/main.rs <<'RUST'
use config::{Config, Environment};
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    value: String,
}

fn main() {
    for text in ["0551234567", "+15551234567", "1.0", "1e5", "True", "5551234567"] {
        std::env::set_var("FINDING_VALUE", text);
        let environment = Environment::with_prefix("FINDING").try_parsing(true);
        let config = Config::builder().add_source(environment).build().unwrap();
        let config: Settings = config.try_deserialize().unwrap();
        let envy: Settings = envy::prefixed("FINDING_").from_env().unwrap();
        println!("{text}: config {}, envy {}", config.value, envy.value);
    }
}
RUST
cargo run --quiet >seen

diff seen - <<'SEEN'
0551234567: config 551234567, envy 0551234567
+15551234567: config 15551234567, envy +15551234567
1.0: config 1, envy 1.0
1e5: config 100000, envy 1e5
True: config true, envy True
5551234567: config 5551234567, envy 5551234567
SEEN
echo "as described"
