//! Proxies for real: CONNECT, by settings and by environment.
//!
//! Without TLS there is none, since no proxy may see the key.

use std::env;
use std::error::Error as _;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use paywithsoap::ConfigBuilder;

use crate::common::tls::{self, Tls};
use crate::common::{
    self, End, KEY, LONG, SHORT, call, customer, fin, ok, read_head, read_request, response, rst,
    serve, stall,
};

/// What a proxy was asked for, head by head.
type Heads = Arc<Mutex<Vec<String>>>;

/// A proxy that leads to `backend`, whatever it is asked for.
fn proxy(backend: SocketAddr) -> (SocketAddr, Heads) {
    proxy_for(backend, |_| true)
}

/// The same for those whose request pleases `admit`; others want a password.
fn proxy_for(backend: SocketAddr, admit: fn(&str) -> bool) -> (SocketAddr, Heads) {
    let heads = Heads::default();
    let seen = Arc::clone(&heads);
    let addr = serve(move |_, mut client| {
        let head = String::from_utf8(read_head(&mut client)?).map_err(io::Error::other)?;
        let admitted = admit(&head);
        seen.lock().unwrap().push(head);
        if !admitted {
            client.write_all(&response("407 Proxy Authentication Required", ""))?;
            return fin(&client);
        }
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        tunnel(client, TcpStream::connect(backend)?)
    });
    (addr, heads)
}

fn tunnel(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    io::copy(&mut from_server, &mut to_client)?;
    to_client.shutdown(Shutdown::Write)
}

/// A name that only the proxy knows.
const NAME: &str = "api.example.test";

fn api() -> SocketAddr {
    tls::serve(tls::server(&tls::params(&[NAME])), |_, mut tls| {
        loop {
            read_request(&mut tls)?;
            tls.write_all(&ok())?;
        }
    })
}

fn by_name() -> ConfigBuilder {
    tls::config(([127, 0, 0, 1], 1).into()).base_url(format!("https://{NAME}"))
}

fn by(proxy: SocketAddr, cfg: ConfigBuilder) -> ConfigBuilder {
    cfg.proxy(format!("http://{proxy}"))
}

#[test]
fn calls_share_one_proxy_tunnel() {
    let (addr, heads) = proxy(api());
    let cfg = by(addr, by_name()).build().unwrap();
    for _ in 0..2 {
        assert_eq!(End::of(&call(&cfg)), End::Applied);
    }
    let version = env!("CARGO_PKG_VERSION");
    let head = format!(
        "CONNECT {NAME}:443 HTTP/1.1\r\nHost: {NAME}:443\r\nUser-Agent: paywithsoap/{version}\r\n\
         Proxy-Connection: Keep-Alive\r\n\r\n"
    );
    assert_eq!(*heads.lock().unwrap(), [head]);
}

#[test]
fn a_proxy_gets_its_password() {
    // us@er:p:s%s
    let authorized =
        |head: &str| head.contains("\r\nProxy-Authorization: Basic dXNAZXI6cDpzJXM=\r\n");
    let (addr, heads) = proxy_for(api(), authorized);
    let cfg = by_name().proxy(format!("http://us%40er:p%3As%25s@{addr}"));
    assert_eq!(End::of(&call(&cfg.build().unwrap())), End::Applied);
    let error = call(&by(addr, by_name()).build().unwrap()).unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    assert_eq!(
        format!("{error:?}"),
        format!(
            "not applied: the API was not reached\ncaused by: the proxy {addr} responded to \
             CONNECT with 407: no password was sent, which belongs in its URL (for Basic alone)"
        )
    );
    assert_eq!(heads.lock().unwrap().len(), 2);
}

