//! What the transports of a connection know of the call under way.

use std::io;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The call that a connection makes, if one is under way.
///
/// A transport that is used outside of a call refuses to read and write, on
/// whichever thread that is.
#[derive(Debug, Default)]
pub(crate) struct Call(Mutex<State>);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    progress: Progress,
    /// When the step at hand must end.
    limit: Limit,
    /// Whether the request was written to a connection of an earlier call.
    reused: bool,
    /// When reads after the limit began.
    late_since: Option<Instant>,
    pub(super) top: Top,
    removes_cookies: bool,
}

/// How far the request has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Progress {
    /// No call is under way.
    #[default]
    Ended,
    /// ureq has not awaited the response yet: nothing was written.
    Buffered,
    /// Written to the connection, but the system has taken no byte of it.
    Flushing,
    /// The system may have taken a byte.
    Sent,
    /// A byte of the response has come.
    Received,
}

/// The topmost transport.
///
/// ureq keeps it after a call exactly where the connection may be used again.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Top {
    #[default]
    Closed,
    /// An earlier call has left it. What has come since then is not known.
    Kept,
    /// That is being found out, by reads that do not block.
    Probed,
    /// An earlier call has left it, and nothing has come since then.
    Silent,
    /// It was opened by the call under way.
    New,
}

/// A limit, `None` for none, and what to report once it has passed.
#[derive(Clone, Copy, Debug, Default)]
struct Limit(Option<Instant>, &'static str);

/// What came of a call.
// Each is a fact of its own.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Trace {
    /// Whether any of the request may have been sent.
    pub(crate) sent: bool,
    /// Whether any of the response has come.
    pub(crate) received: bool,
    /// Whether the request was written to a connection of an earlier call.
    pub(crate) reused: bool,
    /// Whether it was written to one that this call has opened.
    pub(crate) opened: bool,
}

impl Call {
    /// Starts a call that must end by `deadline`.
    pub(super) fn start(&self, deadline: Option<Instant>) -> UnderWay<'_> {
        let mut state = self.lock();
        state.progress = Progress::Buffered;
        state.limit = Limit(deadline, "the timeout has passed");
        state.reused = false;
        state.late_since = None;
        if state.top != Top::Closed {
            state.top = Top::Kept;
        }
        UnderWay(self)
    }

    /// Runs a step that must end within `timeout`, or sooner where the call
    /// itself must.
    pub(crate) fn with_timeout<T>(
        &self,
        timeout: Duration,
        message: &'static str,
        step: impl FnOnce() -> T,
    ) -> T {
        // A time that no clock can show is no limit.
        let own = Instant::now().checked_add(timeout);
        let outer = self.lock().limit;
        if own.is_some_and(|own| outer.0.is_none_or(|outer| own < outer)) {
            self.lock().limit = Limit(own, message);
        }
        let result = step();
        self.lock().limit = outer;
        result
    }

    /// Notes that a response carried `set-cookie`: ureq may send it back, where
    /// another crate has enabled its cookies.
    pub(crate) fn remove_cookies(&self) {
        self.lock().removes_cookies = true;
    }

    /// The time left for the step at hand, never zero; `None` for no limit.
    pub(super) fn remaining(&self) -> io::Result<Option<Duration>> {
        let Limit(limit, message) = self.under_way()?.limit;
        let remaining = limit.map(|limit| limit.saturating_duration_since(Instant::now()));
        // Zero would mean "no timeout" to the system.
        if remaining == Some(Duration::ZERO) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        Ok(remaining)
    }

    /// Whether to read once more, after the limit, what has arrived of the response by
    /// then. Not for long: a response without an end would hold the call.
    pub(super) fn starts_late_read(&self) -> bool {
        let mut state = self.lock();
        matches!(state.progress, Progress::Sent | Progress::Received)
            && state.late_since.get_or_insert_with(Instant::now).elapsed() < LATE_READS
    }

    /// Whether the request is still buffered.
    pub(super) fn is_buffered(&self) -> bool {
        self.lock().progress == Progress::Buffered
    }

    /// Notes that the request is about to be written to the connection, and returns
    /// whether its `cookie` lines must be removed.
    ///
    /// # Errors
    ///
    /// ureq has not asked whether a connection that is used again is open. It
    /// must, since what has come to it in the meantime would be taken for the
    /// response.
    pub(super) fn start_flush(&self) -> io::Result<bool> {
        let mut state = self.under_way()?;
        if state.progress == Progress::Buffered {
            if !matches!(state.top, Top::New | Top::Silent) {
                return Err(io::Error::other("the connection was not checked"));
            }
            state.reused = state.top == Top::Silent;
            state.progress = Progress::Flushing;
        }
        Ok(state.removes_cookies)
    }

    /// Asks the system to write, and notes that it may have taken a part of the
    /// request: beforehand, so that this holds where the write panics or the
    /// call ends meanwhile, and taken back only if `took_nothing`.
    pub(super) fn write<T>(
        &self,
        write: impl FnOnce() -> T,
        took_nothing: impl FnOnce(&T) -> bool,
    ) -> io::Result<T> {
        let mut state = self.under_way()?;
        let is_first = state.progress == Progress::Flushing;
        if is_first {
            state.progress = Progress::Sent;
        }
        // A write may block, and the call may end meanwhile.
        drop(state);
        let result = write();
        // A later write says nothing of an earlier one.
        if is_first && took_nothing(&result) {
            self.replace(Progress::Sent, Progress::Flushing);
        }
        Ok(result)
    }

    /// Notes that a byte of the response has come.
    pub(super) fn receive(&self) {
        self.replace(Progress::Sent, Progress::Received);
    }

    /// The state, for no longer than a statement.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn under_way(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.lock();
        if state.progress == Progress::Ended {
            let outside = "the connection was used outside of a call";
            return Err(io::Error::other(outside));
        }
        Ok(state)
    }

    fn replace(&self, from: Progress, to: Progress) {
        let mut state = self.lock();
        if state.progress == from {
            state.progress = to;
        }
    }
}

/// Ends the call under way when it is dropped, by a panic too.
pub(super) struct UnderWay<'a>(&'a Call);

impl UnderWay<'_> {
    /// Ends the call, and tells what came of it.
    pub(super) fn end(self) -> Trace {
        let mut state = self.0.lock();
        let progress = mem::take(&mut state.progress);
        Trace {
            // A call that something else has ended is one that nothing is known of.
            sent: !matches!(progress, Progress::Buffered | Progress::Flushing),
            received: progress == Progress::Received,
            reused: state.reused,
            opened: !state.reused && !matches!(progress, Progress::Ended | Progress::Buffered),
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.lock().progress = Progress::Ended;
    }
}

/// How long what has arrived is read after the limit: 1 MiB takes about 1 ms.
const LATE_READS: Duration = Duration::from_millis(30);

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
