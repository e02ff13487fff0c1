//! What an earlier run has left in a results file.
//!
//! A result of the first part no longer holds once an earlier line of the same
//! id was sent after it. The second part shows which were, so reading both
//! withdraws such results, and they are sent again in their turn.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::file::require_regular;
use crate::record::{Header, LineResult, Outcome, Record, may_be_torn};

/// The results of an earlier run, in input order.
pub(crate) struct Earlier {
    first: Part,
    second: Part,
    /// The number of the last line that was applied.
    last_applied: u64,
    /// The ids in the second part so far, as long as applied lines follow.
    resent: Ids,
    /// The ids of the lines to send so far, as long as applied lines follow.
    to_send: Ids,
}

/// What is known of a line from an earlier run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Known {
    /// It is applied, and nothing was sent after it that should have been before.
    Applied,
    /// It was applied, with another body than it has now.
    Changed,
    /// It is to be sent.
    Open,
}

impl Earlier {
    /// Reads a results file, and leaves it as it is. Fails where its lines were
    /// sent to another API than that of `header`.
    pub(crate) fn open(path: &Path, header: &Header) -> io::Result<Self> {
        require_regular(path)?;
        let shape = Shape::of(path, header)?;
        let middle = shape.second.unwrap_or(shape.end);
        Ok(Self {
            first: Part::open(path, shape.first, middle)?,
            second: Part::open(path, middle, shape.end)?,
            last_applied: shape.last_applied,
            resent: Ids::default(),
            to_send: Ids::default(),
        })
    }

    /// Returns what is known of this line of this id and body.
    ///
    /// To be asked of every line that can be sent, in order. Unless it is
    /// [`Known::Applied`], the line counts as sent, and so later lines of its id
    /// are to be sent, too.
    pub(crate) fn known(&mut self, line: u64, id: &str, checksum: &str) -> io::Result<Known> {
        let mut known = Known::Open;
        while let Some(record) = self.next_until(line)? {
            let is_it = record.line == line && record.id.as_deref() == Some(id);
            known = match record.outcome {
                Outcome::Applied if !is_it => Known::Open,
                Outcome::Applied if record.checksum.as_deref() == Some(checksum) => Known::Applied,
                Outcome::Applied => Known::Changed,
                _ => Known::Open,
            };
        }
        if known == Known::Applied && self.to_send.contains(id) {
            known = Known::Open;
        }
        if known != Known::Applied && line < self.last_applied {
            self.to_send.insert(id);
        }
        Ok(known)
    }

    /// Returns the next record: that of the second part, where both have one.
    pub(crate) fn next(&mut self) -> io::Result<Option<Record>> {
        let line = |part: &Part| part.head.as_ref().map_or(u64::MAX, |head| head.line);
        if self.second.head.is_some() && line(&self.second) <= line(&self.first) {
            if line(&self.second) == line(&self.first) {
                self.first.next()?;
            }
            let record = self.second.next()?;
            if let Some(Record {
                id: Some(id), line, ..
            }) = &record
                && *line < self.last_applied
            {
                self.resent.insert(id);
            }
            return Ok(record);
        }
        let record = self.first.next()?;
        Ok(record.map(|record| match &record.id {
            Some(id) if record.outcome == Outcome::Applied && self.resent.contains(id) => Record {
                line: record.line,
                id: Some(id.clone()),
                outcome: Outcome::Unknown,
                checksum: None,
                text: LineResult::withdrawn(record.line, id).text,
            },
            _ => record,
        }))
    }

    fn next_until(&mut self, line: u64) -> io::Result<Option<Record>> {
        let heads = [&self.first.head, &self.second.head];
        match heads.into_iter().flatten().map(|head| head.line).min() {
            Some(next) if next <= line => self.next(),
            _ => Ok(None),
        }
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
        let head = if self.reader.read_until(b'\n', &mut bytes)? == 0 {
            None
        } else {
            let changed = || io::Error::other("it has just been changed");
            Some(Record::read(bytes).ok_or_else(changed)?)
        };
        Ok(std::mem::replace(&mut self.head, head))
    }
}

/// How far a results file is whole, and where its parts start.
pub(crate) struct Shape {
    /// Whether its header is the one that was asked for.
    pub(crate) has_header: bool,
    first: u64,
    pub(crate) second: Option<u64>,
    pub(crate) end: u64,
    pub(crate) is_torn: bool,
    last_applied: u64,
}

impl Shape {
    /// Reads a results file whose lines were sent to the API of `header`, or
    /// to no API but a test server.
    pub(crate) fn of(path: &Path, header: &Header) -> io::Result<Self> {
        let mut shape = Self {
            has_header: false,
            first: 0,
            second: None,
            end: 0,
            is_torn: false,
            last_applied: 0,
        };
        let mut reader = BufReader::new(File::open(path)?);
        let mut last = 0;
        for number in 1.. {
            let mut bytes = Vec::new();
            let read = reader.read_until(b'\n', &mut bytes)? as u64;
            if bytes.last() != Some(&b'\n') {
                shape.is_torn = read > 0;
                // Some other file must not lose its last line.
                if !may_be_torn(&bytes) {
                    return Err(no_result(number));
                }
                break;
            }
            if number == 1 {
                let found = Header::read(&bytes).ok_or_else(|| no_result(number))?;
                shape.has_header = found == *header;
                if !shape.has_header && !found.test_server {
                    return Err(other_api(&found, header));
                }
                shape.first = read;
                shape.end = read;
                continue;
            }
            let record = Record::read(bytes).ok_or_else(|| no_result(number))?;
            if record.line <= last {
                if shape.second.is_some() {
                    return Err(io::Error::other("its results are not in order"));
                }
                shape.second = Some(shape.end);
            }
            if record.outcome == Outcome::Applied {
                shape.last_applied = shape.last_applied.max(record.line);
            }
            last = record.line;
            shape.end += read;
        }
        Ok(shape)
    }
}

fn no_result(number: u64) -> io::Error {
    let message = format!("this is not a results file: line {number} is not a result");
    io::Error::other(message)
}

fn other_api(found: &Header, header: &Header) -> io::Error {
    let url = &found.base_url;
    let (api, advice) = if header.test_server {
        ("a test server", "drop --test-server".to_owned())
    } else {
        (&*header.base_url, format!("set SOAP_API_URL={url}"))
    };
    io::Error::other(format!(
        "its lines were sent to {url}, and this run would send to {api}: \
         {advice}, or start another file with --results"
    ))
}
