//! Idle connections, and how long the server keeps them.

use std::cell::Cell;
use std::mem;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::connection::Connection;

/// The idle connections of one Config in one process.
///
/// Nothing happens under its lock but that connections are put in and taken
/// out: whatever could log, block or panic does so once it is released. They are
/// boxed, so that little is moved.
pub(crate) struct Pool<C = Box<Connection>> {
    state: Mutex<State<C>>,
    /// Whether connections are kept at all.
    is_enabled: bool,
    /// What the steady clock counts from.
    start: Instant,
}

struct State<C> {
    /// The newest last.
    idle: Vec<Idle<C>>,
    /// Finds out whether the server keeps a connection for longer than the limit.
    trial: Option<Idle<C>>,
    /// How old a connection may be, as far as is known of the server.
    limit: Duration,
    /// How many connections have come since the last trial, and when that began.
    since_trial: (u32, Moment),
}

struct Idle<C> {
    connection: C,
    /// The thread that used it last.
    thread: usize,
    since: Moment,
    /// How long it is kept, whatever the limit is.
    max_age: Duration,
}

/// How a connection was used again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reuse {
    age: Duration,
    is_trial: bool,
}

impl Pool {
    /// Takes the connection that this thread used last, if it is still worth using,
    /// or else the one that any thread used last.
    ///
    /// Of a burst of connections the oldest stay unused, and expire.
    pub(crate) fn take(&self) -> Option<(Box<Connection>, Reuse)> {
        self.take_at(self.now(), this_thread())
    }

    /// Keeps a connection for the next call, and no longer than `max_age`.
    pub(crate) fn put(&self, connection: Box<Connection>, max_age: Option<Duration>) {
        self.put_at(connection, max_age, self.now(), this_thread());
    }

    /// Learns from a connection that was used again: whether the server still had it.
    pub(crate) fn learn(&self, reuse: Reuse, was_open: bool) {
        // What every call finds is nothing to learn from, and needs no lock.
        if reuse.is_trial || !was_open {
            self.learn_at(reuse, was_open, self.now());
        }
    }
}

impl<C> Pool<C> {
    pub(crate) fn new(is_enabled: bool) -> Self {
        Self {
            state: Mutex::new(State {
                idle: Vec::new(),
                trial: None,
                limit: MAX_IDLE_AGE,
                since_trial: (0, Moment::default()),
            }),
            is_enabled,
            start: Instant::now(),
        }
    }

    /// Closes all connections, for a forked child: a thread of its parent may have
    /// held the lock.
    pub(crate) fn clear(&self) {
        let state = self.state.try_lock();
        let all = state.map(|mut state| (mem::take(&mut state.idle), state.trial.take()));
        drop(all);
    }

    fn now(&self) -> Moment {
        Moment {
            steady: self.start.elapsed(),
            wall: UNIX_EPOCH.elapsed().unwrap_or_default(),
        }
    }

    fn take_at(&self, now: Moment, thread: usize) -> Option<(C, Reuse)> {
        let mut state = self.lock();
        let useless = state.remove_expired(now);
        let taken = state.take(now, thread);
        drop(state);
        drop(useless);
        taken.map(|(idle, is_trial)| {
            let age = idle.age(now);
            (idle.connection, Reuse { age, is_trial })
        })
    }

    fn put_at(&self, connection: C, max_age: Option<Duration>, since: Moment, thread: usize) {
        let max_age = max_age.map_or(MAX_IDLE_AGE, |max_age| max_age.min(MAX_IDLE_AGE));
        if !self.is_enabled || max_age.is_zero() {
            return;
        }
        let mut idle = Idle {
            connection,
            thread,
            since,
            max_age,
        };
        let mut state = self.lock();
        let replaced = if state.starts_trial(max_age, since) {
            // An older one would risk more than there is to gain: the limit doubles.
            let end = (state.limit * 2 + TRIAL_SLACK).min(MAX_TRIAL_AGE);
            idle.max_age = max_age.min(end);
            state.trial.replace(idle)
        } else {
            state.idle.push(idle);
            None
        };
        // Here too, since there may be no later call. It may also be the one that has
        // just come.
        let mut useless = state.remove_expired(since);
        if state.idle.len() > MAX_IDLE {
            useless.push(state.idle.remove(0));
        }
        drop(state);
        drop((useless, replaced));
    }

