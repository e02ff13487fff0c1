//! The run: a few threads that update customers, in step with each other.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use paywithsoap::testing::TestServer;
use paywithsoap::{Config, Customer, Error, ErrorKind, Outcome as CallOutcome, update_customer};
use serde_json::json;

use crate::cli::Options;
use crate::input::{Content, Line};
use crate::pacing::{MAX_PAUSES, Pacing, Permit, Signal, Turn, Verdict};
use crate::progress::Progress;
use crate::queue::{Job, Queue};
use crate::record::{LineResult, Outcome, cause};
use crate::results::Results;
use crate::summary::Counts;

/// What the threads share.
pub(crate) struct Run {
    cfg: Config,
    /// The API of a rehearsal.
    server: Option<TestServer>,
    /// Not so in a dry run.
    sends: bool,
    with_customer: bool,
    pub(crate) progress: Progress,
    state: Mutex<State>,
    /// There is a line to send, or there will be none any more.
    jobs: Condvar,
    /// There is room for more lines.
    room: Condvar,
    /// A pause is over before its time, or is no longer of interest.
    turns: Condvar,
}

struct State {
    queue: Queue,
    pacing: Pacing,
    results: Option<Results>,
    counts: Counts,
    /// How many threads wait for a line to send.
    idle: usize,
    /// No line will follow.
    is_ended: bool,
    /// Why nothing is sent any more.
    stopped: Option<String>,
    /// Results can no longer be written.
    is_broken: bool,
}

type Guard<'a> = MutexGuard<'a, State>;

impl Run {
    pub(crate) fn new(
        cfg: Config,
        server: Option<TestServer>,
        options: &Options,
        progress: Progress,
        results: Results,
    ) -> Self {
        Self {
            cfg,
            server,
            sends: !options.dry_run,
            with_customer: options.with_customer,
            progress,
            state: Mutex::new(State {
                queue: Queue::default(),
                pacing: Pacing::new(options.rate),
                results: Some(results),
                counts: Counts::default(),
                idle: 0,
                is_ended: false,
                stopped: None,
                is_broken: false,
            }),
            jobs: Condvar::new(),
            room: Condvar::new(),
            turns: Condvar::new(),
        }
    }

    /// Takes a line, as soon as there is room for it. Returns whether to go on.
    pub(crate) fn push(&self, line: Line) -> bool {
        let number = line.number;
        let found = match line.content {
            Content::Bad(faults) => Err(LineResult::bad_line(number, &faults)),
            Content::Invalid { id, faults } => Err(LineResult::invalid(number, &id, &faults)),
            Content::Update(update) if !self.sends => Err(LineResult::would_send(number, &update)),
            Content::Update(update) => Ok(update),
        };
        if let (Some(server), Ok(update)) = (&self.server, &found) {
            if server.customer(&update.id).is_none() {
                server.add_customer(&json!({ "id": update.id }).to_string());
            }
            // Of no use here, and a long input would fill the memory with them.
            server.clear_requests();
        }
        let mut state = self.lock();
        if state.queue.len() >= WINDOW {
            // Until there is room for many: to wake for each would cost more than
            // to read it.
            let is_full =
                |state: &mut State| state.stopped.is_none() && state.queue.len() > WINDOW / 2;
            let waited = self.room.wait_while(state, is_full);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if state.stopped.is_some() {
            return false;
        }
        match found {
            Err(result) => {
                state.queue.push_result(result);
                self.write(&mut state, Queue::pop_result);
            }
            Ok(update) => {
                if state.queue.push_update(number, update) {
                    self.wake_worker(&state);
                }
            }
        }
        true
    }

    /// Counts a line that an earlier run has applied.
    pub(crate) fn skip(&self) {
        self.lock().counts.applied_before += 1;
        self.progress.advance(1);
    }

    /// Counts a line that an earlier run has applied with another body.
    pub(crate) fn note_changed(&self) {
        self.lock().counts.changed += 1;
    }

    /// Takes note that no line will follow.
    pub(crate) fn end(&self) {
        self.lock().is_ended = true;
        self.jobs.notify_all();
    }

    /// Sends nothing more; what is under way comes to its end.
    pub(crate) fn stop(&self, reason: String) {
        self.stop_with(&mut self.lock(), reason);
    }

    /// Sends lines until there are no more.
    ///
    /// The state is locked once for each line, from the end of a call to the
    /// start of the next.
    pub(crate) fn work(&self) {
        let mut state = self.lock();
        loop {
            let (locked, job) = self.next_job(state);
            let Some(job) = job else { return };
            let (locked, result) = self.update(locked, &job);
            let Some(result) = result else { return };
            state = locked;
            self.finish(&mut state, &job, result);
        }
    }

    /// Writes what is left, makes the results last, and returns how many lines
    /// had which outcome, and why the run stopped if it did.
    pub(crate) fn close(&self) -> (Counts, Option<String>) {
        let mut state = self.lock();
        self.progress.clear();
        self.write(&mut state, Queue::pop_result_over_gaps);
        let is_complete = state.stopped.is_none();
        if let Some(results) = state.results.take()
            && !state.is_broken
            && let Err(error) = results.close(is_complete)
        {
            self.stop_with(&mut state, cannot_write(&error));
        }
        (state.counts, state.stopped.clone())
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
        let update = &job.update;
        let mut failures = 0;
        let mut failed = None;
        loop {
            let (locked, permit) = self.turn(state);
            let Some(permit) = permit else {
                return (locked, failed);
            };
            drop(locked);
            let error = match update_customer(&self.cfg, &update.id, &update.patch) {
                Ok(customer) => {
                    let result = self.accepted(job, &customer);
                    state = self.lock();
                    self.note(&mut state, permit, Signal::Success, None);
                    return (state, Some(result));
                }
                Err(error) => error,
            };
            let result = LineResult::failed(job.line, &update.id, Some(&update.checksum), &error);
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
        LineResult::accepted(job.line, &job.update, customer, outcome, self.with_customer)
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
        let reason = || error.map(cause).unwrap_or_default();
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
                self.stop_with(state, format!("{}: check the key", cause(error)));
            }
            // Nothing that passes, a bad certificate say.
            Some(error) if is_unreachable(error) && !error.is_transient() => {
                self.stop_with(state, cause(error));
            }
            _ => {}
        }
    }

