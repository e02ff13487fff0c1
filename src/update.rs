//! The call: validate, send, retry, return.

use std::io::{self, ErrorKind::InvalidData};
use std::thread;
use std::time::{Duration, Instant};

use crate::attempt::Attempt;
use crate::config::Config;
use crate::customer::Customer;
use crate::error::{BoxError, Error, ErrorResponse, Outcome};
use crate::exchange::{self, MAX_BODY_SIZE, Response};
use crate::failure::caused;
use crate::format::{self, OfField};
use crate::patch::CustomerPatch;
use crate::redact::Sent;
use crate::retry;

/// Changes some details of one customer: `PATCH /api/v1/customers/{id}`.
///
/// Sends the fields that `patch` sets, and returns the customer of the response.
/// The call returns within the [`timeout`](crate::ConfigBuilder::timeout) of `cfg`.
///
/// `Ok` means that the API accepted the change and returned this customer. A server
/// may accept a change and drop a value that it cannot store:
/// [`Customer::mismatches`] returns the fields that the response shows with another
/// value. An error's [`outcome`](Error::outcome) says whether the change may have been
/// applied.
///
/// Concurrent calls for one customer are not ordered, not even those of one process:
/// the last one that the server handles wins, field by field.
///
/// # Errors
///
/// The [`kind`](Error::kind) tells what happened:
///
/// - [`InvalidInput`](crate::ErrorKind::InvalidInput): id or patch were rejected, and
///   nothing was sent. Every violation is in the error.
/// - [`Api`](crate::ErrorKind::Api): the server responded with a status other than 2xx.
/// - [`Transport`](crate::ErrorKind::Transport): there was no complete response.
/// - [`InvalidResponse`](crate::ErrorKind::InvalidResponse): the server responded with
///   2xx, but the body is truncated, is too long or is not this customer.
///
/// # Example
///
/// ```
/// use paywithsoap::{CustomerPatch, update_customer};
/// use paywithsoap::testing::TestServer;
///
/// let server = TestServer::start()?;
/// let cfg = server.config().build()?;
///
/// let patch = CustomerPatch::new().first_name("Jane").phone_number("5551234567");
/// let customer = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch)?;
/// assert_eq!(customer.first_name.as_deref(), Some("Jane"));
/// assert!(customer.mismatches(&patch).is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn update_customer(cfg: &Config, id: &str, patch: &CustomerPatch) -> Result<Customer, Error> {
    update_with(cfg, id, patch, thread::sleep)
}

/// Reports what [`update_customer`] would reject of id and patch, and sends nothing.
///
/// [`CustomerPatch::validate`] does so for a patch alone.
///
/// # Errors
///
/// [`InvalidInput`](crate::ErrorKind::InvalidInput), with every violation in field
/// order: `id`, then the fields of the patch, or `patch` if it is empty.
///
/// # Example
///
/// ```
/// use paywithsoap::{CustomerPatch, validate};
///
/// let patch = CustomerPatch::new().phone_number("555-1234");
/// let error = validate("42", &patch).unwrap_err();
/// let fields: Vec<_> = error.violations().iter().map(|v| v.field()).collect();
/// assert_eq!(fields, ["id", "phone_number"]);
/// ```
pub fn validate(id: &str, patch: &CustomerPatch) -> Result<(), Error> {
    checked_body(id, patch).map(drop)
}

