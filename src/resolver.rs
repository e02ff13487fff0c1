//! Host names to addresses, cached for a while, and never waited for past a
//! limit.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::caused;

/// Resolves the name that one Config needs: its API's or its proxy's.
///
/// The system's lookup takes no limit, so that it runs on a thread of its own,
/// which is left behind where it hangs. Callers wait for the same lookup.
#[derive(Debug)]
pub(crate) struct Resolver {
    lookup: LookupFn,
    stack_size: usize,
    state: Mutex<State>,
    /// Notified when a lookup ends.
    ended: Condvar,
}

type LookupFn = fn(&str, u16) -> io::Result<Vec<SocketAddr>>;

type LookupResult = Result<Vec<SocketAddr>, Arc<io::Error>>;

#[derive(Debug, Default)]
struct State {
    /// The one that callers join, or whose result they use.
    lookup: Option<Arc<Lookup>>,
    /// How many have not ended, those that were given up included.
    running: usize,
    /// The address that connected last.
    preferred: Option<IpAddr>,
}

#[derive(Debug)]
struct Lookup {
    host: String,
    port: u16,
    /// When it ended, and how.
    result: OnceLock<(Instant, LookupResult)>,
}

impl Resolver {
    pub(crate) fn new() -> Arc<Self> {
        let lookup: LookupFn = |host, port| Ok((host, port).to_socket_addrs()?.collect());
        Self::with(lookup, LOOKUP_STACK_SIZE)
    }

    fn with(lookup: LookupFn, stack_size: usize) -> Arc<Self> {
        Arc::new(Self {
            lookup,
            stack_size,
            state: Mutex::default(),
            ended: Condvar::new(),
        })
    }

    /// The addresses of `host`: at least one, or an error within `timeout`. The one
    /// that connected last comes first.
    ///
    /// # Errors
    ///
    /// `NotFound` where the system knows no address, `TimedOut` after the timeout,
    /// and `Other` where no thread could be had.
    pub(crate) fn resolve(
        self: &Arc<Self>,
        host: &str,
        port: u16,
        timeout: Option<Duration>,
    ) -> io::Result<Vec<SocketAddr>> {
        // Without a thread, which the system may refuse: by `ulimit -u 1`, say.
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        // The name that always means this machine (RFC 6761, 6.3), so that no hosts
        // file and no name server can send it elsewhere.
        let name = host.strip_suffix('.').unwrap_or(host);
        let mut addrs = if name.eq_ignore_ascii_case("localhost") {
            let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            loopback.map(|ip| SocketAddr::new(ip, port)).to_vec()
        } else {
            self.look_up(host, port, timeout)?
        };
        let preferred = self.lock().preferred;
        // The others stay as the system ordered them.
        if let Some(index) = addrs.iter().position(|a| Some(a.ip()) == preferred) {
            let addr = addrs.remove(index);
            addrs.insert(0, addr);
        }
        Ok(addrs)
    }

    /// Puts an address first from now on, since it has connected.
    pub(crate) fn prefer(&self, addr: IpAddr) {
        self.lock().preferred = Some(addr);
    }

    /// Drops what is cached, for when it turns out to lead nowhere.
    pub(crate) fn invalidate(&self) {
        // Not `preferred`: it counts only where the next lookup finds it again.
        let has_ended = |lookup: &mut Arc<Lookup>| lookup.result.get().is_some();
        self.lock().lookup.take_if(has_ended);
    }

