//! Whatever the server says, an error shows one short line without secrets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paywithsoap::fuzzing;

const START: &str = "not applied: the API responded with 422";

fuzz_target!(|input: &str| {
    // A line each for the e-mail address and the key, then the body.
    let mut parts = input.splitn(3, '\n');
    let (Some(email), Some(key), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
        return;
    };
    let error = fuzzing::error_body(body, email, key);
    let shown = error.to_string();
    let said = shown.strip_prefix(START).unwrap();
    if !said.is_empty() {
        assert!(said.starts_with(": "));
    }
    // 300 characters, each perhaps escaped, and the mark of a cut.
    assert!(said.chars().count() <= 2 + 300 * "\\u{10ffff}".len() + 2);
    assert!(!said.contains(|c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c)));
    assert_eq!(format!("{error:?}"), shown);
    assert_eq!(error.body(), Some(body));
    // An escape must not read as the start of a secret.
    let said = ["\\n", "\\r", "\\t", "\\u"]
        .iter()
        .fold(said.to_ascii_lowercase(), |said, escape| {
            said.replace(escape, " ")
        });
    for secret in [email, key] {
        if secret.len() >= 12 && secret.bytes().all(|b| b.is_ascii_alphanumeric()) {
            assert!(!said.contains(&secret.to_ascii_lowercase()), "{shown}");
        }
    }
});
