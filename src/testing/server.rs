//! The threads of the server, and what goes wrong in them.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Map, Value};

use super::http::{Response, drain, read_request, send};
use super::{Fault, Request};

pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    /// Notified when the server stops.
    pub(super) stopped: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) customers: HashMap<String, Map<String, Value>>,
    pub(super) requests: Vec<Request>,
    pub(super) faults: VecDeque<Fault>,
    /// The open connections, to shut them down at the end.
    pub(super) connections: HashMap<u64, TcpStream>,
    pub(super) workers: Vec<JoinHandle<()>>,
    pub(super) responded: u64,
    pub(super) stopping: bool,
    #[cfg(test)]
    pub(super) log: Log,
}

/// What only the crate's own tests look at.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct Log {
    /// The id and body of every change that was applied, in order.
    pub(crate) applied: Vec<(String, Vec<u8>)>,
    /// Each request that arrived whole, and the fault that it met.
    pub(crate) arrived: Vec<(Request, Option<Fault>)>,
    /// How many requests met a fault before they were read.
    pub(crate) unread: u64,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panics must not take the others' server along.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for (number, stream) in (0..).zip(listener.incoming()) {
            let mut state = self.lock();
            if state.stopping {
                return;
            }
            let Ok((stream, twin)) = stream.and_then(|s| Ok((s.try_clone()?, s))) else {
                drop(state);
                // Out of descriptors, say: they come back as connections end.
                thread::sleep(Duration::from_millis(5));
                continue;
            };
            state.connections.insert(number, twin);
            state.workers.retain(|worker| !worker.is_finished());
            let shared = Arc::clone(self);
            let worker = thread::Builder::new().spawn(move || {
                // An error ends the connection, which is all there is to do.
                let _ = shared.serve(&stream);
                // The twin first: a close with unread bytes is a reset only
                // where no other descriptor keeps the connection.
                shared.lock().connections.remove(&number);
            });
            match worker {
                Ok(worker) => state.workers.push(worker),
                Err(_) => drop(state.connections.remove(&number)),
            }
        }
    }

    /// Serves a connection until it closes.
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        loop {
            if reader.buffer().is_empty() && stream.peek(&mut [0])? == 0 {
                return Ok(());
            }
            let fault = self.lock().faults.pop_front();
            #[cfg(test)]
            if let Some(Fault::CloseBeforeReading | Fault::Reset) = fault {
                self.lock().log.unread += 1;
            }
            match fault {
                Some(Fault::Reset) => return Ok(()),
                Some(Fault::CloseBeforeReading) => return drain(stream),
                _ => {}
            }
            let Some(request) = read_request(&mut reader, stream)? else {
                send(
                    stream,
                    &Response::error(400, "malformed request", None).to_bytes(true),
                )?;
                return drain(stream);
            };
            let last = request.wants_close();
            self.lock().requests.push(request.clone());
            #[cfg(test)]
            self.lock()
                .log
                .arrived
                .push((request.clone(), fault.clone()));
            match fault {
                None => send(stream, &self.response(&request).to_bytes(last))?,
                Some(Fault::CloseAfterReading) => {
                    self.response(&request);
                    return Ok(());
                }
                Some(Fault::Delay(delay)) => {
                    self.pause(delay)?;
                    send(stream, &self.response(&request).to_bytes(last))?;
                }
                Some(Fault::Raw(bytes)) => {
                    return send(stream, &bytes);
                }
                Some(Fault::Respond {
                    status,
                    headers,
                    body,
                }) => {
                    let response = Response {
                        status,
                        headers,
                        body,
                    };
                    send(stream, &response.to_bytes(last))?;
                }
                Some(Fault::Stall) => {
                    // Until the client gives up, or the server stops.
                    io::copy(&mut reader, &mut io::sink())?;
                    return Ok(());
                }
                Some(Fault::Trickle(pause)) => {
                    for byte in self.response(&request).to_bytes(last) {
                        self.pause(pause)?;
                        send(stream, &[byte])?;
                    }
                }
                Some(Fault::Truncate(most)) => {
                    let response = self.response(&request).to_bytes(last);
                    return send(stream, &response[..most.min(response.len())]);
                }
                // Dealt with above, before the request was read.
                Some(Fault::CloseBeforeReading | Fault::Reset) => return Ok(()),
            }
            if last {
                return Ok(());
            }
        }
    }

    /// Waits, unless the server stops meanwhile.
    fn pause(&self, pause: Duration) -> io::Result<()> {
        let state = self
            .stopped
            .wait_timeout_while(self.lock(), pause, |state| !state.stopping)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        if state.stopping {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    }

    /// Does what the request asks for, and tells.
    fn response(&self, request: &Request) -> Response {
        let mut state = self.lock();
        state.responded += 1;
        let number = state.responded;
        let mut response = match state.update(request) {
            Ok(customer) => Response {
                status: 200,
                headers: Vec::new(),
                body: customer.into_bytes(),
            },
            Err(error_response) => error_response,
        };
        response.headers.extend([
            (
                "content-type".into(),
                "application/json; charset=utf-8".into(),
            ),
            ("x-request-id".into(), format!("req_{number}")),
        ]);
        response
    }
}
