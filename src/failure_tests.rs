use std::time::SystemTime;

use super::*;
use crate::proxy;

/// The way to the API by `proxy`, which a variable or a setting of this name sets.
fn by(field: &'static str, proxy: &str) -> Route {
    let proxy = match proxy {
        "" => None,
        proxy => Some(proxy::check(field, proxy).unwrap()),
    };
    Route {
        host: "api.example".into(),
        proxy,
        issuer_advice: "..",
        is_from_env: false,
    }
}

/// What is shown of an error: the message over it, and its own if that remains.
fn shown(route: &Route, step: Step, to_proxy: bool, error: impl Into<Error>) -> String {
    let error = into_io(route.explain(step, to_proxy, error.into()));
    let kind = error.kind();
    match error.get_ref().and_then(|cause| cause.source()) {
        Some(source) => format!("{kind:?}: {error}: {source}"),
        None => format!("{kind:?}: {error}"),
    }
}

fn rustls(text: &str) -> io::Error {
    io::Error::new(InvalidData, text)
}

#[test]
fn tls_backends_are_understood() {
    for (message, texts) in TLS {
        for text in *texts {
            assert_eq!(
                shown(&by("", ""), Step::Tls, false, rustls(text)),
                format!("InvalidData: {message}: {text}"),
            );
        }
    }
}

/// Messages, and what rustls and OpenSSL say in their place.
const TLS: &[(&str, &[&str])] = &[
    (
        "the server's certificate is for another name than api.example",
        &[
            "invalid peer certificate: certificate not valid for name \"api.example\"; \
             certificate is only valid for DnsName(\"expired.unknownissuer.example\")",
            "invalid peer certificate: NotValidForName",
            "certificate verify failed: (hostname mismatch)",
            "certificate verify failed: (IP address mismatch)",
        ],
    ),
    (
        "the server's certificate was not accepted: ..",
        &[
            "invalid peer certificate: UnknownIssuer",
            "certificate verify failed: (unable to get local issuer certificate)",
            "certificate verify failed: (self-signed certificate)",
            "certificate verify failed: (self signed certificate in certificate chain)",
        ],
    ),
    (
        "the server's certificate is not meant for servers",
        &[
            "invalid peer certificate: certificate does not allow extended key usage for server \
             authentication, allows client authentication",
            "invalid peer certificate: InvalidPurpose",
            "certificate verify failed: (unsuitable certificate purpose)",
            "certificate verify failed: (unsupported certificate purpose)",
        ],
    ),
    (
        "the server's certificate was not accepted",
        &[
            "invalid peer certificate: BadSignature",
            "peer sent no certificates",
            "certificate verify failed: (certificate revoked)",
        ],
    ),
    (
        "the server refused the TLS handshake: it may want a client certificate, which is not \
         supported, or other algorithms",
        &[
            "received fatal alert: HandshakeFailure",
            "error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure",
        ],
    ),
    (
        "the TLS handshake with the server failed",
        &[
            "received fatal alert: ProtocolVersion",
            "error:0A00042E:SSL routines:ssl3_read_bytes:tlsv1 alert protocol version",
            "peer is incompatible: NoCipherSuitesInCommon",
        ],
    ),
    (
        "the server does not speak TLS: is it http?",
        &[
            "received corrupt message of type InvalidContentType",
            "error:0A00010B:SSL routines:ssl3_get_record:wrong version number",
        ],
    ),
];

#[test]
fn tls_errors_of_ureq_keep_their_words() {
    let check = |error, words| {
        let error = into_io(error);
        assert_eq!((error.kind(), &*error.to_string()), (InvalidData, words));
    };
    check(Error::Tls("no certificates"), "no certificates");
    #[cfg(feature = "rustls-no-provider")]
    check(
        Error::Rustls(rustls::Error::HandshakeNotComplete),
        "handshake not complete",
    );
}

