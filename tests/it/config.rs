//! Settings: what `build` refuses, and what the environment says.
//!
//! Variables belong to the whole process, so that what depends on them runs in
//! a process of its own: this test binary again, with its one ignored test and
//! with no variables but those that a case sets.

use std::ffi::OsString;
use std::io::ErrorKind::{NotFound, TimedOut};
use std::io::Write;
use std::process::Command;
use std::time::Duration;

use paywithsoap::testing::TestServer;
use paywithsoap::{
    AuthScheme, Config, ConfigBuilder, CustomerPatch, Error, Outcome, update_customer,
};

use crate::common::{self, HAS_TLS};

#[test]
fn every_violation_is_reported_in_order() {
    let error = Config::builder("")
        .base_url("ftp://a.example")
        .user_agent("")
        .header("no token", "x")
        .header("Host", "x")
        .proxy("socks5://proxy.example")
        .root_certificates("no PEM")
        .build()
        .unwrap_err();
    let expected = [
        "api_key must not be empty",
        "base_url must start with `https://`, or with `http://` for this machine",
        "user_agent must be 1 to 256 printable ASCII characters",
        "header must have a name of 1 to 8192 letters, digits and !#$%&'*+-.^_`|~ only",
        "header Host must not be set: HTTP or the client owns it, \
         or it would change what a call means",
        "proxy must be an http or https proxy: SOCKS is not supported",
        if HAS_TLS {
            "root_certificates must hold at least one PEM block `BEGIN CERTIFICATE`"
        } else {
            "root_certificates needs TLS, which this build lacks: \
             enable the crate's feature `rustls` or `native-tls`"
        },
    ];
    assert_eq!(messages(&error), expected);
    assert_eq!(
        error.to_string(),
        format!("not applied: {}", expected.join("; "))
    );
    assert_eq!(error.attempts(), 0);
}

#[test]
#[cfg(not(feature = "platform-verifier"))]
fn system_roots_need_their_feature() {
    let error = local().user_agent("").system_roots(true).build();
    let expected = "system_roots must be false without the feature `platform-verifier` \
                    (native-tls trusts the system's roots where it is the backend)";
    assert_eq!(
        messages(&error.unwrap_err()),
        [
            "user_agent must be 1 to 256 printable ASCII characters",
            expected
        ]
    );
    assert!(
        local()
            .system_roots(true)
            .system_roots(false)
            .build()
            .is_ok()
    );
}

#[test]
#[cfg(feature = "platform-verifier")]
fn system_roots_build_with_their_feature() {
    assert!(local().system_roots(true).build().is_ok());
}

#[test]
#[cfg(not(any(feature = "rustls-no-provider", feature = "native-tls")))]
fn a_build_without_tls_rejects_https() {
    let error = Config::builder("key").no_proxy().build().unwrap_err();
    assert_eq!(
        messages(&error),
        ["base_url needs TLS, which this build lacks: \
          enable the crate's feature `rustls` or `native-tls`"]
    );
    let error = local().proxy("https://proxy.example").build().unwrap_err();
    assert_eq!(
        messages(&error),
        ["proxy needs TLS, which this build lacks: \
          enable the crate's feature `rustls` or `native-tls`"]
    );
}

