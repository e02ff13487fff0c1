#!/usr/bin/env bash
# json-2-csv does not read back what it wrote: a name becomes null, and some phone numbers numbers.
#
# Version:   json-2-csv 5.6.0; csv-parse 7.0.3 and papaparse 5.7.1 give text.
# Expected:  objects of strings, written by `json2csv` and read by `csv2json`, are the same objects.
# Seen:      each cell is tried as JSON. A person called `null` or `true` has no name or a boolean, `1e5` is 100000,
#            `1.10` is 1.1. In one column a number of digits is a number, one with a leading zero a string.
# Who it hurts: exports that are edited and imported again: the patch has values of other types, an API rejects
#            some rows, and takes null for "delete the name".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund json-2-csv@5.6.0 csv-parse@7.0.3 papaparse@5.7.1 >/dev/null

cat >run.mjs <<'JS'
import { parse } from "csv-parse/sync";
import { csv2json, json2csv } from "json-2-csv";
import papa from "papaparse";

const csv = json2csv([
    { last_name: "Roe", phone_number: "5551234567" },
    { last_name: "null", phone_number: "0551234567" },
    { last_name: "true", phone_number: "1.10" },
    { last_name: "1e5", phone_number: "+15551234567" },
]);
console.log(JSON.stringify(csv2json(csv)));
console.log(JSON.stringify(parse(csv, { columns: true })));
console.log(JSON.stringify(papa.parse(csv, { header: true }).data));
JS
node run.mjs >seen

diff seen - <<'SEEN'
[{"last_name":"Roe","phone_number":5551234567},{"last_name":null,"phone_number":"0551234567"},{"last_name":true,"phone_number":1.1},{"last_name":100000,"phone_number":"+15551234567"}]
[{"last_name":"Roe","phone_number":"5551234567"},{"last_name":"null","phone_number":"0551234567"},{"last_name":"true","phone_number":"1.10"},{"last_name":"1e5","phone_number":"+15551234567"}]
[{"last_name":"Roe","phone_number":"5551234567"},{"last_name":"null","phone_number":"0551234567"},{"last_name":"true","phone_number":"1.10"},{"last_name":"1e5","phone_number":"+15551234567"}]
SEEN
echo "as described"
