//! What holds for every value, on generated ones.

use std::fmt::Debug;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use paywithsoap::testing::{Fault, TestServer};
use paywithsoap::{Config, CustomerPatch, Error, ErrorKind, Outcome, Violation, update_customer};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use regex_lite::Regex;
use serde_json::{Map, Value, json};

use crate::common::{assert_error_hides, assert_hides, one_attempt};

const NAMES: [&str; 5] = [
    "email",
    "first_name",
    "last_name",
    "phone_number",
    "date_of_birth",
];

/// The e-mail pattern of the HTML Living Standard, to the letter.
const HTML_EMAIL: &str = r"^[a-zA-Z0-9.!#$%&'*+\/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$";

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn json_has_exactly_the_set_fields(fields in right_fields()) {
        let patch = patch_of(NAMES.into_iter().zip(&fields));
        let set: Vec<_> = NAMES
            .iter()
            .zip(&fields)
            .filter_map(|(name, value)| Some(format!("{:?}:{}", name, json!(value.as_ref()?))))
            .collect();
        prop_assert_eq!(patch.is_empty(), set.is_empty());
        match patch.to_json() {
            Ok(json) => prop_assert_eq!(json, format!("{{{}}}", set.join(","))),
            Err(error) => {
                prop_assert!(set.is_empty());
                prop_assert_eq!(violated(&error), ["patch"]);
            }
        }
    }

    #[test]
    fn the_last_call_per_setter_wins(
        fields in any_fields(),
        before in any_fields(),
        order in Just([0, 1, 2, 3, 4]).prop_shuffle(),
    ) {
        let straight = patch_of(NAMES.into_iter().zip(&fields));
        let shuffled = patch_of(order.map(|i| (NAMES[i], &fields[i])));
        prop_assert_eq!(&shuffled, &straight);
        prop_assert_eq!(show(&shuffled.to_json()), show(&straight.to_json()));

        let covered = before.iter().zip(&fields).map(|(old, new)| old.as_ref().filter(|_| new.is_some()));
        let twice = order.iter().fold(CustomerPatch::new(), |patch, i| {
            covered.clone().nth(*i).flatten().map_or(patch.clone(), |old| set(patch, NAMES[*i], old))
        });
        let twice = order.iter().rev().fold(twice, |patch, i| {
            fields[*i].as_ref().map_or(patch.clone(), |new| set(patch, NAMES[*i], new))
        });
        prop_assert_eq!(twice, straight);
    }

    #[test]
    fn violations_name_malformed_fields_in_order(fields in any_fields()) {
        let wrong: Vec<_> = NAMES
            .into_iter()
            .zip(&fields)
            .filter(|(name, value)| {
                value.as_ref().is_some_and(|v| set(CustomerPatch::new(), name, v).validate().is_err())
            })
            .map(|(name, _)| name)
            .collect();
        let patch = patch_of(NAMES.into_iter().zip(&fields));
        match patch.validate() {
            Ok(()) => prop_assert!(wrong.is_empty() && !patch.is_empty()),
            Err(error) if patch.is_empty() => prop_assert_eq!(violated(&error), ["patch"]),
            Err(error) => prop_assert_eq!(violated(&error), wrong),
        }
    }

    #[test]
    fn json_and_setters_make_equal_patches(fields in any_fields()) {
        let map: Map<String, Value> = NAMES
            .into_iter()
            .zip(&fields)
            .filter_map(|(name, value)| Some((name.into(), value.clone()?.into())))
            .collect();
        let read: CustomerPatch = serde_json::from_value(map.into()).unwrap();
        prop_assert_eq!(read, patch_of(NAMES.into_iter().zip(&fields)));
    }

    #[test]
    fn an_email_matches_the_html_pattern(email in near_email()) {
        let pattern = Regex::new(HTML_EMAIL).unwrap();
        let expected = email.len() <= 254 && pattern.is_match(&email);
        prop_assert_eq!(CustomerPatch::new().email(email).validate().is_ok(), expected);
    }

    #[test]
    fn a_date_is_a_calendar_date(
        (year, month, day) in (0_u32..=9999, 0_u32..=13, 0_u32..=32),
        garbled in near("0123456789-/T: ", 12),
    ) {
        let date = format!("{year:04}-{month:02}-{day:02}");
        let accepted = CustomerPatch::new().date_of_birth(date).validate().is_ok();
        prop_assert_eq!(accepted, is_day(year, month, day));

        let numbers = match garbled.as_bytes() {
            [y @ .., b'-', m1, m2, b'-', d1, d2] if y.len() == 4 => number(y)
                .zip(number(&[*m1, *m2]))
                .zip(number(&[*d1, *d2])),
            _ => None,
        };
        let expected = numbers.is_some_and(|((y, m), d)| is_day(y, m, d));
        prop_assert_eq!(CustomerPatch::new().date_of_birth(garbled).validate().is_ok(), expected);
    }

    #[test]
    fn phone_numbers_are_ten_ascii_digits(number in near("0123456789", 12)) {
        let expected = number.len() == 10 && number.bytes().all(|b| b.is_ascii_digit());
        prop_assert_eq!(CustomerPatch::new().phone_number(number).validate().is_ok(), expected);
    }

    #[test]
    fn names_are_kept_unchanged_or_rejected(name in near("aZ \t\n\u{e9}\u{200b}\u{2028}\u{feff}\u{e0100}\u{fffd}", 260)) {
        let expected = name.chars().count() <= 255
            && name.chars().any(|c| !c.is_whitespace() && !is_invisible(c))
            && !name.contains(|c: char| c.is_control() || "\u{2028}\u{2029}\u{fffd}".contains(c));
        let first = CustomerPatch::new().first_name(&name).to_json().ok();
        prop_assert_eq!(first, expected.then(|| json!({ "first_name": name }).to_string()));
        let last = CustomerPatch::new().last_name(&name).to_json().ok();
        prop_assert_eq!(last, expected.then(|| json!({ "last_name": name }).to_string()));
    }

    #[test]
    fn a_key_is_visible_ascii(key in near("aZ9!~ \n", 20)) {
        let expected = !key.is_empty()
            && key.bytes().all(|b| (0x21..=0x7e).contains(&b));
        let cfg = Config::builder(&key).base_url("http://localhost").build();
        prop_assert_eq!(cfg.is_ok(), expected);
    }

    #[test]
    fn the_checked_host_is_dialed(url in near_url()) {
        let Ok(cfg) = Config::builder("key").base_url(&url).no_proxy().build() else {
            return Ok(());
        };
        let (scheme, rest) = cfg.base_url().split_once("://").unwrap();
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let start = format!("{scheme}://{authority}");
        prop_assert!(url.to_ascii_lowercase().starts_with(&start));
        prop_assert!(!authority.contains('@'));

        let uri: ureq::http::Uri = format!("{}/api/v1/customers/cus_1", cfg.base_url()).parse().unwrap();
        prop_assert_eq!(uri.scheme_str(), Some(scheme));
        prop_assert_eq!(uri.authority().unwrap().as_str(), authority);
        prop_assert_eq!(uri.path(), format!("{path}/api/v1/customers/cus_1"));
        prop_assert_eq!(uri.query(), None);
        let host = uri.host().unwrap();
        let port = authority.strip_prefix(host).unwrap();
        prop_assert_eq!(uri.port_u16().map(u32::from), port.strip_prefix(':').map(|p| p.parse().unwrap()));
        if scheme == "http" {
            let local = host == "localhost"
                || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.octets()[0] == 127)
                || host.trim_matches(['[', ']']).parse() == Ok(Ipv6Addr::LOCALHOST);
            prop_assert!(local);
        }
    }

    #[test]
    fn no_rejected_value_shows(marker in marker(), shape in shapes()) {
        let value = shape.replace('*', &marker);
        let patch = NAMES.into_iter().fold(CustomerPatch::new(), |patch, name| set(patch, name, &value));
        hides(&marker, &patch);
        let builder = Config::builder(&marker)
            .base_url(format!("http://{value}"))
            .proxy(format!("http://user:{value}@[::1]:1"));
        hides(&marker, &builder);
        let spoilt = Config::builder(&format!("{value} ")).base_url(format!("gopher://{value}"));
        hides(&marker, &spoilt);
        let errors = [
            patch.validate().err(),
            builder.user_agent(format!("{value}\n")).root_certificates(value.as_bytes()).build().err(),
            spoilt.build().err(),
            Config::builder(&marker).user_agent("").build().err(),
            update_customer(&Config::builder(&marker).base_url("http://localhost").build().unwrap(), &value, &patch).err(),
        ];
        for error in errors.iter().flatten() {
            hides_in_error(&marker, error);
            for violation in error.violations() {
                hides(&marker, violation);
                prop_assert!(!violation.to_string().contains(&marker));
            }
        }
        hides(&marker, &Config::builder(&marker).base_url("http://localhost").build().unwrap());
    }

    #[test]
    fn messages_of_deserialize_quote_nothing(marker in marker(), digits in "[1-9][0-9]{12,30}", name in select(&NAMES[..])) {
        for json in [
            json!({ &marker: "x" }).to_string(),
            json!({ name: { &marker: &marker } }).to_string(),
            json!({ name: [&marker] }).to_string(),
            json!([&marker]).to_string(),
            json!(marker).to_string(),
            format!("{{\"{name}\":\"{marker}\",\"{name}\":\"{marker}\"}}"),
            format!("{{\"{name}\":\"{marker}\",\"{marker}\":null}}"),
            format!("{{\"{name}\":{marker}}}"),
            format!("{{\"{name}\":{digits}}}"),
            format!("{{\"{name}\":-{digits}.5e3}}"),
            format!("{{\"{digits}\":{digits}}}"),
            digits.clone(),
        ] {
            let error = serde_json::from_str::<CustomerPatch>(&json).unwrap_err();
            for text in [error.to_string(), format!("{error:?}")] {
                prop_assert!(!text.contains(&marker) && !text.contains(&digits), "{}", text);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn accepted_values_are_sent_unchanged(id in "cus_[0-9A-Za-z]{1,128}", fields in right_fields()) {
        let patch = patch_of(NAMES.into_iter().zip(&fields));
        prop_assume!(!patch.is_empty());
        let server = TestServer::start().unwrap();
        server.add_customer(&json!({ "id": id }).to_string());
        let cfg = server.config().build().unwrap();
        let customer = update_customer(&cfg, &id, &patch).unwrap();

        let [request] = &server.requests()[..] else {
            panic!("one request")
        };
        prop_assert_eq!(&request.path, &format!("/api/v1/customers/{id}"));
        let sent: Map<String, Value> = serde_json::from_slice(&request.body).unwrap();
        let given: Map<String, Value> = NAMES
            .into_iter()
            .zip(&fields)
            .filter_map(|(name, value)| Some((name.into(), value.clone()?.into())))
            .collect();
        prop_assert_eq!(sent, given);

        let date = customer.date_of_birth.map(|date| date.to_string());
        let back = [customer.email, customer.first_name, customer.last_name, customer.phone_number, date];
        prop_assert_eq!(back, fields);
        prop_assert_eq!(customer.id, id);
    }

    #[test]
    fn no_value_that_was_sent_shows(
        marker in marker(),
        status in select(&[200_u16, 400, 404, 422, 500, 503][..]),
        echo in echoes(),
    ) {
        let server = TestServer::start().unwrap();
        let email = format!("{marker}@example.com");
        let patch = CustomerPatch::new().email(&email).first_name(&marker).last_name(format!("{marker} \u{e9}"));
        hides(&marker, &patch);
        hides(&marker, &server);
        let cfg = one_attempt(&server);
        let customer = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).unwrap();
        hides(&marker, &customer);

        for value in [&email, &marker, &email.to_ascii_lowercase()] {
            let body = echo.replace('*', value);
            server.fail_next(Fault::respond(status, body.as_str()));
            let error = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).unwrap_err();
            prop_assert_eq!(error.body(), Some(&*body));
            hides_in_error(&marker, &error);
        }

        // A key that the server quotes, anywhere in a word.
        let cfg = Config::builder(&marker).base_url(server.base_url()).max_retries(0).build().unwrap();
        hides(&marker, &cfg);
        let body = echo.replace([' ', '-'], "").replace('*', &marker);
        server.fail_next(Fault::respond(status, body));
        let patch = CustomerPatch::new().phone_number("5551234567");
        let error = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).unwrap_err();
        hides_in_error(&marker, &error);
    }
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn no_personal_data_shows(
        value in personal_data(),
        before in "[a-z ]{0,20}|[a-z ]{280,300}",
        (open, close) in select(&[(" ", " "), ("(", ")"), ("<", ">"), ("'", "'."), ("mailto:", ","), ("=", "&"), ("\u{201c}", "\u{201d}")][..]),
        echo in echoes(),
    ) {
        let server = TestServer::start().unwrap();
        let cfg = one_attempt(&server);
        let quoted = json!(format!("{before}{open}{value}{close}")).to_string();
        let body = echo.replace('*', quoted.trim_matches('"'));
        server.fail_next(Fault::respond(422, body));
        // Not a value of this call.
        let patch = CustomerPatch::new().first_name("Joan");
        let error = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).unwrap_err();
        let display = error.to_string();
        let shown = display.strip_prefix("not applied: the API responded with 422").unwrap();
        prop_assert!(!shown.contains(|c: char| c.is_numeric() || c == '@'), "{}", shown);
    }

    #[test]
    fn arbitrary_bytes_are_never_a_customer(bytes in response_bytes()) {
        let server = TestServer::start().unwrap();
        let cfg = server.config().max_retries(0).timeout(Duration::from_secs(20)).build().unwrap();
        let patch = CustomerPatch::new().first_name("Joan");
        server.fail_next(Fault::Raw(bytes));
        let error = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).unwrap_err();
        prop_assert_eq!(error.attempts(), 1);
        // The request has left, so that only an error response makes it clear.
        let rejected = error.status().is_some_and(|status| status / 100 == 4);
        prop_assert_eq!(error.outcome() == Outcome::NotApplied, rejected);
    }

    #[test]
    fn customers_are_json_with_the_id(
        response in response_json(),
        bom in any::<bool>(),
        status in select(&[200_u16, 201][..]),
    ) {
        let server = TestServer::start().unwrap();
        let cfg = server.config().build().unwrap();
        let patch = CustomerPatch::new().first_name("Joan");
        let body = format!("{}{response}", if bom { "\u{feff}" } else { "" });
        server.fail_next(Fault::respond(status, body.as_str()));
        let result = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch);
        prop_assert_eq!(result.is_ok(), response["id"] == TestServer::CUSTOMER_ID);
        match result {
            Ok(customer) => {
                prop_assert_eq!(customer.raw_json(), body);
                for (name, value) in [
                    ("internal_id", customer.internal_id),
                    ("email", customer.email),
                    ("first_name", customer.first_name),
                    ("last_name", customer.last_name),
                    ("phone_number", customer.phone_number),
                ] {
                    prop_assert_eq!(value.as_deref(), response[name].as_str(), "{}", name);
                }
                let date = customer.date_of_birth.map(|date| date.to_string());
                let given = response["date_of_birth"].as_str();
                prop_assert_eq!(date.as_deref(), given.filter(|date| *date == "1990-01-31"));
            }
            Err(error) => {
                prop_assert!(matches!(error.kind(), ErrorKind::InvalidResponse(_)));
                prop_assert_eq!(error.outcome(), Outcome::Unknown);
                prop_assert_eq!(error.body(), Some(&*body));
            }
        }
    }
}

