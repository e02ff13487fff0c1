//! Every format, by tables: the corpora of `tests/data`, and rows of our own
//! for the edges and for each message.

use std::fmt::Write;

use paywithsoap::testing::TestServer;
use paywithsoap::{Config, CustomerPatch, Error, Violation, update_customer};
use regex_syntax::hir::{Class, HirKind};

#[test]
fn email_addresses_match_the_corpus() {
    check_corpus(include_str!("../data/email.tsv"), email);
}

#[test]
fn phone_numbers_match_the_corpus() {
    check_corpus(include_str!("../data/phone_number.tsv"), phone_number);
}

#[test]
fn dates_of_birth_match_the_corpus() {
    check_corpus(include_str!("../data/date_of_birth.tsv"), date_of_birth);
}

#[test]
fn ids_match_the_corpus() {
    let id = IdCheck::new();
    check_corpus(include_str!("../data/id.tsv"), |value| id.of(value));
}

#[test]
fn base_urls_match_the_corpus() {
    check_corpus(include_str!("../data/base_url.tsv"), base_url);
}

#[test]
fn api_keys_match_the_corpus() {
    check_corpus(include_str!("../data/api_key.tsv"), api_key);
}

#[test]
fn rejects_email_addresses_with_a_rule() {
    const SHAPE: &str = "email must be an e-mail address as HTML defines it, like \
        customer@example.com: no quotes, spaces, brackets, second `@` or empty part of the domain";
    const SPACE: &str = "email must be a bare e-mail address: drop the white space around it";
    const LIST: &str = "email must be one e-mail address: no list, and no comma or semicolon";
    const NO_AT: &str =
        "email must be an e-mail address, like customer@example.com: there is no `@`";
    const LONG: &str = "email must be at most 254 bytes long";
    let label = "d".repeat(63);
    let of_length = |n: usize| format!("{}@example.com", "a".repeat(n - "@example.com".len()));
    check_messages(
        email,
        &[
            ("a@b", None),
            ("JANE+tag@EXAMPLE.com", None),
            (".a..b.@example.com", None),
            ("!#$%&'*+/=?^_`{|}~-@example.com", None),
            ("a@xn--bcher-kva.example", None),
            ("a@1.2.3.4", None),
            ("a@-b.com", Some(SHAPE)),
            ("a@b-.com", Some(SHAPE)),
            ("a@b_c.com", Some(SHAPE)),
            ("a@b.", Some(SHAPE)),
            ("a@.b", Some(SHAPE)),
            ("a@b..c", Some(SHAPE)),
            ("a@b@c", Some(SHAPE)),
            ("@b", Some(SHAPE)),
            ("a@", Some(SHAPE)),
            ("a b@c", Some(SHAPE)),
            ("\"a b\"@c", Some(SHAPE)),
            ("a(b)@c", Some(SHAPE)),
            ("a@[127.0.0.1]", Some(SHAPE)),
            ("a@b\0.com", Some(SHAPE)),
            (&format!("a@{label}.com"), None),
            (&format!("a@{label}d.com"), Some(SHAPE)),
            (&of_length(254), None),
            (&of_length(255), Some(LONG)),
            (
                "",
                Some("email must not be empty: leave the field out to keep the address as it is"),
            ),
            (" a@b.com", Some(SPACE)),
            ("a@b.com\n", Some(SPACE)),
            ("a@b.com\u{A0}", Some(SPACE)),
            (
                "mailto:a@b.com",
                Some("email must be a bare e-mail address: drop `mailto:`"),
            ),
            (
                "Jane <a@b.com>",
                Some("email must be a bare e-mail address: drop the name and the angle brackets"),
            ),
            ("a@b.com,c@d.com", Some(LIST)),
            ("a@b.com;c@d.com", Some(LIST)),
            ("jane", Some(NO_AT)),
            ("jane.example.com", Some(NO_AT)),
            (
                "a@b\u{FC}cher.example",
                Some("email must have a domain in ASCII: use its xn-- form"),
            ),
            (
                "j\u{E9}r\u{F4}me@example.com",
                Some("email must be ASCII before the `@`"),
            ),
        ],
    );
}

