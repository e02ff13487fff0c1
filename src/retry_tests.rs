use super::*;

#[test]
fn statuses_are_classified_by_the_table() {
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
fn transport_failures_are_unknown_once_sent() {
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
fn only_transient_failures_are_retried() {
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
fn jitter_varies() {
    let first = jitter();
    assert!((0..64).any(|_| jitter() != first));
}

#[test]
fn reads_retry_after_seconds_and_dates() {
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
        ("Sun Nov 06 08:50:37 1994", Some(60)),
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
        ("Xyz, 06 Nov 1994 08:50:37 GMT", None),
        (", 06 Nov 1994 08:50:37 GMT", None),
        ("Sunday, 06 Nov 1994 08:50:37 GMT", None),
        ("Sun, 6 Nov 1994 08:50:37 GMT", None),
        ("Sun,  06 Nov 1994 08:50:37 GMT", None),
        ("Sun, 06 Nov 1994 08:50:37  GMT", None),
        ("Sun, 06-Nov-94 08:50:37 GMT", None),
        ("Sunday, 6-Nov-94 08:50:37 GMT", None),
        ("Xyz Nov  6 08:50:37 1994", None),
        ("Sun Nov 6 08:50:37 1994", None),
        ("Sun Nov  06 08:50:37 1994", None),
    ] {
        let expected = expected.map(Duration::from_secs);
        assert_eq!(retry_after(value, now), expected, "{value:?}");
    }
}

#[test]
fn reads_retry_after_at_extreme_times() {
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
