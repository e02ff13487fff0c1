//! What the client makes of a response of 2xx.

use std::error::Error as _;
use std::fmt::Write;

use std::time::Duration;

use paywithsoap::testing::{Fault, TestServer};
use paywithsoap::{Customer, CustomerPatch, Error, ErrorKind, Outcome, update_customer};
use time::{Date, Month, OffsetDateTime, Time};

use crate::common::{ID, one_attempt, patch};

/// The response of the API's page.
const PAGE: &str = r#"{
  "id": "cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V",
  "internal_id": "cust_123",
  "email": "customer@example.com",
  "first_name": "Jane",
  "last_name": "Doe",
  "phone_number": "5551234567",
  "date_of_birth": "1990-01-01",
  "created_at": "2025-03-10T16:08:14.427Z",
  "updated_at": "2025-03-12T09:15:42.001Z"
}"#;

#[test]
fn reads_the_response_of_the_page() {
    let customer = read(PAGE).unwrap();
    assert_eq!(customer.id, ID);
    assert_eq!(customer.internal_id.as_deref(), Some("cust_123"));
    assert_eq!(customer.email.as_deref(), Some("customer@example.com"));
    assert_eq!(customer.first_name.as_deref(), Some("Jane"));
    assert_eq!(customer.last_name.as_deref(), Some("Doe"));
    assert_eq!(customer.phone_number.as_deref(), Some("5551234567"));
    let day = |year, month, day| Date::from_calendar_date(year, month, day).unwrap();
    let at = |date: Date, time: (u8, u8, u8, u16)| {
        let time = Time::from_hms_milli(time.0, time.1, time.2, time.3).unwrap();
        Some(date.with_time(time).assume_utc())
    };
    assert_eq!(customer.date_of_birth, Some(day(1990, Month::January, 1)));
    assert_eq!(
        customer.created_at,
        at(day(2025, Month::March, 10), (16, 8, 14, 427))
    );
    assert_eq!(
        customer.updated_at,
        at(day(2025, Month::March, 12), (9, 15, 42, 1))
    );
    assert_eq!(customer.raw_json(), PAGE);
    assert_eq!(customer.request_id(), None);
}

#[test]
fn returns_the_customer_after_the_change() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().build().unwrap();
    let patch = CustomerPatch::new()
        .email("jane@example.org")
        .last_name("Ren\u{E9}e")
        .date_of_birth("2000-02-29");
    let customer = update_customer(&cfg, ID, &patch).unwrap();
    assert_eq!(customer.email.as_deref(), Some("jane@example.org"));
    assert_eq!(customer.first_name.as_deref(), Some("Jane"));
    assert_eq!(customer.last_name.as_deref(), Some("Ren\u{E9}e"));
    assert_eq!(customer.date_of_birth.unwrap().to_string(), "2000-02-29");
    assert_eq!(customer.request_id(), Some("req_1"));
    assert_eq!(server.customer(ID).as_deref(), Some(customer.raw_json()));
}

