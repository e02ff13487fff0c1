#!/usr/bin/env bash
# rustls refuses the certificates that OpenSSL's usual commands make; OpenSSL's own clients accept them.
#
# Version:   rustls 0.23.46 with rustls-webpki, OpenSSL 3.0, Python's ssl and Node's tls.
# Expected:  a certificate with the right name, signed by a root that the client trusts, is accepted by all.
# Seen:      `openssl req -x509` marks its certificate as a CA (`CaUsedAsEndEntity`), and `openssl x509 -req`
#            without a file of extensions writes version 1 (`UnsupportedCertVersion`). The names say nothing of what
#            to change: `-addext basicConstraints=critical,CA:FALSE`, and `-copy_extensions copy`.
# Who it hurts: tests and company servers with a certificate of their own: curl, Python and Node reach them,
#            a Rust client alone does not, and the usual way out is to check no certificate.
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
NODE = """
const [root, port] = process.argv.slice(1);
const options = { host: "127.0.0.1", port, servername: "localhost", ca: require("fs").readFileSync(root) };
const client = require("tls").connect(options, () => (console.log("accepts it"), process.exit()));
client.on("error", (error) => (console.log(error.code), process.exit()));
"""


def run(*command):
    return subprocess.run([*command, root, str(port)], capture_output=True, text=True, check=True).stdout.strip()


try:
    client = ssl.create_default_context(cafile=root)
    client.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost").close()
    python = "accepts it"
except ssl.SSLError as error:
    python = error.verify_message
print(f"{certificate}: Python {python}, Node {run('node', '-e', NODE)}, rustls: {run('target/debug/finding')}")
PY
cargo build --quiet
names="-subj /CN=localhost -addext subjectAltName=DNS:localhost"
new="-newkey rsa:2048 -noenc"
{
    # shellcheck disable=SC2086 (these are several words each)
    openssl req -x509 $new $names -keyout self.key -out self-signed.pem
    openssl req -x509 $new $names -addext basicConstraints=critical,CA:FALSE -keyout leaf.key -out no-ca.pem
    openssl req -x509 $new -subj /CN=Root -keyout root.key -out root.pem
    openssl req $new $names -keyout signed.key -out signed.csr
    openssl x509 -req -in signed.csr -CA root.pem -CAkey root.key -CAcreateserial -out signed.pem
    openssl x509 -req -in signed.csr -CA root.pem -CAkey root.key -copy_extensions copy -out signed-with-names.pem
} 2>/dev/null
{
    python3 run.py self-signed.pem self-signed.pem self.key
    python3 run.py no-ca.pem no-ca.pem leaf.key
    python3 run.py root.pem signed.pem signed.key
    python3 run.py root.pem signed-with-names.pem signed.key
} >seen

diff seen - <<'SEEN'
self-signed.pem: Python accepts it, Node accepts it, rustls: invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))
no-ca.pem: Python accepts it, Node accepts it, rustls: accepts it
signed.pem: Python accepts it, Node accepts it, rustls: invalid peer certificate: Other(OtherError(UnsupportedCertVersion))
signed-with-names.pem: Python accepts it, Node accepts it, rustls: accepts it
SEEN
echo "as described"
