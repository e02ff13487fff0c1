//! A response cut at every byte, and one that comes in small pieces.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::common::{End, call, config, customer, fin, read_request, rst, serve};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Framing {
    Chunked,
    CloseDelimited,
    ContentLength,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ending {
    Fin,
    Rst,
}

const FRAMINGS: [Framing; 3] = [
    Framing::Chunked,
    Framing::CloseDelimited,
    Framing::ContentLength,
];

impl Framing {
    fn response(self) -> Vec<u8> {
        let body = customer();
        match self {
            Self::Chunked => {
                let (head, tail) = body.split_at(20);
                format!(
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                     14\r\n{head}\r\n{:x}\r\n{tail}\r\n0\r\n\r\n",
                    tail.len()
                )
            }
            Self::CloseDelimited => format!("HTTP/1.1 200 OK\r\n\r\n{body}"),
            Self::ContentLength => format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
        }
        .into_bytes()
    }

    /// Whether the message is complete once `sent` bytes of it have come and
    /// then the end.
    fn is_complete(self, sent: usize, ending: Ending) -> bool {
        let whole = self.response().len();
        match self {
            // The last chunk is `0\r\n`. The empty line after it adds nothing,
            // and a server that ends properly may leave it out; any other cut
            // before it is taken for one before the last chunk, to be safe.
            Self::Chunked => sent == whole || (sent == whole - 2 && ending == Ending::Fin),
            Self::CloseDelimited => sent == whole && ending == Ending::Fin,
            Self::ContentLength => sent == whole,
        }
    }
}

#[test]
fn a_response_is_ok_only_once_complete() {
    for ending in [Ending::Fin, Ending::Rst] {
        for framing in FRAMINGS {
            let response = framing.response();
            // Every connection serves one cut, and the next one byte more.
            let next = Arc::new(AtomicUsize::new(0));
            let (bytes, counter) = (response.clone(), Arc::clone(&next));
            let addr = serve(move |_, mut stream| {
                read_request(&mut stream)?;
                stream.write_all(&bytes[..counter.load(Ordering::SeqCst)])?;
                match ending {
                    Ending::Fin => fin(&stream),
                    Ending::Rst => rst(stream),
                }
            });
            for sent in 0..=response.len() {
                next.store(sent, Ordering::SeqCst);
                // No pool, so that each call has a connection of its own.
                let result = call(&config(addr).build().unwrap());
                let head = response.windows(4).position(|four| four == b"\r\n\r\n");
                let expected = if framing.is_complete(sent, ending) {
                    End::Applied
                } else if sent < head.unwrap() + 4 {
                    End::NoResponse
                } else {
                    End::InvalidResponse(200)
                };
                assert_eq!(
                    End::of(&result),
                    expected,
                    "{framing:?} cut by {ending:?} after {sent} of {} bytes: {result:?}",
                    response.len()
                );
            }
        }
    }
}

#[test]
fn responses_may_arrive_in_any_pieces() {
    for framing in FRAMINGS {
        let response = framing.response();
        let (sizes, size) = mpsc::channel();
        let size = Arc::new(Mutex::new(size));
        let bytes = response.clone();
        let addr = serve(move |_, mut stream| {
            read_request(&mut stream)?;
            let size = size.lock().unwrap().recv().map_err(io::Error::other)?;
            for piece in bytes.chunks(size) {
                stream.write_all(piece)?;
                // So that pieces are seldom read together.
                thread::sleep(Duration::from_micros(100));
            }
            fin(&stream)
        });
        for size in 1..=response.len() {
            sizes.send(size).unwrap();
            let result = call(&config(addr).build().unwrap());
            assert_eq!(
                End::of(&result),
                End::Applied,
                "{framing:?} in pieces of {size}: {result:?}"
            );
        }
    }
}
