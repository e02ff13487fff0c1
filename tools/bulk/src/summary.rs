//! What a run comes to: the counts, the last words, and the exit code.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::Options;
use crate::progress::{eprint_line, plural};
use crate::record::{LineResult, Outcome};

/// What is reported at the end of a run.
pub(crate) struct Summary<'a> {
    pub(crate) base_url: &'a str,
    pub(crate) counts: Counts,
    pub(crate) elapsed: Duration,
    /// Why the run stopped in the middle, if it did.
    pub(crate) stopped: Option<String>,
}

/// How many lines had which outcome.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) applied: u64,
    pub(crate) applied_before: u64,
    pub(crate) bad: u64,
    /// Lines that were applied before, and have been changed since.
    pub(crate) changed: u64,
    /// Accepted lines whose customer differs from what was sent.
    pub(crate) mismatches: u64,
    pub(crate) not_applied: u64,
    pub(crate) rehearsed: u64,
    pub(crate) unknown: u64,
    pub(crate) would_send: u64,
}

impl Summary<'_> {
    pub(crate) fn print(&self, options: &Options) {
        let counts = &self.counts;
        let parts = [
            (counts.applied, "applied"),
            (counts.applied_before, "applied before"),
            (counts.rehearsed, "rehearsed"),
            (counts.would_send, "would be sent"),
            (counts.not_applied, "not applied"),
            (counts.unknown, "unknown"),
            (counts.bad, "bad"),
        ];
        let total: u64 = parts.iter().map(|(count, _)| count).sum();
        let parts: Vec<_> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let api = if options.test_server {
            "a test server"
        } else {
            self.base_url
        };
        let seconds = self.elapsed.as_secs_f64();
        eprint_line(&format!("{} for {api} in {seconds:.1} s", plural(total)));
        if !parts.is_empty() {
            eprint_line(&parts.join(", "));
        }
        for (count, what) in [
            (counts.changed, "changed since applied"),
            (
                counts.mismatches,
                "returned with other values, see `mismatches`",
            ),
        ] {
            if count > 0 {
                eprint_line(&format!("{what}: {count}"));
            }
        }
        if let Some(reason) = &self.stopped {
            eprint_line(&format!("stopped: {reason}"));
        }
        let is_complete = self.exit_code() == 0 && !options.test_server;
        // Results without a line are worth a hint where they are a file of a run
        // that stopped: it is there, and only --resume can write to it.
        let is_empty = total == 0 && (self.stopped.is_none() || file(options).is_none());
        if !is_complete && !is_empty && !options.dry_run {
            eprint_line(&resume_hint(options));
        }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match &self.stopped {
            Some(_) => 3,
            None if self.counts.open() > 0 => 1,
            None => 0,
        }
    }
}

impl Counts {
    /// How many lines of these are not known to be done.
    fn open(&self) -> u64 {
        self.bad + self.not_applied + self.unknown
    }

    pub(crate) fn add(&mut self, result: &LineResult) {
        self.mismatches += u64::from(result.is_mismatch);
        *match result.outcome {
            Outcome::Applied => &mut self.applied,
            Outcome::BadLine => &mut self.bad,
            Outcome::NotApplied => &mut self.not_applied,
            Outcome::Rehearsed => &mut self.rehearsed,
            Outcome::Unknown => &mut self.unknown,
            Outcome::WouldSend => &mut self.would_send,
        } += 1;
    }
}

/// How to send what is left.
pub(crate) fn resume_hint(options: &Options) -> String {
    let file = file(options).map(|path| path.display());
    match (options.test_server, file) {
        (true, Some(file)) => format!("{TO_THE_API} and with --resume {file}"),
        // Its results have nothing that another run needs.
        (true, None) => TO_THE_API.to_owned(),
        (false, Some(file)) => format!("to send what is left, use --resume {file}"),
        (false, None) => {
            "to send what is left, save these results in FILE, then use --resume FILE".to_owned()
        }
    }
}

/// The results file, where the results are not a stream.
fn file(options: &Options) -> Option<&PathBuf> {
    options.results_path().filter(|path| path.is_file())
}

const TO_THE_API: &str = "to send the lines to the API, run without --test-server";
