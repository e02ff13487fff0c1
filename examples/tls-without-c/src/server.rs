//! A server with a certificate of its own CA, which responds to one request and
//! reports the TLS that it saw.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The CA that has issued the server's certificate, whose key nobody has.
pub(crate) const ROOT: &str = include_str!("../certificates/ca.pem");

pub(crate) const CUSTOMER_ID: &str = "cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V";

/// Starts it, with the provider that the process has installed.
pub(crate) fn start() -> Result<(String, Receiver<String>), Box<dyn Error>> {
    let certificate = include_bytes!("../certificates/server.pem");
    let key = include_bytes!("../certificates/server.key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate)?],
            PrivateKeyDer::from_pem_slice(key)?,
        )?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("https://{}", listener.local_addr()?);
    let conn = ServerConnection::new(Arc::new(config))?;
    let (report, reports) = channel();
    thread::spawn(move || {
        let served = listener
            .accept()
            .and_then(|(stream, _)| respond(StreamOwned::new(conn, stream)));
        // The program has ended if nobody hears it.
        let _ = report.send(served.unwrap_or_else(|error| error.to_string()));
    });
    Ok((url, reports))
}

fn respond(mut tls: StreamOwned<ServerConnection, TcpStream>) -> io::Result<String> {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    // The body is one line of JSON, the last of the request.
    while !request.ends_with(b"\"}") {
        let read = tls.read(&mut chunk)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&chunk[..read]);
    }
    let body = format!(r#"{{"id":"{CUSTOMER_ID}","first_name":"Jane"}}"#);
    let length = body.len();
    write!(
        tls,
        "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    tls.flush()?;
    let version = tls.conn.protocol_version();
    let group = tls.conn.negotiated_key_exchange_group();
    Ok(format!(
        "{:?} with {:?}",
        version.ok_or(io::ErrorKind::NotConnected)?,
        group.ok_or(io::ErrorKind::NotConnected)?.name()
    ))
}
