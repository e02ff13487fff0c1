#!/usr/bin/env bash
# Three guards against formulas in CSV files put an apostrophe before each phone number with a plus sign.
#
# Version:   papaparse 5.7.1, csv-stringify 6.9.0 (npm), defusedcsv 3.0.0 (PyPI); json-2-csv 5.6.0 does not.
# Expected:  `+15551234567` is no formula that does anything, and what the option wrote, the same library reads.
# Seen:      the cell is `'+15551234567`, and reading it back gives the apostrophe, too. json-2-csv leaves a number
#            alone, and takes the sign from `=1+1`.
# Who it hurts: customers are exported, edited and imported again, in E.164 as APIs ask for it: the number is
#            refused, or stored with the apostrophe, and at the next export it is left as it is.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund papaparse@5.7.1 csv-stringify@6.9.0 csv-parse@7.0.3 json-2-csv@5.6.0 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check defusedcsv==3.0.0

cat >run.mjs <<'JS'
import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import { json2csv } from "json-2-csv";
import papa from "papaparse";

const numbers = ["+15551234567", "0551234567", "=1+1"];
const rows = numbers.map((number) => ({ number }));
const read = {
    papaparse: papa.parse(papa.unparse(rows, { escapeFormulae: true }), { header: true }).data,
    "csv-stringify": parse(stringify(rows, { header: true, escape_formulas: true }), { columns: true }),
    "json-2-csv": papa.parse(json2csv(rows, { preventCsvInjection: true }), { header: true }).data,
};
for (const [name, rows] of Object.entries(read)) {
    console.log(`${name}: ${rows.map((row) => row.number).join(" ")}`);
}
JS
cat >run.py <<'PY'
import io

from defusedcsv import csv

file = io.StringIO()
csv.writer(file).writerow(["+15551234567", "0551234567", "=1+1"])
file.seek(0)
print("defusedcsv:", *next(csv.reader(file)))
PY
node run.mjs >seen
venv/bin/python run.py >>seen

diff seen - <<'SEEN'
papaparse: '+15551234567 0551234567 '=1+1
csv-stringify: '+15551234567 0551234567 '=1+1
json-2-csv: +15551234567 0551234567 1+1
defusedcsv: '+15551234567 0551234567 '=1+1
SEEN
echo "as described"
