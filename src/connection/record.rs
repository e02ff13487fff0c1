//! What TLS needs of the connection below it: an end that TLS announced, and
//! records that are whole.

use std::io;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

/// A connection below TLS that must not end by itself: TLS announces its end by
/// `close_notify`, and reads no further.
///
/// native-tls takes an end that nobody announced for a proper one, and names
/// it in a way of its own during the handshake.
#[derive(Debug)]
pub(super) struct RequireCloseNotify<T> {
    inner: T,
    boundary: RecordBoundary,
}

impl<T> RequireCloseNotify<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            boundary: RecordBoundary::default(),
        }
    }
}

impl<T: Transport> Transport for RequireCloseNotify<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let known = self.inner.buffers().input().len();
        if self.inner.await_input(timeout)? {
            self.boundary.add(&self.inner.buffers().input()[known..]);
            return Ok(true);
        }
        let ended = "the connection ended before TLS did";
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, ended).into())
    }

    fn is_open(&mut self) -> bool {
        // Part of a record is the start of something unsolicited, and the TLS
        // backend would keep it for the next response. To a read that does not
        // block it looks like silence.
        self.boundary.is_at_boundary() && self.inner.is_open()
    }
}

/// How far the TLS record that is being received has come (RFC 8446, 5.1).
#[derive(Debug, Default)]
struct RecordBoundary {
    /// The bytes of its header: type, version, and a length of two bytes.
    header: [u8; 5],
    header_len: usize,
    /// How many bytes of its content are still to come.
    content: usize,
}

impl RecordBoundary {
    fn add(&mut self, mut bytes: &[u8]) {
        loop {
            let content = self.content.min(bytes.len());
            self.content -= content;
            bytes = &bytes[content..];
            let [byte, rest @ ..] = bytes else { return };
            bytes = rest;
            self.header[self.header_len] = *byte;
            self.header_len += 1;
            if let (5, [.., high, low]) = (self.header_len, self.header) {
                self.content = usize::from(u16::from_be_bytes([high, low]));
                self.header_len = 0;
            }
        }
    }

    fn is_at_boundary(&self) -> bool {
        self.header_len == 0 && self.content == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_where_records_end() {
        let records = [
            &[22, 3, 3, 0, 2, 7, 7][..],
            &[23, 3, 3, 0, 0],
            &[23, 3, 3, 1, 0],
            &[9; 256],
        ]
        .concat();
        let ends = [0, 7, 12, 12 + 5 + 256];
        for size in 1..=records.len() {
            let mut boundary = RecordBoundary::default();
            let mut added = 0;
            for part in records.chunks(size) {
                boundary.add(part);
                added += part.len();
                assert_eq!(
                    boundary.is_at_boundary(),
                    ends.contains(&added),
                    "{added} bytes in parts of {size}"
                );
            }
        }
    }
}