#[test]
fn rejects_proxies_with_a_rule() {
    const SPACE: &str = "must be the bare value: drop the white space or line break around it";
    const QUOTES: &str = "must be the bare value: drop the quotes around it";
    const ASCII: &str = "must be visible ASCII only, with all else %-encoded: \
                         host names in other scripts are not supported";
    const SOCKS: &str = "must be an http or https proxy: SOCKS is not supported";
    const SCHEME: &str = "must be an http or https proxy";
    const PATH: &str = "must have no path, query or fragment";
    const USER: &str = "must have user name and password %-encoded, as UTF-8";
    const HOST: &str = "must have a host name, an IPv4 address or an [IPv6] address";
    const NUMBER: &str = "must have a host name, or an IPv4 address of four decimal numbers: \
                          the last part of a name is no number";
    const PORT: &str = "must have a port from 1 to 65535 after the `:`, or neither";
    const LONG: &str = "must be at most 2048 bytes long";
    let long = "p".repeat(2049);
    for (url, rule) in [
        ("http://proxy.example:3128", None),
        ("HTTP://PROXY.example:3128/", None),
        ("http://proxy.example", None),
        ("proxy.example:3128", None),
        ("localhost", None),
        ("192.0.2.1:8080", None),
        ("http://[2001:db8::1]:8080", None),
        ("http://user:p%40ss@proxy.example:3128", None),
        ("http://user@proxy.example", None),
        ("http://user:@proxy.example", None),
        ("user:pass:word@proxy.example:3128", None),
        // A name is no scheme.
        ("socks.example:3128", None),
        ("", Some("must not be empty")),
        (" ", Some(SPACE)),
        ("http://proxy.example ", Some(SPACE)),
        ("http://proxy.example:3128\n", Some(SPACE)),
        ("\"http://proxy.example:3128\"", Some(QUOTES)),
        ("http://pr\u{F6}xy.example", Some(ASCII)),
        ("http://proxy.example\r\nx: y", Some(ASCII)),
        ("socks5://proxy.example:1080", Some(SOCKS)),
        ("SOCKS5H://proxy.example:1080", Some(SOCKS)),
        ("socks4://proxy.example", Some(SOCKS)),
        ("ftp://proxy.example", Some(SCHEME)),
        ("://proxy.example", Some(SCHEME)),
        ("http://proxy.example/path", Some(PATH)),
        ("http://proxy.example?x", Some(PATH)),
        ("http://proxy.example#x", Some(PATH)),
        ("http://proxy.example/a@b", Some(USER)),
        ("http://user:p#ss@proxy.example", Some(USER)),
        ("http://user:p/x@proxy.example", Some(USER)),
        ("user:p/x@proxy.example", Some(USER)),
        ("http://user:1?x@proxy.example", Some(USER)),
        ("user:1#x@proxy.example", Some(USER)),
        ("http://user:p%zz@proxy.example", Some(USER)),
        ("http://user:p%ff@proxy.example", Some(USER)),
        ("http://user:p@ss@proxy.example", Some(USER)),
        ("http://user:p\"ss@proxy.example", Some(USER)),
        ("http://", Some(HOST)),
        ("http://:3128", Some(HOST)),
        ("http://[::1", Some(HOST)),
        ("http://192.0.2:8080", Some(NUMBER)),
        ("http://proxy.xn--bcher-kva.example:3128", None),
        ("http://pro|xy", Some(HOST)),
        ("http://proxy.example:99999", Some(PORT)),
        ("http://proxy.example:0", Some(PORT)),
        ("http://proxy.example:", Some(PORT)),
        (long.as_str(), Some(LONG)),
    ] {
        // Without TLS, the base URL is a violation besides.
        let built = Config::builder("key").proxy(url).build();
        let came = built.as_ref().err().map(messages).unwrap_or_default();
        let mut came = came.into_iter().filter(|m| m.starts_with("proxy "));
        assert_eq!(
            came.next(),
            rule.map(|rule| format!("proxy {rule}")),
            "{url:?}"
        );
    }
}

#[test]
fn no_proxy_sees_the_key() {
    const CLEAR: &str = "proxy must not be set for an `http` base URL: the proxy would see the key";
    for base_url in [
        "http://localhost",
        "http://127.8.9.10:8080/x",
        "http://[::1]",
        "http://soap-mock",
    ] {
        let local = || local().danger_allow_http("soap-mock");
        for proxy in ["http://proxy.example", "user:pass@127.0.0.1:3128"] {
            let error = local().base_url(base_url).proxy(proxy).build().unwrap_err();
            assert_eq!(messages(&error), [CLEAR], "{base_url} by {proxy}");
            let direct = local().proxy(proxy).base_url(base_url).no_proxy();
            assert!(direct.build().is_ok(), "{base_url}");
        }
    }
    // What is wrong with the proxy itself comes first.
    let error = local().proxy("ftp://x").build().unwrap_err();
    assert_eq!(messages(&error), ["proxy must be an http or https proxy"]);
    if HAS_TLS {
        let tunnel = local().base_url("https://localhost").proxy("proxy.example");
        assert!(tunnel.build().is_ok());
    }
}

#[test]
fn http_goes_to_allowed_hosts_only() {
    const CLEAR: &str = "base_url must start with `https://`: http would show the key to the \
        network, and is for localhost, 127.0.0.0/8, [::1] and hosts set by danger_allow_http only";
    for (hosts, url, allowed) in [
        (&["soap-mock"][..], "http://soap-mock", true),
        (&["soap-mock"], "HTTP://Soap-Mock:65535/gate/api/v1", true),
        (&["SOAP-mock"], "http://soap-mock:8080", true),
        (&["a", "b", "b"], "http://a", true),
        (&["a", "b"], "http://b", true),
        (&["a.example."], "http://a.example.", true),
        (&["10.0.0.7"], "http://10.0.0.7:8080", true),
        (&["0.0.0.0"], "http://0.0.0.0:1", true),
        (&["2001:db8::7"], "http://[2001:db8::7]:8080", true),
        (&["[2001:DB8:0::7]"], "http://[2001:db8::0007]", true),
        (&["localhost"], "http://localhost:1", true),
        (&["localhost."], "http://localhost.", true),
        (&["a"], "http://127.0.0.1", true),
        (&[], "http://soap-mock", false),
        (&["soap-mock"], "http://soap-mock.", false),
        (&["soap-mock."], "http://soap-mock", false),
        (&["soap-mock"], "http://x.soap-mock", false),
        (&["x.soap-mock"], "http://soap-mock", false),
        (&["soap-mock"], "http://soap-mock.example", false),
        (&["soap-mock"], "http://xsoap-mock", false),
        (&["10.0.0.7"], "http://10.0.0.77", false),
        (&["10.0.0.7"], "http://[::ffff:10.0.0.7]", false),
        (&["2001:db8::7"], "http://[2001:db8::8]", false),
        (&["localhost"], "http://api.paywithsoap.com", false),
        (&["localhost"], "http://localhost.", false),
    ] {
        let allow = |cfg| {
            hosts
                .iter()
                .fold(cfg, |cfg: ConfigBuilder, host| cfg.danger_allow_http(*host))
        };
        let before = allow(local()).base_url(url);
        let after = allow(local().base_url(url));
        for builder in [before, after] {
            let built = builder.build();
            let came = built.as_ref().err().map(messages);
            let expected = (!allowed).then(|| vec![CLEAR.to_owned()]);
            assert_eq!(came, expected, "{hosts:?} {url}");
        }
    }
    if HAS_TLS {
        let cfg = local().danger_allow_http("a").production().build();
        assert_eq!(cfg.unwrap().base_url(), "https://api.paywithsoap.com");
    }
}

