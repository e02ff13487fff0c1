//! What the user sees meanwhile, on standard error: a bar on a terminal, and
//! now and then a plain line elsewhere. No colours, and no personal data.

use std::fmt;
use std::io::{self, IsTerminal, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

pub(crate) struct Progress {
    /// Absent where standard error is no terminal.
    bar: Option<Bar>,
    /// How many lines there are, where that is known.
    total: Option<u64>,
    started: Instant,
    lines: AtomicU64,
    /// When the last line of progress was printed, where there is no bar.
    reported: Mutex<Instant>,
}

struct Bar {
    inner: ProgressBar,
    running: ProgressStyle,
    paused: ProgressStyle,
    pause: Arc<Mutex<Option<Pause>>>,
}

/// What all threads wait for.
struct Pause {
    until: Instant,
    reason: String,
}

impl Progress {
    /// On a terminal that gets the results, too, a bar would be in their way.
    pub(crate) fn new(results_on_terminal: bool, total: Option<u64>) -> Self {
        let has_bar = io::stderr().is_terminal() && !results_on_terminal;
        let bar = has_bar.then(|| {
            let bar = Bar::new(ProgressDrawTarget::stderr(), total);
            bar.inner.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self::with(bar, total)
    }

    fn with(bar: Option<Bar>, total: Option<u64>) -> Self {
        Self {
            bar,
            total,
            started: Instant::now(),
            lines: AtomicU64::new(0),
            reported: Mutex::new(Instant::now()),
        }
    }

    /// Counts lines that are done.
    pub(crate) fn advance(&self, lines: u64) {
        let count = self.lines.fetch_add(lines, Ordering::Relaxed) + lines;
        if let Some(bar) = &self.bar {
            bar.inner.inc(lines);
            return;
        }
        if let Ok(mut reported) = self.reported.try_lock()
            && reported.elapsed() >= REPORT_INTERVAL
        {
            *reported = Instant::now();
            let seconds = self.started.elapsed().as_secs().max(1);
            let lines = of_total(count, self.total);
            self.print(&format!("{lines}, {}/s", count / seconds));
        }
    }

    /// Shows that all threads wait.
    pub(crate) fn pause(&self, until: Instant, length: Duration, reason: &str) {
        match &self.bar {
            Some(bar) => {
                *bar.lock() = Some(Pause {
                    until,
                    reason: reason.to_owned(),
                });
                bar.inner.set_style(bar.paused.clone());
            }
            None if length >= MIN_PAUSE => {
                self.print(&format!("waiting {} s: {reason}", length.as_secs()));
            }
            None => {}
        }
    }

    /// Shows that the threads no longer wait.
    pub(crate) fn resume(&self) {
        if let Some(bar) = &self.bar {
            *bar.lock() = None;
            bar.inner.set_style(bar.running.clone());
        }
    }

    /// Writes a line without spoiling the bar.
    pub(crate) fn print(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.inner.println(text),
            None => eprint_line(text),
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.inner.finish_and_clear();
        }
    }
}

impl Bar {
    fn new(target: ProgressDrawTarget, total: Option<u64>) -> Self {
        let pause = Arc::new(Mutex::new(None));
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        bar.set_draw_target(target);
        let (running, paused) = match total {
            Some(_) => (
                "[{bar:20}] {lines}, {rate}, {eta} left",
                "[{bar:20}] {lines}\n{pause:79!}",
            ),
            None => (
                "{spinner} {lines}, {rate}, {elapsed}",
                "{spinner} {lines}\n{pause:79!}",
            ),
        };
        let [running, paused] = [running, paused].map(|template| style(template, &pause));
        bar.set_style(running.clone());
        Self {
            inner: bar,
            running,
            paused,
            pause,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Pause>> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many lines, of so many where that is known.
fn of_total(count: u64, total: Option<u64>) -> String {
    match total {
        // A file that grows has more than it had.
        Some(total) => format!("{count} of {}", plural(total.max(count))),
        None => plural(count),
    }
}

/// So many lines, in words.
pub(crate) fn plural(count: u64) -> String {
    match count {
        1 => "1 line".to_owned(),
        _ => format!("{count} lines"),
    }
}

/// Writes a line to standard error. Where that is closed or full, so be it.
pub(crate) fn eprint_line(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn style(template: &str, pause: &Arc<Mutex<Option<Pause>>>) -> ProgressStyle {
    // What is drawn is written into memory, which cannot fail.
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = write!(out, "{:.0}/s", state.per_sec());
    };
    let lines = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = out.write_str(&of_total(state.pos(), state.len()));
    };
    let pause = Arc::clone(pause);
    let pause = move |_: &ProgressState, out: &mut dyn fmt::Write| {
        let pause = pause.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Pause { until, reason }) = &*pause {
            let left = until.saturating_duration_since(Instant::now());
            let _ = match left.as_secs_f64().ceil() {
                0.0 => write!(out, "trying again: {reason}"),
                seconds => write!(out, "waiting {seconds} s: {reason}"),
            };
        }
    };
    let style = ProgressStyle::with_template(template).expect("the templates are right");
    let style = style.with_key("rate", rate).with_key("lines", lines);
    style.with_key("pause", pause).progress_chars("=> ")
}

/// How often a run without a bar reports how far it is.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// The shortest pause that a run without a bar reports.
const MIN_PAUSE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    fn progress(total: Option<u64>) -> (Progress, InMemoryTerm) {
        let term = InMemoryTerm::new(10, 80);
        let target = ProgressDrawTarget::term_like(Box::new(term.clone()));
        (Progress::with(Some(Bar::new(target, total)), total), term)
    }

    fn drawn(progress: &Progress, term: &InMemoryTerm) -> Vec<String> {
        progress.bar.as_ref().unwrap().inner.force_draw();
        term.contents().lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_bar_shows_what_it_waits_for_and_how_long() {
        for total in [Some(1_000_000), None] {
            let (progress, term) = progress(total);
            progress.advance(999_999);
            assert_eq!(drawn(&progress, &term).len(), 1);

            let reason = "the API was not reached: Connection refused (os error 111), and so on";
            let length = Duration::from_secs(30);
            progress.pause(Instant::now() + length, length, reason);
            let shown = drawn(&progress, &term);
            assert_eq!(shown.len(), 2, "{shown:?}");
            assert!(shown[1].starts_with("waiting 30 s: the API was not reached: "));

            progress.pause(Instant::now(), Duration::ZERO, reason);
            let shown = drawn(&progress, &term);
            assert!(shown[1].starts_with("trying again: the API was not reached: "));

            progress.resume();
            assert_eq!(drawn(&progress, &term).len(), 1);
        }
    }

    #[test]
    fn long_lines_leave_no_stale_bar() {
        let (progress, term) = progress(Some(5000));
        progress.advance(10);
        drawn(&progress, &term);
        let reason = "the API was not reached: Connection refused (os error 111)";
        let length = Duration::from_secs(30);
        progress.pause(Instant::now() + length, length, reason);
        for number in 1..=2 {
            progress.print(&format!("line {number}: {}", "x".repeat(100)));
            progress.advance(1);
            let shown = drawn(&progress, &term);
            let bars = shown.iter().filter(|line| line.contains("of 5000 lines"));
            assert_eq!(bars.count(), 1, "{shown:#?}");
        }
        progress.resume();
        let shown = drawn(&progress, &term);
        assert!(
            !shown.iter().any(|line| line.contains("waiting")),
            "{shown:#?}"
        );
    }
}
