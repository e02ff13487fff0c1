#!/usr/bin/env bash
# peewee stores in a date column whatever is no date, and reads it back as text.
#
# Version:   peewee 4.5.3 with SQLite.
# Expected:  an error for `1990-02-30` when it is stored, or at the latest when it is read.
# Seen:      `DateField` gives a text that fits none of its formats to the database as it is. Reading gives
#            a `date` for some rows and a `str` for others.
# Who it hurts: a service that takes a date of birth from a request: the update succeeds, and a report
#            fails weeks later at `.year` of a str.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check peewee==4.5.3

"$work/venv/bin/python" - >"$work/seen" <<'PY'
import peewee

database = peewee.SqliteDatabase(":memory:")


class Customer(peewee.Model):
    date_of_birth = peewee.DateField()

    class Meta:
        database = database


database.create_tables([Customer])
for text in ["1990-01-02", "1990-02-30", "02/13/1990", "unknown"]:
    id = Customer.create(date_of_birth=text).id
    print(repr(Customer.get_by_id(id).date_of_birth))
PY

diff "$work/seen" - <<'SEEN'
datetime.date(1990, 1, 2)
'1990-02-30'
'02/13/1990'
'unknown'
SEEN
echo "as described"
