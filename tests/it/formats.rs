//! Every format, by tables: the corpora of `tests/data`, and rows of our own
//! for the edges and for each message.

use std::fmt::Write;
use std::iter;

use paywithsoap::testing::TestServer;
use paywithsoap::{Config, CustomerPatch, Error, Violation, update_customer};
use regex_syntax::hir::{Class, HirKind};

const SPACE: &str = "must be the bare value: drop the white space or line break around it";
const QUOTES: &str = "must be the bare value: drop the quotes around it";
const MARK: &str = "must be the bare value: drop the byte order mark before it";
const EMPTY: &str = "must not be empty: leave the field out to keep its value";

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
    const SHAPE: &str = "must be an e-mail address as HTML defines it, like \
        customer@example.com: no space, quote, bracket, colon or second `@`, and no empty part; \
        in the domain no `_` or other sign, no hyphen at the edge of a part, and no part over \
        63 bytes";
    const URI: &str =
        "must be a bare address: drop `mailto:` and any `?` part, and decode each %XX";
    const NAME: &str = "must be a bare address: drop the name and the `<>`";
    const LIST: &str = "must be one address without comma: is a dot meant?";
    const NO_AT: &str = "must be an e-mail address, like customer@example.com: there is no `@`";
    const DOMAIN: &str = "must have a domain in ASCII: check it for dashes, quotes and \
        look-alike letters, else use its xn-- form by IDNA 2008";
    const LOCAL: &str = "must be ASCII before the `@`";
    const LONG: &str = "must be at most 254 bytes long";
    let label = "d".repeat(63);
    let of_length = |n: usize| format!("{}@example.com", "a".repeat(n - "@example.com".len()));
    check_messages(
        "email",
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
            ("a@b:c.com", Some(SHAPE)),
            ("a@b/", Some(SHAPE)),
            ("a@b.com.", Some(SHAPE)),
            ("'a@b_c.com", Some(SHAPE)),
            ("", Some(EMPTY)),
            (" a@b.com", Some(SPACE)),
            ("a@b.com\n", Some(SPACE)),
            ("a@b.com\u{A0}", Some(SPACE)),
            ("\u{FEFF}a@b.com", Some(MARK)),
            ("\"a@b.com\"", Some(QUOTES)),
            ("'a@b.com'", Some(QUOTES)),
            ("\u{201C}a@b.com\u{201D}", Some(QUOTES)),
            // A quote is of the address where that is valid as it stands.
            ("'a'@b.com", None),
            ("MAILTO:", Some(URI)),
            ("mailto:a@b.com", Some(URI)),
            ("MAILTO:a@b.com?subject=x", Some(URI)),
            ("mailto:a%2Btag@b.com", Some(URI)),
            ("Jane <a@b.com>", Some(NAME)),
            ("<a@b.com>", Some(NAME)),
            ("a@b.com,c@d.com", Some(LIST)),
            ("a@b.com;c@d.com", Some(LIST)),
            ("jane@gmail,com", Some(LIST)),
            ("jane,doe@gmail.com", Some(LIST)),
            ("jane", Some(NO_AT)),
            ("jane.example.com", Some(NO_AT)),
            ("a@b\u{FC}cher.example", Some(DOMAIN)),
            ("a@stra\u{DF}e.de", Some(DOMAIN)),
            ("a@my\u{2013}shop.example", Some(DOMAIN)),
            ("a@p\u{430}ypal.com", Some(DOMAIN)),
            ("a@example.com\u{2019}", Some(DOMAIN)),
            ("j\u{E9}r\u{F4}me@example.com", Some(LOCAL)),
        ],
    );
}