    fn look_up(
        self: &Arc<Self>,
        host: &str,
        port: u16,
        timeout: Option<Duration>,
    ) -> io::Result<Vec<SocketAddr>> {
        let timed_out = || {
            let message = "the lookup of the host name did not end in time";
            Err(io::Error::new(ErrorKind::TimedOut, message))
        };
        let mut state = self.lock();
        let is_of_name = |lookup: &&Arc<Lookup>| lookup.host == host && lookup.port == port;
        let known = state.lookup.as_ref().filter(is_of_name);
        let mut lookup = match known.filter(|lookup| lookup.is_usable(Instant::now())) {
            Some(lookup) => Arc::clone(lookup),
            // Each that hangs keeps its thread, so that their number is bounded. Only
            // another name comes here, and a Config has one.
            None if state.running >= MAX_LOOKUPS => return timed_out(),
            None => self.start(&mut state, host, port)?,
        };
        let timeout = timeout.unwrap_or(Duration::MAX);
        let pending = |state: &mut State| {
            // One that was given up may be the first to find addresses.
            let found = state.lookup.as_ref().filter(is_of_name);
            if let Some(found) = found.filter(|lookup| lookup.has_found()) {
                lookup = Arc::clone(found);
            }
            lookup.result.get().is_none()
        };
        let waited = self.ended.wait_timeout_while(state, timeout, pending);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
        match lookup.result.get() {
            Some((_, Ok(addrs))) => Ok(addrs.clone()),
            Some((_, Err(cause))) => {
                let message = "the host name was not found";
                let cause = io::Error::new(cause.kind(), Arc::clone(cause));
                Err(caused(ErrorKind::NotFound, message, cause))
            }
            None => {
                // It hangs: the next caller had better start a new one, if it may.
                if state.running < MAX_LOOKUPS {
                    state.lookup.take_if(|other| Arc::ptr_eq(other, &lookup));
                }
                timed_out()
            }
        }
    }

    /// Starts a lookup on a thread of its own, for others to join.
    fn start(
        self: &Arc<Self>,
        state: &mut State,
        host: &str,
        port: u16,
    ) -> io::Result<Arc<Lookup>> {
        let lookup = Arc::new(Lookup {
            host: host.into(),
            port,
            result: OnceLock::new(),
        });
        let (resolver, job) = (Arc::clone(self), Arc::clone(&lookup));
        thread::Builder::new()
            .name("paywithsoap-lookup".into())
            .stack_size(self.stack_size)
            .spawn(move || resolver.run(job))
            .map_err(|cause| {
                let message = "no thread for the lookup of the host name";
                caused(ErrorKind::Other, message, cause)
            })?;
        // Counted now: a thread that was refused would never count itself out.
        state.running += 1;
        state.lookup = Some(Arc::clone(&lookup));
        Ok(lookup)
    }

    /// Looks up, caches, and wakes who waits. The caller of `start` holds the
    /// lock until it has counted this thread.
    fn run(&self, lookup: Arc<Lookup>) {
        let addrs = match (self.lookup)(&lookup.host, lookup.port) {
            Ok(addrs) if addrs.is_empty() => Err(io::Error::other("it has no address")),
            addrs => addrs,
        };
        let mut state = self.lock();
        state.running -= 1;
        // Nothing else sets it.
        let _ = lookup.result.set((Instant::now(), addrs.map_err(Arc::new)));
        // Also where it was given up: the next caller has it at once. A name that
        // was not found is looked up again, since that is transient.
        if lookup.has_found() {
            state.lookup = Some(lookup);
        } else if state.running + 1 == MAX_LOOKUPS {
            // There is room again: the next caller need not join one that hangs.
            state.lookup = None;
        }
        drop(state);
        self.ended.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and the state is always whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lookup {
    fn has_found(&self) -> bool {
        matches!(self.result.get(), Some((_, Ok(_))))
    }

    /// Whether it is under way, or has found addresses a short while ago.
    fn is_usable(&self, now: Instant) -> bool {
        self.result.get().is_none_or(|(ended, addrs)| {
            addrs.is_ok() && now.saturating_duration_since(*ended) < CACHE_TTL
        })
    }
}

/// How long addresses are cached: about the shortest time-to-live that public
/// services use.
const CACHE_TTL: Duration = Duration::from_secs(30);

/// How many lookups may run at a time, those that hang included.
const MAX_LOOKUPS: usize = 4;

/// The stack of a lookup's thread: glibc's needs up to 100 KiB with its modules,
/// and std's 2 MiB are much of a small address space.
const LOOKUP_STACK_SIZE: usize = 512 * 1024;

#[cfg(test)]
#[path = "resolver_tests.rs"]
mod tests;
