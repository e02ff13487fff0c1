#!/usr/bin/env bash
# jo makes a number of a phone number, and leaves out its zero or plus sign.
#
# Version:   jo 1.9 (Debian 12); `apt-get update` is needed once.
# Expected:  a text that would not be the same as a JSON number, like `0551234567`, is a string.
# Seen:      whatever C's strtod reads is one: `0551234567` is 551234567, `+15551234567` loses its sign, the names
#            `1E5` and `0x1F` are 100000 and 31, an empty value is null. Only `-s` before each word says otherwise.
# Who it hurts: shell scripts that build the body of a PATCH so, as jo is made for: where the number is quoted again,
#            or coerced, another number is stored; an emptied variable sends null.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet jo=1.9-1 >/dev/null 2>&1
dpkg-deb --extract jo_*.deb .

words=(555-1234567 5551234567 0551234567 +15551234567 1E5 0x1F "")
for word in "${words[@]}"; do
    echo "$(usr/bin/jo phone_number="$word") $(usr/bin/jo -- -s phone_number="$word")" >>seen
done

diff seen - <<'SEEN'
{"phone_number":"555-1234567"} {"phone_number":"555-1234567"}
{"phone_number":5551234567} {"phone_number":"5551234567"}
{"phone_number":551234567} {"phone_number":"0551234567"}
{"phone_number":15551234567} {"phone_number":"+15551234567"}
{"phone_number":100000} {"phone_number":"1E5"}
{"phone_number":31} {"phone_number":"0x1F"}
{"phone_number":null} {"phone_number":""}
SEEN
echo "as described"
