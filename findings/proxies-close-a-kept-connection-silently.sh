#!/usr/bin/env bash
# HAProxy and Apache respond 502 to a failed PATCH only where it is the first request of its connection.
#
# Version:   HAProxy 2.6 and Apache 2.4 of Debian 12, as reverse proxies with their defaults; nginx 1.22 does not.
#            `apt-get update` is needed once.
# Expected:  the server reads the PATCH and ends without a response, and the client gets a 502, on each
#            connection alike.
# Seen:      on a connection that has served a request before, both end without a byte. To a client that looks
#            like a connection that was idle for too long, for which RFC 9112, 9.3.1, and many a library send again.
# Who it hurts: clients that take "closed without a byte on a kept connection" for "was not read": a PATCH that
#            the server has acted on is sent twice. With one connection for each request it never happens.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet 'haproxy=2.6.*' 'liblua5.3-0=5.3.*' 'libopentracing1=1.6.*' 'libopentracing-c-wrapper0=1.1.*' \
    'nginx=1.22.*' 'apache2-bin=2.4.*' 'libapr1=1.7.*' 'libaprutil1=1.6.*' >/dev/null 2>&1
for package in *.deb; do
    dpkg-deb --extract "$package" root
done

cat >run.py <<'PY'
import os
import socket
import subprocess
import threading
import time

patches = 0


def serve(client):
    """Responds to a GET; reads a PATCH and closes."""
    global patches
    lines = client.makefile("rb")
    while request := lines.readline():
        length = 0
        while (line := lines.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        lines.read(length)
        if request.startswith(b"PATCH"):
            patches += 1
            break
        client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
    lines.close()
    client.close()


def accept(listener):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=accept, args=(listener,), daemon=True).start()
server = f"127.0.0.1:{listener.getsockname()[1]}"
here = os.getcwd()
modules = [f"LoadModule {name}_module {here}/root/usr/lib/apache2/modules/mod_{name}.so" for name in
           ["mpm_event", "authz_core", "proxy", "proxy_http"]]
PROXIES = {
    "haproxy": ("haproxy -f CONFIG", """
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen customers
    bind 127.0.0.1:PORT
    server one SERVER
"""),
    "apache": ("apache2 -DFOREGROUND -f CONFIG", "\n".join(modules) + """
ServerRoot HERE
ServerName localhost
PidFile HERE/apache.pid
ErrorLog HERE/apache.log
DefaultRuntimeDir HERE
Listen 127.0.0.1:PORT
ProxyPass / http://SERVER/
"""),
    "nginx": ("nginx -p HERE -e HERE/nginx.log -c CONFIG", """
daemon off;
pid HERE/nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path HERE/1; proxy_temp_path HERE/2; fastcgi_temp_path HERE/3;
    uwsgi_temp_path HERE/4; scgi_temp_path HERE/5;
    server { listen 127.0.0.1:PORT; location / { proxy_pass http://SERVER; } }
}
"""),
}


def send(connection, method):
    """Sends a request, and gives the status line of the response."""
    connection.sendall(f"{method} / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{{}}".encode())
    response = b""
    while not response.endswith((b"{}", b"</html>\n", b"</html>\r\n")) and (read := connection.recv(65536)):
        response += read
    return response.split(b"\r\n")[0].decode() or "nothing"


environment = {**os.environ, "LD_LIBRARY_PATH": f"{here}/root/usr/lib/x86_64-linux-gnu"}
for name, (command, config) in PROXIES.items():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = f"{here}/{name}.conf"
    with open(path, "w") as file:
        file.write(config.replace("HERE", here).replace("PORT", str(port)).replace("SERVER", server))
    command = f"{here}/root/usr/sbin/{command}".replace("CONFIG", path).replace("HERE", here).split()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            first = socket.create_connection(("127.0.0.1", port))
            break
        except OSError:
            assert process.poll() is None, name
            time.sleep(0.1)
    patches = 0
    print(f"{name}, first request: {send(first, 'PATCH')}")
    kept = socket.create_connection(("127.0.0.1", port))
    assert send(kept, "GET") == "HTTP/1.1 200 OK"
    print(f"{name}, second request: {send(kept, 'PATCH')}; the server has read {patches} PATCHes")
    process.terminate()
    process.wait()
PY
python3 run.py >seen

diff seen - <<'SEEN'
haproxy, first request: HTTP/1.1 502 Bad Gateway
haproxy, second request: nothing; the server has read 2 PATCHes
apache, first request: HTTP/1.1 502 Proxy Error
apache, second request: nothing; the server has read 2 PATCHes
nginx, first request: HTTP/1.1 502 Bad Gateway
nginx, second request: HTTP/1.1 502 Bad Gateway; the server has read 2 PATCHes
SEEN
echo "as described"
