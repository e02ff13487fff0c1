#!/usr/bin/env bash
# tinyproxy responds to a wrong proxy password with 401, as if the server behind it had refused the key.
#
# Version:   tinyproxy 1.11.1 (Debian 12); `apt-get update` is needed once.
# Expected:  407 with Proxy-Authenticate whether credentials are missing or wrong (RFC 9110, 15.5.8).
# Seen:      407 only while they are missing; wrong ones get 401 with WWW-Authenticate, by CONNECT too.
# Who it hurts: over plain HTTP a client takes it for the API's own 401: people exchange a good API key, and a
#            program that asks for new credentials of the server never asks for those of the proxy.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet 'tinyproxy-bin=1.11.1-*' >/dev/null 2>&1
dpkg-deb --extract tinyproxy-bin_*.deb .

cat >run.py <<'PY'
import base64
import socket
import subprocess
import time

with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
with open("tinyproxy.conf", "w") as file:
    file.write(f"Port {port}\nListen 127.0.0.1\nBasicAuth soap made-up\n")
process = subprocess.Popen(["usr/bin/tinyproxy", "-d", "-c", "tinyproxy.conf"], stdout=subprocess.DEVNULL)
while True:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        break
    except OSError:
        assert process.poll() is None
        time.sleep(0.1)
for line in ["PATCH http://127.0.0.1:9/ HTTP/1.1", "CONNECT 127.0.0.1:9 HTTP/1.1"]:
    for credentials in [None, b"soap:wrong"]:
        request = f"{line}\r\nhost: localhost\r\n"
        if credentials:
            request += f"proxy-authorization: Basic {base64.b64encode(credentials).decode()}\r\n"
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(f"{request}\r\n".encode())
        head = connection.makefile().read().split("\n\n")[0].split("\n")
        asks = [header for header in head if "uthenticate" in header.split(":")[0]]
        print(line.split()[0], "wrong" if credentials else "missing", "->", head[0], asks)
process.terminate()
PY
python3 run.py >seen

diff seen - <<'SEEN'
PATCH missing -> HTTP/1.0 407 Proxy Authentication Required ['Proxy-Authenticate: Basic realm="Tinyproxy"']
PATCH wrong -> HTTP/1.0 401 Unauthorized ['WWW-Authenticate: Basic realm="Tinyproxy"']
CONNECT missing -> HTTP/1.0 407 Proxy Authentication Required ['Proxy-Authenticate: Basic realm="Tinyproxy"']
CONNECT wrong -> HTTP/1.0 401 Unauthorized ['WWW-Authenticate: Basic realm="Tinyproxy"']
SEEN
echo "as described"
