//! What the transports of a connection know of the call under way.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The call that a connection makes, if one is under way.
///
/// A transport that is used outside of a call refuses to read and write, on
/// whichever thread that is.
#[derive(Debug, Default)]
pub(super) struct Call {
    under_way: Mutex<Option<State>>,
    /// Whether ureq keeps the topmost transport: after a call it does so exactly
    /// where the connection may be used again.
    // Not in `State`, like the other two: it is set and read between calls, too.
    is_open: AtomicBool,
    remove_cookies: AtomicBool,
    is_retired: AtomicBool,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// When the step at hand must end; `None` for never.
    limit: Option<Instant>,
    /// What to report once it has passed.
    timeout_message: &'static str,
    progress: Progress,
    is_probing: bool,
}

/// How far the request has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// ureq has not awaited the response yet: nothing was written.
    Buffered,
    /// Written to the connection, but the system has taken no byte of it.
    Flushing,
    /// The system may have taken a byte.
    Sent,
}

impl Call {
    /// Starts a call that must end by `deadline`.
    pub(super) fn start(&self, deadline: Option<Instant>) -> UnderWay<'_> {
        *self.lock() = Some(State {
            limit: deadline,
            timeout_message: "no response within the timeout",
            progress: Progress::Buffered,
            is_probing: false,
        });
        UnderWay(self)
    }

    /// Runs a step that must end within `timeout`, or sooner where the call
    /// itself must.
    pub(super) fn with_timeout<T>(
        &self,
        timeout: Duration,
        message: &'static str,
        step: impl FnOnce() -> T,
    ) -> T {
        // A time that no clock can show is no limit.
        let own = Instant::now().checked_add(timeout);
        let outer = *self.lock();
        if let Some(own) = own {
            self.update(|state| {
                if state.limit.is_none_or(|limit| own < limit) {
                    state.limit = Some(own);
                    state.timeout_message = message;
                }
            });
        }
        let result = step();
        // Not the whole state: what the step has sent stays sent.
        if let Some(outer) = outer {
            self.update(|state| {
                state.limit = outer.limit;
                state.timeout_message = outer.timeout_message;
            });
        }
        result
    }

    /// When the step at hand must end.
    pub(super) fn limit(&self) -> io::Result<Option<Instant>> {
        Ok(self.state()?.limit)
    }

    /// The time left for the step at hand, never zero; `None` for no limit.
    pub(super) fn remaining(&self) -> io::Result<Option<Duration>> {
        let state = self.state()?;
        let remaining = state
            .limit
            .map(|limit| limit.saturating_duration_since(Instant::now()));
        // Zero would mean "no timeout" to the system.
        if remaining == Some(Duration::ZERO) {
            let message = state.timeout_message;
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        Ok(remaining)
    }

    /// Notes that the request is about to be written to the connection.
    pub(super) fn start_flush(&self) -> io::Result<()> {
        self.state()?;
        self.update(|state| {
            if state.progress == Progress::Buffered {
                state.progress = Progress::Flushing;
            }
        });
        Ok(())
    }

    /// Asks the system to write, and notes that it may have taken a part of the
    /// request: beforehand, so that this holds where the write panics or the
    /// call ends meanwhile, and taken back only if `took_nothing`.
    pub(super) fn write<T>(
        &self,
        write: impl FnOnce() -> T,
        took_nothing: impl FnOnce(&T) -> bool,
    ) -> io::Result<T> {
        let is_first = {
            let mut under_way = self.lock();
            let state = under_way.as_mut().ok_or_else(no_call)?;
            let is_first = state.progress == Progress::Flushing;
            if is_first {
                state.progress = Progress::Sent;
            }
            is_first
        };
        // Without the lock: a write may block, and the call may end meanwhile.
        let result = write();
        // A later write says nothing of an earlier one.
        if is_first && took_nothing(&result) {
            self.update(|state| state.progress = Progress::Flushing);
        }
        Ok(result)
    }

    /// Whether the request is still buffered, which it is when ureq takes an idle
    /// connection to use it, but not when it sets one aside.
    pub(super) fn is_buffered(&self) -> bool {
        self.state()
            .is_ok_and(|state| state.progress == Progress::Buffered)
    }

    /// Runs a step in which reads do not block.
    pub(super) fn probe<T>(&self, step: impl FnOnce() -> T) -> T {
        self.update(|state| state.is_probing = true);
        let result = step();
        self.update(|state| state.is_probing = false);
        result
    }

    pub(super) fn is_probing(&self) -> bool {
        self.state().is_ok_and(|state| state.is_probing)
    }

    pub(super) fn set_open(&self, is_open: bool) {
        self.is_open.store(is_open, Ordering::Relaxed);
    }

    pub(super) fn remove_cookies(&self) {
        self.remove_cookies.store(true, Ordering::Relaxed);
    }

    pub(super) fn removes_cookies(&self) -> bool {
        self.remove_cookies.load(Ordering::Relaxed)
    }

    /// Makes the call under way the last one of this connection.
    pub(super) fn retire(&self) {
        self.is_retired.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_reusable(&self) -> bool {
        self.is_open.load(Ordering::Relaxed) && !self.is_retired.load(Ordering::Relaxed)
    }

    fn state(&self) -> io::Result<State> {
        self.lock().ok_or_else(no_call)
    }

    fn update(&self, update: impl FnOnce(&mut State)) {
        if let Some(state) = &mut *self.lock() {
            update(state);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        // Nothing panics while it holds the lock.
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the call under way when it is dropped, by a panic too.
pub(super) struct UnderWay<'a>(&'a Call);

impl UnderWay<'_> {
    /// Ends the call, and tells whether any of its request may have been sent.
    pub(super) fn end(self) -> bool {
        let state = self.0.lock().take();
        // A call that something else has ended is one that nothing is known of.
        state.is_none_or(|state| state.progress == Progress::Sent)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

fn no_call() -> io::Error {
    io::Error::other("the connection was used outside of a call")
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
