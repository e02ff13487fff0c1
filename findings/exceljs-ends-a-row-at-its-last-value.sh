#!/usr/bin/env bash
# ExcelJS writes CSV rows of different lengths: a row ends with its last cell that has a value.
#
# Version:   exceljs 4.4.0; csv-stringify 6.9.0 and papaparse 5.7.1 write each row in full.
# Expected:  a sheet of three columns is a file whose rows have three cells, empty ones included.
# Seen:      `null` and `undefined` at the end of a row are left out with their commas; an empty string is written.
#            RFC 4180 wants the same number of cells in each line, and readers disagree: csv-parse throws, papaparse
#            notes an error, and Python's DictReader makes `None` of what is absent.
# Who it hurts: exports of customers of whom the last column is not known: those rows are rejected one by one; or
#            what is absent becomes `null`, which an API takes for "delete it".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund exceljs@4.4.0 csv-parse@7.0.3 csv-stringify@6.9.0 papaparse@5.7.1 >/dev/null

cat >run.mjs <<'JS'
import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import { writeFileSync } from "node:fs";
import ExcelJS from "exceljs";
import papa from "papaparse";

const names = ["id", "email", "phone"];
const rows = [["cus_1", "a@example.com", "5551234567"], ["cus_2", "b@example.com", null], ["cus_3", "", ""]];
const book = new ExcelJS.Workbook();
const sheet = book.addWorksheet("customers");
sheet.addRows([names, ...rows]);
const csv = (await book.csv.writeBuffer()).toString();
writeFileSync("customers.csv", csv);
console.log(JSON.stringify(csv));
console.log(JSON.stringify(stringify([names, ...rows])));
console.log(JSON.stringify(papa.unparse([names, ...rows])));
try {
    parse(csv, { columns: true });
} catch (error) {
    console.log(error.code);
}
console.log(papa.parse(csv, { header: true }).errors.map((error) => error.code).join());
JS
node run.mjs >seen
python3 -c '
import csv
print([row["phone"] for row in csv.DictReader(open("customers.csv"))])' >>seen

diff seen - <<'SEEN'
"id,email,phone\ncus_1,a@example.com,5551234567\ncus_2,b@example.com\ncus_3,,"
"id,email,phone\ncus_1,a@example.com,5551234567\ncus_2,b@example.com,\ncus_3,,\n"
"id,email,phone\r\ncus_1,a@example.com,5551234567\r\ncus_2,b@example.com,\r\ncus_3,,"
CSV_RECORD_INCONSISTENT_COLUMNS
TooFewFields
['5551234567', None, '']
SEEN
echo "as described"
