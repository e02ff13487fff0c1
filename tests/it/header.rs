//! Headers that a caller adds: which are sent, which are violations.

use std::io::{self, Write};
use std::net::TcpStream;

use paywithsoap::Outcome::{NotApplied, Unknown};
use paywithsoap::testing::{Fault, TestServer};
use paywithsoap::{Config, ConfigBuilder, Error, update_customer};

use crate::common::{self, patch};

const ID: &str = TestServer::CUSTOMER_ID;

const OWNED: &str = "must not be set: HTTP or the client owns it, \
                     or it would change what a call means";
const TOKEN: &str = "must have a name of 1 to 8192 letters, digits and !#$%&'*+-.^_`|~ only";
const VALUE: &str = "must have a value of visible ASCII characters, spaces and tabs only";
const SIZE: &str = "must be set for at most 8192 bytes of names and values in all";

fn local() -> ConfigBuilder {
    Config::builder("key")
        .base_url("http://127.0.0.1:1")
        .no_proxy()
}

#[track_caller]
fn violations(builder: ConfigBuilder) -> Vec<String> {
    let error: Option<Error> = builder.build().err();
    let violations = error.iter().flat_map(Error::violations);
    violations
        .map(|violation| {
            assert_eq!(violation.field(), "header");
            violation.to_string()
        })
        .collect()
}

#[test]
fn rejects_headers_of_http_and_client() {
    for (name, rule) in [
        ("accept", OWNED),
        ("Accept", OWNED),
        ("ACCEPT-ENCODING", OWNED),
        ("accept_encoding", OWNED),
        (
            "Authorization",
            "must not be set: the client sends the API key in it",
        ),
        ("cOnNeCtIoN", OWNED),
        ("Content-Length", OWNED),
        ("content_length", OWNED),
        ("CONTENT-TYPE", OWNED),
        ("content-encoding", OWNED),
        ("content-", OWNED),
        ("Content_X", OWNED),
        ("Cookie", OWNED),
        ("EXPECT", OWNED),
        ("Host", OWNED),
        ("Idempotency-Key", OWNED),
        ("idempotency_KEY", OWNED),
        ("If-Match", OWNED),
        ("IF_NONE_MATCH", OWNED),
        ("if-unmodified-since", OWNED),
        ("if-", OWNED),
        ("Keep-Alive", OWNED),
        ("keep_alive", OWNED),
        (
            "Proxy-Authorization",
            "must not be set: `proxy` takes a user name and password",
        ),
        ("proxy_connection", OWNED),
        ("PROXY-X", OWNED),
        ("Range", OWNED),
        ("TE", OWNED),
        ("te", OWNED),
        ("Trailer", OWNED),
        ("Transfer-Encoding", OWNED),
        ("TRANSFER_ENCODING", OWNED),
        ("transfer-Encoding", OWNED),
        ("Upgrade", OWNED),
        (
            "User-Agent",
            "must not be set: `user_agent` is the setting for it",
        ),
        (
            "user_agent",
            "must not be set: `user_agent` is the setting for it",
        ),
        ("X-HTTP-Method-Override", OWNED),
        ("x_http_method_override", OWNED),
        ("x-http-method", OWNED),
        ("x-method-override", OWNED),
        ("x-http_method-override", OWNED),
    ] {
        let expected = [format!("header {name} {rule}")];
        assert_eq!(violations(local().header(name, "x")), expected);
    }
}

