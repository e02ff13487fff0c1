#!/usr/bin/env bash
# dotenvy cuts a key at the first `$`; Node's and Python's readers of the same file do not.
#
# Version:   dotenvy 0.15.7 (dotenv 0.15.0, which it follows, does the same); npm's dotenv 18.0.10, Node 20's
#            --env-file, python-dotenv 1.2.4.
# Expected:  one .env file gives one value to all services; substitution is written `${NAME}`, and a name
#            that does not exist is at least an error.
# Seen:      `$` and what may be a name after it become the empty text, without an error. In double quotes, where
#            the other readers are content, the line is refused if the name ends the text, and the error repeats the
#            value. Only single quotes are safe.
# Who it hurts: services that share a file: keys, passwords and bcrypt hashes with `$` work in the others, and
#            in the Rust one a shorter one is sent, to which an API responds with 401.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cd "$work"
cat >.env <<'ENV'
PLAIN=live$k5Xy2Z
LAST="live$k5Xy2Z"
INSIDE="live$k5-Xy2Z"
SINGLE='live$k5Xy2Z'
HASH=$2y$10$made/up
ENV
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
dotenv = "=0.15.0"
dotenvy = "=0.15.7"
TOML
cat >src/main.rs <<'RUST'
fn main() {
    // Line by line, so that a line that is refused does not end the file.
    for line in std::fs::read_to_string(".env").unwrap().lines() {
        match dotenvy::from_read_iter(line.as_bytes()).next().unwrap() {
            Ok((name, value)) => println!("dotenvy {name}={value}"),
            Err(error) => println!("dotenvy {error}"),
        }
    }
    #[allow(deprecated)] // It reads no variable into the process.
    let iter = dotenv::dotenv_iter();
    for (name, value) in iter.unwrap().flatten() {
        println!("dotenv {name}={value}");
    }
}
RUST
npm install --silent --no-audit --no-fund dotenv@18.0.10 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check python-dotenv==1.2.4
print='for (const name of ["PLAIN", "LAST", "INSIDE", "SINGLE", "HASH"]) console.log(label, `${name}=${values[name]}`)'
{
    env -u K5XY2Z cargo run --quiet
    node -e 'const label = "npm", values = require("dotenv").parse(require("fs").readFileSync(".env"));'"$print"
    node --env-file=.env -e 'const label = "node", values = process.env;'"$print"
    venv/bin/python -c 'import dotenv
for name, value in dotenv.dotenv_values(".env").items(): print(f"python {name}={value}")'
} >seen

diff seen - <<'SEEN'
dotenvy PLAIN=live
dotenvy Error parsing line: '"live$k5Xy2Z"', error at line index: 12
dotenvy INSIDE=live-Xy2Z
dotenvy SINGLE=live$k5Xy2Z
dotenvy HASH=/up
dotenv PLAIN=live
dotenv INSIDE=live-Xy2Z
dotenv SINGLE=live$k5Xy2Z
dotenv HASH=/up
npm PLAIN=live$k5Xy2Z
npm LAST=live$k5Xy2Z
npm INSIDE=live$k5-Xy2Z
npm SINGLE=live$k5Xy2Z
npm HASH=$2y$10$made/up
node PLAIN=live$k5Xy2Z
node LAST=live$k5Xy2Z
node INSIDE=live$k5-Xy2Z
node SINGLE=live$k5Xy2Z
node HASH=$2y$10$made/up
python PLAIN=live$k5Xy2Z
python LAST=live$k5Xy2Z
python INSIDE=live$k5-Xy2Z
python SINGLE=live$k5Xy2Z
python HASH=$2y$10$made/up
SEEN
echo "as described"
