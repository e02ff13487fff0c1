#!/usr/bin/env bash
# Certificates by npm's mkcert and node-easy-cert are refused by Python 3.13, and accepted by Node and older Pythons.
#
# Version:   mkcert 3.2.0, node-easy-cert 1.3.3 (npm); selfsigned 5.5.0 is accepted. Python 3.11 with the flag
#            VERIFY_X509_STRICT, which `ssl.create_default_context` sets from 3.13 on; OpenSSL 3.0.
# Expected:  libraries that exist to make certificates for a local server put in what RFC 5280 wants of every issuer.
# Seen:      they leave out the identifier of the issuer's key (4.2.1.1), which most clients do not look for.
# Who it hurts: tests and local servers whose clients are in Python: after an upgrade of Python, verification fails
#            with a root that is trusted and not expired, and the usual way out is to check no certificate.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund mkcert@3.2.0 node-easy-cert@1.3.3 selfsigned@5.5.0 >/dev/null

cat >make.mjs <<'JS'
import { readFileSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { createCA, createCert } from "mkcert";
import CertManager from "node-easy-cert";
import selfsigned from "selfsigned";

const save = (name, root, certificate, key) => {
    writeFileSync(`${name}-root.pem`, root);
    writeFileSync(`${name}.pem`, key + certificate);
};
const subject = { organization: "Test", countryCode: "US", state: "NJ", locality: "Jersey City" };
const ca = await createCA({ ...subject, validity: 30 });
const { cert, key } = await createCert({ ca, domains: ["localhost"], validity: 30 });
save("mkcert", ca.cert, cert, key);

const manager = new CertManager({ rootDirPath: `${process.cwd()}/easy` });
await promisify(manager.generateRootCA.bind(manager))({ commonName: "Test" });
await new Promise((resolve, reject) =>
    manager.getCertificate("localhost", (error, key, certificate) => {
        if (error) {
            reject(error);
        }
        resolve(save("node-easy-cert", readFileSync("easy/rootCA.crt"), certificate, key));
    }),
);

const own = await selfsigned.generate([{ name: "commonName", value: "localhost" }], { algorithm: "sha256" });
save("selfsigned", own.cert, own.cert, own.private);
JS
cat >check.py <<'PY'
import socket
import ssl
import subprocess
import threading

NODE = """
const [root, port] = process.argv.slice(1);
const options = { host: "127.0.0.1", port, servername: "localhost", ca: require("fs").readFileSync(root) };
const client = require("tls").connect(options, () => (console.log("accepts it"), process.exit()));
client.on("error", (error) => (console.log(error.code), process.exit()));
"""


def connect(address, root, strict):
    client = ssl.create_default_context(cafile=root)
    client.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if strict:
        client.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        client.wrap_socket(socket.create_connection(address), server_hostname="localhost").close()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    return "accepts it"


for name in ["selfsigned", "mkcert", "node-easy-cert"]:
    root = f"{name}-root.pem"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{name}.pem")
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()

    def serve(context=context, listener=listener):
        while True:
            client, _ = listener.accept()
            try:
                context.wrap_socket(client, server_side=True).recv(1)
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    node = subprocess.run(["node", "-e", NODE, root, str(address[1])], capture_output=True, text=True, check=True)
    print(f"{name}: Node {node.stdout.strip()}, Python {connect(address, root, False)}", end=", ")
    print(f"Python as of 3.13: {connect(address, root, True)}")
PY
node make.mjs >/dev/null
python3 check.py >seen

diff seen - <<'SEEN'
selfsigned: Node accepts it, Python accepts it, Python as of 3.13: accepts it
mkcert: Node accepts it, Python accepts it, Python as of 3.13: Missing Authority Key Identifier
node-easy-cert: Node accepts it, Python accepts it, Python as of 3.13: Missing Authority Key Identifier
SEEN
echo "as described"
