#!/usr/bin/env bash
# The crate hocon reads the unquoted date `1990-01-02` as the text `1990-1-2`.
#
# Version:   hocon 0.9.0; pyhocon 0.3.63 keeps the date, but not the phone number.
# Expected:  HOCON's specification lets a number become text only as it was written in the file.
# Seen:      each run of digits becomes a number and then text again: a date loses its zeros, `0551234567` is
#            `551234567`, `1.10` is `1.1`, `1e5` is `100000`, and `+15551234567` loses its sign.
# Who it hurts: programs with dates, phone numbers or versions in such a file, where quotes are optional: an API
#            that wants YYYY-MM-DD rejects the date, and another phone number is used without an error.
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
hocon = { version = "=0.9.0", default-features = false, features = ["serde-support"] }
serde = { version = "=1.0.228", features = ["derive"] }
TOML
cat >src/main.rs <<'RUST'
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    value: String,
}

fn main() {
    for text in std::env::args().skip(1) {
        let settings: Settings = hocon::de::from_str(&format!("value = {text}\n")).unwrap();
        println!("{text}: hocon {}", settings.value);
    }
}
RUST
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pyhocon==0.3.63
cat >run.py <<'PY'
import sys

from pyhocon import ConfigFactory

for text in sys.argv[1:]:
    print(f"{text}: pyhocon {ConfigFactory.parse_string(f'value = {text}').get_string('value')}")
PY
texts=(1990-01-02 '"1990-01-02"' 0551234567 +15551234567 1.10 1e5)
cargo run --quiet -- "${texts[@]}" >seen
venv/bin/python run.py "${texts[@]}" >>seen

diff seen - <<'SEEN'
1990-01-02: hocon 1990-1-2
"1990-01-02": hocon 1990-01-02
0551234567: hocon 551234567
+15551234567: hocon 15551234567
1.10: hocon 1.1
1e5: hocon 100000
1990-01-02: pyhocon 1990-01-02
"1990-01-02": pyhocon 1990-01-02
0551234567: pyhocon 551234567
+15551234567: pyhocon 15551234567
1.10: pyhocon 1.1
1e5: pyhocon 100000.0
SEEN
echo "as described"
