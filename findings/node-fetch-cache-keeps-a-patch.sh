#!/usr/bin/env bash
# node-fetch-cache does not send a PATCH that it has sent before.
#
# Version:   node-fetch-cache 5.1.0; make-fetch-happen 16.0.1 sends each one.
# Expected:  a cache of HTTP responses is for GET and HEAD; a PATCH goes to the server, and its response may be
#            reused only where the server says so (RFC 5789, 2, and RFC 9111, 3).
# Seen:      every method is cached, by URL and options. Setting a name to Roe, to Doe and to Roe again sends two
#            requests; the third promise resolves with the first response, a 200, and the name stays Doe. A GET
#            after a PATCH is from the cache, too.
# Who it hurts: scripts and tests that swap `fetch` for it to read faster: later updates are not made, and it
#            looks as if they were.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
cd "$work"
npm install --silent --no-audit --no-fund node-fetch-cache@5.1.0 make-fetch-happen@16.0.1 >/dev/null

cat >run.mjs <<'JS'
import http from "node:http";
import makeFetchHappen from "make-fetch-happen";
import NodeFetchCache, { MemoryCache } from "node-fetch-cache";

let name = "Poe";
const server = http.createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) {
        body += chunk;
    }
    if (request.method === "PATCH") {
        name = JSON.parse(body).last_name;
    }
    response.setHeader("cache-control", "no-store");
    response.end(name);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${server.address().port}/customers/1`;

for (const [library, fetch] of Object.entries({
    "node-fetch-cache": NodeFetchCache.create({ cache: new MemoryCache() }),
    "make-fetch-happen": makeFetchHappen.defaults({ cachePath: "./cache" }),
})) {
    const get = async () => (await fetch(url)).text();
    const patch = async (last_name) =>
        (await fetch(url, { method: "PATCH", body: JSON.stringify({ last_name }) })).text();
    name = "Poe";
    const reads = [await get(), await patch("Roe"), await patch("Doe"), await patch("Roe"), await get()];
    console.log(`${library}: ${reads.join(", ")}; the server has ${name}`);
}
process.exit(0);
JS
node run.mjs >seen

diff seen - <<'SEEN'
node-fetch-cache: Poe, Roe, Doe, Roe, Poe; the server has Doe
make-fetch-happen: Poe, Roe, Doe, Roe, Roe; the server has Roe
SEEN
echo "as described"