    fn learn_at(&self, reuse: Reuse, was_open: bool, now: Moment) {
        let mut state = self.lock();
        if was_open {
            state.limit = (state.limit * 2).clamp(FIRST_IDLE_AGE, MAX_IDLE_AGE);
            return;
        }
        let half = Some(reuse.age / 2).filter(|half| *half >= MIN_IDLE_AGE);
        state.limit = state.limit.min(half.unwrap_or_default());
        state.since_trial = (0, now);
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> State<C> {
    /// Removes what has expired, as far as nothing older has not.
    fn remove_expired(&mut self, now: Moment) -> Vec<Idle<C>> {
        let limit = self.limit;
        let trial = self.trial.take_if(|trial| trial.age(now) >= trial.max_age);
        let mut expired = Vec::from_iter(trial);
        while let Some(idle) = self.idle.first()
            && !idle.is_usable(limit, now)
        {
            expired.push(self.idle.remove(0));
        }
        expired
    }

    /// Takes one, and tells whether it is a trial.
    fn take(&mut self, now: Moment, thread: usize) -> Option<(Idle<C>, bool)> {
        let limit = self.limit;
        if let Some(trial) = self.trial.take_if(|trial| trial.age(now) >= limit) {
            return Some((trial, true));
        }
        let is_usable = |idle: &Idle<C>| idle.is_usable(limit, now);
        let mut idle = self.idle.iter();
        let own = idle.rposition(|idle| idle.thread == thread && is_usable(idle));
        let index = own.or_else(|| self.idle.iter().rposition(is_usable))?;
        Some((self.idle.remove(index), false))
    }

    /// Whether the connection that comes is to find out if the server keeps it longer
    /// than the limit.
    fn starts_trial(&mut self, max_age: Duration, now: Moment) -> bool {
        let (count, since) = &mut self.since_trial;
        *count = count.saturating_add(1);
        let is_due = self.limit < max_age.min(MAX_TRIAL_AGE)
            && *count >= TRIAL_CALLS
            && now.since(*since) >= TRIAL_INTERVAL;
        if is_due {
            self.since_trial = (0, now);
        }
        is_due
    }
}

impl<C> Idle<C> {
    fn age(&self, now: Moment) -> Duration {
        now.since(self.since)
    }

    fn is_usable(&self, limit: Duration, now: Moment) -> bool {
        self.age(now) < self.max_age.min(limit)
    }
}

/// A moment by two clocks: the steady one stands still while the machine sleeps, and
/// the other one may be set.
#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    steady: Duration,
    wall: Duration,
}

impl Moment {
    /// How much time has passed since `earlier`, by the clock that shows more.
    fn since(self, earlier: Self) -> Duration {
        let steady = self.steady.saturating_sub(earlier.steady);
        steady.max(self.wall.saturating_sub(earlier.wall))
    }
}

/// How long the server keeps an idle connection by its `Keep-Alive` header, and a
/// second less: the request takes a while to get there. Some servers write `;` for `,`.
pub(crate) fn max_age(keep_alive: &str) -> Option<Duration> {
    let seconds = keep_alive.split([',', ';']).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_timeout = name.trim().eq_ignore_ascii_case("timeout");
        is_timeout.then(|| value.trim().parse::<u64>().ok())?
    })?;
    Some(Duration::from_secs(seconds.saturating_sub(1)))
}

/// A number that no other thread has as long as this one lives.
fn this_thread() -> usize {
    thread_local!(static MARK: Cell<u8> = const { Cell::new(0) });
    // Also in destructors, where std may have no thread to ask.
    MARK.try_with(|mark| ptr::from_ref(mark).addr())
        .unwrap_or_default()
}

/// How many idle connections are kept: one for each thread of a busy program.
const MAX_IDLE: usize = 128;

/// How long an idle connection may still be used at most. A request that meets the
/// server's close is lost, and many servers close after 5 s: Apache, uvicorn,
/// lighttpd and hypercorn. Node announces 5 s and closes after 6. Where one closes
/// sooner, it is learned: uvicorn under gunicorn and gunicorn's gthread after 2 s,
/// Starman after 1 s, uWSGI's `--http` at once and without a word.
const MAX_IDLE_AGE: Duration = Duration::from_secs(4);

/// A limit below this is none.
const MIN_IDLE_AGE: Duration = Duration::from_millis(10);

/// The limit after the first trial that went well.
const FIRST_IDLE_AGE: Duration = Duration::from_millis(100);

/// A trial takes one connection of so many, and begins so long after the last.
const TRIAL_CALLS: u32 = 50;
const TRIAL_INTERVAL: Duration = Duration::from_secs(5);

/// A trial ends so long after twice the limit: a limit of zero needs some time, too.
const TRIAL_SLACK: Duration = Duration::from_millis(500);

/// No trial is older than this: some servers close after 4 s.
const MAX_TRIAL_AGE: Duration = Duration::from_millis(3500);

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