#[test]
fn rejects_phone_numbers_with_a_rule() {
    const COUNTRY: &str = "phone_number must be exactly 10 digits: drop the country code, \
        and write the digits alone";
    const ABROAD: &str = "phone_number must be exactly 10 digits without a country code";
    const ALONE: &str = "phone_number must be exactly 10 digits: write the digits alone, \
        with nothing between or around them";
    const ASCII: &str = "phone_number must be exactly 10 digits, of 0 to 9";
    const SHAPE: &str = "phone_number must be exactly 10 digits, like 5551234567";
    check_messages(
        phone_number,
        &[
            ("5551234567", None),
            ("0000000000", None),
            ("9999999999", None),
            ("555123456", Some(SHAPE)),
            ("55512345678", Some(SHAPE)),
            ("555123456x", Some(SHAPE)),
            ("555\u{0}1234567", Some(ALONE)),
            ("15551234567", Some(COUNTRY)),
            ("+15551234567", Some(COUNTRY)),
            ("1 (555) 123-4567", Some(COUNTRY)),
            ("+1.555.123.4567", Some(COUNTRY)),
            ("+4930123456", Some(ABROAD)),
            ("004930123456", Some(ABROAD)),
            ("(555) 123-4567", Some(ALONE)),
            (" 5551234567", Some(ALONE)),
            ("5551234567\n", Some(ALONE)),
            ("555-123-4567", Some(ALONE)),
            (
                "\u{665}\u{665}\u{665}\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}\u{667}",
                Some(ASCII),
            ),
            ("\u{FF15}551234567", Some(ASCII)),
            // Five characters of two bytes: ten bytes, and no digit.
            ("\u{665}\u{665}\u{665}\u{665}\u{665}", Some(ASCII)),
            (
                "",
                Some(
                    "phone_number must not be empty: leave the field out to keep the number as it is",
                ),
            ),
        ],
    );
}

#[test]
fn rejects_dates_of_birth_with_a_rule() {
    const CALENDAR: &str = "date_of_birth must be a valid calendar date: \
        there is no such month, or the month has no such day";
    const SPACE: &str = "date_of_birth must be written YYYY-MM-DD: drop the white space around it";
    const TIME: &str =
        "date_of_birth must be written YYYY-MM-DD: drop what follows the day, such as a time";
    const ORDER: &str = "date_of_birth must be written YYYY-MM-DD, year first and with hyphens: \
        02/03/1990 means two different days";
    const HYPHEN: &str = "date_of_birth must be written YYYY-MM-DD with the plain hyphen `-`";
    const SHAPE: &str = "date_of_birth must be a date written YYYY-MM-DD, like 1990-01-31";
    const YEAR: &str = "date_of_birth must have a year from 0001 to 9999";
    check_messages(
        date_of_birth,
        &[
            ("0001-01-01", None),
            ("9999-12-31", None),
            ("0000-12-31", Some(YEAR)),
            ("2000-02-29", None),
            ("2004-02-29", None),
            ("1900-02-29", Some(CALENDAR)),
            ("2100-02-29", Some(CALENDAR)),
            ("2001-02-29", Some(CALENDAR)),
            ("2000-02-30", Some(CALENDAR)),
            ("1990-01-31", None),
            ("1990-01-32", Some(CALENDAR)),
            ("1990-04-30", None),
            ("1990-04-31", Some(CALENDAR)),
            ("1990-06-31", Some(CALENDAR)),
            ("1990-09-31", Some(CALENDAR)),
            ("1990-11-31", Some(CALENDAR)),
            ("1990-12-00", Some(CALENDAR)),
            ("1990-00-10", Some(CALENDAR)),
            ("1990-13-10", Some(CALENDAR)),
            ("1990-99-99", Some(CALENDAR)),
            ("02/13/1990", Some(ORDER)),
            ("13.02.1990", Some(ORDER)),
            ("1990/02/13", Some(ORDER)),
            ("2/3/90", Some(ORDER)),
            ("1990-02-13T00:00:00Z", Some(TIME)),
            ("1990-02-13 00:00", Some(TIME)),
            ("1990-02-131", Some(TIME)),
            (" 1990-02-13", Some(SPACE)),
            ("1990-02-13\n", Some(SPACE)),
            ("1990-2-13 ", Some(SPACE)),
            ("1990\u{2010}02\u{2010}13", Some(HYPHEN)),
            ("1990\u{2011}02\u{2011}13", Some(HYPHEN)),
            ("1990\u{2013}02\u{2013}13", Some(HYPHEN)),
            ("1990\u{2212}02\u{2212}13", Some(HYPHEN)),
            (
                "19900213",
                Some(
                    "date_of_birth must be written YYYY-MM-DD: \
                     put hyphens between year, month and day",
                ),
            ),
            ("1990-2-13", Some(SHAPE)),
            ("1990-2-3", Some(SHAPE)),
            ("90-02-13", Some(SHAPE)),
            ("02-13-1990", Some(SHAPE)),
            ("1990_02_13", Some(SHAPE)),
            ("1990-02-1x", Some(SHAPE)),
            ("+990-02-13", Some(SHAPE)),
            // Ten bytes, and a character across the tenth.
            ("1990-02-\u{E9}", Some(SHAPE)),
            ("1990-02-1\u{E9}", Some(SHAPE)),
            (
                "",
                Some(
                    "date_of_birth must not be empty: leave the field out to keep the date as it is",
                ),
            ),
        ],
    );
}