#[test]
fn names_and_values_follow_http() {
    let long = "n".repeat(8193);
    for (name, value, expected) in [
        ("x-gateway", "token", None),
        ("X_Gateway", "", None),
        ("!#$%&'*+-.^_`|~09az", "x", None),
        ("contents", "x", None),
        ("iffy", "x", None),
        ("x-proxy-y", "x", None),
        ("x-accept", "x", None),
        ("tee", "x", None),
        ("x-a", " a\tb c~ ", None),
        ("", "x", Some(TOKEN.into())),
        (" x-a", "x", Some(TOKEN.into())),
        ("x-a ", "x", Some(TOKEN.into())),
        ("x a", "x", Some(TOKEN.into())),
        ("x-a:", "x", Some(TOKEN.into())),
        ("x-a\r\nhost", "x", Some(TOKEN.into())),
        ("\"x\"", "x", Some(TOKEN.into())),
        ("x(a)", "x", Some(TOKEN.into())),
        ("x-\u{E4}", "x", Some(TOKEN.into())),
        ("x-a", "x\r\nhost: y", Some(format!("x-a {VALUE}"))),
        ("x-a", "x\n", Some(format!("x-a {VALUE}"))),
        ("x-a", "\0", Some(format!("x-a {VALUE}"))),
        ("x-a", "\u{7F}", Some(format!("x-a {VALUE}"))),
        ("x-a", "\u{E4}", Some(format!("x-a {VALUE}"))),
        (&long, "x", Some(TOKEN.into())),
    ] {
        let expected: Vec<_> = expected
            .map(|rule| format!("header {rule}"))
            .into_iter()
            .collect();
        assert_eq!(
            violations(local().header(name, value)),
            expected,
            "{name:?}: {value:?}"
        );
    }
}

#[test]
fn reports_each_bad_header_in_order() {
    let builder = local()
        .header("x-b", "\n")
        .header("x-good", "x")
        .header("a b", "x")
        .header("X-A", "\u{E4}")
        .header("Host", "x")
        .header("a b", "\n");
    let expected = [
        format!("header x-b {VALUE}"),
        format!("header X-A {VALUE}"),
        format!("header Host {OWNED}"),
        format!("header {TOKEN}"),
    ];
    assert_eq!(violations(builder.clone()), expected);
    let fixed = builder.header("x-B", "b").header("x-a", "a");
    assert_eq!(violations(fixed), expected[2..]);
    let spoilt = local().header("x-a", "x").header("X-A", "\n");
    assert_eq!(violations(spoilt), [format!("header X-A {VALUE}")]);
}

#[test]
fn headers_take_8_kib_in_all() {
    let full = || {
        local()
            .header("x-a", "v".repeat(4093))
            .header("x-b", "w".repeat(4093))
    };
    assert_eq!(violations(full()), [""; 0]);
    let expected = [format!("header {SIZE}")];
    assert_eq!(violations(full().header("c", "")), expected);
    assert_eq!(violations(local().header("x", "v".repeat(8192))), expected);
    // Those that were replaced do not count.
    assert_eq!(
        violations(full().header("x-a", "v").header("c", "")),
        [""; 0]
    );
    // Nor do those that are violations already.
    let bad = full().header("host", "v".repeat(9000));
    assert_eq!(violations(bad), [format!("header host {OWNED}")]);
}

#[test]
fn headers_go_out_with_every_request() {
    let server = TestServer::start().unwrap();
    let cfg = server
        .config()
        .header("X-Gateway", "lost")
        .header("x-empty", "")
        .header("x-gateway", "\t token ,  x ")
        .build()
        .unwrap();
    server.fail_next(Fault::Raw(
        b"HTTP/1.1 429 x\r\ncontent-length: 0\r\n\r\n".to_vec(),
    ));
    update_customer(&cfg, ID, &patch()).unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        let own = |(name, _): &&(String, String)| name.starts_with("x-");
        let headers: Vec<_> = request.headers.iter().filter(own).cloned().collect();
        let expected = [("x-empty", ""), ("x-gateway", "token ,  x")];
        assert_eq!(
            headers,
            expected.map(|(name, value)| (name.into(), value.into()))
        );
    }
}

