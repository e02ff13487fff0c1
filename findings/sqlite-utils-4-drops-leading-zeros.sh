#!/usr/bin/env bash
# sqlite-utils 4 reads a CSV file with guessed types, where version 3 kept text.
#
# Version:   sqlite-utils 4.2.1 beside 3.38.
# Expected:  the command that a script has run for years stores the same cells after an upgrade.
# Seen:      `insert --csv` guesses types by default (3 did so with `--detect-types`): `0551234567` is stored as
#            551234567, and JSON Lines written from it have numbers where there were strings.
# Who it hurts: pipelines that keep phone numbers, postcodes or account numbers in SQLite.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf 'id,phone_number\ncus_1,0551234567\n' >customers.csv
for version in 3.38 4.2.1; do
    python3 -m venv "$version"
    "$version/bin/pip" install --quiet --disable-pip-version-check "sqlite-utils==$version"
    "$version/bin/sqlite-utils" insert "$version.db" customers customers.csv --csv >/dev/null 2>&1
    echo "$version: $("$version/bin/sqlite-utils" rows "$version.db" customers --nl)" >>seen
done

diff seen - <<'SEEN'
3.38: {"id": "cus_1", "phone_number": "0551234567"}
4.2.1: {"id": "cus_1", "phone_number": 551234567}
SEEN
echo "as described"