#[test]
fn algorithms_are_not_listed() {
    for text in [
        "invalid peer certificate: UnsupportedSignatureAlgorithmContext { \
         signature_algorithm_id: [6, 3, 43, 101, 113], supported_algorithms: [0x06082a] }",
        "invalid peer certificate: Other(OtherError(UnsupportedCertVersion))",
        "error:0A000086:SSL routines::certificate verify failed: (EE certificate key too weak)",
        "error:0A000086:SSL routines::certificate verify failed: (CA signature digest algorithm \
         too weak)",
    ] {
        assert_eq!(
            shown(&by("", ""), Step::Tls, false, rustls(text)),
            "InvalidData: the server's certificate has an unsupported algorithm, key size or \
             version"
        );
    }
}

#[test]
fn dates_are_compared_with_the_clock() {
    for (text, message) in [
        (
            "certificate expired: verification time 1 (UNIX)",
            "has expired",
        ),
        (
            "certificate verify failed: (certificate has expired)",
            "has expired",
        ),
        (
            "certificate not valid yet: verification time 1 (UNIX)",
            "is not valid yet",
        ),
        (
            "certificate verify failed: (certificate is not yet valid)",
            "is not valid yet",
        ),
    ] {
        // A day may end meanwhile.
        let today = || OffsetDateTime::from(SystemTime::now()).date();
        let before = today();
        let shown = shown(&by("", ""), Step::Tls, false, rustls(text));
        let expected = |date| {
            let clock = "check this machine's clock, which shows";
            format!("InvalidData: the server's certificate {message}: {clock} {date}: {text}")
        };
        assert!(
            [expected(before), expected(today())].contains(&shown),
            "{shown}"
        );
    }
}

#[test]
fn a_certificate_for_tests_is_explained() {
    let text = "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))";
    for (host, name) in [("api.example", "DNS"), ("192.0.2.1", "IP"), ("::1", "IP")] {
        let route = Route {
            host: host.into(),
            ..by("", "")
        };
        assert_eq!(
            shown(&route, Step::Tls, false, rustls(text)),
            format!(
                "InvalidData: the server's certificate is a CA certificate, which a server must \
                 not have: make one for tests by `openssl req -x509 -newkey rsa:2048 -nodes \
                 -keyout key.pem -out cert.pem -days 365 -subj /CN={host} \
                 -addext subjectAltName={name}:{host} \
                 -addext basicConstraints=critical,CA:FALSE`: {text}"
            )
        );
    }
}

#[test]
fn issuers_that_are_unknown_get_advice() {
    let unknown = || rustls("invalid peer certificate: UnknownIssuer");
    for (given, system, is_from_env, advice) in [
        (true, false, false, "its issuer is not in root_certificates"),
        (
            true,
            true,
            true,
            "its issuer is not in root_certificates (SOAP_API_CA)",
        ),
        (
            false,
            false,
            true,
            "somebody may be intercepting the connection; if your organisation inspects TLS, get \
             its CA certificate from your administrator and pass it to root_certificates \
             (SOAP_API_CA)",
        ),
        (
            false,
            true,
            false,
            "somebody may be intercepting the connection, or this system lacks CA certificates \
             (the package ca-certificates has them); if your organisation inspects TLS, get its \
             CA certificate from your administrator and pass it to root_certificates",
        ),
    ] {
        let route = Route {
            issuer_advice: issuer_advice(given, system),
            is_from_env,
            ..by("", "")
        };
        assert_eq!(
            shown(&route, Step::Tls, false, unknown()),
            format!(
                "InvalidData: the server's certificate was not accepted: {advice}: \
                 invalid peer certificate: UnknownIssuer"
            )
        );
    }
}

