//! What goes over the wire: method, path, headers and body, as received.

use paywithsoap::testing::{Request, TestServer};
use paywithsoap::{AuthScheme, ConfigBuilder, CustomerPatch, update_customer};

#[test]
fn sends_the_request_of_the_page() {
    let request = sent(|config| config, &page_patch());
    assert_eq!(request.method, "PATCH");
    assert_eq!(
        request.path,
        "/api/v1/customers/cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V"
    );
    assert_eq!(
        request.body,
        br#"{"first_name":"Jane","phone_number":"5551234567"}"#
    );
}

#[test]
fn sends_these_headers_and_no_other() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().build().unwrap();
    update_customer(&cfg, TestServer::CUSTOMER_ID, &page_patch()).unwrap();

    let request = server.requests().remove(0);
    let host = server.base_url().strip_prefix("http://").unwrap();
    assert_eq!(
        sorted(&request),
        [
            ("accept", "application/json"),
            ("accept-encoding", "identity"),
            ("authorization", "Bearer test-key-8Jw2cQe5Zr"),
            ("content-length", "49"),
            ("content-type", "application/json"),
            ("host", host),
            (
                "user-agent",
                concat!("paywithsoap/", env!("CARGO_PKG_VERSION"))
            ),
        ]
    );
}

#[test]
fn reused_connections_send_the_same_headers() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().build().unwrap();
    for _ in 0..3 {
        update_customer(&cfg, TestServer::CUSTOMER_ID, &page_patch()).unwrap();
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0], requests[1]);
    assert_eq!(requests[0], requests[2]);
}

#[test]
fn sends_the_key_in_either_scheme() {
    for (scheme, expected) in [
        (AuthScheme::Bearer, "Bearer test-key-8Jw2cQe5Zr"),
        (AuthScheme::Raw, "test-key-8Jw2cQe5Zr"),
    ] {
        let request = sent(|config| config.auth_scheme(scheme), &page_patch());
        assert_eq!(header(&request, "authorization"), [expected]);
    }
}

#[test]
fn sends_any_visible_ascii_key_unchanged() {
    let key = ('!'..='~').collect::<String>();
    let server = TestServer::start().unwrap();
    let cfg = paywithsoap::Config::builder(&key)
        .base_url(server.base_url())
        .no_proxy()
        .build()
        .unwrap();
    let error = update_customer(&cfg, TestServer::CUSTOMER_ID, &page_patch()).unwrap_err();
    assert_eq!(error.status(), Some(401));
    let expected = format!("Bearer {key}");
    assert_eq!(
        header(&server.requests()[0], "authorization"),
        [expected.as_str()]
    );
}

#[test]
fn sends_the_longest_key_and_patch() {
    let server = TestServer::start().unwrap();
    let key = "k".repeat(8192);
    let cfg = paywithsoap::Config::builder(&key)
        .base_url(format!("{}/{}", server.base_url(), "p".repeat(2000)))
        .user_agent("u".repeat(256))
        .no_proxy()
        .build()
        .unwrap();
    let name = "\u{1F600}".repeat(255);
    let patch = CustomerPatch::new()
        .email(format!("{}@example.com", "e".repeat(242)))
        .first_name(&name)
        .last_name(&name)
        .phone_number("5551234567")
        .date_of_birth("1990-01-01");
    let id = format!("cus_{}", "Z".repeat(128));
    let error = update_customer(&cfg, &id, &patch).unwrap_err();
    assert_eq!(error.status(), Some(404));
    let request = &server.requests()[0];
    assert_eq!(request.body, patch.to_json().unwrap().as_bytes());
    assert!(request.path.ends_with(&id), "{}", request.path);
}

#[test]
fn the_callers_user_agent_comes_first() {
    let request = sent(
        |config| config.user_agent("shop/2.1 (build 7)"),
        &page_patch(),
    );
    assert_eq!(
        header(&request, "user-agent"),
        [concat!(
            "shop/2.1 (build 7) paywithsoap/",
            env!("CARGO_PKG_VERSION")
        )]
    );
}