#[test]
fn rejects_http_hosts_with_a_rule() {
    const ALONE: &str = "must be a host name or an address alone, without scheme, port and path";
    const API: &str = "must not be a host of the API, which takes https";
    for (host, rule) in [
        ("", ALONE),
        (" ", ALONE),
        ("soap mock", ALONE),
        ("soap-mock ", ALONE),
        ("soap-mock\r\n", ALONE),
        ("http://soap-mock", ALONE),
        ("//soap-mock", ALONE),
        ("soap-mock:8080", ALONE),
        ("soap-mock:", ALONE),
        ("soap-mock/", ALONE),
        ("soap-mock?", ALONE),
        ("user@soap-mock", ALONE),
        ("soap..mock", ALONE),
        ("*", ALONE),
        ("*.example", ALONE),
        (".example", ALONE),
        ("10.0.0", ALONE),
        ("10.0.0.0/8", ALONE),
        ("10.0.0.7:80", ALONE),
        ("[10.0.0.7]", ALONE),
        ("[2001:db8::7", ALONE),
        ("2001:db8::7]", ALONE),
        ("[[2001:db8::7]]", ALONE),
        ("[2001:db8::7]:80", ALONE),
        ("fe80::1%eth0", ALONE),
        ("s\u{F6}ap", ALONE),
        ("api.paywithsoap.com", API),
        ("API.PayWithSoap.Com", API),
        ("api.paywithsoap.com.", API),
        ("api-sandbox.paywithsoap.com", API),
        ("API-SANDBOX.paywithsoap.com.", API),
    ] {
        let error = local().danger_allow_http(host).build().unwrap_err();
        assert_eq!(
            messages(&error),
            [format!("danger_allow_http {rule}")],
            "{host:?}"
        );
        assert_eq!(error.violations()[0].field(), "danger_allow_http");
    }
    let several = local().header("a b", "").proxy("ftp://x");
    let several = several.danger_allow_http("").danger_allow_http("a");
    let error = several.danger_allow_http("api.paywithsoap.com").build();
    let fields: Vec<_> = error
        .as_ref()
        .unwrap_err()
        .violations()
        .iter()
        .map(paywithsoap::Violation::field)
        .collect();
    assert_eq!(
        fields,
        ["header", "danger_allow_http", "danger_allow_http", "proxy"]
    );
}

#[test]
fn an_allowed_host_is_called_over_http() {
    let server = TestServer::start().unwrap();
    let port = server.base_url().rsplit(':').next().unwrap().to_owned();
    // Another host than `localhost`, as far as the settings know.
    let cfg = server.config().danger_allow_http("LOCALHOST.");
    let cfg = cfg
        .base_url(format!("http://localhost.:{port}"))
        .build()
        .unwrap();
    common::call(&cfg).unwrap();
    let host = ("host".to_owned(), format!("localhost.:{port}"));
    assert!(server.requests()[0].headers.contains(&host));

    // Any other name is looked up.
    let cfg = common::config(([127, 0, 0, 1], 1).into()).timeout(common::SHORT * 4);
    let cfg = cfg.danger_allow_http("no-such-host.invalid");
    let cfg = cfg.base_url("http://no-such-host.invalid").build();
    let error = common::call(&cfg.unwrap()).unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotApplied);
    let kind = common::io_kind(&error);
    assert!(matches!(kind, NotFound | TimedOut), "{error:?}");
}

#[test]
fn the_environment_allows_no_http() {
    let url = ("SOAP_API_URL", "http://soap-mock:8080/api/v1/");
    let allowed = [("SOAP_API_KEY", "key"), url, ("https_proxy", "not a proxy")];
    assert_eq!(
        in_child("allow_http", &allowed),
        "http://soap-mock:8080 direct"
    );
    let other = [
        ("SOAP_API_KEY", "key"),
        ("SOAP_API_URL", "http://soap-mock."),
    ];
    for (what, variables) in [("allow_http", &other), ("from_env", &[allowed[0], url])] {
        assert_eq!(
            in_child(what, variables),
            "SOAP_API_URL must start with `https://`: http would show the key to the network, \
             and is for localhost, 127.0.0.0/8, [::1] and hosts set by danger_allow_http only"
        );
    }
}

