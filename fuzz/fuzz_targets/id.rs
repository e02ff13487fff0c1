//! An id is `cus_` and 1 to 128 ASCII letters or digits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paywithsoap::fuzzing;

fuzz_target!(|id: &str| {
    let expected = matches!(id.as_bytes(), [b'c', b'u', b's', b'_', rest @ ..]
        if !rest.is_empty()
            && rest.len() < 129
            && rest.iter().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')));
    assert_eq!(fuzzing::id(id), expected);
});
