//! What is retried, and after how long. Nothing here sleeps.

use std::io::ErrorKind;
use std::process;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::error::{Class, Outcome};
use crate::format;

/// What a status other than 2xx says of the change, and whether it is transient.
///
/// 4xx is the API's word that it did not act (RFC 9110, 15.5), and three of them
/// ask to come back. A server or gateway that responds with 5xx may have applied
/// the change before it failed.
pub(crate) fn classify_status(status: u16) -> Class {
    match status {
        // RFC 9110, 15.5.9; RFC 8470, 5.2; RFC 6585, 4.
        408 | 425 | 429 => (Outcome::NotApplied, true),
        400..=499 => (Outcome::NotApplied, false),
        // 520 to 524 are Cloudflare's, for a server without a usable response.
        500 | 502 | 503 | 504 | 520..=524 => (Outcome::Unknown, true),
        _ => (Outcome::Unknown, false),
    }
}

/// The outcome of an attempt without a response, and whether the failure is transient.
pub(crate) fn classify_transport(sent: bool, kind: ErrorKind) -> Class {
    if sent {
        // A client certificate that is wanted will be wanted again.
        (Outcome::Unknown, kind != ErrorKind::PermissionDenied)
    } else {
        (Outcome::NotApplied, is_transient(kind))
    }
}

/// Whether an I/O error before the request was sent may pass: name not found,
/// refused, unreachable, reset, end of stream, timeout.
pub(crate) fn is_transient(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
            | ErrorKind::UnexpectedEof
            | ErrorKind::TimedOut
    )
}

/// How long to wait after attempt number `attempt`, counted from 1.
///
/// min(8 s, 0.5 s * 2^(attempt - 1)) times a factor in [0.5, 1] that `jitter`
/// chooses, and never less than `retry_after`.
pub(crate) fn delay(attempt: u32, jitter: u32, retry_after: Option<Duration>) -> Duration {
    // Half of it. Five attempts reach the most; the shift must not overflow.
    let half = Duration::from_millis(250 << attempt.saturating_sub(1).min(4));
    let backoff = half + half.mul_f64(f64::from(jitter) / f64::from(u32::MAX));
    backoff.max(retry_after.unwrap_or_default())
}

/// Whether a delay is worth sleeping: at most 30 s, and over before the time
/// that remains.
pub(crate) fn is_worth_waiting(delay: Duration, remaining: Option<Duration>) -> bool {
    delay <= Duration::from_secs(30) && remaining.is_none_or(|remaining| delay < remaining)
}

/// A number that varies from call to call and from process to process.
///
/// Spreading retries needs no secret, and what the system calls random may be
/// missing or refused. The clock and the process id always exist.
pub(crate) fn jitter() -> u32 {
    let clock = UNIX_EPOCH.elapsed().unwrap_or_else(|e| e.duration());
    scatter(clock.subsec_nanos(), process::id())
}

/// Spreads times and process ids that are close to each other over all of u32, by
/// Fibonacci hashing.
fn scatter(nanos: u32, process: u32) -> u32 {
    nanos.wrapping_add(process).wrapping_mul(0x9E37_79B9)
}

/// Reads a `Retry-After` header that arrives at `now`: seconds, or an HTTP date
/// (RFC 9110, 10.2.3).
///
/// Anything else is ignored, and so is a date where the clock shows 1970 or before.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More seconds than fit is still a clear wish.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let at = http_date(value)?.unix_timestamp();
    let now = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
    // A date that has passed asks for no wait at all.
    let wait = u64::try_from(at).unwrap_or(0).saturating_sub(now);
    (now > 0).then_some(Duration::from_secs(wait))
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, the one form of an HTTP date that servers
/// may send (RFC 9110, 5.6.7). Which day of the week it is, is not checked.
fn http_date(value: &str) -> Option<OffsetDateTime> {
    // The parser is one of e-mail: it takes comments, other zones and short years.
    let has_shape = format::has_shape(value, "Aaa, 00 Aaa 0000 00:00:00 AAA");
    (has_shape && value.ends_with("GMT")).then(|| OffsetDateTime::parse(value, &Rfc2822).ok())?
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