#[test]
fn client_certificates_are_not_supported() {
    for text in [
        "received fatal alert: CertificateRequired",
        "received fatal alert: BadCertificate",
        "error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required",
        "error:0A000412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate",
    ] {
        let message = "PermissionDenied: the server wants a client certificate, which is not \
                       supported";
        for (step, kind) in [
            (Step::Tls, InvalidData),
            (Step::Exchange, InvalidData),
            (Step::Exchange, Other),
        ] {
            assert_eq!(
                shown(&by("", ""), step, false, io::Error::new(kind, text)),
                format!("{message}: {text}")
            );
        }
    }
}

#[test]
fn every_step_names_the_proxy() {
    let route = by("https_proxy", "http://user:secret@[2001:db8::1]:3128");
    let p = "the proxy [2001:db8::1]:3128 (https_proxy)";
    let web = ": the proxy may be a web server, check its address";
    let http = ": its URL may need http:// instead of https://";
    let disconnected = &[ConnectionReset, UnexpectedEof][..];
    let behind = format!("the server behind {p}");
    let tls = |peer: &str, advice: &str| format!("the TLS handshake with {peer} failed{advice}");
    for (step, to_proxy, kinds, message) in [
        (
            Step::Connect,
            true,
            &[TimedOut, Other][..],
            format!("{p} was not reached"),
        ),
        (
            Step::Tls,
            true,
            &[TimedOut, UnexpectedEof, ConnectionReset],
            tls(p, http),
        ),
        (Step::Tls, true, &[InvalidData], tls(p, "")),
        (
            Step::Tunnel,
            false,
            &[TimedOut, Other],
            format!("{p} opened no connection"),
        ),
        (
            Step::Tunnel,
            false,
            disconnected,
            format!("{p} opened no connection{web}"),
        ),
        (
            Step::Tunnel,
            false,
            &[InvalidData],
            format!("{p} opened no connection{web}"),
        ),
        (Step::Tls, false, &[TimedOut, InvalidData], tls(&behind, "")),
        (Step::Tls, false, disconnected, tls(&behind, web)),
        (
            Step::Exchange,
            false,
            disconnected,
            format!("the connection to {behind} failed"),
        ),
    ] {
        for kind in kinds {
            assert_eq!(
                shown(&route, step, to_proxy, io::Error::new(*kind, "why")),
                format!("{kind:?}: {message}: why"),
            );
        }
    }
}

#[test]
// Without TLS, no proxy is reached by it.
#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
fn tls_failures_name_the_proxy() {
    let route = by("ALL_PROXY", "https://proxy.example");
    for (text, to_proxy, message) in [
        (
            "certificate expired",
            true,
            "the certificate of P has expired: check ",
        ),
        (
            "certificate expired",
            false,
            "the certificate of the server behind P has expired: ",
        ),
        (
            "NotValidForName",
            true,
            "of P is for another name than proxy.example: ",
        ),
        (
            "NotValidForName",
            false,
            "behind P is for another name than api.example: ",
        ),
        (
            "InvalidContentType",
            true,
            "P does not speak TLS: its URL may need http:// instead of",
        ),
        (
            "InvalidContentType",
            false,
            "the server behind P does not speak TLS: the proxy may be",
        ),
        (
            "alert: HandshakeFailure",
            true,
            "Data: P refused the TLS handshake: it may want",
        ),
        (
            "alert: HandshakeFailure",
            false,
            "Data: the server behind P refused the TLS",
        ),
        (
            "alert: CertificateRequired",
            false,
            "the server behind P wants a client certificate",
        ),
    ] {
        let shown = shown(&route, Step::Tls, to_proxy, rustls(text));
        let message = message.replace('P', "the proxy proxy.example:443 (ALL_PROXY)");
        assert!(shown.contains(&message), "{message}: {shown}");
    }
}

