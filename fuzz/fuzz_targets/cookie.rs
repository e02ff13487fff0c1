//! `cookie` lines are removed from the head of a request, and nothing else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paywithsoap::fuzzing;

fuzz_target!(|request: &[u8]| {
    let mut expected = Vec::new();
    let mut removed = 0;
    let mut is_head = true;
    for line in request.split_inclusive(|byte| *byte == b'\n') {
        let is_line = line.ends_with(b"\n");
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        is_head &= is_line && !matches!(text, b"" | b"\r");
        let name = text.split(|byte| *byte == b':').next().unwrap_or_default();
        if is_head && text.contains(&b':') && name.eq_ignore_ascii_case(b"cookie") {
            removed += line.len();
        } else {
            expected.extend_from_slice(line);
        }
    }
    let (actual, count) = fuzzing::remove_cookie(request);
    assert_eq!(actual, expected);
    assert_eq!(count, removed);
});
