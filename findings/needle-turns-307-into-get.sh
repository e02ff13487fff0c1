#!/usr/bin/env bash
# needle follows a 307 or 308 to a PATCH with a GET, and reports the 200 of that.
#
# Version:   needle 3.5.0, with `follow_max`. (axios 1.21.1 and got 14.6.6 repeat the PATCH.)
# Expected:  307 and 308 exist so that the method is not changed (RFC 9110, 15.4.8 and 15.4.9).
# Seen:      a GET without a body; only the further option `follow_keep_method` keeps the PATCH.
# Who it hurts: programs behind a gateway that moves them to https or to another host by 308: each
#            update "works" with a 200 and the customer as before.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund needle@3.5.0 axios@1.21.1 got@14.6.6 >/dev/null

cat >run.mjs <<'JS'
import axios from "axios";
import got from "got";
import http from "node:http";
import needle from "needle";

const server = http.createServer((request, response) => {
    let length = 0;
    request.on("data", (chunk) => (length += chunk.length));
    request.on("end", () => {
        const status = Number(request.url.slice(1));
        if (status) {
            response.writeHead(status, { location: "/here" }).end();
        } else {
            response.end(`${request.method}, ${length} bytes`);
        }
    });
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const body = '{"last_name":"Roe"}';
for (const status of [307, 308]) {
    const url = `http://127.0.0.1:${server.address().port}/${status}`;
    const print = (name, text) => console.log(`${status} ${name}: ${text}`);
    const needled = async (options) => (await needle("patch", url, body, { follow_max: 5, ...options })).body.toString();
    print("needle", await needled({}));
    print("needle, follow_keep_method", await needled({ follow_keep_method: true }));
    print("axios", (await axios.patch(url, body, { proxy: false })).data);
    print("got", (await got.patch(url, { body })).body);
}
process.exit(0);
JS
node run.mjs >seen

diff seen - <<'SEEN'
307 needle: GET, 0 bytes
307 needle, follow_keep_method: PATCH, 19 bytes
307 axios: PATCH, 19 bytes
307 got: PATCH, 19 bytes
308 needle: GET, 0 bytes
308 needle, follow_keep_method: PATCH, 19 bytes
308 axios: PATCH, 19 bytes
308 got: PATCH, 19 bytes
SEEN
echo "as described"
