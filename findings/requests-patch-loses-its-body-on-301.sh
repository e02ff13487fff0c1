#!/usr/bin/env bash
# requests sends a redirected PATCH again as a PATCH with an empty body.
#
# Version:   requests 2.32.5 (niquests 3.21.2, its fork, does the same); httpx 0.28.1 and urllib3 2.8.0 do not.
# Expected:  after a 301 a client either repeats the PATCH with its body, or turns it into a GET
#            (RFC 9110, 15.4.2, allows the latter for POST only).
# Seen:      the method stays PATCH, and the body is dropped, with its Content-Type. A 302 becomes a GET.
# Who it hurts: whoever updates a record through a URL that moved. A server that takes an empty patch
#            for "nothing to change" responds with 200, and the caller believes that the change was made.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    requests==2.32.5 niquests==3.21.2 httpx==0.28.1 urllib3==2.8.0

"$work/venv/bin/python" - >"$work/seen" <<'PY'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import niquests
import requests
import urllib3


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def respond(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/moved":
            self.send_response(301)
            self.send_header("location", "/here")
            self.end_headers()
            return
        content_type = self.headers.get("content-type")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.command}, {len(body)} bytes, {content_type}".encode())

    do_GET = do_PATCH = respond


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}/moved"
body, headers = b'{"last_name":"Roe"}', {"content-type": "application/json"}
print("requests:", requests.patch(url, data=body, headers=headers).text)
print("niquests:", niquests.patch(url, data=body, headers=headers).text)
print("httpx:", httpx.patch(url, content=body, headers=headers, follow_redirects=True).text)
print("urllib3:", urllib3.PoolManager().request("PATCH", url, body=body, headers=headers).data.decode())
PY

diff "$work/seen" - <<'SEEN'
requests: PATCH, 0 bytes, None
niquests: PATCH, 0 bytes, None
httpx: PATCH, 19 bytes, application/json
urllib3: PATCH, 19 bytes, application/json
SEEN
echo "as described"
