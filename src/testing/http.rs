//! Requests read and responses written: as much of HTTP/1.1 as a test server
//! needs.

use std::io::{self, BufRead, Read, Write};

use serde_json::json;

use super::Request;

/// A response, without the headers that depend on the connection.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Response {
    pub(super) fn json(status: u16, body: String) -> Self {
        let content_type = "application/json; charset=utf-8";
        Self {
            status,
            headers: vec![("content-type".into(), content_type.into())],
            body: body.into_bytes(),
        }
    }

    /// An error response in the form that has been seen of the real API.
    pub(super) fn error(status: u16, error: &str, hint: Option<&str>) -> Self {
        let body = match hint {
            Some(hint) => json!({ "error": error, "hint": hint }),
            None => json!({ "error": error }),
        };
        Self::json(status, body.to_string())
    }

    /// The whole response; `close` announces that the connection ends with it.
    pub(super) fn to_bytes(&self, close: bool) -> Vec<u8> {
        let has_length = self.headers.iter().any(|(name, _)| {
            name.eq_ignore_ascii_case("content-length")
                || name.eq_ignore_ascii_case("transfer-encoding")
        });
        // RFC 9110, 8.6: none for what has no body.
        let length = (!has_length && !matches!(self.status, 100..=199 | 204 | 304))
            .then(|| ("content-length".into(), self.body.len().to_string()));
        let close = close.then(|| ("connection".into(), "close".into()));
        let mut bytes = format!("HTTP/1.1 {} \r\n", self.status).into_bytes();
        for (name, value) in self.headers.iter().chain(&length).chain(&close) {
            for part in [name, ": ", value, "\r\n"] {
                bytes.extend(part.as_bytes());
            }
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        bytes
    }
}

/// Why there is no request.
pub(super) enum ReadError {
    /// The connection failed or ended.
    Io(io::Error),
    /// It is no request that the server reads; the connection is to close after
    /// this response, since where the next request starts is unknown.
    Rejected(Response),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Response> for ReadError {
    fn from(response: Response) -> Self {
        Self::Rejected(response)
    }
}

impl Request {
    /// The values of the headers of this name, in any case.
    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The only header of this name; `None` where there are several, too.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }

    pub(super) fn wants_close(&self) -> bool {
        self.values("connection")
            .flat_map(|value| value.split(','))
            .any(|option| option.trim().eq_ignore_ascii_case("close"))
    }
}

/// Reads a request to its end, and no further.
pub(super) fn read_request(connection: &mut (impl BufRead + Write)) -> Result<Request, ReadError> {
    let head = read_head(connection)?;
    let mut request = parse_head(&head)?;
    let length = body_length(&request)?;
    let expects = |value: &str| value.eq_ignore_ascii_case("100-continue");
    if request.values("expect").any(expects) {
        connection.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let read = connection.take(length).read_to_end(&mut request.body)?;
    if read as u64 != length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(request)
}

/// Reads the request line and the headers, with the empty line that ends them.
fn read_head(connection: &mut impl BufRead) -> Result<Vec<u8>, ReadError> {
    let mut head = Vec::new();
    let mut reader = connection.take(MAX_HEAD_SIZE);
    loop {
        let read = reader.read_until(b'\n', &mut head)?;
        if read == 0 || head.last() != Some(&b'\n') {
            if reader.limit() == 0 {
                return Err(Response::error(431, "The head is too large", None).into());
            }
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if matches!(&head[head.len() - read..], b"\n" | b"\r\n") {
            return Ok(head);
        }
    }
}

fn parse_head(head: &[u8]) -> Result<Request, Response> {
    let malformed = |what| Response::error(400, what, None);
    let head = String::from_utf8_lossy(head);
    // `str::lines` ends them at `\r\n` too.
    let mut lines = head.lines();
    let line = lines.next().unwrap_or_default();
    let mut words = line.split(' ');
    let (Some(method), Some(path), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(malformed("The request line is malformed"));
    };
    if !is_token(method) || path.is_empty() || line.contains(is_control) {
        return Err(malformed("The request line is malformed"));
    }
    if version != "HTTP/1.1" {
        let hint = Some("Send HTTP/1.1");
        return Err(Response::error(505, "HTTP version not supported", hint));
    }
    let mut headers = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        // RFC 9112, 5.1 and 5.2: neither space before the colon nor a folded line,
        // which is to say that the name is a token.
        match line.split_once(':') {
            Some((name, value)) if is_token(name) && !value.contains(is_control) => {
                headers.push((name.into(), value.trim().into()));
            }
            _ => return Err(malformed("A header is malformed")),
        }
    }
    Ok(Request {
        method: method.into(),
        path: path.into(),
        headers,
        body: Vec::new(),
    })
}

fn body_length(request: &Request) -> Result<u64, Response> {
    if request.values("transfer-encoding").next().is_some() {
        let hint = Some("Send a content-length and no transfer-encoding");
        return Err(Response::error(411, "Length required", hint));
    }
    if request.values("content-length").next().is_none() {
        return Ok(0);
    }
    // Digits only, which `str::parse` alone does not ask for: it takes `+1`.
    match request.header("content-length") {
        Some(length) if !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit()) => length
            .parse()
            .ok()
            .filter(|length| *length <= MAX_BODY_SIZE)
            .ok_or_else(|| {
                Response::error(413, "The body is too large", Some("1 MiB is the limit"))
            }),
        _ => Err(Response::error(
            400,
            "The content-length is malformed",
            None,
        )),
    }
}

/// RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn is_control(c: char) -> bool {
    c.is_ascii_control() && c != '\t'
}

/// The largest head and body that the server reads: what bounds the memory that
/// a client can make it take for one request.
const MAX_HEAD_SIZE: u64 = 64 * 1024;
const MAX_BODY_SIZE: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::SystemTime;

    use serde_json::Map;

    use super::*;
    use crate::testing::api::{API_KEY, Api};

    #[test]
    fn no_bytes_of_a_client_panic() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut api = Api::default();
        api.add("cus_1", Map::new());
        let body = r#"{"last_name":"Lee"}"#;
        let request = format!(
            "PATCH /api/v1/customers/cus_1 HTTP/1.1\r\nauthorization: {API_KEY}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut statuses = BTreeSet::new();
        for _ in 0..20_000 {
            let mut bytes = request.as_bytes().to_vec();
            for _ in 0..random.usize(..4) {
                let place = random.usize(..bytes.len());
                bytes[place] = random.u8(..);
            }
            let mut input = Offline(&bytes);
            statuses.insert(match read_request(&mut input) {
                Ok(request) => match api.update(&request, SystemTime::now()) {
                    Ok(_) => 200,
                    Err(response) => response.status,
                },
                Err(ReadError::Rejected(response)) => response.status,
                Err(ReadError::Io(_)) => 0,
            });
        }
        // The bytes have come everywhere.
        let all = [0, 200, 400, 401, 404, 415, 422, 505];
        assert!(
            all.iter().all(|status| statuses.contains(status)),
            "{statuses:?}"
        );
    }

    /// A client that has sent its last, and hears nothing.
    struct Offline<'a>(&'a [u8]);

    impl Read for Offline<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl BufRead for Offline<'_> {
        fn fill_buf(&mut self) -> io::Result<&[u8]> {
            self.0.fill_buf()
        }

        fn consume(&mut self, amount: usize) {
            self.0.consume(amount);
        }
    }

    impl Write for Offline<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
