#!/usr/bin/env bash
# A spreadsheet's dates of birth come out with two digits of the year: `03-04-31` is 1931 or 2031.
#
# Version:   xlsx2csv 0.8.6, xlsx (SheetJS) 0.18.5; csvkit 2.2.0 and exceljs 4.4.0 write the year.
# Expected:  Excel shows its default format of dates (number 14) with four digits of the year in most countries,
#            and a converter to CSV keeps what one sees, or the whole date.
# Seen:      both take the format's letters from the file format's description, `mm-dd-yy`, so that the CSV file
#            has fewer digits than the sheet, in the American order, whatever the sheet's country is.
# Who it hurts: imports of customers: the century is gone, and day and month change places in most of the world.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check xlsx2csv==0.8.6 openpyxl==3.1.5 csvkit==2.2.0
npm install --silent --no-audit --no-fund xlsx@0.18.5 exceljs@4.4.0 >/dev/null

venv/bin/python - <<'PY'
from datetime import date

import openpyxl
from openpyxl.styles.numbers import BUILTIN_FORMATS

book = openpyxl.Workbook()
book.active.append(["id", "date_of_birth"])
for year in [1931, 2031]:
    book.active.append([year, date(year, 3, 4)])
    book.active.cell(book.active.max_row, 2).number_format = BUILTIN_FORMATS[14]
book.save("customers.xlsx")
PY
cat >run.cjs <<'JS'
const ExcelJS = require("exceljs");
const XLSX = require("xlsx");

const { SheetNames, Sheets } = XLSX.readFile("customers.xlsx");
console.log("xlsx\n" + XLSX.utils.sheet_to_csv(Sheets[SheetNames[0]]).trim());
const book = new ExcelJS.Workbook();
book.xlsx.readFile("customers.xlsx").then(async () => {
    console.log("exceljs\n" + (await book.csv.writeBuffer()));
});
JS
{
    echo xlsx2csv
    venv/bin/xlsx2csv customers.xlsx
    echo csvkit
    venv/bin/in2csv customers.xlsx
    TZ=UTC node run.cjs
} >seen

diff seen - <<'SEEN'
xlsx2csv
id,date_of_birth
1931,03-04-31
2031,03-04-31
csvkit
id,date_of_birth
1931,1931-03-04
2031,2031-03-04
xlsx
id,date_of_birth
1931,3/4/31
2031,3/4/31
exceljs
id,date_of_birth
1931,1931-03-04T00:00:00+00:00
2031,2031-03-04T00:00:00+00:00
SEEN
echo "as described"
