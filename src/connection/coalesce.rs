//! The top of a connection: one write for the request, and the question whether
//! an idle connection may be used again.

use std::fmt;
use std::io;
use std::sync::Arc;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use super::BUFFER_SIZE;
use super::call::{Call, Top};

/// Buffers what is written until a response is awaited.
///
/// ureq writes head and body apart, and CONNECT in 14 pieces. In one write they
/// are one packet and one TLS record, and it is clear that nothing was sent
/// before.
pub(super) struct Coalesce<T> {
    inner: T,
    buffered: Vec<u8>,
    /// The call whose request this carries. `None` below a tunnel through a proxy: that
    /// carries CONNECT, and then what the layers above write.
    call: Option<Arc<Call>>,
    /// Whether CONNECT was written. The layers above coalesce what follows, and TLS may
    /// write an alert and read no more.
    is_tunnel: bool,
}

impl<T: Transport> Coalesce<T> {
    pub(super) fn new(inner: T, call: Option<&Arc<Call>>) -> Self {
        if let Some(call) = call {
            call.lock().top = Top::New;
        }
        Self {
            inner,
            buffered: Vec::new(),
            call: call.cloned(),
            is_tunnel: false,
        }
    }

    /// Writes what is buffered.
    fn flush(&mut self, timeout: NextTimeout) -> Result<(), Error> {
        if self.buffered.is_empty() {
            return Ok(());
        }
        if let Some(call) = &self.call {
            // Not always: looking for the line takes 1,140 instructions a call.
            let removes_cookies = call.start_flush()?;
            if removes_cookies && remove_cookie(&mut self.buffered) > MAX_COOKIE_SIZE {
                // No other call uses it.
                call.lock().top = Top::Closed;
            }
        }
        // One part, unless key and headers are as long as they may be.
        for part in self.buffered.chunks(BUFFER_SIZE) {
            self.inner.buffers().output()[..part.len()].copy_from_slice(part);
            self.inner.transmit_output(part.len(), timeout)?;
        }
        self.buffered.clear();
        self.is_tunnel = self.call.is_none();
        Ok(())
    }
}

impl<T: Transport> Transport for Coalesce<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.is_tunnel {
            return self.inner.transmit_output(amount, timeout);
        }
        let output = &self.inner.buffers().output()[..amount];
        self.buffered.extend_from_slice(output);
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.flush(timeout)?;
        if self.inner.buffers().input_append_buf().is_empty() {
            // A read of nothing would look like the end of the connection.
            return Err(io::Error::new(io::ErrorKind::InvalidData, TOO_LONG).into());
        }
        let read = self.inner.await_input(timeout);
        if let (Ok(true), Some(call)) = (&read, &self.call) {
            call.receive();
        }
        read.map_err(hide_disconnect)
    }

    fn is_open(&mut self) -> bool {
        // When ureq sets a connection aside, nothing is read: whatever has come by
        // then is still there when the next call asks, which it must.
        match &self.call {
            Some(call) if call.is_buffered() => {
                call.lock().top = Top::Probed;
                let is_silent = is_silent(&mut self.inner);
                call.lock().top = if is_silent { Top::Silent } else { Top::Kept };
                is_silent
            }
            _ => self.inner.is_open(),
        }
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl<T> Drop for Coalesce<T> {
    fn drop(&mut self) {
        if let Some(call) = &self.call {
            call.lock().top = Top::Closed;
        }
    }
}

impl<T> fmt::Debug for Coalesce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalesce").finish_non_exhaustive()
    }
}

/// Whether the peer has sent nothing since the last response, by a read through all
/// layers that does not block.
///
/// A read that would block means silence. A byte in the system, in a TLS backend or
/// in one of ureq's buffers does not, and neither does an end, of TCP or of TLS, nor
/// an error.
fn is_silent(inner: &mut impl Transport) -> bool {
    if !inner.buffers().input().is_empty() {
        return false;
    }
    let read = inner.await_input(NextTimeout::default());
    // In this order: what was read may be half a TLS record, which looks like silence,
    // and which `inner` has followed by now.
    matches!(read, Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock)
        && inner.is_open()
}

