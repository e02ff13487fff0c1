//! Updates many customers, one for each line of a file.
//!
//! ```text
//! cargo run --example bulk_update -- customers.jsonl --results results.jsonl
//! ```
//!
//! Each line of input is an object with the customer's `id` and the fields to
//! change. Each line of the results is an object with `line`, `id` and
//! `outcome`; blank lines of input have none. Without `SOAP_API_KEY` a test
//! server on this machine takes the place of the API.
//!
//! It may be stopped at any time, by Ctrl-C, a kill or a full disk, and goes on
//! with `--resume results.jsonl`: see `results.rs` for why nothing is lost.

mod input;
mod progress;
mod results;
mod run;

use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use lexopt::{Arg, ValueExt};
use paywithsoap::testing::TestServer;
use paywithsoap::{Config, Error, Violation};

use crate::input::Lines;
use crate::progress::{Progress, lines, say};
use crate::results::{Earlier, Results};
use crate::run::{Counts, Run, StopOnPanic};

const HELP: &str = "\
Updates many customers, one for each line of a file.

Usage: bulk_update [OPTIONS] [INPUT]

INPUT is JSON Lines, stdin if absent or `-`, like
  {\"id\": \"cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V\", \"email\": \"jane@example.com\"}
with any of email, first_name, last_name, phone_number, date_of_birth.

Options:
  --results FILE  where to write a line of JSON for each line of input, in
                  input order; stdout if absent
  --resume FILE   goes on with these results of an earlier run of the same
                  input: skips the lines that were applied, and sends all others
  --threads N     how many calls run at a time, 1 to 64; 4 if absent
  --dry-run       sends nothing, and shows what would be sent, and every mistake
  --help          shows this

Environment:
  SOAP_API_KEY    the API key; without it, a test server on this machine is used
  SOAP_API_URL    the API's URL; the sandbox if unset

Outcomes in the results: applied, with the API's answer; not_applied, with what
is wrong; unknown, where no answer told; bad_line, where the line is no update;
would_send, in a dry run.

Lines of the same id are applied one after the other, in input order; others may
overtake each other. To keep that order, resuming sends an applied line again
after an earlier line of its id that has to be sent again. A bad line may be
mended before resuming; else leave the input as it is. Run one at a time.

Exit status: 0 every line is applied; 1 some are not; 2 nothing was started;
3 stopped in the middle.
";

struct Options {
    input: Option<PathBuf>,
    results: Option<PathBuf>,
    resume: Option<PathBuf>,
    threads: usize,
    dry_run: bool,
}

fn main() -> ExitCode {
    match parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => start(&options).unwrap_or_else(|message| {
            say(&format!("bulk_update: {message}"));
            ExitCode::from(2)
        }),
        Ok(None) => {
            // A reader that has seen enough is no failure.
            let _ = io::stdout().write_all(HELP.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("bulk_update: {error}; --help tells more"));
            ExitCode::from(2)
        }
    }
}

/// Reads the command line; `None` where it asks for help.
fn parse(mut parser: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options {
        input: None,
        results: None,
        resume: None,
        threads: 4,
        dry_run: false,
    };
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("results") => options.results = Some(parser.value()?.into()),
            Arg::Long("resume") => options.resume = Some(parser.value()?.into()),
            Arg::Long("threads") => {
                options.threads = match parser.value()?.parse() {
                    Ok(threads @ 1..=64) => threads,
                    Ok(_) | Err(_) => return Err("--threads must be 1 to 64".into()),
                };
            }
            Arg::Long("dry-run") => options.dry_run = true,
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            Arg::Value(path) if options.input.is_none() => options.input = Some(path.into()),
            _ => return Err(arg.unexpected()),
        }
    }
    if options.resume.is_some() && options.results.is_some() {
        return Err("--resume names the results, leave --results out".into());
    }
    options.input = options.input.filter(|path| path.as_os_str() != "-");
    Ok(Some(options))
}

