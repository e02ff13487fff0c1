//! What is redacted, by tables, and that nothing is at any offset.

use std::fmt::Write as _;

use super::*;

const KEY: &str = "sk.test-8Jw2cQe5Zr";
const HEADER: &str = "tenant 7";

#[test]
fn email_addresses_are_redacted() {
    check(&[
        // E-mail addresses, whosever they are and however they are quoted.
        ("jane@example.com is taken", "[email] is taken"),
        ("JANE+tag@EXAMPLE.COM.", "[email]."),
        ("a@b", "[email]"),
        ("!#$%&'*+/=?^_`{|}~-@b", "[email]"),
        ("'jane@example.com'", "'[email]'"),
        ("`jane@example.com`", "`[email]`"),
        ("\"jane@example.com\"", "\"[email]\""),
        ("\\\"jane@example.com\\\"", "\\\"[email]\\\""),
        (
            "\u{201C}jane@example.com\u{201D}",
            "\u{201C}[email]\u{201D}",
        ),
        ("(jane@example.com)", "([email])"),
        ("<jane@example.com>", "<[email]>"),
        ("[jane@example.com]", "[[email]]"),
        ("mailto:jane@example.com", "mailto:[email]"),
        ("a@b.com,c@d.com;e@f.com", "[email],[email];[email]"),
        ("jane@example.com's", "[email]"),
        ("\"jane doe\"@example.com is odd", "[email] is odd"),
        (
            "say \"no\" to \"jane doe\"@example.com",
            "say \"no\" to [email]",
        ),
        ("jane@[127.0.0.1] is odd", "[email] is odd"),
        ("jane@[IPv6:2001:db8::1]!", "[email]!"),
        ("jane@ex\u{E4}mple.com", "[email]"),
        ("j\u{E4}ne@example.com", "[email]"),
        ("jane\u{200B}@example.com", "[email]"),
        ("jane\u{FF20}example.com", "[email]"),
        ("jane%40example.com", "[email]"),
        ("jane\\u0040example.com", "[email]"),
        ("a@b@c@d", "[email]"),
        ("@jane@example.com", "[email]"),
        ("jane@-example-.com", "[email]"),
        (
            "https://jane:pw@example.com/x",
            "https://[first_name]:[email]",
        ),
        ("5551234567@example.com", "[email]"),
        // No address: nothing before or behind the sign.
        ("The @ sign is missing", "The @ sign is missing"),
        ("\"@\" is missing", "\"@\" is missing"),
        ("at @home", "at @home"),
        ("june@ home", "june@ home"),
        ("a@.", "a@."),
    ]);
}

#[test]
fn numbers_and_dates_are_redacted() {
    check(&[
        // Numbers.
        ("5551234567 is taken", "[number] is taken"),
        ("1234567", "[number]"),
        ("123456", "123456"),
        ("+15551234567", "+[number]"),
        ("+1 (555) - 123 - 4567.", "+[number]."),
        ("555-123-4567, 555.123.4568", "[number]"),
        ("555 123 4567 and 42", "[number] and 42"),
        ("1.2.3.4.5.6.7", "[number]"),
        ("tel:5551234567x9", "tel:[number]x9"),
        ("abc5551234567def", "abc[number]def"),
        ("55\u{AD}51\u{200B}23\u{2060}45\u{0}67", "[number]"),
        (
            "\u{665}\u{665}\u{665}\u{661}\u{662}\u{663}\u{664}",
            "[number]",
        ),
        ("\u{FF15}5\u{665}1\u{1D7D0}3\u{664}", "[number]"),
        ("5551234567\n5551234567", "[number]"),
        ("12 of 34 and 56 in 78", "12 of 34 and 56 in 78"),
        ("123         4567", "123         4567"),
        ("422 for 12345", "422 for 12345"),
        // Dates.
        ("1990-01-31 is odd", "[date] is odd"),
        ("1990-1-3", "[date]"),
        ("1990/01/31", "[date]"),
        ("1990_01_31", "[date]"),
        ("1990\u{2010}01\u{2212}31", "[date]"),
        ("01/31/1990", "[date]"),
        ("1/3/1990.", "[date]."),
        ("31.01.1990", "[date]"),
        ("31.1.90", "[date]"),
        ("90-01-31", "[date]"),
        ("born 1. 2. 1990", "born [date]"),
        ("1 / 2 / 1990", "[date]"),
        ("1 - 2 - 1990.", "[date]."),
        ("1/ 2/ 1990", "[date]"),
        ("1990. 1. 2", "[date]"),
        ("1990\u{5E74}1\u{6708}31\u{65E5}", "[date]\u{65E5}"),
        ("1990\u{B144} 1\u{C6D4} 31\u{C77C}", "[date]\u{C77C}"),
        ("1 - 2 - 90", "1 - 2 - 90"),
        ("1, 2, 1990", "1, 2, 1990"),
        ("90/31/1", "90/31/1"),
        ("0/31/90", "0/31/90"),
        ("01/31/90", "[date]"),
        ("01\\/31\\/90", "[date]"),
        ("01%2F31%2F1990", "[date]"),
        ("0000-00-00", "[date]"),
        ("1990-02-30T00:00:00.000Z", "[date]"),
        ("1990-01-31T12:00:00+02:00, at", "[date], at"),
        ("1990-01-31 12:00:00 UTC", "[date] 12:00:00 UTC"),
        ("Jan 31, 1990", "[date]"),
        ("January 3rd 1990", "[date]"),
        ("31 JAN 1990", "[date]"),
        ("31-jan-90", "[date]"),
        ("31Jan1990", "[date]"),
        ("31st of January, 1990", "[date]"),
        ("1990 Sept. 3", "[date]"),
        ("Wed, 31 Jan 1990 00:00", "Wed, [date] 00:00"),
        ("19900131", "[number]"),
        ("1990 01 31", "[number]"),
        ("1990-01-31 5551234567", "[date] [number]"),
        ("5551234567/1990-02-13", "[number]/[date]"),
        ("55512341990-02-13", "[number]"),
        ("1990-01-315551234", "[number]"),
        ("date 99/99/90", "date 99/99/90"),
        ("10.0.0.1 and 10.1.1.12", "10.0.0.1 and 10.1.1.12"),
        ("version 1.2.3", "version 1.2.3"),
        ("May I? Mar 3, no", "May I? Mar 3, no"),
        ("1990-01", "1990-01"),
        ("1990-01-31-5551234567", "[date]-[number]"),
        ("12-01/31/90", "[number]"),
        ("1-1/3/90", "1-1/3/90"),
    ]);
}

