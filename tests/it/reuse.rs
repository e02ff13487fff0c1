//! When a connection is used again, and that nothing but the response to a
//! request is ever taken for it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use crate::common::{ID, call, config, customer, ok, patch, read_request, response, serve, stall};
use paywithsoap::{Config, Outcome, update_customer};

/// What ureq reads at once, and the most that a TLS record holds.
const BUFFER_SIZE: usize = 16 * 1024;

/// A server's side of a connection.
trait Stream: Read {
    /// Sends these parts in one segment, each in a TLS record of its own.
    fn send(&mut self, parts: &[&[u8]]) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn send(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        self.write_all(&parts.concat())
    }
}

type Script = fn(&mut dyn Stream) -> io::Result<()>;

/// Settings for a server whose first connection follows a script.
type Serve = fn(Script) -> Config;

/// Follows the script on the first connection, and responds with another first
/// name on all others.
fn follow(script: Script, number: usize, mut stream: &mut dyn Stream) -> io::Result<()> {
    if number == 0 {
        read_request(&mut stream)?;
        script(stream)?;
        return stall(&mut stream);
    }
    loop {
        read_request(&mut stream)?;
        stream.send(&[&named("Fresh")])?;
    }
}

fn over_tcp(script: Script) -> Config {
    let addr = serve(move |number, mut stream| follow(script, number, &mut stream));
    config(addr).build().unwrap()
}

fn named(name: &str) -> Vec<u8> {
    response("200 OK", &customer().replace("Jane", name))
}

/// A response of so many bytes.
fn response_of(size: usize) -> Vec<u8> {
    let padded = |padding: usize| {
        let pad = format!(r#","pad":"{}"}}"#, "x".repeat(padding));
        response("200 OK", &customer().replace('}', &pad))
    };
    let padding = size - padded(0).len();
    // The digits of the length take room, too.
    (padding - 8..=padding)
        .map(padded)
        .find(|response| response.len() == size)
        .unwrap()
}

/// Makes two calls, of which the second must use a new connection.
#[track_caller]
fn assert_not_believed(what: &str, serve: Serve, script: Script) {
    let cfg = serve(script);
    let names = [call(&cfg), call(&cfg)].map(|result| match result {
        Ok(customer) => customer.first_name.unwrap_or_default(),
        Err(error) => format!("{error:?}"),
    });
    assert_eq!(names, ["Jane", "Fresh"], "{what}");
}

/// What a server may send along with a response.
const UNSOLICITED: [(&str, Script); 7] = [
    ("a response in the same record", |stream| {
        stream.send(&[&[ok(), named("Stale")].concat()])
    }),
    ("a response in the next record", |stream| {
        stream.send(&[&ok(), &named("Stale")])
    }),
    ("a 4xx response in the next record", |stream| {
        stream.send(&[&ok(), &response("422 Unprocessable Content", "{}")])
    }),
    // ureq reads no further than its buffer: the TLS backend keeps the rest.
    ("a response behind one that fills the buffer", |stream| {
        stream.send(&[&response_of(BUFFER_SIZE), &named("Stale")])
    }),
    ("a response behind a body that fills the buffer", |stream| {
        let whole = response_of(BUFFER_SIZE + 41);
        let head = whole.len() - BUFFER_SIZE;
        stream.send(&[&whole[..head]])?;
        stream.send(&[&whole[head..], &named("Stale")])
    }),
    ("a response in the record that fills the buffer", |stream| {
        let (whole, stale) = (response_of(BUFFER_SIZE), named("Stale"));
        let (start, rest) = whole.split_at(stale.len());
        stream.send(&[start])?;
        stream.send(&[&[rest, &stale].concat()])
    }),
    ("half of a response", |stream| {
        stream.send(&[&ok(), &named("Stale")[..20]])
    }),
];

#[test]
fn an_unsolicited_response_is_not_believed() {
    for (what, script) in UNSOLICITED {
        assert_not_believed(what, over_tcp, script);
    }
}

#[test]
fn a_switched_connection_is_not_reused() {
    let addr = serve(|number, mut stream| {
        loop {
            read_request(&mut stream)?;
            let switched = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n";
            let response = if number == 0 { switched.to_vec() } else { ok() };
            stream.write_all(&response)?;
        }
    });
    let cfg = config(addr).build().unwrap();
    assert_eq!(call(&cfg).unwrap_err().status(), Some(101));
    assert!(call(&cfg).is_ok());
}

#[test]
fn skips_103_before_a_long_response() {
    let addr = serve(|_, mut stream| {
        read_request(&mut stream)?;
        let early = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n".to_vec();
        stream.write_all(&[early, response_of(17_000)].concat())?;
        stall(&mut stream)
    });
    let cfg = config(addr).build().unwrap();
    assert_eq!(call(&cfg).unwrap().first_name.as_deref(), Some("Jane"));
}

#[test]
fn many_threads_share_their_connections() {
    const THREADS: usize = 128;
    static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);
    // Responds once a request of each thread has arrived, so that all are under
    // way at a time.
    let arrived = Arc::new(Barrier::new(THREADS));
    let addr = serve(move |_, mut stream| {
        CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        loop {
            read_request(&mut stream)?;
            arrived.wait();
            stream.write_all(&ok())?;
        }
    });
    let cfg = config(addr).build().unwrap();
    for _ in 0..10 {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| update_customer(&cfg, ID, &patch()).unwrap());
            }
        });
    }
    let connections = CONNECTIONS.load(Ordering::Relaxed);
    assert!(connections <= THREADS + THREADS / 4, "{connections}");
}

