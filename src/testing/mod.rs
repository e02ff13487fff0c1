//! An in-process test server on 127.0.0.1 (or [another address](TestServer::bind))
//! that responds as the real one does, and fails as the real one may, for tests of
//! your own program.
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
//! // The change is applied, but no response arrives.
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
use std::net::{Ipv4Addr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use serde_json::{Map, Value};

use self::api::API_KEY;
pub(crate) use self::server::Observer;
use self::server::Server;
use crate::config::{Config, ConfigBuilder};

/// A stand-in for the API's `PATCH /api/v1/customers/{id}` on 127.0.0.1, with
/// customers that it remembers. It stops when it is dropped, whatever its
/// clients do.
///
/// It checks the key (in either scheme), the content type and the body, and
/// responds as the API does:
///
/// | status | to what |
/// |---|---|
/// | 200 | an update: the customer as it is now, with an `updated_at` that has moved on |
/// | 400 | a body that is not a JSON object, or a request that is not HTTP |
/// | 401 | another key, or none |
/// | 404 | an unknown id, path or method |
/// | 411 | a body that is sent in chunks |
/// | 413, 431 | a body over 1 MiB, or a head over 64 KiB |
/// | 415 | another content type than `application/json` |
/// | 422 | no field, an unknown or malformed one, or an e-mail address or phone number that another customer has |
/// | 505 | another version of HTTP than 1.1 |
///
/// Of a field that a body repeats, the last value counts.
///
/// # Example
///
/// ```
/// use paywithsoap::testing::TestServer;
/// use paywithsoap::{CustomerPatch, update_customer};
///
/// let server = TestServer::start()?;
/// server.add_customer(r#"{"id":"cus_2","email":"ann@example.com"}"#);
///
/// let cfg = server.config().build()?;
/// let patch = CustomerPatch::new().email("ann@example.com");
/// let error = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).unwrap_err();
/// assert_eq!(error.status(), Some(422));
/// assert_eq!(error.api().unwrap().message(), Some("Email has already been taken"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TestServer {
    base_url: String,
    server: Server,
}

/// A request that arrived whole.
///
/// Its [`Debug`] shows neither the key nor the body, and no value of a header that a
/// caller has set.
///
/// # Example
///
/// ```
/// use paywithsoap::testing::TestServer;
/// use paywithsoap::{CustomerPatch, update_customer};
///
/// let server = TestServer::start()?;
/// let patch = CustomerPatch::new().first_name("Jane");
/// update_customer(&server.config().build()?, TestServer::CUSTOMER_ID, &patch)?;
///
/// let request = &server.requests()[0];
/// assert_eq!(request.method, "PATCH");
/// assert_eq!(request.body, br#"{"first_name":"Jane"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// The method, like `PATCH`.
    pub method: String,
    /// The path, with the query if there was one.
    pub path: String,
    /// The headers in their order, names as they were written. Bytes that are
    /// not UTF-8 are replaced by U+FFFD.
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
        Self::start_observed(())
    }

    /// Starts a server on an address of choice, as a mock for other hosts of a test
    /// network. Port 0 stands for a free one.
    ///
    /// [`base_url`](Self::base_url) names the address as bound, and
    /// [`config`](Self::config) allows plain `http` to it. Where the address is
    /// unspecified (`0.0.0.0` or `[::]`, for all of this machine's), `config` names
    /// this machine in its place. Other hosts use a name or address of this
    /// machine, with [`danger_allow_http`](ConfigBuilder::danger_allow_http).
    ///
    /// Whoever reaches the address may use the server: its key is no secret.
    /// `examples/test_server.rs` of the crate's sources is a program of it.
    ///
    /// # Errors
    ///
    /// Where the system does not give the address, or gives no thread.
    ///
    /// # Example
    ///
    /// ```
    /// use paywithsoap::testing::TestServer;
    /// use paywithsoap::{CustomerPatch, update_customer};
    ///
    /// let server = TestServer::bind("127.0.0.1:0")?;
    /// println!("listening on {}", server.base_url());
    ///
    /// let cfg = server.config().build()?;
    /// let patch = CustomerPatch::new().first_name("Jane");
    /// update_customer(&cfg, TestServer::CUSTOMER_ID, &patch)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        Self::serve(TcpListener::bind(addr)?, Box::new(()))
    }

    /// Starts a server that tells `observer` what it does.
    pub(crate) fn start_observed(observer: impl Observer + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Self::serve(listener, Box::new(observer))
    }

    fn serve(listener: TcpListener, observer: Box<dyn Observer>) -> io::Result<Self> {
        let server = Server::start(listener, observer)?;
        let server = Self {
            base_url: format!("http://{}", server.addr()),
            server,
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
        let addr = self.server.local_addr();
        Config::builder(API_KEY)
            .base_url(format!("http://{addr}"))
            .danger_allow_http(addr.ip().to_string())
            // Not even one that a later change would use for loopback.
            .no_proxy()
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
        self.server.state().api.add(&id, customer);
    }

    /// The customer as it is now, as JSON.
    #[must_use]
    pub fn customer(&self, id: &str) -> Option<String> {
        self.server.state().api.customer(id)
    }

    /// The requests that arrived whole so far, in order.
    ///
    /// The server responds to the first with the `x-request-id` `req_1`, to the
    /// second with `req_2`, and so on.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        // Clones: the server goes on while the caller looks at them.
        let state = self.server.state();
        state.requests.iter().map(|r| Request::clone(r)).collect()
    }

    /// Forgets the requests that arrived so far, which else are kept until the
    /// server is dropped. Their numbers are not used again.
    pub fn clear_requests(&self) {
        self.server.state().requests.clear();
    }

    /// Makes a request go wrong: the next one, or the next after those that
    /// earlier calls of this have made to go wrong.
    pub fn fail_next(&self, fault: Fault) {
        self.server.state().faults.push_back(fault);
    }

    /// Forgets the faults that no request has met yet.
    pub fn clear_faults(&self) {
        self.server.state().faults.clear();
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
            // The key, and whatever a caller has set, are secrets.
            .map(|(name, value)| match name.to_ascii_lowercase().as_str() {
                "accept" | "content-length" | "content-type" | "host" | "user-agent" => {
                    (name, value.as_str())
                }
                _ => (name, ".."),
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
