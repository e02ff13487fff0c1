//! The order of lines: what may be sent now, and what waits for an earlier line
//! of its id; and the results, put back into input order.

use std::collections::{HashMap, VecDeque};

use paywithsoap::CustomerPatch;

use crate::checksum::Checksum;
use crate::record::LineResult;

/// The lines between the first that has no result yet and the last that was
/// read.
#[derive(Default)]
pub(crate) struct Queue {
    /// Lines to send now, none of them of an id that is under way.
    ready: VecDeque<Job>,
    /// The ids that are under way or ready, each with its further lines.
    busy: HashMap<String, VecDeque<Job>>,
    /// The results of the lines from number `written` on.
    window: VecDeque<Option<Done>>,
    /// How many results were taken.
    written: u64,
}

/// A line to send.
pub(crate) struct Job {
    /// Its place in the order of results, which the queue gives it.
    pub(crate) place: u64,
    pub(crate) line: u64,
    pub(crate) id: String,
    pub(crate) patch: CustomerPatch,
    pub(crate) checksum: Checksum,
    /// The records of what it supersedes.
    pub(crate) superseded: String,
    /// The line as it stands in the input, where failures are written.
    pub(crate) text: Vec<u8>,
}

/// A line that is done.
pub(crate) struct Done {
    pub(crate) result: LineResult,
    /// What is written of it to the failures; empty where it is none.
    pub(crate) failure: Vec<u8>,
}

impl Queue {
    /// How many lines there are between the first that has no result yet and the last.
    pub(crate) fn len(&self) -> usize {
        self.window.len()
    }

    /// Adds a line that is not sent.
    pub(crate) fn push_done(&mut self, done: Done) {
        self.window.push_back(Some(done));
    }

    /// Adds a line to send. Returns whether it may be sent now.
    pub(crate) fn push_job(&mut self, mut job: Job) -> bool {
        job.place = self.written + self.window.len() as u64;
        self.window.push_back(None);
        if let Some(further) = self.busy.get_mut(&job.id) {
            further.push_back(job);
            return false;
        }
        self.busy.insert(job.id.clone(), VecDeque::new());
        self.ready.push_back(job);
        true
    }

    /// Takes a line to send now.
    pub(crate) fn pop_job(&mut self) -> Option<Job> {
        self.ready.pop_front()
    }

    /// Whether no line is under way or to be sent.
    pub(crate) fn is_idle(&self) -> bool {
        self.busy.is_empty()
    }

    /// Takes note of what became of a line. The next line of its id may be sent now.
    pub(crate) fn finish(&mut self, job: &Job, done: Done) {
        let index = usize::try_from(job.place - self.written).expect("the window is short");
        self.window[index] = Some(done);
        let Some(further) = self.busy.get_mut(&job.id) else {
            return;
        };
        match further.pop_front() {
            // First, since its place is near the front of the window.
            Some(next) => self.ready.push_front(next),
            None => drop(self.busy.remove(&job.id)),
        }
    }

    /// Whether the first line that has no result yet has one now.
    pub(crate) fn is_front_done(&self) -> bool {
        matches!(self.window.front(), Some(Some(_)))
    }

    /// Takes all that is done up to the first line that is not, in input order.
    pub(crate) fn pop_done(&mut self) -> Vec<Done> {
        let count = self.window.iter().take_while(|done| done.is_some()).count();
        self.written += count as u64;
        self.window.drain(..count).flatten().collect()
    }

    /// Takes all that is done, in input order: what is not will not be sent any more.
    pub(crate) fn pop_done_over_gaps(&mut self) -> Vec<Done> {
        self.window.drain(..).flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::Salted;

    fn job(id: &str, line: u64) -> Job {
        Job {
            place: 0,
            line,
            id: id.to_owned(),
            patch: CustomerPatch::new(),
            checksum: Salted::new("").checksum(id, ""),
            superseded: String::new(),
            text: Vec::new(),
        }
    }

    fn done(line: u64) -> Done {
        Done {
            result: LineResult::bad_line(line, &[]),
            failure: Vec::new(),
        }
    }

    fn lines(done: &[Done]) -> Vec<u64> {
        done.iter().map(|done| done.result.line).collect()
    }

    #[test]
    fn lines_of_one_id_wait_for_each_other() {
        let mut queue = Queue::default();
        assert!(queue.push_job(job("a", 1)));
        assert!(!queue.push_job(job("a", 2)));
        assert!(queue.push_job(job("b", 3)));
        let first = queue.pop_job().unwrap();
        let other = queue.pop_job().unwrap();
        assert_eq!((first.line, other.line), (1, 3));
        assert!(queue.pop_job().is_none());
        queue.finish(&first, done(1));
        let second = queue.pop_job().unwrap();
        assert_eq!(second.line, 2);
        queue.finish(&second, done(2));
        assert!(!queue.is_idle());
        queue.finish(&other, done(3));
        assert!(queue.is_idle());
    }

    #[test]
    fn results_come_in_input_order() {
        let mut queue = Queue::default();
        for (line, id) in [(1, "a"), (2, "b"), (4, "c")] {
            queue.push_job(job(id, line));
            if line == 2 {
                queue.push_done(done(3));
            }
        }
        let [a, b, c] = [(); 3].map(|()| queue.pop_job().unwrap());
        queue.finish(&b, done(2));
        assert!(queue.pop_done().is_empty());
        queue.finish(&a, done(1));
        assert_eq!(lines(&queue.pop_done()), [1, 2, 3]);
        assert_eq!(queue.len(), 1);
        queue.finish(&c, done(4));
        assert_eq!(lines(&queue.pop_done()), [4]);
    }

    #[test]
    fn at_the_end_gaps_are_left_out() {
        let mut queue = Queue::default();
        for line in 1..=5 {
            queue.push_job(job(&line.to_string(), line));
        }
        let jobs = [(); 4].map(|()| queue.pop_job().unwrap());
        queue.finish(&jobs[1], done(2));
        queue.finish(&jobs[3], done(4));
        assert_eq!(lines(&queue.pop_done_over_gaps()), [2, 4]);
        assert_eq!(queue.len(), 0);
    }
}
