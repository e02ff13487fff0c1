//! Connections: one ureq agent each, whose transports obey the call that uses
//! them.
//!
//! ureq speaks HTTP; what lies between it and the network is made here, and
//! keeps promises that ureq cannot: one deadline over every lookup, connect,
//! read and write of a call, a true statement of whether any of the request was
//! sent, and no state that one call leaves to the next.
//!
//! - [`Connect`] opens the layers of a connection, from TCP up;
//! - [`TcpTransport`] obeys the deadline by the clock;
//! - [`RequireCloseNotify`] tells TLS that ended from TLS that was cut;
//! - [`Coalesce`] buffers the request until the response is awaited, so that
//!   head and body leave in one write and one TLS record.
//!
//! An agent shares its pool, its cookie jar and its locks between all of its
//! calls. So each connection has an agent of its own, which makes one call at a
//! time and pools one connection at most, and the transports that it opens hold
//! that call: no thread-local, which would count nothing on another thread.
//!
//! All of it stands on `ureq::unversioned`, which may change in a minor release
//! of ureq.

mod call;
mod coalesce;
mod record;
mod tcp;

use std::io::{self, ErrorKind::InvalidData};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ureq::Error;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver as UreqResolver};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout,
    Transport,
};

use self::call::Top;
pub(crate) use self::call::{Call, Trace};
use self::coalesce::Coalesce;
#[cfg(fuzzing)]
pub(crate) use self::coalesce::remove_cookie;
use self::record::RequireCloseNotify;
use self::tcp::TcpTransport;
use crate::failure::{Route, Step};
use crate::format::{Rule, Violation};
use crate::resolver::Resolver;
use crate::tls;

/// What the connections of one Config have in common.
#[derive(Debug)]
pub(crate) struct Network {
    config: ureq::config::Config,
    pub(crate) route: Route,
    pub(crate) connect_timeout: Duration,
    proxy: ConnectProxyConnector,
    /// One for all connections, so that TLS sessions resume.
    tls: tls::Connector,
}

impl Network {
    pub(crate) fn new(
        route: Route,
        roots: Option<tls::Roots>,
        system_roots: bool,
        connect_timeout: Duration,
    ) -> Result<Arc<Self>, Violation> {
        // Checked before, by our rules; what ureq rejects all the same is no panic.
        let proxy = route.proxy.as_ref().map(|proxy| {
            let rule = "must be a URL like http://proxy.example:3128";
            ureq::Proxy::new(&proxy.url.text).map_err(|_| Violation::new(proxy.field, rule))
        });
        // None of ureq's timeouts: a proxy that trickles its response to CONNECT
        // outlives them, and the transports keep the deadline by the clock.
        let config = ureq::Agent::config_builder()
            // An error of ureq's would come without the body.
            .http_status_as_error(false)
            // A PATCH that is redirected would come back as a GET whose
            // 200 looks like success, and take the key elsewhere.
            .max_redirects(0)
            // Always said: ureq would read the environment's by rules of its own.
            .proxy(proxy.transpose()?)
            // Those of a request are set on it; this one is for CONNECT.
            .user_agent(PRODUCT)
            // None: a compressed response would have to be unpacked, within limits.
            .accept("")
            .accept_encoding("")
            .input_buffer_size(BUFFER_SIZE)
            .output_buffer_size(BUFFER_SIZE)
            // `Coalesce` limits a head to the buffer. ureq's own limit would count a
            // 1xx response together with the beginning of the body behind it.
            .max_response_header_size(2 * BUFFER_SIZE)
            .max_idle_connections(1)
            // `Pool` sees to the age of idle connections.
            .max_idle_age(Duration::from_secs(3600));
        Ok(Arc::new(Self {
            config: tls::configure(config, roots, system_roots).build(),
            route,
            connect_timeout,
            proxy: ConnectProxyConnector::default(),
            tls: tls::Connector::default(),
        }))
    }

    /// Lets the TLS backend load the system's roots, which all connections share.
    ///
    /// ureq does so in the first call, by no deadline, and in each of several first
    /// calls that come at once: OpenSSL takes 50 ms or more.
    pub(crate) fn prepare_tls(self: &Arc<Self>) -> Result<(), Rule> {
        let prepare = Prepare(Arc::clone(self));
        let agent = ureq::Agent::with_parts(self.config.clone(), prepare, Unresolved);
        // It fails, since there is no connection; what was loaded stays.
        match agent.get("https://localhost").call() {
            Ok(_) | Err(Error::Io(_)) => Ok(()),
            Err(_) => Err(NO_SYSTEM_ROOTS),
        }
    }

    fn connect_tls(
        &self,
        details: &ConnectionDetails,
        transport: Box<dyn Transport>,
    ) -> Result<Box<dyn Transport>, Error> {
        check_clock(SystemTime::now())?;
        let transport = RequireCloseNotify::new(transport);
        // ureq checks that what it gets for `https` is TLS.
        let transport = self.tls.connect(details, Some(transport))?;
        transport
            .map(Transport::boxed)
            .ok_or(Error::ConnectionFailed)
    }
}

/// A connection to the API, which opens itself when it is first used.
pub(crate) struct Connection {
    agent: ureq::Agent,
    call: Arc<Call>,
}

