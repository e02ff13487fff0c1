//! The call: check, try, wait, answer.

use std::thread;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use crate::config::Config;
use crate::customer::{Customer, Unreadable};
use crate::error::{Answered, Error, Outcome, Secret};
use crate::exchange::{self, Answer, BODY_MOST};
use crate::field::{self, Violation};
use crate::patch::CustomerPatch;
use crate::retry::{self, Retry};

/// Changes some details of one customer: `PATCH /api/v1/customers/{id}`.
///
/// Sends the fields that `patch` sets, and answers with the customer as it is
/// after the change. `Ok` means applied; of an error,
/// [`outcome`](Error::outcome) says whether it was applied all the same. The
/// call returns within the [`timeout`](crate::ConfigBuilder::timeout) of `cfg`.
///
/// # Errors
///
/// The [`kind`](Error::kind) tells what happened:
///
/// - [`Invalid`](crate::ErrorKind::Invalid): id or patch break a format.
///   Every violation is there, and nothing was sent.
/// - [`Api`](crate::ErrorKind::Api): the server answered, and not with 2xx.
/// - [`Transport`](crate::ErrorKind::Transport): no complete answer came.
/// - [`Unreadable`](crate::ErrorKind::Unreadable): the server answered 2xx,
///   but the body is not this customer.
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
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn update_customer(cfg: &Config, id: &str, patch: &CustomerPatch) -> Result<Customer, Error> {
    update_with(cfg, id, patch, thread::sleep)
}

/// [`update_customer`], with the sleep between attempts to choose.
pub(crate) fn update_with(
    cfg: &Config,
    id: &str,
    patch: &CustomerPatch,
    sleep: impl Fn(Duration),
) -> Result<Customer, Error> {
    let body = check(id, patch)?;
    // A time that no clock can show is no limit.
    let deadline = Instant::now().checked_add(cfg.timeout());
    if cfg.timeout().is_zero() {
        let cause = "the timeout is zero".into();
        return Err(Error::transport(cause, Outcome::NotApplied));
    }
    let mut unknown = false;
    let mut attempt = 1;
    loop {
        let (error, retry) = match try_once(cfg, id, patch, &body, deadline) {
            Ok(customer) => return Ok(customer),
            Err(failed) => failed,
        };
        unknown |= error.outcome() == Outcome::Unknown;
        let delay = retry::delay(attempt, retry::jitter(), error.retry_after());
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let again = match retry {
            Retry::Never => false,
            Retry::Safe => true,
            Retry::Unsafe => cfg.retry_unknown(),
        };
        if !again || attempt > cfg.max_retries() || !retry::is_worth_waiting(delay, left) {
            return Err(error
                .with_transient(retry != Retry::Never)
                .with_attempts(attempt)
                .after_unknown(unknown));
        }
        sleep(delay);
        attempt += 1;
    }
}

/// The body to send, or every violation of id and patch.
fn check(id: &str, patch: &CustomerPatch) -> Result<String, Error> {
    match (field::id(id), patch.checked()) {
        (Ok(()), Ok(body)) => Ok(body),
        (id, patch) => {
            let id = id.err().map(|rule| Violation::new("id", rule));
            let violations = id.into_iter().chain(patch.err().unwrap_or_default());
            Err(Error::invalid(violations.collect()))
        }
    }
}

/// One attempt, and whether another may follow it.
fn try_once(
    cfg: &Config,
    id: &str,
    patch: &CustomerPatch,
    body: &str,
    deadline: Option<Instant>,
) -> Result<Customer, (Error, Retry)> {
    let answer = exchange::send(cfg, id, body, deadline).map_err(|failure| {
        let (outcome, retry) = retry::of_transport(failure.sent, failure.passing);
        (Error::transport(failure.cause, outcome), retry)
    })?;
    if (200..300).contains(&answer.status) {
        return read_customer(id, answer).map_err(|error| (error, Retry::Never));
    }
    let (outcome, retry) = retry::of_status(answer.status);
    let retry_after = answer
        .retry_after
        .as_deref()
        .and_then(|value| retry::retry_after(value, OffsetDateTime::now_utc()));
    let secrets: Vec<_> = patch
        .values()
        .chain([Secret {
            name: "api_key",
            value: cfg.api_key(),
        }])
        .collect();
    let error = Error::api_status(answered(answer), outcome, &secrets);
    Err((error.with_retry_after(retry_after), retry))
}

/// The customer in an answer of 2xx.
fn read_customer(id: &str, mut answer: Answer) -> Result<Customer, Error> {
    let reason = match answer.cut.take() {
        Some(cause) => Unreadable::Cut(cause),
        None if answer.body.len() > BODY_MOST => Unreadable::TooLong,
        None if !matches!(answer.status, 200 | 201) => Unreadable::Status,
        None => {
            let request_id = answer.request_id.clone();
            match Customer::read(id, std::mem::take(&mut answer.body), request_id) {
                Ok(customer) => return Ok(customer),
                Err((reason, body)) => {
                    answer.body = body;
                    reason
                }
            }
        }
    };
    Err(Error::unreadable(Box::new(reason), answered(answer)))
}

/// What an error keeps of an answer.
fn answered(answer: Answer) -> Answered {
    let mut body = String::from_utf8_lossy(&answer.body).into_owned();
    let mut end = body.len().min(64 * 1024);
    while !body.is_char_boundary(end) {
        end -= 1;
    }
    body.truncate(end);
    Answered {
        status: answer.status,
        request_id: answer.request_id,
        body: Some(body),
    }
}
