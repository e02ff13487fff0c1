//! The run: a few threads that update customers, in step with each other.

mod sending;
mod writing;

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use paywithsoap::Config;
use paywithsoap::testing::TestServer;
use serde_json::json;

use crate::checksum::Salted;
use crate::cli::Options;
use crate::earlier::{Earlier, Known};
use crate::failure::FailureFormat;
use crate::input::{Content, Line};
use crate::pacing::{FirstResponses, Pacing};
use crate::progress::Progress;
use crate::queue::{Done, Job, Queue};
use crate::record::LineResult;
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
                    id: update.id,
                    patch: update.patch,
                    checksum,
                    superseded,
                    text: match self.failure_format {
                        Some(_) => line.text,
                        None => Vec::new(),
                    },
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

/// How many lines may be under way or wait for an earlier one: what a kill
/// makes to be sent again at most. With fewer, all threads wait where the system
/// lets the one that writes wait: 128 are called in some milliseconds.
const WINDOW: usize = 512;
