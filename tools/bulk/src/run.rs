//! The run: a few threads that update customers, and a window that puts what
//! they find out back into input order.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use paywithsoap::testing::TestServer;
use paywithsoap::{Config, Error, ErrorKind, Outcome as CallOutcome, update_customer};
use serde_json::json;

use crate::input::{Line, Update};
use crate::progress::Progress;
use crate::results::{Finding, Outcome, Results, with_causes};

/// What the threads share.
pub(crate) struct Run {
    cfg: Config,
    /// The stand-in for the API, where there is no key.
    server: Option<TestServer>,
    /// Not so in a dry run.
    sends: bool,
    progress: Progress,
    state: Mutex<State>,
    /// Notified at every change of the state.
    changed: Condvar,
}

struct State {
    /// Lines to send now, none of them of an id that is under way.
    ready: VecDeque<Job>,
    /// The ids that are under way or ready, each with its further lines.
    busy: HashMap<String, VecDeque<Job>>,
    /// What was found out of the lines from number `written` on.
    window: VecDeque<Option<Finding>>,
    written: u64,
    results: Results,
    counts: Counts,
    /// Nothing is sent before.
    resume_at: Instant,
    /// How often in a row the API was not reached, failures of the same time
    /// counted once.
    unreached: u32,
    /// No line will follow.
    ended: bool,
    /// Why nothing is sent any more.
    stopped: Option<String>,
    /// Results can no longer be written.
    broken: bool,
}

/// A line to send.
struct Job {
    /// Its place in the order of results.
    place: u64,
    line: u64,
    update: Update,
}

/// How many lines came to what.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) applied: u64,
    pub(crate) applied_before: u64,
    pub(crate) bad: u64,
    pub(crate) not_applied: u64,
    pub(crate) unknown: u64,
    pub(crate) would_send: u64,
}

impl Counts {
    /// How many lines of these are not known to be applied.
    pub(crate) fn open(&self) -> u64 {
        self.bad + self.not_applied + self.unknown
    }
}

