//! What a server may do to one call over plain TCP, row by row.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use crate::common::{
    End, HAS_TLS, ID, LONG, SHORT, call, config, customer, fin, ok, read_head, read_request,
    repeat, response, rows, rst, serve, stall, syn_dropped, time_out,
};

#[test]
fn every_row_ends_as_required() {
    // Without TLS no name is ever looked up.
    let rows = rows(|scenario| {
        !scenario.starts_with("TLS") && (HAS_TLS || !scenario.contains("NXDOMAIN"))
    });
    assert_eq!(rows.len(), if HAS_TLS { 59 } else { 58 });
    let runs: Vec<_> = rows
        .into_iter()
        .map(|(scenario, required)| {
            let name = scenario.split(" [request").next().unwrap_or_default();
            let run = thread::spawn(move || {
                let ends = run(name);
                match scenario.split_once(" [request ") {
                    Some((_, "2]")) => ends[1],
                    _ => ends[0],
                }
            });
            (scenario, required, run)
        })
        .collect();
    for (scenario, required, run) in runs {
        let end = run
            .join()
            .unwrap_or_else(|_| panic!("the scenario `{scenario}` panicked"));
        assert!(
            required.contains(&end.required()),
            "`{scenario}` must come to {required:?}, not {end:?}"
        );
    }
}

