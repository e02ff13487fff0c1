//! What the user sees meanwhile, on stderr: a bar on a terminal, and now and
//! then a plain line elsewhere. No colours anywhere.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

pub(crate) struct Progress {
    /// Absent where stderr is no terminal.
    bar: Option<ProgressBar>,
    started: Instant,
    lines: AtomicU64,
    problems: AtomicU32,
    noted: Mutex<Instant>,
}

impl Progress {
    /// `total` is asked only where it is going to be shown. On a terminal that
    /// gets the results, too, a bar would be in their way.
    pub(crate) fn new(results_on_stdout: bool, total: impl FnOnce() -> Option<u64>) -> Self {
        let in_the_way = results_on_stdout && io::stdout().is_terminal();
        let bar = (io::stderr().is_terminal() && !in_the_way).then(|| {
            let (bar, template) = match total() {
                Some(total) => (
                    ProgressBar::new(total),
                    "[{bar:30}] {lines}, {rate}, {eta} left",
                ),
                None => (
                    ProgressBar::new_spinner(),
                    "{spinner} {lines}, {rate}, {elapsed}",
                ),
            };
            let style = ProgressStyle::with_template(template).expect("the templates are right");
            let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
                // It is drawn into memory, which cannot fail.
                let _ = write!(out, "{:.0}/s", state.per_sec());
            };
            let lines = |state: &ProgressState, out: &mut dyn fmt::Write| {
                let _ = match state.len() {
                    Some(total) => write!(out, "{} of {}", state.pos(), lines(total)),
                    None => write!(out, "{}", lines(state.pos())),
                };
            };
            let style = style.with_key("rate", rate).with_key("lines", lines);
            bar.set_style(style.progress_chars("=> "));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            bar,
            started: Instant::now(),
            lines: AtomicU64::new(0),
            problems: AtomicU32::new(0),
            noted: Mutex::new(Instant::now()),
        }
    }

    /// Counts a line that is done.
    pub(crate) fn advance(&self) {
        let count = self.lines.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(bar) = &self.bar {
            bar.inc(1);
            return;
        }
        if let Ok(mut noted) = self.noted.try_lock()
            && noted.elapsed() >= Duration::from_secs(10)
        {
            *noted = Instant::now();
            let seconds = self.started.elapsed().as_secs().max(1);
            self.note(&format!("{}, {}/s", lines(count), count / seconds));
        }
    }

    /// Tells of a line that went wrong; of the first few, for the results tell
    /// of all.
    pub(crate) fn problem(&self, problem: &str) {
        match self.problems.fetch_add(1, Ordering::Relaxed) {
            ..PROBLEMS_MOST => self.note(problem),
            PROBLEMS_MOST => self.note("there is more like this: see the results"),
            _ => {}
        }
    }

    /// Writes a line without spoiling the bar.
    pub(crate) fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => say(text),
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// So many lines, in words.
pub(crate) fn lines(count: u64) -> String {
    match count {
        1 => "1 line".to_owned(),
        _ => format!("{count} lines"),
    }
}

/// Writes a line to stderr. Where that is closed or full, so be it.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

const PROBLEMS_MOST: u32 = 10;