#[test]
fn rejects_names_with_a_rule() {
    const VISIBLE: &str = "must contain at least one visible character: \
        leave the field out to keep the name as it is";
    const CONTROL: &str = "must not contain a control character or line break";
    const DECODE: &str =
        "must not contain U+FFFD, the mark of a failed decoding: read its source as UTF-8";
    const LONG: &str = "must be at most 255 characters long";
    let mut rows: Vec<(String, Option<&str>)> = [
        ("J", None),
        ("-", None),
        ("  Jane  ", None),
        ("O'Brien \"Bo\" \\ /", None),
        ("\u{738B}\u{5C0F}\u{660E}", None),
        ("\u{1F600}", None),
        // A joiner between visible characters is part of the name.
        ("\u{646}\u{200C}\u{646}", None),
        ("\u{200B}J\u{200B}", None),
        // An accent alone is seen, if oddly.
        ("\u{301}", None),
        ("\u{E000}", None),
        ("\u{10FFFF}", None),
        ("", Some(VISIBLE)),
        (" ", Some(VISIBLE)),
        ("\u{A0}\u{3000}\u{2003}", Some(VISIBLE)),
        (" \u{200B} \u{FEFF}", Some(VISIBLE)),
        ("Jane\u{FFFD}", Some(DECODE)),
        ("\u{FFFD}", Some(DECODE)),
        ("Jane\u{2028}Doe", Some(CONTROL)),
        ("Jane\u{2029}", Some(CONTROL)),
        ("\n", Some(CONTROL)),
        ("\t", Some(CONTROL)),
    ]
    .map(|(name, message)| (name.to_owned(), message))
    .into();
    // Every invisible character alone and beside white space, and its neighbours,
    // which are visible. The ranges are those of regex-syntax.
    for (first, last) in invisible() {
        rows.extend((first..=last).map(|c| (character(c), Some(VISIBLE))));
        rows.push((format!(" {}\u{A0}", character(last)), Some(VISIBLE)));
        for beside in [first - 1, last + 1] {
            let message = match char::from_u32(beside).unwrap() {
                '\u{2028}' | '\u{2029}' => Some(CONTROL),
                c => c.is_whitespace().then_some(VISIBLE),
            };
            rows.push((character(beside), message));
        }
    }
    // C0, DEL and C1.
    rows.extend((0..0x20).chain(0x7F..0xA0).map(|c| {
        let name = format!("Jane{}Doe", character(c));
        (name, Some(CONTROL))
    }));
    for c in ["a", "\u{E9}", "\u{1F600}"] {
        rows.push((c.repeat(255), None));
        rows.push((c.repeat(256), Some(LONG)));
    }

    let messages = |field: &str| -> Vec<(&str, Option<String>)> {
        let message = |rule: &&str| format!("{field} {rule}");
        rows.iter()
            .map(|(name, rule)| (name.as_str(), rule.as_ref().map(message)))
            .collect()
    };
    check_messages(first_name, &messages("first_name"));
    check_messages(last_name, &messages("last_name"));
}

