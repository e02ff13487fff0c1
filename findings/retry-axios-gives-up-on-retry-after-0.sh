#!/usr/bin/env bash
# retry-axios does not repeat a request whose response says that it may be repeated at once.
#
# Version:   retry-axios 4.0.3 with axios 1.21.1; axios-retry 4.5.0 repeats it.
# Expected:  `Retry-After: 0`, or a date that has passed by the client's clock, means no wait (RFC 9110, 10.2.3).
# Seen:      both count as an unusable header, for which retry-axios gives up instead of waiting as it does without
#            one. `Retry-After: 1` is obeyed.
# Who it hurts: clients behind a gateway that says 0, and those whose clock is ahead of the server's by more than the
#            wait, where it sends a date: one short failure ends the request, in spite of the retries.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
cd "$work"
npm install --silent --no-audit --no-fund axios@1.21.1 axios-retry@4.5.0 retry-axios@4.0.3 >/dev/null

cat >run.mjs <<'JS'
import http from "node:http";
import axios from "axios";
import axiosRetry from "axios-retry";
import * as retryAxios from "retry-axios";

let requests;
const server = http.createServer((request, response) => {
    requests += 1;
    response.statusCode = requests === 1 ? 503 : 200;
    const retryAfter = decodeURIComponent(request.url.slice(1));
    if (retryAfter) {
        response.setHeader("retry-after", retryAfter);
    }
    response.end();
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${server.address().port}/`;

const one = axios.create();
one.defaults.raxConfig = { instance: one, retryDelay: 1 };
retryAxios.attach(one);
const other = axios.create();
axiosRetry(other);
for (const [when, retryAfter] of [
    ["no header", ""],
    ["in one second", "1"],
    ["now", "0"],
    ["a minute ago", new Date(Date.now() - 60_000).toUTCString()],
]) {
    for (const [name, client] of Object.entries({ "retry-axios": one, "axios-retry": other })) {
        requests = 0;
        const outcome = await client.get(url + encodeURIComponent(retryAfter)).then(
            (response) => response.status,
            (error) => error.response.status,
        );
        console.log(`${when}: ${name} sends ${requests}, ${outcome}`);
    }
}
process.exit(0);
JS
node run.mjs >seen

diff seen - <<'SEEN'
no header: retry-axios sends 2, 200
no header: axios-retry sends 2, 200
in one second: retry-axios sends 2, 200
in one second: axios-retry sends 2, 200
now: retry-axios sends 1, 503
now: axios-retry sends 2, 200
a minute ago: retry-axios sends 1, 503
a minute ago: axios-retry sends 2, 200
SEEN
echo "as described"