#[test]
fn relies_on_nothing_but_the_id() {
    for rest in [
        "",
        r#", "email": null"#,
        r#", "email": 1"#,
        r#", "email": -1.5e3"#,
        r#", "email": 1e999"#,
        r#", "email": 123456789012345678901234567890123456789012345678901234567890"#,
        r#", "email": true"#,
        r#", "email": []"#,
        r#", "email": {"address": "a@b"}"#,
        r#", "email": "\ud800""#,
        r#", "email": "\udc00\ud800""#,
        r#", "email": "a@b", "email": null"#,
        r#", "date_of_birth": "02/13/1990""#,
        r#", "date_of_birth": "1990-02-30""#,
        r#", "date_of_birth": "1990-01-01T00:00:00Z""#,
        r#", "date_of_birth": "0000-00-00""#,
        r#", "date_of_birth": """#,
        r#", "date_of_birth": 19900101"#,
        r#", "created_at": "2025-03-10""#,
        r#", "created_at": "2025-03-10T16:08:14""#,
        r#", "created_at": 1741622894"#,
        r#", "created_at": "2025-02-30T00:00:00Z""#,
        r#", "created_at": "9999-12-31T23:59:59.999+99:99""#,
        r#", "updated_at": "soon""#,
        r#", "status": "active", "tags": [1, {"a": null}], "limit": 1e999"#,
        r#", "note": "\ud800", "x\ud800": 1, "": 0"#,
        r#", "$serde_json::private::RawValue": "{", "$serde_json::private::Number": "x""#,
        r#", "Email": "a@b", "EMAIL": "a@b", "email_address": "a@b""#,
    ] {
        let json = format!(r#"{{"id": "{ID}"{rest}}}"#);
        let customer = read(&json).unwrap_or_else(|error| panic!("{json}: {error:?}"));
        assert_eq!(customer.id, ID, "{json}");
        assert_eq!(customer.internal_id, None, "{json}");
        assert_eq!(customer.email, None, "{json}");
        assert_eq!(customer.first_name, None, "{json}");
        assert_eq!(customer.last_name, None, "{json}");
        assert_eq!(customer.phone_number, None, "{json}");
        assert_eq!(customer.date_of_birth, None, "{json}");
        assert_eq!(customer.created_at, None, "{json}");
        assert_eq!(customer.updated_at, None, "{json}");
        assert_eq!(customer.raw_json(), json);
    }
}

#[test]
fn one_odd_field_spoils_no_other() {
    let customer = read(&format!(
        r#"{{"email": 1e999, "first_name": "J\u0061ne", "last_name": "", "id": "{ID}",
            "phone_number": "+1 555", "first_name": "June", "date_of_birth": "x"}}"#
    ))
    .unwrap();
    assert_eq!(customer.email, None);
    // Of a repeated field the last counts, and texts are as the server has them.
    assert_eq!(customer.first_name.as_deref(), Some("June"));
    assert_eq!(customer.last_name.as_deref(), Some(""));
    assert_eq!(customer.phone_number.as_deref(), Some("+1 555"));
    assert_eq!(customer.date_of_birth, None);
}

