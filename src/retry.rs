//! What is retried, and after how long. Nothing here sleeps.

use std::io::ErrorKind;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::{Date, Month, OffsetDateTime, Time};

use crate::error::Outcome;

/// Whether a failed attempt may be followed by another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Retry {
    /// Another attempt would end the same, or what it would do is unknown.
    Never,
    /// Nothing was applied, and trying again may work.
    Safe,
    /// Trying again may work, and may apply the change twice.
    Unsafe,
}

/// What a status other than 2xx says of the change.
///
/// 4xx is the API's word that it did not act (RFC 9110, 15.5), and three of them
/// ask to come back. A server or gateway that responds with 5xx may have applied
/// the change before it failed.
pub(crate) fn classify_status(status: u16) -> (Outcome, Retry) {
    match status {
        // RFC 9110, 15.5.9; RFC 8470, 5.2; RFC 6585, 4.
        408 | 425 | 429 => (Outcome::NotApplied, Retry::Safe),
        400..=499 => (Outcome::NotApplied, Retry::Never),
        // 520 to 524 are Cloudflare's, for a server without a usable response.
        500 | 502 | 503 | 504 | 520..=524 => (Outcome::Unknown, Retry::Unsafe),
        _ => (Outcome::Unknown, Retry::Never),
    }
}

/// What it says of the change that there is no response.
///
/// `is_transient` tells whether the failure may pass.
pub(crate) fn classify_transport(sent: bool, is_transient: bool) -> (Outcome, Retry) {
    match (sent, is_transient) {
        (true, _) => (Outcome::Unknown, Retry::Unsafe),
        (false, true) => (Outcome::NotApplied, Retry::Safe),
        (false, false) => (Outcome::NotApplied, Retry::Never),
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

/// Whether what a proxy responded to CONNECT with may pass: it could not reach
/// the API, for now.
pub(crate) fn is_transient_proxy_status(status: u16) -> bool {
    matches!(status, 502..=504)
}

/// How long to wait after attempt number `attempt`, counted from 1.
///
/// min(8 s, 0.5 s * 2^(attempt - 1)) times a factor in [0.5, 1] that `jitter`
/// chooses, and never less than `retry_after`.
pub(crate) fn delay(attempt: u32, jitter: u32, retry_after: Option<Duration>) -> Duration {
    // Five attempts reach the most; the shift must not overflow.
    let doublings = attempt.saturating_sub(1).min(4);
    let full = Duration::from_millis(500 << doublings).min(Duration::from_secs(8));
    let half = full / 2;
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
/// missing or refused. So this mixes what always exists: a counter, the clock,
/// the process and where its stack is.
pub(crate) fn jitter() -> u32 {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let calls = CALLS.fetch_add(1, Ordering::Relaxed);
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let clock = since_epoch.unwrap_or_else(|before| before.duration());
    let stack = (&raw const calls).addr();
    [
        u64::from(calls),
        clock.as_secs(),
        clock.subsec_nanos().into(),
        process::id().into(),
        stack as u64,
    ]
    .into_iter()
    .fold(0, |hash, part| mix(hash ^ part))
    .to_le_bytes()
    .first_chunk()
    .map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// The finalizer of splitmix64, by which each bit depends on all.
fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ bits >> 31
}

/// A time of the system's clock, unless the clock is plainly wrong: at 1970 or
/// before, or after the year 9999.
pub(crate) fn utc(now: SystemTime) -> Option<OffsetDateTime> {
    let since_epoch = now.duration_since(UNIX_EPOCH).ok()?;
    let seconds = i64::try_from(since_epoch.as_secs()).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .filter(|now| seconds > 0 && now.year() <= 9999)
}

/// Reads a `Retry-After` header: seconds, or an HTTP date in one of the three
/// forms of RFC 9110, 5.6.7. Anything else is ignored, and so is a date where
/// the time is not known.
pub(crate) fn retry_after(value: &str, now: Option<OffsetDateTime>) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More seconds than fit is still a clear wish.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let now = now?;
    let at = http_date(value, now.year())?;
    // A date that has passed asks for no wait at all.
    Some(Duration::try_from(at - now).unwrap_or_default())
}

/// The three forms of RFC 9110, 5.6.7.
fn http_date(value: &str, this_year: i32) -> Option<OffsetDateTime> {
    let words: Vec<&str> = value.split(' ').collect();
    let (year, month, day, time) = match words[..] {
        // Sun, 06 Nov 1994 08:49:37 GMT
        [weekday, day, month, year, time, "GMT"]
            if is_short_weekday(weekday.strip_suffix(',')?)
                && day.len() == 2
                && year.len() == 4 =>
        {
            (number(year)?, month, day, time)
        }
        // Sunday, 06-Nov-94 08:49:37 GMT
        [weekday, date, time, "GMT"] if WEEKDAYS.contains(&weekday.strip_suffix(',')?) => {
            let mut parts = date.split('-');
            let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
            if parts.next().is_some() || day.len() != 2 || year.len() != 2 {
                return None;
            }
            // At most 50 years ahead, else in the past.
            let year = this_year - this_year.rem_euclid(100) + number(year)?;
            let year = match year - this_year {
                51.. => year - 100,
                ..=-50 => year + 100,
                _ => year,
            };
            (year, month, day, time)
        }
        // Sun Nov  6 08:49:37 1994
        [weekday, month, "", day, time, year]
            if is_short_weekday(weekday) && day.len() == 1 && year.len() == 4 =>
        {
            (number(year)?, month, day, time)
        }
        [weekday, month, day, time, year]
            if is_short_weekday(weekday) && day.len() == 2 && year.len() == 4 =>
        {
            (number(year)?, month, day, time)
        }
        _ => return None,
    };
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = Month::try_from(u8::try_from(month + 1).ok()?).ok()?;
    let date = Date::from_calendar_date(year, month, number(day)?.try_into().ok()?).ok()?;
    let mut parts = time.split(':').map(|part| {
        let two = (part.len() == 2).then_some(part)?;
        u8::try_from(number(two)?).ok()
    });
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // A leap second is the second before it, for a wait.
    let time = Time::from_hms(hour, minute, second.min(59)).ok()?;
    if parts.next().is_some() || second > 60 {
        return None;
    }
    Some(date.with_time(time).assume_utc())
}

/// Whether it is `Sun` or the like. Which day of the week a date is, is not checked.
fn is_short_weekday(word: &str) -> bool {
    WEEKDAYS.iter().any(|day| word == &day[..3])
}

/// Up to four ASCII digits, without a sign.
fn number(digits: &str) -> Option<i32> {
    let plain = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok())?
}

const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