/// How long a link to the server takes, each way.
const DELAY: Duration = Duration::from_millis(20);

/// Forwards connections to `server`, each way with a delay.
fn relay(server: SocketAddr) -> SocketAddr {
    fn forward(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            let count = from.read(&mut buffer)?;
            thread::sleep(DELAY);
            if count == 0 {
                return to.shutdown(Shutdown::Write);
            }
            to.write_all(&buffer[..count])?;
        }
    }
    serve(move |_, client| {
        let server = TcpStream::connect(server)?;
        let (from, to) = (server.try_clone()?, client.try_clone()?);
        let back = thread::spawn(move || forward(from, to));
        let _ = forward(client, server.try_clone()?);
        // As a client that has gone, also where the server still sends.
        let _ = server.shutdown(Shutdown::Both);
        let _ = back.join();
        Ok(())
    })
}

/// Makes calls over a link with a delay to a server that closes idle connections after
/// a while, and says so by a header line or not. Returns how many connections they took,
/// and how many may have been applied or not.
fn calls_over_a_link(kept: Duration, line: &str, calls: usize, pause: Duration) -> [usize; 2] {
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let head = format!("HTTP/1.1 200 OK\r\n{line}");
    let response = String::from_utf8(ok()).unwrap();
    let response = response.replace("HTTP/1.1 200 OK\r\n", &head);
    let addr = serve(move |_, mut stream| {
        counter.fetch_add(1, Ordering::Relaxed);
        loop {
            read_request(&mut stream)?;
            stream.write_all(response.as_bytes())?;
            if kept.is_zero() {
                return Ok(());
            }
            stream.set_read_timeout(Some(kept))?;
        }
    });
    let cfg = config(relay(addr)).build().unwrap();
    let mut unknown = 0;
    for _ in 0..calls {
        if let Err(error) = update_customer(&cfg, ID, &patch()) {
            assert_eq!(error.outcome(), Outcome::Unknown);
            unknown += 1;
        }
        thread::sleep(pause);
    }
    [connections.load(Ordering::Relaxed), unknown]
}

#[test]
fn learns_how_long_a_server_waits() {
    const ZERO: Duration = Duration::ZERO;
    thread::scope(|scope| {
        // One that closes each connection without a word, as uWSGI's `--http` does.
        let at_once = scope.spawn(|| calls_over_a_link(ZERO, "", 20, ZERO));
        // One whose close is always under way when the next request leaves.
        let short = scope.spawn(|| calls_over_a_link(DELAY * 5, "", 10, DELAY * 9 / 2));
        let told = scope.spawn(|| calls_over_a_link(ZERO, "keep-alive: timeout=1\r\n", 20, ZERO));
        let long = scope.spawn(|| calls_over_a_link(DELAY * 1000, "", 20, ZERO));
        // Without learning, every second call would be lost.
        for (server, most) in [(at_once, 3), (short, 3)] {
            let [_, unknown] = server.join().unwrap();
            assert!(unknown <= most, "{unknown}");
        }
        assert_eq!(told.join().unwrap(), [20, 0]);
        assert_eq!(long.join().unwrap(), [1, 0]);
    });
}

