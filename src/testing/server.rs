//! The threads of the server, and what goes wrong in them.

use std::collections::VecDeque;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use super::api::Api;
use super::http::{ReadError, Response, read_request};
use super::{Fault, Request};

/// A server that runs until it is dropped.
pub(super) struct Server {
    addr: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// Sees what the server does, in order. It is called with the state locked, and
/// so must not call the server.
pub(crate) trait Observer: Send {
    /// A request arrived whole, and meets this fault.
    fn arrived(&mut self, _request: &Request, _fault: Option<&Fault>) {}

    /// The change of a request was applied.
    fn applied(&mut self, _request: &Request) {}

    /// A request met a fault that leaves it unread.
    fn unread(&mut self) {}
}

/// Observes nothing.
impl Observer for () {}

struct Shared {
    state: Mutex<State>,
    /// Notified when the server stops.
    stopped: Condvar,
}

pub(super) struct State {
    pub(super) api: Api,
    pub(super) faults: VecDeque<Fault>,
    pub(super) requests: Vec<Arc<Request>>,
    /// How many requests have arrived, those that were forgotten included.
    arrived: u64,
    observer: Box<dyn Observer>,
    workers: Vec<Worker>,
    stopping: bool,
}

/// The thread of a connection.
struct Worker {
    /// Held by the thread alone, so that the connection closes with it.
    stream: Weak<TcpStream>,
    thread: JoinHandle<()>,
}

impl Server {
    pub(super) fn start(listener: TcpListener, observer: Box<dyn Observer>) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                api: Api::default(),
                faults: VecDeque::new(),
                requests: Vec::new(),
                arrived: 0,
                observer,
                workers: Vec::new(),
                stopping: false,
            }),
            stopped: Condvar::new(),
        });
        let acceptor = thread::Builder::new()
            .name("paywithsoap-testing".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.accept(&listener)
            })?;
        Ok(Self {
            addr,
            shared,
            acceptor: Some(acceptor),
        })
    }

    /// The address as bound.
    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address at which this machine reaches the server. Windows connects to no
    /// unspecified one.
    pub(super) fn local_addr(&self) -> SocketAddr {
        let ip = match self.addr.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, self.addr.port())
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let workers = self.shared.stop();
        for stream in workers.iter().filter_map(|worker| worker.stream.upgrade()) {
            // Ends a read at once; not on Windows, where threads end by
            // themselves after `POLL_INTERVAL`. An error means that the connection
            // is closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        for worker in workers {
            // A panic in there has been printed.
            let _ = worker.thread.join();
        }
        // Wakes the acceptor, which then sees that it is to stop. Only after the
        // workers, whose descriptors this may need.
        let woken = match TcpStream::connect_timeout(&self.local_addr(), CLOSE_TIMEOUT) {
            Ok(_) => true,
            // Some client's connection came first.
            Err(error) => error.kind() == ErrorKind::ConnectionRefused,
        };
        if let Some(acceptor) = self.acceptor.take()
            && woken
        {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panics must not take the others' server along.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets every thread see that it is to end, and returns those of connections.
    fn stop(&self) -> Vec<Worker> {
        let mut state = self.lock();
        state.stopping = true;
        self.stopped.notify_all();
        mem::take(&mut state.workers)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            let mut state = self.lock();
            if state.stopping {
                return;
            }
            let Ok(stream) = stream.map(Arc::new) else {
                drop(state);
                // Out of descriptors, say: they come back as connections end.
                let _ = self.pause(RETRY_INTERVAL);
                continue;
            };
            state.workers.retain(|worker| !worker.thread.is_finished());
            let weak = Arc::downgrade(&stream);
            let shared = Arc::clone(self);
            let thread = thread::Builder::new()
                .name("paywithsoap-testing".into())
                .spawn(move || {
                    // An error ends the connection, which is all there is to do.
                    let _ = Connection::new(&stream, &shared).and_then(Connection::run);
                });
            // Where there is no thread, the connection is closed by now.
            if let Ok(thread) = thread {
                let stream = weak;
                state.workers.push(Worker { stream, thread });
            }
        }
    }

    /// The fault that the next request meets.
    fn next_fault(&self) -> Option<Fault> {
        let mut state = self.lock();
        let fault = state.faults.pop_front();
        if let Some(Fault::CloseBeforeReading | Fault::Reset) = fault {
            state.observer.unread();
        }
        fault
    }

    /// Records a request, and returns its number, counted from 1.
    fn record(&self, request: &Arc<Request>, fault: Option<&Fault>) -> u64 {
        let mut state = self.lock();
        state.observer.arrived(request, fault);
        state.requests.push(Arc::clone(request));
        state.arrived += 1;
        state.arrived
    }

    /// Applies a request by the rules of the API.
    fn response(&self, request: &Request, number: u64) -> Response {
        let mut state = self.lock();
        let mut response = match state.api.update(request, SystemTime::now()) {
            Ok(customer) => {
                state.observer.applied(request);
                Response::json(200, customer)
            }
            Err(error_response) => error_response,
        };
        let request_id = ("x-request-id".into(), format!("req_{number}"));
        response.headers.push(request_id);
        response
    }

    /// Waits, unless the server stops meanwhile.
    fn pause(&self, pause: Duration) -> io::Result<()> {
        let state = self
            .stopped
            .wait_timeout_while(self.lock(), pause, |state| !state.stopping)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        if state.stopping {
            return Err(stopping());
        }
        Ok(())
    }
}

