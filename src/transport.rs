//! What lies between ureq and the network, and keeps two promises that ureq
//! cannot: one deadline over every lookup, connect, read and write of a call,
//! and the truth about whether any of the request has left.
//!
//! All of it stands on `ureq::unversioned`, which may change in a minor
//! release of ureq. It is kept together here, so that such a change is fixed
//! in one place.
//!
//! - [`Unresolved`] keeps ureq from looking up names on every call;
//! - [`Dial`] opens a [`Socket`], which obeys the call's deadline by the clock;
//! - [`UnderTls`] tells TLS that ended from TLS that was cut;
//! - [`Bounded`] gives all that connecting does `connect_timeout` at most;
//! - [`Hold`] holds the request back until the response is awaited, so that head
//!   and body leave in one write and one TLS record.
//!
//! A call runs on one thread from end to end, and ureq hands its transports
//! nothing of the call that they serve. So the call's deadline and what became
//! of its request stand in a thread-local.

use std::cell::Cell;
use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
#[cfg(feature = "native-tls")]
use ureq::unversioned::transport::NativeTlsConnector;
#[cfg(feature = "rustls")]
use ureq::unversioned::transport::RustlsConnector;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout,
    Transport,
};

use crate::resolver::Resolver as Names;

/// An agent whose every connection is made here.
pub(crate) fn agent(
    config: ureq::config::Config,
    names: Arc<Names>,
    connect_timeout: Duration,
) -> ureq::Agent {
    let hold = HoldConnector {
        proxied: config.proxy().is_some(),
    };
    let chain = ().chain(ConnectProxyConnector::default()).chain(Dial { names });
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    let chain = chain.chain(UnderTlsConnector);
    #[cfg(feature = "rustls")]
    let chain = chain.chain(RustlsConnector::default());
    #[cfg(feature = "native-tls")]
    let chain = chain.chain(NativeTlsConnector::default());
    let connector = Bounded {
        connect_timeout,
        chain: chain.chain(hold),
    };
    ureq::Agent::with_parts(config, connector, Unresolved)
}

/// What the transports know of the attempt that this thread is making.
#[derive(Clone, Copy)]
struct Attempt {
    /// When the step at hand must end; `None` for never.
    limit: Option<Instant>,
    /// What to say once it has passed.
    passed: &'static str,
    progress: Progress,
}

/// How far the request has come.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Progress {
    /// ureq has not asked for the response yet: nothing was written.
    Held,
    /// Written to the connection, but the system has taken no byte so far.
    Given,
    /// The system has taken at least a byte.
    Sent,
}

thread_local! {
    static ATTEMPT: Cell<Attempt> = const {
        Cell::new(Attempt {
            limit: None,
            passed: "",
            progress: Progress::Held,
        })
    };
}

/// Runs one attempt that must end by `deadline`, and tells whether any of its
/// request was sent.
pub(crate) fn attempt<T>(deadline: Option<Instant>, run: impl FnOnce() -> T) -> (T, bool) {
    let attempt = Attempt {
        limit: deadline,
        passed: "no response within the timeout",
        progress: Progress::Held,
    };
    // A logger that makes calls of its own would run inside of this one, and may
    // catch a panic of them.
    let _outer = Outer(ATTEMPT.replace(attempt));
    let result = run();
    (result, ATTEMPT.get().progress == Progress::Sent)
}

/// The attempt that goes on when this one has ended, by a panic too.
struct Outer(Attempt);

impl Drop for Outer {
    fn drop(&mut self) {
        ATTEMPT.set(self.0);
    }
}

/// Runs a step of an attempt that must end within `most`, or sooner where the
/// attempt itself must.
pub(crate) fn within<T>(most: Duration, passed: &'static str, step: impl FnOnce() -> T) -> T {
    let outer = ATTEMPT.get();
    let own = Instant::now().checked_add(most);
    if let Some(own) = own
        && outer.limit.is_none_or(|limit| own < limit)
    {
        ATTEMPT.set(Attempt {
            limit: Some(own),
            passed,
            ..outer
        });
    }
    let result = step();
    ATTEMPT.set(Attempt {
        limit: outer.limit,
        passed: outer.passed,
        ..ATTEMPT.get()
    });
    result
}

/// The time left for the step at hand, never zero; `None` for no limit.
fn left() -> io::Result<Option<Duration>> {
    let attempt = ATTEMPT.get();
    let left = attempt
        .limit
        .map(|limit| limit.saturating_duration_since(Instant::now()));
    if left == Some(Duration::ZERO) {
        return Err(io::Error::new(io::ErrorKind::TimedOut, attempt.passed));
    }
    Ok(left)
}

/// Finds no address, at no cost: [`Dial`] looks up what it connects to.
///
/// ureq resolves on every call, also where it then takes a connection from its
/// pool.
#[derive(Debug)]
struct Unresolved;

