//! The run: a few threads that update customers, in step with each other.

use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use paywithsoap::testing::TestServer;
use paywithsoap::{Config, Customer, Error, ErrorKind, Outcome as CallOutcome, update_customer};
use serde_json::json;

use crate::checksum::Salted;
use crate::cli::Options;
use crate::earlier::{Earlier, Known};
use crate::failure::FailureFormat;
use crate::input::{Content, Line};
use crate::output::Output;
use crate::pacing::{FirstResponses, MAX_PAUSES, Pacing, Permit, Signal, Turn, Verdict};
use crate::progress::Progress;
use crate::queue::{Done, Job, Queue};
use crate::record::{LineResult, Outcome};
use crate::summary::{Counts, Problems};

/// What the threads share.
pub(crate) struct Run {
    cfg: Config,
    /// The API of a rehearsal.
    server: Option<TestServer>,
    /// Not so in a dry run.
    sends: bool,
    with_customer: bool,
    salted: Salted,
    /// How failures are written, where they are.
    failure_format: Option<FailureFormat>,
    pub(crate) progress: Progress,
    state: Mutex<State>,
    /// There is a line to send, or there will be none any more.
    jobs: Condvar,
    /// There is room for more lines.
    room: Condvar,
    /// There is a result to write, or there will be none any more.
    done: Condvar,
    /// A pause is over before its time, or is no longer of interest.
    turns: Condvar,
}

struct State {
    queue: Queue,
    pacing: Pacing,
    first_responses: FirstResponses,
    /// What earlier runs have left, once the whole input was read.
    earlier: Option<Earlier>,
    counts: Counts,
    problems: Problems,
    /// How many threads there are that send lines.
    working: usize,
    /// How many of them wait for a line to send.
    idle: usize,
    /// Whether nobody writes results, for want of any.
    is_writer_idle: bool,
    /// No line will follow.
    is_ended: bool,
    /// Why nothing is sent any more.
    stopped: Option<String>,
}

/// What a run has come to.
pub(crate) struct Ended {
    pub(crate) counts: Counts,
    pub(crate) problems: Problems,
    /// Why it stopped in the middle, if it did.
    pub(crate) stopped: Option<String>,
}

type Guard<'a> = MutexGuard<'a, State>;

impl Run {
    pub(crate) fn new(
        cfg: Config,
        server: Option<TestServer>,
        options: &Options,
        failure_format: Option<FailureFormat>,
        progress: Progress,
        salt: &str,
    ) -> Self {
        Self {
            cfg,
            server,
            sends: !options.dry_run,
            with_customer: options.with_customer,
            salted: Salted::new(salt),
            failure_format,
            progress,
            state: Mutex::new(State {
                queue: Queue::default(),
                pacing: Pacing::new(options.rate, options.first_pause),
                first_responses: FirstResponses::new(options.keep_going),
                earlier: None,
                counts: Counts::default(),
                problems: Problems::default(),
                working: options.threads,
                idle: 0,
                is_writer_idle: false,
                is_ended: false,
                stopped: None,
            }),
            jobs: Condvar::new(),
            room: Condvar::new(),
            done: Condvar::new(),
            turns: Condvar::new(),
        }
    }

