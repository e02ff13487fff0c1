//! What a run comes to: the counts, the last words, and the exit code.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use crate::cli::Options;
use crate::hint::resume_hint;
use crate::progress::{eprint_line, plural};
use crate::record::Outcome;
use crate::run::Ended;

/// What is reported at the end of a run.
pub(crate) struct Summary<'a> {
    /// The API's URL, or what stands for it.
    pub(crate) api: &'a str,
    pub(crate) ended: Ended,
    /// What is worth knowing of the lines that are sent.
    pub(crate) notes: Vec<String>,
    pub(crate) elapsed: Duration,
}

/// How many lines had which outcome.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) applied: u64,
    pub(crate) applied_before: u64,
    pub(crate) bad: u64,
    /// Records of lines that are no longer in the input.
    pub(crate) gone: u64,
    /// Accepted lines whose customer differs from what was sent.
    pub(crate) mismatches: u64,
    pub(crate) not_applied: u64,
    pub(crate) rehearsed: u64,
    pub(crate) unknown: u64,
    /// Lines that an earlier run has left unknown, and this one held back.
    pub(crate) unknown_before: u64,
    pub(crate) would_send: u64,
}

/// What went wrong: how many lines there are of each kind.
#[derive(Default)]
pub(crate) struct Problems {
    counts: HashMap<String, u64>,
    /// Lines of further kinds.
    others: u64,
}

impl Summary<'_> {
    pub(crate) fn print(&self, options: &Options) {
        let Ended {
            counts,
            problems,
            stopped,
        } = &self.ended;
        let parts = [
            (counts.applied, "applied"),
            (counts.applied_before, "applied before"),
            (counts.rehearsed, "rehearsed"),
            (counts.would_send, "would be sent"),
            (counts.not_applied, "not applied"),
            (counts.unknown, "unknown"),
            (counts.unknown_before, "unknown before"),
            (counts.bad, "bad"),
        ];
        let total: u64 = parts.iter().map(|(count, _)| count).sum();
        let parts: Vec<_> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let seconds = self.elapsed.as_secs_f64();
        eprint_line(&format!(
            "{} for {} in {seconds:.1} s",
            plural(total),
            self.api
        ));
        if !parts.is_empty() {
            eprint_line(&parts.join(", "));
        }
        problems.print();
        for (count, what) in [
            (
                counts.mismatches,
                "returned with other values: see `mismatches`",
            ),
            (
                counts.gone,
                "no longer in the input: see the end of the results",
            ),
        ] {
            if count > 0 {
                eprint_line(&format!("{} {what}", plural(count)));
            }
        }
        self.notes.iter().for_each(|note| eprint_line(note));
        if let Some(reason) = stopped {
            eprint_line(&format!("stopped: {reason}"));
        }
        let is_complete = self.exit_code() == 0 && !options.test_server;
        // Results without a line are worth a hint where they are a file of a run
        // that stopped: it is there, and only --resume can write to it.
        let is_empty = total == 0 && (stopped.is_none() || options.results_file().is_none());
        if !is_complete && !is_empty && !options.dry_run {
            let is_only_unknown = self.exit_code() == 1 && counts.not_applied + counts.bad == 0;
            eprint_line(&resume_hint(options, is_only_unknown));
        }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match &self.ended.stopped {
            Some(_) => 3,
            None if self.ended.counts.open() > 0 => 1,
            None => 0,
        }
    }
}

impl Counts {
    /// How many lines of these are not known to be done.
    fn open(&self) -> u64 {
        self.bad + self.not_applied + self.unknown + self.unknown_before
    }

    /// Counts a line, perhaps one that an earlier run has sent.
    pub(crate) fn add(&mut self, outcome: Outcome, is_before: bool) {
        *match outcome {
            Outcome::Applied if is_before => &mut self.applied_before,
            Outcome::Applied => &mut self.applied,
            Outcome::BadLine => &mut self.bad,
            Outcome::NotApplied => &mut self.not_applied,
            Outcome::Rehearsed => &mut self.rehearsed,
            // Such a record only goes along with another.
            Outcome::Superseded => return,
            Outcome::Unknown if is_before => &mut self.unknown_before,
            Outcome::Unknown => &mut self.unknown,
            Outcome::WouldSend => &mut self.would_send,
        } += 1;
    }
}

impl Problems {
    /// Counts a line. Returns whether it is an example to show: the first of its kind,
    /// and of few enough kinds.
    pub(crate) fn add(&mut self, problem: &str) -> bool {
        if let Some(count) = self.counts.get_mut(problem) {
            *count += 1;
        } else if self.counts.len() < MAX_KINDS {
            self.counts.insert(problem.to_owned(), 1);
            return self.counts.len() <= MAX_SHOWN;
        } else {
            self.others += 1;
        }
        false
    }

    /// Shows the kinds that have most lines.
    fn print(&self) {
        let mut kinds: Vec<_> = self.counts.iter().collect();
        kinds.sort_unstable_by_key(|(problem, count)| (Reverse(**count), *problem));
        // Of few kinds, each was shown by its first line.
        kinds.retain(|(_, count)| **count > 1 || self.counts.len() > MAX_SHOWN);
        for (problem, count) in kinds.iter().take(MAX_SHOWN) {
            eprint_line(&format!("{}: {problem}", plural(**count)));
        }
        let others = kinds.iter().skip(MAX_SHOWN).map(|(_, count)| **count);
        let others = others.sum::<u64>() + self.others;
        if others > 0 {
            eprint_line(&format!(
                "{} with other problems: see the results",
                plural(others)
            ));
        }
    }
}

/// How many kinds of problems are shown.
const MAX_SHOWN: usize = 10;

/// How many kinds of problems are counted: a message of the API may name what no
/// other line has.
const MAX_KINDS: usize = 1000;
