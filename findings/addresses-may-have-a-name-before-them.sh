#!/usr/bin/env bash
# pydantic's EmailStr and the crate email_address take `Jane Roe <jane@example.com>` for an address.
#
# Version:   pydantic 2.14.4 with email-validator 2.4.0; email_address 0.2.9.
# Expected:  an error: a field for an address holds an address, and pydantic has NameEmail for both. What is valid
#            stays as it was sent, or is in the form that goes over the wire.
# Seen:      EmailStr drops the name, and turns a domain in the form for the wire, `xn--`, into letters of a language.
#            For email_address the text is valid as a whole, and `as_str` and serde give it as a whole.
# Who it hurts: imports of what people copy from a mail program: the next API rejects the name, or the letters, of an
#            address that was "validated", or the same customer is there twice.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pydantic==2.14.4 email-validator==2.4.0
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
email_address = { version = "=0.2.9", default-features = false }

[profile.dev]
debug = false
TOML
cat >src/main.rs <<'RUST'
use email_address::EmailAddress;

fn main() {
    for text in ["Jane Roe <jane@example.com>", "\"Roe, Jane\" <jane@example.com>", "jane@xn--bcher-kva.example"] {
        let address: EmailAddress = text.parse().unwrap();
        println!("{text} -> {}, {}", EmailAddress::is_valid(text), address.as_str());
    }
}
RUST
cat >run.py <<'PY'
from pydantic import EmailStr, TypeAdapter

for text in ["Jane Roe <jane@example.com>", '"Roe, Jane" <jane@example.com>', "jane@xn--bcher-kva.example"]:
    print(text, "->", TypeAdapter(EmailStr).validate_python(text))
PY
{ venv/bin/python run.py && cargo run --quiet; } >seen

diff seen - <<'SEEN'
Jane Roe <jane@example.com> -> jane@example.com
"Roe, Jane" <jane@example.com> -> jane@example.com
jane@xn--bcher-kva.example -> jane@bücher.example
Jane Roe <jane@example.com> -> true, Jane Roe <jane@example.com>
"Roe, Jane" <jane@example.com> -> true, "Roe, Jane" <jane@example.com>
jane@xn--bcher-kva.example -> true, jane@xn--bcher-kva.example
SEEN
echo "as described"
