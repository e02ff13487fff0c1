use std::time::Instant;

use super::*;

#[test]
fn statuses_are_classified_by_the_table() {
    use Outcome::{NotApplied, Unknown};
    for status in 100..=999 {
        let expected = match status {
            408 | 425 | 429 => (NotApplied, true),
            500 | 502 | 503 | 504 | 520 | 521 | 522 | 523 | 524 => (Unknown, true),
            400..=499 => (NotApplied, false),
            _ => (Unknown, false),
        };
        assert_eq!(classify_status(status), expected, "{status}");
    }
}

#[test]
fn transport_failures_are_unknown_once_sent() {
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
        let of = |sent| classify_transport(sent, kind);
        assert_eq!(of(true), (Outcome::Unknown, true), "{kind:?}");
        assert_eq!(of(false), (Outcome::NotApplied, true), "{kind:?}");
    }
    for kind in [
        ErrorKind::InvalidData,
        ErrorKind::InvalidInput,
        ErrorKind::Other,
        ErrorKind::OutOfMemory,
    ] {
        let of = |sent| classify_transport(sent, kind);
        assert_eq!(of(true), (Outcome::Unknown, true), "{kind:?}");
        assert_eq!(of(false), (Outcome::NotApplied, false), "{kind:?}");
    }
}

#[test]
fn what_is_not_permitted_is_never_retried() {
    let of = |sent| classify_transport(sent, ErrorKind::PermissionDenied);
    assert_eq!(of(true), (Outcome::Unknown, false));
    assert_eq!(of(false), (Outcome::NotApplied, false));
}