#[test]
fn patch_debug_names_the_set_fields() {
    let patch = CustomerPatch::new()
        .last_name("Doe")
        .email("jane@example.com");
    assert_eq!(
        format!("{patch:?}"),
        "CustomerPatch { email: .., last_name: .. }"
    );
    let patch = patch.email("jane");
    assert_eq!(
        format!("{patch:?}"),
        "CustomerPatch { email: Violation { field: \"email\", name: None, rule: \"must be an e-mail address, \
         like customer@example.com: there is no `@`\" }, last_name: .. }"
    );
}

/// So many cases of each property, or more in the measure in which
/// `PROPTEST_CASES` is more than its default of 256.
fn cases(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: (default.cases * cases).div_ceil(256),
        failure_persistence: None,
        ..default
    }
}

/// Values that are right, or not set, in the order of `NAMES`.
fn right_fields() -> impl Strategy<Value = [Option<String>; 5]> {
    let name = || {
        "\\PC{0,20}[^\\s\\pC]\\PC{0,20}".prop_filter("visible, and no line separator", |name| {
            CustomerPatch::new().first_name(name).validate().is_ok()
        })
    };
    [
        option::of(email()).boxed(),
        option::of(name()).boxed(),
        option::of(name()).boxed(),
        option::of("[0-9]{10}").boxed(),
        option::of(date()).boxed(),
    ]
}