#[test]
fn rejects_ids_with_a_rule() {
    const SPACE: &str = "id must be the bare customer id: drop the white space around it";
    const SHAPE: &str = "id must be `cus_` and 1 to 128 ASCII letters or digits";
    const OTHER: &str = "id must be the Soap customer id, `cus_` and 1 to 128 letters or digits; \
        an internal_id is not one";
    const TEMPLATE: &str = "id must be a customer id, `cus_` and 1 to 128 letters or digits: \
        this is a template with nothing filled in";
    let id = IdCheck::new();
    check_messages(
        |value| id.of(value),
        &[
            (TestServer::CUSTOMER_ID, None),
            ("cus_0", None),
            (&format!("cus_{}", "Z".repeat(128)), None),
            (&format!("cus_{}", "Z".repeat(129)), Some(SHAPE)),
            ("cus_", Some(SHAPE)),
            ("cus_a.", Some(SHAPE)),
            ("cus_%41", Some(SHAPE)),
            ("cus_{id}", Some(SHAPE)),
            ("cus_..", Some(SHAPE)),
            ("cus_a/../b", Some(SHAPE)),
            ("cus_a b", Some(SHAPE)),
            ("cus_\u{FF21}", Some(SHAPE)),
            ("", Some(OTHER)),
            ("cus", Some(OTHER)),
            ("CUS_A", Some(OTHER)),
            ("cust_123", Some(OTHER)),
            ("3f1b8c4e-7c2e-4c2c-8d2f-179cf0efb36b", Some(OTHER)),
            ("..", Some(OTHER)),
            ("{id}", Some(TEMPLATE)),
            ("${CUSTOMER}", Some(TEMPLATE)),
            ("$1", Some(TEMPLATE)),
            (" cus_a", Some(SPACE)),
            ("\tcus_a\n", Some(SPACE)),
            ("cus_a\n", Some(SPACE)),
            ("cus_a\u{3000}", Some(SPACE)),
        ],
    );
}

#[test]
fn rejects_api_keys_with_a_rule() {
    const SCHEME: &str =
        "api_key must be the bare key: drop `Bearer `, which the client adds itself";
    const SPACE: &str =
        "api_key must be the bare key: drop the white space or line break around it";
    const SHAPE: &str =
        "api_key must be visible ASCII characters only: no space, control or other character";
    check_messages(
        api_key,
        &[
            ("!", None),
            ("~", None),
            ("Bearer", None),
            ("Bearer-abc", None),
            ("Basic:abc", None),
            (&"k".repeat(8192), None),
            (
                &"k".repeat(8193),
                Some("api_key must be at most 8192 bytes long"),
            ),
            ("", Some("api_key must not be empty")),
            ("Bearer abc", Some(SCHEME)),
            ("bearer abc", Some(SCHEME)),
            ("BEARER ", Some(SCHEME)),
            (" abc", Some(SPACE)),
            ("abc\n", Some(SPACE)),
            (" ", Some(SPACE)),
            ("a b", Some(SHAPE)),
            ("a\tb", Some(SHAPE)),
            ("a\nb", Some(SHAPE)),
            ("a\0", Some(SHAPE)),
            ("a\u{7F}", Some(SHAPE)),
            ("a\u{E9}", Some(SHAPE)),
            // A character across the seventh byte.
            ("bearer\u{E9}", Some(SHAPE)),
        ],
    );
}

#[test]
fn rejects_user_agents_with_a_rule() {
    const SHAPE: &str = "user_agent must be 1 to 256 printable ASCII characters";
    check_messages(
        user_agent,
        &[
            ("a", None),
            ("shop/2.1 (+https://shop.example)", None),
            (" ", None),
            ("~", None),
            (&"a".repeat(256), None),
            (&"a".repeat(257), Some(SHAPE)),
            ("", Some(SHAPE)),
            ("a\tb", Some(SHAPE)),
            ("a\r\nx: y", Some(SHAPE)),
            ("a\0", Some(SHAPE)),
            ("a\u{7F}", Some(SHAPE)),
            ("caf\u{E9}", Some(SHAPE)),
        ],
    );
}