    /// Takes a line, as soon as there is room for it. Returns whether to go on.
    pub(crate) fn push(&self, line: Line, earlier: Option<&mut Earlier>) -> bool {
        let job = match line.content {
            Content::Bad(faults) => Err(LineResult::bad_line(line.number, &faults)),
            Content::Invalid { id, faults } => {
                if let Some(earlier) = earlier {
                    earlier.note_invalid(&id);
                }
                Err(LineResult::invalid(line.number, &id, &faults))
            }
            Content::Update(update) => {
                let checksum = self.salted.checksum(&update.id, &update.body);
                let known = earlier.map(|e| e.known(line.number, &update.id, checksum));
                match known.unwrap_or(Known::Open(String::new())) {
                    Known::Repeated(outcome) if self.sends => Err(LineResult::repeated(
                        line.number,
                        &update.id,
                        checksum,
                        outcome,
                    )),
                    Known::Kept(outcome) | Known::Repeated(outcome) => {
                        self.lock().counts.add(outcome, true);
                        self.progress.advance(1);
                        return true;
                    }
                    Known::Open(_) if !self.sends => {
                        Err(LineResult::would_send(line.number, &update, checksum))
                    }
                    Known::Open(superseded) => Ok((update, checksum, superseded)),
                }
            }
        };
        if let (Some(server), Ok((update, ..))) = (&self.server, &job) {
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
        match job {
            Err(result) => {
                let done = self.done(&line.text, result);
                state.queue.push_done(done);
                self.wake_writer(&mut state);
            }
            Ok((update, checksum, superseded)) => {
                let is_ready = state.queue.push_job(Job {
                    place: 0,
                    line: line.number,
                    update,
                    checksum,
                    superseded,
                    text: line.text,
                });
                if is_ready {
                    self.wake_worker(&state);
                }
            }
        }
        true
    }

    /// Takes note that no line will follow.
    pub(crate) fn end(&self, earlier: Option<Earlier>) {
        let mut state = self.lock();
        state.earlier = earlier;
        state.is_ended = true;
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
        let _working = Working(self);
        let mut state = self.lock();
        loop {
            let (locked, job) = self.next_job(state);
            let Some(job) = job else { return };
            let (locked, result) = self.update(locked, &job);
            let Some(result) = result else { return };
            state = self.finish(locked, &job, result);
        }
    }

    /// Writes results, in input order, until there are no more, and makes all of
    /// them last.
    pub(crate) fn write(&self, mut output: Output) -> Ended {
        let mut state = self.lock();
        let mut is_written = true;
        while is_written && state.working > 0 {
            state.is_writer_idle = !state.queue.is_front_done();
            if state.is_writer_idle {
                let waited = self.done.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // To write each result alone would cost a tenth of a call.
            drop(state);
            thread::sleep(GATHER_TIME);
            state = self.lock();
            let was = state.queue.len();
            let done = state.queue.pop_done();
            if was > WINDOW / 2 && state.queue.len() <= WINDOW / 2 {
                self.room.notify_one();
            }
            (state, is_written) = self.write_done(state, &mut output, &done);
        }
        while state.working > 0 {
            let waited = self.done.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        self.progress.clear();
        if is_written {
            let done = state.queue.pop_done_over_gaps();
            (state, is_written) = self.write_done(state, &mut output, &done);
        }
        if is_written {
            let earlier = state.earlier.take().filter(|_| state.stopped.is_none());
            match output.close(earlier) {
                Ok(gone) => state.counts.gone = gone,
                Err(message) => self.stop_with(&mut state, message),
            }
        }
        Ended {
            counts: state.counts,
            problems: mem::take(&mut state.problems),
            stopped: state.stopped.clone(),
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
            let result = LineResult::failed(job.line, &update.id, job.checksum, &error);
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
        let with_customer = self.with_customer;
        let (update, checksum) = (&job.update, job.checksum);
        LineResult::accepted(job.line, update, checksum, customer, outcome, with_customer)
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

    fn done(&self, text: &[u8], result: LineResult) -> Done {
        let format = self.failure_format.as_ref();
        let format = format.filter(|_| !result.reason.is_empty());
        let failure = format.map(|format| format.record(text, &result.reason));
        Done {
            failure: failure.unwrap_or_default(),
            result,
        }
    }

    /// Wakes a thread for a line to send. To ask the system for one that does
    /// not wait would cost as much as a tenth of a call.
    fn wake_worker(&self, state: &State) {
        if state.idle > 0 {
            self.jobs.notify_one();
        }
    }

    /// Wakes who writes, where it waits for a result.
    fn wake_writer(&self, state: &mut State) {
        if state.is_writer_idle && state.queue.is_front_done() {
            state.is_writer_idle = false;
            self.done.notify_one();
        }
    }

    /// Writes results, and counts and shows them then. Returns whether they could be
    /// written; where not, what came after them would hide that they are missing.
    fn write_done<'a>(
        &'a self,
        state: Guard<'a>,
        output: &mut Output,
        done: &[Done],
    ) -> (Guard<'a>, bool) {
        drop(state);
        let written = output.write(done);
        let mut state = self.lock();
        if let Err(message) = written {
            self.stop_with(&mut state, message);
            return (state, false);
        }
        for Done { result, .. } in done {
            state.counts.add(result.outcome, result.is_repeated);
            state.counts.mismatches += u64::from(result.is_mismatch);
            if let Some(problem) = &result.problem
                && state.problems.add(problem)
            {
                self.progress
                    .print(&format!("line {}: {problem}", result.line));
            }
        }
        self.progress.advance(done.len() as u64);
        (state, true)
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

/// A thread that sends lines.
struct Working<'a>(&'a Run);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.lock().working -= 1;
        self.0.done.notify_one();
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

/// How long results are gathered before they are written.
const GATHER_TIME: Duration = Duration::from_micros(500);

/// How many lines may be under way or wait for an earlier one: what a kill
/// makes to be sent again at most.
const WINDOW: usize = 128;