#[test]
fn nothing_is_sent_without_a_tunnel() {
    type Script = fn(TcpStream) -> io::Result<()>;
    const PASSWORD: &str = ": a password was sent, by Basic, the only scheme supported";
    const UNREACHED: &str = ": it did not reach the server";
    const WEB: &str = ": the proxy may be a web server, check its address";
    const CLOSED: &str = "the connection was closed before the response was complete";
    let cases: [(&str, bool, Script); 17] = [
        ("401", false, |s| reject(s, "401 Unauthorized")),
        ("407", false, |s| {
            reject(s, "407 Proxy Authentication Required")
        }),
        ("403", false, |s| reject(s, "403 Forbidden")),
        ("500", true, |s| reject(s, "500 Internal Server Error")),
        ("502", true, |s| reject(s, "502 Bad Gateway")),
        ("503", true, |s| reject(s, "503 Service Unavailable")),
        ("504", true, |s| reject(s, "504 Gateway Timeout")),
        ("204", false, |s| reject(s, "204 No Content")),
        ("hangs", true, |mut s| stall(&mut s)),
        ("trickles a response without an end", true, |mut s| {
            s.write_all(b"HTTP/1.1 200 OK\r\n")?;
            common::repeat(&mut s, b"x", Duration::from_millis(10))
        }),
        ("talks without an end", false, |mut s| {
            s.write_all(b"HTTP/1.1 200 OK\r\nx: ")?;
            common::repeat(&mut s, &[b'y'; 1000], Duration::ZERO)
        }),
        ("sends garbage", false, |mut s| {
            s.write_all(b"\x16\x03\x01 what?\r\n\r\n")?;
            fin(&s)
        }),
        ("closes at once", true, |s| fin(&s)),
        ("closes in the middle of its response", true, |mut s| {
            s.write_all(b"HTTP/1.1 200 O")?;
            fin(&s)
        }),
        ("resets", true, rst),
        ("resets in the middle of its response", true, |mut s| {
            s.write_all(b"HTTP/1.1 200 O")?;
            rst(s)
        }),
        (
            "responds in the API's name before it is asked",
            false,
            |mut s| {
                s.write_all(&[b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), ok()].concat())?;
                stall(&mut s)
            },
        ),
    ];
    let runs: Vec<_> = cases
        .into_iter()
        .map(|(what, transient, script)| {
            let run = thread::spawn(move || {
                let addr = serve(move |_, mut stream| {
                    read_head(&mut stream)?;
                    script(stream)
                });
                // The others end by themselves.
                let runs_out = matches!(what, "hangs" | "trickles a response without an end");
                let timeout = if runs_out { SHORT } else { LONG };
                let cfg = by_name().proxy(format!("http://user:pass-7Q2@{addr}"));
                (addr, call(&cfg.timeout(timeout).build().unwrap()))
            });
            (what, transient, run)
        })
        .collect();
    for (what, transient, run) in runs {
        let (addr, result) = run.join().unwrap();
        assert_eq!(End::of(&result), End::NotSent, "{what}: {result:?}");
        let error = result.unwrap_err();
        assert_eq!(error.is_transient(), transient, "{what}: {error:?}");
        let expected = match what {
            "401" | "407" => format!("responded to CONNECT with {what}{PASSWORD}"),
            "403" => "responded to CONNECT with 403: it does not allow this host or port".into(),
            "204" => format!("responded to CONNECT with 204{WEB}"),
            _ if what.parse::<u16>().is_ok() => {
                format!("responded to CONNECT with {what}{UNREACHED}")
            }
            "hangs" | "trickles a response without an end" => {
                "opened no connection: the timeout has passed".into()
            }
            _ if what.starts_with("closes") => format!("opened no connection{WEB}: {CLOSED}"),
            _ => format!("opened no connection{WEB}: "),
        };
        let shown = format!("{error:#}");
        let expected = format!("not applied: the API was not reached: the proxy {addr} {expected}");
        assert!(shown.starts_with(&expected), "{what}: {shown}");
        common::assert_error_hides(&["pass-7q2"], &error);
    }
}

/// Responds to CONNECT with this status.
fn reject(mut stream: TcpStream, status: &str) -> io::Result<()> {
    stream.write_all(&response(status, ""))?;
    fin(&stream)
}

#[test]
fn an_unreachable_proxy_is_transient() {
    let (nobody, _kept) = common::refused();
    let error = call(&by(nobody, by_name()).build().unwrap()).unwrap_err();
    assert_eq!(common::io_kind(&error), io::ErrorKind::ConnectionRefused);
    let cause = error.source().unwrap();
    let expected = format!("the proxy {nobody} was not reached");
    assert_eq!(cause.to_string(), expected);
    let system = cause.source().unwrap().downcast_ref::<io::Error>();
    assert!(system.is_some_and(|error| error.raw_os_error().is_some()));
    assert!(error.is_transient());
    let (nobody, _kept) = common::syn_dropped();
    let error = call(&by(nobody, by_name()).timeout(SHORT).build().unwrap()).unwrap_err();
    assert_eq!(common::io_kind(&error), io::ErrorKind::TimedOut);
    assert!(error.is_transient());
}

