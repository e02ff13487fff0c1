//! A date is `YYYY-MM-DD`, and a day that can be counted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paywithsoap::CustomerPatch;
use serde_json::json;

fuzz_target!(|date: &str| {
    let json = CustomerPatch::new().date_of_birth(date).to_json();
    assert_eq!(
        json.ok(),
        is_day(date).then(|| json!({ "date_of_birth": date }).to_string())
    );
});

fn is_day(date: &str) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date.as_bytes() else {
        return false;
    };
    let digits = [y1, y2, y3, y4, m1, m2, d1, d2];
    if !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let number = |digits: &[u8]| digits.iter().fold(0, |n, d| n * 10 + u32::from(d - b'0'));
    let (year, month, day) = (
        number(&digits[..4]),
        number(&digits[4..6]),
        number(&digits[6..]),
    );
    let leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    year >= 1 && (1..=days).contains(&day)
}
