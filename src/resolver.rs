//! Host names to addresses, cached for a while, and never waited for past a
//! limit.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Resolves the names that one Config needs: in practice one, its API's or its
/// proxy's.
///
/// The system's lookup takes no limit, so that it runs on a thread of its own,
/// which is left behind where it hangs. Callers that need the same name wait
/// for the same lookup.
pub(crate) struct Resolver {
    lookup: LookupFn,
    stack_size: usize,
    state: Mutex<State>,
    /// Notified when a lookup ends.
    ended: Condvar,
}

type LookupFn = fn(&str, u16) -> io::Result<Vec<SocketAddr>>;

#[derive(Default)]
struct State {
    cached: Option<Cached>,
    /// The lookup that callers join, if one is worth joining.
    current: Option<Arc<Lookup>>,
    /// How many lookups have not ended, those left behind included.
    running: usize,
    /// The process that runs them: a forked child has none of its parent's threads.
    process: u32,
    /// The address that connected last.
    preferred: Option<IpAddr>,
}

struct Cached {
    name: Name,
    addrs: Vec<SocketAddr>,
    expires_at: Instant,
}

struct Lookup {
    name: Name,
    result: OnceLock<Result<Vec<SocketAddr>, Arc<io::Error>>>,
}

#[derive(Clone, Eq, PartialEq)]
struct Name {
    host: String,
    port: u16,
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

    /// The addresses of `host`: at least one, or an error by `limit`. The one that
    /// connected last comes first.
    ///
    /// # Errors
    ///
    /// `NotFound` where the system knows no address, `TimedOut` at the limit,
    /// and `Other` where no thread could be had.
    pub(crate) fn resolve(
        self: &Arc<Self>,
        host: &str,
        port: u16,
        limit: Option<Instant>,
    ) -> io::Result<Vec<SocketAddr>> {
        // Without a thread, which the system may refuse: by `ulimit -u 1`, say.
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let mut addrs = if is_localhost(host) {
            vec![
                (Ipv4Addr::LOCALHOST, port).into(),
                (Ipv6Addr::LOCALHOST, port).into(),
            ]
        } else {
            let host = host.into();
            self.look_up(Name { host, port }, limit)?
        };
        let preferred = self.lock().preferred;
        // Stable, so that the others stay as the system ordered them.
        addrs.sort_by_key(|addr| Some(addr.ip()) != preferred);
        Ok(addrs)
    }

    /// Puts an address first from now on, since it has connected.
    pub(crate) fn prefer(&self, addr: IpAddr) {
        self.lock().preferred = Some(addr);
    }