impl Resolver for Unresolved {
    fn resolve(
        &self,
        _: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

/// Gives the connectors of a chain `connect_timeout` together.
#[derive(Debug)]
struct Bounded<C> {
    connect_timeout: Duration,
    chain: C,
}

impl<C: Connector> Connector for Bounded<C> {
    type Out = C::Out;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<()>,
    ) -> Result<Option<C::Out>, Error> {
        within(
            self.connect_timeout,
            "no connection within the connect_timeout",
            || self.chain.connect(details, chained),
        )
    }
}

/// Opens TCP connections, to the API or to its proxy.
#[derive(Debug)]
struct Dial {
    names: Arc<Names>,
}

impl<In: Transport> Connector<In> for Dial {
    type Out = Either<In, Socket>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        // A proxy's tunnel stands already.
        if let Some(tunnel) = chained {
            return Ok(Some(Either::A(tunnel)));
        }
        let host = details.uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let default = if details.needs_tls() { 443 } else { 80 };
        let port = details.uri.port_u16().unwrap_or(default);
        let addrs = self.names.addresses(host, port, ATTEMPT.get().limit)?;
        let stream = dial(&addrs)?;
        stream.set_nodelay(true)?;
        Ok(Some(Either::B(Socket::new(stream))))
    }
}

/// Connects to the first address that accepts.
///
/// Each but the last gets half of the time that is left, so that one that
/// swallows packets leaves some for the next.
fn dial(addrs: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (i, addr) in addrs.iter().enumerate() {
        let share = left()?.map(|left| if i + 1 < addrs.len() { left / 2 } else { left });
        let connected = match share {
            // Zero is refused, and nothing connects in less.
            Some(share) => TcpStream::connect_timeout(addr, share.max(Duration::from_millis(1))),
            None => TcpStream::connect(addr),
        };
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A TCP connection that obeys the limit of the attempt which uses it, by the
/// clock and not by what ureq makes of it.
struct Socket {
    stream: TcpStream,
    buffers: LazyBuffers,
    read_wake: Option<Duration>,
    write_wake: Option<Duration>,
}

impl Socket {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffers: LazyBuffers::new(BUFFER, BUFFER),
            read_wake: None,
            write_wake: None,
        }
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        let mut rest = &self.buffers.output()[..amount];
        while !rest.is_empty() {
            set_wake(&mut self.write_wake, |wake| {
                self.stream.set_write_timeout(Some(wake))
            })?;
            match self.stream.write(rest) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(n) => {
                    note_written();
                    rest = &rest[n..];
                }
                Err(error) if is_wake(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        loop {
            set_wake(&mut self.read_wake, |wake| {
                self.stream.set_read_timeout(Some(wake))
            })?;
            let free = self.buffers.input_append_buf();
            if free.is_empty() {
                // A read of nothing would look like the end of the connection.
                let long = "the response has a line that is too long";
                return Err(io::Error::new(io::ErrorKind::InvalidData, long).into());
            }
            match self.stream.read(free) {
                Ok(n) => {
                    self.buffers.input_appended(n);
                    return Ok(n > 0);
                }
                Err(error) if is_wake(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn is_open(&mut self) -> bool {
        // Neither an end nor bytes that nobody asked for, here or in the system.
        // ureq asks when it puts a connection into its pool, and again when it
        // takes it out. The system is asked the second time only: whatever has
        // come by the first is still there then.
        self.buffers.input().is_empty()
            && (ATTEMPT.get().progress == Progress::Sent
                || self.stream.set_nonblocking(true).is_ok()
                    && matches!(self.stream.read(&mut [0]),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock)
                    && self.stream.set_nonblocking(false).is_ok())
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}

/// Sees to it that a blocked read or write wakes up in time to look at the
/// clock.
///
/// The system is told only where the wake-up it knows would come too late, or
/// far too often: most calls on a warm connection need not tell it anything.
fn set_wake(
    known: &mut Option<Duration>,
    set: impl FnOnce(Duration) -> io::Result<()>,
) -> io::Result<()> {
    let wake = left()?.map_or(WAKE, |left| left.min(WAKE));
    if known.is_none_or(|known| known > wake || known < wake / 2) {
        set(wake)?;
        *known = Some(wake);
    }
    Ok(())
}

/// Whether a read or write only woke up, by its time or by a signal.
fn is_wake(error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => true,
        // Windows says it so; elsewhere it is TCP itself that gave up.
        io::ErrorKind::TimedOut => cfg!(windows),
        _ => false,
    }
}

/// Notes that the system took a byte, which is the request's if that was given
/// before.
fn note_written() {
    let attempt = ATTEMPT.get();
    if attempt.progress == Progress::Given {
        ATTEMPT.set(Attempt {
            progress: Progress::Sent,
            ..attempt
        });
    }
}

/// Wraps a connection that TLS is about to be laid upon.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[derive(Debug)]
struct UnderTlsConnector;

#[cfg(any(feature = "rustls", feature = "native-tls"))]
impl<In: Transport> Connector<In> for UnderTlsConnector {
    type Out = Either<In, UnderTls<In>>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| {
            if details.needs_tls() {
                Either::B(UnderTls {
                    inner,
                    records: Records::default(),
                })
            } else {
                Either::A(inner)
            }
        }))
    }
}

/// A connection that must not end by itself: TLS says when it ends, and reads
/// no further.
///
/// native-tls takes an end that nobody announced for a proper one, and names
/// it in a way of its own during the handshake.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[derive(Debug)]
struct UnderTls<T> {
    inner: T,
    records: Records,
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
impl<T: Transport> Transport for UnderTls<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let known = self.inner.buffers().input().len();
        if self.inner.await_input(timeout)? {
            self.records.add(&self.inner.buffers().input()[known..]);
            return Ok(true);
        }
        let cut = "the connection ended before TLS did";
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, cut).into())
    }

    fn is_open(&mut self) -> bool {
        // Part of a record is the start of something that nobody asked for,
        // and the TLS backend would keep it for the next response.
        self.records.are_whole() && self.inner.is_open()
    }
}

