//! What a program is told of each attempt of a call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Head, Outcome};

/// One attempt of a call, for [`ConfigBuilder::on_attempt`](crate::ConfigBuilder::on_attempt).
///
/// Its [`Debug`] shows no personal data.
///
/// # Example
///
/// ```
/// use paywithsoap::Attempt;
///
/// fn line(attempt: &Attempt) -> String {
///     let outcome = match attempt.outcome() {
///         None => "applied".into(),
///         Some(outcome) => outcome.to_string(),
///     };
///     let (number, duration) = (attempt.number(), attempt.duration());
///     match attempt.retry_in() {
///         Some(delay) => format!("attempt {number}: {outcome}, {duration:?}, again in {delay:?}"),
///         None => format!("attempt {number}: {outcome}, {duration:?}"),
///     }
/// }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Attempt {
    pub(crate) number: u32,
    pub(crate) duration: Duration,
    pub(crate) head: Option<Head>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) retry_in: Option<Duration>,
    pub(crate) is_new_connection: bool,
}

/// What a program does after each attempt.
pub(crate) type OnAttempt = Arc<dyn Fn(&Attempt) + Send + Sync>;

impl Attempt {
    /// Returns which attempt of its call it is, from 1.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Returns how long it took, from the wait for a connection to the end of the
    /// response.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Returns the HTTP status, if there was a response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.head.as_ref().map(|head| head.status)
    }

    /// Returns the response's `x-request-id`, else `request-id`, else `cf-ray`.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.head.as_ref()?.request_id.as_deref()
    }

    /// Returns whether this attempt may have applied the change; `None` if it has.
    ///
    /// [`Error::outcome`](crate::Error::outcome) is that of the whole call.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// Returns the delay until the next attempt; `None` if this is the last. None
    /// follows where the function that is told this takes the rest of the call's time.
    #[must_use]
    pub fn retry_in(&self) -> Option<Duration> {
        self.retry_in
    }

    /// Returns whether a connection was opened for it: false for one of an earlier
    /// call, and where none could be opened.
    #[must_use]
    pub fn is_new_connection(&self) -> bool {
        self.is_new_connection
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the request id, whose text is the server's choice.
        f.debug_struct("Attempt")
            .field("number", &self.number)
            .field("duration", &self.duration)
            .field("status", &self.status())
            .field("outcome", &self.outcome)
            .field("retry_in", &self.retry_in)
            .field("is_new_connection", &self.is_new_connection)
            .finish_non_exhaustive()
    }
}