/// Sets everything up, and runs. An error means that nothing was sent.
fn start(options: &Options) -> Result<ExitCode, String> {
    let input: Box<dyn BufRead + Send> = match &options.input {
        Some(path) => {
            let file = File::open(path).map_err(at(path))?;
            Box::new(BufReader::new(file))
        }
        None => Box::new(BufReader::new(io::stdin())),
    };
    let (cfg, server) = settings(options.dry_run)?;
    let (results, earlier) = match (&options.results, &options.resume) {
        // A dry run leaves the earlier results as they are.
        (_, Some(path)) if options.dry_run => (
            Results::stdout(),
            Some(Earlier::open(path).map_err(at(path))?),
        ),
        (_, Some(path)) => {
            let (results, earlier) = Results::resume(path).map_err(at(path))?;
            (results, Some(earlier))
        }
        (Some(path), None) => (Results::start(path).map_err(at(path))?, None),
        (None, None) => (Results::stdout(), None),
    };
    if let Some(server) = &server {
        let url = server.base_url();
        say(&format!(
            "SOAP_API_KEY is not set: this is a test server, {url}, that knows every customer"
        ));
    }
    let on_stdout = options.results.is_none() && (options.resume.is_none() || options.dry_run);
    let progress = Progress::new(on_stdout, || {
        let file = File::open(options.input.as_ref()?).ok()?;
        let countable = file.metadata().ok()?.is_file();
        countable.then(|| input::count(file).ok())?
    });

    let started = Instant::now();
    let run = Arc::new(Run::new(cfg, server, !options.dry_run, progress, results));
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
    Ok(finish(options, counts, stopped, started.elapsed()))
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

/// The API to talk to, and the test server if it is one.
fn settings(dry_run: bool) -> Result<(Config, Option<TestServer>), String> {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let from_env = match (is_set(KEY), is_set(URL)) {
        // Names the variables in what is wrong with them.
        (true, _) => Some(Config::from_env().map_err(|error| wrong(&error))?),
        (false, true) => return Err(format!("{KEY} must be set where {URL} is")),
        (false, false) => None,
    };
    let (builder, server) = match from_env {
        // A timeout of zero checks everything, and tries nothing; this URL does
        // without TLS.
        _ if dry_run => {
            let cfg = Config::builder("dry-run").base_url("http://localhost");
            (cfg.timeout(Duration::ZERO), None)
        }
        Some(cfg) => {
            let key = env::var(KEY).unwrap_or_default();
            (Config::builder(&key).base_url(cfg.base_url()), None)
        }
        None => {
            let server = TestServer::start().map_err(|error| format!("no test server: {error}"))?;
            (server.config(), Some(server))
        }
    };
    // The run tries again by itself, so that one pause is for all threads.
    let builder = builder.user_agent("bulk_update").max_retries(0);
    let cfg = builder.build().map_err(|error| wrong(&error))?;
    Ok((cfg, server))
}

/// What is wrong with the settings.
fn wrong(error: &Error) -> String {
    let violations: Vec<_> = error
        .violations()
        .iter()
        .map(Violation::to_string)
        .collect();
    violations.join("; ")
}

/// Hands every line over that is not known to be applied.
fn read(run: &Run, input: impl BufRead, mut earlier: Option<Earlier>) {
    let mut lines = Lines::new(input);
    loop {
        let line = match lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => return run.end(),
            Err(error) => return run.stop(format!("the input cannot be read: {error}")),
        };
        let applied = match (&mut earlier, &line.content) {
            (Some(earlier), Ok(update)) => earlier.is_applied(line.number, &update.id),
            _ => Ok(false),
        };
        match applied {
            Ok(true) => run.skip(),
            Ok(false) if run.push(line) => {}
            Ok(false) => return,
            Err(error) => return run.stop(format!("the results cannot be read: {error}")),
        }
    }
}

/// Sums up.
fn finish(
    options: &Options,
    counts: Counts,
    stopped: Option<String>,
    elapsed: Duration,
) -> ExitCode {
    let parts = [
        (counts.applied, "applied"),
        (counts.applied_before, "applied before"),
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
    let sum = match total {
        0 => "no lines".to_owned(),
        _ => format!("{}: {}", lines(total), parts.join(", ")),
    };
    say(&format!("{sum}, in {:.1} s", elapsed.as_secs_f64()));
    let open = counts.open() > 0;
    if let Some(reason) = &stopped {
        say(&format!("stopped: {reason}"));
    }
    let results = options.resume.as_ref().or(options.results.as_ref());
    if let Some(path) = results
        && path.is_file()
        && (open || stopped.is_some())
        && !options.dry_run
    {
        let path = path.display();
        say(&format!("to send what is left: --resume {path}"));
    }
    match (stopped, open) {
        (Some(_), _) => ExitCode::from(3),
        (None, true) => ExitCode::from(1),
        (None, false) => ExitCode::SUCCESS,
    }
}

/// Says which file an error is about.
fn at(path: &Path) -> impl Fn(io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

const KEY: &str = "SOAP_API_KEY";
const URL: &str = "SOAP_API_URL";