#[test]
fn the_path_follows_the_base_url() {
    for (suffix, path) in [
        ("", "/api/v1/customers/cus_1"),
        ("/", "/api/v1/customers/cus_1"),
        ("/api/v1", "/api/v1/customers/cus_1"),
        ("/api/v1/", "/api/v1/customers/cus_1"),
        (
            "/Gate/soap%20way",
            "/Gate/soap%20way/api/v1/customers/cus_1",
        ),
        ("/gate/", "/gate/api/v1/customers/cus_1"),
        ("/gate/api/v1/", "/gate/api/v1/customers/cus_1"),
        (
            "/a;b=c/@:!$&'()*+,~",
            "/a;b=c/@:!$&'()*+,~/api/v1/customers/cus_1",
        ),
    ] {
        let server = TestServer::start().unwrap();
        let url = format!("{}{suffix}", server.base_url());
        let cfg = server.config().base_url(url).build().unwrap();
        update_customer(&cfg, "cus_1", &page_patch()).unwrap_err();
        assert_eq!(server.requests()[0].path, path, "{suffix}");
    }
}

#[test]
fn sends_only_set_fields_in_order() {
    for (patch, body) in [
        (CustomerPatch::new().email("a@b.c"), r#"{"email":"a@b.c"}"#),
        (
            CustomerPatch::new().first_name("Jane"),
            r#"{"first_name":"Jane"}"#,
        ),
        (
            CustomerPatch::new().last_name("Doe"),
            r#"{"last_name":"Doe"}"#,
        ),
        (
            CustomerPatch::new().phone_number("5551234567"),
            r#"{"phone_number":"5551234567"}"#,
        ),
        (
            CustomerPatch::new().date_of_birth("1990-01-01"),
            r#"{"date_of_birth":"1990-01-01"}"#,
        ),
        (
            CustomerPatch::new()
                .date_of_birth("1990-01-01")
                .phone_number("5551234567")
                .last_name("Doe")
                .first_name("Jane")
                .email("a@b.c"),
            concat!(
                r#"{"email":"a@b.c","first_name":"Jane","last_name":"Doe","#,
                r#""phone_number":"5551234567","date_of_birth":"1990-01-01"}"#
            ),
        ),
    ] {
        let request = sent(|config| config, &patch);
        assert_eq!(String::from_utf8(request.body).unwrap(), body);
    }
}

#[test]
fn sends_names_as_they_are() {
    for (name, written) in [
        ("Ren\u{E9}e", "Ren\u{E9}e"),
        // Decomposed stays decomposed.
        ("Rene\u{301}e", "Rene\u{301}e"),
        ("\u{738B}\u{5C0F}\u{660E}", "\u{738B}\u{5C0F}\u{660E}"),
        ("\u{1F600}", "\u{1F600}"),
        ("\u{646}\u{200C}\u{646}", "\u{646}\u{200C}\u{646}"),
        ("  Jane  ", "  Jane  "),
        (r#"Bo "B" O\Neil/"#, r#"Bo \"B\" O\\Neil/"#),
        ("</script>&amp;", "</script>&amp;"),
    ] {
        let request = sent(|config| config, &CustomerPatch::new().first_name(name));
        let body = format!(r#"{{"first_name":"{written}"}}"#);
        assert_eq!(String::from_utf8(request.body).unwrap(), body);
    }
}

#[test]
fn sends_nothing_for_invalid_input() {
    let server = TestServer::start().unwrap();
    let cfg = server.config().build().unwrap();
    for (id, patch) in [
        ("cus_..", page_patch()),
        (TestServer::CUSTOMER_ID, CustomerPatch::new()),
        (TestServer::CUSTOMER_ID, page_patch().email("jane")),
    ] {
        let error = update_customer(&cfg, id, &patch).unwrap_err();
        assert_eq!(error.attempts(), 0);
        assert_eq!(error.violations().len(), 1);
    }
    assert_eq!(server.requests(), []);
}

fn page_patch() -> CustomerPatch {
    CustomerPatch::new()
        .first_name("Jane")
        .phone_number("5551234567")
}

/// The one request that an update of the page's customer sends.
#[track_caller]
fn sent(set: impl FnOnce(ConfigBuilder) -> ConfigBuilder, patch: &CustomerPatch) -> Request {
    let server = TestServer::start().unwrap();
    let cfg = set(server.config()).build().unwrap();
    update_customer(&cfg, TestServer::CUSTOMER_ID, patch).unwrap();
    let mut requests = server.requests();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

fn header<'a>(request: &'a Request, name: &str) -> Vec<&'a str> {
    sorted(request)
        .into_iter()
        .filter(|(other, _)| *other == name)
        .map(|(_, value)| value)
        .collect()
}

/// The headers by name: their order means nothing in HTTP.
fn sorted(request: &Request) -> Vec<(&str, &str)> {
    let mut headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    headers.sort_unstable();
    headers
}
