//! The test server does what its documentation says.

use std::io::{ErrorKind as IoKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use paywithsoap::testing::{Fault, TestServer};
use paywithsoap::{Config, Customer, CustomerPatch, Error, ErrorKind, Outcome, update_customer};
use serde_json::Value;

use crate::common::{ID, one_attempt};

#[test]
fn starts_with_the_pages_customer() {
    let server = start();
    let customer = server.customer(ID).unwrap();
    assert_eq!(
        customer,
        concat!(
            r#"{"id":"cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V","internal_id":"cust_123","#,
            r#""email":"customer@example.com","first_name":"Jane","last_name":"Doe","#,
            r#""phone_number":"5551234567","date_of_birth":"1990-01-01","#,
            r#""created_at":"2025-03-10T16:08:14.427Z","updated_at":"2025-03-12T09:15:42.001Z"}"#
        )
    );
    assert_eq!(server.customer("cus_unknown"), None);
    assert_eq!(server.requests(), []);
    assert!(server.base_url().starts_with("http://127.0.0.1:"));
    assert!(format!("{server:?}").starts_with("TestServer { base_url: \"http://127.0.0.1:"));
}

#[test]
fn binds_any_address_of_this_machine() {
    for (addr, url, local) in [
        ("127.0.0.1:0", "http://127.0.0.1:", "http://127.0.0.1:"),
        ("0.0.0.0:0", "http://0.0.0.0:", "http://127.0.0.1:"),
        ("[::1]:0", "http://[::1]:", "http://[::1]:"),
        ("[::]:0", "http://[::]:", "http://[::1]:"),
    ] {
        let server = match TestServer::bind(addr) {
            Ok(server) => server,
            // A machine without IPv6.
            Err(error) if addr.contains("::") => {
                eprintln!("{addr}: {error}");
                continue;
            }
            Err(error) => panic!("{addr}: {error}"),
        };
        let cfg = one_attempt(&server);
        assert!(server.base_url().starts_with(url), "{server:?}");
        assert!(cfg.base_url().starts_with(local), "{cfg:?}");
        let port = |url: &str| url.rsplit(':').next().unwrap().to_owned();
        assert_eq!(port(server.base_url()), port(cfg.base_url()));
        let patch = CustomerPatch::new().last_name("Roe");
        update_customer(&cfg, ID, &patch).unwrap();
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn an_address_that_is_not_given_is_an_error() {
    let server = start();
    let taken = server.base_url().replace("http://", "");
    for (addr, kind) in [
        (taken.as_str(), IoKind::AddrInUse),
        // Of TEST-NET-1, which no machine has.
        ("192.0.2.1:0", IoKind::AddrNotAvailable),
        ("127.0.0.1", IoKind::InvalidInput),
        ("127.0.0.1:99999", IoKind::InvalidInput),
        ("", IoKind::InvalidInput),
    ] {
        let error = TestServer::bind(addr).unwrap_err();
        assert_eq!(error.kind(), kind, "{addr}");
    }
    TestServer::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
}

#[test]
fn keeps_changes_and_advances_updated_at() {
    let server = start();
    let cfg = one_attempt(&server);
    let mut before = field(&server, "updated_at");
    for name in ["Ann", "Bea", "Cleo"] {
        let customer = update_customer(&cfg, ID, &CustomerPatch::new().last_name(name)).unwrap();
        assert_eq!(server.customer(ID).as_deref(), Some(customer.raw_json()));
        assert_eq!(field(&server, "last_name"), name);
        let after = field(&server, "updated_at");
        assert!(after > before, "{after} {before}");
        before = after;
    }
    assert_eq!(field(&server, "first_name"), "Jane");
    assert_eq!(field(&server, "created_at"), "2025-03-10T16:08:14.427Z");
}

#[test]
fn serves_customers_that_were_added() {
    let server = start();
    server.add_customer(r#"{"id":"cus_2","tier":"gold","first_name":"Ann"}"#);
    let cfg = one_attempt(&server);
    let patch = CustomerPatch::new().email("ann@example.com");
    let customer = update_customer(&cfg, "cus_2", &patch).unwrap();
    assert_eq!(customer.first_name.as_deref(), Some("Ann"));
    // What was left out is absent, and what is not known is kept.
    assert_eq!(customer.last_name, None);
    assert!(!customer.raw_json().contains("last_name"));
    assert!(customer.raw_json().contains(r#""tier":"gold""#));
    server.add_customer(r#"{"id":"cus_2"}"#);
    assert_eq!(
        server.customer("cus_2").as_deref(),
        Some(r#"{"id":"cus_2"}"#)
    );
}

#[test]
fn rejects_bodies_as_the_api_does() {
    let server = start();
    server.add_customer(r#"{"id":"cus_2","email":"ann@example.com","phone_number":"5550000000"}"#);
    let reject = |body: &str, status: u16, error: &str| {
        let response = talk(&server, request(ID, GOOD, body).as_bytes());
        assert_response(&response, status, error);
    };
    reject("", 400, "The body is not a JSON object");
    reject("[]", 400, "The body is not a JSON object");
    reject(r#"{"a""#, 400, "The body is not a JSON object");
    reject("{}", 422, "No updatable field was given");
    reject(r#"{"age":"7"}"#, 422, "Unrecognized field");
    reject(r#"{"id":"cus_2"}"#, 422, "Unrecognized field");
    reject(r#"{"email":null}"#, 422, "Email is invalid");
    reject(r#"{"email":"x"}"#, 422, "Email is invalid");
    reject(r#"{"first_name":1}"#, 422, "First name is invalid");
    reject(r#"{"last_name":" "}"#, 422, "Last name is invalid");
    reject(r#"{"phone_number":"1"}"#, 422, "Phone number is invalid");
    let body = r#"{"date_of_birth":"1990-02-30"}"#;
    reject(body, 422, "Date of birth is invalid");
    let body = r#"{"email":"ANN@example.com"}"#;
    reject(body, 422, "Email has already been taken");
    let body = r#"{"phone_number":"5550000000"}"#;
    reject(body, 422, "Phone number has already been taken");
    // Nothing of a rejected patch is applied.
    let body = r#"{"first_name":"Never","phone_number":"1"}"#;
    reject(body, 422, "Phone number is invalid");
    assert_eq!(field(&server, "first_name"), "Jane");
    assert_eq!(field(&server, "updated_at"), "2025-03-12T09:15:42.001Z");

    // Of a repeated field, the last value counts.
    let body = r#"{"first_name":"June","first_name":" "}"#;
    reject(body, 422, "First name is invalid");
    let body = r#"{"first_name":" ","first_name":"Jane"}"#;
    let response = talk(&server, request(ID, GOOD, body).as_bytes());
    assert_response(&response, 200, "");
    assert_eq!(field(&server, "first_name"), "Jane");

    // One's own e-mail address is no duplicate.
    let body = r#"{"email":"customer@example.com"}"#;
    let response = talk(&server, request(ID, GOOD, body).as_bytes());
    assert_response(&response, 200, "");
}

#[test]
fn rejects_requests_as_the_api_does() {
    const KEY: &str = "authorization: test-key-8Jw2cQe5Zr";
    const JSON: &str = "content-type: application/json";
    let server = start();
    let body = r#"{"first_name":"June"}"#;
    for (id, headers, status, error) in [
        (ID, [KEY, JSON], 200, ""),
        (
            ID,
            ["Authorization: Bearer test-key-8Jw2cQe5Zr", JSON],
            200,
            "",
        ),
        (
            ID,
            [KEY, "Content-Type: application/json; charset=utf-8"],
            200,
            "",
        ),
        (ID, ["x: y", JSON], 401, "Unauthorized"),
        (ID, ["authorization: other", JSON], 401, "Unauthorized"),
        (ID, ["authorization: Basic x", JSON], 401, "Unauthorized"),
        (ID, ["authorization: Bearer", JSON], 401, "Unauthorized"),
        (ID, [KEY, KEY], 401, "Unauthorized"),
        ("cus_0", [KEY, JSON], 404, "Customer not found"),
        ("", [KEY, JSON], 404, "Customer not found"),
        ("a/b", [KEY, JSON], 404, "Not found"),
        (ID, [KEY, "x: y"], 415, "Unsupported media type"),
        (
            ID,
            [KEY, "content-type: text/json"],
            415,
            "Unsupported media type",
        ),
    ] {
        let response = talk(&server, request(id, headers, body).as_bytes());
        assert_response(&response, status, error);
    }
    for method in ["GET", "POST", "PUT", "DELETE", "patch"] {
        let request = request(ID, GOOD, body).replacen("PATCH", method, 1);
        assert_response(&talk(&server, request.as_bytes()), 404, "Not found");
    }
    assert_eq!(server.requests().len(), 18);
}

#[test]
fn calls_get_its_error_responses() {
    let server = start();
    let wrong = Config::builder("wrong-key").base_url(server.base_url());
    let wrong = wrong.no_proxy().build().unwrap();
    let error = update_customer(&wrong, ID, &patch()).unwrap_err();
    assert_eq!(error.status(), Some(401));
    let cfg = one_attempt(&server);
    let error = update_customer(&cfg, "cus_unknown", &patch()).unwrap_err();
    assert_eq!(error.status(), Some(404));
    server.add_customer(r#"{"id":"cus_2","email":"june.roe@example.com"}"#);
    let taken = CustomerPatch::new().email("june.roe@example.com");
    let error = update_customer(&cfg, ID, &taken).unwrap_err();
    assert_eq!(
        error.to_string(),
        "not applied: the API responded with 422: Email has already been taken"
    );
    assert_eq!(error.request_id(), Some("req_3"));
}

#[test]
fn taken_values_become_free_again() {
    let server = start();
    let cfg = one_attempt(&server);
    let set = |id: &str, email: &str, phone_number: &str| {
        let patch = CustomerPatch::new().email(email).phone_number(phone_number);
        update_customer(&cfg, id, &patch)
            .map(drop)
            .map_err(|error| {
                let message = error.api().unwrap().message();
                message.unwrap_or_default().to_owned()
            })
    };
    let email_taken = Err("Email has already been taken".to_owned());
    let phone_taken = Err("Phone number has already been taken".to_owned());
    // As they are added, nothing is checked.
    for id in ["cus_1", "cus_2"] {
        let customer = format!(r#"{{"id":"{id}","email":"a@example.com","tier":"gold"}}"#);
        server.add_customer(&customer);
    }
    assert_eq!(set(ID, "A@example.com", "5550000001"), email_taken);
    assert_eq!(set("cus_1", "b@example.com", "5550000001"), Ok(()));
    assert_eq!(set(ID, "a@example.com", "5550000002"), email_taken);
    // One's own is not taken.
    assert_eq!(set("cus_2", "A@example.com", "5550000003"), Ok(()));
    assert_eq!(set("cus_2", "c@example.com", "5550000001"), phone_taken);
    assert_eq!(set("cus_2", "c@example.com", "5550000003"), Ok(()));
    assert_eq!(set(ID, "a@example.com", "5550000002"), Ok(()));
    // One that is replaced frees both.
    assert_eq!(set(ID, "b@example.com", "5550000002"), email_taken);
    server.add_customer(r#"{"id":"cus_1","phone_number":5550000003}"#);
    assert_eq!(set(ID, "b@example.com", "5550000001"), Ok(()));
    // Values of two fields are not the same, nor is a number a string.
    assert_eq!(set("cus_2", "5550000001@b.c", "5550000003"), Ok(()));
}

#[test]
fn advances_a_future_updated_at() {
    let server = start();
    server.add_customer(r#"{"id":"cus_2","updated_at":"2999-01-01T01:30:00+02:00"}"#);
    let customer = update_customer(&one_attempt(&server), "cus_2", &patch()).unwrap();
    assert_eq!(
        customer.raw_json(),
        r#"{"id":"cus_2","first_name":"June","updated_at":"2998-12-31T23:30:00.001Z"}"#
    );
}

#[test]
fn survives_a_body_of_any_depth() {
    let mut value = String::from("\"no\"");
    for _ in 0..17 {
        let text = format!("{}{value}{}", "[".repeat(120), "]".repeat(120));
        let text = serde_json::to_string(&text).unwrap();
        value = format!(r#"{{"$serde_json::private::RawValue":{text}}}"#);
    }
    let server = start();
    let body = format!(r#"{{"email":{value}}}"#);
    let response = talk(&server, request(ID, GOOD, &body).as_bytes());
    assert_response(&response, 422, "Email is invalid");
}

#[test]
fn records_requests_as_they_arrived() {
    let server = start();
    talk(
        &server,
        b"PUT /a?b=c HTTP/1.1\r\nHoSt:  x \r\nx: 1\r\nx: 2\r\nconnection: close\r\n\
          content-length: 3\r\n\r\n\xFF\0z",
    );
    let request = server.requests().remove(0);
    assert_eq!(request.method, "PUT");
    assert_eq!(request.path, "/a?b=c");
    let headers = [
        ("HoSt", "x"),
        ("x", "1"),
        ("x", "2"),
        ("connection", "close"),
        ("content-length", "3"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(request.headers, headers);
    assert_eq!(request.body, b"\xFF\0z");
}

#[test]
fn cleared_requests_are_forgotten() {
    let server = start();
    assert!(update(&server).is_ok());
    server.clear_requests();
    assert_eq!(server.requests(), []);
    let customer = update(&server).unwrap();
    assert_eq!(customer.request_id(), Some("req_2"));
    assert_eq!(server.requests().len(), 1);
    // What they changed stays.
    assert_eq!(field(&server, "first_name"), "June");
}

#[test]
fn says_what_is_malformed() {
    const LINE: &str = "The request line is malformed";
    const HEADER: &str = "A header is malformed";
    const LENGTH: &str = "The content-length is malformed";
    const VERSION: &str = "HTTP version not supported";
    let server = start();
    for (request, status, error) in [
        (&b"\r\n\r\n"[..], 400, LINE),
        (b"\0\0\0\0\r\n\r\n", 400, LINE),
        (
            b"\x16\x03\x01\x02\0\x01\0\x01\xFC\x03\x03\r\n\r\n",
            400,
            LINE,
        ),
        (b"PATCH\r\n\r\n", 400, LINE),
        (b"PATCH /x\r\n\r\n", 400, LINE),
        (b"PATCH  HTTP/1.1\r\n\r\n", 400, LINE),
        (b" /x HTTP/1.1\r\n\r\n", 400, LINE),
        (b"PA(TCH /x HTTP/1.1\r\n\r\n", 400, LINE),
        (b"PATCH /\0x HTTP/1.1\r\n\r\n", 400, LINE),
        (b"PATCH /x HTTP/1.1 y\r\n\r\n", 400, LINE),
        (b"PATCH /x HTTP/1.0\r\n\r\n", 505, VERSION),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, VERSION),
        (b"PATCH /x HTTP/1.1\r\nno colon\r\n\r\n", 400, HEADER),
        (b"PATCH /x HTTP/1.1\r\n: y\r\n\r\n", 400, HEADER),
        (b"PATCH /x HTTP/1.1\r\nx : y\r\n\r\n", 400, HEADER),
        (
            b"PATCH /x HTTP/1.1\r\nx: y\r\n folded: z\r\n\r\n",
            400,
            HEADER,
        ),
        (b"PATCH /x HTTP/1.1\r\nx: \0\r\n\r\n", 400, HEADER),
        (b"PATCH /x HTTP/1.1\r\nx: a\rb\r\n\r\n", 400, HEADER),
        (b"PATCH /x HTTP/1.1\r\ncontent-length:\r\n\r\n", 400, LENGTH),
        (
            b"PATCH /x HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
            400,
            LENGTH,
        ),
        (
            b"PATCH /x HTTP/1.1\r\ncontent-length: +1\r\n\r\nx",
            400,
            LENGTH,
        ),
        (
            b"PATCH /x HTTP/1.1\r\ncontent-length: x\r\n\r\n",
            400,
            LENGTH,
        ),
        (
            b"PATCH /x HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx",
            400,
            LENGTH,
        ),
        (
            b"PATCH /x HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n\r\n",
            413,
            "The body is too large",
        ),
        (
            b"PATCH /x HTTP/1.1\r\ncontent-length: 1048577\r\n\r\n",
            413,
            "The body is too large",
        ),
        (
            b"PATCH /x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            411,
            "Length required",
        ),
        (
            b"PATCH /x HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0",
            411,
            "Length required",
        ),
        (&vec![b'x'; 100_000], 431, "The head is too large"),
        (
            &[b"PATCH /x HTTP/1.1\r\n", &b"x: y\r\n".repeat(20_000)[..]].concat(),
            431,
            "The head is too large",
        ),
    ] {
        let response = talk(&server, request);
        let start: String = String::from_utf8_lossy(request).chars().take(99).collect();
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status} \r\n")),
            "{start:?}: {response:?}"
        );
        assert!(
            response.contains("\r\nconnection: close\r\n"),
            "{start:?}: {response:?}"
        );
        assert_eq!(error_of(&response), error, "{start:?}");
    }
    assert_eq!(server.requests(), []);
    assert!(update(&server).is_ok());
}

#[test]
fn half_a_request_gets_no_response() {
    let server = start();
    for request in [
        &b""[..],
        b"PATCH",
        b"PATCH /x HTTP/1.1\r\n",
        b"PATCH /x HTTP/1.1\r\ncontent-length: 9\r\n\r\nx",
    ] {
        let mut stream = connect(&server);
        stream.write_all(request).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).unwrap();
        assert_eq!(String::from_utf8_lossy(&response), "");
    }
    assert_eq!(server.requests(), []);
}

#[test]
fn sends_100_continue_where_expected() {
    let server = start();
    let response = talk(
        &server,
        b"PATCH /x HTTP/1.1\r\nexpect: 100-continue\r\nconnection: close\r\n\
          content-length: 2\r\n\r\n{}",
    );
    assert!(
        response.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 \r\n"),
        "{response}"
    );
}

#[test]
fn serves_pipelined_requests_in_order() {
    let server = start();
    let one = "PATCH /x HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}";
    let last = "PATCH /x HTTP/1.1\r\nconnection: close\r\n\r\n";
    let response = talk(&server, format!("{one}{one}{last}").as_bytes());
    assert_eq!(response.matches("HTTP/1.1 404 ").count(), 3, "{response}");
    assert_eq!(server.requests().len(), 3);
    // Nothing is read after a last one.
    let last = last.replace("close", "keep-alive, Close");
    let response = talk(&server, format!("{last}{one}").as_bytes());
    assert_eq!(response.matches("HTTP/1.1 404 ").count(), 1, "{response}");
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn resets_before_a_pipelined_request() {
    let server = start();
    server.fail_next(Fault::Delay(Duration::ZERO));
    server.fail_next(Fault::Reset);
    let mut stream = connect(&server);
    let one = "PATCH /x HTTP/1.1\r\n\r\n";
    stream.write_all(one.repeat(2).as_bytes()).unwrap();
    let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
    // The latter on Windows.
    let kinds = [IoKind::ConnectionReset, IoKind::ConnectionAborted];
    assert!(kinds.contains(&error.kind()), "{error:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn close_after_reading_applies() {
    let server = start();
    let error = fail(&server, Fault::CloseAfterReading);
    assert_transport(&error, Outcome::Unknown);
    assert_eq!(field(&server, "first_name"), "June");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn close_before_reading_and_reset_apply_nothing() {
    for fault in [Fault::CloseBeforeReading, Fault::Reset] {
        let server = start();
        let error = fail(&server, fault);
        assert_transport(&error, Outcome::Unknown);
        assert_eq!(field(&server, "first_name"), "Jane");
        assert_eq!(server.requests(), []);
    }
}

#[test]
fn delay_and_trickle_apply() {
    let pause = Duration::from_millis(20);
    let server = start();
    server.fail_next(Fault::Delay(pause));
    let before = Instant::now();
    assert!(update(&server).is_ok());
    assert!(before.elapsed() >= pause);

    let server = start();
    server.fail_next(Fault::Trickle(Duration::from_micros(50)));
    let customer = update(&server).unwrap();
    assert_eq!(server.customer(ID).as_deref(), Some(customer.raw_json()));
}

#[test]
fn raw_and_respond_apply_nothing() {
    let server = start();
    let response = "HTTP/1.1 418 \r\ncontent-length: 2\r\n\r\nhi";
    let error = fail(&server, Fault::Raw(response.into()));
    assert_eq!((error.status(), error.body()), (Some(418), Some("hi")));
    let error = fail(
        &server,
        Fault::respond(409, "ho").header("X-Request-Id", "mine"),
    );
    assert_eq!((error.status(), error.body()), (Some(409), Some("ho")));
    assert_eq!(error.request_id(), Some("mine"));
    // A length that a header tells is left alone.
    let error = fail(
        &server,
        Fault::respond(409, b"2\r\nhe\r\n0\r\n\r\n").header("transfer-encoding", "chunked"),
    );
    assert_eq!(error.body(), Some("he"));
    assert_eq!(field(&server, "first_name"), "Jane");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn stall_applies_nothing() {
    let server = start();
    server.fail_next(Fault::Stall);
    let cfg = server.config().max_retries(0);
    let cfg = cfg.timeout(Duration::from_millis(500)).build().unwrap();
    let error = update_customer(&cfg, ID, &patch()).unwrap_err();
    assert_transport(&error, Outcome::Unknown);
    assert_eq!(field(&server, "first_name"), "Jane");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn truncate_applies_and_shortens_the_response() {
    let whole = {
        let server = start();
        talk(&server, update_request().as_bytes()).len()
    };
    for most in [0, 1, 17, whole / 2, whole - 1] {
        let server = start();
        server.fail_next(Fault::Truncate(most));
        assert_eq!(talk(&server, update_request().as_bytes()).len(), most);
        assert_eq!(field(&server, "first_name"), "June");
    }
    let server = start();
    server.fail_next(Fault::Truncate(usize::MAX));
    assert_eq!(talk(&server, update_request().as_bytes()).len(), whole);
}

#[test]
fn faults_are_taken_in_order() {
    let server = start();
    for status in [503, 409, 302] {
        server.fail_next(Fault::respond(status, ""));
    }
    for status in [503, 409, 302] {
        assert_eq!(update(&server).unwrap_err().status(), Some(status));
    }
    assert!(update(&server).is_ok());
}

#[test]
fn cleared_faults_are_not_met() {
    let server = start();
    server.clear_faults();
    server.fail_next(Fault::Reset);
    server.fail_next(Fault::Stall);
    server.clear_faults();
    assert!(update(&server).is_ok());
    server.fail_next(Fault::respond(409, ""));
    assert_eq!(update(&server).unwrap_err().status(), Some(409));
}

#[test]
fn respond_is_made_of_its_parts() {
    let fault = Fault::respond(409, "ho").header("x", "1").header("x", "2");
    let headers = [("x", "1"), ("x", "2")].map(|(name, value)| (name.into(), value.into()));
    assert!(matches!(
        &fault,
        Fault::Respond { status: 409, headers: h, body, .. } if *h == headers && body == b"ho"
    ));
}

#[test]
#[should_panic(expected = "only Fault::Respond has headers")]
fn another_fault_has_no_headers() {
    let _ = Fault::Stall.header("x", "1");
}

#[test]
fn two_servers_share_nothing() {
    let (one, other) = (start(), start());
    assert_ne!(one.base_url(), other.base_url());
    one.fail_next(Fault::CloseAfterReading);
    assert!(update(&other).is_ok());
    assert_eq!(one.requests(), []);
    assert_eq!(field(&one, "first_name"), "Jane");
    assert_eq!(field(&other, "first_name"), "June");
    drop(one);
    assert!(update(&other).is_ok());
}

#[test]
fn serves_many_threads_at_a_time() {
    let server = start();
    let cfg = one_attempt(&server);
    thread::scope(|scope| {
        for i in 0..8 {
            let (server, cfg) = (&server, &cfg);
            scope.spawn(move || {
                let id = format!("cus_{i}");
                server.add_customer(&format!(r#"{{"id":"{id}"}}"#));
                for _ in 0..25 {
                    update_customer(cfg, &id, &patch()).unwrap();
                }
            });
        }
    });
    assert_eq!(server.requests().len(), 200);
}

#[test]
fn stops_on_drop_despite_open_connections() {
    let server = start();
    let addr = server
        .base_url()
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let long = Duration::from_secs(600);
    let mut open = vec![connect(&server)];
    for fault in [Fault::Stall, Fault::Delay(long), Fault::Trickle(long)] {
        server.fail_next(fault);
        let mut stream = connect(&server);
        stream.write_all(update_request().as_bytes()).unwrap();
        while server.requests().len() < open.len() {
            thread::yield_now();
        }
        open.push(stream);
    }
    // Half a request, and a client that sends for ever, too.
    let mut half = connect(&server);
    half.write_all(b"PATCH /x HT").unwrap();
    open.push(half);
    server.fail_next(Fault::Stall);
    let mut sender = connect(&server);
    sender.write_all(update_request().as_bytes()).unwrap();
    let sender = thread::spawn(move || while sender.write_all(&[0; 4096]).is_ok() {});

    let before = Instant::now();
    drop(server);
    assert!(before.elapsed() < Duration::from_secs(30));
    assert!(TcpStream::connect(addr).is_err());
    sender.join().unwrap();
    for mut stream in open {
        let mut response = Vec::new();
        // An end or a reset, and no response.
        let _ = stream.read_to_end(&mut response);
        assert_eq!(response, b"");
    }
}

#[test]
fn calls_after_drop_are_not_applied() {
    let cfg = one_attempt(&start());
    let error = update_customer(&cfg, ID, &patch()).unwrap_err();
    assert_transport(&error, Outcome::NotApplied);
    assert_eq!(error.attempts(), 1);
}

#[test]
#[should_panic(expected = "a customer must be a JSON object")]
fn a_non_object_customer_panics() {
    start().add_customer("[]");
}

#[test]
#[should_panic(expected = "a customer must have an id that is a string")]
fn an_odd_customer_id_panics() {
    start().add_customer(r#"{"id":1}"#);
}

#[test]
#[should_panic(expected = "a customer must have an id that is a string")]
fn a_customer_without_an_id_panics() {
    start().add_customer("{}");
}

fn start() -> TestServer {
    TestServer::start().unwrap()
}

/// A patch that changes the page's customer.
fn patch() -> CustomerPatch {
    CustomerPatch::new().first_name("June")
}

fn update(server: &TestServer) -> Result<Customer, Error> {
    update_customer(&one_attempt(server), ID, &patch())
}

#[track_caller]
fn fail(server: &TestServer, fault: Fault) -> Error {
    server.fail_next(fault);
    update(server).unwrap_err()
}

#[track_caller]
fn assert_transport(error: &Error, outcome: Outcome) {
    assert!(matches!(error.kind(), ErrorKind::Transport(_)), "{error:?}");
    assert_eq!(error.outcome(), outcome, "{error:?}");
}

/// A field of the page's customer as the server has it.
fn field(server: &TestServer, name: &str) -> String {
    let customer: Value = serde_json::from_str(&server.customer(ID).unwrap()).unwrap();
    customer[name].as_str().unwrap().into()
}

/// The headers of a request that is not rejected for them.
const GOOD: [&str; 2] = [
    "authorization: test-key-8Jw2cQe5Zr",
    "content-type: application/json",
];

/// A request on a connection of its own.
fn request(id: &str, headers: [&str; 2], body: &str) -> String {
    let [one, other] = headers;
    format!(
        "PATCH /api/v1/customers/{id} HTTP/1.1\r\n{one}\r\n{other}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What `update` sends, in a few words.
fn update_request() -> String {
    request(ID, GOOD, &patch().to_json().unwrap())
}

#[track_caller]
fn assert_response(response: &str, status: u16, error: &str) {
    let (head, _) = response.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with(&format!("HTTP/1.1 {status} ")),
        "{response}"
    );
    assert!(head.contains("\r\nx-request-id: req_"), "{response}");
    assert_eq!(error_of(response), error);
}

/// What an error response names as the error; empty for a customer.
#[track_caller]
fn error_of(response: &str) -> String {
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    body["error"].as_str().unwrap_or_default().into()
}

fn connect(server: &TestServer) -> TcpStream {
    let stream = TcpStream::connect(server.base_url().strip_prefix("http://").unwrap()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
}

/// Sends these bytes, and reads until the server closes.
#[track_caller]
fn talk(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = connect(server);
    stream.write_all(bytes).unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    String::from_utf8(response).unwrap()
}
