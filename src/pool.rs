//! Idle connections, the newest first.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::connection::Connection;

/// The idle connections of one Config in one process.
///
/// Nothing happens under its lock but that connections are put in and taken
/// out: whatever could log, block or panic does so once it is released.
#[derive(Debug)]
pub(crate) struct Pool<C = Connection> {
    idle: Mutex<VecDeque<Idle<C>>>,
    /// Whether connections are kept at all.
    is_enabled: bool,
}

#[derive(Debug)]
struct Idle<C> {
    connection: C,
    since: Instant,
}

impl Pool {
    /// Takes the connection that was used last, if it is still worth using.
    ///
    /// Of a burst of connections the oldest stay unused, and expire.
    pub(crate) fn take(&self) -> Option<Connection> {
        self.take_at(Instant::now())
    }

    /// Keeps a connection for the next call.
    pub(crate) fn put(&self, connection: Connection) {
        self.put_at(connection, Instant::now());
    }
}

impl<C> Pool<C> {
    pub(crate) fn new(is_enabled: bool) -> Self {
        Self {
            idle: Mutex::default(),
            is_enabled,
        }
    }

    /// Closes all connections, for a forked child: a thread of its parent may have
    /// held the lock.
    pub(crate) fn clear(&self) {
        let idle = self.idle.try_lock();
        let all = idle.map(|mut idle| mem::take(&mut *idle));
        drop(all);
    }

    fn take_at(&self, now: Instant) -> Option<C> {
        let mut idle = self.lock();
        // The newest is the likeliest to be open still.
        let newest = idle.pop_back()?;
        if !newest.is_expired(now) {
            return Some(newest.connection);
        }
        // All others are older.
        let useless = mem::take(&mut *idle);
        drop(idle);
        drop((newest, useless));
        None
    }

    fn put_at(&self, connection: C, since: Instant) {
        if !self.is_enabled {
            return;
        }
        let mut idle = self.lock();
        let expired = idle.partition_point(|idle| idle.is_expired(since));
        // Expired ones are closed here, since nothing else looks at them.
        let surplus = (idle.len() + 1).saturating_sub(MAX_IDLE);
        let useless: Vec<_> = idle.drain(..expired.max(surplus)).collect();
        idle.push_back(Idle { connection, since });
        drop(idle);
        drop(useless);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Idle<C>>> {
        // Nothing panics while it holds the lock.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Idle<C> {
    fn is_expired(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= MAX_IDLE_AGE
    }
}

/// How many idle connections are kept: one for each thread of a busy program.
const MAX_IDLE: usize = 128;

/// How long an idle connection may still be used. Apache, uvicorn and Node close
/// one after 5 s, and a request that meets the close is lost.
const MAX_IDLE_AGE: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Weak};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_newest_connection_is_taken_first() {
        let (pool, now) = (Pool::new(true), Instant::now());
        for connection in ["a", "b", "c"] {
            pool.put_at(connection, now);
        }
        assert_eq!(pool.take_at(now), Some("c"));
        assert_eq!(pool.take_at(now), Some("b"));
        pool.put_at("d", now);
        assert_eq!(pool.take_at(now), Some("d"));
        assert_eq!(pool.take_at(now), Some("a"));
        assert_eq!(pool.take_at(now), None);
    }

    #[test]
    fn a_connection_expires_after_four_seconds() {
        let (pool, now) = (Pool::new(true), Instant::now());
        pool.put_at("a", now);
        let last = now + Duration::from_nanos(3_999_999_999);
        assert_eq!(pool.take_at(last), Some("a"));

        let (old, new) = (Arc::new(()), Arc::new(()));
        let pool = Pool::new(true);
        pool.put_at(Arc::clone(&old), now);
        pool.put_at(Arc::clone(&new), now + SECOND);
        assert_eq!(pool.take_at(now + 5 * SECOND), None);
        // Both are closed.
        assert_eq!((Arc::strong_count(&old), Arc::strong_count(&new)), (1, 1));
    }

    #[test]
    fn put_closes_expired_connections() {
        let (pool, now) = (Pool::new(true), Instant::now());
        let old = Arc::new(());
        pool.put_at(Arc::clone(&old), now);
        pool.put_at(Arc::new(()), now + 3 * SECOND);
        assert_eq!(Arc::strong_count(&old), 2);
        pool.put_at(Arc::new(()), now + 4 * SECOND);
        assert_eq!(Arc::strong_count(&old), 1);
        assert_eq!(pool.lock().len(), 2);
    }

    #[test]
    fn closes_the_oldest_of_too_many() {
        let (pool, now) = (Pool::new(true), Instant::now());
        let all: Vec<_> = (0..MAX_IDLE + 2).map(Arc::new).collect();
        for connection in &all {
            pool.put_at(Arc::clone(connection), now);
        }
        assert_eq!(pool.lock().len(), MAX_IDLE);
        let closed = all.iter().take_while(|c| Arc::strong_count(c) == 1);
        assert_eq!(closed.count(), 2);
    }

    #[test]
    fn keeps_nothing_where_disabled() {
        let (pool, now) = (Pool::new(false), Instant::now());
        pool.put_at("a", now);
        assert_eq!(pool.take_at(now), None);
    }

    #[test]
    fn clearing_awaits_no_lock() {
        let (pool, now) = (Pool::new(true), Instant::now());
        pool.put_at("a", now);
        // As a thread of the parent does that a forked child does not have.
        let idle = pool.lock();
        pool.clear();
        drop(idle);
        assert_eq!(pool.lock().len(), 1);
        pool.clear();
        assert!(pool.lock().is_empty());
    }

    /// A connection that uses the pool when it is closed, as a logger may.
    struct Reentrant(Weak<Pool<Self>>);

    impl Drop for Reentrant {
        fn drop(&mut self) {
            if let Some(pool) = self.0.upgrade() {
                let is_free = pool.idle.try_lock().is_ok();
                assert!(is_free, "closed under the lock");
            }
        }
    }

    #[test]
    fn nothing_is_closed_under_the_lock() {
        let (pool, now) = (Arc::new(Pool::new(true)), Instant::now());
        let connection = || Reentrant(Arc::downgrade(&pool));
        for _ in 0..=MAX_IDLE {
            pool.put_at(connection(), now);
        }
        pool.put_at(connection(), now + 4 * SECOND);
        assert!(pool.take_at(now + 9 * SECOND).is_none());
    }
}
