//! The host that is dialed is the one that was checked.
#![no_main]

use std::net::{Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use paywithsoap::fuzzing;

fuzz_target!(|url: &str| {
    let Some((host, port, text)) = fuzzing::base_url(url) else {
        return;
    };
    // One `/api/v1` is dropped, so that only a text without reads as itself.
    if !text.ends_with("/api/v1") {
        let again = Some((host.clone(), port, text.clone()));
        assert_eq!(fuzzing::base_url(&text), again);
    }

    let uri: http::Uri = format!("{text}/api/v1/customers/cus_1").parse().unwrap();
    let authority = uri.authority().unwrap().as_str();
    assert!(!authority.contains('@'));
    assert_eq!(uri.host().unwrap().trim_matches(['[', ']']), host);
    assert!(uri.path().ends_with("/api/v1/customers/cus_1"));
    assert_eq!(uri.query(), None);
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        other => panic!("{other:?}"),
    };
    assert_eq!(uri.port_u16().unwrap_or(if tls { 443 } else { 80 }), port);
    // Where another crate has ureq read it with `url`, that must not fail.
    let read = url::Url::parse(&text).unwrap();
    assert_eq!(read.port_or_known_default(), Some(port));
    let local = host == "localhost"
        || host
            .parse::<Ipv4Addr>()
            .is_ok_and(|ip| ip.octets()[0] == 127)
        || host.parse() == Ok(Ipv6Addr::LOCALHOST);
    assert!(tls || local);
});