/// How far the TLS record that is being received has come.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[derive(Debug, Default)]
struct Records {
    /// The bytes of its header: type, version, and a length of two bytes.
    head: Vec<u8>,
    /// How many bytes of its content are still to come.
    rest: usize,
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
impl Records {
    fn add(&mut self, mut bytes: &[u8]) {
        loop {
            let content = self.rest.min(bytes.len());
            self.rest -= content;
            bytes = &bytes[content..];
            let [byte, after @ ..] = bytes else { return };
            bytes = after;
            self.head.push(*byte);
            if let [_, _, _, high, low] = self.head[..] {
                self.rest = usize::from(u16::from_be_bytes([high, low]));
                self.head.clear();
            }
        }
    }

    fn are_whole(&self) -> bool {
        self.head.is_empty() && self.rest == 0
    }
}

/// Wraps the finished connection to the API, the last of the chain.
#[derive(Debug)]
struct HoldConnector {
    /// Whether there is a proxy, whose own connection is made first.
    proxied: bool,
}

impl<In: Transport> Connector<In> for HoldConnector {
    type Out = Either<In, Hold<In>>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        // ureq connects to the proxy by this same chain, and takes the proxy
        // out of the config for it.
        let to_proxy = self.proxied && details.config.proxy().is_none();
        let Some(mut inner) = chained else {
            return Ok(None);
        };
        if to_proxy {
            return Ok(Some(Either::A(inner)));
        }
        // ureq would take it for the response, before the request has left.
        if !inner.buffers().input().is_empty() {
            let early = "the proxy sent more than its own response";
            return Err(io::Error::new(io::ErrorKind::InvalidData, early).into());
        }
        Ok(Some(Either::B(Hold {
            inner,
            held: Vec::new(),
        })))
    }
}

/// Holds back what is written until a response is awaited.
struct Hold<T> {
    inner: T,
    held: Vec<u8>,
}

impl<T: Transport> Hold<T> {
    /// Gives what is held to the connection.
    fn release(&mut self, timeout: NextTimeout) -> Result<(), Error> {
        if self.held.is_empty() {
            return Ok(());
        }
        let attempt = ATTEMPT.get();
        if attempt.progress == Progress::Held {
            ATTEMPT.set(Attempt {
                progress: Progress::Given,
                ..attempt
            });
        }
        for part in self.held.chunks(BUFFER) {
            self.inner.buffers().output()[..part.len()].copy_from_slice(part);
            self.inner.transmit_output(part.len(), timeout)?;
        }
        self.held.clear();
        Ok(())
    }
}

impl<T: Transport> Transport for Hold<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        let written = &self.inner.buffers().output()[..amount];
        self.held.extend_from_slice(written);
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.release(timeout)?;
        self.inner.await_input(timeout).map_err(Cut::from_lost)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl<T> fmt::Debug for Hold<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").finish_non_exhaustive()
    }
}

/// A connection that was cut: a reset, or TLS that ended without saying so.
///
/// ureq takes the bare errors for the proper end of a body that lasts until
/// the connection closes.
#[derive(Debug)]
pub(crate) struct Cut(pub(crate) io::Error);

impl Cut {
    fn from_lost(error: Error) -> Error {
        match error {
            Error::Io(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::UnexpectedEof
                ) =>
            {
                Error::Other(Box::new(Self(error)))
            }
            error => error,
        }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Cut {}

/// The size of each buffer, which ureq allocates two of for each connection
/// and layer; its own default is 128 KiB. The largest request is below it.
pub(crate) const BUFFER: usize = 16 * 1024;

/// How long a read or write blocks before it looks at the clock again.
const WAKE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::panic::{catch_unwind, resume_unwind};

    use super::*;

    #[test]
    fn an_attempt_inside_of_another_leaves_it_as_it_was_also_by_a_panic() {
        let ((), sent) = attempt(None, || {
            ATTEMPT.set(Attempt {
                progress: Progress::Sent,
                ..ATTEMPT.get()
            });
            let over = Some(Instant::now());
            assert!(!attempt(over, || assert!(left().is_err())).1);
            let inner = catch_unwind(|| attempt(over, || resume_unwind(Box::new(()))));
            assert!(inner.is_err());
            assert_eq!(left().unwrap(), None);
        });
        assert!(sent);
    }
}
