//! A phone number is ten ASCII digits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paywithsoap::CustomerPatch;
use serde_json::json;

fuzz_target!(|number: &str| {
    let expected = matches!(number.as_bytes(), [_, _, _, _, _, _, _, _, _, _])
        && !number.contains(|c| !matches!(c, '0'..='9'));
    let json = CustomerPatch::new().phone_number(number).to_json();
    assert_eq!(
        json.ok(),
        expected.then(|| json!({ "phone_number": number }).to_string())
    );
});
