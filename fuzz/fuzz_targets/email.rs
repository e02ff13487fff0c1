//! An e-mail address is what the pattern of the HTML Living Standard matches.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use paywithsoap::CustomerPatch;
use regex_lite::Regex;
use serde_json::json;

static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[a-zA-Z0-9.!#$%&'*+\/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$").unwrap()
});

fuzz_target!(|email: &str| {
    let expected = email.len() <= 254 && PATTERN.is_match(email);
    let json = CustomerPatch::new().email(email).to_json();
    assert_eq!(
        json.ok(),
        expected.then(|| json!({ "email": email }).to_string())
    );
});
