//! Settings to choose: checked one by one, reported together.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use ureq::http::{HeaderMap, HeaderName, HeaderValue};

use super::{AuthScheme, Config, Header, Settings};
use crate::attempt::{Attempt, OnAttempt};
use crate::connection::{Network, PRODUCT};
use crate::error::Error;
use crate::failure::{self, Route};
use crate::format::{self, NOT_UTF8, OfField, Rule, Violation};
use crate::process::Process;
use crate::proxy::{self, Proxy};
use crate::tls;
use crate::url::{self, Url};

/// Settings on their way to a [`Config`].
///
/// Setters take anything; [`build`](Self::build) reports every problem at once.
/// Their order does not matter, and the last call of each wins. Every setter
/// exists in every feature set: what a set cannot do is a violation.
///
/// # Example
///
/// ```
/// use paywithsoap::Config;
///
/// let error = Config::builder("")
///     .base_url("http://api.paywithsoap.com")
///     .build()
///     .unwrap_err();
/// let fields: Vec<_> = error.violations().iter().map(|v| v.field()).collect();
/// assert_eq!(fields, ["api_key", "base_url"]);
/// ```
#[derive(Clone)]
#[must_use]
pub struct ConfigBuilder {
    api_key: Result<String, Violation>,
    /// With the name of the setting or variable that it is from.
    base_url: Result<(&'static str, Url), Violation>,
    auth_scheme: AuthScheme,
    timeout: Duration,
    connect_timeout: Duration,
    max_retries: u32,
    retry_unknown: bool,
    user_agent: Result<HeaderValue, Violation>,
    /// Each by the name that it was given.
    headers: Vec<(String, Result<Header, Violation>)>,
    http_hosts: Vec<Result<String, Violation>>,
    on_attempt: Option<OnAttempt>,
    proxy: ProxySetting,
    root_certificates: Result<Option<tls::Roots>, Violation>,
    system_roots: bool,
    from_env: bool,
}

#[derive(Clone, Debug)]
enum ProxySetting {
    Environment,
    Never,
    Url(Result<Proxy, Violation>),
}

// It calls nothing, and is taken apart by value.
impl UnwindSafe for ConfigBuilder {}
impl RefUnwindSafe for ConfigBuilder {}

impl ConfigBuilder {
    pub(super) fn new(api_key: &str) -> Self {
        Self {
            api_key: format::api_key(api_key.into()).of("api_key"),
            // Checked, since it is a violation too in a build without TLS.
            base_url: check_base_url("base_url", SANDBOX),
            auth_scheme: AuthScheme::Bearer,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            max_retries: 2,
            retry_unknown: false,
            user_agent: Ok(HeaderValue::from_static(PRODUCT)),
            headers: Vec::new(),
            http_hosts: Vec::new(),
            on_attempt: None,
            proxy: ProxySetting::Environment,
            root_certificates: Ok(None),
            system_roots: false,
            from_env: false,
        }
    }

    /// Reads settings from the environment:
    ///
    /// - `SOAP_API_KEY`: the API key;
    /// - `SOAP_API_URL`: the [`base_url`](Self::base_url), or the sandbox where
    ///   it is unset;
    /// - `SOAP_API_CA`: the absolute path of a PEM file for
    ///   [`root_certificates`](Self::root_certificates), a regular file of at
    ///   most 1 MiB, which is read at once.
    ///
    /// An empty variable counts as unset. What is wrong with one is a violation
    /// under its name, which [`build`](Self::build) reports; a setter that is
    /// called afterwards wins.
    ///
    /// The environment so decides which server gets the key, and which roots are
    /// trusted. A program with more rights than whoever starts it should use
    /// [`Config::builder`], [`no_proxy`](Self::no_proxy), and the built-in roots or
    /// [`root_certificates`](Self::root_certificates): `native-tls` and
    /// [`system_roots`](Self::system_roots) trust what `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` name on Linux.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use paywithsoap::ConfigBuilder;
    ///
    /// let cfg = ConfigBuilder::from_env().max_retries(0).build()?;
    /// # Ok::<(), paywithsoap::Error>(())
    /// ```
    pub fn from_env() -> Self {
        let api_key = env_text(KEY_VARIABLE)
            .and_then(|key| format::api_key(key.ok_or("must be set to your API key")?))
            .of(KEY_VARIABLE);
        let base_url = env_text(URL_VARIABLE)
            .of(URL_VARIABLE)
            .and_then(|url| check_base_url(URL_VARIABLE, url.as_deref().unwrap_or(SANDBOX)));
        // As the system has it: a path need not be UTF-8.
        let root_certificates = variable(CA_VARIABLE)
            .map(|path| tls::roots_from_file(Path::new(&path)))
            .transpose()
            .of(CA_VARIABLE);
        Self {
            api_key,
            base_url,
            root_certificates,
            from_env: true,
            ..Self::new("")
        }
    }