#[test]
fn rejects_hosts_with_a_rule() {
    const NUMBER: &str = "base_url must have a host name, or an IPv4 address of four decimal \
                          numbers: the last part of a name is no number";
    const PUNYCODE: &str =
        "base_url must have no `xn--` label in its host name, which is not supported";
    const CLEAR: &str = "base_url must start with `https://`: http would show the key to the \
        network, and is for localhost, 127.0.0.0/8, [::1] and hosts set by danger_allow_http only";
    const HOST: &str = "base_url must have a host name, an IPv4 address or an [IPv6] address";
    const PORT: &str = "base_url must have a port from 1 to 65535 after the `:`, or neither";
    let label = "d".repeat(63);
    check_messages(
        base_url,
        &[
            ("https://a.example", None),
            ("HTTPS://A.EXAMPLE", None),
            ("https://a", None),
            ("https://a.example.", None),
            ("https://a_b.example", None),
            ("https://192.0.2.1:8443", None),
            ("https://[2001:db8::1]:8443", None),
            ("https://a.example:1", None),
            ("https://a.example:65535", None),
            ("https://a.example:65536", Some(PORT)),
            ("https://a.example:99999", Some(PORT)),
            ("https://a.example:0", Some(PORT)),
            ("https://a.example:", Some(PORT)),
            ("https://a.example:+80", Some(PORT)),
            ("https://a.example:80:80", Some(PORT)),
            ("https://a.example:x", Some(PORT)),
            ("https://[::1]8", Some(PORT)),
            ("http://localhost", None),
            ("http://LOCALHOST:8080/", None),
            ("http://127.0.0.1", None),
            ("http://127.255.255.254:1", None),
            ("http://[::1]", None),
            ("http://[0:0:0:0:0:0:0:1]:80", None),
            ("http://localhost.example", Some(CLEAR)),
            ("http://localhost.", Some(CLEAR)),
            ("http://xlocalhost", Some(CLEAR)),
            ("http://128.0.0.1", Some(CLEAR)),
            ("http://126.255.255.255", Some(CLEAR)),
            ("http://127.1", Some(NUMBER)),
            ("http://127.0.0.01", Some(NUMBER)),
            ("http://2130706433", Some(NUMBER)),
            ("http://0x7f.0.0.1", Some(NUMBER)),
            ("http://[::]", Some(CLEAR)),
            ("http://[::2]", Some(CLEAR)),
            ("http://[::ffff:127.0.0.1]", Some(CLEAR)),
            ("http://a.example", Some(CLEAR)),
            ("https://", Some(HOST)),
            ("https://:443", Some(HOST)),
            ("https://.", Some(HOST)),
            ("https://a..example", Some(HOST)),
            ("https://-a.example", Some(HOST)),
            ("https://a-.example", Some(HOST)),
            ("https://%61.example", Some(HOST)),
            ("https://[::1", Some(HOST)),
            ("https://[]", Some(HOST)),
            ("https://[127.0.0.1]", Some(HOST)),
            ("https://[fe80::1%25eth0]", Some(HOST)),
            ("https://2001:db8::1", Some(PORT)),
            ("https://256.1.1.1", Some(NUMBER)),
            ("https://gateway.42", Some(NUMBER)),
            ("https://api.0x", Some(NUMBER)),
            ("https://xn--a.example", Some(PUNYCODE)),
            ("https://api.XN--bcher-kva.example", Some(PUNYCODE)),
            (&format!("https://{label}.example"), None),
            (&format!("https://{label}d.example"), Some(HOST)),
            (
                &format!("https://{}", [label.as_str(); 4].join(".")),
                Some(HOST),
            ),
        ],
    );
}

