#!/usr/bin/env bash
# csvkit's csvsort empties the cells of people who are called Null or Na, also without type inference.
#
# Version:   csvkit 2.2.0 with agate 1.14.2.
# Expected:  sorting moves rows; `--no-inference` leaves each cell as it is.
# Seen:      `Null`, `Na`, `None` and `N/A` in any case are empty cells afterwards; without that option a phone
#            number loses its leading zero, too. csvjoin and csvjson do the same, csvcut and csvgrep do not.
#            Only `--blanks` keeps the names.
# Who it hurts: whoever sorts an export before an import: in an update an empty cell means "leave as it is", and
#            the number without its zero is another number.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check csvkit==2.2.0 agate==1.14.2

cat >"$work/customers.csv" <<'CSV'
id,first_name,last_name,phone_number
2,Na,Roe,0551234567
1,Jane,Null,5551234567
CSV
bin=$work/venv/bin
{
    "$bin/csvsort" --columns id "$work/customers.csv"
    "$bin/csvsort" --columns id --no-inference "$work/customers.csv"
    "$bin/csvsort" --columns id --no-inference --blanks "$work/customers.csv"
} >"$work/seen"

diff "$work/seen" - <<'SEEN'
id,first_name,last_name,phone_number
1,Jane,,5551234567
2,,Roe,551234567
id,first_name,last_name,phone_number
1,Jane,,5551234567
2,,Roe,0551234567
id,first_name,last_name,phone_number
1,Jane,Null,5551234567
2,Na,Roe,0551234567
SEEN
echo "as described"