    /// Sets the API key: 1 to 8192 visible ASCII characters, without `Bearer `.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = format::api_key(key.into()).of("api_key");
        self
    }

    /// Sets the URL that `/api/v1/customers/{id}` is put after, with or
    /// without a trailing `/` or `/api/v1`.
    ///
    /// `https`, or `http` for `localhost`, 127.0.0.0/8, `[::1]` and hosts set by
    /// [`danger_allow_http`](Self::danger_allow_http) only, since the key travels in
    /// a header. At most 2048 bytes of ASCII; a path is kept, for gateways; no user
    /// name, query, fragment, `.` or `..` segment. The last of this and
    /// [`production`](Self::production) wins. Defaults to the sandbox,
    /// `https://api-sandbox.paywithsoap.com`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = check_base_url("base_url", &url.into());
        self
    }

    /// Sets the base URL to production, `https://api.paywithsoap.com`.
    pub fn production(self) -> Self {
        self.base_url(PRODUCTION)
    }

    /// Sets how the key is written into the `Authorization` header. Defaults
    /// to [`AuthScheme::Bearer`].
    pub fn auth_scheme(mut self, scheme: AuthScheme) -> Self {
        self.auth_scheme = scheme;
        self
    }

    /// Sets the longest that a call takes: lookups, connects, proxies, sends,
    /// responses, retries and the waits between them. Defaults to 30 s.
    ///
    /// Any duration will do. Zero ends each call at once, with nothing tried;
    /// [`Duration::MAX`] is no limit.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the longest that getting a connection takes, within
    /// [`timeout`](Self::timeout): name lookup, TCP, proxy and TLS together.
    /// Defaults to 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how many times a call is tried again where that is safe and may work.
    /// Defaults to 2; 0 means a single attempt.
    ///
    /// That is after 408, 425 and 429, where nothing was sent and the failure may
    /// pass (not a bad certificate), and wherever
    /// [`retry_unknown`](Self::retry_unknown) allows it.
    ///
    /// How long the delay before each is, stands on the [crate page](crate#retries).
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// Sets whether a call is also tried again where it may have been applied.
    /// Defaults to false.
    ///
    /// That is after 500, 502, 503, 504 and 520 to 524, and after a request that got
    /// no complete head of a response: the server disconnected, was silent, or did
    /// not send HTTP. It is not so after 2xx with a body that cannot be read.
    ///
    /// The change may then be applied twice, and overwrite a change that
    /// somebody else made in between.
    pub fn retry_unknown(mut self, retry: bool) -> Self {
        self.retry_unknown = retry;
        self
    }

    /// Sets the product that is put before the crate's own in the `User-Agent`
    /// header, like `shop/2.1`: 1 to 256 printable ASCII characters. Defaults
    /// to none.
    pub fn user_agent(mut self, product: impl Into<String>) -> Self {
        let product = product.into();
        self.user_agent = format::user_agent(&product)
            .map(|()| header_value(&format!("{product} {PRODUCT}")))
            .of("user_agent");
        self
    }

    /// Sets a header that is sent with every request, as a gateway may want it.
    ///
    /// [`Config::with_header`] sets one for some calls, such as a trace id.
    ///
    /// The last of a name wins, whatever the case of its letters; white space
    /// around the value is dropped. A value is a secret like the key: it does
    /// not show in any message, and does not go to a proxy. Defaults to none.
    ///
    /// The name must be a token, the value visible ASCII, spaces and tabs, and
    /// all names and values at most 8 KiB together. Names that HTTP or this
    /// client owns, or that would change what a call means, are violations, with
    /// `_` for `-` too:
    ///
    /// - accept, accept-encoding, authorization, connection, content-*, cookie,
    ///   expect, host, idempotency-key, if-*, keep-alive;
    /// - proxy-*, range, te, trailer, transfer-encoding, upgrade, user-agent,
    ///   x-http-method, x-http-method-override, x-method-override.
    ///
    /// # Example
    ///
    /// ```
    /// let cfg = paywithsoap::Config::builder("not-a-real-key")
    ///     .base_url("http://localhost:8080")
    ///     .header("x-gateway-token", "not-a-real-token")
    ///     .build()?;
    /// # Ok::<(), paywithsoap::Error>(())
    /// ```
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        let checked = check_header(&name, &value.into());
        // By the name as given, so that a bad header is replaced by a good one, too.
        self.headers
            .retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
        self.headers.push((name, checked));
        self
    }

    /// Lets the base URL be plain `http` to exactly this host, at any port: a mock in
    /// a container network, or a sidecar that adds TLS. Call it once for each of
    /// several hosts. Defaults to none but this machine.
    ///
    /// **Whoever can see the network between this machine and the host sees the API
    /// key and the customers' data, and can change both.**
    ///
    /// A host name in any case, or an address; IPv6 with or without brackets. The
    /// hosts of the API itself are violations. Such a host is never called by a
    /// proxy, not even by the environment's. There is no variable for this setting:
    /// `SOAP_API_URL` may name the host where the program allows it.
    ///
    /// # Example
    ///
    /// ```
    /// let cfg = paywithsoap::Config::builder("not-a-real-key")
    ///     .danger_allow_http("soap-mock")
    ///     .base_url("http://soap-mock:8080")
    ///     .build()?;
    /// # Ok::<(), paywithsoap::Error>(())
    /// ```
    pub fn danger_allow_http(mut self, host: impl Into<String>) -> Self {
        let host = check_http_host(&host.into());
        self.http_hosts.push(host.of("danger_allow_http"));
        self
    }

    /// Sets a function that is called after each attempt of a call, before any delay,
    /// to count attempts or to log them. The last one wins. Defaults to none.
    ///
    /// It runs on the thread of the call, with no lock held. Its own time comes on top
    /// of the call's [`timeout`](Self::timeout): where it outlasts that, no further
    /// attempt follows, and what has been applied is returned as such. A panic in it
    /// reaches the caller of [`update_customer`](crate::update_customer), who then does
    /// not know the outcome; the settings stay usable.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// use paywithsoap::testing::{Fault, TestServer};
    /// use paywithsoap::{CustomerPatch, update_customer};
    ///
    /// let attempts = Arc::new(AtomicU32::new(0));
    /// let retries = Arc::new(AtomicU32::new(0));
    ///
    /// let server = TestServer::start()?;
    /// let (all, again) = (Arc::clone(&attempts), Arc::clone(&retries));
    /// let cfg = server
    ///     .config()
    ///     .on_attempt(move |attempt| {
    ///         all.fetch_add(1, Ordering::Relaxed);
    ///         again.fetch_add(attempt.retry_in().is_some().into(), Ordering::Relaxed);
    ///     })
    ///     .build()?;
    ///
    /// server.fail_next(Fault::respond(429, ""));
    /// let patch = CustomerPatch::new().first_name("Jane");
    /// let customer = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch)?;
    /// assert_eq!(customer.attempts(), 2);
    /// assert_eq!(attempts.load(Ordering::Relaxed), 2);
    /// assert_eq!(retries.load(Ordering::Relaxed), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_attempt(mut self, call: impl Fn(&Attempt) + Send + Sync + 'static) -> Self {
        self.on_attempt = Some(Arc::new(call));
        self
    }

    /// Sets the proxy that every call goes through, by CONNECT: an `http` or
    /// `https` URL, with %-encoded user name and password where it wants them.
    ///
    /// Needs an `https` base URL: over `http`, the proxy would see the key.
    ///
    /// Defaults to the environment's: the first non-empty of `https_proxy`,
    /// `HTTPS_PROXY`, `all_proxy` and `ALL_PROXY`, read by
    /// [`build`](Self::build). That one is not used for `http`, nor for this machine,
    /// nor for hosts that `no_proxy` or `NO_PROXY` lists, separated by commas. A name
    /// stands for its subdomains too, with or without a leading dot. Addresses may
    /// have a prefix length, like `10.0.0.0/8`; `*` is for all.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = ProxySetting::Url(proxy::check(proxy::SETTING, &url.into()));
        self
    }

    /// Uses no proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = ProxySetting::Never;
        self
    }

    /// Sets the certificates, as PEM, that are trusted instead of any other
    /// roots.
    ///
    /// Every block that begins must be a certificate; text between blocks,
    /// private keys and a byte order mark are skipped. Defaults to those of the
    /// TLS backend: Mozilla's, built in, for `rustls` and `rustls-no-provider`;
    /// the system's for `native-tls`.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        let roots = tls::roots(&pem.into()).map(Some);
        self.root_certificates = roots.of("root_certificates");
        self
    }

    /// Sets whether rustls trusts the system's roots in place of the built-in
    /// ones: on Linux those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, where these
    /// are set. Needs the feature `platform-verifier`. Defaults to false.
    pub fn system_roots(mut self, system: bool) -> Self {
        self.system_roots = system;
        self
    }

    /// Checks the settings, and makes them ready. Opens no connection.
    ///
    /// With an `https` URL and the system's roots, those of `native-tls` or of
    /// [`system_roots`](Self::system_roots), this loads them, so that no call has to:
    /// OpenSSL takes some 50 ms.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), with every violation: a value
    /// that is not of its format, a proxy of the environment that is not
    /// usable, or a setting that the enabled features cannot serve.
    pub fn build(self) -> Result<Config, Error> {
        let base_url = self.checked_base_url();
        let proxy = self.effective_proxy(base_url.as_ref().ok());
        let all_headers = self.headers.iter().map(|(_, header)| header);
        let headers: Arc<[_]> = all_headers.clone().flatten().cloned().collect();
        let size = check_size(&headers);
        let https = base_url.as_ref().is_ok_and(|url| url.tls);
        let system_roots = tls::check_system_roots(self.system_roots, https).of("system_roots");
        let mut violations = Vec::new();
        violations.extend(violation(&self.api_key));
        violations.extend(violation(&base_url));
        violations.extend(violation(&self.user_agent));
        violations.extend(all_headers.filter_map(violation));
        violations.extend(violation(&size));
        violations.extend(self.http_hosts.iter().filter_map(violation));
        violations.extend(violation(&proxy));
        violations.extend(violation(&self.root_certificates));
        violations.extend(violation(&system_roots));
        let (Ok(api_key), Ok(base_url), Ok(user_agent), Ok(proxy), Ok(roots), []) = (
            self.api_key,
            base_url,
            self.user_agent,
            proxy,
            self.root_certificates,
            // What is wrong with any other setting shows here alone.
            violations.as_slice(),
        ) else {
            return Err(Error::invalid(violations));
        };
        let reads_system = self.system_roots || tls::IS_NATIVE;
        let route = Route {
            host: base_url.host.clone(),
            proxy,
            issuer_advice: failure::issuer_advice(roots.is_some(), reads_system),
            is_from_env: self.from_env,
        };
        let invalid = |violation| Error::invalid(vec![violation]);
        let network = Network::new(route, roots, self.system_roots, self.connect_timeout);
        let network = network.map_err(invalid)?;
        if https && reads_system {
            network.prepare_tls().of("system_roots").map_err(invalid)?;
        }
        let mut authorization = match self.auth_scheme {
            AuthScheme::Bearer => header_value(&format!("Bearer {api_key}")),
            AuthScheme::Raw => header_value(&api_key),
        };
        authorization.set_sensitive(true);
        let settings = Settings {
            network,
            process: Process::new(),
            own_headers: HeaderMap::from_iter([
                (AUTHORIZATION, authorization),
                (CONTENT_TYPE, JSON),
                (ACCEPT, JSON),
                (ACCEPT_ENCODING, IDENTITY),
                (USER_AGENT, user_agent),
            ]),
            api_key,
            base_url,
            max_retries: self.max_retries,
            retry_unknown: self.retry_unknown,
            on_attempt: self.on_attempt,
        };
        Ok(Config {
            settings: Arc::new(settings),
            headers,
            timeout: self.timeout,
        })
    }

    fn checked_base_url(&self) -> Result<Url, Violation> {
        let (field, url) = self.base_url.clone()?;
        url.check_http(self.http_hosts.iter().flatten()).of(field)?;
        Ok(url)
    }

    /// The proxy that calls to a valid URL go through, if any: set, or the environment's.
    fn effective_proxy(&self, base_url: Option<&Url>) -> Result<Option<Proxy>, Violation> {
        match (&self.proxy, base_url) {
            // What is wrong with the proxy itself is reported first.
            (ProxySetting::Url(Ok(_)), Some(url)) if !url.tls => {
                Err("must not be set for an `http` base URL: the proxy would see the key")
                    .of(proxy::SETTING)
            }
            (ProxySetting::Url(proxy), _) => proxy.clone().map(Some),
            (ProxySetting::Environment, Some(url)) => proxy::from_env(url, variable),
            // Whether the environment's proxy applies depends on the host.
            (ProxySetting::Environment, None) | (ProxySetting::Never, _) => Ok(None),
        }
    }
}

