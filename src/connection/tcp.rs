//! TCP: connecting to one of several addresses, and a transport that obeys the
//! deadline of the call under way by the clock.

use std::fmt;
use std::io::ErrorKind::{self, ConnectionRefused, ConnectionReset, HostUnreachable};
use std::io::ErrorKind::{Interrupted, InvalidInput, TimedOut, WouldBlock};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport};

use super::BUFFER_SIZE;
use super::call::{Call, Top};
use crate::retry;

/// Connects to the first address that accepts, and tells which.
pub(super) fn connect_tcp(
    addrs: &[SocketAddr],
    call: &Call,
) -> io::Result<(TcpStream, SocketAddr)> {
    connect_in_rounds(
        addrs,
        || call.remaining(),
        |addr, timeout| match timeout {
            // Zero is invalid, and nothing connects in less.
            Some(timeout) => {
                TcpStream::connect_timeout(addr, timeout.max(Duration::from_millis(1)))
            }
            None => TcpStream::connect(addr),
        },
    )
}

/// Connects to the first address that accepts, in two rounds.
///
/// Of several addresses, one may drop packets: a name whose IPv6 address is not
/// reachable, say. So in the first round none gets more than `FIRST_ROUND`, and
/// what is left is for those that only timed out.
fn connect_in_rounds<T>(
    addrs: &[SocketAddr],
    remaining: impl Fn() -> io::Result<Option<Duration>>,
    connect: impl Fn(&SocketAddr, Option<Duration>) -> io::Result<T>,
) -> io::Result<(T, SocketAddr)> {
    let mut failures = Vec::new();
    let mut untried: Vec<_> = addrs.iter().collect();
    let rounds = [Some(FIRST_ROUND), None];
    // An only address gets all the time at once.
    for most in &rounds[usize::from(addrs.len() == 1)..] {
        let mut timed_out = Vec::new();
        for (index, addr) in untried.iter().enumerate() {
            // An equal share of the time for each that is left.
            let left = u32::try_from(untried.len() - index).unwrap_or(u32::MAX);
            let share = remaining()?.map(|remaining| remaining / left);
            match connect(addr, share.into_iter().chain(*most).min()) {
                Ok(stream) => return Ok((stream, **addr)),
                Err(error) => {
                    // One that refused will refuse again.
                    if error.kind() == TimedOut {
                        timed_out.push(*addr);
                    }
                    failures.push(error);
                }
            }
        }
        untried = timed_out;
    }
    let failure = failures.into_iter().max_by_key(significance);
    let failure = failure.unwrap_or_else(|| ErrorKind::AddrNotAvailable.into());
    if failure.kind() == TimedOut {
        // The system does not say which limit that is.
        remaining()?;
    }
    Err(failure)
}

/// How much the failure of one of several addresses tells of the server: a machine
/// without IPv6 has no route to one address, for example, while the other refuses. A
/// transient failure comes before others, so that the call is tried again.
fn significance(failure: &io::Error) -> u8 {
    match failure.kind() {
        ConnectionRefused | ConnectionReset => 4,
        TimedOut => 3,
        HostUnreachable => 2,
        kind => u8::from(retry::is_transient(kind)),
    }
}

/// A TCP connection that obeys the limit of the call that uses it, by the clock
/// and not by what ureq makes of it.
pub(super) struct TcpTransport {
    stream: TcpStream,
    buffers: LazyBuffers,
    call: Arc<Call>,
    /// The timeout of reads and writes that the system knows.
    timeout: Option<Duration>,
}

impl TcpTransport {
    pub(super) fn new(stream: TcpStream, call: &Arc<Call>) -> io::Result<Self> {
        // Else a second write, of a long request or of TLS, waits for the peer to
        // acknowledge the first: 40 ms on Linux.
        ignore_option_error(stream.set_nodelay(true), Platform::CURRENT)?;
        Ok(Self {
            stream,
            buffers: LazyBuffers::new(BUFFER_SIZE, BUFFER_SIZE),
            call: Arc::clone(call),
            timeout: None,
        })
    }

    /// Reads what has arrived, and blocks for it unless the call is probing.
    fn read(&mut self) -> io::Result<usize> {
        if self.call.lock().top == Top::Probed {
            // A peer that sends TLS records without content could keep a probe busy.
            self.call.remaining()?;
            return self.read_arrived();
        }
        loop {
            match self.call.remaining() {
                Ok(remaining) => self.update_timeout(remaining)?,
                // The process may have been stopped, and the response be there.
                Err(error) if self.call.starts_late_read() => {
                    return self.read_arrived().or(Err(error));
                }
                Err(error) => return Err(error),
            }
            match self.stream.read(self.buffers.input_append_buf()) {
                Err(error) if is_poll_timeout(error.kind(), Platform::CURRENT) => {}
                read => return read.map_err(|error| self.name_timeout(error)),
            }
        }
    }

