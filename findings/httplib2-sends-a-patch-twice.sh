#!/usr/bin/env bash
# httplib2 sends a PATCH again, unasked, when a kept connection ends after the PATCH was read.
#
# Version:   httplib2 0.32.1. (requests 2.32.5, httpx 0.28.1 and urllib3 2.8.0 report an error.)
# Expected:  a PATCH is not idempotent (RFC 5789, 2), and a client must not repeat such a request by
#            itself unless it knows that it was not acted on (RFC 9110, 9.2.2).
# Seen:      the server reads the PATCH twice, and the caller gets one 200 and no word of the first.
# Who it hurts: services that restart or time out between reading and responding: a change is applied
#            twice, and overwrites what somebody else has changed in between.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    httplib2==0.32.1 requests==2.32.5 httpx==0.28.1 urllib3==2.8.0

"$work/venv/bin/python" - >"$work/seen" <<'PY'
import socket
import threading

import httplib2
import httpx
import requests
import urllib3

patches = 0


def serve(client):
    """Responds to the first request of a connection, and only reads the second."""
    global patches
    lines = client.makefile("rb")
    for number in (1, 2):
        request = lines.readline()
        length = 0
        while (line := lines.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        lines.read(length)
        patches += request.startswith(b"PATCH")
        if number == 1:
            client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
    lines.close()
    client.close()


def accept(listener):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=accept, args=(listener,), daemon=True).start()
url = f"http://127.0.0.1:{listener.getsockname()[1]}/customers/1"
body = b'{"last_name":"Roe"}'


def run(name, get, patch):
    global patches
    patches = 0
    get()
    try:
        end = patch()
    except Exception as error:
        end = type(error).__name__
    print(f"{name}: {patches} sent, {end}")


http = httplib2.Http()
run("httplib2", lambda: http.request(url), lambda: http.request(url, "PATCH", body=body)[0].status)
session = requests.Session()
run("requests", lambda: session.get(url), lambda: session.patch(url, data=body).status_code)
client = httpx.Client()
run("httpx", lambda: client.get(url), lambda: client.patch(url, content=body).status_code)
pool = urllib3.PoolManager()
run("urllib3", lambda: pool.request("GET", url), lambda: pool.request("PATCH", url, body=body).status)
PY

diff "$work/seen" - <<'SEEN'
httplib2: 2 sent, 200
requests: 1 sent, ConnectionError
httpx: 1 sent, RemoteProtocolError
urllib3: 1 sent, ProtocolError
SEEN
echo "as described"
