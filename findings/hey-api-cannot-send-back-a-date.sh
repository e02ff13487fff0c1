#!/usr/bin/env bash
# A client by @hey-api/openapi-ts cannot send back a date of birth that it has read.
#
# Version:   @hey-api/openapi-ts 0.95.0 with its plugins for fetch, transformers and zod.
# Expected:  of one schema with `"format": "date"`, a customer that was read can be changed and sent again: the date
#            is `1990-01-02` on the wire in both directions.
# Seen:      the transformer makes a Date of what is received, and nothing turns it back, so that the PATCH has
#            `1990-01-02T00:00:00.000Z`. The check of the request's body, zod's, from the same schema, rejects the Date.
# Who it hurts: a form that reads a customer, changes the phone number and sends the rest along: a strict API rejects
#            it, and a lenient one keeps a time, which is the day before in America.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
cd "$work"
npm install --silent --no-audit --no-fund @hey-api/openapi-ts@0.95.0 esbuild@0.25.0 typescript@5.9.3 zod@4.3.6 \
    >/dev/null

cat >api.json <<'JSON'
{
    "openapi": "3.0.3",
    "info": { "title": "Customers", "version": "1" },
    "paths": {
        "/customers/1": {
            "get": {
                "operationId": "readCustomer",
                "responses": { "200": { "$ref": "#/components/responses/Customer" } }
            },
            "patch": {
                "operationId": "updateCustomer",
                "requestBody": {
                    "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Customer" } } }
                },
                "responses": { "200": { "$ref": "#/components/responses/Customer" } }
            }
        }
    },
    "components": {
        "responses": {
            "Customer": {
                "description": "the customer",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Customer" } } }
            }
        },
        "schemas": {
            "Customer": {
                "type": "object",
                "properties": {
                    "date_of_birth": { "type": "string", "format": "date" },
                    "phone_number": { "type": "string" }
                }
            }
        }
    }
}
JSON
cat >generate.mjs <<'JS'
import { createClient } from "@hey-api/openapi-ts";

await createClient({
    input: "api.json",
    output: "client",
    plugins: ["@hey-api/client-fetch", "@hey-api/transformers", { name: "@hey-api/sdk", transformer: true }, "zod"],
    logs: { level: "silent" },
});
JS
cat >run.ts <<'TS'
import http from "node:http";
import type { AddressInfo } from "node:net";
import { client } from "./client/client.gen";
import { readCustomer, updateCustomer } from "./client/sdk.gen";
import { zUpdateCustomerBody } from "./client/zod.gen";

const server = http.createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) {
        body += chunk;
    }
    if (request.method === "PATCH") {
        console.log("sent:", body);
    }
    response.setHeader("content-type", "application/json");
    response.end('{"date_of_birth":"1990-01-02","phone_number":"5551234567"}');
});
server.listen(0, "127.0.0.1", async () => {
    client.setConfig({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const { data } = await readCustomer();
    console.log("read:", data!.date_of_birth);
    const body = { ...data!, phone_number: "5557654321" };
    await updateCustomer({ body });
    console.log("checked:", zUpdateCustomerBody.safeParse(body).error!.issues[0].message);
    process.exit(0);
});
TS
node generate.mjs >/dev/null
npx --no-install esbuild run.ts --bundle --platform=node --log-level=error --outfile=run.cjs
node run.cjs >seen

diff seen - <<'SEEN'
read: 1990-01-02T00:00:00.000Z
sent: {"date_of_birth":"1990-01-02T00:00:00.000Z","phone_number":"5557654321"}
checked: Invalid input: expected string, received Date
SEEN
echo "as described"
