//! An in-process test server on 127.0.0.1 that responds as the real one does,
//! and fails as the real one may, for tests of your own program.
//!
//! # Example
//!
//! ```
//! use paywithsoap::testing::{Fault, TestServer};
//! use paywithsoap::{CustomerPatch, Outcome, update_customer};
//!
//! let server = TestServer::start()?;
//! let cfg = server.config().max_retries(0).build()?;
//! let patch = CustomerPatch::new().email("jane@example.com");
//!
//! // The change is applied, but nobody hears of it.
//! server.fail_next(Fault::CloseAfterReading);
//! let error = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).unwrap_err();
//! assert_eq!(error.outcome(), Outcome::Unknown);
//! assert!(server.customer(TestServer::CUSTOMER_ID).unwrap().contains("jane@example.com"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use crate::config::{Config, ConfigBuilder};
use crate::customer::NAMES;
use crate::format;

/// A stand-in for the API's `PATCH /api/v1/customers/{id}` on 127.0.0.1, with
/// customers that it remembers. It stops when it is dropped.
///
/// It checks the key (in either scheme), the content type and the body, and
/// refuses as the API does: 401 for another key, 404 for an unknown id or path,
/// 415 for another content type, 400 for what is not a JSON object, 422 for an
/// unknown or malformed field, none at all, or an e-mail address or phone number
/// that another customer has. What it accepts moves `updated_at` on.
pub struct TestServer {
    base_url: String,
    addr: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// A request that arrived whole.
///
/// Its [`Debug`] shows neither the key nor the body.
#[derive(Clone, Eq, PartialEq)]
pub struct Request {
    /// The method, like `PATCH`.
    pub method: String,
    /// The path, with the query if there was one.
    pub path: String,
    /// The headers in their order, names as they were written.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What goes wrong with one request. Each says whether the change is applied;
/// where it is, that is still subject to the server's usual checks.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Reads the request, applies it, and closes without a response. Applied.
    CloseAfterReading,
    /// Closes when the request arrives, before reading it. Not applied, and
    /// not among the [`requests`](TestServer::requests).
    CloseBeforeReading,
    /// Waits for so long, and then goes on as usual. Applied.
    Delay(Duration),
    /// Sends these bytes for a response, and closes. Not applied.
    Raw(Vec<u8>),
    /// Resets the connection when the request arrives, before reading it. Not
    /// applied, and not among the [`requests`](TestServer::requests).
    Reset,
    /// Responds with this; `content-length` is added where no header says how
    /// long the body is. Not applied.
    Respond {
        /// The status.
        status: u16,
        /// The headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// Reads the request, and never responds. Not applied.
    Stall,
    /// Applies the change, and sends the response byte by byte, with so long a
    /// pause before each. Applied.
    Trickle(Duration),
    /// Applies the change, sends so many bytes of the response, head included,
    /// and closes. Applied.
    Truncate(usize),
}

struct Shared {
    state: Mutex<State>,
    /// Notified when the server stops.
    stopped: Condvar,
}

#[derive(Default)]
struct State {
    customers: HashMap<String, Map<String, Value>>,
    requests: Vec<Request>,
    faults: VecDeque<Fault>,
    /// The open connections, to shut them down at the end.
    connections: HashMap<u64, TcpStream>,
    workers: Vec<JoinHandle<()>>,
    responded: u64,
    stopping: bool,
    #[cfg(test)]
    log: Log,
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

impl TestServer {
    /// The customer of the API's page, which is there from the start.
    pub const CUSTOMER_ID: &'static str = "cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V";

    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// Where the system gives no port or no thread.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            stopped: Condvar::new(),
        });
        let acceptor = thread::Builder::new()
            .name("paywithsoap-testing".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.accept(&listener)
            })?;
        let server = Self {
            base_url: format!("http://{addr}"),
            addr,
            shared,
            acceptor: Some(acceptor),
        };
        server.add_customer(CUSTOMER);
        Ok(server)
    }

    /// The URL to give to [`ConfigBuilder::base_url`].
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The only key that the server accepts.
    #[must_use]
    pub fn api_key(&self) -> &str {
        API_KEY
    }

    /// Settings for this server, ready to build.
    pub fn config(&self) -> ConfigBuilder {
        Config::builder(API_KEY).base_url(&self.base_url).no_proxy()
    }

    /// Adds a customer, or replaces the one of the same id.
    ///
    /// Fields that are left out are absent from responses, too.
    ///
    /// # Panics
    ///
    /// If `json` is not a JSON object with an `id` that is a string.
    pub fn add_customer(&self, json: &str) {
        let customer: Map<String, Value> =
            serde_json::from_str(json).expect("a customer must be a JSON object");
        let id = customer
            .get("id")
            .and_then(Value::as_str)
            .expect("a customer must have an id that is a string")
            .to_owned();
        self.shared.lock().customers.insert(id, customer);
    }

    /// The customer as it is now, as JSON.
    #[must_use]
    pub fn customer(&self, id: &str) -> Option<String> {
        self.shared.lock().customers.get(id).map(to_json)
    }

    /// The requests that arrived whole so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Makes a request go wrong: the next one, or the next after those that
    /// earlier calls of this have made to go wrong.
    pub fn fail_next(&self, fault: Fault) {
        self.shared.lock().faults.push_back(fault);
    }

    /// Stops, and tells what happened.
    #[cfg(test)]
    pub(crate) fn into_log(self) -> Log {
        let shared = Arc::clone(&self.shared);
        drop(self);
        std::mem::take(&mut shared.lock().log)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let workers = {
            let mut state = self.shared.lock();
            state.stopping = true;
            for connection in state.connections.values() {
                // An error means that it is closed already.
                let _ = connection.shutdown(Shutdown::Both);
            }
            std::mem::take(&mut state.workers)
        };
        self.shared.stopped.notify_all();
        // Wakes the acceptor, which then sees that it is to stop.
        let woken = TcpStream::connect(self.addr);
        if let Some(acceptor) = self.acceptor.take()
            && woken.is_ok()
        {
            // A panic in there has been printed.
            let _ = acceptor.join();
        }
        for worker in workers {
            let _ = worker.join();
        }
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panics must not take the others' server along.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
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

impl State {
    /// Applies a request, or refuses it.
    fn update(&mut self, request: &Request) -> Result<String, Response> {
        let id = match request.path.strip_prefix("/api/v1/customers/") {
            Some(id) if request.method == "PATCH" && !id.contains(['/', '?']) => id,
            _ => return Err(Response::error(404, "Not found", None)),
        };
        let key = request.header("authorization").unwrap_or_default();
        if key.strip_prefix("Bearer ").unwrap_or(key) != API_KEY {
            return Err(Response::error(
                401,
                "Unauthorized",
                Some("Check your API key"),
            ));
        }
        if !self.customers.contains_key(id) {
            return Err(Response::error(404, "Customer not found", None));
        }
        let media = request.header("content-type").unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        if !media.eq_ignore_ascii_case("application/json") {
            return Err(Response::error(
                415,
                "Unsupported media type",
                Some("Send application/json"),
            ));
        }
        // Not `Value`s, which read the text under a private key of serde_json as
        // JSON afresh: by that a body could nest deeper than the stack.
        let Ok(raw) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(&request.body) else {
            return Err(Response::error(400, "The body is not a JSON object", None));
        };
        // What is no string is refused as an empty one is.
        let text = |raw: &RawValue| serde_json::from_str(raw.get()).unwrap_or_default();
        let patch = raw.into_iter().map(|(name, raw)| (name, text(raw)));
        let patch: BTreeMap<String, String> = patch.collect();
        self.check(id, &patch)?;
        let customer = self.customers.entry(id.to_owned()).or_default();
        customer.extend(patch.into_iter().map(|(name, value)| (name, value.into())));
        // Moves on also where the clock stands still between two updates.
        let now = OffsetDateTime::now_utc();
        let updated_at = customer
            .get("updated_at")
            .and_then(|before| OffsetDateTime::parse(before.as_str()?, &Rfc3339).ok())
            .and_then(|before| before.checked_to_offset(UtcOffset::UTC))
            .and_then(|before| before.checked_add(time::Duration::MILLISECOND))
            .map_or(now, |next| next.max(now));
        customer.insert("updated_at".into(), timestamp(updated_at).into());
        #[cfg(test)]
        self.log.applied.push((id.to_owned(), request.body.clone()));
        Ok(to_json(customer))
    }

    /// Refuses what the API refuses of a body.
    fn check(&self, id: &str, patch: &BTreeMap<String, String>) -> Result<(), Response> {
        if patch.is_empty() {
            let hint = "Set at least one updatable field";
            return Err(Response::error(
                422,
                "No updatable field was given",
                Some(hint),
            ));
        }
        for (name, value) in patch {
            let (label, checked) = match name.as_str() {
                "email" => ("Email", format::email(value)),
                "first_name" => ("First name", format::name(value)),
                "last_name" => ("Last name", format::name(value)),
                "phone_number" => ("Phone number", format::phone_number(value)),
                "date_of_birth" => ("Date of birth", format::date_of_birth(value).map(drop)),
                _ => return Err(Response::error(422, "Unrecognized field", None)),
            };
            if let Err(rule) = checked {
                return Err(Response::error(
                    422,
                    &format!("{label} is invalid"),
                    Some(rule),
                ));
            }
            if matches!(name.as_str(), "email" | "phone_number") && self.is_taken(id, name, value) {
                return Err(Response::error(
                    422,
                    &format!("{label} has already been taken"),
                    None,
                ));
            }
        }
        Ok(())
    }

    /// Whether another customer has this value.
    fn is_taken(&self, id: &str, name: &str, value: &str) -> bool {
        self.customers.iter().any(|(other, customer)| {
            other != id
                && customer
                    .get(name)
                    .and_then(Value::as_str)
                    .is_some_and(|taken| taken.eq_ignore_ascii_case(value))
        })
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| match name.to_ascii_lowercase().as_str() {
                "authorization" => (name, ".."),
                _ => (name, value.as_str()),
            })
            .collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &headers)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

impl Request {
    /// The first header of this name, in any case.
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn wants_close(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// What goes back, without the parts that depend on the connection.
struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    /// An error response in the form that has been seen of the real API.
    fn error(status: u16, error: &str, hint: Option<&str>) -> Self {
        let body = match hint {
            Some(hint) => json!({ "error": error, "hint": hint }),
            None => json!({ "error": error }),
        };
        Self {
            status,
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        }
    }

    fn to_bytes(&self, last: bool) -> Vec<u8> {
        let framed = self.headers.iter().any(|(name, _)| {
            name.eq_ignore_ascii_case("content-length")
                || name.eq_ignore_ascii_case("transfer-encoding")
        });
        // RFC 9110, 8.6: none for what has no body.
        let length = (!framed && !matches!(self.status, 100..=199 | 204 | 304))
            .then(|| ("content-length".into(), self.body.len().to_string()));
        let close = last.then(|| ("connection".into(), "close".into()));
        let mut bytes = format!("HTTP/1.1 {} \r\n", self.status).into_bytes();
        for (name, value) in self.headers.iter().chain(&length).chain(&close) {
            bytes.extend([name, ": ", value, "\r\n"].map(str::as_bytes).concat());
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        bytes
    }
}

/// Reads a request; `None` for what is not one.
fn read_request(
    reader: &mut BufReader<&TcpStream>,
    mut stream: &TcpStream,
) -> io::Result<Option<Request>> {
    let mut head = reader.by_ref().take(HEAD_MOST);
    let mut line = || {
        let mut line = Vec::new();
        head.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    };
    let start = line()?;
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            return Ok(None);
        };
        headers.push((name.into(), value.trim().into()));
    }
    let mut words = start.split(' ');
    let (Some(method), Some(path), Some("HTTP/1.1"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Ok(None);
    };
    let mut request = Request {
        method: method.into(),
        path: path.into(),
        headers,
        body: Vec::new(),
    };
    let length = match request.header("content-length").map(str::parse::<u64>) {
        None if request.header("transfer-encoding").is_none() => 0,
        Some(Ok(length)) if length <= BODY_MOST => length,
        _ => return Ok(None),
    };
    if request.header("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let read = reader
        .by_ref()
        .take(length)
        .read_to_end(&mut request.body)?;
    if read as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(request))
}

fn send(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)
}

/// Ends a connection in good order: with an end of stream, where unread bytes
/// would make it a reset.
fn drain(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    io::copy(&mut stream, &mut io::sink())?;
    Ok(())
}

/// A customer's fields in the order of the API's page, then any others.
fn to_json(customer: &Map<String, Value>) -> String {
    let known = NAMES
        .iter()
        .filter_map(|name| customer.get_key_value(*name));
    let others = customer
        .iter()
        .filter(|(name, _)| !NAMES.contains(&name.as_str()));
    let fields: Vec<_> = known
        .chain(others)
        .map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())))
        .collect();
    format!("{{{}}}", fields.join(","))
}

/// A time as the API writes it, to the millisecond.
fn timestamp(at: OffsetDateTime) -> String {
    format!(
        "{}T{:02}:{:02}:{:02}.{:03}Z",
        at.date(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

const API_KEY: &str = "test-key-8Jw2cQe5Zr";

/// The customer of the API's page.
const CUSTOMER: &str = r#"{
  "id": "cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V",
  "internal_id": "cust_123",
  "email": "customer@example.com",
  "first_name": "Jane",
  "last_name": "Doe",
  "phone_number": "5551234567",
  "date_of_birth": "1990-01-01",
  "created_at": "2025-03-10T16:08:14.427Z",
  "updated_at": "2025-03-12T09:15:42.001Z"
}"#;

/// The longest head and body that the server reads.
const HEAD_MOST: u64 = 64 * 1024;
const BODY_MOST: u64 = 1024 * 1024;
