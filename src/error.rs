//! Why a call did not return a customer, and whether the change was applied.

use std::error::Error as StdError;
use std::fmt;
use std::iter;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::api_error::ApiError;
use crate::format::Violation;
use crate::redact::Sent;

/// Why a call did not return a customer, and whether the change may have been
/// applied.
///
/// | to print | use |
/// |---|---|
/// | one line: outcome and kind | `{error}` |
/// | one line with the causes, for logs | `{error:#}` |
/// | a line for each cause, as `main` prints it | `{error:?}` |
///
/// The text starts with `not applied: ` or `unknown whether applied: `. It holds no
/// API key, no header value and no rejected value. The server's message is part
/// of it, at most 300 characters on one line. Plain lower-case words, field names,
/// numbers of up to three digits and words that APIs use, like `Invalid`, are shown.
/// `[..]` stands for anything else, and for what the call sent. [`body`](Self::body) and
/// [`api`](Self::api) return the response unredacted.
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
    /// The server's message as Display shows it.
    message: Option<String>,
}

/// The outcome of an attempt that failed, and whether the failure is transient.
pub(crate) type Class = (Outcome, bool);

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// What an error keeps of a response.
pub(crate) struct ErrorResponse {
    pub(crate) head: Head,
    pub(crate) body: String,
}

/// What is kept of a response's head.
#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) request_id: Option<Arc<str>>,
    /// What the `Retry-After` header asks for.
    pub(crate) retry_after: Option<Duration>,
    /// The `Content-Type` header; `None` for 2xx.
    pub(crate) content_type: Option<Arc<str>>,
}

/// What happened, for a `match`.
///
/// # Example
///
/// ```
/// use paywithsoap::{Error, ErrorKind};
///
/// fn advice(error: &Error) -> &'static str {
///     match error.kind() {
///         ErrorKind::InvalidInput(_) => "correct the fields of violations()",
///         ErrorKind::Api(api) if api.status() == 401 => "check the API key",
///         ErrorKind::Api(_) => "see field_errors() and message()",
///         ErrorKind::Transport(_) if error.is_transient() => "try again later",
///         _ => "report request_id() to the API's support",
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The server responded with a status other than 2xx.
    Api(ApiError),
    /// Settings, id or patch were rejected before anything was sent. The list has
    /// every violation, at least one, in field order.
    InvalidInput(Vec<Violation>),
    /// The server responded with 2xx, but the body is truncated, is too long or is
    /// not this customer.
    InvalidResponse(Box<dyn StdError + Send + Sync>),
    /// There was no complete response: a name that was not found, a connection that
    /// was refused or closed, a certificate that was not accepted, a timeout.
    Transport(Box<dyn StdError + Send + Sync>),
}

/// Whether a change that failed may have been applied.
///
/// There is no third outcome: a call that returned `Ok` was applied.
///
/// # Example
///
/// ```
/// use paywithsoap::{Error, Outcome};
///
/// fn next_step(error: &Error) -> &'static str {
///     match error.outcome() {
///         Outcome::NotApplied => "the customer is as before",
///         Outcome::Unknown => "read the customer before sending again",
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// The change was certainly not applied: nothing was sent, or the server
    /// responded with a 4xx status, by which it says that it did not act
    /// (RFC 9110, 15.5).
    NotApplied,
    /// The change may have been applied: the request was sent, and no response tells.
    /// Read the customer before sending again, since somebody else may have changed
    /// it meanwhile.
    Unknown,
}

