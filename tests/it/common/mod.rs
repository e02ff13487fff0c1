//! A server that follows a script, byte for byte, and what the fault tests
//! share besides.

// Each test binary uses a part of it.
#![allow(dead_code)]

pub(crate) mod tls;

use std::fmt::Debug;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use paywithsoap::testing::TestServer;
use paywithsoap::{
    Config, ConfigBuilder, Customer, CustomerPatch, Error, ErrorKind, Outcome, update_customer,
};
use socket2::{Domain, Socket, Type};

/// Whether there is TLS, without which only this machine may be called.
pub(crate) const HAS_TLS: bool = cfg!(any(feature = "rustls-no-provider", feature = "native-tls"));

pub(crate) const ID: &str = TestServer::CUSTOMER_ID;
pub(crate) const KEY: &str = "key-for-these-tests-only-7Q2";

/// How many times longer than on an idle machine of today things take: more
/// than 1 in an emulator.
const SLOWNESS: u64 = match option_env!("PAYWITHSOAP_TEST_SLOWNESS") {
    None => 1,
    Some(slowness) => match u64::from_str_radix(slowness, 10) {
        Ok(slowness) => slowness,
        Err(_) => panic!("PAYWITHSOAP_TEST_SLOWNESS must be a number"),
    },
};

/// How much later than its limit a call may return where plain sleeps end in time.
const SLACK: Duration = Duration::from_millis(100 * SLOWNESS);

/// The timeout of calls that run into it.
pub(crate) const SHORT: Duration = Duration::from_millis(500 * SLOWNESS);

/// The timeout of calls that must not.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Serves every connection by `script`, which gets its number, counted from 0.
/// A connection closes when its script ends.
pub(crate) fn serve<F>(script: F) -> SocketAddr
where
    F: Fn(usize, TcpStream) -> io::Result<()> + Clone + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (script, stream) = (script.clone(), stream.unwrap());
            stream.set_nodelay(true).unwrap();
            // An error is the client's leaving.
            thread::spawn(move || script(number, stream));
        }
    });
    addr
}

/// Settings for one attempt at a server on `addr`.
pub(crate) fn config(addr: SocketAddr) -> ConfigBuilder {
    tls::install_provider();
    Config::builder(KEY)
        .base_url(format!("http://{addr}"))
        .no_proxy()
        .max_retries(0)
        .timeout(LONG)
}

/// Settings for one attempt at a test server.
pub(crate) fn one_attempt(server: &TestServer) -> Config {
    server.config().max_retries(0).build().unwrap()
}

pub(crate) fn patch() -> CustomerPatch {
    CustomerPatch::new().first_name("Jane")
}

/// One call, which must return in time and, where it fails, know that it was
/// a single attempt.
#[track_caller]
pub(crate) fn call(cfg: &Config) -> Result<Customer, Error> {
    let result = in_time(cfg.timeout(), || update_customer(cfg, ID, &patch()));
    if let Err(error) = &result {
        assert_eq!(error.attempts(), 1, "{error:?}");
    }
    result
}

/// Makes a call that must end by `limit`.
///
/// A busy machine is late for everything, so the call's lateness is judged beside
/// that of plain sleeps, which another thread makes at the same time.
#[track_caller]
pub(crate) fn in_time<T: Debug>(limit: Duration, call: impl FnOnce() -> T) -> T {
    const STEP: Duration = Duration::from_millis(10);
    let (result, took, late) = thread::scope(|scope| {
        let (done, is_done) = channel::<()>();
        let sleeper = scope.spawn(move || {
            let mut latest = Duration::ZERO;
            loop {
                let start = Instant::now();
                let slept = is_done.recv_timeout(STEP) == Err(RecvTimeoutError::Timeout);
                latest = latest.max(start.elapsed().saturating_sub(STEP));
                if !slept {
                    return latest;
                }
            }
        });
        let start = Instant::now();
        let result = call();
        let took = start.elapsed();
        drop(done);
        (result, took, sleeper.join().unwrap())
    });
    assert!(
        took <= limit.saturating_add(SLACK + late * 4),
        "took {took:?}, where sleeps were {late:?} late: {result:?}"
    );
    result
}

/// A call that runs into its timeout, and gets as far as `expected` before. Where a
/// busy machine was slower, it is made again with twice the time.
#[track_caller]
pub(crate) fn time_out(cfg: &ConfigBuilder, expected: End) -> Result<Customer, Error> {
    let mut timeout = SHORT;
    loop {
        let result = call(&cfg.clone().timeout(timeout).build().unwrap());
        let end = End::of(&result);
        let was_slow = end != expected && matches!(end, End::NotSent | End::NoResponse);
        if !was_slow || timeout >= SHORT * 8 {
            return result;
        }
        timeout *= 2;
    }
}

/// What a call came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Applied,
    Rejected(u16),
    /// Rejected, or something close to it that may have been applied.
    Failed(u16),
    /// No response, and certainly not applied.
    NotSent,
    /// No response.
    NoResponse,
    /// 2xx with something else than the customer.
    InvalidResponse(u16),
}

