//! The settings of calls, ready to use.

mod builder;

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use ureq::http::header::AUTHORIZATION;
use ureq::http::{HeaderMap, HeaderName, HeaderValue};

pub use self::builder::ConfigBuilder;
use crate::attempt::OnAttempt;
use crate::connection::Network;
use crate::error::Error;
use crate::process::Process;
use crate::url::Url;

/// The settings of calls to the API, checked, and the connections that they
/// share.
///
/// Cloning is cheap, and clones share their connections: make one `Config` and
/// keep it. It may be used from many threads at a time.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use paywithsoap::Config;
///
/// let cfg = Config::builder("not-a-real-key")
///     .base_url("http://localhost:8080/api/v1/")
///     .timeout(Duration::from_secs(10))
///     .build()?;
/// assert_eq!(cfg.base_url(), "http://localhost:8080");
/// # Ok::<(), paywithsoap::Error>(())
/// ```
#[derive(Clone)]
pub struct Config {
    pub(crate) settings: Arc<Settings>,
    // Apart from the shared settings, so that `with_header` and `with_timeout`
    // change no clone.
    pub(crate) headers: Arc<[Header]>,
    timeout: Duration,
}

/// A header that every request has besides the client's own.
type Header = (HeaderName, HeaderValue);

/// What a `Config` and all that are made of it have in common.
pub(crate) struct Settings {
    network: Arc<Network>,
    process: Process,
    /// Kept beside the header made of it, for errors to recognize.
    api_key: String,
    base_url: Url,
    /// The client's own, key included.
    pub(crate) own_headers: HeaderMap,
    pub(crate) max_retries: u32,
    pub(crate) retry_unknown: bool,
    pub(crate) on_attempt: Option<OnAttempt>,
}

// A call that panics drops its connection, and leaves nothing half done behind.
impl UnwindSafe for Config {}
impl RefUnwindSafe for Config {}

/// How the API key is written into the `Authorization` header.
///
/// The API's page contradicts itself: its prose says bearer token, its samples
/// send the bare key. The sample program `Soap-Payments/sample-code` on GitHub
/// sends a bearer token. Where one is rejected with 401, try the other.
///
/// # Example
///
/// ```
/// use paywithsoap::{AuthScheme, Config};
///
/// let cfg = Config::builder("not-a-real-key")
///     .base_url("http://localhost:8080")
///     .auth_scheme(AuthScheme::Raw)
///     .build()?;
/// # Ok::<(), paywithsoap::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AuthScheme {
    /// `Authorization: Bearer KEY`, the default.
    Bearer,
    /// `Authorization: KEY`, as in the page's samples.
    Raw,
}

impl Config {
    /// Settings for the sandbox, `https://api-sandbox.paywithsoap.com`, all
    /// others at their defaults.
    ///
    /// # Errors
    ///
    /// As [`ConfigBuilder::build`].
    pub fn sandbox(api_key: &str) -> Result<Self, Error> {
        Self::builder(api_key).build()
    }

    /// Settings for production, `https://api.paywithsoap.com`, all others at
    /// their defaults.
    ///
    /// # Errors
    ///
    /// As [`ConfigBuilder::build`].
    pub fn production(api_key: &str) -> Result<Self, Error> {
        Self::builder(api_key).production().build()
    }

    /// Settings from the environment: `SOAP_API_KEY`, and `SOAP_API_URL` and
    /// `SOAP_API_CA` where they are set.
    ///
    /// [`ConfigBuilder::from_env`] says what they are, and takes further
    /// settings.
    ///
    /// # Errors
    ///
    /// As [`ConfigBuilder::build`], with violations under the names of the
    /// variables.
    pub fn from_env() -> Result<Self, Error> {
        ConfigBuilder::from_env().build()
    }

    /// Settings to choose, for the sandbox unless
    /// [`base_url`](ConfigBuilder::base_url) or
    /// [`production`](ConfigBuilder::production) says otherwise.
    pub fn builder(api_key: &str) -> ConfigBuilder {
        ConfigBuilder::new(api_key)
    }

    /// The same settings and connections with another
    /// [`timeout`](ConfigBuilder::timeout), for one call or for many.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use paywithsoap::{CustomerPatch, update_customer};
    /// use paywithsoap::testing::TestServer;
    ///
    /// let server = TestServer::start()?;
    /// let cfg = server.config().build()?;
    /// let patch = CustomerPatch::new().first_name("Jane");
    ///
    /// let soon = cfg.with_timeout(Duration::from_secs(3));
    /// update_customer(&soon, TestServer::CUSTOMER_ID, &patch)?;
    /// assert_eq!(cfg.timeout(), Duration::from_secs(30));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            timeout,
            ..self.clone()
        }
    }

    /// The same settings and connections with one more
    /// [`header`](ConfigBuilder::header), such as a trace id, for one call or for
    /// many. It replaces a header of the same name.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), with one violation of
    /// `header`, by the rules of [`ConfigBuilder::header`].
    ///
    /// # Example
    ///
    /// ```
    /// use paywithsoap::{CustomerPatch, update_customer};
    /// use paywithsoap::testing::TestServer;
    ///
    /// let server = TestServer::start()?;
    /// let cfg = server.config().build()?;
    /// let patch = CustomerPatch::new().first_name("Jane");
    ///
    /// let traced = cfg.with_header("x-trace-id", "7f3a-0001")?;
    /// update_customer(&traced, TestServer::CUSTOMER_ID, &patch)?;
    /// let sent = ("x-trace-id".into(), "7f3a-0001".into());
    /// assert!(server.requests()[0].headers.contains(&sent));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_header(
        &self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, Error> {
        let invalid = |violation| Error::invalid(vec![violation]);
        let header = builder::check_header(&name.into(), &value.into()).map_err(invalid)?;
        let others = self.headers.iter().filter(|other| other.0 != header.0);
        let headers: Arc<[_]> = others.chain([&header]).cloned().collect();
        builder::check_size(&headers).map_err(invalid)?;
        Ok(Self {
            headers,
            ..self.clone()
        })
    }

    /// The base URL, without `/` at its end and without `/api/v1`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.settings.base_url.text
    }

    /// The longest that a call takes, retries and all.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn network(&self) -> &Arc<Network> {
        &self.settings.network
    }

    /// What belongs to the process that asks.
    pub(crate) fn process(&self) -> &Process {
        self.settings.process.current()
    }

    /// How many bytes key and headers have in a request.
    pub(crate) fn head_size(&self) -> usize {
        self.settings.own_headers[AUTHORIZATION].len() + size(&self.headers)
    }

    /// What must not show in any message: the key and the value of every header.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let values = self.headers.iter();
        let values = values.filter_map(|(_, value)| value.to_str().ok());
        [self.settings.api_key.as_str()].into_iter().chain(values)
    }
}

/// How many bytes names and values have together.
fn size(headers: &[Header]) -> usize {
    let size = |(name, value): &Header| name.as_str().len() + value.len();
    headers.iter().map(size).sum()
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers = self.headers.iter();
        let headers: Vec<_> = headers.map(|(name, _)| name.as_str()).collect();
        let network = self.network();
        f.debug_struct("Config")
            .field("base_url", &self.base_url())
            .field("timeout", &self.timeout)
            .field("connect_timeout", &network.connect_timeout)
            .field("max_retries", &self.settings.max_retries)
            .field("retry_unknown", &self.settings.retry_unknown)
            .field("headers", &headers)
            // Whether, and not which: its URL may hold a password.
            .field("proxied", &network.route.proxy.is_some())
            .field("from_env", &network.route.is_from_env)
            .finish_non_exhaustive()
    }
}