#[test]
fn the_last_setting_wins() {
    let url = |builder: ConfigBuilder| builder.no_proxy().build().unwrap().base_url().to_owned();
    let both = Config::builder("key").production().base_url("http://[::1]");
    assert_eq!(url(both), "http://[::1]");
    let fixed = Config::builder("key")
        .base_url("x")
        .base_url("http://[::1]");
    assert_eq!(url(fixed), "http://[::1]");
    let spoilt = Config::builder("key")
        .base_url("http://[::1]")
        .base_url("x");
    assert!(spoilt.no_proxy().build().is_err());
    if HAS_TLS {
        let both = Config::builder("key").base_url("x").production();
        assert_eq!(url(both), "https://api.paywithsoap.com");
        let neither = Config::builder("key");
        assert_eq!(url(neither), "https://api-sandbox.paywithsoap.com");
        let proxied = Config::builder("key").proxy("ftp://x").proxy("http://x");
        assert!(proxied.build().is_ok());
    }
    assert!(local().user_agent("").user_agent("shop").build().is_ok());
    assert!(local().user_agent("shop").user_agent("").build().is_err());
    assert!(local().proxy("ftp://x").no_proxy().build().is_ok());
    assert!(local().no_proxy().proxy("ftp://x").build().is_err());
    assert!(local().root_certificates("x").build().is_err());
    assert!(local().api_key("").build().is_err());
    assert!(local().api_key("").api_key("key").build().is_ok());
    let cfg = local()
        .timeout(Duration::from_secs(1))
        .timeout(Duration::from_secs(2))
        .build();
    assert_eq!(cfg.unwrap().timeout(), Duration::from_secs(2));
    let builder = local()
        .auth_scheme(AuthScheme::Raw)
        .auth_scheme(AuthScheme::Bearer);
    assert!(format!("{builder:?}").contains("auth_scheme: Bearer"));
}

#[test]
fn any_number_and_duration_will_do() {
    for duration in [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_secs(u64::from(u32::MAX)),
        Duration::MAX,
    ] {
        let cfg = local()
            .timeout(duration)
            .connect_timeout(duration)
            .max_retries(u32::MAX)
            .build()
            .unwrap();
        assert_eq!(cfg.timeout(), duration);
    }
    assert_eq!(local().build().unwrap().timeout(), Duration::from_secs(30));
}

#[test]
fn clones_are_of_the_same_settings() {
    let cfg = local().timeout(Duration::from_secs(7)).build().unwrap();
    let clone = cfg.clone();
    drop(cfg);
    assert_eq!(clone.timeout(), Duration::from_secs(7));
    assert_eq!(clone.base_url(), "http://127.0.0.1:1");
}

