use std::ops::Add;
use std::sync::{Arc, Weak};
use std::thread;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// While the machine is awake, and nobody sets its clock.
impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self {
            steady: self.steady + time,
            wall: self.wall + time,
        }
    }
}

impl<C> Pool<C> {
    pub(crate) fn limit(&self) -> Duration {
        self.lock().limit
    }
}

/// By one and the same thread.
impl<C> Pool<C> {
    fn take_one(&self, now: Moment) -> Option<C> {
        self.take_at(now, 1).map(|(connection, _)| connection)
    }

    fn put_one(&self, connection: C, now: Moment) {
        self.put_at(connection, None, now, 1);
    }
}

#[test]
fn the_newest_connection_is_taken_first() {
    let (pool, now) = (Pool::new(true), Moment::default());
    for connection in ["a", "b", "c"] {
        pool.put_one(connection, now);
    }
    assert_eq!(pool.take_one(now), Some("c"));
    assert_eq!(pool.take_one(now), Some("b"));
    pool.put_one("d", now);
    assert_eq!(pool.take_one(now), Some("d"));
    assert_eq!(pool.take_one(now), Some("a"));
    assert_eq!(pool.take_one(now), None);
}

#[test]
fn threads_take_their_own_connections_first() {
    let (pool, now) = (Pool::new(true), Moment::default());
    for (connection, thread) in [("a", 1), ("b", 1), ("c", 2), ("d", 3)] {
        pool.put_at(connection, None, now, thread);
    }
    for (thread, connection) in [(1, "b"), (1, "a"), (1, "d"), (4, "c")] {
        assert_eq!(pool.take_at(now, thread).unwrap().0, connection);
    }
    assert_eq!(this_thread(), this_thread());
    let here = this_thread();
    let there = thread::scope(|scope| scope.spawn(this_thread).join().unwrap());
    assert_ne!(here, there);
}

#[test]
fn bursts_share_their_connections() {
    let (pool, now) = (Pool::new(true), Moment::default());
    let mut opened = 0;
    for burst in 0..10 {
        let now = now + burst * SECOND;
        let threads = || (0..MAX_IDLE).map(|thread| 1000 * burst as usize + thread);
        let taken: Vec<_> = threads().map(|thread| pool.take_at(now, thread)).collect();
        opened += taken.iter().filter(|taken| taken.is_none()).count();
        threads().for_each(|thread| pool.put_at((), None, now, thread));
    }
    assert_eq!(opened, MAX_IDLE);
}

#[test]
fn a_connection_expires_after_four_seconds() {
    let (pool, now) = (Pool::new(true), Moment::default());
    pool.put_one("a", now);
    let last = now + Duration::from_nanos(3_999_999_999);
    assert_eq!(pool.take_one(last), Some("a"));

    let (old, new) = (Arc::new(()), Arc::new(()));
    let pool = Pool::new(true);
    pool.put_one(Arc::clone(&old), now);
    pool.put_one(Arc::clone(&new), now + SECOND);
    assert_eq!(pool.take_one(now + 5 * SECOND), None);
    // Both are closed.
    assert_eq!((Arc::strong_count(&old), Arc::strong_count(&new)), (1, 1));
}

#[test]
fn a_connection_ages_while_the_machine_sleeps() {
    const DAY: Duration = Duration::from_secs(86_400);
    for (steady, wall, is_kept) in [
        (SECOND, DAY + SECOND, true),
        (SECOND, 2 * DAY, false),
        // The clock was set back, or forward.
        (SECOND, Duration::ZERO, true),
        (4 * SECOND, Duration::ZERO, false),
        (SECOND, DAY + 3 * SECOND, true),
        (SECOND, DAY + 4 * SECOND, false),
    ] {
        let pool = Pool::new(true);
        let now = Moment {
            steady: Duration::ZERO,
            wall: DAY,
        };
        pool.put_one("a", now);
        let later = Moment { steady, wall };
        let taken = pool.take_one(later);
        assert_eq!(taken.is_some(), is_kept, "{steady:?} {wall:?}");
    }
}

#[test]
fn both_clocks_go_on() {
    let pool = Pool::<()>::new(true);
    let start = pool.now();
    let is_later = |now: Moment| now.steady > start.steady && now.wall > start.wall;
    let end = Instant::now() + 5 * SECOND;
    while !is_later(pool.now()) {
        assert!(Instant::now() < end);
    }
}

#[test]
fn put_closes_expired_connections() {
    let (pool, now) = (Pool::new(true), Moment::default());
    let old = Arc::new(());
    pool.put_one(Arc::clone(&old), now);
    pool.put_one(Arc::new(()), now + 3 * SECOND);
    assert_eq!(Arc::strong_count(&old), 2);
    pool.put_one(Arc::new(()), now + 4 * SECOND);
    assert_eq!(Arc::strong_count(&old), 1);
    assert_eq!(pool.lock().idle.len(), 2);
}