#[test]
fn every_status_of_a_proxy_is_explained() {
    let rejected = |proxy, status: u16| {
        let reason = format!("proxy server responded {status}/{status}");
        let error = Error::ConnectProxyFailed(reason);
        shown(&by(proxy::SETTING, proxy), Step::Tunnel, false, error)
    };
    for (status, kind, advice) in [
        (
            401,
            PermissionDenied,
            "no password was sent, which belongs in its URL (for Basic alone)",
        ),
        (
            407,
            PermissionDenied,
            "no password was sent, which belongs in its URL (for Basic alone)",
        ),
        (403, PermissionDenied, "it does not allow this host or port"),
        (500, HostUnreachable, "it did not reach the server"),
        (502, HostUnreachable, "it did not reach the server"),
        (503, HostUnreachable, "it did not reach the server"),
        (504, HostUnreachable, "it did not reach the server"),
        (
            204,
            InvalidData,
            "the proxy may be a web server, check its address",
        ),
        (
            400,
            InvalidData,
            "the proxy may be a web server, check its address",
        ),
        (
            404,
            InvalidData,
            "the proxy may be a web server, check its address",
        ),
        (
            501,
            InvalidData,
            "the proxy may be a web server, check its address",
        ),
        (
            505,
            InvalidData,
            "the proxy may be a web server, check its address",
        ),
    ] {
        assert_eq!(
            rejected("http://proxy.example:3128", status),
            format!(
                "{kind:?}: the proxy proxy.example:3128 responded to CONNECT with {status}: {advice}"
            )
        );
    }
    for status in [401, 407] {
        assert_eq!(
            rejected("http://user:secret@proxy.example", status),
            format!(
                "PermissionDenied: the proxy proxy.example:80 responded to CONNECT with {status}: \
                 a password was sent, by Basic, the only scheme supported"
            )
        );
    }
}

#[test]
fn what_a_proxy_fails_without_a_status_stays_known() {
    let route = by(proxy::SETTING, "proxy.example");
    let p = "the proxy proxy.example:80 opened no connection: the proxy may be a web server, \
             check its address";
    for (reason, expected) in [
        (
            "proxy server did not respond",
            "UnexpectedEof: P: the connection was closed before the response was complete",
        ),
        (
            "something new",
            "InvalidData: P: the response is not HTTP/1.1",
        ),
        (
            "proxy server responded x07/x07",
            "InvalidData: P: the response is not HTTP/1.1",
        ),
        (
            "proxy server responded 4",
            "InvalidData: P: the response is not HTTP/1.1",
        ),
    ] {
        let error = Error::ConnectProxyFailed(reason.into());
        assert_eq!(
            shown(&route, Step::Tunnel, false, error),
            expected.replacen('P', p, 1),
            "{reason}"
        );
    }
}

#[test]
fn without_a_proxy_clear_errors_stay_as_they_are() {
    let refused = || io::Error::from_raw_os_error(111);
    for step in [Step::Connect, Step::Exchange] {
        let error = into_io(by("", "").explain(step, false, refused().into()));
        assert_eq!(error.raw_os_error(), Some(111));
    }
    let passed = || io::Error::new(TimedOut, "the timeout has passed");
    assert_eq!(
        shown(&by("", ""), Step::Connect, false, passed()),
        "TimedOut: no TCP connection: the timeout has passed"
    );
    assert_eq!(
        shown(&by("", ""), Step::Exchange, false, passed()),
        "TimedOut: the timeout has passed"
    );
    assert_eq!(
        shown(&by("", ""), Step::Tls, false, passed()),
        "TimedOut: the TLS handshake with the server failed: the timeout has passed"
    );
}

#[test]
fn an_error_is_explained_once() {
    let route = by(proxy::SETTING, "proxy.example");
    let error = io::Error::new(TimedOut, "the timeout has passed").into();
    let inner = route.explain(Step::Connect, true, error);
    let outer = route.explain(Step::Tunnel, false, inner);
    assert_eq!(
        shown(&route, Step::Exchange, false, outer),
        "TimedOut: the proxy proxy.example:80 was not reached: the timeout has passed"
    );
}