#[test]
fn values_of_this_call_are_redacted() {
    check(&[
        // Names: whole words, in any case.
        (
            "Jane, jANE and Janet",
            "[first_name], [first_name] and Janet",
        ),
        ("jane", "[first_name]"),
        ("jane_doe-JANE", "[first_name]_doe-[first_name]"),
        ("xjane janes jane1", "xjane janes [first_name]1"),
        ("Jane's", "[first_name]'s"),
        ("STRASSER-GRO\u{DF} is odd", "[last_name] is odd"),
        ("stra\u{DF}er-gross", "[last_name]"),
        ("Stra\u{DF}er", "Stra\u{DF}er"),
        ("Stra\u{DF}er-Gross2", "[last_name]2"),
        // Key and header values: anywhere, in any ASCII case.
        ("bad key sk.test-8Jw2cQe5Zr", "bad key [api_key]"),
        ("xSK.TEST-8JW2CQE5ZRx", "x[api_key]x"),
        ("no tenant 77", "no [header]7"),
        // What overlaps leaves no end behind.
        ("jane@sk.test-8Jw2cQe5Zr", "[email]"),
        ("jane@example.com/tenant 7", "[email]"),
        ("Jane@sk.test-8Jw2cQe5Zr:sk.test", "[email]:sk.test"),
        ("tenant 7654321", "[header]"),
    ]);
}

#[test]
fn names_are_found_whatever_their_letters() {
    for (name, text, shown) in [
        ("J", "J and j", "J and j"),
        ("  Jo ", "Jo.", "[first_name]."),
        ("Mary Ann", "MARY ANN and Mary", "[first_name] and Mary"),
        (
            "Mary Ann",
            "Mary  Ann, mary\tann",
            "[first_name], [first_name]",
        ),
        ("Mary \u{A0} Ann", "mary ann", "[first_name]"),
        (
            "Mary Ann",
            "a  Mary and Mary\u{A0}Anne",
            "a  Mary and Mary\u{A0}Anne",
        ),
        ("Mary Ann", "Maryann  Mary Ann", "Maryann  [first_name]"),
        ("'Abd", "O'Abd", "O[first_name]"),
        ("Ren\u{E9}e", "REN\u{C9}E", "[first_name]"),
        (
            "\u{3A3}\u{3AF}\u{3C3}\u{3C5}\u{3C6}\u{3BF}\u{3C2}",
            "\u{3A3}\u{38A}\u{3A3}\u{3A5}\u{3A6}\u{39F}\u{3A3}",
            "[first_name]",
        ),
        // No spaces between words.
        (
            "\u{738B}\u{5C0F}",
            "\u{738B}\u{5C0F}\u{660E}\u{5DF2}",
            "[first_name]\u{660E}\u{5DF2}",
        ),
        ("is", "Email is is", "Email [first_name] [first_name]"),
    ] {
        let secrets = [Secret::words("first_name", name)];
        assert_eq!(display_message(text, &secrets), shown, "{name}");
    }
}