/// Removes the `cookie` lines from the head of a request, and tells how many
/// bytes they had.
///
/// With its feature `cookies`, which any crate in the graph may enable, ureq
/// sends cookies of one response with every later request of the same agent.
pub(crate) fn remove_cookie(request: &mut Vec<u8>) -> usize {
    let mut kept = Vec::new();
    // A line of the body may look alike.
    let mut in_head = true;
    for line in request.split_inclusive(|byte| *byte == b'\n') {
        in_head &= line != b"\n" && line != b"\r\n";
        let name = line.get(..7).unwrap_or_default();
        if !(in_head && name.eq_ignore_ascii_case(b"cookie:") && line.ends_with(b"\n")) {
            kept.extend_from_slice(line);
        }
    }
    let removed = request.len() - kept.len();
    *request = kept;
    removed
}

/// Hides that a connection was cut: a reset, or TLS that ended without
/// `close_notify`.
///
/// ureq takes the bare errors for the proper end of a body that lasts until
/// the connection closes.
fn hide_disconnect(error: Error) -> Error {
    match error {
        Error::Io(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::UnexpectedEof
            ) =>
        {
            Error::Other(Box::new(error))
        }
        error => error,
    }
}

/// The longest `cookie` line that a connection is kept with: ureq must have room
/// for the head of the request, this line included.
const MAX_COOKIE_SIZE: usize = 1024;

