//! Idle connections, the newest first.

use std::collections::VecDeque;
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::connection::Connection;

/// The idle connections of one Config.
///
/// Nothing happens under its lock but that connections are put in and taken
/// out: whatever could log, block or panic does so once it is released.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<VecDeque<Idle>>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// Takes the connection that was used last, if it is still worth using.
    ///
    /// Of a burst of connections the oldest stay unused, and age out.
    pub(crate) fn take(&self) -> Option<Connection> {
        self.take_at(Instant::now(), process::id())
    }

    fn take_at(&self, now: Instant, process: u32) -> Option<Connection> {
        let mut idle = self.lock();
        let newest = idle.pop_back()?;
        if newest.connection.process() == process && !newest.is_expired(now) {
            return Some(newest.connection);
        }
        // All others are older, or another process's as well. Its connections are
        // closed here without a word: the other process still uses them.
        let useless = std::mem::take(&mut *idle);
        drop(idle);
        drop((newest, useless));
        None
    }

    /// Keeps a connection for the next call.
    pub(crate) fn put(&self, connection: Connection) {
        self.put_at(connection, Instant::now());
    }

    fn put_at(&self, connection: Connection, since: Instant) {
        let mut idle = self.lock();
        let oldest_expired = idle.partition_point(|idle| idle.is_expired(since));
        let surplus = (idle.len() + 1).saturating_sub(MAX_IDLE);
        let useless: Vec<_> = idle.drain(..oldest_expired.max(surplus)).collect();
        idle.push_back(Idle { connection, since });
        drop(idle);
        drop(useless);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        // Nothing panics while it holds the lock.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn is_expired(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= MAX_IDLE_AGE
    }
}

/// How many idle connections are kept: one for each thread of a busy program.
const MAX_IDLE: usize = 128;

/// How long an idle connection may still be used. Apache, uvicorn and Node close
/// one after 5 s, and a request that meets the close is lost.
const MAX_IDLE_AGE: Duration = Duration::from_secs(4);