#[test]
fn closes_the_oldest_of_too_many() {
    let (pool, now) = (Pool::new(true), Moment::default());
    let all: Vec<_> = (0..MAX_IDLE + 2).map(Arc::new).collect();
    for connection in &all {
        pool.put_one(Arc::clone(connection), now);
    }
    assert_eq!(pool.lock().idle.len(), MAX_IDLE);
    let closed = all.iter().take_while(|c| Arc::strong_count(c) == 1);
    assert_eq!(closed.count(), 2);
}

#[test]
fn too_many_connections_close_no_trial() {
    let (pool, now) = (Pool::new(true), Moment::default() + TRIAL_INTERVAL);
    pool.lock().limit = SECOND;
    pool.lock().since_trial = (TRIAL_CALLS, Moment::default());
    pool.put_one(0, now);
    for connection in 1..=MAX_IDLE {
        pool.put_one(connection, now);
    }
    assert_eq!(pool.lock().idle.len(), MAX_IDLE);
    let (connection, reuse) = pool.take_at(now + SECOND, 1).unwrap();
    assert_eq!((connection, reuse.is_trial), (0, true));
}

#[test]
fn keeps_nothing_where_disabled() {
    let (pool, now) = (Pool::new(false), Moment::default());
    pool.put_one("a", now);
    assert_eq!(pool.take_one(now), None);
}

#[test]
fn clearing_awaits_no_lock() {
    let (pool, now) = (Pool::new(true), Moment::default());
    pool.put_one("a", now);
    // As a thread of the parent does that a forked child does not have.
    let state = pool.lock();
    pool.clear();
    drop(state);
    assert_eq!(pool.lock().idle.len(), 1);
    pool.clear();
    assert!(pool.lock().idle.is_empty());
}

#[test]
fn a_server_says_how_long() {
    for (header, seconds) in [
        ("timeout=5", Some(4)),
        ("timeout=5, max=100", Some(4)),
        ("max=100,Timeout = 2", Some(1)),
        ("timeout=5; max=100", Some(4)),
        ("max=100;timeout=2", Some(1)),
        ("timeout=1", Some(0)),
        ("timeout=0", Some(0)),
        ("timeout=18446744073709551615", Some(u64::MAX - 1)),
        ("timeout=soon", None),
        ("timeout=-1", None),
        ("max=100", None),
        ("timeout", None),
        ("", None),
    ] {
        assert_eq!(
            max_age(header),
            seconds.map(Duration::from_secs),
            "{header}"
        );
    }
    let now = Moment::default();
    for (seconds, limit) in [(0, 0), (1, 1), (3, 3), (4, 4), (u64::MAX, 4)] {
        let pool = Pool::new(true);
        let put = || pool.put_at("a", Some(Duration::from_secs(seconds)), now, 1);
        put();
        assert_eq!(pool.take_one(now + limit * SECOND), None, "{seconds}");
        put();
        let is_kept = pool.take_one(now + limit * SECOND * 9 / 10).is_some();
        assert_eq!(is_kept, limit > 0, "{seconds}");
    }
}

/// Finds a connection closed at this age.
fn find_closed<C>(pool: &Pool<C>, age: Duration, now: Moment) {
    let is_trial = false;
    pool.learn_at(Reuse { age, is_trial }, false, now);
}

#[test]
fn a_connection_found_closed_halves_the_limit() {
    let (pool, now) = (Pool::new(true), Moment::default());
    for (age, limit) in [(3000, 1500), (2000, 1000), (3000, 1000), (20, 10), (19, 0)] {
        find_closed(&pool, age * MS, now);
        assert_eq!(pool.lock().limit, limit * MS);
        pool.put_one("a", now);
        assert_eq!(pool.take_one(now + limit * MS), None);
        if limit > 0 {
            pool.put_one("a", now);
            assert_eq!(pool.take_one(now + (limit - 1) * MS), Some("a"));
        }
    }
    // Also those that are there already.
    let pool = Pool::new(true);
    pool.put_one("a", now);
    find_closed(&pool, 2 * SECOND, now);
    assert_eq!(pool.take_one(now + SECOND), None);
}

/// Makes calls, one at a time, to a server that closes idle connections at this age:
/// for how long, at which intervals. Returns how many used a connection again, and how
/// many met one that was closed.
fn run(
    pool: &Pool<()>,
    kept: Duration,
    now: &mut Moment,
    long: Duration,
    pause: Duration,
) -> [u32; 2] {
    let end = *now + long;
    let [mut reused, mut closed] = [0, 0];
    while now.steady < end.steady {
        if let Some(((), reuse)) = pool.take_at(*now, 1) {
            let was_open = reuse.age < kept;
            if reuse.is_trial || !was_open {
                pool.learn_at(reuse, was_open, *now);
            }
            *(if was_open { &mut reused } else { &mut closed }) += 1;
        }
        pool.put_at((), None, *now, 1);
        *now = *now + pause;
    }
    [reused, closed]
}