const TOO_LONG: &str = "the response has a head or a line of over 16 KiB";

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::connection::Trace;
    use crate::connection::tests::connect;

    #[test]
    fn only_a_silent_connection_is_reused() {
        let call = Arc::new(Call::default());
        let (tcp, mut peer, seen) = connect(&call);
        let mut top = Coalesce::new(tcp, Some(&call));
        assert!(!top.is_tls());
        let under_way = call.start(None);
        assert!(top.is_open());
        top.transmit_output(1, NextTimeout::default()).unwrap();
        peer.write_all(b"response").unwrap();
        assert!(top.await_input(NextTimeout::default()).unwrap());
        let count = top.buffers().input().len();
        top.buffers().input_consume(count);
        // It is not read from when it is set aside.
        peer.write_all(b"unsolicited").unwrap();
        seen.peek(&mut [0]).unwrap();
        assert!(top.is_open());
        assert!(under_way.end().sent);

        let _under_way = call.start(None);
        assert!(!top.is_open());
    }

    /// What ureq may ask between two requests on one connection.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    enum Ask {
        SettingAside,
        BetweenCalls,
        Taking,
    }

    /// Makes two calls on one connection as an HTTP client does that asks whether
    /// it is open at these times, and tells what came of the second.
    fn second_call(asks: &[Ask], unsolicited: bool) -> (Result<bool, Error>, Trace, usize) {
        let call = Arc::new(Call::default());
        let (tcp, mut peer, seen) = connect(&call);
        let under_way = call.start(None);
        let mut top = Coalesce::new(tcp, Some(&call));
        let exchange = |top: &mut Coalesce<_>| {
            top.buffers().output()[..7].copy_from_slice(b"request");
            top.transmit_output(7, NextTimeout::default())?;
            let received = top.await_input(NextTimeout::default());
            let count = top.buffers().input().len();
            top.buffers().input_consume(count);
            received
        };
        peer.write_all(b"response").unwrap();
        assert!(exchange(&mut top).unwrap());
        let ask = |top: &mut Coalesce<_>, when| {
            let asked = asks.iter().filter(|ask| **ask == when);
            asked.for_each(|_| _ = top.is_open());
        };
        ask(&mut top, Ask::SettingAside);
        assert!(under_way.end().sent);
        ask(&mut top, Ask::BetweenCalls);
        if unsolicited {
            peer.write_all(b"unsolicited").unwrap();
            seen.peek(&mut [0]).unwrap();
        }
        let under_way = call.start(Some(Instant::now() + Duration::from_millis(20)));
        ask(&mut top, Ask::Taking);
        let received = exchange(&mut top);
        let trace = under_way.end();
        seen.shutdown(Shutdown::Write).unwrap();
        let mut requests = Vec::new();
        peer.read_to_end(&mut requests).unwrap();
        (received, trace, requests.len() / 7)
    }

    #[test]
    fn unasked_connections_are_not_reused() {
        use Ask::{BetweenCalls, SettingAside, Taking};
        for asks in [
            &[][..],
            &[SettingAside],
            &[SettingAside, SettingAside],
            &[BetweenCalls],
            &[SettingAside, BetweenCalls],
        ] {
            let (received, trace, requests) = second_call(asks, true);
            let error = received.unwrap_err().to_string();
            assert_eq!(error, "io: the connection was not checked", "{asks:?}");
            assert!(!trace.sent && !trace.received, "{asks:?}");
            assert_eq!(requests, 1, "{asks:?}");
        }
        for asks in [
            &[Taking][..],
            &[Taking, Taking],
            &[SettingAside, Taking],
            &[SettingAside, BetweenCalls, Taking, Taking],
        ] {
            let (received, trace, requests) = second_call(asks, false);
            // It is in time for none.
            assert!(matches!(received, Err(Error::Io(_))), "{asks:?}");
            assert!(trace.sent && trace.reused && !trace.received, "{asks:?}");
            assert_eq!(requests, 2, "{asks:?}");
            // One that takes no notice of what it is told sends nothing.
            let (_, trace, requests) = second_call(asks, true);
            assert!(!trace.sent && !trace.received, "{asks:?}");
            assert_eq!(requests, 1, "{asks:?}");
        }
    }

    #[test]
    fn an_ended_connection_is_not_reused() {
        let call = Arc::new(Call::default());
        let (tcp, peer, seen) = connect(&call);
        let mut top = Coalesce::new(tcp, Some(&call));
        drop(peer);
        assert_eq!(seen.peek(&mut [0]).unwrap(), 0);
        let _under_way = call.start(None);
        assert!(!top.is_open());
    }

    #[test]
    fn a_tunnel_is_written_to_at_once() {
        let call = Arc::new(Call::default());
        let (tcp, mut peer, _) = connect(&call);
        let mut below = Coalesce::new(tcp, None);
        let _under_way = call.start(None);
        let write = |below: &mut Coalesce<_>| {
            below.buffers().output()[0] = b'x';
            below.transmit_output(1, NextTimeout::default()).unwrap();
        };
        write(&mut below);
        write(&mut below);
        peer.set_nonblocking(true).unwrap();
        let read = peer.read(&mut [0]).unwrap_err();
        assert_eq!(read.kind(), io::ErrorKind::WouldBlock);
        peer.set_nonblocking(false).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        peer.write_all(b"y").unwrap();
        assert!(below.await_input(NextTimeout::default()).unwrap());
        peer.read_exact(&mut [0; 2]).unwrap();
        // An alert of TLS: nothing is read after it.
        write(&mut below);
        peer.read_exact(&mut [0]).unwrap();
    }

    #[test]
    fn below_another_layer_nothing_is_read() {
        let call = Arc::new(Call::default());
        let (tcp, mut peer, seen) = connect(&call);
        let mut below = Coalesce::new(tcp, None);
        let _under_way = call.start(None);
        peer.write_all(b"x").unwrap();
        seen.peek(&mut [0]).unwrap();
        assert!(below.is_open());
        assert!(below.buffers().input().is_empty());
    }

    #[test]
    fn removes_cookie_lines_from_the_head() {
        for (request, expected, removed) in [
            ("PATCH / HTTP/1.1\r\n\r\n", "PATCH / HTTP/1.1\r\n\r\n", 0),
            ("P\r\ncookie: a=b\r\n\r\n", "P\r\n\r\n", 13),
            ("P\r\nCookie:a\r\nx: y\r\n\r\n", "P\r\nx: y\r\n\r\n", 10),
            ("P\r\nx: y\r\ncOOKIE: a\r\n\r\n", "P\r\nx: y\r\n\r\n", 11),
            ("P\r\ncookie: a\r\ncookie: b\r\n\r\n", "P\r\n\r\n", 22),
            ("P\ncookie: a\nx: y\n\n", "P\nx: y\n\n", 10),
            // Other names, and what is no name.
            ("P\r\ncookies: a\r\n\r\n", "P\r\ncookies: a\r\n\r\n", 0),
            ("P\r\nx: cookie: a\r\n\r\n", "P\r\nx: cookie: a\r\n\r\n", 0),
            // The body stays as it is.
            ("P\r\n\r\ncookie: a\r\n", "P\r\n\r\ncookie: a\r\n", 0),
            (
                "P\r\ncookie: a\r\n\r\ncookie: b\r\n\r\n",
                "P\r\n\r\ncookie: b\r\n\r\n",
                11,
            ),
            // A head that is not complete.
            ("P\r\ncookie: a", "P\r\ncookie: a", 0),
            ("cookie", "cookie", 0),
            ("", "", 0),
        ] {
            let mut bytes = request.as_bytes().to_vec();
            assert_eq!(remove_cookie(&mut bytes), removed, "{request:?}");
            assert_eq!(String::from_utf8_lossy(&bytes), expected, "{request:?}");
        }
    }
}
