#!/usr/bin/env bash
# A dropped wiremock server goes on responding, with 404.
#
# Version:   wiremock 0.6.5.
# Expected:  its documentation says that the server is shut down when the MockServer goes out of scope; a
#            client then finds its connection refused.
# Seen:      `MockServer::start()` lends a server from a pool that lasts as long as the process. After the drop it
#            still listens and responds with 404, until another test gets it with the same port. A server
#            from `MockServer::builder()` with a listener of one's own is shut down.
# Who it hurts: tests of "the API is down": they test a 404, which for a client is final, and retries for a
#            refused connection are never run. A client left over from one test reaches the mocks of the next.
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
tokio = { version = "=1.54.1", features = ["macros", "rt-multi-thread"] }
wiremock = "=0.6.5"

[profile.dev]
debug = false
TOML
cat >src/main.rs <<'RUST'
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use wiremock::MockServer;

fn patch(address: SocketAddr) -> String {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return "refused".into();
    };
    let request = b"PATCH / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let mut response = String::new();
    match stream.write_all(request).and_then(|()| stream.read_to_string(&mut response)) {
        Ok(1..) => response.lines().next().unwrap().into(),
        _ => "closed".into(),
    }
}

#[tokio::main]
async fn main() {
    let server = MockServer::start().await;
    let address = *server.address();
    drop(server);
    println!("dropped: {}", patch(address));
    let next = MockServer::start().await;
    println!("the next server has its port: {}", *next.address() == address);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = MockServer::builder().listener(listener).start().await;
    let address = *server.address();
    drop(server);
    let closed = patch(address) != "HTTP/1.1 404 Not Found";
    println!("with a listener of its own, gone: {closed}");
}
RUST
cargo run --quiet >seen

diff seen - <<'SEEN'
dropped: HTTP/1.1 404 Not Found
the next server has its port: true
with a listener of its own, gone: true
SEEN
echo "as described"