#[test]
fn jittered_delays_double_to_eight_seconds() {
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

/// The crate page is the one place that states them.
#[test]
fn the_docs_state_the_delays() {
    let seconds = |attempt, jitter| delay(attempt, jitter, None).as_secs_f64();
    let (first, most) = (seconds(1, u32::MAX), seconds(u32::MAX, u32::MAX));
    let least = seconds(1, 0) / first;
    let is_worth = |s| is_worth_waiting(Duration::from_secs(s), None);
    let limit = (0..3600).rev().find(|&s| is_worth(s)).unwrap();
    let page = include_str!("lib.rs").replace("\n//!", "");
    for stated in [
        format!("`min({most} s, {first} s * 2^(k-1))`"),
        format!("a random factor between {least} and 1"),
        format!("A delay of more than {limit} s"),
    ] {
        assert!(page.contains(&stated), "{stated}");
    }
}

#[test]
fn delays_are_at_least_retry_after() {
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
fn no_delay_exceeds_thirty_seconds_or_deadline() {
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
fn jitter_varies_by_time() {
    let first = jitter();
    // A clock may stand still for some milliseconds.
    let end = Instant::now() + Duration::from_secs(5);
    while jitter() == first {
        assert!(Instant::now() < end);
    }
}

#[test]
fn processes_started_at_once_wait_apart() {
    // As a supervisor starts them: ids in a row, within a microsecond or not.
    for step in [0, 1, 100, 1000, 1_000_000] {
        let mut draws: Vec<_> = (0..100)
            .map(|n| scatter(123_456_789 + n * step, 4000 + n))
            .collect();
        draws.sort_unstable();
        // Of even steps each would be 1 percent; ten percent of the range have some.
        let mut tenths: Vec<_> = draws.iter().map(|draw| draw / (u32::MAX / 10)).collect();
        tenths.dedup();
        assert!(tenths.len() >= 10, "{step}: {tenths:?}");
        draws.dedup();
        assert_eq!(draws.len(), 100, "{step}");
    }
}

#[test]
fn reads_retry_after_seconds_and_dates() {
    // 1994-11-06 08:49:37 UTC
    let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
    for (value, expected) in [
        ("0", Some(0)),
        ("120", Some(120)),
        (" 7\t", Some(7)),
        ("007", Some(7)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", Some(u64::MAX)),
        ("99999999999999999999999999", Some(u64::MAX)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        (" Sun, 06 Nov 1994 08:49:38 GMT ", Some(1)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
        ("Mon, 07 Nov 1994 08:49:37 GMT", Some(86_400)),
        // What has passed asks for no wait.
        ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Mon, 01 Jan 1900 00:00:00 GMT", Some(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(252_618_189_022)),
        ("Sat, 31 Dec 1994 23:59:60 GMT", Some(4_806_622)),
        // The day of the week is not looked up.
        ("Tue, 06 Nov 1994 08:50:37 GMT", Some(60)),
        ("Thu, 29 Feb 1996 08:49:37 GMT", Some(41_472_000)),
        ("", None),
        (" ", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("1e3", None),
        ("1s", None),
        ("1 2", None),
        ("120, 60", None),
        ("soon", None),
        ("\u{661}", None),
        ("Sun, 06 Nov 1994 08:49:37", None),
        ("Sun, 06 Nov 1994 08:49:37 CET", None),
        ("Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("Sun, 06 Nov 1994 08:49:37 gmt", None),
        ("Sun, 06 Nov 1994 08:49:37 EST", None),
        ("Sun, 06 Nov 1994 08:49:37 +0000", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT+1", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT;", None),
        ("Sun, 06 Nov 1994 08:49:60 GMT", None),
        ("Sun, 06 Nov 1994 08:49:61 GMT", None),
        ("Sun, 06 Nov 1994 24:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:60:37 GMT", None),
        ("Sun, 06 Nov 1994 8:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37:00 GMT", None),
        ("Sun, 31 Nov 1994 08:49:37 GMT", None),
        ("Wed, 29 Feb 1995 08:49:37 GMT", None),
        ("Sun, 00 Nov 1994 08:49:37 GMT", None),
        ("Sun, 256 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 nov 1994 08:49:37 GMT", None),
        ("SUN, 06 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 94 08:49:37 GMT", None),
        ("Sun, 06 Nov +994 08:49:37 GMT", None),
        ("Sun 06 Nov 1994 08:49:37 GMT", None),
        ("06 Nov 1994 08:49:37 GMT", None),
        ("Xyz, 06 Nov 1994 08:50:37 GMT", None),
        ("Sun, 06 Xyz 1994 08:50:37 GMT", None),
        (", 06 Nov 1994 08:50:37 GMT", None),
        ("Sunday, 06 Nov 1994 08:50:37 GMT", None),
        ("Sun, 6 Nov 1994 08:50:37 GMT", None),
        ("Sun,  6 Nov 1994 08:50:37 GMT", None),
        ("Sun,  06 Nov 1994 08:50:37 GMT", None),
        ("Sun, 06 Nov 1994 08:50:37  GMT", None),
        ("Sun, 06(c)Nov 1994 08:50:37 GMT", None),
        ("Sun, 06 Nov 1994 08:50:37 GM\u{ff34}", None),
        // .NET's and Go's zero time, which is before all that the parser reads.
        ("Mon, 01 Jan 0001 00:00:00 GMT", None),
    ] {
        let expected = expected.map(Duration::from_secs);
        assert_eq!(retry_after(value, now), expected, "{value:?}");
    }
}

/// RFC 9110, 5.6.7: a recipient of an HTTP date should read these too. Nothing sends
/// them any more, and the worst of it is the usual delay.
#[test]
fn obsolete_date_forms_are_ignored() {
    for value in [
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun Nov 16 08:49:37 1994",
    ] {
        assert_eq!(
            retry_after(value, UNIX_EPOCH + Duration::from_secs(1)),
            None
        );
    }
}

#[test]
fn reads_retry_after_at_extreme_times() {
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LAST: &str = "Fri, 31 Dec 9999 23:59:59 GMT";
    let at = |seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    // The clock was never set, so that a date says nothing. Seconds do.
    let before = UNIX_EPOCH - Duration::from_secs(1);
    for now in [before, UNIX_EPOCH, UNIX_EPOCH + Duration::from_millis(999)] {
        assert_eq!(retry_after(DATE, now), None);
        assert_eq!(retry_after("7", now), Some(Duration::from_secs(7)));
    }
    assert_eq!(
        retry_after(DATE, at(1).unwrap()),
        Some(Duration::from_secs(784_111_776))
    );
    // As far as the system's clock goes, which differs.
    for seconds in [253_402_300_799, 253_402_300_800, u64::MAX / 2, u64::MAX] {
        if let Some(now) = at(seconds) {
            assert_eq!(retry_after(LAST, now), Some(Duration::ZERO), "{seconds}");
        }
    }
}