#[test]
fn rejects_base_urls_with_a_rule() {
    const SCHEME: &str = "base_url must start with `https://`, or with `http://` for this machine";
    const USER: &str =
        "base_url must have no user name or password: the API takes the key in a header";
    const QUERY: &str = "base_url must have no query and no fragment";
    const DOTS: &str = "base_url must have no `.` or `..` in its path";
    const PATH: &str = "base_url must have a path of URL characters, all others %-encoded";
    const ASCII: &str = "base_url must be visible ASCII only, with the path %-encoded: \
                         host names in other scripts are not supported";
    let of_length = |n: usize| format!("https://a.example/{}", "p".repeat(n - 18));
    check_messages(
        base_url,
        &[
            ("https://a.example/prefix/v2", None),
            ("https://a.example/a%20b;c=d/@:!$&'()*+,~-._", None),
            ("https://a.example/api/v1", None),
            ("https://a.example/api/v1/", None),
            ("https://a.example//", None),
            ("https://a.example/...", None),
            ("https://a.example/.a", None),
            ("https://a.example/.", Some(DOTS)),
            ("https://a.example/a/../b", Some(DOTS)),
            ("https://a.example/../api/v1", Some(DOTS)),
            ("https://a.example/%2E.", Some(DOTS)),
            ("https://a.example/.%2e/x", Some(DOTS)),
            ("https://a.example/%2e", Some(DOTS)),
            ("https://a.example/%", Some(PATH)),
            ("https://a.example/%2", Some(PATH)),
            ("https://a.example/%zz", Some(PATH)),
            ("https://a.example/a|b", Some(PATH)),
            ("https://a.example/\"", Some(PATH)),
            ("https://a.example/\\", Some(PATH)),
            ("https://a.example/?", Some(QUERY)),
            ("https://a.example#", Some(QUERY)),
            ("https://a.example/a?b@c", Some(QUERY)),
            ("https://u@a.example", Some(USER)),
            ("https://u:p@a.example", Some(USER)),
            ("https://@a.example", Some(USER)),
            ("a.example", Some(SCHEME)),
            ("://a.example", Some(SCHEME)),
            ("https:/a.example", Some(SCHEME)),
            ("https:a.example", Some(SCHEME)),
            ("ws://a.example", Some(SCHEME)),
            ("xhttps://a.example", Some(SCHEME)),
            ("", Some(SCHEME)),
            ("https://b\u{FC}cher.example", Some(ASCII)),
            (" https://a.example", Some(ASCII)),
            ("https://a.example\n", Some(ASCII)),
            ("https://a.example/\u{7F}", Some(ASCII)),
            (&of_length(2048), None),
            (
                &of_length(2049),
                Some("base_url must be at most 2048 bytes long"),
            ),
        ],
    );
}

