//! One HTTP exchange: a request goes out, and a response comes back or not.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use ureq::http::{HeaderMap, HeaderValue, Request};

use crate::config::Config;
use crate::retry;
use crate::transport::{self, Cut};

/// A response whose head came whole.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) request_id: Option<String>,
    /// The `Retry-After` header as it came.
    pub(crate) retry_after: Option<String>,
    /// The body, at most one byte longer than `BODY_MOST`.
    pub(crate) body: Vec<u8>,
    /// Why the body is not whole, if it is not.
    pub(crate) cut: Option<Cause>,
}

/// No response.
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    /// Whether any of the request may have left.
    pub(crate) sent: bool,
    /// Whether the failure is of a kind that passes.
    pub(crate) passing: bool,
}

pub(crate) type Cause = Box<dyn StdError + Send + Sync>;

/// The longest body that is read.
pub(crate) const BODY_MOST: usize = 1024 * 1024;

/// Sends `PATCH {base}/api/v1/customers/{id}` once, and reads the response.
pub(crate) fn send(
    cfg: &Config,
    id: &str,
    body: &str,
    deadline: Option<Instant>,
) -> Result<Response, Failure> {
    let (response, sent) = transport::attempt(deadline, || exchange(cfg, id, body));
    response.map_err(|error| {
        if !sent {
            // What is remembered of the name may be what led nowhere.
            cfg.names().forget();
        }
        let cause = plain(error);
        Failure {
            sent,
            passing: cause
                .downcast_ref::<io::Error>()
                .is_some_and(|error| retry::passes(error.kind())),
            cause,
        }
    })
}

fn exchange(cfg: &Config, id: &str, body: &str) -> Result<Response, ureq::Error> {
    let url = [cfg.base_url(), "/api/v1/customers/", id].concat();
    let request = Request::patch(url)
        .header(AUTHORIZATION, cfg.authorization())
        .header(CONTENT_TYPE, JSON)
        .header(ACCEPT, JSON)
        .header(USER_AGENT, cfg.user_agent())
        .body(body)?;
    let (head, mut incoming) = cfg.agent().run(request)?.into_parts();
    let status = head.status.as_u16();
    let length = incoming.content_length().unwrap_or_default();
    let room = usize::try_from(length).map_or(BODY_MOST, |length| length.min(BODY_MOST));
    let mut body = Vec::with_capacity(room);
    let mut read = || {
        let most = BODY_MOST as u64 + 1;
        incoming.as_reader().take(most).read_to_end(&mut body)
    };
    // An error response is known by its status, and not worth waiting long for its words.
    let read = if head.status.is_success() {
        read()
    } else {
        transport::within(
            ERROR_BODY_TIMEOUT,
            "the body of the response took too long",
            read,
        )
    };
    Ok(Response {
        status,
        request_id: ["x-request-id", "request-id", "cf-ray"]
            .iter()
            .find_map(|name| text(&head.headers, name)),
        retry_after: text(&head.headers, "retry-after"),
        body,
        cut: read.err().map(|error| plain(ureq::Error::from(error))),
    })
}

/// A header's text, unless it is empty or not visible ASCII.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (!value.is_empty()).then(|| value.into())
}

/// Takes ureq out of an error.
///
/// What a server sends may hold the customer's data, and some of ureq's
/// messages quote it: those are put in other words.
fn plain(error: ureq::Error) -> Cause {
    match error {
        // ureq's own words for an end of stream.
        ureq::Error::Io(error) if error.to_string() == "Peer disconnected" => {
            let closed = "the connection was closed before the response was whole";
            Box::new(io::Error::new(error.kind(), closed))
        }
        ureq::Error::Io(error) => Box::new(error),
        #[cfg(feature = "rustls")]
        ureq::Error::Rustls(error) => Box::new(error),
        #[cfg(feature = "native-tls")]
        ureq::Error::NativeTls(error) => Box::new(error),
        ureq::Error::Other(error) => match error.downcast::<Cut>() {
            Ok(cut) => Box::new(cut.0),
            Err(error) => error,
        },
        // Said of nothing but the end of the proxy's connection.
        ureq::Error::ConnectProxyFailed(reason) if reason == "proxy server did not respond" => {
            Box::new(io::Error::new(io::ErrorKind::UnexpectedEof, reason))
        }
        // "proxy server responded 407/407": the status twice.
        ureq::Error::ConnectProxyFailed(reason) => {
            Box::new(Broken(reason.split('/').next().unwrap_or_default().into()))
        }
        ureq::Error::LargeResponseHeader(..) => {
            Box::new(Broken("the head of the response is too long".into()))
        }
        ureq::Error::Tls(reason) => Box::new(Broken(reason.into())),
        _ => Box::new(Broken("the response is not HTTP/1.1".into())),
    }
}

/// What was received breaks a protocol.
#[derive(Debug)]
struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Broken {}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How long the body of an error response is waited for.
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fault, TestServer};

    fn fail(server: &TestServer, fault: Fault) -> Failure {
        let cfg = server.config().build().unwrap();
        server.fail_next(fault);
        match send(&cfg, TestServer::CUSTOMER_ID, "{}", None) {
            Ok(response) => panic!("{}", response.status),
            Err(failure) => failure,
        }
    }

    #[test]
    fn a_lost_connection_is_told_as_the_system_told_it() {
        let server = TestServer::start().unwrap();
        let failure = fail(&server, Fault::Reset);
        assert!(failure.sent);
        let cause: &io::Error = failure.cause.downcast_ref().unwrap();
        assert_eq!(cause.kind(), io::ErrorKind::ConnectionReset);
        assert!(cause.raw_os_error().is_some(), "{cause:?}");
    }

    #[test]
    fn an_answer_that_breaks_the_protocol_is_told_without_its_words() {
        let server = TestServer::start().unwrap();
        let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 15));
        for (response, told) in [
            (long.as_str(), "the head of the response is too long"),
            (
                "HTTP/1.1 jane@example.com\r\n\r\n",
                "the response is not HTTP/1.1",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: jane\r\n\r\n",
                "the response is not HTTP/1.1",
            ),
        ] {
            let failure = fail(&server, Fault::Raw(response.into()));
            assert!(failure.sent && !failure.passing);
            assert_eq!(failure.cause.to_string(), told);
        }
    }

    #[test]
    fn a_name_is_forgotten_once_it_leads_nowhere() {
        let server = TestServer::start().unwrap();
        let url = server.base_url().replace("127.0.0.1", "localhost");
        let cfg = server.config().base_url(url).build().unwrap();
        let call = || send(&cfg, TestServer::CUSTOMER_ID, "{}", None);
        assert_eq!(call().ok().unwrap().status, 422);
        assert!(cfg.names().is_any_known());

        // The address was right: something came of it.
        server.fail_next(Fault::CloseAfterReading);
        assert!(call().err().unwrap().sent);
        assert!(cfg.names().is_any_known());

        drop(server);
        assert!(!call().err().unwrap().sent);
        assert!(!cfg.names().is_any_known());
    }
}
