//! The threads that send lines.

use std::sync::PoisonError;
use std::time::Instant;

use paywithsoap::{Customer, Error, ErrorKind, Outcome as CallOutcome, update_customer};

use super::{Guard, Run, State, StopOnPanic};
use crate::pacing::{MAX_PAUSES, Permit, Signal, Turn, Verdict};
use crate::queue::Job;
use crate::record::{LineResult, Outcome};

impl Run {
    /// Sends lines until there are no more.
    ///
    /// The state is locked once for each line, from the end of a call to the
    /// start of the next.
    pub(crate) fn work(&self) {
        // Dropped last: when the run ends, a panic has stopped it.
        let _working = Working(self);
        let _guard = StopOnPanic(self);
        let mut state = self.lock();
        loop {
            let (locked, job) = self.next_job(state);
            let Some(job) = job else { return };
            let (locked, result) = self.update(locked, &job);
            let Some(result) = result else { return };
            state = self.finish(locked, &job, result);
        }
    }

    fn next_job<'a>(&'a self, mut state: Guard<'a>) -> (Guard<'a>, Option<Job>) {
        loop {
            if state.stopped.is_some() {
                return (state, None);
            }
            if let Some(job) = state.queue.pop_job() {
                return (state, Some(job));
            }
            if state.is_ended && state.queue.is_idle() {
                return (state, None);
            }
            state.idle += 1;
            let waited = self.jobs.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// Sends a line, again and again where that is safe and may work. Returns
    /// `None` where it was not sent at all, and will not be.
    fn update<'a>(&'a self, mut state: Guard<'a>, job: &Job) -> (Guard<'a>, Option<LineResult>) {
        let mut failures = 0;
        let mut failed = None;
        loop {
            let (locked, permit) = self.turn(state);
            let Some(permit) = permit else {
                return (locked, failed);
            };
            drop(locked);
            let error = match update_customer(&self.cfg, &job.id, &job.patch) {
                Ok(customer) => {
                    let result = self.accepted(job, &customer);
                    state = self.lock();
                    self.note(&mut state, permit, Signal::Success, None);
                    return (state, Some(result));
                }
                Err(error) => error,
            };
            let result = LineResult::failed(job.line, &job.id, job.checksum, &error);
            let signal = signal(&error);
            state = self.lock();
            self.note(&mut state, permit, signal, Some(&error));
            failures += u32::from(matches!(signal, Signal::Failed { .. }));
            let is_safe = error.is_transient() && error.outcome() == CallOutcome::NotApplied;
            // One more than the pauses that a run sits out: an outage stops the run
            // before it fails a line.
            if !is_safe || failures > MAX_PAUSES {
                return (state, Some(result));
            }
            failed = Some(result);
        }
    }

    fn accepted(&self, job: &Job, customer: &Customer) -> LineResult {
        let outcome = match self.server {
            Some(_) => Outcome::Rehearsed,
            None => Outcome::Applied,
        };
        LineResult::accepted(
            job.line,
            &job.id,
            &job.patch,
            job.checksum,
            customer,
            outcome,
            self.with_customer,
        )
    }

    /// Waits until a request may be sent; `None` where none may any more.
    fn turn<'a>(&'a self, mut state: Guard<'a>) -> (Guard<'a>, Option<Permit>) {
        loop {
            if state.stopped.is_some() {
                return (state, None);
            }
            let now = Instant::now();
            state = match state.pacing.turn(now) {
                Turn::Send(permit) => return (state, Some(permit)),
                Turn::Wait(Some(until)) => {
                    let waited = self.turns.wait_timeout(state, until - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Turn::Wait(None) => {
                    let waited = self.turns.wait(state);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    /// Draws the conclusions from what became of a request.
    fn note(&self, state: &mut State, permit: Permit, signal: Signal, error: Option<&Error>) {
        let reason = || error.map_or(String::new(), |error| format!("{:#}", error.reason()));
        match state.pacing.note(permit, signal, Instant::now()) {
            Verdict::Continue => {}
            Verdict::Resume => {
                self.progress.resume();
                self.turns.notify_all();
            }
            Verdict::Pause { until, length } => {
                self.progress.pause(until, length, &reason());
                // Who waits for the request after a pause now waits for this one.
                self.turns.notify_all();
            }
            Verdict::TooManyPauses => {
                let message = format!("{MAX_PAUSES} pauses in a row did not help: {}", reason());
                self.stop_with(state, message);
            }
            Verdict::TooLongPause(pause) => {
                let seconds = pause.as_secs();
                let message = format!("{}, and asks to wait for {seconds} s", reason());
                self.stop_with(state, message);
            }
        }
        match error {
            Some(error) if error.status() == Some(401) => {
                self.stop_with(state, format!("{}: check the key", reason()));
            }
            // What does not pass: a certificate, a proxy.
            Some(error)
                if matches!(error.kind(), ErrorKind::Transport(_)) && !error.is_transient() =>
            {
                self.stop_with(state, reason());
            }
            _ => {}
        }
        // What passes says nothing about those after it.
        let status = match error {
            Some(error) if error.is_transient() => None,
            Some(error) => error.status(),
            None => Some(200),
        };
        if let Some(message) = status.and_then(|status| state.first_responses.note(status)) {
            self.stop_with(state, message);
        }
    }

    fn finish<'a>(&'a self, mut state: Guard<'a>, job: &Job, mut result: LineResult) -> Guard<'a> {
        result.text.insert_str(0, &job.superseded);
        // A further line of its id is for this thread, which is free now.
        state.queue.finish(job, self.done(&job.text, result));
        if state.is_ended && state.queue.is_idle() {
            self.jobs.notify_all();
        }
        self.wake_writer(&mut state);
        state
    }
}

/// A thread that sends lines.
struct Working<'a>(&'a Run);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.working -= 1;
        if state.working == 0 {
            state.is_writer_idle = false;
            self.0.done.notify_one();
        }
    }
}

/// What a failed call says of the API. Anything but a 4xx response is a
/// failure: a page of a gateway in the API's place is no better than none.
fn signal(error: &Error) -> Signal {
    let retry_after = error.retry_after();
    match error.status() {
        Some(429) => Signal::Throttled { retry_after },
        Some(400..=499) if !error.is_transient() => Signal::Success,
        _ => Signal::Failed { retry_after },
    }
}
