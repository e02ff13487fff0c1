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

mod api;
mod http;
mod server;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::config::{Config, ConfigBuilder};

use self::api::{API_KEY, CUSTOMER, to_json};
#[cfg(test)]
pub(crate) use self::server::Log;
use self::server::Shared;

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
#[non_exhaustive]
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
///
/// # Example
///
/// ```
/// use paywithsoap::testing::{Fault, TestServer};
/// use paywithsoap::{CustomerPatch, update_customer};
///
/// let server = TestServer::start()?;
/// let cfg = server.config().build()?;
/// let patch = CustomerPatch::new().first_name("Jane");
///
/// // The client waits for so long, and tries again.
/// server.fail_next(Fault::respond(429, "").header("retry-after", "0"));
/// assert!(update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).is_ok());
/// assert_eq!(server.requests().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Reads the request, applies it, and closes without a response. Applied.
    CloseAfterReading,
    /// Closes when the request arrives, before reading it. Not applied, and
    /// not among the [`requests`](TestServer::requests).
    CloseBeforeReading,
    /// Waits for so long, and then goes on as usual. Applied, after the wait.
    Delay(Duration),
    /// Sends these bytes for a response, and closes. Not applied.
    Raw(Vec<u8>),
    /// Resets the connection when the request arrives, before reading it. Not
    /// applied, and not among the [`requests`](TestServer::requests).
    Reset,
    /// Responds with this instead, as [`Fault::respond`] makes it. Not applied.
    ///
    /// It is sent as it is; `content-length` is added where no header says how
    /// long the body is. The statuses 204 and 304 have no body in HTTP.
    #[non_exhaustive]
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

    /// Forgets the faults that no request has met yet.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
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

impl Fault {
    /// A response of this status and body, for [`Fault::Respond`].
    #[must_use]
    pub fn respond(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Respond {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// Adds a header to a [`Fault::Respond`].
    ///
    /// # Panics
    ///
    /// On any other fault.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let Self::Respond { headers, .. } = &mut self else {
            panic!("only Fault::Respond has headers");
        };
        headers.push((name.into(), value.into()));
        self
    }
}
