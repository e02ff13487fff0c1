//! Requests read and responses written.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::json;

use super::Request;

impl Request {
    /// The first header of this name, in any case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn wants_close(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// What goes back, without the parts that depend on the connection.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Response {
    /// An error response in the form that has been seen of the real API.
    pub(super) fn error(status: u16, error: &str, hint: Option<&str>) -> Self {
        let body = match hint {
            Some(hint) => json!({ "error": error, "hint": hint }),
            None => json!({ "error": error }),
        };
        Self {
            status,
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        }
    }

    pub(super) fn to_bytes(&self, last: bool) -> Vec<u8> {
        let framed = self.headers.iter().any(|(name, _)| {
            name.eq_ignore_ascii_case("content-length")
                || name.eq_ignore_ascii_case("transfer-encoding")
        });
        // RFC 9110, 8.6: none for what has no body.
        let length = (!framed && !matches!(self.status, 100..=199 | 204 | 304))
            .then(|| ("content-length".into(), self.body.len().to_string()));
        let close = last.then(|| ("connection".into(), "close".into()));
        let mut bytes = format!("HTTP/1.1 {} \r\n", self.status).into_bytes();
        for (name, value) in self.headers.iter().chain(&length).chain(&close) {
            bytes.extend([name, ": ", value, "\r\n"].map(str::as_bytes).concat());
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        bytes
    }
}

/// Reads a request; `None` for what is not one.
pub(super) fn read_request(
    reader: &mut BufReader<&TcpStream>,
    mut stream: &TcpStream,
) -> io::Result<Option<Request>> {
    let mut head = reader.by_ref().take(HEAD_MOST);
    let mut line = || {
        let mut line = Vec::new();
        head.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    };
    let start = line()?;
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            return Ok(None);
        };
        headers.push((name.into(), value.trim().into()));
    }
    let mut words = start.split(' ');
    let (Some(method), Some(path), Some("HTTP/1.1"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Ok(None);
    };
    let mut request = Request {
        method: method.into(),
        path: path.into(),
        headers,
        body: Vec::new(),
    };
    let length = match request.header("content-length").map(str::parse::<u64>) {
        None if request.header("transfer-encoding").is_none() => 0,
        Some(Ok(length)) if length <= BODY_MOST => length,
        _ => return Ok(None),
    };
    if request.header("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let read = reader
        .by_ref()
        .take(length)
        .read_to_end(&mut request.body)?;
    if read as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(request))
}

pub(super) fn send(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)
}

/// Ends a connection in good order: with an end of stream, where unread bytes
/// would make it a reset.
pub(super) fn drain(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    io::copy(&mut stream, &mut io::sink())?;
    Ok(())
}

/// The longest head and body that the server reads.
const HEAD_MOST: u64 = 64 * 1024;
const BODY_MOST: u64 = 1024 * 1024;
