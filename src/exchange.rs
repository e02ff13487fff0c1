//! One HTTP exchange: a request is sent, and a response comes back or not.

use std::io::ErrorKind::{BrokenPipe, ConnectionReset, TimedOut, UnexpectedEof};
use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ureq::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE};
use ureq::http::{self, HeaderMap, HeaderName, Method, Request};

use crate::config::Config;
use crate::connection::{Call, Connection};
use crate::error::{Error, Head};
use crate::failure::{self, Step};
use crate::pool;
use crate::retry::{classify_transport, retry_after};

/// A response whose head came whole.
pub(crate) struct Response {
    pub(crate) head: Head,
    /// The content coding that the body still has.
    pub(crate) coding: Option<&'static str>,
    /// The body, at most one byte longer than `MAX_BODY_SIZE`.
    pub(crate) body: Vec<u8>,
    /// Why the body is not whole, if it is not.
    pub(crate) truncated: Option<io::Error>,
    /// How long the connection may be idle.
    max_idle_age: Option<Duration>,
}

/// The longest body that is read.
pub(crate) const MAX_BODY_SIZE: usize = 1024 * 1024;

/// Sends `PATCH {base}/api/v1/customers/{id}` once, and reads the response. Also
/// returns whether that has opened a connection.
pub(crate) fn send(
    cfg: &Config,
    id: &str,
    body: &str,
    deadline: Option<Instant>,
) -> (Result<Response, Error>, bool) {
    // ureq checks it, and connects anew where it is not silent.
    let process = cfg.process();
    let (connection, reuse) = process.pool.take().unzip();
    let connection =
        connection.unwrap_or_else(|| Box::new(Connection::new(cfg.network(), &process.resolver)));
    let run = |agent: &_, call: &_| exchange(cfg, agent, call, id, body);
    let (response, trace) = connection.call(deadline, run);
    let timed_out = matches!(&response, Err(ureq::Error::Io(e)) if e.kind() == TimedOut);
    // Where nothing came of it until the deadline, the server may have it still.
    if let Some(reuse) = reuse
        && (trace.opened || trace.reused && (trace.received || !timed_out))
    {
        process.pool.learn(reuse, trace.reused && trace.received);
    }
    // Also after a failure, where ureq has kept it: after a 422, say.
    if connection.is_reusable() {
        let max_age = response.as_ref().ok().and_then(|r| r.max_idle_age);
        process.pool.put(connection, max_age);
    }
    let response = response.map_err(|error| {
        let mut cause = explain(cfg, error);
        if !trace.sent {
            // What is cached of the name may be what led nowhere.
            process.resolver.invalidate();
        } else if !trace.received {
            cause = explain_size(cfg.head_size(), cause);
        }
        let class = classify_transport(trace.sent, cause.kind());
        Error::transport(cause.into(), class)
    });
    (response, trace.opened)
}

fn exchange(
    cfg: &Config,
    agent: &ureq::Agent,
    call: &Call,
    id: &str,
    body: &str,
) -> Result<Response, ureq::Error> {
    let url = [cfg.base_url(), "/api/v1/customers/", id].concat();
    let mut request = Request::new(body);
    *request.method_mut() = Method::PATCH;
    *request.uri_mut() = url.try_into().map_err(http::Error::from)?;
    *request.headers_mut() = cfg.settings.own_headers.clone();
    request.headers_mut().extend(cfg.headers.iter().cloned());
    let (head, mut incoming) = agent.run(request)?.into_parts();
    if head.headers.contains_key(SET_COOKIE) {
        call.remove_cookies();
    }
    let is_success = head.status.is_success();
    let length = incoming.content_length().unwrap_or_default();
    // What a server announces is no reason to allocate more than is read.
    let capacity = usize::try_from(length).map_or(MAX_BODY_SIZE, |len| len.min(MAX_BODY_SIZE));
    let mut body = Vec::with_capacity(capacity);
    let mut read = || {
        let limit = MAX_BODY_SIZE as u64 + 1;
        incoming.as_reader().take(limit).read_to_end(&mut body)
    };
    // An error response is known by its status, and not worth waiting long for.
    let read = if is_success {
        read()
    } else {
        let message = "the body of the response took too long";
        call.with_timeout(ERROR_BODY_TIMEOUT, message, read)
    };
    let text = |name| header_text(&head.headers, name);
    let content_type = if is_success {
        None
    } else {
        text(&CONTENT_TYPE)
    };
    Ok(Response {
        head: Head {
            status: head.status.as_u16(),
            request_id: REQUEST_IDS.iter().find_map(text).map(Arc::from),
            retry_after: text(&RETRY_AFTER).and_then(|text| retry_after(text, SystemTime::now())),
            content_type: content_type.map(Arc::from),
        },
        coding: coding(&head.headers),
        body,
        max_idle_age: text(&KEEP_ALIVE).and_then(pool::max_age),
        truncated: read.err().map(|error| explain(cfg, error.into())),
    })
}

/// A header's text, unless it is empty or not visible ASCII.
fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?;
    (!value.is_empty()).then_some(value)
}

