#!/usr/bin/env bash
# arktype's `string.date.iso` accepts the 30th of February.
#
# Version:   arktype 2.2.10; zod 4.6.7's `z.iso.date()` and validator 13.15.35's `isDate` do not.
# Expected:  arktype documents a valid ISO 8601 date; its neighbour `string.date` rejects what Date cannot read.
# Seen:      it is validator.js's regular expression without the calendar: 1990-02-30 and 1990-04-31 pass
#            unchanged, and so do a year alone and a week date.
# Who it hurts: services that store what passed: PostgreSQL rejects the row with a 500, SQLite keeps it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund arktype@2.2.10 zod@4.6.7 validator@13.15.35 >/dev/null

cat >run.mjs <<'JS'
import { type } from "arktype";
import validator from "validator";
import { z } from "zod";

const accepts = {
    arktype: (text) => !(type("string.date.iso")(text) instanceof type.errors),
    validator: (text) => validator.isDate(text),
    zod: (text) => z.iso.date().safeParse(text).success,
};
const texts = ["1990-01-02", "1990-02-30", "1990-04-31", "1990", "1990-W01-2", "1990-13-01"];
for (const [name, accept] of Object.entries(accepts)) {
    console.log(`${name}: ${texts.filter(accept).join(", ")}`);
}
JS
node run.mjs >seen

diff seen - <<'SEEN'
arktype: 1990-01-02, 1990-02-30, 1990-04-31, 1990, 1990-W01-2
validator: 1990-01-02
zod: 1990-01-02
SEEN
echo "as described"
