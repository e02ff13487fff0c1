//! Updates many customers, one for each line of a file.
//!
//! A run flows through the files like this: `cli` and `settings` say what to do;
//! a thread reads `input` (`lines`, then `csv` or `jsonl`), leaves out what
//! `earlier` knows to be applied, and hands the rest to the `run`; its `queue`
//! keeps the order of lines with one id; the threads send when `pacing` lets
//! them, and each line becomes a `record` in the `results`.

#![forbid(unsafe_code)]

mod cli;
mod csv;
mod earlier;
mod file;
mod input;
mod jsonl;
mod lines;
mod lock;
mod pacing;
mod progress;
mod queue;
mod record;
mod results;
mod run;
mod settings;
mod summary;

use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use crate::cli::{NAME, Options, is_named};
use crate::earlier::{Earlier, Known};
use crate::input::{Content, Format, Input};
use crate::progress::{Progress, eprint_line};
use crate::record::Header;
use crate::results::Results;
use crate::run::{Run, StopOnPanic};
use crate::summary::{Summary, resume_hint};

fn main() -> ExitCode {
    let options = Options::parse_args();
    start(&options).unwrap_or_else(|message| {
        eprint_line(&format!("{NAME}: {message}"));
        ExitCode::from(2)
    })
}

/// Sets everything up, and runs. An error means that nothing was sent.
fn start(options: &Options) -> Result<ExitCode, String> {
    if options.resume.as_ref().is_some_and(|path| !is_named(path)) {
        return Err("--resume needs a file".to_owned());
    }
    let (cfg, server) = settings::settings(options)?;
    let path = options.input.as_deref();
    let format = options.format.unwrap_or_else(|| Format::of(path));
    if path.is_none() && io::stdin().is_terminal() {
        eprint_line("reading lines from this terminal; Ctrl-D ends them, --help shows more");
    }
    let input =
        Input::open(path, format).map_err(|message| format!("{}: {message}", name_of(path)))?;
    let header = Header {
        base_url: cfg.base_url().to_owned(),
        test_server: server.is_some(),
    };
    let (results, earlier) = open_results(options, &header)?;
    if results.is_readable_by_others()
        && let Some(path) = options.results_path()
    {
        let path = path.display();
        eprint_line(&format!("warning: group or others can read {path}"));
    }
    let progress = Progress::new(results.is_on_terminal(), || {
        let path = path.filter(|path| fs::metadata(path).is_ok_and(|file| file.is_file()))?;
        let lines = lines::count(File::open(path).ok()?).ok()?;
        Some(lines.saturating_sub(u64::from(format == Format::Csv)))
    });

    let started = Instant::now();
    let run = Arc::new(Run::new(cfg, server, options, progress, results));
    stop_on_signal(&run, options)?;
    let workers: Vec<_> = (0..options.threads)
        .map(|_| spawn(&run, Run::work))
        .collect::<Result<_, _>>()?;
    // The last to start: until it does, nothing is sent. Detached: where the run
    // stops, it may be waiting for input.
    spawn(&run, move |run| read(run, input, earlier))?;
    for worker in workers {
        // A panic has stopped the run.
        let _ = worker.join();
    }
    let (counts, stopped) = run.close();
    let summary = Summary {
        base_url: &header.base_url,
        counts,
        elapsed: started.elapsed(),
        stopped,
    };
    summary.print(options);
    Ok(ExitCode::from(summary.exit_code()))
}

fn open_results(options: &Options, header: &Header) -> Result<(Results, Option<Earlier>), String> {
    let at = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| format!("{path}: {error}")
    };
    match (&options.results, &options.resume) {
        // A dry run leaves the earlier results as they are.
        (_, Some(path)) if options.dry_run => {
            let earlier = Earlier::open(path, header).map_err(at(path))?;
            Ok((
                Results::stdout(header).map_err(at(Path::new("standard output")))?,
                Some(earlier),
            ))
        }
        (_, Some(path)) => {
            let (results, earlier) = Results::resume(path, header).map_err(at(path))?;
            Ok((results, Some(earlier)))
        }
        (Some(path), None) => Ok((Results::start(path, header).map_err(at(path))?, None)),
        (None, None) => Ok((
            Results::stdout(header).map_err(at(Path::new("standard output")))?,
            None,
        )),
    }
}

/// Makes Ctrl-C and a request to terminate stop the run, and a second one end
/// the process at once.
fn stop_on_signal(run: &Arc<Run>, options: &Options) -> Result<(), String> {
    let run = Arc::clone(run);
    let hint = resume_hint(options);
    let is_second = AtomicBool::new(false);
    let handler = move || {
        if is_second.swap(true, Ordering::Relaxed) {
            eprint_line(&format!("\nended at once; {hint}"));
            process::exit(3);
        }
        run.progress
            .print("stopping: the lines under way are finished first; another Ctrl-C ends at once");
        run.stop("interrupted".to_owned());
    };
    ctrlc::set_handler(handler).map_err(|error| format!("signals cannot be handled: {error}"))
}

fn spawn(
    run: &Arc<Run>,
    work: impl FnOnce(&Run) + Send + 'static,
) -> Result<thread::JoinHandle<()>, String> {
    let run = Arc::clone(run);
    thread::Builder::new()
        .spawn(move || {
            let _guard = StopOnPanic(&run);
            work(&run);
        })
        .map_err(|error| format!("no thread: {error}"))
}

/// Hands every line over that is not known to be applied.
fn read(run: &Run, mut input: Input, mut earlier: Option<Earlier>) {
    loop {
        let line = match input.next() {
            Ok(Some(line)) => line,
            Ok(None) => return run.end(),
            Err(error) => return run.stop(format!("the input cannot be read: {error}")),
        };
        let known = match (&mut earlier, &line.content) {
            (Some(earlier), Content::Update(update)) => {
                earlier.known(line.number, &update.id, &update.checksum)
            }
            _ => Ok(Known::Open),
        };
        match known {
            Ok(Known::Applied) => {
                run.skip();
                continue;
            }
            Ok(Known::Changed) => run.note_changed(),
            Ok(Known::Open) => {}
            Err(error) => return run.stop(format!("the results cannot be read: {error}")),
        }
        if !run.push(line) {
            return;
        }
    }
}

fn name_of(input: Option<&Path>) -> String {
    match input {
        Some(path) => path.display().to_string(),
        None => "standard input".to_owned(),
    }
}