impl Run {
    pub(crate) fn new(
        cfg: Config,
        server: Option<TestServer>,
        sends: bool,
        progress: Progress,
        results: Results,
    ) -> Self {
        Self {
            cfg,
            server,
            sends,
            progress,
            state: Mutex::new(State {
                ready: VecDeque::new(),
                busy: HashMap::new(),
                window: VecDeque::new(),
                written: 0,
                results,
                counts: Counts::default(),
                resume_at: Instant::now(),
                unreached: 0,
                ended: false,
                stopped: None,
                broken: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Takes a line, as soon as there is room for it. Answers whether to go on.
    pub(crate) fn push(&self, line: Line) -> bool {
        let full = |state: &mut State| state.stopped.is_none() && state.window.len() >= WINDOW;
        let mut state = self
            .changed
            .wait_while(self.lock(), full)
            .unwrap_or_else(PoisonError::into_inner);
        if state.stopped.is_some() {
            return false;
        }
        let place = state.written + state.window.len() as u64;
        match line.content {
            Err(reason) => {
                let finding = Finding::bad_line(line.number, &reason);
                state.window.push_back(Some(finding));
                self.write_front(&mut state);
            }
            Ok(update) => {
                state.window.push_back(None);
                if let Some(server) = &self.server
                    && server.customer(&update.id).is_none()
                {
                    server.add_customer(&json!({ "id": update.id }).to_string());
                }
                let job = Job {
                    place,
                    line: line.number,
                    update,
                };
                if let Some(further) = state.busy.get_mut(&job.update.id) {
                    further.push_back(job);
                } else {
                    state.busy.insert(job.update.id.clone(), VecDeque::new());
                    state.ready.push_back(job);
                }
            }
        }
        self.changed.notify_all();
        true
    }

    /// Counts a line that an earlier run has applied.
    pub(crate) fn skip(&self) {
        self.lock().counts.applied_before += 1;
        self.progress.advance();
    }

    /// Says that no line will follow.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Sends nothing more; what is under way comes to its end.
    pub(crate) fn stop(&self, reason: String) {
        self.lock().stopped.get_or_insert(reason);
        self.changed.notify_all();
    }

    /// Sends lines until there are no more.
    pub(crate) fn work(&self) {
        while let Some(job) = self.next_job() {
            let finding = self.update(&job);
            self.finish(&job, finding);
        }
    }

    /// Makes the results last, and says how many lines came to what, and why
    /// the run stopped if it did.
    pub(crate) fn close(&self) -> (Counts, Option<String>) {
        let mut state = self.lock();
        self.progress.clear();
        let closed = match (state.broken, state.stopped.is_some()) {
            (true, _) => Ok(()),
            (false, true) => state.results.sync(),
            (false, false) => state.results.sync().and_then(|()| state.results.finish()),
        };
        if let Err(error) = closed {
            state.fail(&error);
        }
        (state.counts, state.stopped.clone())
    }

    fn next_job(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            let wait = state.resume_at.checked_duration_since(Instant::now());
            if state.stopped.is_some() {
                return None;
            }
            if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
                state = self
                    .changed
                    .wait_timeout(state, wait)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
                continue;
            }
            if let Some(job) = state.ready.pop_front() {
                return Some(job);
            }
            if state.ended && state.busy.is_empty() {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sends a line, again and again where that is safe and may work.
    fn update(&self, job: &Job) -> Finding {
        let Update { id, patch } = &job.update;
        for attempt in 1.. {
            let error = match update_customer(&self.cfg, id, patch) {
                Ok(customer) => {
                    self.lock().unreached = 0;
                    return Finding::applied(job.line, &customer);
                }
                Err(error) => error,
            };
            if !error.violations().is_empty() {
                return Finding::failed(job.line, id, &error);
            }
            if !self.sends
                && let Ok(body) = patch.to_json()
            {
                return Finding::would_send(job.line, id, &body);
            }
            if error.status() == Some(401) {
                self.stop("the API refuses the key".into());
            }
            let again = attempt < ATTEMPTS
                && error.is_transient()
                && error.outcome() == CallOutcome::NotApplied;
            self.slow_down(&error, attempt, again);
            if !again || !self.wait() {
                return Finding::failed(job.line, id, &error);
            }
        }
        unreachable!("the loop above has no end of its own")
    }

    /// Makes all threads wait before they send again: a server that has too
    /// much to do means all of them, and none of them reaches what another
    /// cannot reach. Stops the run where that lasts.
    fn slow_down(&self, error: &Error, attempt: u32, again: bool) {
        let now = Instant::now();
        let mut state = self.lock();
        let unreached = matches!(error.kind(), ErrorKind::Transport(_))
            && error.outcome() == CallOutcome::NotApplied;
        let failures = if unreached {
            // Counted for all lines together: each by itself would wait out the
            // attempts of all others before it had made its own.
            if state.unreached == 0 || now >= state.resume_at {
                state.unreached += 1;
            }
            if state.unreached >= ATTEMPTS || !error.is_transient() {
                let reason = || "the API cannot be reached".to_owned();
                state.stopped.get_or_insert_with(reason);
                self.changed.notify_all();
                return;
            }
            state.unreached
        } else {
            state.unreached = 0;
            attempt
        };
        let backoff = Duration::from_millis(500 << failures.min(5)) / 2;
        let wait = match error.retry_after() {
            Some(wait) => wait.min(WAIT_MOST),
            None if again => backoff,
            None => Duration::ZERO,
        };
        let resume_at = now + wait;
        if resume_at > state.resume_at.max(now) + Duration::from_secs(5) {
            let (wait, error) = (wait.as_secs(), with_causes(error));
            self.progress.note(&format!("paused for {wait} s: {error}"));
        }
        state.resume_at = state.resume_at.max(resume_at);
    }

    /// Waits until lines may be sent. Answers whether to go on.
    fn wait(&self) -> bool {
        let mut state = self.lock();
        loop {
            let wait = state.resume_at.saturating_duration_since(Instant::now());
            if state.stopped.is_some() || wait.is_zero() {
                return state.stopped.is_none();
            }
            state = self
                .changed
                .wait_timeout(state, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn finish(&self, job: &Job, finding: Finding) {
        let mut state = self.lock();
        let at = usize::try_from(job.place - state.written).expect("the window is short");
        state.window[at] = Some(finding);
        if let Some(further) = state.busy.get_mut(&job.update.id) {
            match further.pop_front() {
                Some(next) => state.ready.push_front(next),
                None => drop(state.busy.remove(&job.update.id)),
            }
        }
        self.write_front(&mut state);
        self.changed.notify_all();
    }

    /// Writes what is found out, as far as it goes without a gap.
    fn write_front(&self, state: &mut State) {
        while !state.broken
            && let Some(Some(finding)) = state.window.front()
        {
            if let Err(error) = state.results.write(finding) {
                // What comes after it would hide that it is missing.
                state.broken = true;
                state.fail(&error);
                return;
            }
            let counts = &mut state.counts;
            *match finding.outcome {
                Outcome::Applied => &mut counts.applied,
                Outcome::BadLine => &mut counts.bad,
                Outcome::NotApplied => &mut counts.not_applied,
                Outcome::Unknown => &mut counts.unknown,
                Outcome::WouldSend => &mut counts.would_send,
            } += 1;
            if let Some(problem) = &finding.problem {
                self.progress.problem(problem);
            }
            self.progress.advance();
            state.window.pop_front();
            state.written += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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

impl State {
    fn fail(&mut self, error: &io::Error) {
        self.stopped
            .get_or_insert_with(|| format!("the results cannot be written: {error}"));
    }
}

/// How many lines may be under way or wait for an earlier one: what a kill
/// makes to be sent again at most.
const WINDOW: usize = 128;

/// How often a line is tried at most, and an API that is not reached.
const ATTEMPTS: u32 = 8;

/// The longest that the API can make the threads wait at a time.
const WAIT_MOST: Duration = Duration::from_secs(3600);