#[test]
fn waits_for_a_trickling_proxy_response() {
    let api = api();
    let addr = serve(move |_, mut client| {
        read_head(&mut client)?;
        for byte in b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\n" {
            client.write_all(&[*byte])?;
            thread::sleep(Duration::from_millis(1));
        }
        tunnel(client, TcpStream::connect(api)?)
    });
    let cfg = by(addr, by_name()).build().unwrap();
    assert_eq!(End::of(&call(&cfg)), End::Applied);
}

/// A proxy that is the API too: it follows `script` once TLS stands.
fn tunnel_to(script: fn(Tls) -> io::Result<()>) -> SocketAddr {
    let server = tls::server(&tls::params(&[NAME]));
    serve(move |_, mut client| {
        read_head(&mut client)?;
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        let mut tls = tls::accept(&server, client)?;
        read_request(&mut tls)?;
        script(tls)
    })
}

#[test]
fn a_cut_tunnel_leaves_it_unknown() {
    for (addr, timeout) in [
        (tunnel_to(|tls| rst(tls.sock)), LONG),
        (tunnel_to(|tls| fin(&tls.sock)), LONG),
        (tunnel_to(|mut tls| stall(&mut tls.sock)), SHORT),
    ] {
        let cfg = by(addr, by_name()).timeout(timeout).build().unwrap();
        let result = call(&cfg);
        assert_eq!(End::of(&result), End::NoResponse);
        let shown = format!("{:#}", result.unwrap_err());
        let named = format!("the connection to the server behind the proxy {addr} failed: ");
        assert!(shown.contains(&named), "{shown}");
    }
}

#[test]
fn bodies_may_end_with_the_tunnel() {
    let addr = tunnel_to(|mut tls| {
        write!(tls, "HTTP/1.1 200 OK\r\n\r\n{}", customer())?;
        tls::close(tls)
    });
    let cfg = by(addr, by_name()).build().unwrap();
    assert_eq!(End::of(&call(&cfg)), End::Applied);
}

#[test]
fn the_proxy_sees_only_the_name() {
    let (addr, heads) = proxy(api());
    let cfg = by(addr, by_name()).build().unwrap();
    for _ in 0..2 {
        assert_eq!(End::of(&call(&cfg)), End::Applied);
    }
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 1);
    assert!(heads[0].starts_with("CONNECT api.example.test:443 HTTP/1.1\r\n"));
    assert!(!heads[0].contains(KEY));
}

#[test]
fn the_certificate_must_be_the_apis() {
    let another = tls::serve(tls::good(), |_, mut tls| {
        let request = read_request(&mut tls)?;
        panic!("the request arrived: {request:?}")
    });
    let (addr, _) = proxy(another);
    let result = call(&by(addr, by_name()).build().unwrap());
    assert_eq!(End::of(&result), End::NotSent);
    let error = result.unwrap_err();
    assert!(!error.is_transient());
    assert_eq!(
        error.source().unwrap().to_string(),
        format!(
            "the certificate of the server behind the proxy {addr} is for another name than {NAME}"
        )
    );
}

#[test]
fn nothing_is_sent_before_tls_stands() {
    for reset in [false, true] {
        let addr = serve(move |_, mut client| {
            read_head(&mut client)?;
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            tls::read_record(&mut client)?;
            if reset { rst(client) } else { fin(&client) }
        });
        let result = call(&by(addr, by_name()).build().unwrap());
        assert_eq!(End::of(&result), End::NotSent);
        assert!(result.unwrap_err().is_transient());
    }
}

#[test]
fn a_stalled_handshake_names_the_proxy() {
    for behind in [false, true] {
        let addr = serve(move |_, mut client| {
            if behind {
                read_head(&mut client)?;
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            }
            stall(&mut client)
        });
        let scheme = if behind { "http" } else { "https" };
        let cfg = by_name().proxy(format!("{scheme}://{addr}"));
        let error = call(&cfg.connect_timeout(SHORT).build().unwrap()).unwrap_err();
        let expected = if behind {
            format!("the server behind the proxy {addr} failed")
        } else {
            format!("the proxy {addr} failed: its URL may need http:// instead of https://")
        };
        assert_eq!(
            format!("{error:#}"),
            format!(
                "not applied: the API was not reached: the TLS handshake with {expected}: \
                 the connect_timeout has passed"
            )
        );
        assert!(error.is_transient());
    }
}