#[test]
fn rejects_phone_numbers_with_a_rule() {
    const COUNTRY: &str =
        "must be exactly 10 digits: drop the country code, and write the digits alone";
    const ABROAD: &str = "must be exactly 10 digits: of country codes only +1 can be dropped";
    const ALONE: &str = "must be exactly 10 digits: write the digits alone, \
        with nothing between or around them";
    const DECIMAL: &str = "must be exactly 10 digits: drop the `.0`, \
        and see whether a zero at the front is lost";
    const SHAPE: &str = "must be exactly 10 digits of 0 to 9, like 5551234567";
    check_messages(
        "phone_number",
        phone_number,
        &[
            ("5551234567", None),
            ("0000000000", None),
            ("9999999999", None),
            ("555123456", Some(SHAPE)),
            ("55512345678", Some(SHAPE)),
            ("555123456x", Some(SHAPE)),
            ("555\u{0}1234567", Some(SHAPE)),
            ("15551234567", Some(COUNTRY)),
            ("+15551234567", Some(COUNTRY)),
            ("1 (555) 123-4567", Some(COUNTRY)),
            ("+1.555.123.4567", Some(COUNTRY)),
            ("+1.5551234567", Some(COUNTRY)),
            ("+4930123456", Some(ABROAD)),
            ("004930123456", Some(ABROAD)),
            ("+44 7911 123456", Some(ABROAD)),
            ("+5551234567", Some(ABROAD)),
            ("001 555 123 4567", Some(ABROAD)),
            ("(555) 123-4567", Some(ALONE)),
            ("(555)1234567", Some(ALONE)),
            ("555-123-4567", Some(ALONE)),
            ("555.123.4567", Some(ALONE)),
            ("555123 4567", Some(ALONE)),
            // Without what is no digit these would be other numbers.
            ("555-1234 x567", Some(SHAPE)),
            ("555-1234 567", Some(SHAPE)),
            ("5.5512346E+09", Some(SHAPE)),
            ("5.551234567", Some(SHAPE)),
            ("55512345.67", Some(SHAPE)),
            ("555123456.7", Some(SHAPE)),
            ("1555123456.7", Some(SHAPE)),
            ("1555-123-456-7", Some(SHAPE)),
            ("555/123/4567", Some(SHAPE)),
            ("551234567.0", Some(DECIMAL)),
            ("5551234567.0", Some(DECIMAL)),
            ("155123456.0", Some(DECIMAL)),
            ("15551234567.0", Some(DECIMAL)),
            (" 5551234567", Some(SPACE)),
            ("5551234567\n", Some(SPACE)),
            ("\"5551234567\"", Some(QUOTES)),
            ("'5551234567'", Some(QUOTES)),
            ("\u{FEFF}5551234567", Some(MARK)),
            (
                "\u{665}\u{665}\u{665}\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}\u{667}",
                Some(SHAPE),
            ),
            ("\u{FF15}551234567", Some(SHAPE)),
            // Five characters of two bytes: ten bytes, and no digit.
            ("\u{665}\u{665}\u{665}\u{665}\u{665}", Some(SHAPE)),
            ("", Some(EMPTY)),
        ],
    );
}

