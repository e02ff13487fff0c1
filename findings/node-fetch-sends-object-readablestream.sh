#!/usr/bin/env bash
# node-fetch sends a stream of the web as the text `[object ReadableStream]`, and so do libraries above it.
#
# Version:   node-fetch 3.3.2, gaxios 7.3.1, make-fetch-happen 15.0.6, Node 20; axios 1.21.1 throws.
# Expected:  the body that Node's own fetch takes is sent, or is an error.
# Seen:      what is no body that they know is turned into a text without an error. A Blob's `stream()` and a
#            response's `body` are such streams since Node 18. superagent 10.4.2 sends `{}`.
# Who it hurts: programs that pass on what they got by Node's fetch: the server stores 23 letters in place of the
#            file or the export, with a 200.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
cd "$work"
npm install --silent --no-audit --no-fund axios@1.21.1 gaxios@7.3.1 make-fetch-happen@15.0.6 node-fetch@3.3.2 \
    superagent@10.4.2 >/dev/null

cat >run.mjs <<'JS'
import http from "node:http";
import axios from "axios";
import { Gaxios } from "gaxios";
import makeFetchHappen from "make-fetch-happen";
import nodeFetch from "node-fetch";
import superagent from "superagent";

const server = http.createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) {
        body += chunk;
    }
    console.log(`    server: ${body}`);
    response.end();
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${server.address().port}/customers/1`;

const method = "PATCH";
for (const [name, patch] of Object.entries({
    "Node's fetch": (body) => fetch(url, { method, body, duplex: "half" }),
    "node-fetch": (body) => nodeFetch(url, { method, body }),
    gaxios: (data) => new Gaxios().request({ url, method, data }),
    "make-fetch-happen": (body) => makeFetchHappen(url, { method, body }),
    superagent: (body) => superagent.patch(url).send(body),
    axios: (body) => axios.patch(url, body),
})) {
    console.log(name);
    const outcome = await patch(new Blob(["id,last_name\n1,Roe"]).stream()).then(
        (response) => response.status,
        (error) => error.constructor.name,
    );
    console.log(`    client: ${outcome}`);
}
process.exit(0);
JS
node run.mjs >seen

diff seen - <<'SEEN'
Node's fetch
    server: id,last_name
1,Roe
    client: 200
node-fetch
    server: [object ReadableStream]
    client: 200
gaxios
    server: [object ReadableStream]
    client: 200
make-fetch-happen
    server: [object ReadableStream]
    client: 200
superagent
    server: {}
    client: 200
axios
    client: AxiosError
SEEN
echo "as described"