impl fmt::Debug for ConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base_url = self.checked_base_url().map(|url| url.text);
        let headers = self.headers.iter();
        let headers: Vec<_> = headers
            .map(|(_, header)| header.as_ref().map(|(name, _)| name.as_str()))
            .collect();
        f.debug_struct("ConfigBuilder")
            .field("base_url", &base_url)
            .field("auth_scheme", &self.auth_scheme)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_retries", &self.max_retries)
            .field("retry_unknown", &self.retry_unknown)
            .field("user_agent", &self.user_agent)
            .field("headers", &headers)
            .field("danger_allow_http", &self.http_hosts)
            .field("proxy", &self.proxy)
            .field("system_roots", &self.system_roots)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a setting, if anything.
fn violation<T>(setting: &Result<T, Violation>) -> Option<Violation> {
    setting.as_ref().err().cloned()
}

fn check_base_url(field: &'static str, url: &str) -> Result<(&'static str, Url), Violation> {
    let url = url::base_url(url).and_then(tls::check).of(field)?;
    Ok((field, url))
}

pub(super) fn check_header(name: &str, value: &str) -> Result<Header, Violation> {
    // Without the name: what is no token may be a secret in the wrong place.
    format::header_name(name).of("header")?;
    // As HTTP itself reads it, so that the server's quoting it is recognized.
    let value = value.trim_matches([' ', '\t']);
    format::header(name, value).map_err(|rule| Violation::named("header", name, rule))?;
    let name = HeaderName::from_bytes(name.as_bytes()).expect("a token of at most 8 KiB");
    // ureq logs some headers at DEBUG, `date` and `server` among them, with the
    // Debug of their values, which shows no sensitive one.
    let mut value = header_value(value);
    value.set_sensitive(true);
    Ok((name, value))
}