/// Runs a scenario, and tells what its calls came to, which is pinned here
/// more closely than in the table.
// A table: a row a scenario.
#[allow(clippy::too_many_lines)]
fn run(scenario: &str) -> Vec<End> {
    use End::{Applied, Failed, InvalidResponse, NoResponse, NotSent, Rejected};

    if let Some(of_pool) = scenario.strip_prefix("pool: ") {
        return pool(of_pool);
    }
    if let Some(status) = scenario.strip_prefix("status ")
        && !status.ends_with("stall")
        && status != "099"
    {
        let (code, bytes) = (status[..3].parse().unwrap(), response(status, "{}"));
        let end = one(SHORT * 4, send(bytes));
        assert!(end == Rejected(code) || end == Failed(code), "{end:?}");
        return vec![end];
    }
    let chunked = |rest: &str| {
        let body = customer();
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n{rest}"
        )
        .into_bytes()
    };
    let with = |headers: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes()
    };
    let flood = |headers: usize| {
        use std::fmt::Write;

        let mut head = String::new();
        for n in 0..headers {
            write!(head, "x-{n}: y\r\n").unwrap();
        }
        send(with(&head, &customer()))
    };
    let (end, expected) = match scenario {
        "connect: DNS NXDOMAIN" => (no_such_name(), NotSent),
        "connect: SYN dropped (full backlog)" => {
            let (addr, _kept) = syn_dropped();
            let cfg = config(addr).timeout(SHORT).build().unwrap();
            (End::of(&call(&cfg)), NotSent)
        }
        // Whether the request is given to the system before the end is seen,
        // the race decides.
        "accept then FIN, nothing read" => {
            let end = one(LONG, |_, stream| fin(&stream));
            assert!(end == NotSent || end == NoResponse, "{end:?}");
            return vec![end];
        }
        "accept then RST, nothing read" => {
            let end = one(LONG, |_, stream| rst(stream));
            assert!(end == NotSent || end == NoResponse, "{end:?}");
            return vec![end];
        }
        "401 before body read, then close (small body)" => {
            let end = one(LONG, |_, mut stream| {
                read_head(&mut stream)?;
                stream.write_all(&response("401 Unauthorized", "{}"))
            });
            (end, Rejected(401))
        }
        "partial status line, FIN" => (one(LONG, send("HTTP/1.1 20")), NoResponse),
        "partial headers, FIN" => (one(LONG, send("HTTP/1.1 200 OK\r\ncontent-le")), NoResponse),
        "partial headers, RST" => (
            one(LONG, reset("HTTP/1.1 200 OK\r\ncontent-le")),
            NoResponse,
        ),
        "trickle headers 1 B / 100 ms" => {
            let trickle = |_, mut stream: TcpStream| {
                read_request(&mut stream)?;
                for byte in ok() {
                    stream.write_all(&[byte])?;
                    thread::sleep(Duration::from_millis(100));
                }
                Ok(())
            };
            timed_out(trickle, NoResponse)
        }
        "header flood: 100 headers" => (one(LONG, flood(100)), Applied),
        "header flood: 200 headers" => (one(LONG, flood(200)), NoResponse),
        "header flood: 20000 headers" => (one(LONG, flood(20_000)), NoResponse),
        "one 1 MiB header" => {
            let header = format!("x: {}\r\n", "y".repeat(1024 * 1024));
            (one(LONG, send(with(&header, &customer()))), NoResponse)
        }
        "HTTP/0.9 body, no status line" => (one(LONG, send(customer())), NoResponse),
        "status 099" => (
            one(LONG, send(response("099 Odd", &customer()))),
            NoResponse,
        ),
        "HTTP/1.0 200" => {
            let bytes = format!("HTTP/1.0 200 OK\r\n\r\n{}", customer());
            (one(LONG, send(bytes)), Applied)
        }
        "100 Continue x1, then 200" => {
            let bytes = [b"HTTP/1.1 100 Continue\r\n\r\n".into(), ok()].concat();
            (one(LONG, send(bytes)), Applied)
        }
        "endless 1xx" => timed_out(endless("", "HTTP/1.1 103 Early Hints\r\n\r\n"), NoResponse),
        "obs-fold header" => (
            one(LONG, send(with("x: y\r\n z\r\n", &customer()))),
            NoResponse,
        ),
        "Content-Length twice, differing" => (
            one(LONG, send(with("content-length: 5\r\n", &customer()))),
            NoResponse,
        ),
        "Content-Length and chunked" => (
            one(
                LONG,
                send(
                    "HTTP/1.1 200 OK\r\ncontent-length: 7\r\ntransfer-encoding: chunked\r\n\r\n\
                      2\r\n{}\r\n0\r\n\r\n",
                ),
            ),
            InvalidResponse(200),
        ),
        "Content-Length: -1" => {
            let bytes = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}",
                customer()
            );
            (one(LONG, send(bytes)), NoResponse)
        }
        "body truncated, FIN" => (
            one(LONG, send(&ok()[..ok().len() - 1])),
            InvalidResponse(200),
        ),
        "body truncated, RST" => (
            one(LONG, reset(&ok()[..ok().len() - 1])),
            InvalidResponse(200),
        ),
        "chunked, size overflow" => (
            one(
                LONG,
                send(
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                      fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
                ),
            ),
            InvalidResponse(200),
        ),
        "chunked, negative size" => (
            one(
                LONG,
                send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n"),
            ),
            InvalidResponse(200),
        ),
        "chunked with trailers" => (
            one(LONG, send(chunked("0\r\nx-sum: 1\r\nx-more: 2\r\n\r\n"))),
            Applied,
        ),
        "chunked, endless trailers" => timed_out(
            endless(chunked("0\r\n"), "x-more: 2\r\n"),
            InvalidResponse(200),
        ),
        "chunked, 1 MiB chunk extension" => {
            let rest = format!("0;{}\r\n\r\n", "x".repeat(1024 * 1024));
            (one(LONG, send(chunked(&rest))), InvalidResponse(200))
        }
        "304" => (
            one(LONG, send("HTTP/1.1 304 Not Modified\r\n\r\n")),
            Failed(304),
        ),
        "205" => (
            one(
                LONG,
                send("HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n"),
            ),
            InvalidResponse(205),
        ),
        "200 JSON {}" => (
            one(LONG, send(response("200 OK", "{}"))),
            InvalidResponse(200),
        ),
        "200 nesting 200" => {
            let body = format!("{}{}", "[".repeat(200), "]".repeat(200));
            (
                one(LONG, send(response("200 OK", &body))),
                InvalidResponse(200),
            )
        }
        "200 number 1e999" => (
            one(LONG, send(response("200 OK", r#"{"x":1e999}"#))),
            InvalidResponse(200),
        ),
        "200 5000-digit number" => {
            let body = format!(r#"{{"x":{}}}"#, "9".repeat(5000));
            (
                one(LONG, send(response("200 OK", &body))),
                InvalidResponse(200),
            )
        }
        r"200 NUL in string \u0000" => {
            let body = format!(r#"{{"id":"{ID}\u0000"}}"#);
            (
                one(LONG, send(response("200 OK", &body))),
                InvalidResponse(200),
            )
        }
        "redirect 303 See Other" => (
            one(
                LONG,
                send("HTTP/1.1 303 See Other\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"),
            ),
            Failed(303),
        ),
        "redirect 307, no Location" => (
            one(
                LONG,
                send("HTTP/1.1 307 Temporary Redirect\r\ncontent-length: 0\r\n\r\n"),
            ),
            Failed(307),
        ),
        "redirect 302, Location javascript:" => (
            one(
                LONG,
                send(
                    "HTTP/1.1 302 Found\r\nlocation: javascript:alert(1)\r\n\
                      content-length: 0\r\n\r\n",
                ),
            ),
            Failed(302),
        ),
        "status 500 body stall" => timed_out(
            hold("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 9\r\n\r\n{"),
            Failed(500),
        ),
        _ => panic!("no scenario is called `{scenario}`"),
    };
    assert_eq!(end, expected, "{scenario}");
    vec![end]
}

/// One call to a server that follows `script`.
fn one<F>(timeout: Duration, script: F) -> End
where
    F: Fn(usize, TcpStream) -> io::Result<()> + Clone + Send + 'static,
{
    let cfg = config(serve(script)).timeout(timeout).build().unwrap();
    End::of(&call(&cfg))
}

/// One call that runs into its timeout, and what it must come to.
fn timed_out<F>(script: F, expected: End) -> (End, End)
where
    F: Fn(usize, TcpStream) -> io::Result<()> + Clone + Send + 'static,
{
    let result = time_out(&config(serve(script)), expected);
    (End::of(&result), expected)
}

/// Responds with `bytes`, and ends the connection properly.
fn send(
    bytes: impl AsRef<[u8]>,
) -> impl Fn(usize, TcpStream) -> io::Result<()> + Clone + Send + 'static {
    let bytes = bytes.as_ref().to_vec();
    move |_, mut stream| {
        read_request(&mut stream)?;
        stream.write_all(&bytes)?;
        fin(&stream)
    }
}

/// Responds with `bytes`, and resets the connection.
fn reset(
    bytes: impl AsRef<[u8]>,
) -> impl Fn(usize, TcpStream) -> io::Result<()> + Clone + Send + 'static {
    let bytes = bytes.as_ref().to_vec();
    move |_, mut stream| {
        read_request(&mut stream)?;
        stream.write_all(&bytes)?;
        rst(stream)
    }
}

/// Responds with `bytes`, and is silent from then on.
fn hold(
    bytes: impl AsRef<[u8]>,
) -> impl Fn(usize, TcpStream) -> io::Result<()> + Clone + Send + 'static {
    let bytes = bytes.as_ref().to_vec();
    move |_, mut stream| {
        read_request(&mut stream)?;
        stream.write_all(&bytes)?;
        stall(&mut stream)
    }
}

