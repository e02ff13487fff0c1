//! Which words are shown, by tables, and that nothing shows at any offset.

use std::fmt::Write as _;

use super::*;

const KEY: &str = "sk.test-8Jw2cQe5Zr";
const HEADER: &str = "Tenant 7 of some";

#[test]
fn words_of_apis_are_shown() {
    for text in [
        "Email has already been taken",
        "email must be a well-formed email address; phone_number is too short",
        "Phone number is the wrong length (should be 10 characters)",
        "Customer with this E-mail already exists.",
        "Couldn't find Customer: don't retry",
        "unknown field `nickname`, expected `email` or `phone_number` at line 1 column 35",
        "JSON parse error - Expecting value: line 1 column 1 (char 0)",
        "Content-Type must be application/json; UTF-8",
        "body/email must match format \"email\", body/phone_number is invalid",
        "UNIQUE constraint failed: customers.email",
        "The 'phoneNumber' field: {[(<PHONE_NUMBER>)]}!?",
        "PhoneNumber, Phone-Number and phone-number are one",
        "[type=value_error, #/email]: is/is:not=a(b);c,d{e}",
        "must be = or + or | or / or * or - or nothing: ''",
        "422: failed with 3 errors and 12 warnings",
        "is \"odd\".",
    ] {
        assert_eq!(shown(text), text);
    }
}

#[test]
fn other_words_are_not_shown() {
    check(&[
        // Addresses, whole and in part.
        ("jane@example.com is taken", "[..] is taken"),
        ("jane at example.com, and", "jane at [..], and"),
        ("jane%40example is", "[..] is"),
        ("rosalind.featherston....example.com, no", "[..], no"),
        ("rosalind...", "[..]."),
        ("\"Featherst\u{2026}\" is taken", "[..] is taken"),
        // Dates and numbers.
        ("Date.new(1990,1,3) is", "[..] is"),
        ("3 f\u{E9}vrier 1990", "[..]"),
        ("born 1990-01-31", "born [..]"),
        ("555&nbsp;123&nbsp;4567", "[..]"),
        ("5551234567 is", "[..] is"),
        ("1234 of 123", "[..] of 123"),
        ("123 of 1234", "123 of [..]"),
        ("(555) 123-4567", "[..]"),
        ("555 123 is", "[..] is"),
        ("555 - 123 is", "[..] - [..] is"),
        ("555 '' 123", "[..] '' [..]"),
        ("a 5 b", "a 5 b"),
        ("a 5", "a 5"),
        ("5", "5"),
        ("a 5 Jane", "a [..]"),
        ("x1 1x", "[..]"),
        // Names.
        (
            "Jane Doe is already registered",
            "[..] is already registered",
        ),
        ("Jane. Doe; McDonald: O'Neil, JANE", "[..]"),
        ("Jane:", "[..]:"),
        ("_Jane xJANE x_Jane janeD", "[..]"),
        ("\u{738B}\u{5C0F}\u{660E} is", "[..] is"),
        ("Customer.jane.name", "[..]"),
        // What is neither a word nor between words.
        ("must match ^\\d{10}$", "must match [..]"),
        ("a&b a%b a@b a$b a~b a\\b a\0b a|b", "[..]"),
        ("\u{1B}[31mred\u{7} is", "[..] is"),
        (".. e.g. email.address", "[..]"),
        // One line.
        ("a\r\nb\tc\u{2028}d  e", "a b c d e"),
        ("a\u{202E}b is", "[..] is"),
        ("", ""),
        (" \n", ""),
    ]);
}