pub(super) fn check_size(headers: &[Header]) -> Result<(), Violation> {
    if super::size(headers) <= MAX_HEADER_SIZE {
        return Ok(());
    }
    Err("must be set for at most 8192 bytes of names and values in all").of("header")
}

fn check_http_host(host: &str) -> Result<String, Rule> {
    let host = url::http_host(host)?;
    let url = format!("https://{}", host.trim_end_matches('.'));
    if [SANDBOX, PRODUCTION].contains(&url.as_str()) {
        return Err("must not be a host of the API, which takes https");
    }
    Ok(host)
}

/// The value of a header, of text whose format was checked before.
fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("visible ASCII, spaces and tabs")
}

/// The text of an environment variable.
fn env_text(name: &'static str) -> Result<Option<String>, Rule> {
    let text = variable(name).map(OsString::into_string).transpose();
    text.map_err(|_| NOT_UTF8)
}

/// An environment variable that is set and not empty.
fn variable(name: &'static str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

const SANDBOX: &str = "https://api-sandbox.paywithsoap.com";
const PRODUCTION: &str = "https://api.paywithsoap.com";
const KEY_VARIABLE: &str = "SOAP_API_KEY";
const URL_VARIABLE: &str = "SOAP_API_URL";
const CA_VARIABLE: &str = "SOAP_API_CA";

/// The most bytes that names and values of all headers may have together.
const MAX_HEADER_SIZE: usize = 8192;

/// So that no server compresses what only a feature of ureq could read.
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
