//! The results: one line of JSON for each line of input, in input order, and
//! what an earlier run has left of them.
//!
//! A results file has one part, in order. A resumed run appends the results of
//! what it sends as a second part, and only when it is through are the two
//! folded into one, by way of a temporary file and a rename. So a kill or a
//! full disk at any moment leaves a file that says all that is known: the
//! worst is a torn last line, or a result that was never written, and then the
//! line is sent again.
//!
//! A result of the first part no longer holds once an earlier line of the same
//! id was sent after it. The second part shows which were, so reading both
//! withdraws such results, and they are sent again in their turn.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use paywithsoap::{Customer, Error, Outcome as CallOutcome};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// What became of a line.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Outcome {
    Applied,
    BadLine,
    NotApplied,
    Unknown,
    WouldSend,
}

/// What a line of the results says.
pub(crate) struct Finding {
    pub(crate) outcome: Outcome,
    /// The line as it is written, line end included.
    pub(crate) text: String,
    /// What to say of it on the terminal, where something went wrong.
    pub(crate) problem: Option<String>,
}

impl Finding {
    pub(crate) fn applied(line: u64, customer: &Customer) -> Self {
        // JSON has raw line ends between its tokens only.
        let answer = customer.raw_json().trim_start_matches('\u{FEFF}');
        let answer = answer.trim().replace(['\n', '\r'], " ");
        let rest = format!(r#""customer":{answer}"#);
        Self::new(line, Some(&customer.id), Outcome::Applied, &rest)
    }

    pub(crate) fn would_send(line: u64, id: &str, body: &str) -> Self {
        let rest = format!(r#""body":{body}"#);
        Self::new(line, Some(id), Outcome::WouldSend, &rest)
    }

    pub(crate) fn bad_line(line: u64, reason: &str) -> Self {
        let rest = format!(r#""message":{}"#, Value::from(reason));
        let problem = format!("line {line}: bad line: {reason}");
        Self {
            problem: Some(problem),
            ..Self::new(line, None, Outcome::BadLine, &rest)
        }
    }

    pub(crate) fn failed(line: u64, id: &str, error: &Error) -> Self {
        let outcome = match error.outcome() {
            CallOutcome::NotApplied => Outcome::NotApplied,
            CallOutcome::Unknown => Outcome::Unknown,
        };
        let message = with_causes(error);
        let violations: Value = error
            .violations()
            .iter()
            .map(|violation| json!({"field": violation.field(), "message": violation.to_string()}))
            .collect();
        let rest: Vec<_> = [
            Some(("message", Value::from(message.as_str()))),
            (violations != json!([])).then_some(("violations", violations)),
            error.status().map(|status| ("status", status.into())),
            error.request_id().map(|id| ("request_id", id.into())),
        ]
        .into_iter()
        .flatten()
        .map(|(name, value)| format!(r#""{name}":{value}"#))
        .collect();
        Self {
            problem: Some(format!("line {line}: {message}")),
            ..Self::new(line, Some(id), outcome, &rest.join(","))
        }
    }

    fn new(line: u64, id: Option<&str>, outcome: Outcome, rest: &str) -> Self {
        let name = match outcome {
            Outcome::Applied => APPLIED,
            Outcome::BadLine => "bad_line",
            Outcome::NotApplied => "not_applied",
            Outcome::Unknown => "unknown",
            Outcome::WouldSend => "would_send",
        };
        let id = Value::from(id);
        Self {
            outcome,
            text: format!("{START}{line},\"id\":{id},\"outcome\":\"{name}\",{rest}}}\n"),
            problem: None,
        }
    }
}

/// What an error says, and its causes, on one line.
pub(crate) fn with_causes(error: &Error) -> String {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    message
}

/// Where results are written to.
pub(crate) struct Results {
    out: Box<dyn Write + Send>,
    /// The same as `out`, where it is a file on a disk.
    file: Option<(PathBuf, File)>,
}

impl Results {
    pub(crate) fn stdout() -> Self {
        Self {
            out: Box::new(io::stdout()),
            file: None,
        }
    }

    /// Starts a results file, which must not have any results yet.
    pub(crate) fn start(path: &Path) -> io::Result<Self> {
        let results = Self::append(path)?;
        if let Some((_, file)) = &results.file
            && file.metadata()?.len() > 0
        {
            return Err(io::Error::other(
                "it is not empty: continue it with --resume, or choose another name",
            ));
        }
        Ok(results)
    }

    /// Goes on with the results of an earlier run.
    pub(crate) fn resume(path: &Path) -> io::Result<(Self, Earlier)> {
        // A rename would put a file where a symbolic link was.
        let path = path.canonicalize()?;
        fold(&path)?;
        let earlier = Earlier::open(&path)?;
        Ok((Self::append(&path)?, earlier))
    }

    /// Writes a line of results, for others to see at once.
    pub(crate) fn write(&mut self, finding: &Finding) -> io::Result<()> {
        self.out.write_all(finding.text.as_bytes())?;
        self.out.flush()
    }

    /// Makes all that was written last, whatever happens to the machine.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match &self.file {
            Some((_, file)) => file.sync_all(),
            None => Ok(()),
        }
    }

    /// Puts the results in order, at the end of a run.
    pub(crate) fn finish(&self) -> io::Result<()> {
        match &self.file {
            Some((path, _)) => fold(path),
            None => Ok(()),
        }
    }

    fn append(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let twin = if file.metadata()?.is_file() {
            Some((path.to_owned(), file.try_clone()?))
        } else {
            None
        };
        Ok(Self {
            out: Box::new(file),
            file: twin,
        })
    }
}

/// A line of the results of an earlier run.
struct Record {
    line: u64,
    id: Option<String>,
    applied: bool,
    text: String,
}

/// The results of an earlier run, in input order.
pub(crate) struct Earlier {
    first: Part,
    second: Part,
    /// The ids in the second part so far, as long as the first part goes on.
    resent: Ids,
    /// The ids of the lines to send so far, as long as there are results.
    to_send: Ids,
}

impl Earlier {
    /// Reads a results file, and leaves it as it is.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let shape = Shape::of(path)?;
        let middle = shape.second.unwrap_or(shape.end);
        Ok(Self {
            first: Part::open(path, 0, middle)?,
            second: Part::open(path, middle, shape.end)?,
            resent: Ids::default(),
            to_send: Ids::default(),
        })
    }

    /// Whether this line of this id is known to be applied, and nothing was
    /// sent after it that should have been before.
    ///
    /// To be asked of every line that has an id, in order. Where the answer is
    /// no, the line counts as sent, and so later lines of its id are to be
    /// sent, too.
    pub(crate) fn is_applied(&mut self, line: u64, id: &str) -> io::Result<bool> {
        let mut applied = false;
        while let Some(record) = self.next_until(line)? {
            applied = record.line == line && record.applied && record.id.as_deref() == Some(id);
        }
        if applied && !self.to_send.contains(id) {
            return Ok(true);
        }
        if self.first.head.is_some() || self.second.head.is_some() {
            self.to_send.insert(id);
        }
        Ok(false)
    }

    fn next_until(&mut self, line: u64) -> io::Result<Option<Record>> {
        let heads = [&self.first.head, &self.second.head];
        match heads.into_iter().flatten().map(|head| head.line).min() {
            Some(next) if next <= line => self.next(),
            _ => Ok(None),
        }
    }

    /// The next record: that of the second part, where both have one.
    fn next(&mut self) -> io::Result<Option<Record>> {
        let line = |part: &Part| part.head.as_ref().map_or(u64::MAX, |head| head.line);
        if self.second.head.is_some() && line(&self.second) <= line(&self.first) {
            if line(&self.second) == line(&self.first) {
                self.first.next()?;
            }
            let record = self.second.next()?;
            if let Some(Record { id: Some(id), .. }) = &record
                && self.first.head.is_some()
            {
                self.resent.insert(id);
            }
            return Ok(record);
        }
        let record = self.first.next()?;
        Ok(record.map(|record| match &record.id {
            Some(id) if record.applied && self.resent.contains(id) => withdrawn(record.line, id),
            _ => record,
        }))
    }
}

/// A set of ids, by their hashes: two ids of the same hash do no harm, since
/// sending a line of either once more changes nothing in the end.
#[derive(Default)]
struct Ids {
    hashes: HashSet<u64>,
    hasher: RandomState,
}

impl Ids {
    fn insert(&mut self, id: &str) {
        self.hashes.insert(self.hasher.hash_one(id));
    }

    fn contains(&self, id: &str) -> bool {
        self.hashes.contains(&self.hasher.hash_one(id))
    }
}

/// A result that no longer holds.
fn withdrawn(line: u64, id: &str) -> Record {
    let message = "an earlier line of this id was sent again after it: to be sent again, too";
    let rest = format!(r#""message":{}"#, Value::from(message));
    Record {
        line,
        id: Some(id.to_owned()),
        applied: false,
        text: Finding::new(line, Some(id), Outcome::Unknown, &rest).text,
    }
}

/// Records in order, with the next at hand.
struct Part {
    reader: BufReader<io::Take<File>>,
    head: Option<Record>,
}

impl Part {
    fn open(path: &Path, start: u64, end: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        let mut part = Self {
            reader: BufReader::new(file.take(end - start)),
            head: None,
        };
        part.next()?;
        Ok(part)
    }

    fn next(&mut self) -> io::Result<Option<Record>> {
        let mut bytes = Vec::new();
        let head = match self.reader.read_until(b'\n', &mut bytes)? {
            0 => None,
            _ => Some(record(bytes).ok_or_else(|| io::Error::other("it has just been changed"))?),
        };
        Ok(std::mem::replace(&mut self.head, head))
    }
}

/// How far a results file is whole, and where its second part starts.
struct Shape {
    second: Option<u64>,
    end: u64,
    torn: bool,
}

impl Shape {
    fn of(path: &Path) -> io::Result<Self> {
        let mut shape = Self {
            second: None,
            end: 0,
            torn: false,
        };
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let mut reader = BufReader::new(file);
        let mut last = 0;
        let mut number = 0;
        loop {
            number += 1;
            let mut bytes = Vec::new();
            let read = reader.read_until(b'\n', &mut bytes)?;
            if bytes.last() != Some(&b'\n') {
                shape.torn = read > 0;
                // Some other file must not lose its last line.
                if bytes.iter().zip(START.as_bytes()).any(|(a, b)| a != b) {
                    return Err(no_result(number));
                }
                return Ok(shape);
            }
            let line = record(bytes).ok_or_else(|| no_result(number))?.line;
            if line <= last {
                if shape.second.is_some() {
                    return Err(io::Error::other("its results are not in order"));
                }
                shape.second = Some(shape.end);
            }
            last = line;
            shape.end += read as u64;
        }
    }
}

fn no_result(number: u64) -> io::Error {
    let message = format!("this is not a results file: line {number} is not a result");
    io::Error::other(message)
}

/// The result that a line is, if it is one.
fn record(bytes: Vec<u8>) -> Option<Record> {
    let text = String::from_utf8(bytes).ok()?;
    // Not a `Value`, which refuses what an answer may hold, a lone surrogate say.
    let fields: BTreeMap<&str, &RawValue> = serde_json::from_str(&text).ok()?;
    let line = serde_json::from_str(fields.get("line")?.get()).ok()?;
    let id = fields
        .get("id")
        .and_then(|id| serde_json::from_str(id.get()).ok());
    let outcome: String = serde_json::from_str(fields.get("outcome")?.get()).ok()?;
    Some(Record {
        line,
        id,
        applied: outcome == APPLIED,
        text,
    })
}

/// Drops a torn last line, and makes one part of two.
fn fold(path: &Path) -> io::Result<()> {
    let shape = Shape::of(path)?;
    if shape.second.is_none() {
        if shape.torn {
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len(shape.end)?;
            file.sync_all()?;
        }
        return Ok(());
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = PathBuf::from(name);
    let written = write_folded(path, &temporary);
    if written.is_err() {
        // It is only a copy, and the disk may be full.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_folded(path: &Path, temporary: &Path) -> io::Result<()> {
    let mut earlier = Earlier::open(path)?;
    let mut out = BufWriter::new(File::create(temporary)?);
    while let Some(record) = earlier.next()? {
        out.write_all(record.text.as_bytes())?;
    }
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.set_permissions(fs::metadata(path)?.permissions())?;
    // The new file must be on the disk before its name is, and the name before
    // anything is sent on the strength of it.
    file.sync_all()?;
    fs::rename(temporary, path)?;
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// How each result starts, as far as it is always the same.
const START: &str = r#"{"line":"#;
const APPLIED: &str = "applied";