/// Values that are right, nearly right, wrong, or not set.
fn any_fields() -> impl Strategy<Value = [Option<String>; 5]> {
    (right_fields(), vec(option::of("\\PC{0,12}"), 5)).prop_map(|(right, wrong)| {
        let mut wrong = wrong.into_iter();
        right.map(|value| {
            wrong
                .next()
                .flatten()
                .filter(|w| w.len() % 2 == 0)
                .or(value)
        })
    })
}

fn email() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,30}@[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\\.[a-z0-9]{1,20}){0,3}"
}

fn date() -> impl Strategy<Value = String> {
    (1_u32..=9999, 1_u32..=12, 1_u32..=31)
        .prop_filter("a day", |(year, month, day)| is_day(*year, *month, *day))
        .prop_map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"))
}

/// Mostly of these characters, up to so many.
fn near(characters: &str, most: usize) -> impl Strategy<Value = String> {
    let own = select(characters.chars().collect::<Vec<_>>());
    let one = prop_oneof![30 => own.clone(), 1 => any::<char>()];
    prop_oneof![
        vec(one.clone(), 0..=most),
        vec(own, 10..=10),
        vec(one, 0..=3),
    ]
    .prop_map(|characters| characters.into_iter().collect())
}

fn near_email() -> impl Strategy<Value = String> {
    let label = prop_oneof![
        8 => "[a-zA-Z0-9-]{1,6}",
        2 => "[a-z]{60,65}",
        1 => "[a-z]([a-z-]{61}|[a-z-]{62})[a-z]",
        1 => "[a-z_ \u{e9}@-]{0,3}",
    ];
    let local = prop_oneof![
        4 => "[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{0,20}",
        1 => "[a-z]{60,70}",
        1 => "[ -~\u{e9}\n]{1,5}",
    ];
    prop_oneof![
        6 => (local, vec(label, 0..=4)).prop_map(|(local, labels)| format!("{local}@{}", labels.join("."))),
        1 => email().prop_map(|email| email + "\n"),
        1 => "[ -~]{0,12}",
        1 => any::<String>(),
    ]
}

