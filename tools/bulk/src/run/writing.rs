//! Who writes results.

use std::mem;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use super::{Ended, Guard, Run, State, WINDOW};
use crate::output::Output;
use crate::queue::Done;

impl Run {
    /// Writes results, in input order, until there are no more, and makes all of
    /// them last.
    pub(crate) fn write(&self, mut output: Output) -> Ended {
        let mut state = self.lock();
        let mut is_written = true;
        while is_written && state.working > 0 {
            // To write each result alone would cost a tenth of a call.
            drop(state);
            thread::sleep(GATHER_TIME);
            state = self.lock();
            let was = state.queue.len();
            let done = state.queue.pop_done();
            if done.is_empty() {
                state.is_writer_idle = state.working > 0;
                let is_idle = |state: &mut State| state.is_writer_idle;
                let waited = self.done.wait_while(state, is_idle);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            if was > WINDOW / 2 && state.queue.len() <= WINDOW / 2 {
                self.room.notify_one();
            }
            (state, is_written) = self.write_done(state, &mut output, &done);
        }
        let is_working = |state: &mut State| state.working > 0;
        let waited = self.done.wait_while(state, is_working);
        state = waited.unwrap_or_else(PoisonError::into_inner);
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

    /// Wakes who writes, where it waits for a result.
    pub(super) fn wake_writer(&self, state: &mut State) {
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
}

/// How long results are gathered before they are written.
const GATHER_TIME: Duration = Duration::from_micros(500);
