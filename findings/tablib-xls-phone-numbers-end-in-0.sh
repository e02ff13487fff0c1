#!/usr/bin/env bash
# tablib reads a phone number from an .xls file as 5551234567.0, and exports it so.
#
# Version:   tablib 3.10.0 with xlrd 2.0.2 and xlwt 1.3.0.
# Expected:  one sheet gives the same table as .xls and as .xlsx, whole numbers whole.
# Seen:      .xls gives floats, and CSV, JSON and text from them end in `.0`; .xlsx gives integers. Dates become
#            times in both. A CharField of django-import-export, which reads by tablib, stores `5551234567.0`.
# Who it hurts: who offers an import of spreadsheets: ids and phone numbers match nothing, with the older of two
#            formats only.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    tablib==3.10.0 xlrd==2.0.2 xlwt==1.3.0 openpyxl==3.1.5 django==5.2.19 django-import-export==4.3.13

"$work/venv/bin/python" - >"$work/seen" <<'PY'
from datetime import date

import tablib
from django.conf import settings

settings.configure()
from import_export.widgets import CharWidget  # noqa: E402 (needs the settings)

table = tablib.Dataset([5551234567, date(1990, 1, 2)], headers=["phone_number", "date_of_birth"])
for format in ["xls", "xlsx"]:
    read = tablib.Dataset().load(table.export(format), format=format)
    number, birth = read[0]
    print(f"{format}: {read.export('csv').split()[1]}, {CharWidget().clean(number)}, {birth!r}")
PY

diff "$work/seen" - <<'SEEN'
xls: 5551234567.0,1990-01-02, 5551234567.0, datetime.datetime(1990, 1, 2, 0, 0)
xlsx: 5551234567,1990-01-02, 5551234567, datetime.datetime(1990, 1, 2, 0, 0)
SEEN
echo "as described"