/// One connection, on its thread.
///
/// It looks at what arrives (`peek`), and takes it from the system only once it
/// is used. So it reads no further than a request goes, and a close before the
/// next one is read is the reset that it should be. It also waits that way,
/// with a timeout: on Windows nothing else ends a wait when the server stops,
/// and a receive that times out there may lose what arrives meanwhile, which a
/// peek cannot.
struct Connection<'a> {
    stream: &'a TcpStream,
    shared: &'a Shared,
    peeked: Box<[u8]>,
    /// How much of `peeked` there is, and how much of that has been used.
    length: usize,
    used: usize,
}

impl<'a> Connection<'a> {
    fn new(stream: &'a TcpStream, shared: &'a Shared) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(POLL_INTERVAL))?;
        Ok(Self {
            stream,
            shared,
            peeked: vec![0; 8 * 1024].into(),
            length: 0,
            used: 0,
        })
    }

    /// Serves requests until the connection ends, by an error at once: with
    /// unread bytes, that is a reset.
    fn run(mut self) -> io::Result<()> {
        while !self.fill_buf()?.is_empty() {
            let fault = self.shared.next_fault();
            match fault {
                Some(Fault::Reset) => return Err(ErrorKind::ConnectionReset.into()),
                Some(Fault::CloseBeforeReading) => break,
                _ => {}
            }
            let request = match read_request(&mut self) {
                Ok(request) => Arc::new(request),
                Err(ReadError::Io(error)) => return Err(error),
                Err(ReadError::Rejected(response)) => {
                    self.write_all(&response.to_bytes(true))?;
                    break;
                }
            };
            let number = self.shared.record(&request, fault.as_ref());
            let stays_open = self.respond(&request, number, fault);
            // After the response, which need not wait for it.
            self.take_used()?;
            if !stays_open? {
                break;
            }
        }
        self.close()
    }

    /// Responds, or does what `fault` says. Returns whether the connection stays
    /// open.
    fn respond(
        &mut self,
        request: &Request,
        number: u64,
        fault: Option<Fault>,
    ) -> io::Result<bool> {
        let shared = self.shared;
        let close = request.wants_close();
        let response = || shared.response(request, number).to_bytes(close);
        match fault {
            None => self.write_all(&response())?,
            Some(Fault::CloseAfterReading) => {
                response();
                return Ok(false);
            }
            Some(Fault::Delay(delay)) => {
                shared.pause(delay)?;
                self.write_all(&response())?;
            }
            Some(Fault::Raw(bytes)) => {
                self.write_all(&bytes)?;
                return Ok(false);
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
                self.write_all(&response.to_bytes(close))?;
            }
            Some(Fault::Stall) => {
                // Until the client leaves, or the server stops.
                io::copy(self, &mut io::sink())?;
                return Ok(false);
            }
            Some(Fault::Trickle(pause)) => {
                for byte in response() {
                    shared.pause(pause)?;
                    self.write_all(&[byte])?;
                }
            }
            Some(Fault::Truncate(length)) => {
                let response = response();
                self.write_all(&response[..length.min(response.len())])?;
                return Ok(false);
            }
            // Dealt with before the request was read.
            Some(Fault::CloseBeforeReading | Fault::Reset) => return Ok(false),
        }
        Ok(!close)
    }

    /// Ends the connection in good order: by an end of stream, which reaches the
    /// client after all that was sent. With unread bytes it would be a reset.
    fn close(mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        let start = Instant::now();
        while start.elapsed() < CLOSE_TIMEOUT {
            if self.poll()? && self.length == 0 {
                break;
            }
            self.used = self.length;
        }
        Ok(())
    }

    /// Waits a while for bytes. Returns whether there are some, or the client has
    /// sent its last.
    fn poll(&mut self) -> io::Result<bool> {
        self.take_used()?;
        if self.shared.lock().stopping {
            return Err(stopping());
        }
        match self.stream.peek(&mut self.peeked) {
            Ok(length) => {
                self.length = length;
                Ok(true)
            }
            Err(error) => match error.kind() {
                // A timeout is the one on Unix and the other on Windows.
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(false),
                _ => Err(error),
            },
        }
    }

    /// Takes from the system what has been used.
    fn take_used(&mut self) -> io::Result<()> {
        // All of it has arrived, so that this does not wait.
        let mut stream = self.stream;
        stream.read_exact(&mut self.peeked[..self.used])?;
        self.used = 0;
        self.length = 0;
        Ok(())
    }
}

