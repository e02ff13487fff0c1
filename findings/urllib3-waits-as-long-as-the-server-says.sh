#!/usr/bin/env bash
# urllib3 repeats a PUT three times, unasked and past its timeout, where a 503 has Retry-After, and fails for `0.5`.
#
# Version:   urllib3 2.8.0, and requests 2.34.2 with its Retry.
# Expected:  without a word of retries, the 503 is the response, as it is without the header; a header that is neither
#            whole seconds nor a date counts as absent, and the 503 is repeated or returned.
# Seen:      `request("PUT", url, timeout=2)` takes three seconds for a `Retry-After: 1`, and three hours for `3600`;
#            a PATCH is returned at once. For `0.5`, which rate limiters send, the response is lost to an InvalidHeader,
#            without a retry, and in requests with a Retry of one's own, too.
# Who it hurts: workers that count on their timeout hang for as long as the server likes; and who asked for retries
#            gets none, and no status to decide by.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check urllib3==2.8.0 requests==2.34.2
cd "$work"

venv/bin/python - >seen <<'PY'
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
import urllib3

received = []
timeout = 2


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_PUT(self):
        received.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(503)
        if retry_after:
            self.send_header("retry-after", retry_after)
        self.send_header("content-length", "0")
        self.end_headers()

    do_PATCH = do_PUT


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}/customers/1"
session = requests.Session()
retries = urllib3.Retry(3, allowed_methods=["PATCH"], status_forcelist=[503])
session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))


def run(name, request):
    received.clear()
    start = time.monotonic()
    try:
        outcome = request()
    except (urllib3.exceptions.HTTPError, requests.RequestException) as error:
        outcome = f"{type(error).__name__}: {error}"
    length = "more" if time.monotonic() - start > timeout else "less"
    print(f"{name}, Retry-After {retry_after}: {len(received)} requests in {length} than {timeout} s, {outcome}")


for retry_after in [None, "1", "0.5"]:
    for method in ["PATCH", "PUT"]:
        run(f"urllib3 {method}", lambda: urllib3.request(method, url, body=b"{}", timeout=timeout).status)
run("requests PATCH", lambda: session.patch(url, b"{}").status_code)
PY

diff seen - <<'SEEN'
urllib3 PATCH, Retry-After None: 1 requests in less than 2 s, 503
urllib3 PUT, Retry-After None: 1 requests in less than 2 s, 503
urllib3 PATCH, Retry-After 1: 1 requests in less than 2 s, 503
urllib3 PUT, Retry-After 1: 4 requests in more than 2 s, 503
urllib3 PATCH, Retry-After 0.5: 1 requests in less than 2 s, 503
urllib3 PUT, Retry-After 0.5: 1 requests in less than 2 s, InvalidHeader: Invalid Retry-After header: 0.5
requests PATCH, Retry-After 0.5: 1 requests in less than 2 s, InvalidHeader: Invalid Retry-After header: 0.5
SEEN
echo "as described"
