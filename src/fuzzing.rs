//! Entry points to private parts for the targets under `fuzz/`. Not part of the
//! public API: there only where `cargo fuzz` compiles the crate.

use std::iter;
use std::time::{Duration, UNIX_EPOCH};

use crate::connection;
use crate::customer::Customer;
use crate::error::{Error, ErrorResponse, Head, Outcome};
use crate::format::{self, Field};
use crate::proxy;
use crate::redact::Sent;
use crate::retry;
use crate::url;
#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
use crate::{pem, tls};

/// What becomes of a customer's id.
pub fn id(value: &str) -> bool {
    format::id(value).is_ok()
}

/// Host and port that were checked, and the URL in its normal form.
pub fn base_url(value: &str) -> Option<(String, u16, String)> {
    let url = url::base_url(value).ok()?;
    url.check_http(iter::empty()).ok()?;
    Some((url.host, url.port, url.text))
}

/// Whether a `NO_PROXY` list exempts a host.
pub fn is_exempt(list: &str, host: &str, port: u16) -> bool {
    proxy::is_exempt(list, host, port)
}

/// How many certificates a PEM file holds, if all is well with it.
#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
pub fn pem(pem: &[u8]) -> Option<usize> {
    tls::roots(pem).ok()?;
    Some(pem::certificate_blocks(&pem::text(pem).ok()?).ok()?.len())
}

/// What becomes of the body of a 200, if it is the customer that was asked for.
pub fn response(id: &str, body: &[u8]) -> Option<Customer> {
    Customer::read(id, body.into()).ok()
}

/// What becomes of the body of a 422, if a first name, a key and a header's value
/// must not show.
pub fn error_response(body: &str, name: &str, key: &str, header: &str) -> Error {
    let head = Head {
        status: 422,
        request_id: None,
        retry_after: None,
        content_type: None,
    };
    let sent = Sent {
        fields: vec![(Field::FirstName, name)],
        secrets: vec![key, header],
    };
    let body = body.into();
    let response = ErrorResponse { head, body };
    Error::api_status(response, (Outcome::NotApplied, false), &sent)
}

/// What becomes of a `Retry-After` header that arrives so many seconds after
/// 1970 began.
pub fn retry_after(value: &str, now: u64) -> Option<Duration> {
    retry::retry_after(value, UNIX_EPOCH + Duration::from_secs(now))
}

/// A request without its `cookie` lines, and how many bytes these had.
pub fn remove_cookie(request: &[u8]) -> (Vec<u8>, usize) {
    let mut request = request.to_vec();
    let removed = connection::remove_cookie(&mut request);
    (request, removed)
}