fn near_url() -> impl Strategy<Value = String> {
    let scheme = select(
        &[
            "https://", "http://", "https://", "HTTP://", "hTTps://", "https:/", "ftp://", "//", "",
        ][..],
    );
    let host = prop_oneof![
        8 => select(&[
            "localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.255.255.254", "127.1", "127.0.0.1.", "0x7f.0.0.1",
            "2130706433", "10.0.0.1", "[::1]", "[0:0::1]", "[::ffff:127.0.0.1]", "[::1", "::1", "[v1.x]", "[fe80::1%25lo]",
            "example.com", "Example.COM.", "a_b.example", "127.0.0.1.example.com", "xn--nxasmq6b.example",
        ][..]).prop_map(str::to_owned),
        2 => "[a-z0-9.-]{0,12}",
        1 => "[ -~]{0,8}",
    ];
    let after = prop_oneof![
        4 => Just(String::new()),
        2 => ":[0-9]{0,6}",
        2 => "[@:\\\\#?%]{1,2}(localhost|example\\.com|[0-9]{1,3})",
    ];
    let path = prop_oneof![
        3 => Just(String::new()),
        2 => "(/[a-z0-9@:~-]{0,5}){1,3}",
        1 => Just("/api/v1/".into()),
        1 => "/[ -~]{0,8}",
    ];
    (scheme, host, after, path)
        .prop_map(|(scheme, host, after, path)| format!("{scheme}{host}{after}{path}"))
}

