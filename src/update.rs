//! The call: validate, send, retry, return.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::config::Config;
use crate::customer::{Customer, InvalidBody};
use crate::error::{Error, ErrorResponse, Outcome};
use crate::exchange::{self, MAX_BODY_SIZE, Response};
use crate::format::{self, Violation};
use crate::patch::CustomerPatch;
use crate::redact::Secret;
use crate::retry::{self, Retry};

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

/// [`update_customer`], with the sleep between attempts to choose.
pub(crate) fn update_with(
    cfg: &Config,
    id: &str,
    patch: &CustomerPatch,
    sleep: impl Fn(Duration),
) -> Result<Customer, Error> {
    // Before the clock starts: what is invalid needs no time.
    let body = validate(id, patch)?;
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
        // For good: no later response takes back what an earlier attempt may have done.
        unknown |= error.outcome() == Outcome::Unknown;
        let delay = next_delay(cfg, attempt, retry, error.retry_after(), deadline);
        let Some(delay) = delay else {
            return Err(error
                .with_transient(retry != Retry::Never)
                .with_attempts(attempt)
                .after_unknown(unknown));
        };
        sleep(delay);
        attempt += 1;
    }
}

/// How long to sleep before the next attempt; `None` if there is to be none.
fn next_delay(
    cfg: &Config,
    attempt: u32,
    retry: Retry,
    retry_after: Option<Duration>,
    deadline: Option<Instant>,
) -> Option<Duration> {
    let may_retry = match retry {
        Retry::Never => false,
        Retry::Safe => true,
        Retry::Unsafe => cfg.retry_unknown(),
    };
    if !may_retry || attempt > cfg.max_retries() {
        return None;
    }
    let delay = retry::delay(attempt, retry::jitter(), retry_after);
    let remaining = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    retry::is_worth_waiting(delay, remaining).then_some(delay)
}

