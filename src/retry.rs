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
        408 | 425 | 429 => (Outcome::NotApplied, Retry::Safe),
        400..=499 => (Outcome::NotApplied, Retry::Never),
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

fn http_date(value: &str, this_year: i32) -> Option<OffsetDateTime> {
    let words: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
    let (year, month, day, time) = match words[..] {
        // Sun, 06 Nov 1994 08:49:37 GMT
        [weekday, day, month, year, time, "GMT"] if weekday.ends_with(',') && year.len() == 4 => {
            (number(year)?, month, day, time)
        }
        // Sunday, 06-Nov-94 08:49:37 GMT
        [weekday, date, time, "GMT"] if weekday.ends_with(',') => {
            let mut parts = date.split('-');
            let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
            if parts.next().is_some() || year.len() != 2 {
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
        [_, month, day, time, year] if year.len() == 4 => (number(year)?, month, day, time),
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

/// Up to four ASCII digits, without a sign.
fn number(digits: &str) -> Option<i32> {
    let plain = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok())?
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_come_to_what_the_table_says() {
        use Outcome::{NotApplied, Unknown};
        for status in 100..=999 {
            let expected = match status {
                408 | 425 | 429 => (NotApplied, Retry::Safe),
                500 | 502 | 503 | 504 | 520 | 521 | 522 | 523 | 524 => (Unknown, Retry::Unsafe),
                400..=499 => (NotApplied, Retry::Never),
                _ => (Unknown, Retry::Never),
            };
            assert_eq!(classify_status(status), expected, "{status}");
        }
    }

    #[test]
    fn a_lost_connection_is_unknown_once_the_request_was_sent() {
        assert_eq!(
            classify_transport(true, true),
            (Outcome::Unknown, Retry::Unsafe)
        );
        assert_eq!(
            classify_transport(true, false),
            (Outcome::Unknown, Retry::Unsafe)
        );
        assert_eq!(
            classify_transport(false, true),
            (Outcome::NotApplied, Retry::Safe)
        );
        assert_eq!(
            classify_transport(false, false),
            (Outcome::NotApplied, Retry::Never)
        );
    }

    #[test]
    fn only_failures_that_pass_are_tried_again() {
        for kind in [
            ErrorKind::NotFound,
            ErrorKind::ConnectionRefused,
            ErrorKind::HostUnreachable,
            ErrorKind::NetworkUnreachable,
            ErrorKind::NetworkDown,
            ErrorKind::AddrNotAvailable,
            ErrorKind::ConnectionReset,
            ErrorKind::ConnectionAborted,
            ErrorKind::BrokenPipe,
            ErrorKind::NotConnected,
            ErrorKind::UnexpectedEof,
            ErrorKind::TimedOut,
        ] {
            assert!(is_transient(kind), "{kind:?}");
        }
        for kind in [
            ErrorKind::InvalidData,
            ErrorKind::InvalidInput,
            ErrorKind::Other,
            ErrorKind::PermissionDenied,
            ErrorKind::OutOfMemory,
        ] {
            assert!(!is_transient(kind), "{kind:?}");
        }
    }

    #[test]
    fn delays_double_up_to_eight_seconds_and_vary_by_half() {
        for (attempt, most) in [
            (1, 500),
            (2, 1000),
            (3, 2000),
            (4, 4000),
            (5, 8000),
            (6, 8000),
        ] {
            let most = Duration::from_millis(most);
            assert_eq!(delay(attempt, u32::MAX, None), most, "{attempt}");
            assert_eq!(delay(attempt, 0, None), most / 2, "{attempt}");
            let middle = delay(attempt, u32::MAX / 2, None);
            assert!(middle > most / 2 && middle < most, "{attempt}: {middle:?}");
        }
        assert_eq!(delay(u32::MAX, u32::MAX, None), Duration::from_secs(8));
        assert_eq!(delay(0, u32::MAX, None), Duration::from_millis(500));
    }

    #[test]
    fn a_delay_is_never_less_than_retry_after() {
        let seconds = |s| Some(Duration::from_secs(s));
        assert_eq!(delay(1, 0, seconds(3)), Duration::from_secs(3));
        assert_eq!(delay(5, u32::MAX, seconds(3)), Duration::from_secs(8));
        assert_eq!(delay(1, 0, seconds(0)), Duration::from_millis(250));
        assert_eq!(
            delay(1, 0, seconds(u64::MAX)),
            Duration::from_secs(u64::MAX)
        );
    }

    #[test]
    fn no_delay_is_slept_over_thirty_seconds_or_past_the_deadline() {
        let seconds = Duration::from_secs;
        assert!(is_worth_waiting(seconds(30), None));
        assert!(!is_worth_waiting(
            seconds(30) + Duration::from_nanos(1),
            None
        ));
        assert!(is_worth_waiting(seconds(2), Some(seconds(3))));
        assert!(!is_worth_waiting(seconds(3), Some(seconds(3))));
        assert!(!is_worth_waiting(seconds(4), Some(seconds(3))));
    }

    #[test]
    fn jitter_varies() {
        let first = jitter();
        assert!((0..64).any(|_| jitter() != first));
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_date() {
        // 1994-11-06 08:49:37 UTC
        let now = OffsetDateTime::from_unix_timestamp(784_111_777).ok();
        for (value, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 7\t", Some(7)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", Some(u64::MAX)),
            ("99999999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Mon, 07 Nov 1994 08:49:37 GMT", Some(86_400)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(252_618_189_022)),
            ("Sun, 06 Nov 1994 08:49:60 GMT", Some(22)),
            ("Sunday, 06-Nov-94 08:49:47 GMT", Some(10)),
            ("Sunday, 06-Nov-44 08:49:37 GMT", Some(1_577_923_200)),
            ("Sunday, 06-Nov-45 08:49:37 GMT", Some(0)),
            ("Sun Nov  6 08:49:47 1994", Some(10)),
            ("Wed Nov 16 08:49:37 1994", Some(864_000)),
            ("", None),
            (" ", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1s", None),
            ("soon", None),
            ("\u{661}", None),
            ("Sun, 06 Nov 1994 08:49:37", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Nov 1994 08:49:61 GMT", None),
            ("Sun, 06 Nov 1994 24:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:60:37 GMT", None),
            ("Sun, 06 Nov 1994 8:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37:00 GMT", None),
            ("Sun, 31 Nov 1994 08:49:37 GMT", None),
            ("Sun, 00 Nov 1994 08:49:37 GMT", None),
            ("Sun, 256 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 94 08:49:37 GMT", None),
            ("Sun, 06 Nov +994 08:49:37 GMT", None),
            ("Sunday, 06-Nov-1994 08:49:37 GMT", None),
            ("Sunday 06-Nov-94 08:49:37 GMT", None),
            ("Sunday, 06-Nov-94-1 08:49:37 GMT", None),
            ("Sunday, 06-Nov 08:49:37 GMT", None),
            ("Sun 06 Nov 1994 08:49:37 GMT", None),
            ("Sun Nov  6 08:49:47 94", None),
        ] {
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(value, now), expected, "{value:?}");
        }
    }

    #[test]
    fn retry_after_holds_at_the_edges_of_the_clock() {
        const RFC_850: &str = "Sunday, 06-Nov-94 08:49:37 GMT";
        let first = Date::MIN.midnight().assume_utc();
        let last = Date::MAX.midnight().assume_utc();
        // The year meant would be -10006.
        assert_eq!(retry_after(RFC_850, Some(first)), None);
        assert_eq!(retry_after(RFC_850, Some(last)), Some(Duration::ZERO));
        for now in [first, last] {
            assert!(
                retry_after("Sun Nov  6 08:49:37 9999", Some(now)).is_some(),
                "{now}"
            );
        }
    }
}