#[test]
fn base_urls_are_normalized() {
    for (given, kept) in [
        ("http://localhost:80/", "http://localhost:80"),
        ("HTTP://LocalHost", "http://localhost"),
        ("http://127.0.0.1/api/v1", "http://127.0.0.1"),
        ("http://127.0.0.1/api/v1/", "http://127.0.0.1"),
        ("http://127.0.0.1//api/v1//", "http://127.0.0.1"),
        ("http://127.0.0.1/Gate/Way/", "http://127.0.0.1/Gate/Way"),
        ("http://127.0.0.1/gate/api/v1", "http://127.0.0.1/gate"),
        ("http://127.0.0.1/api/v1/api/v1", "http://127.0.0.1/api/v1"),
        ("http://127.0.0.1/api/v2", "http://127.0.0.1/api/v2"),
        ("http://127.0.0.1/xapi/v1", "http://127.0.0.1/xapi/v1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ] {
        let cfg = Config::builder("key").base_url(given).no_proxy().build();
        assert_eq!(cfg.unwrap().base_url(), kept, "{given}");
    }
}

fn email(value: &str) -> Option<String> {
    message(CustomerPatch::new().email(value).validate())
}

fn first_name(value: &str) -> Option<String> {
    message(CustomerPatch::new().first_name(value).validate())
}

fn last_name(value: &str) -> Option<String> {
    message(CustomerPatch::new().last_name(value).validate())
}

fn phone_number(value: &str) -> Option<String> {
    message(CustomerPatch::new().phone_number(value).validate())
}

fn date_of_birth(value: &str) -> Option<String> {
    message(CustomerPatch::new().date_of_birth(value).validate())
}

/// A build without TLS rejects `https`, after its format was found right.
fn base_url(value: &str) -> Option<String> {
    const NO_TLS: &str = "base_url needs TLS, which this build lacks: \
        enable the crate's feature `rustls` or `native-tls`";
    let built = Config::builder("key").base_url(value).no_proxy().build();
    message(built).filter(|message| message != NO_TLS)
}

fn api_key(value: &str) -> Option<String> {
    let builder = Config::builder(value).base_url("http://127.0.0.1");
    message(builder.no_proxy().build())
}

fn user_agent(value: &str) -> Option<String> {
    let builder = Config::builder("key").base_url("http://127.0.0.1");
    message(builder.user_agent(value).no_proxy().build())
}

/// An id is checked by the call alone. So that one which passes goes nowhere,
/// the patch is empty, which is a violation after the id's.
struct IdCheck(Config);

impl IdCheck {
    fn new() -> Self {
        let builder = Config::builder("key").base_url("http://127.0.0.1:1");
        Self(builder.no_proxy().build().unwrap())
    }

    fn of(&self, id: &str) -> Option<String> {
        let error = update_customer(&self.0, id, &CustomerPatch::new()).unwrap_err();
        let fields: Vec<_> = error.violations().iter().map(Violation::field).collect();
        match fields[..] {
            ["patch"] => None,
            ["id", "patch"] => Some(error.violations()[0].to_string()),
            _ => panic!("{fields:?}"),
        }
    }
}

/// The one violation that a check returned.
#[track_caller]
fn message<T: std::fmt::Debug>(checked: Result<T, Error>) -> Option<String> {
    let error = checked.err()?;
    match error.violations() {
        [violation] => {
            let display = violation.to_string();
            assert_eq!(
                display,
                format!("{} {}", violation.field(), violation.rule())
            );
            Some(display)
        }
        others => panic!("not one violation but {others:?}"),
    }
}

/// The ranges of `Default_Ignorable_Code_Point` by another table than the crate's,
/// and the empty braille pattern.
fn invisible() -> Vec<(u32, u32)> {
    let class = regex_syntax::parse(r"[\p{Default_Ignorable_Code_Point}\u{2800}]").unwrap();
    let HirKind::Class(Class::Unicode(class)) = class.into_kind() else {
        panic!("no class")
    };
    class
        .iter()
        .map(|range| (range.start().into(), range.end().into()))
        .collect()
}

fn character(code: u32) -> String {
    char::from_u32(code).unwrap().into()
}

/// Feeds every row of a corpus in, and prints all that come out otherwise.
#[track_caller]
fn check_corpus(table: &str, check: impl Fn(&str) -> Option<String>) {
    let mut failed = String::new();
    let mut rows = 0;
    for line in table.lines().skip(1) {
        let mut columns = line.split('\t');
        let (input, verdict) = (columns.next().unwrap(), columns.next().unwrap());
        let value: String = serde_json::from_str(input).unwrap();
        let message = check(&value);
        let came = if message.is_none() {
            "accept"
        } else {
            "reject"
        };
        if came != verdict {
            writeln!(failed, "{line}: {came}, {message:?}").unwrap();
        }
        rows += 1;
    }
    assert!(rows > 0, "the table is empty");
    assert!(failed.is_empty(), "of {rows} rows these failed:\n{failed}");
}

/// Checks each value's message, or that it has none, and prints all that fail.
#[track_caller]
fn check_messages<M: AsRef<str>>(
    check: impl Fn(&str) -> Option<String>,
    rows: &[(&str, Option<M>)],
) {
    let mut failed = String::new();
    for (value, expected) in rows {
        let came = check(value);
        let expected = expected.as_ref().map(AsRef::as_ref);
        if came.as_deref() != expected {
            writeln!(
                failed,
                "{value:?}\n  came:     {came:?}\n  expected: {expected:?}"
            )
            .unwrap();
        }
    }
    assert!(failed.is_empty(), "these rows failed:\n{failed}");
}
