#!/usr/bin/env bash
# DuckDB reads `01/02/1990` as January or February by the other rows of the file; polars never as January.
#
# Version:   duckdb 2.0.1; polars 2.1.0 with `try_parse_dates`.
# Expected:  a guess of types leaves a date as text while it may be either, or reads it alike in all files.
# Seen:      DuckDB takes the day first unless a row of the file rules that out. So the same customer is born on
#            another day once the 13th of a month is in the file, and a smaller export has other dates. polars
#            knows the day first only: it leaves a file with `01/13/1990` as text, and swaps all others. It
#            reads `01-02-90` as a day in the year 90.
# Who it hurts: importers of American files: they work with the whole file, and with a sample, or with each day's
#            changes, store wrong dates of birth without a word.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 polars==2.1.0
cd "$work"

venv/bin/python - >seen <<'PY'
import duckdb
import polars

for dates in [["01/02/1990"], ["01/02/1990", "01/13/1990"], ["01/02/1990", "13/01/1990"], ["01-02-90"]]:
    with open("customers.csv", "w") as file:
        print("id,date_of_birth", *(f"{id},{date}" for id, date in enumerate(dates)), sep="\n", file=file)
    [(first, _), *_] = duckdb.sql("select date_of_birth, id from 'customers.csv' order by id").fetchall()
    print(*dates, "-> duckdb", first, end=", ")
    print("polars", polars.read_csv("customers.csv", try_parse_dates=True)["date_of_birth"][0])
PY

diff seen - <<'SEEN'
01/02/1990 -> duckdb 1990-02-01, polars 1990-02-01
01/02/1990 01/13/1990 -> duckdb 1990-01-02, polars 01/02/1990
01/02/1990 13/01/1990 -> duckdb 1990-02-01, polars 1990-02-01
01-02-90 -> duckdb 1990-02-01, polars 0090-02-01
SEEN
echo "as described"