#[test]
fn secrets_are_found_whatever_their_signs() {
    for (value, text, shown) in [
        ("", "all is well", "all is well"),
        (" \t", "all is well", "all is well"),
        (" padded\t", "un-padded!", "un-[header]!"),
        ("abab", "xababab abab", "x[header] [header]"),
        ("1", "1 of 11", "[header] of [header][header]"),
        ("a@b.c/d:e", "x a@b.c/d:e", "x [header]"),
    ] {
        let secrets = [Secret::anywhere("header", value)];
        assert_eq!(display_message(text, &secrets), shown, "{value}");
    }
}

/// The first half of a value that the end of the message cuts must not show.
#[test]
fn nothing_shows_at_any_offset() {
    for (secret, label) in [
        ("jane.roe@example.com", "[email]"),
        ("\"jane roe\"@example.com", "[email]"),
        ("5551234567", "[number]"),
        ("(555) 123-4567", "([number]"),
        ("1990-01-31", "[date]"),
        ("January 31, 1990", "[date]"),
        ("Jane", "[first_name]"),
        (KEY, "[api_key]"),
        (HEADER, "[header]"),
    ] {
        for start in (0..3).chain(277..302).chain(977..1002) {
            // Short words, so that none makes an address longer; long labels keep
            // the text short where it is to be shown up to what is scanned.
            let filler = if start < 500 {
                "no ".repeat(start / 3) + &" ".repeat(start % 3)
            } else {
                let keys = start / (KEY.len() + 1);
                format!("{KEY} ").repeat(keys) + &" ".repeat(start - keys * (KEY.len() + 1))
            };
            let text = format!("{filler}{secret} {}", "no ".repeat(100));
            let expected = text.replace(secret, label).replace(KEY, "[api_key]");
            let shown = display_message(&text, &secrets());
            let shown = shown.strip_suffix("..").unwrap();
            assert!(expected.starts_with(shown), "{secret} at {start}: {shown}");
            assert!(shown.chars().count() <= 300);
            assert!(shown.chars().count() > 250, "{secret} at {start}: {shown}");
        }
    }
}

#[test]
fn long_secrets_are_found_when_cut() {
    let key = "k".repeat(4096) + &"e".repeat(4096);
    let secrets = [Secret::anywhere("api_key", &key)];
    for start in [0, 250, 299] {
        let text = format!("{}{key} and more", "-".repeat(start));
        let shown = display_message(&text, &secrets);
        let expected = format!("{}[api_key]", "-".repeat(start));
        let cut: String = expected.chars().take(300).collect();
        assert_eq!(shown, format!("{cut}.."));
    }
}

/// What comes behind the scanned characters changes nothing, so that a hostile
/// text of 64 KiB costs what a short one does.
#[test]
fn reads_only_the_start_of_texts() {
    for part in [
        "x",
        "@",
        "1",
        "1 ",
        "1         ",
        "a@",
        "\"",
        "\"@",
        "\"a @",
        "@[",
        "1-",
        "1/",
        "jan",
        "jan ",
        "jane ",
        "sk.test-8Jw2cQe5Z",
        "%40",
        "\\",
        "\u{665}",
        "\u{301}",
        "T1",
        "1990-01-31T1",
    ] {
        let long = part.repeat(64 * 1024 / part.len());
        let short = &long[..long
            .char_indices()
            .nth(2000)
            .map_or(long.len(), |(at, _)| at)];
        assert_eq!(
            display_message(&long, &secrets()),
            display_message(short, &secrets()),
            "{part}"
        );
    }
}

#[test]
fn messages_stay_on_one_line() {
    check(&[
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\u{1B}[31mred\u{7}", r"\u{1b}[31mred\u{7}"),
        ("a\u{2028}b\u{2029}c\u{85}", r"a\u{2028}b\u{2029}c\u{85}"),
        (
            "a\u{202E}b\u{2066}c\u{61C}\u{200E}",
            r"a\u{202e}b\u{2066}c\u{61c}\u{200e}",
        ),
    ]);
}

#[track_caller]
fn check(rows: &[(&str, &str)]) {
    let mut failed = String::new();
    for (text, expected) in rows {
        let shown = display_message(text, &secrets());
        if shown != *expected {
            writeln!(failed, "{text:?}: {shown:?}, not {expected:?}").unwrap();
        }
    }
    assert!(failed.is_empty(), "these rows failed:\n{failed}");
}

fn secrets() -> [Secret<'static>; 4] {
    [
        Secret::words("first_name", "Jane"),
        Secret::words("last_name", "Stra\u{DF}er-Gross"),
        Secret::anywhere("api_key", KEY),
        Secret::anywhere("header", HEADER),
    ]
}