#[test]
fn reads_ids_however_json_writes_them() {
    for json in [
        format!(r#"{{"id":"{ID}"}}"#),
        format!(r#"{{"id":"\u0063{}"}}"#, &ID[1..]),
        format!(r#"{{"\u0069d":"{ID}"}}"#),
        format!(r#"{{"id":"{ID}","id":"{ID}"}}"#),
        format!(r#"{{"id":"{ID}","email":"a@b","id":"\u0063{}"}}"#, &ID[1..]),
        format!(" \r\n\t{{ \"id\" : \"{ID}\" }} \r\n\t"),
        format!("\u{FEFF}{{\"id\":\"{ID}\"}}"),
    ] {
        let customer = read(&json).unwrap_or_else(|error| panic!("{json}: {error:?}"));
        assert_eq!(customer.id, ID);
        assert_eq!(customer.raw_json(), json);
    }
}

#[test]
fn any_other_body_is_invalid() {
    const NO_CUSTOMER: &str = "the body is not a JSON object with an id";
    const EARLY: &str = "the body is JSON that ends too early";
    const EMPTY: &str = "the body is empty";
    const OTHER: &str = "the body has another id than the one requested";
    let json = |column| format!("the body is not JSON at line 1 column {column}");
    let long = |n: usize| format!(r#"{{"id":"{ID}","x":"{}"}}"#, "x".repeat(n));
    let mut failed = String::new();
    for (body, cause) in [
        (format!(r#"{{"id":"{ID}x"}}"#), OTHER.into()),
        (r#"{"id":""}"#.into(), OTHER.into()),
        (format!(r#"{{"id":" {ID}"}}"#), OTHER.into()),
        (format!(r#"{{"id":"{}"}}"#, ID.to_lowercase()), OTHER.into()),
        (
            r#"{"id":"cus_other","id":"cus_other"}"#.into(),
            OTHER.into(),
        ),
        ("{}".into(), NO_CUSTOMER.into()),
        (format!(r#"{{"ID":"{ID}"}}"#), NO_CUSTOMER.into()),
        (
            format!(r#"{{"customer":{{"id":"{ID}"}}}}"#),
            NO_CUSTOMER.into(),
        ),
        (r#"{"id":null}"#.into(), NO_CUSTOMER.into()),
        (r#"{"id":1}"#.into(), NO_CUSTOMER.into()),
        (format!(r#"{{"id":["{ID}"]}}"#), NO_CUSTOMER.into()),
        (
            format!(r#"{{"id":"{ID}","id":"cus_x"}}"#),
            NO_CUSTOMER.into(),
        ),
        (
            format!(r#"{{"id":"cus_x","id":"{ID}"}}"#),
            NO_CUSTOMER.into(),
        ),
        (format!(r#"{{"id":null,"id":"{ID}"}}"#), NO_CUSTOMER.into()),
        (format!(r#"{{"id":"{ID}","id":null}}"#), NO_CUSTOMER.into()),
        (format!(r#"[{{"id":"{ID}"}}]"#), NO_CUSTOMER.into()),
        (format!(r#"["{ID}"]"#), NO_CUSTOMER.into()),
        (format!(r#""{ID}""#), NO_CUSTOMER.into()),
        ("null".into(), NO_CUSTOMER.into()),
        ("true".into(), NO_CUSTOMER.into()),
        ("200".into(), NO_CUSTOMER.into()),
        ("[]".into(), NO_CUSTOMER.into()),
        (String::new(), EMPTY.into()),
        (" \n".into(), EMPTY.into()),
        ("OK".into(), json(1)),
        ("<html>".into(), json(1)),
        ("\u{FEFF}".into(), EMPTY.into()),
        (format!("\u{FEFF}\u{FEFF}{{\"id\":\"{ID}\"}}"), json(1)),
        (format!(r#"{{"id":"{ID}""#), EARLY.into()),
        (format!(r#"{{"id":"{ID}","email":"a@b"#), EARLY.into()),
        (format!(r#"{{"id":"{ID}",}}"#), json(46)),
        (format!(r#"{{"id":"{ID}"}}{{}}"#), json(46)),
        (format!(r#"{{"id":"{ID}"}} x"#), json(47)),
        (format!("{{'id':'{ID}'}}"), json(2)),
        (format!(r#"{{"id":"{ID}","x":NaN}}"#), json(50)),
        (
            format!("{{\"id\":\"{ID}\",\n\"x\":\"\n\"}}"),
            "the body is not JSON at line 2 column 5".into(),
        ),
        (long(1024 * 1024), "the body is longer than 1 MiB".into()),
    ] {
        let error = read(&body).unwrap_err();
        let came = error.source().unwrap().to_string();
        if came != cause {
            let shown: String = body.chars().take(80).collect();
            writeln!(failed, "{shown}: {came}").unwrap();
        }
        check_invalid(&error, 200);
        let most = body.len().min(64 * 1024);
        assert_eq!(error.body(), Some(&body[..most]));
    }
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn bodies_must_be_utf_8() {
    for (body, lossy) in [
        (&b"\xFF"[..], "\u{FFFD}"),
        (b"{\"id\":\"caf\xE9\"}", "{\"id\":\"caf\u{FFFD}\"}"),
        (b"\xFF\xFE{\0}\0", "\u{FFFD}\u{FFFD}{\0}\0"),
        (b"\xED\xA0\x80", "\u{FFFD}\u{FFFD}\u{FFFD}"),
    ] {
        let error = respond(200, &[], body).unwrap_err();
        check_invalid(&error, 200);
        assert_eq!(error.source().unwrap().to_string(), "the body is not UTF-8");
        assert_eq!(error.body(), Some(lossy));
    }
}

#[test]
fn content_codings_are_named() {
    let compressed = b"\x1F\x8B\xFF";
    for (coding, cause) in [
        ("deflate", "encoded by deflate"),
        ("Zstd", "encoded by zstd"),
        ("x-gzip", "encoded by x-gzip"),
        ("gzip, br", "encoded by an unknown coding"),
        ("jane", "encoded by an unknown coding"),
        ("\u{E9}", "encoded by an unknown coding"),
        ("identity", "the body is not UTF-8"),
        ("IDENTITY", "the body is not UTF-8"),
        ("", "the body is not UTF-8"),
    ] {
        let headers = [("content-encoding", coding)];
        let error = respond(200, &headers, compressed).unwrap_err();
        check_invalid(&error, 200);
        let shown = format!("{:#}", error.source().unwrap());
        assert!(shown.contains(cause), "{coding}: {shown}");
        assert!(!shown.contains("jane"), "{shown}");
        // Whoever claims it wrongly is read all the same.
        let body = format!(r#"{{"id":"{ID}"}}"#);
        assert_eq!(respond(200, &headers, body.as_bytes()).unwrap().id, ID);
    }
    let other = respond(200, &[("content-encoding", "utf-8")], br#"{"id":"cus_2"}"#);
    assert_eq!(
        format!("{:#}", other.unwrap_err()),
        "unknown whether applied: the API responded with 200, but not with this customer: \
         the body is encoded by an unknown coding, though `identity` was asked for: \
         the body has another id than the one requested"
    );
}

#[test]
fn what_ureq_decodes_is_read() {
    let body = format!(r#"{{"id":"{ID}"}}"#);
    let gzip = gzip(body.as_bytes());
    // Another crate may have enabled ureq's `gzip`.
    match respond(200, &[("content-encoding", "gzip")], &gzip) {
        Ok(customer) => assert_eq!(customer.raw_json(), body),
        Err(error) => {
            check_invalid(&error, 200);
            assert_eq!(
                error.source().unwrap().to_string(),
                "the body is encoded by gzip, though `identity` was asked for"
            );
        }
    }
}

/// A gzip file whose only block is stored as it is.
fn gzip(content: &[u8]) -> Vec<u8> {
    let crc = content.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    });
    let length = u16::try_from(content.len()).unwrap();
    let mut file = b"\x1F\x8B\x08\0\0\0\0\0\0\xFF\x01".to_vec();
    file.extend(length.to_le_bytes());
    file.extend((!length).to_le_bytes());
    file.extend(content);
    file.extend((!crc).to_le_bytes());
    file.extend(u32::from(length).to_le_bytes());
    file
}

#[test]
fn reads_bodies_up_to_one_mebibyte() {
    let of_length = |n: usize| {
        let head = format!(r#"{{"id":"{ID}","x":""#);
        let body = format!("{head}{}\"}}", "x".repeat(n - head.len() - 2));
        assert_eq!(body.len(), n);
        body
    };
    let most = of_length(1024 * 1024);
    assert_eq!(read(&most).unwrap().raw_json(), most);
    let error = read(&of_length(1024 * 1024 + 1)).unwrap_err();
    check_invalid(&error, 200);
    assert_eq!(
        error.source().unwrap().to_string(),
        "the body is longer than 1 MiB"
    );
    assert_eq!(error.body().unwrap().len(), 64 * 1024);
}

#[test]
fn nesting_of_any_depth_is_skipped() {
    for deep in [100, 1000, 500_000] {
        let (open, close) = ("[".repeat(deep), "]".repeat(deep));
        for field in ["email", "x"] {
            let json = format!(r#"{{"{field}":{open}{close},"id":"{ID}"}}"#);
            assert_eq!(read(&json).unwrap().email, None);
        }
        let error = read(&open).unwrap_err();
        check_invalid(&error, 200);
        let error = read(&format!(r#"{{"id":{open}{close}}}"#)).unwrap_err();
        check_invalid(&error, 200);
    }
}

#[test]
fn created_is_as_good_as_ok() {
    let customer = respond(201, &[], PAGE.as_bytes()).unwrap();
    assert_eq!(customer, read(PAGE).unwrap());
}

#[test]
fn any_other_2xx_is_invalid() {
    for status in (202..=299).filter(|status| ![204, 205].contains(status)) {
        let error = respond(status, &[], PAGE.as_bytes()).unwrap_err();
        check_invalid(&error, status);
        assert_eq!(error.body(), Some(PAGE), "{status}");
        assert_eq!(
            error.source().unwrap().to_string(),
            "the status is neither 200 nor 201"
        );
    }
    let error = respond(204, &[("x-request-id", "r")], b"").unwrap_err();
    check_invalid(&error, 204);
    assert_eq!(error.body(), Some(""));
    assert_eq!(error.request_id(), Some("r"));
    let error = respond(205, &[], b"").unwrap_err();
    check_invalid(&error, 205);
}

#[test]
fn an_invalid_response_is_never_retried() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().max_retries(5).retry_unknown(true);
    let cfg = cfg.build().unwrap();
    server.fail_next(Fault::respond(200, "{}").header("retry-after", "0"));
    let error = update_customer(&cfg, ID, &patch()).unwrap_err();
    check_invalid(&error, 200);
    assert_eq!(error.retry_after(), Some(Duration::ZERO));
    assert_eq!(error.attempts(), 1);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn the_first_request_id_header_counts() {
    for (headers, expected) in [
        (&[][..], None),
        (&[("cf-ray", "c")], Some("c")),
        (&[("cf-ray", "c"), ("request-id", "b")], Some("b")),
        (
            &[("cf-ray", "c"), ("request-id", "b"), ("x-request-id", "a")],
            Some("a"),
        ),
        (&[("X-Request-Id", "A-1")], Some("A-1")),
        (&[("x-request-id", ""), ("request-id", "b")], Some("b")),
        (&[("x-request-id", "caf\u{E9}"), ("cf-ray", "c")], Some("c")),
        (&[("x-request-id", "a"), ("x-request-id", "b")], Some("a")),
        (&[("request-ids", "b"), ("request_id", "b")], None),
    ] {
        let customer = respond(200, headers, PAGE.as_bytes()).unwrap();
        assert_eq!(customer.request_id(), expected, "{headers:?}");
        let error = respond(200, headers, b"{}").unwrap_err();
        assert_eq!(error.request_id(), expected, "{headers:?}");
        let error = respond(422, headers, b"{}").unwrap_err();
        assert_eq!(error.request_id(), expected, "{headers:?}");
    }
}

#[test]
fn the_content_type_is_ignored() {
    for content_type in ["text/html", "application/json; charset=latin1", ""] {
        let headers = [("content-type", content_type)];
        assert!(respond(200, &headers, PAGE.as_bytes()).is_ok());
    }
}

#[test]
fn serializes_the_fields_in_page_order() {
    let customer = read(&format!(
        r#"{{"updated_at": "2025-03-12T09:15:42.001Z", "created_at": "2025-03-10T16:08:14.427+02:00",
            "date_of_birth": "0099-01-01", "phone_number": "5551234567", "last_name": "D\"oe",
            "first_name": "Jane", "email": "customer@example.com", "internal_id": "cust_123",
            "extra": 1, "id": "{ID}"}}"#
    ))
    .unwrap();
    assert_eq!(
        serde_json::to_string(&customer).unwrap(),
        concat!(
            r#"{"id":"cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V","internal_id":"cust_123","#,
            r#""email":"customer@example.com","first_name":"Jane","last_name":"D\"oe","#,
            r#""phone_number":"5551234567","date_of_birth":"0099-01-01","#,
            r#""created_at":"2025-03-10T16:08:14.427+02:00","#,
            r#""updated_at":"2025-03-12T09:15:42.001Z"}"#
        )
    );
    let page: serde_json::Value = serde_json::from_str(PAGE).unwrap();
    assert_eq!(serde_json::to_value(read(PAGE).unwrap()).unwrap(), page);
    let bare = read(&format!(r#"{{"id":"{ID}"}}"#)).unwrap();
    assert_eq!(
        serde_json::to_string(&bare).unwrap(),
        concat!(
            r#"{"id":"cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V","internal_id":null,"#,
            r#""email":null,"first_name":null,"last_name":null,"phone_number":null,"#,
            r#""date_of_birth":null,"created_at":null,"updated_at":null}"#
        )
    );
}

#[test]
fn mismatches_are_the_fields_that_differ() {
    let patch = CustomerPatch::new()
        .email("Jane@Example.com")
        .first_name(" Jane ")
        .last_name("D\u{E9}")
        .phone_number("5551234567")
        .date_of_birth("1990-01-31");
    let mut failed = String::new();
    for (rest, expected) in MISMATCHES {
        let body = format!(r#"{{"id":"{ID}",{rest}"x":0}}"#);
        let customer = read(&body).unwrap_or_else(|error| panic!("{body}: {error:?}"));
        let came = customer.mismatches(&patch);
        if came != *expected {
            writeln!(failed, "{rest}: {came:?}").unwrap();
        }
        // Only what was sent is compared.
        assert_eq!(customer.mismatches(&CustomerPatch::new()), [""; 0]);
    }
    assert!(failed.is_empty(), "these rows failed:\n{failed}");
}

/// The rest of a response, and what differs from the patch above.
#[rustfmt::skip]
const MISMATCHES: &[(&str, &[&str])] = &[
    // Absent says nothing, null does.
    ("", &[]),
    (r#""email":null,"first_name":null,"last_name":null,"phone_number":null,"date_of_birth":null,"#,
     &["email", "first_name", "last_name", "phone_number", "date_of_birth"]),
    // In field order, whatever the response's.
    (r#""date_of_birth":null,"email":null,"#, &["email", "date_of_birth"]),
    (r#""email":"Jane@Example.com","first_name":" Jane ","last_name":"D\u00e9","phone_number":"5551234567","date_of_birth":"1990-01-31","#, &[]),
    // Other types than a string.
    (r#""email":true,"first_name":1,"last_name":[],"phone_number":{},"date_of_birth":19900131,"#,
     &["email", "first_name", "last_name", "phone_number", "date_of_birth"]),
    (r#""email":["Jane@Example.com"],"first_name":{"first_name":"Jane"},"#, &["email", "first_name"]),
    (r#""email":"\ud800","first_name":"Jane\udc00","#, &["email", "first_name"]),
    (r#""email":1e999,"last_name":1e999,"#, &["email", "last_name"]),
    // E-mail: without ASCII case.
    (r#""email":"jane@example.com","#, &[]),
    (r#""email":"JANE@EXAMPLE.COM","#, &[]),
    (r#""email":"jane\u0040example.com","#, &[]),
    (r#""email":" jane@example.com","#, &["email"]),
    (r#""email":"j***@example.com","#, &["email"]),
    (r#""email":"","#, &["email"]),
    // Names: without the white space around them, and no normalisation.
    (r#""first_name":"Jane","#, &[]),
    (r#""first_name":"\u3000Jane\n","#, &[]),
    (r#""first_name":"jane","#, &["first_name"]),
    (r#""first_name":"J","#, &["first_name"]),
    (r#""first_name":"","#, &["first_name"]),
    (r#""last_name":"De\u0301","#, &["last_name"]),
    // Phone numbers: by their last ten digits.
    (r#""phone_number":"+1 (555) 123-4567","#, &[]),
    (r#""phone_number":"15551234567","#, &[]),
    (r#""phone_number":5551234567,"#, &[]),
    (r#""phone_number":15551234567,"#, &[]),
    (r#""phone_number":99999999999999999999999995551234567,"#, &[]),
    (r#""phone_number":5551234567.0,"#, &["phone_number"]),
    (r#""phone_number":5.551234567e9,"#, &["phone_number"]),
    (r#""phone_number":-5551234567,"#, &["phone_number"]),
    (r#""phone_number":551234567,"#, &["phone_number"]),
    (r#""phone_number":"***-***-4567","#, &["phone_number"]),
    (r#""phone_number":"5551234568","#, &["phone_number"]),
    (r#""phone_number":"5551234567 x1","#, &["phone_number"]),
    (r#""phone_number":"\u0665551234567","#, &["phone_number"]),
    (r#""phone_number":"","#, &["phone_number"]),
    (r#""phone_number":true,"#, &["phone_number"]),
    // Dates: a time may follow.
    (r#""date_of_birth":"1990-01-31T00:00:00Z","#, &[]),
    (r#""date_of_birth":"1990-01-31 00:00:00","#, &[]),
    (r#""date_of_birth":"1990-01-31T","#, &[]),
    (r#""date_of_birth":"1990-01-310","#, &["date_of_birth"]),
    (r#""date_of_birth":"1990-01-31Z","#, &["date_of_birth"]),
    (r#""date_of_birth":"1990-01-30T23:00:00Z","#, &["date_of_birth"]),
    (r#""date_of_birth":"1990-01-3\u00e9","#, &["date_of_birth"]),
    (r#""date_of_birth":"01/31/1990","#, &["date_of_birth"]),
    (r#""date_of_birth":" 1990-01-31","#, &["date_of_birth"]),
    // Of a repeated key the last counts.
    (r#""email":"jane@example.com","email":null,"#, &["email"]),
    (r#""email":null,"email":"jane@example.com","#, &[]),
    (r#""email":null,"\u0065mail":"jane@example.com","#, &[]),
    // Neither another key nor what serde_json calls its own.
    (r#""Email":null,"e-mail":null,"customer":{"email":null},"#, &[]),
    (r#""email":{"$serde_json::private::RawValue":"\"jane@example.com\""},"#, &["email"]),
    (r#""phone_number":{"$serde_json::private::Number":"5551234567"},"#, &["phone_number"]),
];

#[test]
fn mismatches_skip_malformed_values() {
    let customer = read(&format!(
        r#"{{"id":"{ID}","email":null,"first_name":null,"last_name":null}}"#
    ))
    .unwrap();
    let patch = CustomerPatch::new().email("jane").last_name("Doe");
    assert_eq!(customer.mismatches(&patch), ["last_name"]);
    assert_eq!(customer.mismatches(&patch.last_name("\n")), [""; 0]);
}

#[test]
fn mismatches_are_read_from_the_response() {
    let patch = CustomerPatch::new()
        .first_name("June")
        .email("june@example.com");
    // Not from the public fields, which hold no odd values and can be set.
    let mut customer = read(&format!(r#"{{"id":"{ID}","first_name":1,"email":null}}"#)).unwrap();
    customer.first_name = Some("June".into());
    customer.id.clear();
    assert_eq!(customer.mismatches(&patch), ["email", "first_name"]);

    let bom = read(&format!("\u{FEFF} {{\"first_name\":null,\"id\":\"{ID}\"}}")).unwrap();
    assert_eq!(bom.mismatches(&patch), ["first_name"]);

    for deep in [1000, 200_000] {
        let (open, close) = ("[".repeat(deep), "]".repeat(deep));
        let json = format!(r#"{{"id":"{ID}","x":{open}{close},"email":{open}{close}}}"#);
        assert_eq!(read(&json).unwrap().mismatches(&patch), ["email"]);
    }
}

#[test]
fn the_test_server_has_no_mismatches() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().build().unwrap();
    let patch = CustomerPatch::new()
        .email("june@example.com")
        .first_name(" June ")
        .phone_number("0000000000")
        .date_of_birth("0001-01-01");
    let customer = update_customer(&cfg, ID, &patch).unwrap();
    assert_eq!(customer.mismatches(&patch), [""; 0]);
}

#[test]
fn serializing_times_beyond_rfc_3339_fails() {
    let mut customer = read(PAGE).unwrap();
    customer.created_at = Some(Date::MIN.midnight().assume_utc());
    assert!(serde_json::to_string(&customer).is_err());
}

#[test]
fn reads_every_rfc_3339_time_form() {
    for (text, unix_nanos) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00z", 0),
        ("1970-01-01 00:00:00Z", 0),
        ("1970-01-01T00:00:00.5Z", 500_000_000),
        ("1970-01-01T00:00:00.123456789Z", 123_456_789),
        ("1970-01-01T00:00:00.1234567891Z", 123_456_789),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:00:00-01:00", 0),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000_000),
        ("9999-12-31T23:59:59Z", 253_402_300_799_000_000_000),
        ("9999-12-31T23:59:59-23:59", 253_402_387_139_000_000_000),
    ] {
        let json = format!(r#"{{"id":"{ID}","updated_at":"{text}"}}"#);
        let customer = read(&json).unwrap();
        let nanos = customer
            .updated_at
            .map(OffsetDateTime::unix_timestamp_nanos);
        assert_eq!(nanos, Some(unix_nanos), "{text}");
        // Whatever was read can be shown, compared and written.
        assert!(serde_json::to_string(&customer).is_ok(), "{text}");
        assert!(format!("{customer:?}").contains("updated_at: Some("));
        assert_eq!(customer, customer.clone());
    }
}

#[test]
fn customers_are_equal_by_nine_fields() {
    let customer = read(PAGE).unwrap();
    let spaced = read(&PAGE.replace('\n', "")).unwrap();
    assert_ne!(customer.raw_json(), spaced.raw_json());
    assert_eq!(customer, spaced);
    let named = respond(200, &[("x-request-id", "r")], PAGE.as_bytes()).unwrap();
    assert_eq!(customer, named);

    let changes: [fn(&mut Customer); 9] = [
        |customer| customer.id.push('x'),
        |customer| customer.internal_id = None,
        |customer| customer.email = None,
        |customer| customer.first_name = None,
        |customer| customer.last_name = None,
        |customer| customer.phone_number = None,
        |customer| customer.date_of_birth = None,
        |customer| customer.created_at = None,
        |customer| customer.updated_at = None,
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut other = customer.clone();
        change(&mut other);
        assert_ne!(customer, other, "{i}");
    }
}

/// What every invalid response has in common.
#[track_caller]
fn check_invalid(error: &Error, status: u16) {
    assert!(
        matches!(error.kind(), ErrorKind::InvalidResponse(_)),
        "{error:?}"
    );
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.status(), Some(status));
    assert_eq!(error.attempts(), 1);
    assert!(!error.is_transient());
    assert!(error.api().is_none());
    assert!(error.violations().is_empty());
    assert_eq!(
        error.to_string(),
        format!(
            "unknown whether applied: the API responded with {status}, but not with this customer"
        )
    );
}

#[track_caller]
fn read(body: &str) -> Result<Customer, Error> {
    respond(200, &[], body.as_bytes())
}

/// What a call comes to that gets this response.
#[track_caller]
fn respond(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<Customer, Error> {
    let server = TestServer::start().unwrap();
    let cfg = one_attempt(&server);
    let fault = headers
        .iter()
        .fold(Fault::respond(status, body), |fault, (name, value)| {
            fault.header(*name, *value)
        });
    server.fail_next(fault);
    let result = update_customer(&cfg, ID, &patch());
    assert_eq!(server.requests().len(), 1);
    result
}
