use std::collections::HashMap;

use super::*;

/// How often each host was looked up, and whether it may go on.
static LOOKUPS: Mutex<Option<HashMap<String, (usize, bool)>>> = Mutex::new(None);
static RELEASED: Condvar = Condvar::new();

impl Resolver {
    pub(crate) fn cache(&self, host: &str, addrs: Vec<SocketAddr>) {
        self.lock().lookup = Some(Arc::new(Lookup {
            host: host.into(),
            port: 443,
            result: OnceLock::from((Instant::now(), Ok(addrs))),
        }));
    }

    pub(crate) fn is_cached(&self, host: &str) -> bool {
        let state = self.lock();
        state.lookup.as_ref().is_some_and(|l| l.host == host)
    }
}

const SOON: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(20);
const SLACK: Duration = Duration::from_millis(250);

/// Names that start with `hang` hang until they are released, and of `hang-first` only
/// the first lookup ever ends. Those that end in `none.test`, and `empty.test`, have no
/// address, and `many.test` has three.
fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut lookups = lock();
    let entry = lookups.get_or_insert_default().entry(host.into());
    let times = &mut entry.or_default().0;
    *times += 1;
    let is_stuck = host.starts_with("hang-first") && *times > 1;
    let hangs = |lookups: &mut Option<HashMap<String, (usize, bool)>>| {
        let is_released = lookups.as_ref().is_some_and(|map| map[host].1);
        host.starts_with("hang") && (is_stuck || !is_released)
    };
    drop(RELEASED.wait_while(lookups, hangs).unwrap());
    if host.ends_with("none.test") {
        return Err(io::Error::other("no such name"));
    }
    if host == "empty.test" {
        return Ok(Vec::new());
    }
    if host == "many.test" {
        return Ok((1..=3).map(|n| ([127, 0, 0, n], port).into()).collect());
    }
    Ok(found(port))
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

#[test]
fn an_address_is_not_looked_up() {
    let resolver = Resolver::with(look_up, LOOKUP_STACK_SIZE);
    for host in ["192.0.2.1", "2001:db8::1"] {
        // Not even where the time is over.
        let addrs = resolver.resolve(host, 443, Some(Duration::ZERO)).unwrap();
        assert_eq!(addrs, [SocketAddr::new(host.parse().unwrap(), 443)]);
        assert_eq!(times(host), 0);
    }
}

#[test]
fn cached_until_expired_or_invalidated() {
    let resolver = Resolver::with(look_up, LOOKUP_STACK_SIZE);
    for _ in 0..3 {
        assert_eq!(resolver.resolve("a.test", 443, None).unwrap(), found(443));
    }
    assert_eq!(times("a.test"), 1);
    // A cached name needs no time.
    let addrs = resolver.resolve("a.test", 443, Some(Duration::ZERO));
    assert_eq!(addrs.unwrap(), found(443));

    resolver.invalidate();
    assert_eq!(resolver.resolve("a.test", 443, None).unwrap(), found(443));
    assert_eq!(times("a.test"), 2);

    let lookup = Lookup {
        host: "a.test".into(),
        port: 443,
        result: OnceLock::from((Instant::now(), Ok(found(443)))),
    };
    let Some((ended, _)) = lookup.result.get() else {
        unreachable!()
    };
    assert!(lookup.is_usable(*ended + CACHE_TTL / 2));
    assert!(!lookup.is_usable(*ended + CACHE_TTL));
    // Where the clock began less than that ago, there is no such time.
    let Some(long_ago) = Instant::now().checked_sub(CACHE_TTL) else {
        return;
    };
    resolver.lock().lookup = Some(Arc::new(Lookup {
        result: OnceLock::from((long_ago, Ok(found(443)))),
        ..lookup
    }));
    assert_eq!(resolver.resolve("a.test", 443, None).unwrap(), found(443));
    assert_eq!(times("a.test"), 3);

    assert_eq!(resolver.resolve("a.test", 80, None).unwrap(), found(80));
    assert_eq!(times("a.test"), 4);
}