impl Error {
    /// Returns what happened, for a `match`.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Returns the text of the error without the outcome's words, for a message that
    /// has its own; `{:#}` adds the causes.
    ///
    /// ```
    /// use paywithsoap::{CustomerPatch, validate};
    ///
    /// let patch = CustomerPatch::new().first_name("Jane");
    /// let error = validate("cus-1", &patch).unwrap_err();
    /// assert_eq!(error.to_string(), format!("{}: {}", error.outcome(), error.reason()));
    /// ```
    #[must_use]
    pub fn reason(&self) -> impl fmt::Display + '_ {
        Reason(self)
    }

    /// Returns whether the change may have been applied, over all attempts.
    ///
    /// Once an attempt was [`Unknown`](Outcome::Unknown), a later 4xx response does
    /// not change that. [`kind`](Self::kind), [`status`](Self::status) and
    /// [`body`](Self::body) describe the last attempt.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// Returns everything that is wrong with settings, id or patch, in field order;
    /// empty for any kind but [`InvalidInput`](ErrorKind::InvalidInput).
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        match &self.0.kind {
            ErrorKind::InvalidInput(violations) => violations,
            ErrorKind::Api(_) | ErrorKind::InvalidResponse(_) | ErrorKind::Transport(_) => &[],
        }
    }

    /// Returns the server's error response; `None` for any kind but
    /// [`Api`](ErrorKind::Api).
    #[must_use]
    pub fn api(&self) -> Option<&ApiError> {
        match &self.0.kind {
            ErrorKind::Api(api) => Some(api),
            ErrorKind::InvalidInput(_)
            | ErrorKind::InvalidResponse(_)
            | ErrorKind::Transport(_) => None,
        }
    }

    /// Returns the HTTP status of the last attempt, if there was a response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.head().map(|head| head.status)
    }

    /// Returns the response's `x-request-id`, else `request-id`, else `cf-ray`, which
    /// the API's support may ask for.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.head()?.request_id.as_deref()
    }

    /// Returns how long the server asked to wait before the next attempt, by the
    /// `Retry-After` header of the last response.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.head()?.retry_after
    }

    /// Returns how many times the request was tried; 0 if nothing was tried.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Returns whether trying later may succeed: true after a refused connection, 429
    /// or 503, false after 422 or a certificate that was not accepted.
    ///
    /// Whether trying again is safe is what [`outcome`](Self::outcome) returns.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// Returns the response's body as text, at most 64 KiB of it, with U+FFFD for
    /// what is not UTF-8.
    ///
    /// Raw otherwise: it may hold personal data and control characters. Of an error
    /// response it is what arrived within two seconds of the headers.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        Some(&self.0.response.as_ref()?.body)
    }

    fn head(&self) -> Option<&Head> {
        Some(&self.0.response.as_ref()?.head)
    }

    /// Invalid input; `violations` holds at least one.
    pub(crate) fn invalid(violations: Vec<Violation>) -> Self {
        let kind = ErrorKind::InvalidInput(violations);
        Self::new(kind, (Outcome::NotApplied, false), None)
    }

    /// No complete response.
    pub(crate) fn transport(cause: BoxError, class: Class) -> Self {
        Self::new(ErrorKind::Transport(cause), class, None)
    }

    /// 2xx with a body that is not the customer.
    pub(crate) fn invalid_response(cause: BoxError, response: ErrorResponse) -> Self {
        let kind = ErrorKind::InvalidResponse(cause);
        Self::new(kind, (Outcome::Unknown, false), Some(response))
    }

    /// Any other status, to a request that `sent` describes.
    pub(crate) fn api_status(response: ErrorResponse, class: Class, sent: &Sent<'_>) -> Self {
        // Made now, while what was sent is at hand: an error holds none of it.
        let ErrorResponse { head, body } = &response;
        let api = ApiError::read(head.status, head.content_type.as_deref(), body, sent);
        let message = api.display_message(sent);
        let mut error = Self::new(ErrorKind::Api(api), class, Some(response));
        error.0.message = message;
        error
    }

    fn new(kind: ErrorKind, class: Class, response: Option<ErrorResponse>) -> Self {
        let (outcome, transient) = class;
        Self(Box::new(Inner {
            kind,
            outcome,
            attempts: 0,
            transient,
            response,
            message: None,
        }))
    }

    /// Sets how many attempts there were. The outcome is `Unknown` if that of any attempt was.
    pub(crate) fn after_attempts(mut self, attempts: u32, unknown: bool) -> Self {
        self.0.attempts = attempts;
        if unknown {
            self.0.outcome = Outcome::Unknown;
        }
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotApplied => "not applied",
            Self::Unknown => "unknown whether applied",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.outcome())?;
        Reason(self).fmt(f)
    }
}

/// Why a call did not return a customer, without its outcome.
struct Reason<'a>(&'a Error);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        match &error.0.kind {
            ErrorKind::Api(api) => {
                write!(f, "the API responded with {}", api.status())?;
                if let Some(message) = &error.0.message {
                    write!(f, ": {message}")?;
                }
            }
            ErrorKind::InvalidInput(violations) => {
                for (i, violation) in violations.iter().enumerate() {
                    write!(f, "{}{violation}", if i == 0 { "" } else { "; " })?;
                }
            }
            ErrorKind::InvalidResponse(_) => write!(
                f,
                "the API responded with {}, but not with this customer",
                // Always there: `invalid_response` sets it.
                error.status().unwrap_or_default()
            )?,
            // Of a cause that says how, the first line tells only how far it got.
            ErrorKind::Transport(_) => f.write_str(match error.0.outcome {
                Outcome::NotApplied => "the API was not reached",
                Outcome::Unknown => "no complete response from the API",
            })?,
        }
        // Not without being asked: those who print sources themselves (anyhow, say)
        // would print them twice.
        if f.alternate() {
            causes(error).try_for_each(|cause| write!(f, ": {cause}"))?;
        }
        Ok(())
    }
}

/// What the sources of an error say, the outermost first, without those that the
/// one above has said: native-tls's error says what its source does.
fn causes(error: &Error) -> impl Iterator<Item = String> {
    let mut above = String::new();
    iter::successors(error.source(), |&cause| cause.source())
        .map(ToString::to_string)
        .filter(move |cause| !mem::replace(&mut above, cause.clone()).contains(cause))
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What `fn main() -> Result<(), Error>` prints.
        write!(f, "{self}")?;
        causes(self).try_for_each(|cause| write!(f, "\ncaused by: {cause}"))
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.kind {
            ErrorKind::Transport(cause) | ErrorKind::InvalidResponse(cause) => Some(&**cause),
            // Display says all of it, and a source would be printed twice.
            ErrorKind::Api(_) | ErrorKind::InvalidInput(_) => None,
        }
    }
}
