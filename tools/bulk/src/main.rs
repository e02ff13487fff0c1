//! Updates many customers, one for each line of a file.
//!
//! A run flows through the files like this: `cli` and `settings` say what to do;
//! a thread reads `input` (`lines`, then `csv` or `jsonl`), leaves out what
//! `earlier` knows to be applied, and hands the rest to the `run`; its `queue`
//! keeps the order of lines with one id; the threads send when `pacing` lets
//! them, and each line becomes a `record` in the `results`.

#![forbid(unsafe_code)]

mod announce;
mod checksum;
mod cli;
mod columns;
mod convert;
mod csv;
mod draft;
mod earlier;
mod failure;
mod file;
mod headings;
mod hint;
mod input;
mod jsonl;
mod lines;
mod lock;
mod notes;
mod output;
mod pacing;
mod placeholder;
mod progress;
mod queue;
mod record;
mod results;
mod run;
mod settings;
mod signals;
mod start;
mod summary;

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::{self, ExitCode};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::announce::announce;
use crate::cli::{NAME, Options, is_named};
use crate::earlier::Earlier;
use crate::hint::resume_hint;
use crate::input::Input;
use crate::output::{Failures, Output};
use crate::progress::{Progress, eprint_line};
use crate::record::Header;
use crate::results::Results;
use crate::run::{Run, StopOnPanic};
use crate::summary::Summary;

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
    if path.is_none() && io::stdin().is_terminal() {
        eprint_line("reading lines from this terminal; Ctrl-D ends them, --help shows more");
    }
    let input =
        Input::open(options).map_err(|message| format!("{}: {message}", options.input_name()))?;
    let notes = input.notes();
    let header = Header::new(cfg.base_url(), server.is_some());
    let (results, earlier) = open_results(options, header)?;
    let failures = options.failures.as_deref().map(|path| {
        let created = Failures::create(path, &input.failures().start());
        created.map_err(at(path))
    });
    let mut output = Output {
        results,
        failures: failures.transpose()?,
    };
    if output.results.is_readable_by_others()
        && let Some(path) = options.results_path()
    {
        eprint_line(&format!(
            "warning: group or others can read {}",
            path.display()
        ));
    }
    let total = path
        .filter(|path| fs::metadata(path).is_ok_and(|file| file.is_file()))
        .and_then(|_| Input::open(options).ok()?.count().ok());
    let results_path = options
        .results_path()
        .unwrap_or(Path::new("standard output"));
    let begun = if announce(options, cfg.base_url(), total) {
        output.results.begin().map_err(at(results_path))
    } else {
        Err("nothing was sent".to_owned())
    };
    if let Err(message) = begun {
        // Leaves no file of failures.
        let _ = output.close(None);
        return Err(message);
    }

    let started = Instant::now();
    let api = match &server {
        Some(_) => "a test server".to_owned(),
        None => cfg.base_url().to_owned(),
    };
    let progress = Progress::new(output.results.is_on_terminal(), total);
    let failure_format = output.failures.is_some().then(|| input.failures());
    let run = Arc::new(Run::new(
        cfg,
        server,
        options,
        failure_format,
        progress,
        output.salt(),
    ));
    stop_on_signal(&run, options)?;
    for _ in 0..options.threads {
        spawn(&run, Run::work)?;
    }
    // The last to start: until it does, nothing is sent. Detached: where the run
    // stops, it may be waiting for input.
    spawn(&run, move |run| read(run, input, earlier))?;
    let ended = run.write(output);
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let summary = Summary {
        api: &api,
        ended,
        notes: notes.lines(options.dry_run),
        elapsed: started.elapsed(),
    };
    summary.print(options);
    Ok(ExitCode::from(summary.exit_code()))
}

fn open_results(options: &Options, header: Header) -> Result<(Results, Option<Earlier>), String> {
    let retry_unknown = options.retry_unknown;
    match (&options.results, &options.resume) {
        // A dry run leaves the earlier results as they are.
        (_, Some(path)) if options.dry_run => {
            let earlier = Earlier::read(path, &header, retry_unknown).map_err(at(path))?;
            let header = header.with_salt(earlier.salt.as_ref());
            Ok((Results::stdout(header), Some(earlier)))
        }
        (_, Some(path)) => {
            let (results, earlier) =
                Results::resume(path, header, retry_unknown).map_err(at(path))?;
            Ok((results, Some(earlier)))
        }
        (Some(path), None) => Ok((Results::start(path, header).map_err(at(path))?, None)),
        (None, None) => Ok((Results::stdout(header), None)),
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> String {
    let path = path.display().to_string();
    move |error| format!("{path}: {error}")
}

/// Makes Ctrl-C and a request to terminate stop the run, and a later one end the
/// process at once.
fn stop_on_signal(run: &Arc<Run>, options: &Options) -> Result<(), String> {
    let run = Arc::clone(run);
    let hint = resume_hint(options, false);
    let mut first: Option<Instant> = None;
    let handle = move || match first {
        // Some programs deliver one signal twice, to the process and to its group.
        Some(first) if first.elapsed() < SAME_SIGNAL => {}
        Some(_) => {
            eprint_line(&format!("\nended at once; {hint}"));
            process::exit(3);
        }
        None => {
            first = Some(Instant::now());
            run.progress.print(
                "stopping: the lines under way are finished first; Ctrl-C again ends at once",
            );
            run.stop("interrupted".to_owned());
        }
    };
    signals::on_stop(handle).map_err(|error| format!("signals cannot be handled: {error}"))
}

fn spawn(run: &Arc<Run>, work: impl FnOnce(&Run) + Send + 'static) -> Result<(), String> {
    let run = Arc::clone(run);
    thread::Builder::new()
        .spawn(move || work(&run))
        .map(drop)
        .map_err(|error| format!("no thread: {error}"))
}

/// Hands every line over.
fn read(run: &Run, mut input: Input, mut earlier: Option<Earlier>) {
    let _guard = StopOnPanic(run);
    loop {
        match input.next() {
            Ok(Some(line)) => {
                if !run.push(line, earlier.as_mut()) {
                    return;
                }
            }
            Ok(None) => return run.end(earlier),
            Err(error) => return run.stop(format!("the input cannot be read: {error}")),
        }
    }
}

/// How long after a signal another one is the same.
const SAME_SIGNAL: Duration = Duration::from_secs(1);
