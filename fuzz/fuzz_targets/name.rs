//! A name goes out as it is, or not at all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paywithsoap::CustomerPatch;
use serde_json::json;

const INVISIBLE: &str = "\u{ad}\u{115f}\u{1160}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\
    \u{2060}\u{2061}\u{2062}\u{2063}\u{2064}\u{2800}\u{3164}\u{feff}\u{ffa0}";

fuzz_target!(|name: &str| {
    let expected = name.chars().count() <= 255
        && name
            .chars()
            .any(|c| !c.is_whitespace() && !INVISIBLE.contains(c))
        && !name.contains(|c: char| c.is_control() || "\u{2028}\u{2029}\u{fffd}".contains(c));
    let first = CustomerPatch::new().first_name(name).to_json();
    assert_eq!(
        first.ok(),
        expected.then(|| json!({ "first_name": name }).to_string())
    );
    let last = CustomerPatch::new().last_name(name).to_json();
    assert_eq!(
        last.ok(),
        expected.then(|| json!({ "last_name": name }).to_string())
    );
});
