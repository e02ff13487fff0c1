#!/usr/bin/env bash
# rustls reports `BadSignature` for a certificate whose signature is right and whose RSA key is short.
#
# Version:   rustls 0.23.46 with its provider ring, OpenSSL 3.0, Python's ssl.
# Expected:  an error that speaks of the key's length, as OpenSSL's "key too weak" does: ring wants 2,048 bits.
# Seen:      the check of a signature by a key of 1,024 bits fails as if the signature were wrong, for a root, and
#            for a server's own key in the handshake. `openssl verify` at level 0 finds both certificates sound.
# Who it hurts: whoever meets an old company root: a bad signature speaks of a damaged file or of somebody in
#            between, and neither is looked for where the fault is.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
cd "$work"
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
rustls = { version = "=0.23.46", default-features = false, features = ["ring", "std", "tls12"] }

[profile.dev]
debug = false
TOML
cat >src/main.rs <<'RUST'
use std::{env::args, net::TcpStream, sync::Arc};

use rustls::pki_types::{pem::PemObject, CertificateDer};
use rustls::{crypto::ring, ClientConfig, ClientConnection, RootCertStore};

fn main() {
    let [_, root, port] = &args().collect::<Vec<_>>()[..] else { panic!("ROOT PORT") };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(root).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    match client.complete_io(&mut stream) {
        Ok(_) => println!("accepts it"),
        Err(error) => println!("{error}"),
    }
}
RUST
cat >run.py <<'PY'
import socket
import ssl
import subprocess
import sys
import threading

_, root, certificate, key = sys.argv
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.set_ciphers("DEFAULT:@SECLEVEL=0")
context.load_cert_chain(certificate, key)
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]


def serve():
    while True:
        client, _ = listener.accept()
        try:
            context.wrap_socket(client, server_side=True).recv(1)
        except OSError:
            pass


threading.Thread(target=serve, daemon=True).start()
command = ["target/debug/finding", root, str(port)]
rustls = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
client = ssl.create_default_context(cafile=root)
client.set_ciphers("DEFAULT:@SECLEVEL=2")
try:
    client.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost").close()
    python = "accepts it"
except ssl.SSLError as error:
    python = error.verify_message
print(f"{root}, {certificate}: rustls: {rustls}; Python: {python}")
PY
cargo build --quiet
printf 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost\n' >extensions
for bits in 1024 2048; do
    openssl req -x509 -newkey "rsa:$bits" -noenc -subj /CN=Root -keyout "root$bits.key" -out "root$bits" 2>/dev/null
    openssl req -newkey "rsa:$bits" -noenc -subj /CN=localhost -keyout "$bits.key" -out "$bits.csr" 2>/dev/null
done
for pair in 2048:2048 1024:2048 2048:1024; do
    root=root${pair%:*} bits=${pair#*:}
    openssl x509 -req -in "$bits.csr" -CA "$root" -CAkey "$root.key" -extfile extensions -out "server$bits" 2>/dev/null
    openssl verify -auth_level 0 -CAfile "$root" "server$bits" >>seen
    python3 run.py "$root" "server$bits" "$bits.key" >>seen
done

diff seen - <<'SEEN'
server2048: OK
root2048, server2048: rustls: accepts it; Python: accepts it
server2048: OK
root1024, server2048: rustls: invalid peer certificate: BadSignature; Python: CA certificate key too weak
server1024: OK
root2048, server1024: rustls: invalid peer certificate: BadSignature; Python: EE certificate key too weak
SEEN
echo "as described"
