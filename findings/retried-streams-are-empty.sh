#!/usr/bin/env bash
# Libraries that repeat a failed PATCH repeat it without its body, if that is a stream, and report the 200.
#
# Version:   axios-retry 4.5.0 with axios 1.21.1, gaxios 7.3.1, got 14.6.6, undici 7.30.2
#            (RetryAgent); aiohttp-retry 2.9.1 with aiohttp 3.14.5.
# Expected:  a stream can be read once, so that the second attempt is an error, or sends what was kept of the first.
# Seen:      the second PATCH has no body. got and undici report an error for a stream of Node and not for one of the
#            web; aiohttp does for a redirect, and not for aiohttp-retry. ky 1.14.3 sends the body again.
# Who it hurts: uploads that stream: a server that takes an empty patch responds with 200 and changes nothing, and one
#            that takes an empty file stores it, only when the first attempt failed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
cd "$work"
npm install --silent --no-audit --no-fund axios@1.21.1 axios-retry@4.5.0 gaxios@7.3.1 got@14.6.6 ky@1.14.3 \
    undici@7.30.2 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check aiohttp==3.14.5 aiohttp-retry==2.9.1

cat >run.mjs <<'JS'
import { execFile } from "node:child_process";
import http from "node:http";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import axios from "axios";
import axiosRetry from "axios-retry";
import { Gaxios } from "gaxios";
import got from "got";
import ky from "ky";
import { Agent, RetryAgent, request } from "undici";

const attempts = [];
const server = http.createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) {
        body += chunk;
    }
    attempts.push(body || "nothing");
    response.statusCode = attempts.length === 1 ? 503 : 200;
    response.end();
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${server.address().port}/customers/1`;

const text = '{"last_name":"Roe"}';
const methods = ["PATCH"];
const retryingAxios = axios.create();
axiosRetry(retryingAxios, { retryCondition: () => true });
const dispatcher = new RetryAgent(new Agent(), { methods, minTimeout: 1 });
const calculateDelay = ({ computedValue }) => computedValue && 1;
const libraries = {
    "axios-retry": (data) => retryingAxios.patch(url, data),
    gaxios: (data) =>
        new Gaxios().request({ url, method: "PATCH", data, retryConfig: { httpMethodsToRetry: methods } }),
    got: (body) => got.patch(url, { body, retry: { methods, calculateDelay } }),
    undici: (body) => request(url, { method: "PATCH", body, dispatcher }),
    "aiohttp-retry": (_) => promisify(execFile)("venv/bin/python", ["run.py", url]),
    ky: (body) => ky.patch(url, { body, duplex: "half", retry: { methods: ["patch"], delay: () => 1 } }),
};
const streams = { BytesIO: () => {}, Node: () => Readable.from([text]), web: () => new Blob([text]).stream() };
for (const [name, stream] of [
    ["axios-retry", "Node"],
    ["gaxios", "Node"],
    ["got", "Node"],
    ["got", "web"],
    ["undici", "Node"],
    ["undici", "web"],
    ["ky", "web"],
    ["aiohttp-retry", "BytesIO"],
]) {
    attempts.length = 0;
    const outcome = await libraries[name](streams[stream]()).then(
        (response) => response.status ?? response.statusCode ?? Number(response.stdout),
        (error) => error.message,
    );
    console.log(`${name}, ${stream}: ${attempts.join(", then ")}: ${outcome}`);
}
process.exit(0);
JS
cat >run.py <<'PY'
import asyncio
import io
import sys

from aiohttp_retry import ExponentialRetry, RetryClient


async def main():
    async with RetryClient(retry_options=ExponentialRetry(start_timeout=0.01)) as client:
        async with client.patch(sys.argv[1], data=io.BytesIO(b'{"last_name":"Roe"}')) as response:
            print(response.status)


asyncio.run(main())
PY
node run.mjs >seen

diff seen - <<'SEEN'
axios-retry, Node: {"last_name":"Roe"}, then nothing: 200
gaxios, Node: {"last_name":"Roe"}, then nothing: 200
got, Node: {"last_name":"Roe"}: Cannot retry with consumed body stream
got, web: {"last_name":"Roe"}, then nothing: 200
undici, Node: {"last_name":"Roe"}: Request failed
undici, web: {"last_name":"Roe"}, then nothing: 200
ky, web: {"last_name":"Roe"}, then {"last_name":"Roe"}: 200
aiohttp-retry, BytesIO: {"last_name":"Roe"}, then nothing: 200
SEEN
echo "as described"