impl Read for Connection<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Connection<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.length {
            while !self.poll()? {}
        }
        Ok(&self.peeked[self.used..self.length])
    }

    fn consume(&mut self, amount: usize) {
        self.used += amount;
    }
}

impl Write for Connection<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // On Windows, a write that waits for a client which does not read would
        // outlast the server, and one that times out does not say how much it has
        // sent. So this one never waits.
        self.stream.set_nonblocking(true)?;
        let mut stream = self.stream;
        let written = loop {
            match stream.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.shared.pause(RETRY_INTERVAL)?;
                }
                written => break written,
            }
        };
        self.stream.set_nonblocking(false)?;
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ends a connection where the server stops. Not `Interrupted`, after which
/// std's loops go on.
fn stopping() -> io::Error {
    ErrorKind::ConnectionAborted.into()
}

/// How often a thread that waits for its client looks whether the server stops.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long until a thread tries again what the system cannot do now.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// How long a client may take to close its half of a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn drop_waits_for_every_thread() {
        let ended = Arc::new(AtomicUsize::new(0));
        let observer = SlowToEnd(Arc::clone(&ended));
        let server = start(observer);
        let _open = open_in_every_way(&server);
        let requests = server.state().requests.len();
        drop(server);
        assert_eq!(ended.load(Ordering::Relaxed), requests);
        // Each thread has held the state, and the observer with it.
        assert_eq!(Arc::strong_count(&ended), 1);
    }

    /// As on Windows, where a shutdown does not wake a read.
    #[test]
    fn threads_end_without_a_shutdown() {
        let server = start(());
        let open = open_in_every_way(&server);
        let workers = server.shared.stop();
        assert_eq!(workers.len(), open.len());
        let (ended, all_ended) = channel();
        thread::spawn(move || {
            for worker in workers {
                worker.thread.join().unwrap();
            }
            ended.send(()).unwrap();
        });
        all_ended.recv_timeout(Duration::from_secs(30)).unwrap();
    }

    fn start(observer: impl Observer + 'static) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Server::start(listener, Box::new(observer)).unwrap()
    }

    /// Makes each thread that reads a request take its time to end.
    struct SlowToEnd(Arc<AtomicUsize>);

    impl Observer for SlowToEnd {
        fn arrived(&mut self, _: &Request, _: Option<&Fault>) {
            let ending = Ending(Arc::clone(&self.0));
            ENDING.set(Some(ending));
        }
    }

    thread_local! {
        static ENDING: Cell<Option<Ending>> = const { Cell::new(None) };
    }

    struct Ending(Arc<AtomicUsize>);

    impl Drop for Ending {
        fn drop(&mut self) {
            thread::sleep(Duration::from_millis(50));
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Connections whose threads wait for a client, each in another place.
    fn open_in_every_way(server: &Server) -> Vec<TcpStream> {
        const REQUEST: &[u8] = b"PATCH / HTTP/1.1\r\n\r\n";
        let never = Duration::MAX;
        let connect = |bytes: &[u8]| {
            let mut stream = TcpStream::connect(server.addr()).unwrap();
            stream.write_all(bytes).unwrap();
            stream
        };
        // For the two that wait in the middle of a request.
        let neutral = Fault::Delay(Duration::ZERO);
        server.state().faults.extend([neutral.clone(), neutral]);
        // Idle, in the middle of a head, in the middle of a body.
        let mut open = vec![
            connect(b""),
            connect(&REQUEST[..9]),
            connect(b"PATCH / HTTP/1.1\r\ncontent-length: 9\r\n\r\n{"),
        ];
        while !server.state().faults.is_empty() || server.state().workers.len() < open.len() {
            thread::yield_now();
        }
        for fault in [
            Fault::CloseAfterReading,
            Fault::Delay(never),
            // More than any system buffers for a client that does not read.
            Fault::Raw(vec![0; 64 << 20]),
            Fault::Stall,
            Fault::Trickle(never),
        ] {
            server.state().faults.push_back(fault);
            open.push(connect(REQUEST));
            while server.state().requests.len() + 3 < open.len() {
                thread::yield_now();
            }
        }
        open
    }
}
