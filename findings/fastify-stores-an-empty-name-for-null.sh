#!/usr/bin/env bash
# For null in a PATCH, Fastify hands the handler an empty string, a zero or false.
#
# Version:   fastify 5.12.8.
# Expected:  a 400, since the schema says `string` and not `["string", "null"]`; or at worst null.
# Seen:      its Ajv runs with `coerceTypes`: a null is `""`, 0 or false, and a name `["Roe"]` is `Roe`. With
#            `useDefaults` it also fills in what the patch left out, so that a field which nobody sent is
#            changed. Only with `format` is there an error, about the empty string.
# Who it hurts: clients that send null to clear a field or to say "not known": the customer's name is empty from
#            then on, and the status reset, with a 200.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund fastify@5.12.8 >/dev/null

cat >run.mjs <<'JS'
import Fastify from "fastify";

const properties = {
    date_of_birth: { type: "string", format: "date" },
    last_name: { type: "string" },
    orders: { type: "integer" },
    status: { type: "string", default: "new" },
    subscribed: { type: "boolean" },
};
const app = Fastify();
const schema = { body: { type: "object", properties, additionalProperties: false } };
app.patch("/customers/1", { schema }, async (request) => request.body);
for (const payload of [
    { last_name: "Roe" },
    { last_name: null },
    { last_name: ["Roe"] },
    { orders: null },
    { subscribed: null },
    { date_of_birth: null },
]) {
    const response = await app.inject({ method: "PATCH", url: "/customers/1", payload });
    const body = response.json();
    console.log(JSON.stringify(payload), response.statusCode, body.message ?? response.payload);
}
JS
node run.mjs >seen

diff seen - <<'SEEN'
{"last_name":"Roe"} 200 {"last_name":"Roe","status":"new"}
{"last_name":null} 200 {"last_name":"","status":"new"}
{"last_name":["Roe"]} 200 {"last_name":"Roe","status":"new"}
{"orders":null} 200 {"orders":0,"status":"new"}
{"subscribed":null} 200 {"subscribed":false,"status":"new"}
{"date_of_birth":null} 400 body/date_of_birth must match format "date"
SEEN
echo "as described"