#[test]
fn a_web_server_is_no_proxy() {
    type Script = fn(TcpStream) -> io::Result<()>;
    let cases: [(Script, bool, &str); 4] = [
        (
            |mut s| {
                s.write_all(&response("200 OK", "hello"))?;
                fin(&s)
            },
            false,
            "P opened no connection: H: it sent more than a response",
        ),
        (
            |mut s| {
                s.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")?;
                tls::read_record(&mut s)?;
                s.write_all(b"hello")?;
                fin(&s)
            },
            false,
            "the server behind P does not speak TLS: H: ",
        ),
        (
            |mut s| {
                s.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
                fin(&s)
            },
            true,
            "the TLS handshake with the server behind P failed: H: \
             the connection ended before TLS did",
        ),
        (
            |mut s| {
                s.write_all(&response("405 Method Not Allowed", "hello"))?;
                fin(&s)
            },
            false,
            "P responded to CONNECT with 405: H",
        ),
    ];
    for (script, transient, expected) in cases {
        let addr = serve(move |_, mut stream| {
            read_head(&mut stream)?;
            script(stream)
        });
        let error = call(&by(addr, by_name()).build().unwrap()).unwrap_err();
        let expected = expected.replacen('P', &format!("the proxy {addr}"), 1);
        let hint = ": the proxy may be a web server, check its address";
        let expected = expected.replacen(": H", hint, 1);
        let shown = format!("{error:#}");
        let start = "not applied: the API was not reached: ";
        assert!(shown.starts_with(&format!("{start}{expected}")), "{shown}");
        assert_eq!(error.is_transient(), transient, "{shown}");
        common::assert_error_hides(&["hello"], &error);
    }
}

#[test]
fn responses_before_tls_are_not_believed() {
    let addr = serve(move |_, mut client| {
        read_head(&mut client)?;
        client.write_all(&[b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), ok()].concat())?;
        stall(&mut client)
    });
    let result = call(&by(addr, by_name()).timeout(SHORT).build().unwrap());
    assert_eq!(End::of(&result), End::NotSent);
}

#[test]
fn a_proxy_may_itself_want_tls() {
    let backend = api();
    let addr = tls::serve(tls::good(), move |_, mut client: Tls| {
        read_head(&mut client)?;
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        shuttle(client, TcpStream::connect(backend)?)
    });
    let cfg = by_name().proxy(format!("https://{addr}")).build().unwrap();
    for _ in 0..2 {
        let result = call(&cfg);
        assert_eq!(End::of(&result), End::Applied, "{result:?}");
    }
}

#[test]
fn a_proxys_certificate_is_checked() {
    let addr = tls::serve(tls::server(&tls::params(&["127.0.0.2"])), |_, mut tls| {
        let head = read_head(&mut tls)?;
        panic!("the request arrived: {head:?}")
    });
    let cfg = by_name().proxy(format!("https://{addr}")).build().unwrap();
    let result = call(&cfg);
    assert_eq!(End::of(&result), End::NotSent);
    assert_eq!(
        result.unwrap_err().source().unwrap().to_string(),
        format!("the certificate of the proxy {addr} is for another name than 127.0.0.1")
    );
}

#[test]
fn a_proxy_without_tls_is_named() {
    type Script = fn(TcpStream) -> io::Result<()>;
    let cases: [(Script, bool, &str); 2] = [
        (
            |mut s| {
                s.write_all(&response("400 Bad Request", "hello"))?;
                fin(&s)
            },
            false,
            "P does not speak TLS",
        ),
        (|s| fin(&s), true, "the TLS handshake with P failed"),
    ];
    for (script, transient, expected) in cases {
        let addr = serve(move |_, mut stream| {
            tls::read_record(&mut stream)?;
            script(stream)
        });
        let cfg = by_name().proxy(format!("https://{addr}")).build().unwrap();
        let error = call(&cfg).unwrap_err();
        let expected = expected.replace('P', &format!("the proxy {addr}"));
        assert_eq!(
            error.source().unwrap().to_string(),
            format!("{expected}: its URL may need http:// instead of https://")
        );
        assert_eq!(error.is_transient(), transient, "{error:?}");
    }
}

