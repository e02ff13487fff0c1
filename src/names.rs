//! Names to addresses, remembered for a while, and never waited for past a
//! limit.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The names that one Config looks up: in practice one, its API's or its
/// proxy's.
///
/// The system's lookup takes no limit, so that it runs on a thread of its own,
/// which is left behind where it hangs. Callers that need the same name wait
/// for the same lookup.
pub(crate) struct Names {
    look_up: LookUp,
    state: Mutex<State>,
    /// Notified when a lookup ends.
    ended: Condvar,
}

type LookUp = fn(&str, u16) -> io::Result<Vec<SocketAddr>>;

#[derive(Default)]
struct State {
    known: Option<Known>,
    /// The lookup that callers join, if one is worth joining.
    current: Option<Arc<Lookup>>,
    /// How many lookups have not ended, those left behind included.
    alive: usize,
}

struct Known {
    name: Name,
    addrs: Vec<SocketAddr>,
    until: Instant,
}

struct Lookup {
    name: Name,
    end: OnceLock<Result<Vec<SocketAddr>, Arc<io::Error>>>,
}

#[derive(Eq, PartialEq)]
struct Name {
    host: String,
    port: u16,
}

impl Names {
    pub(crate) fn new() -> Arc<Self> {
        Self::with(|host, port| Ok((host, port).to_socket_addrs()?.collect()))
    }

    fn with(look_up: LookUp) -> Arc<Self> {
        Arc::new(Self {
            look_up,
            state: Mutex::default(),
            ended: Condvar::new(),
        })
    }

    /// The addresses of `host`: at least one, or an error by `limit`.
    ///
    /// # Errors
    ///
    /// `NotFound` where the system knows no address, `TimedOut` at the limit,
    /// and `Other` where no thread could be had.
    pub(crate) fn addresses(
        self: &Arc<Self>,
        host: &str,
        port: u16,
        limit: Option<Instant>,
    ) -> io::Result<Vec<SocketAddr>> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let name = Name {
            host: host.into(),
            port,
        };
        let mut state = self.lock();
        if let Some(known) = &state.known
            && known.name == name
            && Instant::now() < known.until
        {
            return Ok(known.addrs.clone());
        }
        let lookup = match &state.current {
            Some(current) if current.name == name => Arc::clone(current),
            _ => self.start(&mut state, name)?,
        };
        state = self.wait(state, &lookup, limit);
        match lookup.end.get() {
            Some(Ok(addrs)) if !addrs.is_empty() => Ok(addrs.clone()),
            Some(Ok(_)) => Err(NotFound(None).into()),
            Some(Err(cause)) => Err(NotFound(Some(Arc::clone(cause))).into()),
            None => {
                // It hangs: the next caller had better start a new one.
                state
                    .current
                    .take_if(|current| Arc::ptr_eq(current, &lookup));
                Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the lookup of the host name did not end in time",
                ))
            }
        }
    }

    /// Forgets what is remembered, for when it turns out to lead nowhere.
    pub(crate) fn forget(&self) {
        self.lock().known = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and the state is always whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a lookup on a thread of its own, for others to join.
    fn start(self: &Arc<Self>, state: &mut State, name: Name) -> io::Result<Arc<Lookup>> {
        if state.alive >= ALIVE {
            return Err(io::Error::other(
                "no thread for the lookup of the host name: too many lookups hang already",
            ));
        }
        let lookup = Arc::new(Lookup {
            name,
            end: OnceLock::new(),
        });
        let (names, job) = (Arc::clone(self), Arc::clone(&lookup));
        thread::Builder::new()
            .name("paywithsoap-lookup".into())
            .spawn(move || names.run(&job))
            .map_err(|cause| io::Error::other(NoThread(cause)))?;
        state.alive += 1;
        state.current = Some(Arc::clone(&lookup));
        Ok(lookup)
    }

    /// Looks up, remembers, and wakes who waits. The caller of `start` holds
    /// the lock until it has counted this thread.
    fn run(&self, lookup: &Arc<Lookup>) {
        let end = (self.look_up)(&lookup.name.host, lookup.name.port).map_err(Arc::new);
        let mut state = self.lock();
        state.alive -= 1;
        state
            .current
            .take_if(|current| Arc::ptr_eq(current, lookup));
        if let Ok(addrs) = &end
            && !addrs.is_empty()
        {
            state.known = Some(Known {
                name: Name {
                    host: lookup.name.host.clone(),
                    port: lookup.name.port,
                },
                addrs: addrs.clone(),
                until: Instant::now() + REMEMBERED,
            });
        }
        // Nobody else sets it.
        let _ = lookup.end.set(end);
        drop(state);
        self.ended.notify_all();
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        lookup: &Lookup,
        limit: Option<Instant>,
    ) -> MutexGuard<'a, State> {
        let pending = |_: &mut State| lookup.end.get().is_none();
        match limit {
            None => self
                .ended
                .wait_while(state, pending)
                .unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                let left = limit.saturating_duration_since(Instant::now());
                self.ended
                    .wait_timeout_while(state, left, pending)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        }
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").finish_non_exhaustive()
    }
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

/// How long addresses are remembered: about the shortest time-to-live that
/// public services use.
const REMEMBERED: Duration = Duration::from_secs(30);

/// How many lookups may hang at a time.
const ALIVE: usize = 4;