/// Something that must not show, and that nothing else holds by chance.
fn marker() -> impl Strategy<Value = String> {
    "[a-zA-Z][a-zA-Z0-9]{13,40}"
}

/// Where in a value a marker stands.
fn shapes() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "*",
            " *",
            "*\n",
            "*@",
            "@*",
            "<*@example.com>",
            "mailto:*@example.com",
            "*@*",
            "*@\u{e9}.example",
            "*/*",
            "+1 *",
            "*\u{fffd}",
            "\u{1b}[2J*",
            "1990-01-31T*",
            "${*}",
            "Bearer *",
            "*?*",
            "*#*",
            "*:99999",
        ][..],
    )
}

/// Somebody's address, phone number or date of birth, none with a letter that the
/// text around it could continue.
fn personal_data() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,3}[a-z0-9.!#$%&*+/=?^_{|}~-]{0,20}@[0-9][a-z0-9-]{0,20}[0-9](\\.[0-9]{1,3}){0,2}",
        "(\\+?1[-. ]?)?\\(?[0-9]{3}\\)?[-. /]{0,2}[0-9]{3}[-. ]{0,3}[0-9]{4}",
        "\\+[0-9]{2} [0-9]{3,4}/[0-9]{5,8}",
        (
            1_u32..=9999,
            1_u32..=12,
            1_u32..=28,
            select(&["-", "/", ".", "_"][..]),
            0..7
        )
            .prop_map(|(year, month, day, sign, order)| match order {
                0 => format!("{year:04}{sign}{month:02}{sign}{day:02}"),
                1 => format!("{month:02}{sign}{day:02}{sign}{year:04}"),
                2 => format!("{day}{sign}{month}{sign}{year:04}"),
                3 => format!("{month}{sign}{day}{sign}{:02}", year % 100),
                4 => format!("{year:04}{sign}{month:02}{sign}{day:02}T00:00:00.000Z"),
                5 => format!("{day} March {year:04}"),
                _ => format!("Sept. {day}, {year:04}"),
            }),
    ]
}

