#!/usr/bin/env bash
# For one and the same JSON Schema, `"format": "date"`, validators disagree about the 30th of February.
#
# Version:   z-schema 6.0.2, jsonschema 1.5.0, is-my-json-valid 2.20.6, djv 2.1.4, ajv 8.20.0 with
#            ajv-formats 3.0.1, @exodus/schemasafe 1.3.0.
# Expected:  JSON Schema's `date` is RFC 3339's full-date, whose day depends on month and year (5.7), so
#            that 1990-02-30 is no date for any of them.
# Seen:      z-schema, jsonschema, is-my-json-valid and ajv-formats in its mode `fast` accept it; djv
#            accepts whatever JavaScript's Date reads, like `02/13/1990` and `0`.
# Who it hurts: two services that share a schema, one of which stores what the other rejects; and whoever
#            takes "valid by the OpenAPI file" for "is a date".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund z-schema@6.0.2 jsonschema@1.5.0 is-my-json-valid@2.20.6 djv@2.1.4 ajv@8.20.0 ajv-formats@3.0.1 @exodus/schemasafe@1.3.0 >/dev/null

cat >run.cjs <<'JS'
const Ajv = require("ajv");
const formats = require("ajv-formats");
const Djv = require("djv");
const mine = require("is-my-json-valid");
const jsonschema = require("jsonschema");
const { validator } = require("@exodus/schemasafe");
const ZSchema = require("z-schema");

const schema = { type: "string", format: "date" };
const ajv = (mode) => formats(new Ajv(), { mode }).compile(schema);
const z = new ZSchema();
const djv = new Djv();
djv.addSchema("date", schema);
const validators = {
    "ajv, full": ajv("full"),
    "ajv, fast": ajv("fast"),
    djv: (date) => djv.validate("date", date) === undefined,
    "is-my-json-valid": mine(schema),
    jsonschema: (date) => jsonschema.validate(date, schema).valid,
    schemasafe: validator(schema),
    "z-schema": (date) => z.validate(date, schema),
};
for (const [name, accepts] of Object.entries(validators)) {
    const dates = ["1990-01-02", "1990-02-30", "02/13/1990", "0"];
    console.log(`${name}: ${dates.filter((date) => accepts(date)).join(", ")}`);
}
JS
node run.cjs >seen

diff seen - <<'SEEN'
ajv, full: 1990-01-02
ajv, fast: 1990-01-02, 1990-02-30
djv: 1990-01-02, 1990-02-30, 02/13/1990, 0
is-my-json-valid: 1990-01-02, 1990-02-30
jsonschema: 1990-01-02, 1990-02-30
schemasafe: 1990-01-02
z-schema: 1990-01-02, 1990-02-30
SEEN
echo "as described"