#[test]
fn rejects_dates_of_birth_with_a_rule() {
    const CALENDAR: &str = "must be a valid calendar date: \
        there is no such month, or the month has no such day";
    const TIME: &str = "must be written YYYY-MM-DD: drop the time that follows the day";
    const ZONE: &str =
        "must be written YYYY-MM-DD: look up the day, since a time zone may have moved it";
    const ORDER: &str =
        "must be written YYYY-MM-DD, year first: 02/03/1990 means two different days";
    const HYPHEN: &str = "must be written YYYY-MM-DD, with two plain hyphens `-`";
    const SHAPE: &str = "must be a date written YYYY-MM-DD, like 1990-01-31";
    const YEAR: &str = "must have a year from 0001 to 9999";
    check_messages(
        "date_of_birth",
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
            ("1990-02-13T00:00:00.000Z", Some(TIME)),
            ("1990-02-13t00:00:00+02:00", Some(TIME)),
            ("1990-02-13 00:00", Some(TIME)),
            ("1990-02-13 00:00:00 UTC", Some(TIME)),
            ("1990-02-13T", Some(TIME)),
            ("1990-01-01T23:00:00.000Z", Some(ZONE)),
            ("1990-01-01T05:00:00", Some(ZONE)),
            ("1990-01-01 00:00:01", Some(ZONE)),
            ("1990-02-13 12:00:00 AM", Some(ZONE)),
            ("1990-02-30T00:00:00Z", Some(SHAPE)),
            ("1990-02-131", Some(SHAPE)),
            ("1990-02-13Z", Some(SHAPE)),
            (" 1990-02-13", Some(SPACE)),
            ("1990-02-13\n", Some(SPACE)),
            ("1990-2-13 ", Some(SPACE)),
            ("\"1990-02-13\"", Some(QUOTES)),
            ("\u{FEFF}1990-02-13", Some(MARK)),
            ("1990\u{2010}02\u{2010}13", Some(HYPHEN)),
            ("1990\u{2011}02\u{2011}13", Some(HYPHEN)),
            ("1990\u{2013}02\u{2013}13", Some(HYPHEN)),
            ("1990\u{2212}02\u{2212}13", Some(HYPHEN)),
            ("1990\u{2212}02-13", Some(HYPHEN)),
            ("19900213", Some(HYPHEN)),
            ("1990-0213", Some(HYPHEN)),
            // No day, or another one, with hyphens in these places.
            ("19900230", Some(SHAPE)),
            ("02131990", Some(SHAPE)),
            ("13021990", Some(SHAPE)),
            ("02\u{2013}13\u{2013}1990", Some(SHAPE)),
            ("1990\u{2013}2\u{2013}13", Some(SHAPE)),
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
            ("", Some(EMPTY)),
        ],
    );
}

#[test]
fn rejects_names_with_a_rule() {
    const VISIBLE: &str = "must contain at least one visible character: \
        leave the field out to keep the name as it is";
    const CONTROL: &str = "must not contain a control character or line break";
    const DECODE: &str = "must not contain U+FFFD, the mark of a failed decoding: \
         read its source in its own encoding, often Windows-1252";
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
        ("", Some(EMPTY)),
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

    let rows: Vec<_> = rows.iter().map(|(name, rule)| (&**name, *rule)).collect();
    check_messages("first_name", first_name, &rows);
    check_messages("last_name", last_name, &rows);
}

#[test]
fn rejects_ids_with_a_rule() {
    const SHAPE: &str = "must be `cus_` and 1 to 128 ASCII letters or digits";
    const OTHER: &str = "must be the Soap customer id, `cus_` and 1 to 128 letters or digits; \
        an internal_id is not one";
    const TEMPLATE: &str = "must be a customer id: this is a template with nothing filled in";
    const BRACKETS: &str = "must be the bare value: drop the brackets around it";
    let id = IdCheck::new();
    check_messages(
        "id",
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
            ("", Some("must not be empty")),
            ("cus", Some(OTHER)),
            ("CUS_A", Some(OTHER)),
            ("cust_123", Some(OTHER)),
            ("3f1b8c4e-7c2e-4c2c-8d2f-179cf0efb36b", Some(OTHER)),
            ("..", Some(OTHER)),
            ("{id}", Some(TEMPLATE)),
            ("${CUSTOMER}", Some(TEMPLATE)),
            ("$1", Some(TEMPLATE)),
            ("{{ cus_id }}", Some(TEMPLATE)),
            ("{cus_a}", Some(BRACKETS)),
            ("{{cus_a}}", Some(BRACKETS)),
            ("<cus_a>", Some(BRACKETS)),
            ("[cus_a]", Some(BRACKETS)),
            ("\"cus_a\"", Some(QUOTES)),
            ("'cus_a'", Some(QUOTES)),
            ("`cus_a`", Some(QUOTES)),
            ("\u{201C}cus_a\u{201D}", Some(QUOTES)),
            ("\u{FEFF}cus_a", Some(MARK)),
            ("\"", Some(OTHER)),
            (" cus_a", Some(SPACE)),
            ("\tcus_a\n", Some(SPACE)),
            ("cus_a\n", Some(SPACE)),
            ("cus_a\u{3000}", Some(SPACE)),
        ],
    );
}