#[test]
fn the_environment_chooses_the_proxy() {
    let (addr, heads) = proxy(api());
    let here = format!("http://{addr}");
    let nowhere = "http://127.0.0.1:1";
    let (here, nowhere) = (here.as_str(), nowhere);
    for (variables, expected) in [
        (&[("https_proxy", here)][..], "Applied"),
        (&[("HTTPS_PROXY", here)], "Applied"),
        (&[("all_proxy", here)], "Applied"),
        (&[("ALL_PROXY", here)], "Applied"),
        (&[("https_proxy", here), ("all_proxy", nowhere)], "Applied"),
        (&[("https_proxy", ""), ("ALL_PROXY", here)], "Applied"),
        (
            &[
                ("https_proxy", here),
                ("NO_PROXY", " other.test , ample.test"),
            ],
            "Applied",
        ),
        (
            &[
                ("https_proxy", here),
                ("NO_PROXY", "other.test, .example.test"),
            ],
            "NotSent",
        ),
        (
            &[("https_proxy", here), ("no_proxy", "example.test")],
            "NotSent",
        ),
        (&[("https_proxy", here), ("NO_PROXY", "*")], "NotSent"),
        (&[("https_proxy", nowhere), ("ALL_PROXY", here)], "NotSent"),
        // Of a CGI program's client, perhaps.
        (&[("HTTP_PROXY", here)], "NotSent"),
        (
            &[("https_proxy", "socks5://127.0.0.1:1"), ("ALL_PROXY", here)],
            "https_proxy",
        ),
        (&[("https_proxy", "http://127.0.0.1:99999")], "https_proxy"),
    ] {
        heads.lock().unwrap().clear();
        let (reported, message) = in_child(variables);
        assert_eq!(reported, expected, "{variables:?}");
        if variables[0].1 == nowhere {
            let named = "the proxy 127.0.0.1:1 (https_proxy) was not reached: ";
            assert!(message.contains(named), "{message}");
        }
        let used = usize::from(expected == "Applied");
        assert_eq!(heads.lock().unwrap().len(), used, "{variables:?}");
    }
}

#[test]
fn a_rejection_names_the_proxys_variable() {
    let (addr, _) = proxy_for(api(), |_| false);
    let proxy = format!("http://user:pass@{addr}");
    let (_, message) = in_child(&[("ALL_PROXY", &proxy)]);
    assert_eq!(
        message,
        format!(
            "not applied: the API was not reached: the proxy {addr} (ALL_PROXY) responded to \
             CONNECT with 407: a password was sent, by Basic, the only scheme supported"
        )
    );
}

/// What a call to the name comes to in a process with these variables, and the
/// message of an error.
fn in_child(variables: &[(&str, &str)]) -> (String, String) {
    let mut child = Command::new(env::current_exe().unwrap());
    child
        .args(["proxy::a_call_by_the_environment", "--exact", "--nocapture"])
        .env(ROOT, tls::root());
    for name in ["https_proxy", "http_proxy", "all_proxy", "no_proxy"] {
        child.env_remove(name).env_remove(name.to_uppercase());
    }
    child.envs(variables.iter().copied());
    let output = child.output().unwrap();
    let reported = String::from_utf8_lossy(&output.stdout).into_owned();
    let Some((_, end)) = reported.split_once("came to: ") else {
        panic!("{output:?}");
    };
    let mut lines = end.lines().map(str::to_owned);
    (lines.next().unwrap(), lines.next().unwrap_or_default())
}

/// Does nothing but in the child process of the test before.
#[test]
fn a_call_by_the_environment() {
    let Ok(root) = env::var(ROOT) else { return };
    tls::install_provider();
    let cfg = paywithsoap::Config::builder(KEY)
        .base_url(format!("https://{NAME}"))
        .root_certificates(root)
        .max_retries(0)
        .timeout(LONG)
        .build();
    match cfg {
        Ok(cfg) => {
            let result = call(&cfg);
            println!("came to: {:?}", End::of(&result));
            let error = result.err().map(|error| format!("{error:#}"));
            println!("{}", error.unwrap_or_default());
        }
        Err(error) => println!("came to: {}", error.violations()[0].field()),
    }
}

const ROOT: &str = "PAYWITHSOAP_TEST_ROOT";

/// A tunnel whose near end is TLS: by turns, since TLS is one object.
fn shuttle(mut client: Tls, mut server: TcpStream) -> io::Result<()> {
    let wake = Some(Duration::from_millis(5));
    client.sock.set_read_timeout(wake)?;
    server.set_read_timeout(wake)?;
    let mut bytes = [0; 16 * 1024];
    loop {
        if pass(client.read(&mut bytes))?
            .is_some_and(|n| n == 0 || server.write_all(&bytes[..n]).is_err())
        {
            return Ok(());
        }
        if let Some(n) = pass(server.read(&mut bytes))? {
            client.write_all(&bytes[..n])?;
        }
    }
}

/// How much was read, if anything came before the wake-up.
fn pass(read: io::Result<usize>) -> io::Result<Option<usize>> {
    match read {
        Ok(n) => Ok(Some(n)),
        // Unix, and Windows.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
