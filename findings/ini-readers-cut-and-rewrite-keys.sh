#!/usr/bin/env bash
# One INI file gives another key to each reader: the crate configparser cuts it at `#`, also in quotes.
#
# Version:   configparser 3.3.0 and rust-ini 0.21.3 (crates), ini 6.0.0 (npm), Python 3's configparser.
# Expected:  the crate is inspired by Python's module, whose comments stand on lines of their own unless one asks
#            for more; and quotes protect what is in them.
# Seen:      the crate ends each value at `#` or `;`, and of `"k#1"` keeps `"k`. npm's ini ends it there, too, unless
#            quoted. rust-ini takes `\n` in a value for a line break, `\t` for a tab.
# Who it hurts: services that share a file, and who moves one from Python: a secret or a Windows path that holds one
#            of these is another value, and only the API's 401 tells.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cd "$work"
cat >settings.ini <<'INI'
[soap]
hash=k#1
quoted="k#1"
semicolon=k;1
path=C:\new\test
INI
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
configparser = "=3.3.0"
rust-ini = "=0.21.3"
TOML
cat >src/main.rs <<'RUST'
fn main() {
    let mut config = configparser::ini::Ini::new();
    config.load("settings.ini").unwrap();
    let ini = ini::Ini::load_from_file("settings.ini").unwrap();
    for name in ["hash", "quoted", "semicolon", "path"] {
        println!("configparser {name}: {:?}", config.get("soap", name).unwrap());
        println!("rust-ini {name}: {:?}", ini.get_from(Some("soap"), name).unwrap());
    }
}
RUST
npm install --silent --no-audit --no-fund ini@6.0.0 >/dev/null
cat >run.cjs <<'JS'
const { soap } = require("ini").parse(require("fs").readFileSync("settings.ini", "utf8"));
for (const [name, value] of Object.entries(soap)) console.log(`npm ${name}:`, JSON.stringify(value));
JS
cat >run.py <<'PY'
import configparser
import json

config = configparser.ConfigParser()
config.read("settings.ini")
for name, value in config["soap"].items():
    print(f"Python {name}: {json.dumps(value)}")
PY
{
    cargo run --quiet
    node run.cjs
    python3 run.py
} >seen

diff seen - <<'SEEN'
configparser hash: "k"
rust-ini hash: "k#1"
configparser quoted: "\"k"
rust-ini quoted: "k#1"
configparser semicolon: "k"
rust-ini semicolon: "k;1"
configparser path: "C:\\new\\test"
rust-ini path: "C:\new\test"
npm hash: "k"
npm quoted: "k#1"
npm semicolon: "k"
npm path: "C:\\new\\test"
Python hash: "k#1"
Python quoted: "\"k#1\""
Python semicolon: "k;1"
Python path: "C:\\new\\test"
SEEN
echo "as described"
