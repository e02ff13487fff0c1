//! What the crates below log holds neither the key nor personal data where the
//! level is DEBUG or above. Where it is TRACE it does, in two targets.

#[path = "it/common/mod.rs"]
mod common;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::thread;

use log::{LevelFilter, Log, Metadata, Record};
use paywithsoap::{AuthScheme, Config, ConfigBuilder, CustomerPatch, update_customer};

use common::{ID, KEY, SHORT, read_request, response, rst, serve, stall};

/// What must not be found: of the settings, of the patch, of the response.
const SECRETS: [&str; 14] = [
    KEY,
    "proxy-password-4Hs",
    "header-value-8Kw",
    "patch-mail@example.com",
    "Patchfirst",
    "Patchlast",
    "5550106677",
    "1987-06-05",
    "response-mail@example.com",
    "Responsefirst",
    "Responselast",
    "5550108899",
    "1976-05-04",
    "internal-9Zq",
];

struct Capture(Mutex<Vec<(String, String)>>);

impl Log for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        let (target, text) = (record.target().to_owned(), record.args().to_string());
        // Where another crate enables ureq's cookies, their store logs each one. The
        // crate docs say so.
        if target != "cookie_store::cookie_store" {
            self.0.lock().unwrap().push((target, text));
        }
    }

    fn flush(&self) {}
}

static CAPTURE: Capture = Capture(Mutex::new(Vec::new()));

// One test: the logger is the whole process's.
#[test]
fn only_two_trace_targets_log_secrets() {
    log::set_logger(&CAPTURE).unwrap();
    log::set_max_level(LevelFilter::Debug);
    let calls = make_calls();
    let records = std::mem::take(&mut *CAPTURE.0.lock().unwrap());
    assert!(calls > 80, "{calls}");
    assert!(records.len() > calls, "{} records", records.len());
    for (target, text) in records {
        assert_eq!(secret(&text), None, "{target}: {text}");
    }

    log::set_max_level(LevelFilter::Trace);
    make_calls();
    let records = std::mem::take(&mut *CAPTURE.0.lock().unwrap());
    let leaking: BTreeSet<_> = records
        .iter()
        .filter(|(_, text)| secret(text).is_some())
        .map(|(target, _)| target.as_str())
        .collect();
    // The first one only where a redirect's `Location` holds a secret.
    assert_eq!(leaking, BTreeSet::from(["ureq::run", "ureq_proto::util"]));
}

/// Runs into every fault, and tells how many calls it took.
fn make_calls() -> usize {
    let runs: Vec<_> = scripts()
        .into_iter()
        .map(|script| {
            thread::spawn(move || {
                let mut calls = 0;
                for cfg in settings(script) {
                    // ureq logs the latter by name.
                    let cfg = cfg.header("x-gateway", "header-value-8Kw");
                    let cfg = cfg.header("server", "header-value-8Kw");
                    let cfg = cfg.max_retries(0).timeout(SHORT / 2).build().unwrap();
                    // The second one finds a connection, or none any more.
                    for _ in 0..2 {
                        let _ = update_customer(&cfg, ID, &patch());
                        calls += 1;
                    }
                }
                calls
            })
        })
        .collect();
    runs.into_iter().map(|run| run.join().unwrap()).sum()
}

/// A secret in a text, in whatever case servers write it.
fn secret(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    SECRETS
        .into_iter()
        .find(|secret| text.contains(&secret.to_lowercase()))
}

type Script = fn(Box<dyn Stream>) -> io::Result<()>;

/// A connection, with TLS or without.
trait Stream: io::Read + Write {}

impl<S: io::Read + Write> Stream for S {}