/// The body to send, or every violation of id and patch.
fn validate(id: &str, patch: &CustomerPatch) -> Result<String, Error> {
    match (format::id(id), patch.checked()) {
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
    let response = exchange::send(cfg, id, body, deadline).map_err(|failure| {
        let (outcome, retry) = retry::classify_transport(failure.sent, failure.is_transient);
        (Error::transport(failure.cause, outcome), retry)
    })?;
    if (200..300).contains(&response.status) {
        return read_customer(id, response).map_err(|error| (error, Retry::Never));
    }
    let (outcome, retry) = retry::classify_status(response.status);
    let retry_after = response
        .retry_after
        .as_deref()
        .and_then(|value| retry::retry_after(value, retry::utc(SystemTime::now())));
    let settings = cfg
        .secrets()
        .map(|(name, value)| Secret::anywhere(name, value));
    let secrets: Vec<_> = patch.secrets().chain(settings).collect();
    let error = Error::api_status(error_response(response), outcome, &secrets);
    Err((error.with_retry_after(retry_after), retry))
}

/// The customer in a response of 2xx.
fn read_customer(id: &str, mut response: Response) -> Result<Customer, Error> {
    let reason = match response.truncated.take() {
        Some(cause) => InvalidBody::Truncated(cause),
        None if response.body.len() > MAX_BODY_SIZE => InvalidBody::TooLong,
        // 202, say, promises that somebody will look at it.
        None if !matches!(response.status, 200 | 201) => InvalidBody::Status,
        None => match Customer::read(id, std::mem::take(&mut response.body)) {
            Ok(customer) => return Ok(customer.with_request_id(response.request_id)),
            Err((reason, body)) => {
                response.body = body;
                reason
            }
        },
    };
    Err(Error::invalid_response(
        Box::new(reason),
        error_response(response),
    ))
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
    ErrorResponse {
        status: response.status,
        request_id: response.request_id,
        body,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::config::ConfigBuilder;
    use crate::error::ErrorKind;
    use crate::model_tests::Log;
    use crate::testing::{Fault, TestServer};

    const ID: &str = TestServer::CUSTOMER_ID;

    /// Makes a call that meets these faults, and tells what it slept.
    fn call(
        server: &TestServer,
        cfg: ConfigBuilder,
        faults: impl IntoIterator<Item = Fault>,
    ) -> (Result<Customer, Error>, Vec<Duration>) {
        faults.into_iter().for_each(|fault| server.fail_next(fault));
        let slept = RefCell::new(Vec::new());
        let result = update_with(&cfg.build().unwrap(), ID, &patch(), |delay| {
            slept.borrow_mut().push(delay);
        });
        (result, slept.into_inner())
    }

    fn patch() -> CustomerPatch {
        CustomerPatch::new().first_name("Joan")
    }

    fn response(status: u16) -> Fault {
        Fault::Respond {
            status,
            headers: vec![("x-request-id".into(), format!("req_{status}"))],
            body: format!("{{\"error\":\"no {status}\"}}").into(),
        }
    }

    fn come_back(status: u16, retry_after: &str) -> Fault {
        Fault::Respond {
            status,
            headers: vec![("retry-after".into(), retry_after.into())],
            body: Vec::new(),
        }
    }

    #[test]
    fn sleeps_double_from_half_a_second_to_eight_and_vary_by_half() {
        let server = TestServer::start().unwrap();
        let cfg = server.config().max_retries(6).timeout(Duration::MAX);
        let (result, slept) = call(&server, cfg, vec![response(429); 6]);
        assert_eq!(result.unwrap().first_name.as_deref(), Some("Joan"));
        assert_eq!(slept.len(), 6);
        for (slept, most) in slept.iter().zip([500, 1000, 2000, 4000, 8000, 8000]) {
            let most = Duration::from_millis(most);
            assert!((most / 2..=most).contains(slept), "{slept:?} of {most:?}");
        }
        assert_eq!(server.requests().len(), 7);
    }

    #[test]
    fn sleeps_are_never_shorter_than_retry_after() {
        let server = TestServer::start().unwrap();
        let faults = [
            come_back(429, "30"),
            come_back(408, "0"),
            come_back(425, "7"),
            come_back(429, "soon"),
        ];
        let cfg = server.config().max_retries(4).timeout(Duration::MAX);
        let (result, slept) = call(&server, cfg, faults);
        assert!(result.is_ok());
        let seconds = Duration::from_secs;
        assert_eq!(slept.len(), 4);
        assert_eq!((slept[0], slept[2]), (seconds(30), seconds(7)));
        let backoff = Duration::from_millis(500)..=seconds(1);
        assert!(backoff.contains(&slept[1]), "{slept:?}");
        let backoff = seconds(2)..=seconds(4);
        assert!(backoff.contains(&slept[3]), "{slept:?}");
    }

    #[test]
    fn a_retry_after_over_thirty_seconds_is_returned() {
        let server = TestServer::start().unwrap();
        for (value, wish) in [
            ("31", 31),
            ("3600", 3600),
            ("99999999999999999999", u64::MAX),
        ] {
            let cfg = server.config().timeout(Duration::MAX);
            let (result, slept) = call(&server, cfg, [come_back(429, value)]);
            let error = result.unwrap_err();
            assert!(slept.is_empty(), "{value}");
            assert_eq!(error.retry_after(), Some(Duration::from_secs(wish)));
            assert_eq!(error.attempts(), 1);
            assert_eq!(error.outcome(), Outcome::NotApplied);
            assert!(error.is_transient());
        }
    }

    #[test]
    fn a_sleep_past_the_deadline_is_not_slept() {
        let server = TestServer::start().unwrap();
        let cfg = server.config().timeout(Duration::from_secs(20));
        let (result, slept) = call(&server, cfg.clone(), [come_back(429, "20")]);
        let error = result.unwrap_err();
        assert!(slept.is_empty());
        assert_eq!(error.retry_after(), Some(Duration::from_secs(20)));
        assert_eq!(error.attempts(), 1);

        let (result, slept) = call(&server, cfg, [come_back(429, "10")]);
        assert!(result.is_ok());
        assert_eq!(slept, [Duration::from_secs(10)]);

        // The shortest backoff is a quarter of a second.
        let cfg = server.config().timeout(Duration::from_millis(249));
        let (result, slept) = call(&server, cfg, [response(429)]);
        assert_eq!(result.unwrap_err().attempts(), 1);
        assert!(slept.is_empty());
    }

    #[test]
    fn retries_depend_on_status_and_setting() {
        for (fault, plain, unsafe_too, transient) in [
            (response(408), 2, 2, true),
            (response(425), 2, 2, true),
            (response(429), 2, 2, true),
            (response(400), 1, 1, false),
            (response(401), 1, 1, false),
            (response(422), 1, 1, false),
            (response(302), 1, 1, false),
            (response(501), 1, 1, false),
            (response(500), 1, 2, true),
            (response(502), 1, 2, true),
            (response(503), 1, 2, true),
            (response(504), 1, 2, true),
            (response(520), 1, 2, true),
            (response(524), 1, 2, true),
            // An invalid body, which is not tried again.
            (response(200), 1, 1, false),
            (Fault::CloseAfterReading, 1, 2, true),
            (Fault::CloseBeforeReading, 1, 2, true),
            (Fault::Reset, 1, 2, true),
            (Fault::Truncate(20), 1, 2, true),
            (Fault::Raw(b"nonsense".into()), 1, 2, true),
        ] {
            for (retry_unknown, attempts) in [(false, plain), (true, unsafe_too)] {
                let server = TestServer::start().unwrap();
                let cfg = server.config().max_retries(1).retry_unknown(retry_unknown);
                let (result, slept) = call(&server, cfg, [fault.clone(), fault.clone()]);
                let error = result.unwrap_err();
                assert_eq!(error.attempts(), attempts, "{fault:?} {retry_unknown}");
                assert_eq!(slept.len() + 1, attempts as usize, "{fault:?}");
                assert_eq!(error.is_transient(), transient, "{fault:?}");
            }
        }
    }

    #[test]
    fn max_retries_0_is_one_attempt() {
        let server = TestServer::start().unwrap();
        let cfg = server.config().max_retries(0).retry_unknown(true);
        for status in [429, 503] {
            let (result, slept) = call(&server, cfg.clone(), [response(status)]);
            let error = result.unwrap_err();
            assert_eq!((error.attempts(), slept), (1, vec![]), "{status}");
        }
        assert_eq!(server.requests().len(), 2);
    }

    #[test]
    fn once_unknown_always_unknown_whatever_the_last_attempt_says() {
        let server = TestServer::start().unwrap();
        for status in [401, 422, 429] {
            let cfg = server.config().max_retries(1).retry_unknown(true);
            let (result, _) = call(&server, cfg, [response(503), response(status)]);
            let error = result.unwrap_err();
            assert_eq!(error.outcome(), Outcome::Unknown, "{status}");
            assert_eq!(error.attempts(), 2);
            // All else tells of the last attempt.
            assert_eq!(error.status(), Some(status));
            assert_eq!(error.request_id(), Some(&*format!("req_{status}")));
            assert_eq!(
                error.body(),
                Some(&*format!("{{\"error\":\"no {status}\"}}"))
            );
            assert_eq!(
                error.api().unwrap().message(),
                Some(&*format!("no {status}"))
            );
            assert_eq!(
                format!("{:?}", error.api().unwrap()),
                format!("ApiError {{ status: {status}, field_errors: [], .. }}")
            );
            assert_eq!(error.is_transient(), status == 429);
            assert_eq!(
                error.to_string(),
                format!("unknown whether applied: the API responded with {status}: no {status}")
            );
        }
    }

    #[test]
    fn unknown_stays_unknown_where_the_next_connection_is_refused() {
        let server = TestServer::start().unwrap();
        let cfg = server.config().retry_unknown(true).build().unwrap();
        server.fail_next(response(503));
        let server = RefCell::new(Some(server));
        let error = update_with(&cfg, ID, &patch(), |_| drop(server.take())).unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown);
        assert_eq!(error.attempts(), 3);
        assert!(matches!(error.kind(), ErrorKind::Transport(_)));
        assert_eq!(
            (error.status(), error.body(), error.request_id()),
            (None, None, None)
        );
        assert!(error.is_transient());
    }

    #[test]
    fn refused_connections_are_tried_again_and_leave_nothing_applied() {
        let server = TestServer::start().unwrap();
        let cfg = server.config().build().unwrap();
        drop(server);
        let slept = RefCell::new(Vec::new());
        let error = update_with(&cfg, ID, &patch(), |delay| slept.borrow_mut().push(delay));
        let error = error.unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotApplied);
        assert_eq!((error.attempts(), slept.borrow().len()), (3, 2));
        assert!(error.is_transient());
    }

    #[test]
    fn retry_after_of_an_earlier_attempt_is_forgotten() {
        let server = TestServer::start().unwrap();
        let cfg = server.config().max_retries(1);
        let (result, slept) = call(&server, cfg, [come_back(429, "2"), response(422)]);
        let error = result.unwrap_err();
        assert_eq!(slept, [Duration::from_secs(2)]);
        assert_eq!(error.retry_after(), None);
        assert_eq!(error.outcome(), Outcome::NotApplied);
    }

    #[test]
    fn a_retry_returns_the_customer_as_it_is() {
        let log = Log::default();
        let server = TestServer::start_observed(log.clone()).unwrap();
        let cfg = server.config().max_retries(3).retry_unknown(true);
        let faults = [response(503), Fault::CloseAfterReading, Fault::Reset];
        let (result, slept) = call(&server, cfg, faults);
        let customer = result.unwrap();
        assert_eq!(slept.len(), 3);
        assert_eq!(customer.raw_json(), server.customer(ID).unwrap());
        // Twice: by the attempt whose response was lost, and by the last.
        assert_eq!(log.applied(), [br#"{"first_name":"Joan"}"#; 2]);
    }

    #[test]
    fn a_truncated_body_names_its_cause() {
        let server = TestServer::start().unwrap();
        let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
        let cfg = server.config();
        let (result, _) = call(&server, cfg, [Fault::Raw(cut.to_vec())]);
        let error = result.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown);
        assert_eq!((error.status(), error.body()), (Some(200), Some("{")));
        let shown = format!("{error:?}");
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(
            lines[..2],
            [
                "unknown whether applied: the API responded with 200, but not with this customer",
                "caused by: the body is truncated",
            ]
        );
        assert_eq!(lines.len(), 3, "{shown}");
    }

    #[test]
    fn a_timeout_of_zero_tries_nothing() {
        let server = TestServer::start().unwrap();
        let cfg = server.config().timeout(Duration::ZERO);
        let (result, slept) = call(&server, cfg, []);
        let error = result.unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotApplied);
        assert_eq!((error.attempts(), slept), (0, vec![]));
        assert_eq!(
            format!("{error:?}"),
            "not applied: the API was not reached\ncaused by: the timeout is zero"
        );
        assert_eq!(server.requests(), []);
    }
}