#[test]
fn values_of_this_call_are_not_shown() {
    check(&[
        // Names and address: whole runs of letters, in any case.
        ("ali invalid aLI's is", "[..] invalid [..] is"),
        ("ali-maria and (mai)=x", "[..] and [..]"),
        ("mailbox post_box email", "mailbox [..] email"),
        ("posts_is mai_is", "posts_is [..]"),
        ("example com", "[..]"),
        // Or all letters of one.
        ("maiemail al-i's jouez mail", "[..] al-i's [..] mail"),
        // Shorter ones are in too many words.
        ("jo is", "jo is"),
        // A field's name is nobody's.
        ("email phone_number", "email phone_number"),
        // The key and header values: anywhere, and eight characters of them.
        ("bad key sk.test-8Jw2cQe5Zr", "bad key [..]"),
        ("secret-key-of-acme", "[..]"),
        ("(SECRET-KEY-OF-ACMEs)", "[..]"),
        ("a cret-key-o a", "a [..] a"),
        ("a ret-key a", "a ret-key a"),
        // With a space in them.
        ("no tenant 7 of some", "no [..]"),
        ("no tenant\n7 is", "no [..] is"),
        ("no tenant is 7 of", "no tenant is 7 of"),
    ]);
    for (secret, expected) in [
        ("", "all is well"),
        (" ", "all is well"),
        ("L", "[..] is [..]"),
        (" is\twell ", "all [..]"),
    ] {
        let sent = Sent {
            fields: Vec::new(),
            secrets: vec![secret],
        };
        assert_eq!(display_message("all is well", &sent), expected);
    }
}

#[test]
fn nothing_shows_at_any_offset() {
    for secret in ["jane.roe@example.com", "5551234567", "(555) 123-4567", KEY] {
        for start in (0..3).chain(270..302).chain(977..1002) {
            let filler = match start {
                ..500 => "no ".repeat(start / 3) + &" ".repeat(start % 3),
                _ => "X".repeat(start),
            };
            let text = format!("{filler} {secret} {}", "no ".repeat(100));
            let shown = shown(&text);
            assert!(shown.len() <= 300);
            let words = shown.split(' ').all(|word| matches!(word, "no" | "[..]"));
            assert!(words, "{secret} at {start}: {shown}");
        }
    }
}

#[test]
fn messages_have_at_most_300_characters() {
    for (text, expected) in [
        ("no ".repeat(97), "no ".repeat(97).trim_end().into()),
        ("no ".repeat(200), "no ".repeat(98) + "[..]"),
        ("x".repeat(292), "x".repeat(292)),
        ("x".repeat(294), "[..]".into()),
        ("x".repeat(300) + " is", "[..]".into()),
        ("x".repeat(301) + " is", "[..] is".into()),
        (
            "no X, ".repeat(200),
            format!("{}no [..]", "no [..], ".repeat(32)),
        ),
    ] {
        assert_eq!(shown(&text), expected);
    }
}

/// What comes behind the scanned characters changes nothing, so that a hostile
/// text of 64 KiB costs what a short one does.
#[test]
fn reads_only_the_start_of_texts() {
    for part in ["X ", "1 ", "- ", "x@ ", "jane ", "secret-key ", "A'", "X"] {
        let long = part.repeat(64 * 1024 / part.len());
        let short = part.repeat(2000 / part.len());
        assert_eq!(shown(&long), shown(&short), "{part}");
    }
    assert_eq!(shown(&format!("{} is", "X ".repeat(600))), "[..]");
}

#[test]
fn the_table_is_sorted() {
    let is_word = |word: &str| {
        word.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-'".contains(&b))
    };
    assert!(API_WORDS.lines().is_sorted());
    for word in API_WORDS.lines() {
        assert!(!word.is_empty() && is_word(word), "{word:?}");
    }
}

#[track_caller]
fn check(rows: &[(&str, &str)]) {
    let mut failed = String::new();
    for (text, expected) in rows {
        let shown = shown(text);
        if shown != *expected {
            writeln!(failed, "{text:?}: {shown:?}, not {expected:?}").unwrap();
        }
    }
    assert!(failed.is_empty(), "these rows failed:\n{failed}");
}

fn shown(text: &str) -> String {
    let sent = Sent {
        fields: vec![
            (Field::Email, "mai.email@post.example.com"),
            (Field::FirstName, " Ali "),
            (Field::LastName, "Jo \u{D1}u\u{F1}ez"),
            (Field::PhoneNumber, "5551234567"),
        ],
        secrets: vec![KEY, HEADER, "Secret-Key-of-Acme"],
    };
    display_message(text, &sent)
}