#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
mod with_tls {
    use std::sync::LazyLock;

    use rustls::version::{TLS12, TLS13};
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    use super::*;
    use crate::common::{
        self,
        tls::{self, Tls},
    };

    impl<S: Read + Write> Stream for StreamOwned<ServerConnection, S> {
        fn send(&mut self, parts: &[&[u8]]) -> io::Result<()> {
            let records = tls::records(&mut self.conn, parts)?;
            self.sock.write_all(&records)?;
            self.sock.flush()
        }
    }

    static ANY_VERSION: LazyLock<Arc<ServerConfig>> = LazyLock::new(tls::good);
    static ONLY_12: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| tls::speaking(&[&TLS12]));
    static ONLY_13: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| tls::speaking(&[&TLS13]));

    fn over_tls(server: &Arc<ServerConfig>, script: Script) -> Config {
        let addr = tls::serve(Arc::clone(server), move |number, mut tls| {
            follow(script, number, &mut tls)
        });
        tls::config(addr).build().unwrap()
    }

    /// A proxy that speaks TLS, and the API behind it as well.
    fn over_a_proxy(server: &Arc<ServerConfig>, script: Script) -> Config {
        let api = Arc::clone(server);
        let proxy = tls::serve(Arc::clone(&ANY_VERSION), move |number, mut outer: Tls| {
            common::read_head(&mut outer)?;
            outer.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            let conn = ServerConnection::new(Arc::clone(&api)).map_err(io::Error::other)?;
            let mut inner = StreamOwned::new(conn, outer);
            follow(script, number, &mut inner)
        });
        tls::config(proxy)
            .base_url("https://127.0.0.1:9")
            .proxy(format!("https://{proxy}"))
            .build()
            .unwrap()
    }

    const LAYERS: [(&str, Serve); 4] = [
        ("TLS 1.2", |script| over_tls(&ONLY_12, script)),
        ("TLS 1.3", |script| over_tls(&ONLY_13, script)),
        ("TLS 1.2 by a proxy", |script| {
            over_a_proxy(&ONLY_12, script)
        }),
        ("TLS 1.3 by a proxy", |script| {
            over_a_proxy(&ONLY_13, script)
        }),
    ];

    #[test]
    fn an_unsolicited_response_is_not_believed() {
        for (layers, serve) in LAYERS {
            for (what, script) in UNSOLICITED {
                assert_not_believed(&format!("{layers}: {what}"), serve, script);
            }
        }
    }

    #[test]
    fn ended_tls_connections_are_not_reused() {
        for server in [&ONLY_12, &ONLY_13] {
            let addr = tls::serve(Arc::clone(server), |number, mut tls| {
                if number > 0 {
                    return follow(|_| Ok(()), number, &mut tls);
                }
                read_request(&mut tls)?;
                // The end comes with the response, and the end of TCP much later.
                let mut records = tls::records(&mut tls.conn, &[&ok()])?;
                tls.conn.send_close_notify();
                records.extend(tls::records(&mut tls.conn, &[])?);
                tls.sock.write_all(&records)?;
                stall(&mut tls.sock)
            });
            let cfg = tls::config(addr).build().unwrap();
            let names = [call(&cfg), call(&cfg)].map(|result| result.unwrap().first_name);
            assert_eq!(names, [Some("Jane".into()), Some("Fresh".into())]);
        }
    }

    #[test]
    fn a_silent_connection_is_reused() {
        for (layers, serve) in LAYERS {
            let cfg = serve(|mut stream| {
                for name in ["One", "Two", "Three"] {
                    stream.send(&[&named(name)])?;
                    read_request(&mut stream)?;
                }
                stream.send(&[&named("Four")])
            });
            for name in ["One", "Two", "Three", "Four"] {
                let customer = call(&cfg).unwrap();
                assert_eq!(customer.first_name.as_deref(), Some(name), "{layers}");
            }
        }
    }
}
