#!/usr/bin/env bash
# vcrpy and betamax replay a recorded PATCH for one with another body.
#
# Version:   vcrpy 9.4.2, betamax 0.9.0, both with their defaults.
# Expected:  a request that differs from the recorded one is recorded anew, or fails: the body is all that a
#            PATCH says.
# Seen:      they compare method and URL. A test whose program sets the name to Doe gets the response
#            that says Roe, and the server is not asked. vcrpy compares bodies once `match_on` names "body".
# Who it hurts: tests of updates: a change that sends a wrong field, or none, leaves them green.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    vcrpy==9.4.2 betamax==0.9.0 requests==2.32.5
cd "$work"

venv/bin/python - >seen <<'PY'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import betamax
import requests
import vcr

patches = []


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_PATCH(self):
        patches.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(patches[-1])


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}/customers/1"
session = requests.Session()
method = ["method", "uri", "body"]
cassettes = {
    "vcrpy": lambda: vcr.use_cassette("vcrpy.yaml"),
    "vcrpy, body": lambda: vcr.use_cassette("body.yaml", match_on=method, record_mode="new_episodes"),
    "betamax": lambda: betamax.Betamax(session, cassette_library_dir=".").use_cassette("betamax"),
}
for name, cassette in cassettes.items():
    patches.clear()
    for last_name in ["Roe", "Doe"]:
        with cassette():
            response = session.patch(url, json={"last_name": last_name}).text
        print(f"{name}: {last_name} sent, {response} received, {len(patches)} at the server")
PY

diff seen - <<'SEEN'
vcrpy: Roe sent, {"last_name": "Roe"} received, 1 at the server
vcrpy: Doe sent, {"last_name": "Roe"} received, 1 at the server
vcrpy, body: Roe sent, {"last_name": "Roe"} received, 1 at the server
vcrpy, body: Doe sent, {"last_name": "Doe"} received, 2 at the server
betamax: Roe sent, {"last_name": "Roe"} received, 1 at the server
betamax: Doe sent, {"last_name": "Roe"} received, 1 at the server
SEEN
echo "as described"
