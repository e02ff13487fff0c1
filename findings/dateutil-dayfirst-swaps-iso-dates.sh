#!/usr/bin/env bash
# With `dayfirst=True`, python-dateutil and pandas read 1990-01-02 as the 1st of February.
#
# Version:   python-dateutil 4.0.0, pandas 3.1.1; dateparser 1.5.0 leaves an ISO date as it is.
# Expected:  the option is for 02/01/1990; a date that starts with the year is year, month, day.
# Seen:      behind a leading year they still take the day first, in a timestamp and in `19900102`, too.
#            1990-01-13 stays in January. pandas decides a column by its first row: with a 13th there it
#            reads all dates right, with a 2nd it swaps them, or leaves the column as text where a 13th follows.
# Who it hurts: European importers that set it for what people type, and get dates from a database, too: up to
#            the 12th of each month a customer's day and month change places.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check python-dateutil==4.0.0 dateparser==1.5.0 pandas==3.1.1

"$work/venv/bin/python" -W ignore - >"$work/seen" <<'PY'
import io

import dateparser
import pandas
from dateutil import parser

for text in ["02/01/1990", "1990-01-02", "1990-01-02T03:04:05Z", "1990-01-13"]:
    dates = [
        parser.parse(text, dayfirst=True),
        pandas.to_datetime(text, dayfirst=True),
        dateparser.parse(text, settings={"DATE_ORDER": "DMY"}),
    ]
    print(text, "->", *(date.date() for date in dates))
for column in [["1990-01-02", "1990-03-04"], ["1990-01-13", "1990-01-02"], ["1990-01-02", "1990-01-13"]]:
    file = io.StringIO("\n".join(["born", *column]))
    read = pandas.read_csv(file, parse_dates=["born"], dayfirst=True)["born"]
    print(*column, "->", *(str(date) for date in read))
PY

diff "$work/seen" - <<'SEEN'
02/01/1990 -> 1990-01-02 1990-01-02 1990-01-02
1990-01-02 -> 1990-02-01 1990-02-01 1990-01-02
1990-01-02T03:04:05Z -> 1990-02-01 1990-02-01 1990-01-02
1990-01-13 -> 1990-01-13 1990-01-13 1990-01-13
1990-01-02 1990-03-04 -> 1990-02-01 00:00:00 1990-04-03 00:00:00
1990-01-13 1990-01-02 -> 1990-01-13 00:00:00 1990-01-02 00:00:00
1990-01-02 1990-01-13 -> 1990-01-02 1990-01-13
SEEN
echo "as described"
