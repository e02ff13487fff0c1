//! The server that the programs call.

#[path = "../../it/common/mod.rs"]
mod common;

use std::io::{self, Read, Write};

use common::{ok, read_request, tls};

/// The variables by which a program learns of the server.
#[must_use]
pub fn start() -> Vec<(&'static str, String)> {
    let plain = common::serve(|_, stream| respond(stream));
    let over_tls = tls::serve(tls::good(), |_, stream| respond(stream));
    vec![
        ("PLAIN", format!("http://{plain}")),
        ("TLS", format!("https://{over_tls}")),
        ("CA", tls::root()),
    ]
}

fn respond(mut stream: impl Read + Write) -> io::Result<()> {
    loop {
        read_request(&mut stream)?;
        stream.write_all(&ok())?;
        stream.flush()?;
    }
}
