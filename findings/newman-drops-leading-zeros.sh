#!/usr/bin/env bash
# newman changes cells of a CSV file before it puts them into a request.
#
# Version:   newman 6.2.2, which runs Postman's collections.
# Expected:  `{{phone_number}}` between quotes in a JSON body becomes the cell's text.
# Seen:      a cell without quotes that looks like a number is one: `0551234567` is sent as "551234567",
#            `+15551234567` as "15551234567", the name `1e5` as "100000". A cell in quotes is sent as it is, and
#            most exporters quote only where they must.
# Who it hurts: whoever updates customers from a list that way: the run is green, and other numbers are stored.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund newman@6.2.2 >/dev/null 2>&1

cat >customers.csv <<'CSV'
last_name,phone_number
Roe,0551234567
Doe,"0551234567"
1e5,+15551234567
CSV
cat >run.cjs <<'JS'
const http = require("http");
const newman = require("newman");

const item = {
    request: {
        method: "PATCH",
        url: "{{url}}",
        body: { mode: "raw", raw: '{"last_name":"{{last_name}}","phone_number":"{{phone_number}}"}' },
    },
};
const server = http.createServer(async (request, response) => {
    for await (const chunk of request) {
        console.log(chunk.toString());
    }
    response.end("{}");
});
server.listen(0, "127.0.0.1", () => {
    const envVar = [{ key: "url", value: `http://127.0.0.1:${server.address().port}` }];
    newman.run({ collection: { item: [item] }, iterationData: "customers.csv", envVar }, () => process.exit(0));
});
JS
node run.cjs >seen 2>/dev/null

diff seen - <<'SEEN'
{"last_name":"Roe","phone_number":"551234567"}
{"last_name":"Doe","phone_number":"0551234567"}
{"last_name":"100000","phone_number":"15551234567"}
SEEN
echo "as described"