#[test]
fn rejects_api_keys_with_a_rule() {
    const SCHEME: &str = "must be the bare key: drop `Bearer `, which `auth_scheme` decides on";
    const SHAPE: &str =
        "must be visible ASCII characters only: no space, control or other character";
    check_messages(
        "api_key",
        api_key,
        &[
            ("!", None),
            ("~", None),
            ("Bearer", None),
            ("Bearer-abc", None),
            ("Basic:abc", None),
            (&"k".repeat(8192), None),
            (&"k".repeat(8193), Some("must be at most 8192 bytes long")),
            ("", Some("must not be empty")),
            ("Bearer abc", Some(SCHEME)),
            ("bearer abc", Some(SCHEME)),
            ("BEARER ", Some(SCHEME)),
            (" abc", Some(SPACE)),
            ("abc\n", Some(SPACE)),
            ("abc\r\n", Some(SPACE)),
            (" ", Some(SPACE)),
            ("\"abc\"", Some(QUOTES)),
            ("'abc'", Some(QUOTES)),
            ("`abc`", Some(QUOTES)),
            ("\"\"", Some(QUOTES)),
            ("\"Bearer abc\"", Some(QUOTES)),
            ("\u{2018}abc\u{2019}", Some(QUOTES)),
            ("\u{FEFF}abc", Some(MARK)),
            // On one side alone, or within, it is a character like any other.
            ("\"", None),
            ("\"abc", None),
            ("abc'", None),
            ("a\"b", None),
            ("{abc}", None),
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
    const SHAPE: &str = "must be 1 to 256 printable ASCII characters";
    check_messages(
        "user_agent",
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
    const NUMBER: &str = "must have a host name, or an IPv4 address of four decimal \
                          numbers: the last part of a name is no number";
    const PUNYCODE: &str = "must have no `xn--` label in its host name, which is not supported";
    const CLEAR: &str = "must start with `https://`: http would show the key to the \
        network, and is for localhost, 127.0.0.0/8, [::1] and hosts set by danger_allow_http only";
    const HOST: &str = "must have a host name, an IPv4 address or an [IPv6] address";
    const PORT: &str = "must have a port from 1 to 65535 after the `:`, or neither";
    const BRACKETS: &str = "must have an IPv6 address in brackets, like https://[2001:db8::1]:443";
    let label = "d".repeat(63);
    check_messages(
        "base_url",
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
            ("https://a.example:80:80", Some(BRACKETS)),
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
            ("https://2001:db8::1", Some(BRACKETS)),
            ("https://2001:db8::1/", Some(BRACKETS)),
            ("http://::1", Some(BRACKETS)),
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
    const SCHEME: &str = "must start with `https://`, or with `http://` for this machine";
    const USER: &str = "must have no user name or password: the API takes the key in a header";
    const QUERY: &str = "must have no query and no fragment";
    const DOTS: &str = "must have no `.` or `..` in its path";
    const PATH: &str = "must have a path of URL characters, all others %-encoded";
    const CUSTOMERS: &str = "must end before `/api/v1/customers`, which the client adds itself";
    const ASCII: &str = "must be visible ASCII only, with all else %-encoded: \
                         host names in other scripts are not supported";
    let of_length = |n: usize| format!("https://a.example/{}", "p".repeat(n - 18));
    check_messages(
        "base_url",
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
            ("", Some("must not be empty")),
            ("https://b\u{FC}cher.example", Some(ASCII)),
            ("https://a.example/a b", Some(ASCII)),
            (" https://a.example", Some(SPACE)),
            ("https://a.example\n", Some(SPACE)),
            ("https://a.example\r", Some(SPACE)),
            ("\"https://a.example\"", Some(QUOTES)),
            ("'https://a.example'", Some(QUOTES)),
            ("\u{FEFF}https://a.example", Some(MARK)),
            ("https://a.example/api/v1/customers", Some(CUSTOMERS)),
            ("https://a.example/api/v1/customers/", Some(CUSTOMERS)),
            ("https://a.example/api/v1/customers/cus_a", Some(CUSTOMERS)),
            ("https://a.example/api/v1/customers/{id}", Some(CUSTOMERS)),
            ("https://a.example/customers", Some(CUSTOMERS)),
            ("https://a.example/soap/customers/api/v1", Some(CUSTOMERS)),
            ("https://a.example/customers-api", None),
            ("https://customers.example/", None),
            ("https://a.example/\u{7F}", Some(ASCII)),
            (&of_length(2048), None),
            (&of_length(2049), Some("must be at most 2048 bytes long")),
        ],
    );
}

// A hint that is followed to the letter leads to what was meant, and never to another
// value.

#[test]
fn hints_lead_to_the_field_meant() {
    check_hints(
        email,
        &[
            (" jane@b.com\u{A0}", Some("jane@b.com")),
            ("'jane@b.com'", Some("jane@b.com")),
            ("\"Jane <jane@b.com>\"", Some("jane@b.com")),
            ("mailto:jane%2Btag@b.com", Some("jane+tag@b.com")),
            ("MAILTO:jane@b.com?subject=Hello%20you", Some("jane@b.com")),
            ("jane@gmail,com", None),
            ("jane@b.com,june@b.com", None),
            ("jane@b\u{FC}cher.example", None),
            ("jane@my\u{2013}shop.example", None),
            ("jane@b_c.com", None),
            ("jane", None),
            ("@b.com", None),
        ],
    );
    check_hints(
        phone_number,
        &[
            ("555-123-4567", Some("5551234567")),
            (" (555) 123-4567 ", Some("5551234567")),
            ("+1 (555) 123-4567", Some("5551234567")),
            ("'1.555.123.4567'", Some("5551234567")),
            ("+44 7911 123456", None),
            ("+5551234567", None),
            ("004930123456", None),
            ("555-1234 x567", None),
            ("5.5512346E+09", None),
            ("551234567.0", None),
            ("1551234567.0", None),
            ("155123456.7", None),
            ("55512345.67", None),
            ("55512345678", None),
        ],
    );
    check_hints(
        date_of_birth,
        &[
            ("1990-02-13\n", Some("1990-02-13")),
            ("\"1990-02-13 00:00:00\"", Some("1990-02-13")),
            ("1990-02-13T00:00:00.000Z", Some("1990-02-13")),
            ("19900213", Some("1990-02-13")),
            ("1990\u{2013}02\u{2013}13", Some("1990-02-13")),
            ("1990-01-01T23:00:00.000Z", None),
            ("1990-02-131", None),
            ("02/03/1990", None),
            ("02031990", None),
            ("19900230", None),
            ("1990-2-3", None),
        ],
    );
}

#[test]
fn hints_lead_to_the_setting_meant() {
    let id = IdCheck::new();
    check_hints(
        |value| id.of(value),
        &[
            (" cus_a1\n", Some("cus_a1")),
            ("\"cus_a1\"", Some("cus_a1")),
            ("\" cus_a1 \"", Some("cus_a1")),
            ("\u{FEFF}'cus_a1'", Some("cus_a1")),
            ("{{cus_a1}}", Some("cus_a1")),
            ("<cus_a1>", Some("cus_a1")),
            ("{id}", None),
            ("${cus_id}", None),
            ("cus_", None),
            ("cus_a b", None),
            ("cust_123", None),
            ("3f1b8c4e-7c2e-4c2c-8d2f-179cf0efb36b", None),
        ],
    );
    check_hints(
        api_key,
        &[
            ("abc\r\n", Some("abc")),
            ("\"abc\"", Some("abc")),
            ("Bearer abc", Some("abc")),
            ("\"Bearer abc\"\n", Some("abc")),
            ("Bearer ", None),
            ("a b", None),
        ],
    );
    check_hints(
        base_url,
        &[
            ("https://a.example\n", Some("https://a.example")),
            ("'https://a.example/'", Some("https://a.example/")),
            (
                "\"https://a.example/api/v1/customers/{id}\"",
                Some("https://a.example"),
            ),
            (
                "https://a.example/gate/customers",
                Some("https://a.example/gate"),
            ),
            ("https://2001:db8::1", None),
            ("http://a.example", None),
            ("https://a.example/a b", None),
        ],
    );
}

/// Follows the messages of each value until it passes, or none says what to do.
#[track_caller]
fn check_hints(check: impl Fn(&str) -> Option<String>, rows: &[(&str, Option<&str>)]) {
    let mut failed = String::new();
    for (given, meant) in rows {
        let steps = iter::successors(Some((*given).to_owned()), |value| {
            follow(&check(value)?, value)
        });
        let last = steps.take(5).last().unwrap();
        let ended = check(&last).is_none().then_some(last);
        if ended.as_deref() != *meant {
            writeln!(failed, "{given:?} led to {ended:?}, and not to {meant:?}").unwrap();
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

/// What comes of a value by following what a message says, if that takes no more than
/// the value.
fn follow(message: &str, value: &str) -> Option<String> {
    let within = |value: &str| {
        let mut chars = value.chars();
        chars.next()?;
        chars.next_back()?;
        Some(chars.as_str().to_owned())
    };
    let digits = || value.chars().filter(char::is_ascii_digit);
    let (_, hint) = message.rsplit_once(": ").unwrap_or(("", message));
    match hint {
        "drop the white space or line break around it" => Some(value.trim().into()),
        "drop the byte order mark before it" => Some(value.strip_prefix('\u{FEFF}')?.into()),
        "drop the quotes around it" | "drop the brackets around it" => within(value),
        "drop the name and the `<>`" => {
            let (_, rest) = value.split_once('<')?;
            Some(rest.split_once('>')?.0.into())
        }
        "drop `mailto:` and any `?` part, and decode each %XX" => {
            let address = value.get(7..)?.split('?').next()?;
            // The only one in the rows above.
            Some(address.replace("%2B", "+"))
        }
        "drop the country code, and write the digits alone" => Some(digits().skip(1).collect()),
        "write the digits alone, with nothing between or around them" => Some(digits().collect()),
        "drop the `.0`, and see whether a zero at the front is lost" => {
            // It may be: whoever sees one follows no further.
            None
        }
        "drop the time that follows the day" => Some(value.get(..10)?.into()),
        "drop `Bearer `, which `auth_scheme` decides on" => Some(value.get(7..)?.into()),
        _ if hint.ends_with("with two plain hyphens `-`") => {
            let digits: String = digits().collect();
            Some([digits.get(..4)?, digits.get(4..6)?, digits.get(6..)?].join("-"))
        }
        _ if hint.contains("must end before `/api/v1/customers`") => {
            let (base, _) = value.split_once("/customers")?;
            Some(base.trim_end_matches("/api/v1").into())
        }
        _ => None,
    }
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

/// Checks which rule each value of a field breaks, if it breaks one, and prints all
/// that fail.
#[track_caller]
fn check_messages(
    field: &str,
    check: impl Fn(&str) -> Option<String>,
    rows: &[(&str, Option<&str>)],
) {
    let mut failed = String::new();
    for (value, rule) in rows {
        let came = check(value);
        let expected = rule.map(|rule| format!("{field} {rule}"));
        if came != expected {
            writeln!(
                failed,
                "{value:?}\n  came:     {came:?}\n  expected: {expected:?}"
            )
            .unwrap();
        }
    }
    assert!(failed.is_empty(), "these rows failed:\n{failed}");
}