/// How a server quotes a value.
fn echoes() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "*",
            r#""*""#,
            r#"{"error":"* is taken","hint":"use another than *"}"#,
            r#"{"error":{"message":"*","hint":"*"}}"#,
            r#"{"message":"a-*-a_*"}"#,
            r#"{"errors":{"*":["*","is * *"]}}"#,
            r#"{"errors":[{"detail":"* *"}]}"#,
            r#"{"id":"*"}"#,
            r#"{"id":"*","id":"*"}"#,
            r#"{"*":"#,
            "[\"*\",\u{1}]",
        ][..],
    )
}

/// Anything at all, and things that look like HTTP, none with the right id.
fn response_bytes() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        6 => (select(&[0_u16, 99, 100, 101, 199, 200, 200, 200, 201, 204, 205, 304, 400, 422, 429, 500, 503, 600, 999][..]), "[ -~]{0,8}")
            .prop_map(|(status, reason)| format!("HTTP/1.1 {status:03} {reason}")),
        1 => "HTTP/[0-9.]{0,4} [0-9]{0,4}( [ -~]{0,4})?",
        1 => "\\PC{0,12}",
    ];
    let header = prop_oneof![
        3 => "content-length: [0-9]{1,2}",
        1 => "content-length: [0-9+-]{0,22}",
        2 => Just("transfer-encoding: chunked".to_owned()),
        1 => "(retry-after|x-request-id|location|content-encoding|connection): [ -~]{0,12}",
        1 => "[ -~]{0,20}",
    ];
    let body = prop_oneof![
        2 => "[0-9a-f]{1,2}\r\n[ -~]{0,16}\r\n(0\r\n\r\n)?".prop_map(String::into_bytes),
        2 => Just(br#"{"id":"cus_another"}"#.to_vec()),
        1 => vec(any::<u8>(), 0..40),
    ];
    prop_oneof![
        4 => (line, vec(header, 0..4), body).prop_map(|(line, headers, body)| {
            let mut head = vec![line];
            head.extend(headers);
            [format!("{}\r\n\r\n", head.join("\r\n")).into_bytes(), body].concat()
        }),
        1 => vec(any::<u8>(), 0..80),
    ]
}

