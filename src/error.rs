//! What a call ends in when it does not end in a customer.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::api_error::ApiError;
use crate::format::Violation;
use crate::redact::Secret;

/// Why a call did not return a customer, and whether the change was
/// applied all the same.
///
/// Its [`Display`](fmt::Display) starts with `not applied: ` or `unknown
/// whether applied: `. It holds no API key: where it quotes the server, the key
/// and every value of the patch of four or more characters are masked, but not
/// what the server words in another way. [`Debug`] prints the same, then a line
/// `caused by: ..` for each source, so that `fn main() -> Result<(), Error>`
/// reads well.
///
/// # Example
///
/// ```
/// use paywithsoap::testing::TestServer;
/// use paywithsoap::{CustomerPatch, Outcome, update_customer};
///
/// let server = TestServer::start()?;
/// let cfg = server.config().build()?;
/// let patch = CustomerPatch::new().phone_number("1-555-123-4567").email("jane");
/// let error = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).unwrap_err();
///
/// assert_eq!(error.outcome(), Outcome::NotApplied);
/// let fields: Vec<_> = error.violations().iter().map(|v| v.field()).collect();
/// assert_eq!(fields, ["email", "phone_number"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    outcome: Outcome,
    attempts: u32,
    transient: bool,
    response: Option<ErrorResponse>,
    retry_after: Option<Duration>,
    /// The server's message as Display shows it.
    message: Option<String>,
}

/// What is known of a response that was not a customer.
pub(crate) struct ErrorResponse {
    pub(crate) status: u16,
    pub(crate) request_id: Option<String>,
    pub(crate) body: String,
}

/// What happened, for a `match`.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The server responded with a status other than 2xx.
    Api(ApiError),
    /// Settings, id or patch were refused here, before anything was sent:
    /// every violation, in the order of the fields.
    InvalidInput(Vec<Violation>),
    /// No response came: a name not found, a refused connection, a bad
    /// certificate, a connection lost or a deadline passed before the head of
    /// the response was whole.
    Transport(Box<dyn StdError + Send + Sync>),
    /// The server responded with 2xx, but the body was cut, or is not this customer.
    InvalidResponse(Box<dyn StdError + Send + Sync>),
}

/// Whether a change that failed was applied all the same.
///
/// There is no third: a call that returned `Ok` was applied.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// Certainly not applied: nothing was sent, or the server refused it.
    NotApplied,
    /// Applied or not: the request left, and no response arrived. Read the customer
    /// before sending again, where somebody else may have changed it meanwhile.
    Unknown,
}

impl Error {
    /// What happened, for a `match`.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Whether the change was applied all the same, over all attempts.
    ///
    /// Once an attempt was [`Unknown`](Outcome::Unknown), a later error response
    /// leaves it so; [`kind`](Self::kind), [`status`](Self::status) and
    /// [`body`](Self::body) tell of the last attempt.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// Everything that settings, id or patch were refused for, in the order
    /// of the fields; empty for any other kind.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        match &self.0.kind {
            ErrorKind::InvalidInput(violations) => violations,
            ErrorKind::Api(_) | ErrorKind::Transport(_) | ErrorKind::InvalidResponse(_) => &[],
        }
    }

    /// The server's error response, if there was one.
    #[must_use]
    pub fn api(&self) -> Option<&ApiError> {
        match &self.0.kind {
            ErrorKind::Api(api) => Some(api),
            ErrorKind::InvalidInput(_)
            | ErrorKind::Transport(_)
            | ErrorKind::InvalidResponse(_) => None,
        }
    }

    /// The HTTP status of the last attempt, if there was a response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.response.as_ref().map(|response| response.status)
    }

    /// The response's `x-request-id`, else `request-id`, else `cf-ray`: what to
    /// name to the API's support.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.response.as_ref()?.request_id.as_deref()
    }

    /// How long the server asked to wait before the next attempt, by its
    /// `Retry-After` header.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// How many times the request was tried; 0 if nothing was tried at all.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether trying later may work, as after a refused connection, 429 or
    /// 503, but not after 422 or a bad certificate.
    ///
    /// Whether it is safe, [`outcome`](Self::outcome) says.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// The response's text, at most 64 KiB of it; U+FFFD for what is not UTF-8.
    ///
    /// Raw otherwise: it may hold the customer's data, and control characters. Of a
    /// error response it is what had come within two seconds of the headers.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        Some(&self.0.response.as_ref()?.body)
    }

    /// Refused here; `violations` holds at least one.
    pub(crate) fn invalid(violations: Vec<Violation>) -> Self {
        Self::new(ErrorKind::InvalidInput(violations), Outcome::NotApplied)
    }

    /// No complete response.
    pub(crate) fn transport(cause: Box<dyn StdError + Send + Sync>, outcome: Outcome) -> Self {
        Self::new(ErrorKind::Transport(cause), outcome)
    }

    /// 2xx with a body that is not the customer.
    pub(crate) fn invalid_response(
        cause: Box<dyn StdError + Send + Sync>,
        response: ErrorResponse,
    ) -> Self {
        let mut error = Self::new(ErrorKind::InvalidResponse(cause), Outcome::Unknown);
        error.0.response = Some(response);
        error
    }

    /// Any other status. `secrets` are kept out of what Display shows.
    pub(crate) fn api_status(
        response: ErrorResponse,
        outcome: Outcome,
        secrets: &[Secret<'_>],
    ) -> Self {
        let api = ApiError::read(response.status, &response.body);
        let message = api.display_message(secrets);
        let mut error = Self::new(ErrorKind::Api(api), outcome);
        error.0.response = Some(response);
        error.0.message = message;
        error
    }

    fn new(kind: ErrorKind, outcome: Outcome) -> Self {
        Self(Box::new(Inner {
            kind,
            outcome,
            attempts: 0,
            transient: false,
            response: None,
            retry_after: None,
            message: None,
        }))
    }

    pub(crate) fn with_transient(mut self, transient: bool) -> Self {
        self.0.transient = transient;
        self
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.0.retry_after = retry_after;
        self
    }

    pub(crate) fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// Makes the outcome that of all attempts, where an earlier one may have
    /// been applied.
    pub(crate) fn after_unknown(mut self, unknown: bool) -> Self {
        if unknown {
            self.0.outcome = Outcome::Unknown;
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.outcome {
            Outcome::NotApplied => "not applied: ",
            Outcome::Unknown => "unknown whether applied: ",
        })?;
        match &self.0.kind {
            ErrorKind::Api(api) => {
                write!(f, "the API responded with {}", api.status())?;
                match &self.0.message {
                    Some(message) => write!(f, ": {message}"),
                    None => Ok(()),
                }
            }
            ErrorKind::InvalidInput(violations) => {
                for (i, violation) in violations.iter().enumerate() {
                    write!(f, "{}{violation}", if i == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            ErrorKind::Transport(_) => f.write_str(match self.0.outcome {
                Outcome::NotApplied => "the API was not reached",
                Outcome::Unknown => "no complete response from the API",
            }),
            ErrorKind::InvalidResponse(_) => write!(
                f,
                "the API responded with {}, but not with this customer",
                self.status().unwrap_or_default()
            ),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut source = self.source();
        while let Some(cause) = source {
            write!(f, "\ncaused by: {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.kind {
            ErrorKind::Transport(cause) | ErrorKind::InvalidResponse(cause) => Some(&**cause),
            ErrorKind::Api(_) | ErrorKind::InvalidInput(_) => None,
        }
    }
}