    /// Reads what has arrived, and does not block.
    fn read_arrived(&mut self) -> io::Result<usize> {
        // std has no read of its own that does not block.
        self.stream.set_nonblocking(true)?;
        let read = self.stream.read(self.buffers.input_append_buf());
        self.stream.set_nonblocking(false)?;
        read
    }

    /// Tells the system a new timeout where the one that it knows does not do.
    fn update_timeout(&mut self, remaining: Option<Duration>) -> io::Result<()> {
        if let Some(timeout) = new_timeout(self.timeout, remaining, Platform::CURRENT) {
            let set_read = self.stream.set_read_timeout(Some(timeout));
            ignore_option_error(set_read, Platform::CURRENT)?;
            let set_write = self.stream.set_write_timeout(Some(timeout));
            ignore_option_error(set_write, Platform::CURRENT)?;
            self.timeout = Some(timeout);
        }
        Ok(())
    }

    /// Says which limit has passed, where the system ended a read or write at it, as
    /// Windows does.
    fn name_timeout(&self, error: io::Error) -> io::Error {
        match self.call.remaining() {
            Err(passed) if error.kind() == TimedOut => passed,
            _ => error,
        }
    }
}

impl Transport for TcpTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        let mut written = 0;
        while written < amount {
            self.update_timeout(self.call.remaining()?)?;
            let bytes = &self.buffers.output()[written..amount];
            let write = self.call.write(
                || self.stream.write(bytes),
                |write| match write {
                    Ok(count) => *count == 0,
                    Err(error) => took_nothing(error.kind(), Platform::CURRENT),
                },
            )?;
            match write {
                Ok(0) => return Err(Error::Io(ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if is_poll_timeout(error.kind(), Platform::CURRENT) => {}
                Err(error) => return Err(self.name_timeout(error).into()),
            }
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let count = self.read()?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        // `Coalesce` reads through all layers to find out.
        true
    }
}

impl fmt::Debug for TcpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpTransport").finish_non_exhaustive()
    }
}

/// The timeout to set before a read or write, if another than `known` is needed.
///
/// Where a read that timed out may simply be repeated, the system's timeout is
/// only an interval at which to look at the clock: Linux rounds a timeout of 2 s
/// or more up by as much as 256 ms, and each change is a system call. So it is
/// half of what remains, and stays as long as it ends before seven eighths of
/// it. On Windows nothing may be read after a timeout, so that it must be the
/// whole of what remains.
fn new_timeout(
    known: Option<Duration>,
    remaining: Option<Duration>,
    platform: Platform,
) -> Option<Duration> {
    let remaining = remaining.unwrap_or(Duration::MAX);
    let is_useful = |known| known <= remaining / 8 * 7 && known >= POLL_INTERVAL.min(remaining / 4);
    let timeout = match known {
        _ if platform == Platform::Windows => remaining,
        Some(known) if is_useful(known) => return None,
        _ => POLL_INTERVAL.min(remaining / 2),
    };
    // Zero is invalid, and less than a millisecond is zero to some systems.
    let timeout = timeout.max(Duration::from_millis(1));
    (known != Some(timeout)).then_some(timeout)
}

/// Whether a read or write only came back to look at the clock.
fn is_poll_timeout(kind: ErrorKind, platform: Platform) -> bool {
    // `WouldBlock` is how Unix reports a timeout of SO_RCVTIMEO or SO_SNDTIMEO.
    kind == Interrupted || kind == WouldBlock && platform != Platform::Windows
}

/// Whether a write that failed with this has certainly written nothing.
///
/// Linux fails a write only where it took no byte. BSD's kernels, and so
/// Apple's, may take some before a connection is reset. Of Windows nothing is
/// documented.
fn took_nothing(kind: ErrorKind, platform: Platform) -> bool {
    match platform {
        Platform::Linux => true,
        Platform::Apple | Platform::Unix => matches!(kind, Interrupted | WouldBlock),
        Platform::Windows => false,
    }
}

/// Ignores that an option could not be set, where that says nothing new.
///
/// macOS fails with EINVAL on a connection that the peer has reset; what has
/// arrived before is still to be read.
fn ignore_option_error(result: io::Result<()>, platform: Platform) -> io::Result<()> {
    result.or_else(|error| match (platform, error.kind()) {
        (Platform::Apple, InvalidInput) => Ok(()),
        _ => Err(error),
    })
}

/// What the rules of sockets depend on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Platform {
    Apple,
    Linux,
    Unix,
    Windows,
}

impl Platform {
    const CURRENT: Self = if cfg!(windows) {
        Self::Windows
    } else if cfg!(any(target_os = "linux", target_os = "android")) {
        Self::Linux
    } else if cfg!(target_vendor = "apple") {
        Self::Apple
    } else {
        Self::Unix
    };
}

/// The most that each of several addresses gets in the first round.
const FIRST_ROUND: Duration = Duration::from_millis(800);

/// How long a read or write blocks at most before it looks at the clock again.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

#[cfg(test)]
#[path = "tcp_tests.rs"]
mod tests;
