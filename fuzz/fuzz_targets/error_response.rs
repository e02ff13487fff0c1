//! Whatever the server sends, an error shows one short line without secrets and
//! without personal data.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paywithsoap::{Error, fuzzing};
use serde_json::value::RawValue;

const START: &str = "not applied: the API responded with 422";

fuzz_target!(|input: &str| {
    // A line each for the first name, the key and a header's value, then the body.
    let mut parts = input.splitn(4, '\n');
    let (Some(name), Some(key), Some(header), Some(body)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return;
    };
    let error = fuzzing::error_response(body, name, key, header);
    assert_eq!(error.body(), Some(body));
    check_field_errors(&error);
    check_another_form(&error, name, [key, header]);
    let display = error.to_string();
    assert_eq!(format!("{error:?}"), display);
    assert_eq!(format!("{error:#}"), display);

    let shown = display.strip_prefix(START).unwrap();
    if shown.is_empty() {
        return;
    }
    let shown = shown.strip_prefix(": ").unwrap();
    // The ".." of what was cut.
    assert!(shown.chars().count() <= 300 + 2);
    assert!(!shown.contains(|c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c)));
    // With one in the text, an escape cannot be told from the text.
    if !body.contains('\\') {
        check_personal_data(&unescape(shown));
        check_secrets(&unescape(shown), name, [key, header]);
    }
});

/// Every field error is of a known field, and the message names it.
fn check_field_errors(error: &Error) {
    let api = error.api().unwrap();
    assert!(api.field_errors().len() <= 100);
    // A server may write `PhoneNumber` or `phone-number`.
    let letters = |text: &str| {
        text.to_ascii_lowercase()
            .replace(|c: char| !c.is_alphanumeric(), "")
    };
    let message = letters(api.message().unwrap_or_default());
    for error in api.field_errors() {
        let names = [
            "email",
            "first_name",
            "last_name",
            "phone_number",
            "date_of_birth",
        ];
        assert!(names.contains(&error.field()));
        assert!(!error.message().is_empty());
        assert!(message.contains(&letters(error.field())), "{message}");
    }
}

/// JSON with more space between its parts, and with letters as escapes, says the same.
fn check_another_form(error: &Error, name: &str, [key, header]: [&str; 2]) {
    let body = error.body().unwrap();
    if serde_json::from_str::<&RawValue>(body).is_err() {
        return;
    }
    let mut other = String::new();
    let (mut is_text, mut is_escape) = (false, false);
    for c in body.chars() {
        // The digits of an escape stay.
        let is_plain = c.is_ascii_alphanumeric() && !c.is_ascii_hexdigit();
        if is_text && !is_escape && is_plain {
            other += &format!("\\u{:04x}", u32::from(c));
            continue;
        }
        is_text ^= c == '"' && !is_escape;
        is_escape = c == '\\' && is_text && !is_escape;
        other.push(c);
        if "{}[],:".contains(c) && !is_text {
            other.push_str("\r\n\t ");
        }
    }
    let same = fuzzing::error_response(&other, name, key, header);
    let (api, same) = (error.api().unwrap(), same.api().unwrap());
    assert_eq!(api.message(), same.message());
    assert_eq!(api.hint(), same.hint());
    assert_eq!(api.field_errors(), same.field_errors());
}

/// Neither an e-mail address nor seven digits are left. The brackets of labels and
/// the letters in them end both.
fn check_personal_data(shown: &str) {
    let is_separator = |c: char| c.is_whitespace() || r#"<>()[]:;,""#.contains(c);
    for word in shown.split(is_separator) {
        let word = word.replace("%40", "@");
        let address = word
            .char_indices()
            .any(|(at, c)| at > 0 && c == '@' && word[at..].contains(char::is_alphanumeric));
        assert!(!address, "{shown}");
    }
    let (mut digits, mut gap) = (0, 0);
    for c in shown.chars() {
        if c.is_numeric() {
            (digits, gap) = (digits + 1, 0);
        } else {
            gap += 1;
            if c.is_alphabetic() || gap > 8 {
                digits = 0;
            }
        }
        assert!(digits < 7, "{shown}");
    }
}

/// Secrets of letters and digits alone, longer than any word of a label.
fn check_secrets(shown: &str, name: &str, values: [&str; 2]) {
    let shown = shown.to_ascii_lowercase();
    let is_plain = |text: &str| text.len() >= 8 && text.bytes().all(|b| b.is_ascii_alphanumeric());
    for value in values {
        if is_plain(value) {
            assert!(!shown.contains(&value.to_ascii_lowercase()), "{shown}");
        }
    }
    // A longer word may have been cut.
    if is_plain(name) && !name.contains(|c: char| c.is_ascii_digit()) && !shown.ends_with("..") {
        let mut words = shown.split(|c: char| !c.is_alphabetic());
        assert!(
            !words.any(|word| word.eq_ignore_ascii_case(name)),
            "{shown}"
        );
    }
}

fn unescape(shown: &str) -> String {
    let mut text = String::new();
    let mut rest = shown;
    while let Some((before, escape)) = rest.split_once('\\') {
        text.push_str(before);
        text.push(' ');
        rest = match escape.strip_prefix('u') {
            // It may have been cut.
            Some(code) => code.split_once('}').map_or("", |(_, rest)| rest),
            None => escape.get(1..).unwrap_or_default(),
        };
    }
    text + rest
}