    /// Drops what is cached, for when it turns out to lead nowhere.
    pub(crate) fn invalidate(&self) {
        // Not `preferred`: it counts only where the next lookup finds it again.
        self.lock().cached = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and the state is always whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_up(
        self: &Arc<Self>,
        name: Name,
        limit: Option<Instant>,
    ) -> io::Result<Vec<SocketAddr>> {
        let mut state = self.lock();
        // Lookups of the parent never end in a forked child, and would fill its slots.
        if state.process != process::id() {
            state.process = process::id();
            state.running = 0;
            state.current = None;
        }
        // Again after each wait: the lookup that ended may be that of this name.
        loop {
            if let Some(cached) = &state.cached
                && cached.name == name
                && Instant::now() < cached.expires_at
            {
                return Ok(cached.addrs.clone());
            }
            if let Some(current) = &state.current
                && current.name == name
            {
                let current = Arc::clone(current);
                return self.join(state, &current, limit);
            }
            // A bound, since each that hangs keeps its thread.
            if state.running < MAX_LOOKUPS {
                let lookup = self.start(&mut state, name)?;
                return self.join(state, &lookup, limit);
            }
            let is_full = |state: &State| state.running >= MAX_LOOKUPS;
            state = self.wait_while(state, limit, is_full);
            if is_full(&state) {
                // As transient as the lookups that hang, and fill the slots.
                return Err(timed_out());
            }
        }
    }

    /// Starts a lookup on a thread of its own, for others to join.
    fn start(self: &Arc<Self>, state: &mut State, name: Name) -> io::Result<Arc<Lookup>> {
        let lookup = Arc::new(Lookup {
            name,
            result: OnceLock::new(),
        });
        let (resolver, job) = (Arc::clone(self), Arc::clone(&lookup));
        thread::Builder::new()
            .name("paywithsoap-lookup".into())
            .stack_size(self.stack_size)
            .spawn(move || resolver.run(&job))
            .map_err(|cause| io::Error::other(NoThread(cause)))?;
        // Counted now: a thread that was refused would never count itself out.
        state.running += 1;
        state.current = Some(Arc::clone(&lookup));
        Ok(lookup)
    }

    /// Looks up, caches, and wakes who waits. The caller of `start` holds the
    /// lock until it has counted this thread.
    fn run(&self, lookup: &Arc<Lookup>) {
        let result = (self.lookup)(&lookup.name.host, lookup.name.port).map_err(Arc::new);
        let mut state = self.lock();
        state.running -= 1;
        // Unless who waited gave it up, and another one has been started since.
        state
            .current
            .take_if(|current| Arc::ptr_eq(current, lookup));
        // Also where nobody waits any more: the next caller has it at once. A
        // name that was not found is looked up again, since that is transient.
        if let Ok(addrs) = &result
            && !addrs.is_empty()
        {
            state.cached = Some(Cached {
                name: lookup.name.clone(),
                addrs: addrs.clone(),
                expires_at: Instant::now() + CACHE_TTL,
            });
        }
        // Nothing else sets it.
        let _ = lookup.result.set(result);
        drop(state);
        self.ended.notify_all();
    }

    /// Waits for the result of a lookup.
    fn join(
        &self,
        state: MutexGuard<'_, State>,
        lookup: &Arc<Lookup>,
        limit: Option<Instant>,
    ) -> io::Result<Vec<SocketAddr>> {
        let mut state = self.wait_while(state, limit, |_| lookup.result.get().is_none());
        match lookup.result.get() {
            Some(Ok(addrs)) if !addrs.is_empty() => Ok(addrs.clone()),
            Some(Ok(_)) => Err(NotFound(None).into()),
            Some(Err(cause)) => Err(NotFound(Some(Arc::clone(cause))).into()),
            None => {
                // It hangs: the next caller had better start a new one.
                state
                    .current
                    .take_if(|current| Arc::ptr_eq(current, lookup));
                Err(timed_out())
            }
        }
    }

    fn wait_while<'a>(
        &self,
        state: MutexGuard<'a, State>,
        limit: Option<Instant>,
        condition: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        let condition = |state: &mut State| condition(state);
        match limit {
            None => self
                .ended
                .wait_while(state, condition)
                .unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                let remaining = limit.saturating_duration_since(Instant::now());
                self.ended
                    .wait_timeout_while(state, remaining, condition)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

/// Whether it is the name that always means this machine (RFC 6761, 6.3), so
/// that no hosts file and no name server can send it elsewhere.
fn is_localhost(host: &str) -> bool {
    host.strip_suffix('.')
        .unwrap_or(host)
        .eq_ignore_ascii_case("localhost")
}

fn timed_out() -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        "the lookup of the host name did not end in time",
    )
}

/// The system's lookup gave no address.
#[derive(Debug)]
struct NotFound(Option<Arc<io::Error>>);

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host name was not found")
    }
}

impl Error for NotFound {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_deref().map(|cause| cause as _)
    }
}

impl From<NotFound> for io::Error {
    fn from(not_found: NotFound) -> Self {
        Self::new(io::ErrorKind::NotFound, not_found)
    }
}

/// The system refused to start a thread.
#[derive(Debug)]
struct NoThread(io::Error);

impl fmt::Display for NoThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no thread for the lookup of the host name")
    }
}

impl Error for NoThread {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
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