/// The content coding of a body that ureq has not decoded: where it has, it takes the
/// header away. A server may send anything, so that only known ones are named.
fn coding(headers: &HeaderMap) -> Option<&'static str> {
    const CODINGS: [&str; 8] = [
        "", "identity", "br", "compress", "deflate", "gzip", "x-gzip", "zstd",
    ];
    let value = headers.get(CONTENT_ENCODING)?.as_bytes();
    let is_value = |coding: &&str| value.eq_ignore_ascii_case(coding.as_bytes());
    let coding = CODINGS.into_iter().find(is_value);
    let coding = coding.unwrap_or("an unknown coding");
    (!matches!(coding, "" | "identity")).then_some(coding)
}

fn explain(cfg: &Config, error: ureq::Error) -> io::Error {
    let route = &cfg.network().route;
    failure::into_io(route.explain(Step::Exchange, false, error))
}

/// Names the size of a request to which a connection ended without a response, where
/// that may be why: uWSGI takes 4 KiB, and says nothing.
fn explain_size(size: usize, cause: io::Error) -> io::Error {
    if size <= 4096 || !matches!(cause.kind(), BrokenPipe | ConnectionReset | UnexpectedEof) {
        return cause;
    }
    let message = format!(
        "key and headers take {} KiB, and some servers end the connection where they take over 4",
        size.div_ceil(1024)
    );
    failure::caused(cause.kind(), message, cause)
}

static REQUEST_IDS: [HeaderName; 3] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
    HeaderName::from_static("cf-ray"),
];

static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// How long the body of an error response is waited for.
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::error::Outcome::{NotApplied, Unknown};
    use crate::testing::{Fault, TestServer};

    fn fail(server: &TestServer, fault: Fault) -> Error {
        let cfg = server.config().build().unwrap();
        server.fail_next(fault);
        match send(&cfg, TestServer::CUSTOMER_ID, "{}", None).0 {
            Ok(response) => panic!("{}", response.head.status),
            Err(error) => error,
        }
    }

    #[test]
    fn a_disconnect_keeps_the_systems_error() {
        let server = TestServer::start().unwrap();
        let error = fail(&server, Fault::Reset);
        assert_eq!(error.outcome(), Unknown);
        let cause = error.source().unwrap();
        let cause: &io::Error = cause.downcast_ref().unwrap();
        assert_eq!(cause.kind(), ConnectionReset);
        assert!(cause.raw_os_error().is_some(), "{cause:?}");
    }

    #[test]
    fn an_early_end_is_named() {
        let server = TestServer::start().unwrap();
        let error = fail(&server, Fault::CloseAfterReading);
        assert_eq!(
            error.source().unwrap().to_string(),
            "the connection was closed before the response was complete"
        );
    }

    #[test]
    fn a_protocol_error_quotes_nothing() {
        let server = TestServer::start().unwrap();
        let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 15));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(129));
        for (response, reported) in [
            (
                long.as_str(),
                "the response has a head or a line of over 16 KiB",
            ),
            (many.as_str(), "the response has too many header lines"),
            (
                "HTTP/1.1 jane@example.com\r\n\r\n",
                "the response is not HTTP/1.1",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: jane\r\n\r\n",
                "the response is not HTTP/1.1",
            ),
        ] {
            let error = fail(&server, Fault::Raw(response.into()));
            assert_eq!(error.outcome(), Unknown);
            assert_eq!(error.source().unwrap().to_string(), reported);
        }
    }

    #[test]
    fn a_timeout_teaches_the_pool_nothing() {
        let server = TestServer::start().unwrap();
        let cfg = server.config().build().unwrap();
        let pool = &cfg.process().pool;
        let call = |deadline| send(&cfg, TestServer::CUSTOMER_ID, "{}", deadline).0;
        assert!(call(None).is_ok());
        let limit = pool.limit();

        server.fail_next(Fault::Stall);
        let soon = Instant::now() + Duration::from_millis(50);
        let error = call(Some(soon)).err().unwrap();
        assert_eq!(error.outcome(), Unknown);
        assert_eq!(
            error.source().unwrap().to_string(),
            "the timeout has passed"
        );
        assert_eq!(pool.limit(), limit);
    }

    #[test]
    fn names_that_lead_nowhere_are_invalidated() {
        let server = TestServer::start().unwrap();
        let cfg = server.config().build().unwrap();
        let resolver = &cfg.process().resolver;
        let call = || send(&cfg, TestServer::CUSTOMER_ID, "{}", None).0;
        resolver.cache("api.example", Vec::new());

        // The address was right: something came of it.
        server.fail_next(Fault::CloseAfterReading);
        assert_eq!(call().err().unwrap().outcome(), Unknown);
        assert!(resolver.is_cached("api.example"));

        let over = send(&cfg, TestServer::CUSTOMER_ID, "{}", Some(Instant::now()));
        assert_eq!(over.0.err().unwrap().outcome(), NotApplied);
        assert!(!resolver.is_cached("api.example"));
    }
}
