//! `Retry-After` reads as seconds or as an HTTP date.
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
    // The years 1970 to 9999, and 1900 to 9999.
    let now = u64::from_le_bytes(now) % 253_402_300_799 + 1;
    let then = i64::from_le_bytes(then).rem_euclid(255_611_289_600) - 2_208_988_800;

    let wait = fuzzing::retry_after(value, now);
    let digits = value.trim_matches([' ', '\t']);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = digits.bytes().try_fold(0_u64, |n, d| {
            n.checked_mul(10)?.checked_add(u64::from(d - b'0'))
        });
        assert_eq!(wait, Some(Duration::from_secs(seconds.unwrap_or(u64::MAX))));
    } else if let Some(wait) = wait {
        assert!(wait <= Duration::from_secs(253_402_300_800));
        assert!(digits.len() == 29 && digits.ends_with(" GMT"));
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
    let date = format!("Sun, {day:02} {month} {year:04} {clock} GMT");
    let wait = u64::try_from(then).unwrap_or(0).saturating_sub(now);
    assert_eq!(
        fuzzing::retry_after(&date, now),
        Some(Duration::from_secs(wait))
    );
});