/// [`update_customer`], with the sleep between attempts to choose.
pub(crate) fn update_with(
    cfg: &Config,
    id: &str,
    patch: &CustomerPatch,
    sleep: impl Fn(Duration),
) -> Result<Customer, Error> {
    // Before the clock starts: what is invalid needs no time.
    let body = checked_body(id, patch)?;
    let mut started = Instant::now();
    // A time that no clock can show is no limit.
    let deadline = started.checked_add(cfg.timeout());
    if cfg.timeout().is_zero() {
        let cause = "the timeout is zero".into();
        return Err(Error::transport(cause, (Outcome::NotApplied, false)));
    }
    let is_in_time = |delay: &Duration| {
        let remaining = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        retry::is_worth_waiting(*delay, remaining)
    };
    let mut unknown = false;
    let mut number = 1;
    loop {
        let (response, is_new_connection) = exchange::send(cfg, id, &body, deadline);
        let on_attempt = cfg.settings.on_attempt.as_ref();
        let head = on_attempt.and(response.as_ref().ok());
        let head = head.map(|response| response.head.clone());
        let result = response.and_then(|response| read(cfg, id, patch, response));
        let error = result.as_ref().err();
        let mut delay = error.and_then(|error| next_delay(cfg, number, error));
        delay = delay.filter(is_in_time);
        if let Some(on_attempt) = on_attempt {
            on_attempt(&Attempt {
                number,
                duration: started.elapsed(),
                head,
                outcome: error.map(Error::outcome),
                retry_in: delay,
                is_new_connection,
            });
            // That may have taken a while.
            delay = delay.filter(is_in_time);
        }
        let error = match result {
            Ok(customer) => return Ok(customer.with_attempts(number)),
            Err(error) => error,
        };
        // For good: no later response takes back what an earlier attempt may have done.
        unknown |= error.outcome() == Outcome::Unknown;
        let Some(delay) = delay else {
            return Err(error.after_attempts(number, unknown));
        };
        sleep(delay);
        number += 1;
        started = Instant::now();
    }
}

/// How long to sleep before the next attempt; `None` if there is to be none.
fn next_delay(cfg: &Config, number: u32, error: &Error) -> Option<Duration> {
    let is_allowed = error.outcome() == Outcome::NotApplied || cfg.settings.retry_unknown;
    let may_retry = is_allowed && error.is_transient() && number <= cfg.settings.max_retries;
    may_retry.then(|| retry::delay(number, retry::jitter(), error.retry_after()))
}

/// The body to send, or every violation of id and patch.
fn checked_body(id: &str, patch: &CustomerPatch) -> Result<String, Error> {
    match (format::id(id).of("id"), patch.checked()) {
        (Ok(()), Ok(body)) => Ok(body),
        (id, patch) => {
            let violations = id.err().into_iter().chain(patch.err().unwrap_or_default());
            Err(Error::invalid(violations.collect()))
        }
    }
}

/// Reads the customer, or the error that the response means.
fn read(
    cfg: &Config,
    id: &str,
    patch: &CustomerPatch,
    response: Response,
) -> Result<Customer, Error> {
    if (200..300).contains(&response.head.status) {
        return read_customer(id, response);
    }
    let class = retry::classify_status(response.head.status);
    let sent = Sent {
        fields: patch.values().collect(),
        secrets: cfg.secrets().collect(),
    };
    Err(Error::api_status(error_response(response), class, &sent))
}

/// The customer in a response of 2xx.
fn read_customer(id: &str, mut response: Response) -> Result<Customer, Error> {
    let cause: BoxError = match response.truncated.take() {
        Some(source) => caused(source.kind(), "the body is truncated", source).into(),
        None if response.body.len() > MAX_BODY_SIZE => "the body is longer than 1 MiB".into(),
        // 202, say, promises that somebody will look at it.
        None if !matches!(response.head.status, 200 | 201) => {
            "the status is neither 200 nor 201".into()
        }
        None => match Customer::read(id, std::mem::take(&mut response.body)) {
            Ok(customer) => return Ok(customer.with_request_id(response.head.request_id)),
            Err((reason, body)) => {
                response.body = body;
                match response.coding {
                    None => reason.into(),
                    Some(coding) => caused(
                        InvalidData,
                        format!("the body is encoded by {coding}, though `identity` was asked for"),
                        io::Error::other(reason),
                    )
                    .into(),
                }
            }
        },
    };
    Err(Error::invalid_response(cause, error_response(response)))
}

/// What an error keeps of a response.
fn error_response(response: Response) -> ErrorResponse {
    let mut body = String::from_utf8_lossy(&response.body).into_owned();
    // Errors are kept and copied; what helps to find the cause is at the start.
    let mut end = body.len().min(64 * 1024);
    while !body.is_char_boundary(end) {
        end -= 1;
    }
    body.truncate(end);
    let head = response.head;
    ErrorResponse { head, body }
}

#[cfg(test)]
#[path = "update_tests.rs"]
mod tests;