#[test]
fn another_timeout_keeps_settings_and_connections() {
    let server = TestServer::start().unwrap();
    let port = server.base_url().rsplit(':').next().unwrap().to_owned();
    let cfg = server.config().max_retries(0).build().unwrap();
    let patch = CustomerPatch::new().first_name("Jane");
    let id = TestServer::CUSTOMER_ID;
    update_customer(&cfg, id, &patch).unwrap();

    let soon = cfg.with_timeout(Duration::from_secs(7));
    assert_eq!(soon.timeout(), Duration::from_secs(7));
    assert_eq!(soon.clone().timeout(), Duration::from_secs(7));
    assert_eq!(cfg.timeout(), Duration::from_secs(30));
    assert_eq!(soon.base_url(), format!("http://127.0.0.1:{port}"));
    update_customer(&soon, id, &patch).unwrap();
    drop(cfg);
    update_customer(&soon.with_timeout(Duration::MAX), id, &patch).unwrap();

    let never = soon.with_timeout(Duration::ZERO);
    let error = update_customer(&never, id, &patch).unwrap_err();
    assert_eq!(error.attempts(), 0);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn another_timeout_shares_the_connection() {
    let addr = common::serve(|number, mut stream| {
        assert_eq!(number, 0, "a second connection");
        loop {
            common::read_request(&mut stream)?;
            stream.write_all(&common::ok())?;
        }
    });
    let cfg = common::config(addr).build().unwrap();
    common::call(&cfg).unwrap();
    common::call(&cfg.with_timeout(common::LONG * 2)).unwrap();
    common::call(&cfg).unwrap();
}

#[test]
fn from_env_takes_key_and_url() {
    let local = ("SOAP_API_URL", "http://127.0.0.1:1/api/v1");
    for (variables, expected) in [
        (
            vec![("SOAP_API_KEY", "key"), local],
            "http://127.0.0.1:1 direct",
        ),
        (vec![local], "SOAP_API_KEY must be set to your API key"),
        (
            vec![("SOAP_API_KEY", ""), local],
            "SOAP_API_KEY must be set to your API key",
        ),
        (
            vec![("SOAP_API_KEY", "Bearer key"), local],
            "SOAP_API_KEY must be the bare key: drop `Bearer `, which `auth_scheme` decides on",
        ),
        (
            vec![("SOAP_API_KEY", "key\n"), local],
            "SOAP_API_KEY must be the bare value: drop the white space or line break around it",
        ),
        (
            vec![
                ("SOAP_API_KEY", "key"),
                ("SOAP_API_URL", "http://a.example"),
            ],
            "SOAP_API_URL must start with `https://`: http would show the key to the network, \
             and is for localhost, 127.0.0.0/8, [::1] and hosts set by danger_allow_http only",
        ),
        (
            vec![("SOAP_API_URL", " ")],
            "SOAP_API_KEY must be set to your API key; SOAP_API_URL must be the bare value: \
             drop the white space or line break around it",
        ),
    ] {
        assert_eq!(in_child("from_env", &variables), expected, "{variables:?}");
    }
}

#[test]
#[cfg(unix)]
fn from_env_rejects_invalid_utf_8() {
    use std::os::unix::ffi::OsStringExt;
    let odd = || OsString::from_vec(b"k\xFF".to_vec());
    let variables = [("SOAP_API_KEY", odd()), ("SOAP_API_URL", odd())];
    assert_eq!(
        in_child("from_env", &variables),
        "SOAP_API_KEY must be UTF-8; SOAP_API_URL must be UTF-8"
    );
}

#[test]
fn a_setter_wins_over_the_environment() {
    let variables = [
        ("SOAP_API_KEY", ""),
        ("SOAP_API_URL", "ftp://a.example"),
        ("https_proxy", "not a proxy"),
    ];
    assert_eq!(
        in_child("from_env_fixed", &variables),
        "http://127.0.0.1:1 direct"
    );
}

#[test]
#[cfg(not(any(feature = "rustls-no-provider", feature = "native-tls")))]
fn a_build_without_tls_rejects_roots() {
    let variables = [
        ("SOAP_API_KEY", "key"),
        ("SOAP_API_URL", "http://127.0.0.1:1"),
        ("SOAP_API_CA", "/no/such/file"),
    ];
    assert_eq!(
        in_child("from_env", &variables),
        "SOAP_API_CA needs TLS, which this build lacks: \
         enable the crate's feature `rustls` or `native-tls`"
    );
}

#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
mod with_tls {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::path::{Path, PathBuf};
    use std::{env, fs, thread};

    use super::in_child;

    /// A folder for one test, which is removed when it ends.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("paywithsoap-{name}-{}", std::process::id());
            let path = env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, content).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// What becomes of settings whose roots are in a file.
    #[track_caller]
    fn with_roots(what: &str, path: &Path) -> String {
        in_child(
            what,
            &[
                ("SOAP_API_KEY", "key".into()),
                ("SOAP_API_URL", "http://127.0.0.1:1".into()),
                ("SOAP_API_CA", path.as_os_str().to_owned()),
            ],
        )
    }

    const BLOCK: &str = "-----BEGIN CERTIFICATE-----\nMAMwAaA=\n-----END CERTIFICATE-----\n";
    const READ: &str = "http://127.0.0.1:1 direct";

    #[test]
    fn from_env_reads_roots_from_files() {
        let folder = Folder::new("roots");
        let large = |size| format!("{BLOCK}{}", "#".repeat(size - BLOCK.len()));
        let not_found = "must be the path of a PEM file: there is no such file";
        let no_file = "must be the path of a PEM file: this is no regular file";
        let pem = folder.file("root.pem", BLOCK);
        for (path, rule) in [
            (pem.clone(), None),
            (PathBuf::new(), None),
            (folder.file("1-mib.pem", large(1024 * 1024)), None),
            (
                folder.file("too-large.pem", large(1024 * 1024 + 1)),
                Some("must be the path of a PEM file of at most 1 MiB"),
            ),
            (
                PathBuf::from("root.pem"),
                Some("must be the absolute path of a PEM file"),
            ),
            (folder.0.join("none.pem"), Some(not_found)),
            (pem.join("none.pem"), Some(not_found)),
            (folder.0.clone(), Some(no_file)),
            (
                folder.file("empty.pem", ""),
                Some("must hold at least one PEM block `BEGIN CERTIFICATE`"),
            ),
            (
                folder.file("damaged.pem", BLOCK.replace("MAMwAaA=", "!")),
                Some("must be valid PEM: a block is damaged, or is no certificate"),
            ),
        ] {
            let expected = rule.map_or(READ.into(), |rule| format!("SOAP_API_CA {rule}"));
            assert_eq!(
                with_roots("from_env", &path),
                expected,
                "{}",
                path.display()
            );
        }
        let none = folder.0.join("none.pem");
        assert_eq!(with_roots("from_env_fixed", &none), READ);
    }

    #[test]
    #[cfg(unix)]
    fn never_waits_for_a_roots_file() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let no_file = "SOAP_API_CA must be the path of a PEM file: this is no regular file";
        let unreadable = "SOAP_API_CA must be the path of a PEM file: the file cannot be read";
        let folder = Folder::new("fifo");
        let fifo = folder.0.join("fifo");
        mkfifo(&fifo);
        assert_eq!(with_roots("from_env", &fifo), no_file);
        assert_eq!(with_roots("from_env", Path::new("/dev/null")), no_file);
        // Regular by its type, and waits for the kernel's next message.
        if cfg!(target_os = "linux") {
            let none = "SOAP_API_CA must hold at least one PEM block `BEGIN CERTIFICATE`";
            assert_eq!(with_roots("from_env", Path::new("/proc/kmsg")), none);
        }
        assert_eq!(
            with_roots("from_env", &folder.0.join("n".repeat(300))),
            unreadable
        );

        let link = folder.0.join("link");
        symlink("link", &link).unwrap();
        assert_eq!(with_roots("from_env", &link), unreadable);
        let to_file = folder.0.join("to-file");
        symlink(folder.file("root.pem", BLOCK), &to_file).unwrap();
        assert_eq!(with_roots("from_env", &to_file), READ);

        let secret = folder.file("secret.pem", BLOCK);
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
        // Root may read it all the same.
        let readable = fs::read(&secret).is_ok();
        let expected = if readable { READ } else { unreadable };
        assert_eq!(with_roots("from_env", &secret), expected);
    }

    #[test]
    fn an_unknown_issuer_names_the_variable() {
        use crate::common::tls;

        let addr = tls::serve(tls::good(), |_, _| Ok(()));
        let folder = Folder::new("unknown-issuer");
        let pem = folder.file("another.pem", tls::authority("Another CA").pem());
        let came = in_child(
            "call",
            &[
                ("SOAP_API_KEY", "key".into()),
                ("SOAP_API_URL", format!("https://{addr}").into()),
                ("SOAP_API_CA", pem.into_os_string()),
            ],
        );
        let expected = "not applied: the API was not reached: the server's certificate was not \
                        accepted: its issuer is not in root_certificates (SOAP_API_CA): ";
        assert!(came.starts_with(expected), "{came}");
    }

    #[cfg(unix)]
    fn mkfifo(path: &Path) {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.unwrap().success());
    }

    #[test]
    #[cfg(all(unix, not(target_vendor = "apple")))]
    fn never_waits_for_the_systems_roots() {
        const RULE: &str = "system_roots needs SSL_CERT_FILE, where it is set, to name a regular \
                            file of at most 16 MiB that is not empty, and SSL_CERT_DIR folders \
                            without FIFOs, devices and larger files";
        const NONE: &str = "system_roots needs CA certificates on this system, and finds none: \
                            install the package ca-certificates, or see SSL_CERT_FILE and \
                            SSL_CERT_DIR";
        const BUILT: &str = "https://api-sandbox.paywithsoap.com direct";

        let folder = Folder::new("system-roots");
        let dir = |name: &str| {
            let path = folder.0.join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let (empty, with_fifo) = (dir("empty"), dir("with-fifo"));
        // As OpenSSL looks for an issuer.
        let fifo = with_fifo.join("0a1b2c3d.0");
        mkfifo(&fifo);
        let roots = folder.file("roots.pem", crate::common::tls::root());
        let no_roots = folder.file("no-roots.pem", "# none\n");
        let with_file = |name: &str, size| {
            let with_file = dir(name);
            let file = with_file.join("sparse.pem");
            let sparse = fs::File::create(&file).unwrap();
            sparse.set_len(size).unwrap();
            (with_file, file)
        };
        let (with_largest, _) = with_file("with-largest", 16 * 1024 * 1024);
        let (with_large, large) = with_file("with-large", 16 * 1024 * 1024 + 1);
        let both = env::join_paths([&empty, &with_fifo]).unwrap();
        let is_native = cfg!(all(feature = "native-tls", not(feature = "rustls")));
        for (file, dir, rule) in [
            (roots.as_os_str(), empty.as_os_str(), None),
            ("".as_ref(), folder.0.as_os_str(), None),
            (roots.as_os_str(), with_largest.as_os_str(), None),
            (fifo.as_os_str(), "".as_ref(), Some(RULE)),
            ("/dev/zero".as_ref(), "".as_ref(), Some(RULE)),
            ("/proc/kmsg".as_ref(), "".as_ref(), Some(RULE)),
            (large.as_os_str(), "".as_ref(), Some(RULE)),
            (roots.as_os_str(), with_large.as_os_str(), Some(RULE)),
            (empty.as_os_str(), "".as_ref(), Some(RULE)),
            (empty.join("none").as_os_str(), "".as_ref(), Some(RULE)),
            (roots.as_os_str(), with_fifo.as_os_str(), Some(RULE)),
            (roots.as_os_str(), &both, Some(RULE)),
            // OpenSSL does not mind.
            (
                no_roots.as_os_str(),
                empty.as_os_str(),
                (!is_native).then_some(NONE),
            ),
        ] {
            let built = in_child(
                "system_roots",
                &[("SSL_CERT_FILE", file), ("SSL_CERT_DIR", dir)],
            );
            let is_read = is_native || cfg!(feature = "platform-verifier");
            let expected = rule.filter(|_| is_read).unwrap_or(BUILT);
            assert_eq!(built, expected, "{} {}", file.display(), dir.display());
        }

        // Without TLS, nothing reads them.
        let variables = [
            ("SOAP_API_KEY", "key".as_ref()),
            ("SOAP_API_URL", "http://127.0.0.1:1".as_ref()),
            ("SSL_CERT_FILE", fifo.as_os_str()),
        ];
        let built = in_child("from_env", &variables);
        assert_eq!(built, "http://127.0.0.1:1 direct");
    }

    #[test]
    #[cfg(unix)]
    fn roots_path_need_not_be_utf_8() {
        use std::os::unix::ffi::OsStringExt;
        let folder = Folder::new("not-utf-8");
        let name = std::ffi::OsString::from_vec(b"r\xFF.pem".to_vec());
        let path = folder.0.join(name);
        // Some file systems refuse the name.
        if fs::write(&path, BLOCK).is_ok() {
            assert_eq!(with_roots("from_env", &path), READ);
        }
    }

    #[test]
    fn reports_every_bad_variable_at_once() {
        let variables = [
            ("SOAP_API_KEY", "a key"),
            ("SOAP_API_URL", "http://a.example/"),
            ("SOAP_API_CA", "root.pem"),
        ];
        assert_eq!(
            in_child("from_env", &variables),
            "SOAP_API_KEY must be visible ASCII characters only: \
             no space, control or other character; \
             SOAP_API_URL must start with `https://`: http would show the key to the network, \
             and is for localhost, 127.0.0.0/8, [::1] and hosts set by danger_allow_http only; \
             SOAP_API_CA must be the absolute path of a PEM file"
        );
    }

    const BAD: &str = "must have a port from 1 to 65535 after the `:`, or neither";

    #[test]
    fn hosts_match_the_api_page() {
        let none: [(&str, &str); 0] = [];
        assert_eq!(
            in_child("sandbox", &none),
            "https://api-sandbox.paywithsoap.com direct"
        );
        assert_eq!(
            in_child("production", &none),
            "https://api.paywithsoap.com direct"
        );
        for url in [None, Some("")] {
            let url = url.map(|url| ("SOAP_API_URL", url));
            let variables: Vec<_> = [("SOAP_API_KEY", "key")].into_iter().chain(url).collect();
            assert_eq!(
                in_child("from_env", &variables),
                "https://api-sandbox.paywithsoap.com direct"
            );
        }
    }

    #[test]
    fn first_nonempty_variable_is_the_proxy() {
        let bad = "http://proxy.example:99999";
        let good = "http://proxy.example:3128";
        let proxied = "https://api-sandbox.paywithsoap.com proxied";
        let direct = "https://api-sandbox.paywithsoap.com direct";
        for (variables, expected) in [
            (vec![("https_proxy", good)], proxied),
            (vec![("HTTPS_PROXY", good)], proxied),
            (vec![("all_proxy", good)], proxied),
            (vec![("ALL_PROXY", good)], proxied),
            (vec![("HTTP_PROXY", bad)], direct),
            (vec![("https_proxy", "")], direct),
            (vec![("https_proxy", good), ("ALL_PROXY", bad)], proxied),
            (
                vec![("HTTPS_PROXY", bad), ("all_proxy", good)],
                &format!("HTTPS_PROXY {BAD}"),
            ),
            (
                vec![("https_proxy", ""), ("ALL_PROXY", bad)],
                &format!("ALL_PROXY {BAD}"),
            ),
        ] {
            let came = in_child("sandbox", &variables);
            // Names of variables ignore case on Windows, where the first that is
            // looked up stands for both.
            let same = if cfg!(windows) {
                came.eq_ignore_ascii_case(expected)
            } else {
                came == expected
            };
            assert!(same, "{variables:?}: {came}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn proxy_variables_must_be_utf_8() {
        use std::ffi::OsString;
        use std::os::unix::ffi::OsStringExt;
        let variables = [("all_proxy", OsString::from_vec(b"http://\xFF".to_vec()))];
        assert_eq!(in_child("sandbox", &variables), "all_proxy must be UTF-8");
    }

    #[test]
    fn local_urls_ignore_the_environments_proxy() {
        for url in [
            "http://localhost:8080",
            "https://LOCALHOST",
            "https://127.0.0.1",
            "https://127.8.9.10",
            "https://[::1]",
        ] {
            let came = in_child(
                "from_env",
                &[
                    ("SOAP_API_KEY", "key"),
                    ("SOAP_API_URL", url),
                    ("https_proxy", "not a proxy"),
                ],
            );
            assert_eq!(came, format!("{} direct", url.to_lowercase()));
        }
    }

    #[test]
    fn a_setting_overrides_the_environment() {
        let bad = [("https_proxy", "not a proxy")];
        assert_eq!(
            in_child("no_proxy", &bad),
            "https://api-sandbox.paywithsoap.com direct"
        );
        assert_eq!(
            in_child("proxy", &bad),
            "https://api-sandbox.paywithsoap.com proxied"
        );
    }

    #[test]
    fn no_proxy_exempts_hosts() {
        for (list, url, exempt) in [
            ("a.example", "https://soap.a.example", true),
            (" b.example , .a.example ", "https://A.EXAMPLE.", true),
            ("a.example", "https://a.example.org", false),
            ("a.example:8443", "https://a.example:8443", true),
            ("192.0.2.0/24", "https://192.0.2.1", true),
            ("2001:db8::/32", "https://[2001:db8::1]", true),
            ("10.0.0.0/99", "https://10.0.0.1", false),
            ("*", "https://a.example", true),
            ("", "https://a.example", false),
        ] {
            for name in ["no_proxy", "NO_PROXY"] {
                let came = in_child(
                    "from_env",
                    &[
                        ("SOAP_API_KEY", "key"),
                        ("SOAP_API_URL", url),
                        ("https_proxy", "http://proxy.example"),
                        (name, list),
                    ],
                );
                let way = if exempt { "direct" } else { "proxied" };
                let expected = format!("{} {way}", url.to_lowercase());
                assert_eq!(came, expected, "{name}={list}");
            }
        }
    }

    #[test]
    fn exempt_hosts_need_no_valid_proxy() {
        let variables = [
            ("https_proxy", "not a proxy"),
            ("NO_PROXY", "paywithsoap.com"),
        ];
        assert_eq!(
            in_child("sandbox", &variables),
            "https://api-sandbox.paywithsoap.com direct"
        );
    }

    #[test]
    fn calls_use_the_environments_proxy() {
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://us%65r:pass@{}", proxy.local_addr().unwrap());
        let asked = thread::spawn(move || {
            let (stream, _) = proxy.accept().unwrap();
            let lines = BufReader::new(&stream).lines();
            lines
                .map(Result::unwrap)
                .take_while(|line| !line.is_empty())
                .collect::<Vec<_>>()
        });
        let came = in_child(
            "call",
            &[
                ("SOAP_API_KEY", "key"),
                ("SOAP_API_URL", "https://soap.invalid"),
                ("HTTP_PROXY", "http://127.0.0.1:1"),
                ("HTTPS_PROXY", &url),
            ],
        );
        assert!(
            came.starts_with("not applied: the API was not reached: "),
            "{came}"
        );
        let asked = asked.join().unwrap();
        assert_eq!(asked[0], "CONNECT soap.invalid:443 HTTP/1.1");
        // user:pass
        let basic = "proxy-authorization: Basic dXNlcjpwYXNz";
        assert!(
            asked.iter().any(|line| line.eq_ignore_ascii_case(basic)),
            "{asked:?}"
        );
        assert!(!asked.iter().any(|line| line.contains("key")), "{asked:?}");
    }
}

/// Not a test of its own, but what the others run in a process of its own.
#[test]
#[ignore = "run by other tests"]
fn child() {
    common::tls::install_provider();
    let built = match std::env::var("PAYWITHSOAP_TEST_CHILD").as_deref() {
        Ok("from_env" | "call") => Config::from_env(),
        Ok("allow_http") => ConfigBuilder::from_env()
            .danger_allow_http("soap-mock")
            .build(),
        Ok("from_env_fixed") => {
            let fixed = ConfigBuilder::from_env()
                .api_key("key")
                .base_url("http://127.0.0.1:1");
            if HAS_TLS {
                let root = "-----BEGIN CERTIFICATE-----\nMAMwAaA=\n-----END CERTIFICATE-----\n";
                fixed.root_certificates(root).build()
            } else {
                fixed.build()
            }
        }
        Ok("sandbox") => Config::sandbox("key"),
        Ok("production") => Config::production("key"),
        Ok("no_proxy") => Config::builder("key").no_proxy().build(),
        Ok("proxy") => Config::builder("key").proxy("http://proxy.example").build(),
        Ok("system_roots") => Config::builder("key")
            .no_proxy()
            .system_roots(cfg!(feature = "platform-verifier"))
            .build(),
        // Whoever runs the ignored tests by hand.
        _ => return,
    };
    let came = match built {
        Ok(cfg) if std::env::var("PAYWITHSOAP_TEST_CHILD").unwrap() == "call" => {
            let patch = CustomerPatch::new().first_name("Jane");
            let error = update_customer(&cfg, "cus_1", &patch).unwrap_err();
            format!("{error:#}")
        }
        Ok(cfg) => {
            let proxied = format!("{cfg:?}").contains("proxied: true");
            let way = if proxied { "proxied" } else { "direct" };
            format!("{} {way}", cfg.base_url())
        }
        Err(error) => messages(&error).join("; "),
    };
    println!("\nCAME: {came}");
}

/// What the child makes of these variables and no other.
#[track_caller]
fn in_child<V: Into<OsString> + Clone>(what: &str, variables: &[(&str, V)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "config::child", "--ignored", "--nocapture"])
        .env_clear()
        .envs(
            variables
                .iter()
                .map(|(name, value)| (*name, value.clone().into())),
        )
        .env("PAYWITHSOAP_TEST_CHILD", what)
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    stdout
        .lines()
        .find_map(|line| line.strip_prefix("CAME: "))
        .unwrap_or_else(|| panic!("{stdout}{}", String::from_utf8_lossy(&output.stderr)))
        .to_owned()
}

fn local() -> ConfigBuilder {
    Config::builder("key")
        .base_url("http://127.0.0.1:1")
        .no_proxy()
}

fn messages(error: &Error) -> Vec<String> {
    error.violations().iter().map(ToString::to_string).collect()
}