fn scripts() -> Vec<Script> {
    vec![
        |s| respond(s, &response("200 OK", &customer())),
        |s| respond(s, &response("200 OK", &customer().replace("cus_", "CUS_"))),
        |s| respond(s, &response("200 OK", &customer())[..200]),
        |s| respond(s, &response("422 Unprocessable Content", &error_body())),
        |s| respond(s, &response("500 Internal Server Error", &error_body())),
        |s| respond(s, customer().as_bytes()),
        |s| respond(s, b"HTTP/1.1 200 response-mail@example.com\r\n\r\n{}"),
        |s| {
            respond(
                s,
                b"HTTP/1.1 200 OK\r\nResponsefirst Responselast\r\n\r\n{}",
            )
        },
        |s| respond(s, b"HTTP/1.1 2OO response-mail@example.com\r\n\r\n{}"),
        |s| {
            let head = "HTTP/1.1 200 OK\r\nx-customer: response-mail@example.com\r\n\
                        set-cookie: name=Responsefirst\r\n";
            let body = customer();
            let length = body.len();
            respond(
                s,
                format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes(),
            )
        },
        |s| {
            let head = "HTTP/1.1 302 Found\r\n\
                        location: https://example.com/?email=response-mail@example.com\r\n";
            respond(s, format!("{head}content-length: 0\r\n\r\n").as_bytes())
        },
        |s| {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            respond(s, format!("{head}{}\r\n", customer()).as_bytes())
        },
        |s| respond(s, b""),
        |mut s| {
            read_request(&mut s)?;
            stall(&mut s)
        },
    ]
}

fn respond(mut stream: Box<dyn Stream>, bytes: &[u8]) -> io::Result<()> {
    read_request(&mut stream)?;
    stream.write_all(bytes)?;
    stream.flush()?;
    // Some stay open for a second request, and get what it is worth.
    read_request(&mut stream)?;
    stream.write_all(bytes)
}

/// Settings for servers that follow `script`.
fn settings(script: Script) -> Vec<ConfigBuilder> {
    let addr = serve(move |_, stream| script(Box::new(stream)));
    let resetting = serve(move |_, mut stream: TcpStream| {
        read_request(&mut stream)?;
        rst(stream)
    });
    let plain = || Config::builder(KEY).base_url(format!("http://{addr}"));
    // Without TLS nothing is added.
    #[allow(unused_mut)]
    let mut settings = vec![
        plain().no_proxy(),
        plain().no_proxy().auth_scheme(AuthScheme::Raw),
        plain().no_proxy().base_url(format!("http://{resetting}")),
    ];
    #[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
    {
        use common::{fin, read_head, tls};

        let over_tls = tls::serve(tls::good(), move |_, tls| script(Box::new(tls)));
        let untrusted = tls::serve(
            tls::self_signed(&tls::params(&["127.0.0.1"])).0,
            move |_, tls| script(Box::new(tls)),
        );
        let refusing = serve(|_, mut stream| {
            read_head(&mut stream)?;
            stream.write_all(&response("407 response-mail@example.com", &error_body()))?;
            fin(&stream)
        });
        let server = tls::good();
        let proxied = serve(move |_, mut stream| {
            read_head(&mut stream)?;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            script(Box::new(tls::accept(&server, stream)?))
        });
        let by = |proxy| {
            let url = format!("http://user:proxy-password-4Hs@{proxy}");
            tls::config(over_tls).proxy(url)
        };
        settings.extend([
            tls::config(over_tls),
            tls::config(untrusted),
            by(proxied),
            by(refusing),
        ]);
    }
    settings
}

fn patch() -> CustomerPatch {
    CustomerPatch::new()
        .email("patch-mail@example.com")
        .first_name("Patchfirst")
        .last_name("Patchlast")
        .phone_number("5550106677")
        .date_of_birth("1987-06-05")
}

fn customer() -> String {
    format!(
        r#"{{"id":"{ID}","internal_id":"internal-9Zq","email":"response-mail@example.com","first_name":"Responsefirst","last_name":"Responselast","phone_number":"5550108899","date_of_birth":"1976-05-04"}}"#
    )
}

fn error_body() -> String {
    r#"{"error":"response-mail@example.com is taken, patch-mail@example.com is not"}"#.into()
}
