#!/usr/bin/env bash
# Miller's JSON is no JSON where a cell of the CSV file is `0x1F` or `.5`.
#
# Version:   Miller 6.6.0 (Debian 12); `apt-get update` is needed once.
# Expected:  `--icsv --ojson` writes what a JSON parser reads: these are strings there, or 31 and 0.5.
# Seen:      it takes them for numbers and writes numbers as they came, without quotes. It does know of the case: a
#            leading zero or plus sign makes a string. `1e5` is a number. Only `-S` makes strings of all.
# Who it hurts: pipelines that turn an export into requests: ids in hexadecimal and amounts of a spreadsheet end the
#            next program in the middle of a file, which has been acted on so far.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet miller=6.6.0-2+b3 >/dev/null 2>&1
dpkg-deb --extract miller_*.deb .

for cell in Roe 0551234567 +15551234567 1e5 0x1F 0b11 .5 5.; do
    printf 'last_name\n%s\n' "$cell" | usr/bin/mlr --icsv --ojsonl cat >row
    reads=$(python3 -m json.tool --compact row 2>/dev/null || echo "no JSON")
    echo "$(cat row) -> $reads" >>seen
done

diff seen - <<'SEEN'
{"last_name": "Roe"} -> {"last_name":"Roe"}
{"last_name": "0551234567"} -> {"last_name":"0551234567"}
{"last_name": "+15551234567"} -> {"last_name":"+15551234567"}
{"last_name": 1e5} -> {"last_name":100000.0}
{"last_name": 0x1F} -> no JSON
{"last_name": 0b11} -> no JSON
{"last_name": .5} -> no JSON
{"last_name": 5.} -> no JSON
SEEN
echo "as described"
