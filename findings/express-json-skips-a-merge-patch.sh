#!/usr/bin/env bash
# Express and Koa read no body of type `application/merge-patch+json`, and say nothing.
#
# Version:   express 5.3.0, koa 3.3.0 with @koa/bodyparser 6.1.0; fastify 5.12.8 and @hapi/hapi 21.4.10.
# Expected:  the type that RFC 7396 defines for a PATCH is JSON, or it is refused with a 415.
# Seen:      their JSON parsers look for `application/json` (Koa's for three more, not for this one), and pass
#            the request on without a body: undefined in Express 5, an empty object in Koa. Fastify refuses it,
#            hapi reads it.
# Who it hurts: clients that name the right type: a handler that merges the body into the record changes nothing,
#            and responds with 200.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund express@5.3.0 koa@3.3.0 @koa/bodyparser@6.1.0 fastify@5.12.8 @hapi/hapi@21.4.10 >/dev/null

cat >run.mjs <<'JS'
import http from "node:http";
import Hapi from "@hapi/hapi";
import { bodyParser } from "@koa/bodyparser";
import express from "express";
import Fastify from "fastify";
import Koa from "koa";

const merge = (patch) => ({ last_name: "Poe", ...patch });
const listen = async (handler) => {
    const server = http.createServer(handler);
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${server.address().port}`;
};

const expressed = express().use(express.json()).patch("/", (request, response) => response.json(merge(request.body)));
const koa = new Koa().use(bodyParser()).use((context) => (context.body = merge(context.request.body)));
const fastify = Fastify();
fastify.patch("/", async (request) => merge(request.body));
const hapi = Hapi.server({ host: "127.0.0.1", port: 0 });
hapi.route({ method: "PATCH", path: "/", handler: (request) => merge(request.payload) });
await hapi.start();

const servers = {
    express: await listen(expressed),
    koa: await listen(koa.callback()),
    fastify: await fastify.listen({ host: "127.0.0.1", port: 0 }),
    hapi: hapi.info.uri,
};
for (const [name, url] of Object.entries(servers)) {
    for (const type of ["application/json", "application/merge-patch+json"]) {
        const headers = { "content-type": type };
        const response = await fetch(url, { method: "PATCH", headers, body: '{"last_name":"Roe"}' });
        console.log(`${name}, ${type}: ${response.status} ${(await response.json()).last_name ?? "refused"}`);
    }
}
process.exit(0);
JS
node run.mjs >seen

diff seen - <<'SEEN'
express, application/json: 200 Roe
express, application/merge-patch+json: 200 Poe
koa, application/json: 200 Roe
koa, application/merge-patch+json: 200 Poe
fastify, application/json: 200 Roe
fastify, application/merge-patch+json: 415 refused
hapi, application/json: 200 Roe
hapi, application/merge-patch+json: 200 Roe
SEEN
echo "as described"
