//! One deadline over everything: a call returns by its `timeout`, whatever the
//! network does. That each does so, `call` asserts.

#[path = "it/common/mod.rs"]
mod common;

use std::io::{self, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use paywithsoap::{Error, update_customer};

use common::{
    End, ID, LONG, SHORT, call, config, customer, in_time, io_kind, ok, patch, read_request,
    repeat, serve, stall, syn_dropped, time_out,
};

// A table: a row a mischief.
#[allow(clippy::too_many_lines)]
#[test]
fn no_server_outlives_the_timeout() {
    type Script = fn(TcpStream) -> io::Result<()>;
    const SLOW: Duration = Duration::from_millis(20);
    const HEAD: &str = "HTTP/1.1 200 OK\r\n";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let cases: [(&str, End, Script); 17] = [
        ("reads nothing", End::NoResponse, |s| {
            thread::sleep(SHORT * 2);
            drop(s);
            Ok(())
        }),
        ("never responds", End::NoResponse, |mut s| stall(&mut s)),
        ("trickles its first line", End::NoResponse, |mut s| {
            repeat(&mut s, b"H", SLOW)
        }),
        ("trickles a header", End::NoResponse, |mut s| {
            s.write_all(HEAD.as_bytes())?;
            repeat(&mut s, b"x", SLOW)
        }),
        ("trickles headers", End::NoResponse, |mut s| {
            s.write_all(HEAD.as_bytes())?;
            repeat(&mut s, b"x: y\r\n", SLOW)
        }),
        (
            "sends 100 Continue without an end",
            End::NoResponse,
            |mut s| repeat(&mut s, b"HTTP/1.1 100 Continue\r\n\r\n", Duration::ZERO),
        ),
        ("trickles 103 Early Hints", End::NoResponse, |mut s| {
            repeat(&mut s, b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n", SLOW)
        }),
        ("sends no body", End::InvalidResponse(200), |mut s| {
            write!(s, "{HEAD}content-length: 9\r\n\r\n")?;
            stall(&mut s)
        }),
        ("trickles a body", End::InvalidResponse(200), |mut s| {
            write!(s, "{HEAD}content-length: 9999\r\n\r\n")?;
            repeat(&mut s, b" ", SLOW)
        }),
        (
            "trickles a body to the end",
            End::InvalidResponse(200),
            |mut s| {
                write!(s, "{HEAD}\r\n{}", customer())?;
                repeat(&mut s, b" ", SLOW)
            },
        ),
        ("trickles chunks", End::InvalidResponse(200), |mut s| {
            s.write_all(CHUNKED.as_bytes())?;
            repeat(&mut s, b"1\r\n \r\n", SLOW)
        }),
        (
            "trickles the size of a chunk",
            End::InvalidResponse(200),
            |mut s| {
                s.write_all(CHUNKED.as_bytes())?;
                repeat(&mut s, b"0", SLOW)
            },
        ),
        (
            "trickles a chunk extension",
            End::InvalidResponse(200),
            |mut s| {
                write!(s, "{CHUNKED}1;")?;
                repeat(&mut s, b"x", SLOW)
            },
        ),
        (
            "sends a chunk extension without an end",
            End::InvalidResponse(200),
            |mut s| {
                write!(s, "{CHUNKED}1;")?;
                repeat(&mut s, &[b'x'; 1000], Duration::ZERO)
            },
        ),
        ("trickles trailers", End::InvalidResponse(200), |mut s| {
            write!(s, "{CHUNKED}0\r\n")?;
            repeat(&mut s, b"x: y\r\n", SLOW)
        }),
        (
            "sends trailers without an end",
            End::InvalidResponse(200),
            |mut s| {
                write!(s, "{CHUNKED}0\r\n")?;
                repeat(&mut s, b"x: y\r\n", Duration::ZERO)
            },
        ),
        (
            "trickles the words of an error response",
            End::Rejected(422),
            |mut s| {
                s.write_all(b"HTTP/1.1 422 Unprocessable Content\r\n\r\n")?;
                repeat(&mut s, b" ", SLOW)
            },
        ),
    ];
    let runs: Vec<_> = cases
        .into_iter()
        .map(|(what, expected, script)| {
            let run = thread::spawn(move || {
                let addr = serve(move |_, mut stream| {
                    if what != "reads nothing" {
                        read_request(&mut stream)?;
                    }
                    script(stream)
                });
                time_out(&config(addr), expected)
            });
            (what, expected, run)
        })
        .collect();
    for (what, expected, run) in runs {
        let result = run.join().unwrap();
        assert_eq!(End::of(&result), expected, "{what}: {result:?}");
    }
}

#[test]
fn connecting_ends_by_the_shorter_timeout() {
    let (addr, _kept) = syn_dropped();
    for (timeout, connect_timeout, reported) in [
        (SHORT, LONG, "the timeout has passed"),
        (LONG, SHORT, "the connect_timeout has passed"),
    ] {
        let cfg = config(addr).timeout(timeout);
        let cfg = cfg.connect_timeout(connect_timeout).build().unwrap();
        let error = in_time(SHORT, || call(&cfg)).unwrap_err();
        assert_eq!(io_kind(&error), io::ErrorKind::TimedOut, "{reported}");
        assert!(error.is_transient(), "{reported}");
        assert_eq!(
            format!("{error:#}"),
            format!("not applied: the API was not reached: no TCP connection: {reported}")
        );
        assert_eq!(End::of(&Err(error)), End::NotSent, "{reported}");
    }
}

#[test]
fn error_bodies_are_awaited_only_briefly() {
    let addr = serve(|_, mut stream| {
        read_request(&mut stream)?;
        stream.write_all(b"HTTP/1.1 500 Oops\r\ncontent-length: 99\r\n\r\n{\"error\":")?;
        stall(&mut stream)
    });
    let cfg = config(addr).build().unwrap();
    let error = in_time(Duration::from_secs(2), || call(&cfg)).unwrap_err();
    assert_eq!(error.body(), Some("{\"error\":"));
    assert_eq!(End::of(&Err(error)), End::Failed(500));
}

#[test]
fn retries_do_not_outlive_the_timeout() {
    let (nobody, _kept) = common::refused();
    // Room for the first retry, after half a second at most, and no other.
    let timeout = Duration::from_millis(500);
    let cfg = config(nobody).max_retries(u32::MAX).timeout(timeout);
    let cfg = cfg.build().unwrap();
    let error = in_time(timeout, || update_customer(&cfg, ID, &patch())).unwrap_err();
    assert!((1..=2).contains(&error.attempts()), "{error:?}");
    assert_eq!(End::of(&Err(error)), End::NotSent);
}

#[test]
fn any_timeout_will_do() {
    let healthy = serve(|_, mut stream| {
        loop {
            read_request(&mut stream)?;
            stream.write_all(&ok())?;
        }
    });
    let urls = [
        format!("http://{healthy}"),
        format!("http://localhost:{}", healthy.port()),
    ];
    let long = [
        Duration::MAX,
        Duration::from_secs(u64::MAX / 2),
        Duration::from_secs(i64::MAX.unsigned_abs()),
        Duration::from_secs(u64::from(u32::MAX)),
        LONG,
    ];
    for url in urls {
        let with = |timeout, connect_timeout| {
            config(healthy)
                .base_url(&url)
                .timeout(timeout)
                .connect_timeout(connect_timeout)
                .build()
                .unwrap()
        };
        for timeout in long {
            for connect_timeout in long {
                let cfg = with(timeout, connect_timeout);
                // The second call finds name and connection.
                for _ in 0..2 {
                    let result = update_customer(&cfg, ID, &patch());
                    assert_eq!(End::of(&result), End::Applied, "{result:?}");
                }
            }
            for tiny in [Duration::ZERO, Duration::from_nanos(1)] {
                let result = update_customer(&with(timeout, tiny), ID, &patch());
                assert_eq!(End::of(&result), End::NotSent, "{result:?}");
                let error = result.unwrap_err();
                assert_eq!(io_kind(&error), io::ErrorKind::TimedOut, "{error:?}");
                assert_eq!(error.attempts(), 1);

                let result = update_customer(&with(tiny, timeout), ID, &patch());
                assert_eq!(End::of(&result), End::NotSent, "{result:?}");
                let attempts = result.as_ref().map_err(Error::attempts).unwrap_err();
                assert_eq!(attempts, u32::from(!tiny.is_zero()));
            }
        }
    }
}

#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
mod with_tls {
    use super::*;
    use crate::common::tls;

    #[test]
    fn no_handshake_outlives_a_timeout() {
        type Script = fn(TcpStream) -> io::Result<()>;
        let trickle: Script = |mut stream| {
            for byte in tls::flight(&tls::good(), &stream)? {
                stream.write_all(&[byte])?;
                thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        };
        let endless: Script = |mut stream| {
            tls::read_record(&mut stream)?;
            // Empty handshake fragments, as far as that goes.
            repeat(&mut stream, &[22, 3, 3, 0, 1, 2], Duration::from_millis(20))
        };
        let scripts: [(&str, Script); 3] = [
            ("stalls", |mut stream| stall(&mut stream)),
            ("trickles", trickle),
            ("never ends", endless),
        ];
        for (what, script) in scripts {
            for (timeout, connect_timeout) in [(SHORT, LONG), (LONG, SHORT)] {
                let addr = serve(move |_, stream| script(stream));
                let cfg = tls::config(addr)
                    .timeout(timeout)
                    .connect_timeout(connect_timeout)
                    .build()
                    .unwrap();
                let result = in_time(SHORT, || call(&cfg));
                assert_eq!(End::of(&result), End::NotSent, "{what}: {result:?}");
            }
        }
    }

    #[test]
    fn no_tls_response_outlives_the_timeout() {
        let slow = Duration::from_millis(20);
        let silent = tls::serve(tls::good(), |_, mut tls| stall(&mut tls));
        let trickling = tls::serve(tls::good(), move |_, mut tls| {
            read_request(&mut tls)?;
            repeat(&mut tls, b"H", slow)
        });
        let trickling_records = tls::serve(tls::good(), move |_, mut tls| {
            read_request(&mut tls)?;
            // A record of 16 KiB that comes byte by byte.
            tls.sock.write_all(&[23, 3, 3, 0x40, 0])?;
            repeat(&mut tls.sock, b"x", slow)
        });
        for addr in [silent, trickling, trickling_records] {
            let result = time_out(&tls::config(addr), End::NoResponse);
            assert_eq!(End::of(&result), End::NoResponse, "{result:?}");
        }
    }

    /// What the TLS backend loads must not be loaded by each of them.
    #[test]
    fn first_calls_share_what_tls_loads() {
        let addr = serve(|_, mut stream| stall(&mut stream));
        let cfg = tls::config(addr).timeout(SHORT).build().unwrap();
        thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| assert_eq!(End::of(&call(&cfg)), End::NotSent));
            }
        });
    }

    /// A proxy's response to CONNECT is a part of connecting.
    #[test]
    fn no_proxy_outlives_a_timeout() {
        for (timeout, connect_timeout) in [(SHORT, LONG), (LONG, SHORT)] {
            let trickling = serve(|_, mut stream| {
                common::read_head(&mut stream)?;
                repeat(&mut stream, b"H", Duration::from_millis(20))
            });
            let cfg = tls::config(trickling)
                .base_url("https://api.example.test")
                .proxy(format!("http://{trickling}"))
                .timeout(timeout)
                .connect_timeout(connect_timeout)
                .build()
                .unwrap();
            let result = in_time(SHORT, || call(&cfg));
            assert_eq!(End::of(&result), End::NotSent, "{result:?}");
        }
    }
}
