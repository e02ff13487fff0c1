#!/usr/bin/env bash
# uDSV's typed readers turn a whole column of names into NaN where one of them looks like a number.
#
# Version:   udsv 0.7.3.
# Expected:  a column is of numbers where all of its cells are, and text else.
# Seen:      one cell that looks like a number makes the column one of numbers, and the names in it are
#            lost: `Jane` and `1E5` become NaN and 100000. `Null` beside `True` becomes false.
# Who it hurts: whoever imports names: NaN is null in JSON, and nothing fails.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund udsv@0.7.3 >/dev/null

cat >run.mjs <<'JS'
import { inferSchema, initParser } from "udsv";

for (const names of [["Jane", "Roe"], ["Jane", "1E5"], ["Null", "Roe"], ["Null", "True"]]) {
    const csv = `last_name\n${names.join("\n")}\n`;
    const rows = initParser(inferSchema(csv)).typedObjs(csv);
    console.log(names.join(", "), "->", rows.map((row) => row.last_name).join(", "));
}
JS
node run.mjs >seen

diff seen - <<'SEEN'
Jane, Roe -> Jane, Roe
Jane, 1E5 -> NaN, 100000
Null, Roe -> Null, Roe
Null, True -> false, true
SEEN
echo "as described"