#[test]
fn trials_find_out_what_a_server_keeps() {
    const PAUSE: Duration = Duration::from_millis(10);
    let (pool, mut now) = (Pool::new(true), Moment::default());
    // In a minute, one call and then a trial every 5 s.
    let [reused, closed] = run(&pool, Duration::ZERO, &mut now, 60 * SECOND, PAUSE);
    assert_eq!((reused, closed), (0, 12));
    assert_eq!(pool.lock().limit, Duration::ZERO);
    // The server keeps connections again.
    let [reused, closed] = run(&pool, 60 * SECOND, &mut now, 60 * SECOND, PAUSE);
    assert!(reused > 5400, "{reused}");
    assert_eq!(closed, 0);
    assert_eq!(pool.lock().limit, MAX_IDLE_AGE);
    let [reused, _] = run(&pool, 60 * SECOND, &mut now, 10 * SECOND, PAUSE);
    assert_eq!(reused, 1000);
}

#[test]
fn one_call_of_fifty_tries() {
    let (pool, mut now) = (Pool::new(true), Moment::default());
    let [reused, closed] = run(&pool, Duration::ZERO, &mut now, 1000 * SECOND, SECOND);
    assert_eq!((reused, closed), (0, 20));
}

#[test]
fn a_trial_is_used_around_the_limit_only() {
    let now = Moment::default();
    for (limit, max_age, end) in [
        (0, None, 500),
        (100, None, 700),
        (1000, None, 2500),
        (1500, None, 3500),
        (3400, None, 3500),
        // The server says how long it keeps it.
        (1000, Some(2000), 2000),
        // There is nothing to find out.
        (1000, Some(1000), 0),
        (3500, None, 0),
        (4000, None, 0),
    ] {
        let use_at = |age: u32| {
            let pool = Pool::new(true);
            pool.lock().limit = limit * MS;
            pool.lock().since_trial = (TRIAL_CALLS, now);
            let now = now + TRIAL_INTERVAL;
            pool.put_at("a", max_age.map(|age| age * MS), now, 1);
            let taken = pool.take_at(now + age * MS, 1);
            taken.map(|(_, reuse)| reuse.is_trial)
        };
        for age in (0..4100).step_by(50) {
            let is_trial = end > 0;
            let used = if is_trial { limit..end } else { 0..limit };
            let expected = used.contains(&age).then_some(is_trial);
            assert_eq!(use_at(age), expected, "{limit} {max_age:?} {age}");
        }
    }
}

#[test]
fn trials_are_no_older_than_calls_need() {
    // After a close at `age`, of a server that keeps connections for `kept`, with this
    // pause between calls: how many more closes are met, and how far the limit gets.
    for (age, kept, pause, most, limit) in [
        // It restarts once.
        (10, 5000, 10, 0, 4000),
        (1000, 5000, 1000, 0, 4000),
        (3000, 5000, 3000, 0, 4000),
        // Calls so far apart gain nothing by a trial.
        (200, 5000, 1000, 0, 100),
        (500, 1000, 1100, 0, 250),
        (800, 2000, 3000, 0, 400),
        // It closes after each response, or soon.
        (10, 0, 10, 12, 0),
        (1000, 1000, 10, 5, 500),
        (2000, 2000, 10, 5, 2000),
        (1000, 1000, 1000, 20, 500),
    ] {
        let (pool, mut now) = (Pool::new(true), Moment::default());
        find_closed(&pool, age * MS, now);
        let long = (pause * MS * 1000).max(60 * SECOND);
        let [_, closed] = run(&pool, kept * MS, &mut now, long, pause * MS);
        assert!(closed <= most, "{age} {kept} {pause}: {closed}");
        let found = pool.lock().limit;
        assert_eq!(found, limit * MS, "{age} {kept} {pause}");
    }
}

/// A connection that uses the pool when it is closed, as a logger may.
struct Reentrant(Weak<Pool<Self>>);

impl Drop for Reentrant {
    fn drop(&mut self) {
        if let Some(pool) = self.0.upgrade() {
            let is_free = pool.state.try_lock().is_ok();
            assert!(is_free, "closed under the lock");
        }
    }
}

#[test]
fn nothing_is_closed_under_the_lock() {
    let (pool, now) = (Arc::new(Pool::new(true)), Moment::default());
    let connection = || Reentrant(Arc::downgrade(&pool));
    for _ in 0..=MAX_IDLE {
        pool.put_one(connection(), now);
    }
    pool.put_one(connection(), now + 4 * SECOND);
    assert!(pool.take_one(now + 9 * SECOND).is_none());
    pool.put_at(connection(), Some(Duration::ZERO), now, 1);
    pool.put_one(connection(), now);
    pool.clear();
}
