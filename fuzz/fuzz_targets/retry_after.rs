//! `Retry-After` reads as seconds or as one of the three forms of an HTTP date.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use paywithsoap::fuzzing;
use time::OffsetDateTime;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

fuzz_target!(|input: &[u8]| {
    // Two times, then the header.
    let Some((&now, rest)) = input.split_first_chunk() else {
        return;
    };
    let Some((&then, value)) = rest.split_first_chunk() else {
        return;
    };
    let Ok(value) = str::from_utf8(value) else {
        return;
    };
    // The years 0000 to 9999.
    let second = |n: i64| n.rem_euclid(315_569_520_000) - 62_167_219_200;
    let (now, then) = (
        second(i64::from_le_bytes(now)),
        second(i64::from_le_bytes(then)),
    );

    let wait = fuzzing::retry_after(value, now);
    let digits = value.trim_matches([' ', '\t']);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = digits.bytes().try_fold(0_u64, |n, d| {
            n.checked_mul(10)?.checked_add(u64::from(d - b'0'))
        });
        assert_eq!(wait, Some(Duration::from_secs(seconds.unwrap_or(u64::MAX))));
    } else if let Some(wait) = wait {
        assert!(wait <= Duration::from_secs(315_569_520_000));
        assert!(value.contains(':'));
    }

    let at = OffsetDateTime::from_unix_timestamp(then).unwrap();
    let month = MONTHS[usize::from(u8::from(at.month())) - 1];
    let (year, day, clock) = (at.year(), at.day(), at.time());
    let clock = format!(
        "{:02}:{:02}:{:02}",
        clock.hour(),
        clock.minute(),
        clock.second()
    );
    let expected = Some(Duration::from_secs(u64::try_from(then - now).unwrap_or(0)));
    let long = format!("Sun, {day:02} {month} {year:04} {clock} GMT");
    assert_eq!(fuzzing::retry_after(&long, now), expected);
    let asctime = format!("Sun {month} {day:2} {clock} {year:04}");
    assert_eq!(fuzzing::retry_after(&asctime, now), expected);
    let this_year = OffsetDateTime::from_unix_timestamp(now).unwrap().year();
    if (-49..=50).contains(&(year - this_year)) {
        let short = format!("Sunday, {day:02}-{month}-{:02} {clock} GMT", year % 100);
        assert_eq!(fuzzing::retry_after(&short, now), expected);
    }
});