/// Responds with `start`, and then with `more` without an end.
fn endless(
    start: impl AsRef<[u8]>,
    more: &'static str,
) -> impl Fn(usize, TcpStream) -> io::Result<()> + Clone + Send + 'static {
    let start = start.as_ref().to_vec();
    move |_, mut stream| {
        read_request(&mut stream)?;
        stream.write_all(&start)?;
        // Without a pause, the call would want a whole core to itself.
        repeat(&mut stream, more.as_bytes(), Duration::from_millis(1))
    }
}

fn no_such_name() -> End {
    let cfg = config(([127, 0, 0, 1], 1).into())
        .base_url("https://no-such-host.invalid")
        .timeout(SHORT * 4);
    let result = call(&cfg.build().unwrap());
    assert!(result.as_ref().is_err_and(paywithsoap::Error::is_transient));
    End::of(&result)
}

/// The server's side of the first connection, after its first response. It tells
/// when the second call may be made.
type Turn = fn(TcpStream, Vec<u8>, &Sender<()>) -> io::Result<()>;

/// Two calls on one Config. What the first connection may not be asked for, a
/// second one responds.
fn pool(scenario: &str) -> Vec<End> {
    use End::{Applied, NoResponse};

    let stale = || response("200 OK", &customer().replace("Jane", "Stale"));
    let turn: Turn = match scenario {
        "server closes idle conn; 2nd request" => |stream, _, ready| {
            stream.shutdown(std::net::Shutdown::Write)?;
            ready.send(()).map_err(io::Error::other)?;
            fin(&stream)
        },
        "server RSTs idle conn; 2nd request" => |stream, _, ready| {
            rst(stream)?;
            ready.send(()).map_err(io::Error::other)
        },
        "FIN after reading 2nd request (keep-alive race)" => |mut stream, _, ready| {
            ready.send(()).map_err(io::Error::other)?;
            read_request(&mut stream)?;
            fin(&stream)
        },
        "unsolicited 408 while idle; 2nd request" => |mut stream, _, ready| {
            stream.write_all(&response("408 Request Timeout", "{}"))?;
            ready.send(()).map_err(io::Error::other)?;
            fin(&stream)
        },
        "two responses to one request, same segment (desync)"
        | "extra bytes after body; 2nd request"
        | "healthy reuse" => |mut stream, again, ready| {
            ready.send(()).map_err(io::Error::other)?;
            read_request(&mut stream)?;
            stream.write_all(&again)?;
            fin(&stream)
        },
        _ => panic!("no scenario is called `pool: {scenario}`"),
    };
    let (first, again) = match scenario {
        "two responses to one request, same segment (desync)" => {
            ([ok(), stale()].concat(), stale())
        }
        "extra bytes after body; 2nd request" => ([ok(), b"extra".to_vec()].concat(), stale()),
        _ => (ok(), ok()),
    };
    let (ready, is_ready) = channel();
    let addr = serve(move |number, mut stream| {
        read_request(&mut stream)?;
        if number > 0 {
            stream.write_all(&response("200 OK", &customer().replace("Jane", "Second")))?;
            return fin(&stream);
        }
        stream.write_all(&first)?;
        turn(stream, again.clone(), &ready)
    });
    let cfg = config(addr).build().unwrap();
    let one = call(&cfg);
    is_ready.recv_timeout(LONG).unwrap();
    let two = call(&cfg);
    let names = [&one, &two].map(|result| result.as_ref().ok()?.first_name.as_deref());
    let (ends, expected) = match scenario {
        "healthy reuse" => ([Applied, Applied], [Some("Jane"), Some("Jane")]),
        "FIN after reading 2nd request (keep-alive race)" => {
            ([Applied, NoResponse], [Some("Jane"), None])
        }
        _ => ([Applied, Applied], [Some("Jane"), Some("Second")]),
    };
    assert_eq!(names, expected, "{scenario}");
    assert_eq!([&one, &two].map(End::of), ends, "{scenario}");
    ends.to_vec()
}