#[test]
fn one_more_header_shares_the_connection() {
    let addr = common::serve(|number, mut stream| {
        assert_eq!(number, 0, "a second connection");
        loop {
            let request = common::read_request(&mut stream)?;
            let text = String::from_utf8(request).map_err(io::Error::other)?;
            let lines = text.lines().filter(|line| line.starts_with("x-"));
            let body = format!(
                "{{\"id\":\"{ID}\",\"sent\":\"{}\"}}",
                lines.collect::<String>()
            );
            stream.write_all(&common::response("200 OK", &body))?;
        }
    });
    let cfg = common::config(addr).header("x-a", "1").build().unwrap();
    let traced = cfg.with_header("X-Trace", " 7 ").unwrap();
    let other = traced.with_header(String::from("x-trace"), "8").unwrap();
    let both = other.with_header("X-A", "2").unwrap();
    for (cfg, sent) in [
        (&cfg, "x-a: 1"),
        (&traced, "x-a: 1x-trace: 7"),
        (&other, "x-a: 1x-trace: 8"),
        (&both, "x-trace: 8x-a: 2"),
        (&both.clone().with_timeout(common::LONG), "x-trace: 8x-a: 2"),
        (&cfg, "x-a: 1"),
    ] {
        let customer = common::call(cfg).unwrap();
        let sent = format!("\"sent\":\"{sent}\"");
        assert!(customer.raw_json().contains(&sent), "{customer:?}");
    }
}

#[test]
fn one_more_header_follows_the_same_rules() {
    let cfg = local().header("x-b", "w".repeat(4093)).build().unwrap();
    for (name, value) in [
        ("host", "x"),
        ("User_Agent", "x"),
        ("no token", "S3CRET"),
        ("", "x"),
        ("x-a", "S3CRET\n"),
        ("x-a", "\u{E4}"),
        // Too long with the header that is there already.
        ("x-a", &"v".repeat(4094)),
    ] {
        let error = cfg.with_header(name, value).unwrap_err();
        let builder = local().header("x-b", "w".repeat(4093));
        let expected = violations(builder.header(name, value));
        assert_eq!(error.violations().len(), 1);
        assert_eq!(error.violations()[0].to_string(), expected[0]);
        assert_eq!(error.violations()[0].field(), "header");
        assert_eq!((error.outcome(), error.attempts()), (NotApplied, 0));
        common::assert_error_hides(&["s3cret"], &error);
    }
    cfg.with_header("x-a", "v".repeat(4093)).unwrap();
    // One that is replaced does not count.
    cfg.with_header("X-B", "v".repeat(8189)).unwrap();
}

#[test]
fn one_more_header_is_a_secret() {
    let server = TestServer::start().unwrap();
    let cfg = common::one_attempt(&server);
    let cfg = cfg.with_header("x-trace", "s3cret-trace").unwrap();
    let shown = format!("{cfg:?}");
    assert!(shown.contains("x-trace"), "{shown}");
    common::assert_hides(&["s3cret"], &cfg);
    let body = r#"{"error":"no s3cret-trace here"}"#;
    server.fail_next(Fault::respond(401, body));
    let error = update_customer(&cfg, ID, &patch()).unwrap_err();
    common::assert_error_hides(&["s3cret"], &error);
}

#[test]
fn sends_headers_of_the_maximum_size() {
    let script = |_, mut stream: TcpStream| {
        let request = common::read_request(&mut stream)?;
        let text = String::from_utf8(request).map_err(io::Error::other)?;
        let all = (0..1365).all(|i| text.contains(&format!("\r\n{i:04}: xx\r\n")));
        assert!(all && text.contains(&"k".repeat(8192)), "{}", text.len());
        stream.write_all(&common::ok())
    };
    let addr = common::serve(script);
    let many = (0..1365).fold(common::config(addr).api_key("k".repeat(8192)), |cfg, i| {
        cfg.header(format!("{i:04}"), "xx")
    });
    let result = common::call(&many.build().unwrap());
    assert!(result.is_ok(), "{result:?}");
}