impl End {
    pub(crate) fn of(result: &Result<Customer, Error>) -> Self {
        let error = match result {
            Ok(customer) => {
                assert_eq!(customer.id, ID);
                return Self::Applied;
            }
            Err(error) => error,
        };
        match (error.kind(), error.outcome(), error.status()) {
            (ErrorKind::Api(_), Outcome::NotApplied, Some(status)) => Self::Rejected(status),
            (ErrorKind::Api(_), Outcome::Unknown, Some(status)) => Self::Failed(status),
            (ErrorKind::Transport(_), Outcome::NotApplied, None) => Self::NotSent,
            (ErrorKind::Transport(_), Outcome::Unknown, None) => Self::NoResponse,
            (ErrorKind::InvalidResponse(_), Outcome::Unknown, Some(status)) => {
                Self::InvalidResponse(status)
            }
            _ => panic!("no end of a call that was made: {error:?}"),
        }
    }

    /// As the table of faults says it.
    pub(crate) fn required(self) -> &'static str {
        match self {
            Self::Applied => "Ok",
            Self::Rejected(_) | Self::NotSent => "NotApplied",
            Self::Failed(_) | Self::NoResponse | Self::InvalidResponse(_) => "Unknown",
        }
    }
}

/// The rows of the table of faults that are wanted: scenario, and what it must
/// come to, one or the other.
pub(crate) fn rows(wanted: impl Fn(&str) -> bool) -> Vec<(&'static str, Vec<&'static str>)> {
    include_str!("../../data/faults.tsv")
        .lines()
        .skip(1)
        .map(|row| {
            let mut columns = row.split('\t');
            let (scenario, required) = (columns.next().unwrap(), columns.next().unwrap());
            let required = required.strip_suffix(" if id matches").unwrap_or(required);
            (scenario, required.split(" or ").collect())
        })
        .filter(|(scenario, _)| wanted(scenario))
        .collect()
}

/// The cause of a transport failure, as an I/O error.
#[track_caller]
pub(crate) fn io_kind(error: &Error) -> io::ErrorKind {
    match error.kind() {
        ErrorKind::Transport(cause) => match cause.downcast_ref::<io::Error>() {
            Some(cause) => cause.kind(),
            None => panic!("no I/O error: {error:?}"),
        },
        _ => panic!("no transport failure: {error:?}"),
    }
}

/// The customer, as the server responds.
pub(crate) fn customer() -> String {
    format!(r#"{{"id":"{ID}","first_name":"Jane"}}"#)
}

/// A whole response with a `content-length`.
pub(crate) fn response(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

/// The response to a change that was applied.
pub(crate) fn ok() -> Vec<u8> {
    response("200 OK", &customer())
}

/// Reads a request to its end.
pub(crate) fn read_request(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut request = read_head(stream)?;
    let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let start = request.len();
    request.resize(start + length, 0);
    stream.read_exact(&mut request[start..])?;
    Ok(request)
}

/// Reads a request's head, and not a byte more.
pub(crate) fn read_head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}

/// Ends the server's half of a connection, and waits for the client's: a
/// close with unread bytes would be a reset.
pub(crate) fn fin(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream, &mut io::sink())?;
    Ok(())
}

/// Closes a connection by a reset.
pub(crate) fn rst(stream: TcpStream) -> io::Result<()> {
    Socket::from(stream).set_linger(Some(Duration::ZERO))
}

/// Leaves a connection open and silent until the client leaves.
pub(crate) fn stall(stream: &mut impl Read) -> io::Result<()> {
    io::copy(stream, &mut io::sink())?;
    Ok(())
}

/// Writes `bytes` over and over, with a pause after each time, until the
/// client leaves.
pub(crate) fn repeat(stream: &mut impl Write, bytes: &[u8], pause: Duration) -> io::Result<()> {
    loop {
        stream.write_all(bytes)?;
        thread::sleep(pause);
    }
}

/// An address that refuses every connection: a port that is taken, so that no
/// other test gets it, and where nobody listens. The socket must be kept for as
/// long.
pub(crate) fn refused() -> (SocketAddr, Socket) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).unwrap();
    (socket.local_addr().unwrap().as_socket().unwrap(), socket)
}

/// An address that drops every SYN: a listener whose backlog is full. The
/// sockets must be kept for as long.
pub(crate) fn syn_dropped() -> (SocketAddr, Vec<Socket>) {
    let (addr, listener) = refused();
    listener.listen(0).unwrap();
    let mut kept = vec![listener];
    loop {
        let filler = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let connected = filler.connect_timeout(&addr.into(), Duration::from_millis(100));
        kept.push(filler);
        if connected.is_err() {
            return (addr, kept);
        }
    }
}

/// Asserts that none of `secrets`, in lower case, shows in any form of an error
/// or of what it is made of.
#[track_caller]
pub(crate) fn assert_error_hides(secrets: &[&str], error: &Error) {
    assert_hides(secrets, error);
    assert_text_hides(secrets, &error.to_string());
    assert_text_hides(secrets, &format!("{error:#}"));
    for violation in error.violations() {
        assert_hides(secrets, violation);
        assert_text_hides(secrets, &violation.to_string());
        assert_text_hides(secrets, violation.field());
    }
    assert_hides(secrets, error.kind());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        assert_hides(secrets, &cause);
        assert_text_hides(secrets, &cause.to_string());
        source = cause.source();
    }
}

/// The same for both forms of [`Debug`].
#[track_caller]
pub(crate) fn assert_hides(secrets: &[&str], shown: &dyn Debug) {
    assert_text_hides(secrets, &format!("{shown:?}"));
    assert_text_hides(secrets, &format!("{shown:#?}"));
}

#[track_caller]
fn assert_text_hides(secrets: &[&str], text: &str) {
    let lower = text.to_lowercase();
    for secret in secrets {
        assert!(!lower.contains(secret), "{secret} is in: {text}");
    }
}
