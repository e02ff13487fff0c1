//! No certificate of a PEM file goes missing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paywithsoap::fuzzing;

const BEGIN: &[u8] = b"BEGIN CERTIFICATE-----";

fuzz_target!(|pem: &[u8]| {
    let read = fuzzing::pem(pem);
    let begun = pem
        .windows(BEGIN.len())
        .filter(|part| part.eq_ignore_ascii_case(BEGIN))
        .count();
    if let Some(read) = read {
        assert!(read > 0);
        // However the marker was written, indented or in lower case.
        assert_eq!(read, begun);
    }

    // A good certificate before or after changes nothing for the others.
    let good = b"-----BEGIN CERTIFICATE-----\nMAMwAaA=\n-----END CERTIFICATE-----\n";
    let after = fuzzing::pem(&[pem, b"\n", good].concat());
    let before = fuzzing::pem(&[good, pem].concat());
    if let Some(read) = read {
        assert_eq!(after, Some(read + 1));
        assert_eq!(before, Some(read + 1));
    } else if begun > 0 {
        assert_eq!(after, None);
    }
});
