#!/usr/bin/env bash
# After a PATCH through the same client, its cache goes on giving the customer as it was before.
#
# Version:   got 14.6.6 with `cache`, axios-cache-interceptor 1.12.3, requests-cache 1.3.3 with `cache_control`;
#            undici 7.30.2, make-fetch-happen 16.0.1, CacheControl 0.14.4 and hishel 2.0.0 with `rfc` do otherwise.
# Expected:  a cache must invalidate what it has of a URL once a PATCH of it succeeded (RFC 9111, 4.4).
# Seen:      these three let the PATCH pass by and keep the response to GET for as long as the server once said.
# Who it hurts: whoever patches a customer and reads it back: the change seems lost, and a program that sets what
#            is missing sends it again.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
cd "$work"
npm install --silent --no-audit --no-fund \
    got@14.6.6 axios@1.21.1 axios-cache-interceptor@1.12.3 undici@7.30.2 make-fetch-happen@16.0.1 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
    requests==2.32.5 requests-cache==1.3.3 cachecontrol==0.14.4 hishel==2.0.0 httpx==0.28.1

cat >run.mjs <<'JS'
import http from "node:http";
import axios from "axios";
import { setupCache } from "axios-cache-interceptor";
import got from "got";
import makeFetchHappen from "make-fetch-happen";
import { Agent, interceptors, request } from "undici";

const names = {};
const server = http.createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) {
        body += chunk;
    }
    if (request.method === "PATCH") {
        names[request.url] = body;
    }
    response.setHeader("cache-control", "max-age=600");
    response.end(names[request.url] ?? "Poe");
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const cache = new Map();
const cached = setupCache(axios.create({ proxy: false }));
const fetch = makeFetchHappen.defaults({ cachePath: "./cache" });
const dispatcher = new Agent().compose(interceptors.cache());
const clients = {
    got: (url, method, body) => got(url, { method, body, cache }).text(),
    "axios-cache-interceptor": async (url, method, data) => (await cached.request({ url, method, data })).data,
    undici: async (url, method, body) => (await request(url, { method, body, dispatcher })).body.text(),
    "make-fetch-happen": async (url, method, body) => (await fetch(url, { method, body })).text(),
};
for (const [name, send] of Object.entries(clients)) {
    const url = `http://127.0.0.1:${server.address().port}/${name}`;
    const before = await send(url, "GET");
    await send(url, "PATCH", "Roe");
    console.log(`${name}: ${before}, then ${await send(url, "GET")}`);
}
process.exit(0);
JS
cat >run.py <<'PY'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cachecontrol
import hishel.httpx
import requests
import requests_cache

names = {}


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def respond(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.command == "PATCH":
            names[self.path] = body
        self.send_response(200)
        self.send_header("cache-control", "max-age=600")
        self.end_headers()
        self.wfile.write(names.get(self.path, b"Poe"))

    do_GET = do_PATCH = respond


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
storage = hishel.SqliteStorage(database_path="hishel.db")
clients = {
    "requests-cache": requests_cache.CachedSession(backend="memory", cache_control=True),
    "CacheControl": cachecontrol.CacheControl(requests.Session()),
    "hishel": hishel.httpx.CacheClient(storage=storage, rfc=True),
}
for name, client in clients.items():
    url = f"http://127.0.0.1:{server.server_address[1]}/{name}"
    before = client.get(url).text
    client.patch(url, data="Roe")
    print(f"{name}: {before}, then {client.get(url).text}")
PY
node run.mjs >seen
venv/bin/python run.py >>seen

diff seen - <<'SEEN'
got: Poe, then Poe
axios-cache-interceptor: Poe, then Poe
undici: Poe, then Roe
make-fetch-happen: Poe, then Roe
requests-cache: Poe, then Poe
CacheControl: Poe, then Roe
hishel: Poe, then Roe
SEEN
echo "as described"