#[test]
fn a_long_head_may_be_why_a_server_disconnects() {
    use Fault::{CloseAfterReading, Raw, Reset, Stall};

    let server = TestServer::start().unwrap();
    for (key, value, fault, size) in [
        // `Bearer ` and `x-a` make it 4097.
        (87, 4000, CloseAfterReading, Some("5")),
        (86, 4000, CloseAfterReading, None),
        (8192, 8000, Reset, Some("16")),
        (5000, 0, Raw(b"HTTP/1.1 20".into()), None),
        (5000, 0, Stall, None),
    ] {
        let is_stalled = matches!(fault, Stall);
        server.fail_next(fault);
        let cfg = server.config().api_key("k".repeat(key)).max_retries(0);
        let cfg = cfg.header("x-a", "v".repeat(value));
        let timeout = if is_stalled {
            common::SHORT
        } else {
            common::LONG
        };
        let error = common::call(&cfg.timeout(timeout).build().unwrap()).unwrap_err();
        assert_eq!(error.outcome(), Unknown);
        let shown = format!("{error:#}");
        let named =
            size.map(|size| format!(": key and headers take {size} KiB, and some servers "));
        match named {
            Some(named) => assert!(shown.contains(&named), "{shown}"),
            None => assert!(!shown.contains("KiB"), "{shown}"),
        }
    }
}

#[test]
fn a_quoted_key_or_header_is_redacted() {
    let server = TestServer::start().unwrap();
    // Of words that show where they are no secrets.
    let cfg = server
        .config()
        .api_key("orange-marmalade")
        .header("x-gateway", " velvet-kettle ")
        .max_retries(0);
    let body = r#"{"error":"bad token velvet-kettle of orange-marmalade for test"}"#;
    server.fail_next(Fault::Raw(
        format!(
            "HTTP/1.1 401 x\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into(),
    ));
    let error = update_customer(&cfg.build().unwrap(), ID, &patch()).unwrap_err();
    for shown in [format!("{error}"), format!("{error:?}")] {
        assert_eq!(
            shown,
            "not applied: the API responded with 401: bad token [..] of [..] for test"
        );
    }
    assert!(error.body().unwrap().contains("velvet-kettle"));
}

#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
#[test]
fn no_header_goes_to_a_proxy() {
    use std::sync::mpsc::channel;

    let (head, heads) = channel();
    let server = common::tls::server(&common::tls::params(&["api.example.test"]));
    let addr = common::serve(move |_, mut client| {
        head.send(common::read_head(&mut client)?)
            .map_err(io::Error::other)?;
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        let mut tls = common::tls::accept(&server, client)?;
        head.send(common::read_request(&mut tls)?)
            .map_err(io::Error::other)?;
        tls.write_all(&common::ok())?;
        common::tls::close(tls)
    });
    let cfg = common::tls::config(addr)
        .base_url("https://api.example.test")
        .header("x-gateway", "token")
        .proxy(format!("http://{addr}"));
    let result = common::call(&cfg.build().unwrap());
    assert!(result.is_ok(), "{result:?}");
    let [connect, request] = [(); 2].map(|()| String::from_utf8(heads.recv().unwrap()).unwrap());
    assert!(
        connect.starts_with("CONNECT api.example.test:443 "),
        "{connect}"
    );
    assert!(!connect.to_lowercase().contains("x-gateway"), "{connect}");
    assert!(request.contains("\r\nx-gateway: token\r\n"), "{request}");
}

#[test]
fn a_test_request_shows_no_value() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().header("x-gateway-token", "S3CRET-token");
    update_customer(&cfg.build().unwrap(), ID, &patch()).unwrap();
    let [request] = &server.requests()[..] else {
        panic!("one request")
    };
    let sent = ("x-gateway-token".into(), "S3CRET-token".into());
    assert!(request.headers.contains(&sent));
    let shown = format!("{request:?}");
    assert!(shown.contains("x-gateway-token"), "{shown}");
    for secret in ["S3CRET", server.api_key(), "Jane"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