    fn finish(&self, state: &mut State, job: &Job, result: LineResult) {
        // A further line of its id is for this thread, which is free now.
        state.queue.finish(job, result);
        if state.is_ended && state.queue.is_idle() {
            self.jobs.notify_all();
        }
        self.write(state, Queue::pop_result);
    }

    /// Wakes a thread for a line to send. To ask the system for one that does
    /// not wait would cost as much as a tenth of a call.
    fn wake_worker(&self, state: &State) {
        if state.idle > 0 {
            self.jobs.notify_one();
        }
    }

    /// Writes what is found out, in input order.
    fn write(&self, state: &mut State, pop: fn(&mut Queue) -> Option<LineResult>) {
        if state.is_broken {
            return;
        }
        let was = state.queue.len();
        let mut results = Vec::new();
        let mut text = String::new();
        while let Some(result) = pop(&mut state.queue) {
            text.push_str(&result.text);
            results.push(result);
        }
        let Some(out) = state.results.as_mut().filter(|_| !text.is_empty()) else {
            return;
        };
        if let Err(error) = out.write(&text) {
            // What comes after it would hide that it is missing.
            state.is_broken = true;
            self.stop_with(state, cannot_write(&error));
            return;
        }
        for result in &results {
            state.counts.add(result);
            if let Some(problem) = &result.problem {
                self.progress.problem(problem);
            }
        }
        self.progress.advance(results.len() as u64);
        if was > WINDOW / 2 && state.queue.len() <= WINDOW / 2 {
            self.room.notify_one();
        }
    }

    fn stop_with(&self, state: &mut State, reason: String) {
        state.stopped.get_or_insert(reason);
        self.jobs.notify_all();
        self.room.notify_all();
        self.turns.notify_all();
    }

    fn lock(&self) -> Guard<'_> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops the run where a thread of it panics, so that no other waits for it.
pub(crate) struct StopOnPanic<'a>(pub(crate) &'a Run);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop("a thread has panicked".into());
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

fn is_unreachable(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Transport(_)) && error.outcome() == CallOutcome::NotApplied
}

fn cannot_write(error: &std::io::Error) -> String {
    format!("the results cannot be written: {error}")
}

/// How many lines may be under way or wait for an earlier one: what a kill
/// makes to be sent again at most.
const WINDOW: usize = 128;
