#!/usr/bin/env bash
# mountebank responds with 200 to a PATCH that none of its stubs is for.
#
# Version:   mountebank 2.9.1; nock 14.0.9 and mockttp 4.6.5 fail it.
# Expected:  404, or an error that names the request, as with other servers of mocks.
# Seen:      the path `/customer/1` instead of `/customers/1` gets a 200 with an empty body, and so does a wrong
#            method. `defaultResponse` changes it, for each imposter.
# Who it hurts: tests of clients that look at the status alone: a wrong URL or method passes, and is found in
#            production.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
cd "$work"
npm install --silent --no-audit --no-fund mountebank@2.9.1 mockttp@4.6.5 nock@14.0.9 >/dev/null 2>&1

cat >run.mjs <<'JS'
import { createServer } from "node:net";
import { getLocal } from "mockttp";
import mountebank from "mountebank";

const free = createServer().listen(0, "127.0.0.1");
await new Promise((resolve) => free.on("listening", resolve));
const { port } = free.address();
await new Promise((resolve) => free.close(resolve));
await mountebank.create({ port, localOnly: true, ipWhitelist: ["127.0.0.1"], nologfile: true, loglevel: "error" });
const predicates = [{ equals: { method: "PATCH", path: "/customers/1" } }];
const stubs = [{ predicates, responses: [{ is: { statusCode: 200, body: "{}" } }] }];
const imposter = await fetch(`http://127.0.0.1:${port}/imposters`, {
    method: "POST",
    body: JSON.stringify({ protocol: "http", stubs }),
});

const mockttp = getLocal();
await mockttp.start();
await mockttp.forPatch("/customers/1").always().thenReply(200, "{}");
const urls = { mountebank: `http://127.0.0.1:${(await imposter.json()).port}`, mockttp: mockttp.url };

const print = async (name, url) => {
    for (const [method, path] of [["PATCH", "/customers/1"], ["PATCH", "/customer/1"], ["PUT", "/customers/1"]]) {
        const end = await fetch(url + path, { method }).then((response) => response.status, () => "fails");
        console.log(`${name}: ${method} ${path} ${end}`);
    }
};
for (const [name, url] of Object.entries(urls)) {
    await print(name, url);
}
const { default: nock } = await import("nock"); // It patches what it finds once it is imported.
nock("http://soap.example").persist().patch("/customers/1").reply(200, "{}");
await print("nock", "http://soap.example");
process.exit(0);
JS
node run.mjs >seen

diff seen - <<'SEEN'
mountebank: PATCH /customers/1 200
mountebank: PATCH /customer/1 200
mountebank: PUT /customers/1 200
mockttp: PATCH /customers/1 200
mockttp: PATCH /customer/1 503
mockttp: PUT /customers/1 503
nock: PATCH /customers/1 200
nock: PATCH /customer/1 fails
nock: PUT /customers/1 fails
SEEN
echo "as described"