fn response_json() -> impl Strategy<Value = Value> {
    const KNOWN: [&str; 8] = [
        "internal_id",
        "date_of_birth",
        "created_at",
        "updated_at",
        "email",
        "first_name",
        "phone_number",
        "last_name",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(Value::from(TestServer::CUSTOMER_ID)),
        Just(Value::from("1990-01-31")),
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    let id = prop_oneof![
        6 => Just(Some(Value::from(TestServer::CUSTOMER_ID))),
        1 => Just(Some(Value::from("cus_another"))),
        1 => Just(Some(Value::from(TestServer::CUSTOMER_ID.to_lowercase()))),
        1 => option::of(value.clone()),
    ];
    let object = (
        id,
        proptest::collection::hash_map(
            select(&KNOWN[..]).prop_map(str::to_owned),
            value.clone(),
            0..8,
        ),
        proptest::collection::hash_map("\\PC{0,6}", value.clone(), 0..3),
    )
        .prop_map(|(id, known, others)| {
            let mut object: Map<String, Value> = others.into_iter().chain(known).collect();
            if let Some(id) = id {
                object.insert("id".into(), id);
            }
            Value::Object(object)
        });
    prop_oneof![9 => object, 1 => value]
}

fn patch_of<'a>(
    fields: impl IntoIterator<Item = (&'static str, &'a Option<String>)>,
) -> CustomerPatch {
    fields
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_ref()?)))
        .fold(CustomerPatch::new(), |patch, (name, value)| {
            set(patch, name, value)
        })
}

fn set(patch: CustomerPatch, name: &str, value: &str) -> CustomerPatch {
    match name {
        "email" => patch.email(value),
        "first_name" => patch.first_name(value),
        "last_name" => patch.last_name(value),
        "phone_number" => patch.phone_number(value),
        "date_of_birth" => patch.date_of_birth(value),
        _ => unreachable!("{name} is no field"),
    }
}

fn violated(error: &Error) -> Vec<&'static str> {
    assert_eq!(error.outcome(), Outcome::NotApplied);
    error.violations().iter().map(Violation::field).collect()
}

fn show(result: &Result<String, Error>) -> String {
    match result {
        Ok(json) => json.clone(),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn hides(marker: &str, value: &dyn Debug) {
    assert_hides(&[&marker.to_lowercase()], value);
}

#[track_caller]
fn hides_in_error(marker: &str, error: &Error) {
    assert_error_hides(&[&marker.to_lowercase()], error);
}

/// The calendar, counted by hand.
fn is_day(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    year >= 1 && (1..=days).contains(&day)
}

/// `Default_Ignorable_Code_Point`, and the empty braille pattern.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
    )
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        Some(number * 10 + char::from(*digit).to_digit(10)?)
    })
}