#[test]
fn names_not_found_are_not_cached() {
    let resolver = Resolver::with(look_up, LOOKUP_STACK_SIZE);
    for (host, source) in [
        ("none.test", "no such name"),
        ("empty.test", "it has no address"),
    ] {
        for _ in 0..2 {
            let error = resolver.resolve(host, 443, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert_eq!(error.to_string(), "the host name was not found");
            let cause = error.get_ref().unwrap().source().unwrap();
            assert_eq!(cause.to_string(), source);
        }
        assert_eq!(times(host), 2);
    }
}

#[test]
fn localhost_is_loopback_without_a_lookup() {
    let resolver = Resolver::with(look_up, LOOKUP_STACK_SIZE);
    for host in ["localhost", "LocalHost", "localhost."] {
        // Not even where the time is over.
        let addrs = resolver.resolve(host, 80, Some(Duration::ZERO)).unwrap();
        let expected = ["127.0.0.1:80", "[::1]:80"].map(|addr| addr.parse().unwrap());
        assert_eq!(addrs, expected);
        assert_eq!(times(host), 0);
    }
    let name = "localhost.example";
    assert_eq!(resolver.resolve(name, 443, None).unwrap(), found(443));
    assert_eq!(times(name), 1);
}

#[test]
fn the_address_that_connected_comes_first() {
    let resolver = Resolver::with(look_up, LOOKUP_STACK_SIZE);
    let addrs = || -> Vec<_> {
        let addrs = resolver.resolve("many.test", 443, None).unwrap();
        addrs.iter().map(|addr| addr.ip().to_string()).collect()
    };
    assert_eq!(addrs(), ["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    resolver.prefer(Ipv4Addr::new(127, 0, 0, 2).into());
    assert_eq!(addrs(), ["127.0.0.2", "127.0.0.1", "127.0.0.3"]);
    // Also after it had to be looked up again.
    resolver.invalidate();
    assert_eq!(addrs(), ["127.0.0.2", "127.0.0.1", "127.0.0.3"]);
    // One that the name no longer has is not used.
    resolver.prefer(Ipv4Addr::new(127, 0, 0, 4).into());
    assert_eq!(addrs(), ["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
}

#[test]
fn a_hanging_lookup_times_out() {
    let resolver = Resolver::with(look_up, LOOKUP_STACK_SIZE);
    for timeout in [Duration::ZERO, SOON] {
        let start = Instant::now();
        let error = resolver.resolve("hang-1", 443, Some(timeout)).unwrap_err();
        let took = start.elapsed();
        assert!(took >= timeout && took <= timeout + SLACK, "{took:?}");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(
            error.to_string(),
            "the lookup of the host name did not end in time"
        );
    }
    // Others are not held up.
    assert_eq!(resolver.resolve("c.test", 443, None).unwrap(), found(443));
    release("hang-1");
}

#[test]
fn callers_share_one_lookup_per_name() {
    let resolver = Resolver::with(look_up, LOOKUP_STACK_SIZE);
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let resolver = Arc::clone(&resolver);
            thread::spawn(move || resolver.resolve("hang-2", 443, None))
        })
        .collect();
    // Each has its clone of the lookup, beside its thread's and the state's.
    until(|| {
        let state = resolver.lock();
        let lookup = state.lookup.as_ref();
        lookup.is_some_and(|lookup| Arc::strong_count(lookup) == 2 + 8)
    });
    release("hang-2");
    for caller in callers {
        assert_eq!(caller.join().unwrap().unwrap(), found(443));
    }
    assert_eq!(times("hang-2"), 1);
}

#[test]
fn the_first_to_find_serves_all() {
    let resolver = Resolver::with(look_up, LOOKUP_STACK_SIZE);
    let resolve = |timeout| resolver.resolve("hang-first.test", 443, Some(timeout));
    for _ in 0..MAX_LOOKUPS {
        resolve(SOON).unwrap_err();
    }
    thread::scope(|scope| {
        let waiting = scope.spawn(|| resolve(LONG));
        // Its clone is beside the thread's and the state's.
        until(|| {
            let state = resolver.lock();
            let lookup = state.lookup.as_ref();
            lookup.is_some_and(|lookup| Arc::strong_count(lookup) == 3)
        });
        release("hang-first.test");
        assert_eq!(waiting.join().unwrap().unwrap(), found(443));
    });
    assert_eq!(times("hang-first.test"), MAX_LOOKUPS);
}

#[test]
fn a_failure_ends_its_own_calls() {
    const HOST: &str = "hang-first.own.none.test";
    let resolver = Resolver::with(look_up, LOOKUP_STACK_SIZE);
    let resolve = |timeout| {
        let resolver = Arc::clone(&resolver);
        thread::spawn(move || resolver.resolve(HOST, 443, Some(timeout)))
    };
    let first = resolve(LONG);
    until(|| times(HOST) == 1);
    resolve(SOON).join().unwrap().unwrap_err();
    // It was given up by another, so that this call starts one, which never ends.
    resolve(LONG);
    until(|| times(HOST) == 2);
    release(HOST);
    let error = first.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_failure_makes_room_for_a_lookup() {
    let resolver = Resolver::with(look_up, LOOKUP_STACK_SIZE);
    let resolve = || resolver.resolve("hang-first.none.test", 443, Some(SOON));
    for _ in 0..=MAX_LOOKUPS {
        resolve().unwrap_err();
    }
    assert_eq!(times("hang-first.none.test"), MAX_LOOKUPS);
    release("hang-first.none.test");
    until(|| resolver.lock().running < MAX_LOOKUPS);
    resolve().unwrap_err();
    assert_eq!(times("hang-first.none.test"), MAX_LOOKUPS + 1);
}

#[test]
fn callers_join_the_last_of_too_many_lookups() {
    let resolver = Resolver::with(look_up, LOOKUP_STACK_SIZE);
    for n in 1..=MAX_LOOKUPS {
        let error = resolver.resolve("hang-3", 443, Some(SOON)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(resolver.lock().running, n);
    }
    // Another name has none to join, which is as transient as a lookup that hangs.
    for (host, is_awaited) in [("hang-3", true), ("d.test", false), ("hang-3", true)] {
        let start = Instant::now();
        let error = resolver.resolve(host, 443, Some(SOON)).unwrap_err();
        assert!(start.elapsed() >= SOON || !is_awaited);
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(
            error.to_string(),
            "the lookup of the host name did not end in time"
        );
        assert_eq!(resolver.lock().running, MAX_LOOKUPS);
    }
    assert_eq!(times("d.test"), 0);

    let waiting = {
        let resolver = Arc::clone(&resolver);
        thread::spawn(move || resolver.resolve("hang-3", 443, None))
    };
    release("hang-3");
    assert_eq!(waiting.join().unwrap().unwrap(), found(443));
    until(|| resolver.lock().running == 0);
    assert_eq!(resolver.resolve("d.test", 443, None).unwrap(), found(443));
    assert_eq!((times("hang-3"), times("d.test")), (MAX_LOOKUPS, 1));
}

#[test]
fn resolving_fails_at_once_without_threads() {
    // No system has room for such a stack, where an address has 32 bits either.
    let resolver = Resolver::with(look_up, usize::MAX / 16 * 15);
    for _ in 0..=MAX_LOOKUPS {
        let error = resolver.resolve("f.test", 443, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
        assert_eq!(
            error.to_string(),
            "no thread for the lookup of the host name"
        );
        assert!(error.get_ref().unwrap().source().is_some());
    }
    assert_eq!(times("f.test"), 0);
    assert!(resolver.resolve("192.0.2.1", 443, None).is_ok());
    assert!(resolver.resolve("localhost", 443, None).is_ok());
}

#[test]
fn a_late_result_is_cached() {
    let resolver = Resolver::with(look_up, LOOKUP_STACK_SIZE);
    resolver.resolve("hang-6", 443, Some(SOON)).unwrap_err();
    release("hang-6");
    until(|| resolver.lock().running == 0);
    assert_eq!(resolver.resolve("hang-6", 443, None).unwrap(), found(443));
    assert_eq!(times("hang-6"), 1);
}

#[test]
fn giving_up_leaves_others_their_lookup() {
    let resolver = Resolver::with(look_up, LOOKUP_STACK_SIZE);
    let patient = {
        let resolver = Arc::clone(&resolver);
        thread::spawn(move || resolver.resolve("hang-4", 443, None))
    };
    until(|| times("hang-4") == 1);
    let error = resolver.resolve("hang-4", 443, Some(SOON)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    release("hang-4");
    assert_eq!(patient.join().unwrap().unwrap(), found(443));
    assert_eq!(times("hang-4"), 1);
}
