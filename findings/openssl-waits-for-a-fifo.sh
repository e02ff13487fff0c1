#!/usr/bin/env bash
# OpenSSL opens a FIFO in SSL_CERT_DIR during the handshake, and no timeout of the program holds.
#
# Version:   OpenSSL 3.0.19; by way of it Python 3.11 (ssl, urllib) and curl 7.88.1.
# Expected:  a client with a timeout of 1 s fails after 1 s, whatever the folder of roots holds.
# Seen:      the first certificate whose issuer has the FIFO's name, HASH.0, makes the thread wait for a
#            writer for ever. `--max-time` and `timeout=` bound the socket, and not this.
# Who it hurts: whoever has a folder of roots that others may write to, or takes SSL_CERT_DIR from them.
#            rustls-native-certs looks first, and reads regular files only.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
cd "$work"
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 365 -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 2>openssl.log
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
openssl s_server -accept "127.0.0.1:$port" -cert cert.pem -key key.pem -quiet -www >server.log 2>&1 &
server=$!
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.1; done
url=https://127.0.0.1:$port/

# What a program with a timeout of 1 s comes to; `hangs` where it has to be killed after 5.
run() {
    local name=$1 code=0
    shift
    SSL_CERT_FILE=/dev/null SSL_CERT_DIR=$work/roots timeout 5 "$@" >out 2>&1 || code=$?
    case $code in
        0) echo "$name: works" ;;
        124) echo "$name: hangs" ;;
        *) echo "$name: fails in time" ;;
    esac
}
programs() {
    run "curl, $1" curl --silent --max-time 1 --capath roots "$url"
    run "Python, $1" python3 -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=1)' "$url"
}
{
    mkdir roots
    programs "an empty folder"
    issuer=roots/$(openssl x509 -in cert.pem -noout -issuer_hash).0
    cp cert.pem "$issuer"
    programs "the root"
    rm "$issuer"
    mkfifo "$issuer"
    programs "a FIFO"
} >seen

diff seen - <<'SEEN'
curl, an empty folder: fails in time
Python, an empty folder: fails in time
curl, the root: works
Python, the root: works
curl, a FIFO: hangs
Python, a FIFO: hangs
SEEN
echo "as described"
