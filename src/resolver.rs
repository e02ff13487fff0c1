//! Resolver to addresses, remembered for a while, and never waited for past a
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
pub(crate) struct Resolver {
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

impl Resolver {
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

    /// Whether a name is remembered.
    #[cfg(test)]
    pub(crate) fn is_any_known(&self) -> bool {
        self.lock().known.is_some()
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

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// How often each host was looked up, and whether it may go on.
    static LOOKUPS: Mutex<Option<HashMap<String, (usize, bool)>>> = Mutex::new(None);
    static RELEASED: Condvar = Condvar::new();

    const SOON: Duration = Duration::from_millis(20);
    const SLACK: Duration = Duration::from_millis(250);

    /// Resolver that start with `hang` hang until they are released; `none.test`
    /// and `empty.test` have no address.
    fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let mut lookups = lock();
        lookups
            .get_or_insert_default()
            .entry(host.into())
            .or_default()
            .0 += 1;
        let hangs = |lookups: &mut Option<HashMap<String, (usize, bool)>>| {
            host.starts_with("hang") && !lookups.as_ref().is_some_and(|map| map[host].1)
        };
        drop(RELEASED.wait_while(lookups, hangs).unwrap());
        if host == "none.test" {
            return Err(io::Error::other("no such name"));
        }
        if host == "empty.test" {
            return Ok(Vec::new());
        }
        Ok(vec![SocketAddr::from(([127, 0, 0, 9], port))])
    }

    fn lock() -> MutexGuard<'static, Option<HashMap<String, (usize, bool)>>> {
        LOOKUPS.lock().unwrap()
    }

    fn times(host: &str) -> usize {
        let lookups = lock();
        lookups
            .as_ref()
            .and_then(|map| map.get(host))
            .map_or(0, |entry| entry.0)
    }

    fn release(host: &str) {
        lock()
            .get_or_insert_default()
            .entry(host.into())
            .or_default()
            .1 = true;
        RELEASED.notify_all();
    }

    fn until(condition: impl Fn() -> bool) {
        while !condition() {
            thread::yield_now();
        }
    }

    fn found(port: u16) -> Vec<SocketAddr> {
        vec![SocketAddr::from(([127, 0, 0, 9], port))]
    }

    fn soon() -> Instant {
        Instant::now() + SOON
    }

    #[test]
    fn an_address_is_not_looked_up() {
        let names = Resolver::with(look_up);
        for host in ["192.0.2.1", "2001:db8::1"] {
            // Not even where the time is over.
            let addrs = names.addresses(host, 443, Some(Instant::now())).unwrap();
            assert_eq!(addrs, [SocketAddr::new(host.parse().unwrap(), 443)]);
            assert_eq!(times(host), 0);
        }
    }

    #[test]
    fn a_name_is_remembered_until_its_time_is_over_or_it_is_forgotten() {
        let names = Resolver::with(look_up);
        for _ in 0..3 {
            assert_eq!(names.addresses("a.test", 443, None).unwrap(), found(443));
        }
        assert_eq!(times("a.test"), 1);
        // A remembered name needs no time.
        let now = Some(Instant::now());
        assert_eq!(names.addresses("a.test", 443, now).unwrap(), found(443));

        names.forget();
        assert_eq!(names.addresses("a.test", 443, None).unwrap(), found(443));
        assert_eq!(times("a.test"), 2);

        let mut state = names.lock();
        let known = state.known.as_mut().unwrap();
        assert!(known.until > Instant::now() + REMEMBERED / 2);
        assert!(known.until <= Instant::now() + REMEMBERED);
        known.until = Instant::now();
        drop(state);
        assert_eq!(names.addresses("a.test", 443, None).unwrap(), found(443));
        assert_eq!(times("a.test"), 3);

        assert_eq!(names.addresses("a.test", 80, None).unwrap(), found(80));
        assert_eq!(times("a.test"), 4);
    }

    #[test]
    fn a_name_without_an_address_is_not_found_and_not_remembered() {
        let names = Resolver::with(look_up);
        for (host, source) in [("none.test", Some("no such name")), ("empty.test", None)] {
            for _ in 0..2 {
                let error = names.addresses(host, 443, None).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::NotFound);
                assert_eq!(error.to_string(), "the host name was not found");
                let cause = error.get_ref().unwrap().source().map(ToString::to_string);
                assert_eq!(cause.as_deref(), source);
            }
            assert_eq!(times(host), 2);
        }
    }

    #[test]
    fn the_systems_own_lookup_finds_this_machine() {
        let addrs = Resolver::new().addresses("localhost", 443, None).unwrap();
        assert!(
            addrs.iter().any(|addr| addr.ip().is_loopback()),
            "{addrs:?}"
        );
    }

    #[test]
    fn a_lookup_that_hangs_is_waited_for_until_the_limit() {
        let names = Resolver::with(look_up);
        for limit in [Duration::ZERO, SOON] {
            let start = Instant::now();
            let error = names
                .addresses("hang-1", 443, Some(start + limit))
                .unwrap_err();
            let took = start.elapsed();
            assert!(took >= limit && took <= limit + SLACK, "{took:?}");
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert_eq!(
                error.to_string(),
                "the lookup of the host name did not end in time"
            );
        }
        // Others are not held up.
        assert_eq!(names.addresses("c.test", 443, None).unwrap(), found(443));
        release("hang-1");
    }

    #[test]
    fn callers_that_need_the_same_name_join_one_lookup() {
        let names = Resolver::with(look_up);
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let names = Arc::clone(&names);
                thread::spawn(move || names.addresses("hang-2", 443, None))
            })
            .collect();
        // Each has its clone of the lookup, beside its thread's and the state's.
        until(|| {
            let state = names.lock();
            state
                .current
                .as_ref()
                .is_some_and(|current| Arc::strong_count(current) == 2 + 8)
        });
        release("hang-2");
        for caller in callers {
            assert_eq!(caller.join().unwrap().unwrap(), found(443));
        }
        assert_eq!(times("hang-2"), 1);
    }

    #[test]
    fn at_most_four_lookups_hang_and_all_is_well_when_they_end() {
        let names = Resolver::with(look_up);
        for n in 1..=ALIVE {
            let error = names.addresses("hang-3", 443, Some(soon())).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert_eq!(names.lock().alive, n);
        }
        for host in ["hang-3", "d.test"] {
            let start = Instant::now();
            let error = names.addresses(host, 443, None).unwrap_err();
            assert!(start.elapsed() <= SLACK);
            assert_eq!(error.kind(), io::ErrorKind::Other);
            assert_eq!(
                error.to_string(),
                "no thread for the lookup of the host name: too many lookups hang already"
            );
        }
        release("hang-3");
        until(|| names.lock().alive == 0);
        assert_eq!(times("hang-3"), ALIVE);
        // What came too late for its callers is remembered for the next.
        assert_eq!(names.addresses("hang-3", 443, None).unwrap(), found(443));
        assert_eq!(times("hang-3"), ALIVE);
        assert_eq!(names.addresses("d.test", 443, None).unwrap(), found(443));
        assert_eq!(times("d.test"), 1);
    }

    #[test]
    fn a_caller_that_gives_up_leaves_the_others_their_lookup() {
        let names = Resolver::with(look_up);
        let patient = {
            let names = Arc::clone(&names);
            thread::spawn(move || names.addresses("hang-4", 443, None))
        };
        until(|| times("hang-4") == 1);
        let error = names.addresses("hang-4", 443, Some(soon())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        release("hang-4");
        assert_eq!(patient.join().unwrap().unwrap(), found(443));
        assert_eq!(times("hang-4"), 1);
    }
}
