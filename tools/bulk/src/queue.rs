//! The order of lines: what may be sent now, and what waits for an earlier line
//! of its id; and the results, put back into input order.

use std::collections::{HashMap, VecDeque};

use crate::input::Update;
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
    window: VecDeque<Option<LineResult>>,
    /// How many results were taken.
    written: u64,
}

/// A line to send.
pub(crate) struct Job {
    /// Its place in the order of results.
    place: u64,
    pub(crate) line: u64,
    pub(crate) update: Box<Update>,
}

impl Queue {
    /// How many lines there are between the first that has no result yet and the last.
    pub(crate) fn len(&self) -> usize {
        self.window.len()
    }

    /// Adds a line that is not sent.
    pub(crate) fn push_result(&mut self, result: LineResult) {
        self.window.push_back(Some(result));
    }

    /// Adds a line to send. Returns whether it may be sent now.
    pub(crate) fn push_update(&mut self, line: u64, update: Box<Update>) -> bool {
        let place = self.written + self.window.len() as u64;
        self.window.push_back(None);
        let job = Job {
            place,
            line,
            update,
        };
        if let Some(further) = self.busy.get_mut(&job.update.id) {
            further.push_back(job);
            return false;
        }
        self.busy.insert(job.update.id.clone(), VecDeque::new());
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

    /// Takes note of the result of a line. The next line of its id may be sent now.
    pub(crate) fn finish(&mut self, job: &Job, result: LineResult) {
        let index = usize::try_from(job.place - self.written).expect("the window is short");
        self.window[index] = Some(result);
        let Some(further) = self.busy.get_mut(&job.update.id) else {
            return;
        };
        match further.pop_front() {
            // First, since its place is near the front of the window.
            Some(next) => self.ready.push_front(next),
            None => drop(self.busy.remove(&job.update.id)),
        }
    }

    /// Takes the next result, in input order, if it is known.
    pub(crate) fn pop_result(&mut self) -> Option<LineResult> {
        let result = self.window.front_mut()?.take()?;
        self.window.pop_front();
        self.written += 1;
        Some(result)
    }

    /// Takes the next result that is known, over lines that have none: they will
    /// not be sent any more.
    pub(crate) fn pop_result_over_gaps(&mut self) -> Option<LineResult> {
        while !self.window.is_empty() {
            if let Some(result) = self.pop_result() {
                return Some(result);
            }
            if self.window.pop_front().is_some() {
                self.written += 1;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use paywithsoap::CustomerPatch;

    use super::*;

    fn update(id: &str) -> Box<Update> {
        Box::new(Update {
            id: id.to_owned(),
            patch: CustomerPatch::new(),
            body: String::new(),
            checksum: String::new(),
        })
    }

    fn result(line: u64) -> LineResult {
        LineResult::bad_line(line, &[])
    }

    fn lines(mut pop: impl FnMut() -> Option<LineResult>) -> Vec<String> {
        let results = std::iter::from_fn(&mut pop);
        results.map(|result| result.text[8..9].to_owned()).collect()
    }

    #[test]
    fn lines_of_one_id_wait_for_each_other() {
        let mut queue = Queue::default();
        assert!(queue.push_update(1, update("a")));
        assert!(!queue.push_update(2, update("a")));
        assert!(queue.push_update(3, update("b")));
        let first = queue.pop_job().unwrap();
        let other = queue.pop_job().unwrap();
        assert_eq!((first.line, other.line), (1, 3));
        assert!(queue.pop_job().is_none());
        queue.finish(&first, result(1));
        let second = queue.pop_job().unwrap();
        assert_eq!(second.line, 2);
        queue.finish(&second, result(2));
        assert!(!queue.is_idle());
        queue.finish(&other, result(3));
        assert!(queue.is_idle());
    }

    #[test]
    fn results_come_in_input_order() {
        let mut queue = Queue::default();
        for (line, id) in [(1, "a"), (2, "b"), (4, "c")] {
            queue.push_update(line, update(id));
            if line == 2 {
                queue.push_result(result(3));
            }
        }
        let [a, b, c] = [(); 3].map(|()| queue.pop_job().unwrap());
        queue.finish(&b, result(2));
        assert!(queue.pop_result().is_none());
        queue.finish(&a, result(1));
        assert_eq!(lines(|| queue.pop_result()), ["1", "2", "3"]);
        assert_eq!(queue.len(), 1);
        queue.finish(&c, result(4));
        assert_eq!(lines(|| queue.pop_result()), ["4"]);
    }

    #[test]
    fn at_the_end_gaps_are_left_out() {
        let mut queue = Queue::default();
        for line in 1..=5 {
            queue.push_update(line, update(&line.to_string()));
        }
        let jobs = [(); 4].map(|()| queue.pop_job().unwrap());
        queue.finish(&jobs[1], result(2));
        queue.finish(&jobs[3], result(4));
        assert_eq!(lines(|| queue.pop_result_over_gaps()), ["2", "4"]);
        assert_eq!(queue.len(), 0);
    }
}