impl Connection {
    pub(crate) fn new(network: &Arc<Network>, resolver: &Arc<Resolver>) -> Self {
        let call = Arc::new(Call::default());
        let connect = Connect {
            network: Arc::clone(network),
            resolver: Arc::clone(resolver),
            call: Arc::clone(&call),
        };
        Self {
            // Cheap: what is large in the config is shared.
            agent: ureq::Agent::with_parts(network.config.clone(), connect, Unresolved),
            call,
        }
    }

    /// Runs one call, which must end by `deadline`, and tells what came of it.
    ///
    /// Whatever `run` borrows of ureq must be dropped in it: once this has
    /// returned, the transports refuse to read and write.
    pub(crate) fn call<T>(
        &self,
        deadline: Option<Instant>,
        run: impl FnOnce(&ureq::Agent, &Call) -> T,
    ) -> (T, Trace) {
        let under_way = self.call.start(deadline);
        let result = run(&self.agent, &self.call);
        (result, under_way.end())
    }

    /// Whether the last call has left a connection that another call may use.
    pub(crate) fn is_reusable(&self) -> bool {
        self.call.lock().top != Top::Closed
    }
}

/// Opens connections for the agent of one [`Connection`].
#[derive(Debug)]
struct Connect {
    network: Arc<Network>,
    resolver: Arc<Resolver>,
    call: Arc<Call>,
}

impl Connector for Connect {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        const MESSAGE: &str = "the connect_timeout has passed";
        self.call
            .with_timeout(self.network.connect_timeout, MESSAGE, || self.open(details))
            .map(Some)
    }
}

impl Connect {
    fn open(&self, details: &ConnectionDetails) -> Result<Box<dyn Transport>, Error> {
        // ureq connects to a proxy by this same function, and takes the proxy out
        // of the config for it. (Without a proxy, the two are alike.)
        let to_proxy = details.config.proxy().is_none() && self.network.route.proxy.is_some();
        let explain = |step| move |error| self.network.route.explain(step, to_proxy, error);
        let tunnel = self.network.proxy.connect(details, None::<()>);
        let transport = match tunnel.map_err(explain(Step::Tunnel))? {
            Some(Either::B(mut tunnel)) => {
                // TLS would take it for its own.
                if !tunnel.buffers().input().is_empty() {
                    let early = io::Error::new(InvalidData, "it sent more than a response");
                    return Err(explain(Step::Tunnel)(early.into()));
                }
                tunnel
            }
            Some(Either::A(())) | None => {
                let tcp = self.connect_tcp(details);
                Box::new(tcp.map_err(explain(Step::Connect))?)
            }
        };
        let transport = if details.needs_tls() {
            let tls = self.network.connect_tls(details, transport);
            tls.map_err(explain(Step::Tls))?
        } else {
            transport
        };
        let call = (!to_proxy).then_some(&self.call);
        Ok(Coalesce::new(transport, call).boxed())
    }

    fn connect_tcp(&self, details: &ConnectionDetails) -> Result<TcpTransport, Error> {
        let host = details.uri.host().unwrap_or_default();
        // A Uri keeps the brackets of an IPv6 address.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let default = if details.needs_tls() { 443 } else { 80 };
        let port = details.uri.port_u16().unwrap_or(default);
        let addrs = self.resolver.resolve(host, port, self.call.remaining()?)?;
        let (stream, addr) = tcp::connect_tcp(&addrs, &self.call)?;
        self.resolver.prefer(addr.ip());
        Ok(TcpTransport::new(stream, &self.call)?)
    }
}

/// Fails where the clock shows a time before 1970, at which rustls panics.
///
/// Not in words of certificates: nobody has looked at the server's yet.
fn check_clock(now: SystemTime) -> io::Result<()> {
    if now < UNIX_EPOCH {
        let early = "the clock shows a time before 1970, and TLS needs the right one";
        return Err(io::Error::new(InvalidData, early));
    }
    Ok(())
}

/// Begins TLS over a connection that has ended.
#[derive(Debug)]
struct Prepare(Arc<Network>);

impl Connector for Prepare {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let ended = Ended(LazyBuffers::new(BUFFER_SIZE, BUFFER_SIZE));
        self.0.connect_tls(details, ended.boxed()).map(Some)
    }
}

/// A connection that has ended.
#[derive(Debug)]
struct Ended(LazyBuffers);

impl Transport for Ended {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.0
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
        Err(io::Error::from(io::ErrorKind::BrokenPipe).into())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        Ok(false)
    }

    fn is_open(&mut self) -> bool {
        false
    }
}

/// Finds no address, at no cost: [`Connect`] resolves what it connects to.
///
/// ureq resolves on every call, also where it then uses an idle connection.
#[derive(Debug)]
struct Unresolved;

impl UreqResolver for Unresolved {
    fn resolve(
        &self,
        _: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

const NO_SYSTEM_ROOTS: Rule = "needs CA certificates on this system, and finds none: install the \
                               package ca-certificates, or see SSL_CERT_FILE and SSL_CERT_DIR";

/// The crate's own product in `User-Agent`.
pub(crate) const PRODUCT: &str = concat!("paywithsoap/", env!("CARGO_PKG_VERSION"));

/// The size of each buffer, of which ureq allocates two for each layer of a
/// connection; its own default is 128 KiB. A TLS record holds as much.
const BUFFER_SIZE: usize = 16 * 1024;

#[cfg(test)]
mod tests;
