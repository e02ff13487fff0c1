//! What earlier runs have left in a results file, by id and values.
//!
//! Lines may have been sorted, inserted or removed since, so a record is that of
//! the line with its id and checksum, wherever that is now. Of equal lines there is
//! one for each.
//!
//! What each run has added starts with a header of its own. A record there takes
//! the place of an open one of the same line in what was there before; and a record
//! [`Outcome::Superseded`] says that an applied line is open again.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader};
use std::mem;
use std::path::Path;

use crate::checksum::Checksum;
use crate::file::require_regular;
use crate::lines;
use crate::record::{Header, LineResult, Outcome, Record, ResultsLine, may_be_torn};

/// The records of an earlier run that matter to this one.
pub(crate) struct Earlier {
    /// In the order of ids, then of checksums, then of places.
    entries: Vec<Entry>,
    hasher: RandomState,
    retry_unknown: bool,
    /// That of the first line; `None` where there is none.
    pub(crate) salt: Option<String>,
    /// Where the last whole line ends.
    pub(crate) end: u64,
    /// Whether the last whole line lacks its line end, as editors may leave it.
    pub(crate) lacks_line_end: bool,
}

/// A record; at most 64 bytes of it are kept in memory.
struct Entry {
    /// A hash of the id: with the checksum, no two records are taken for one.
    id: u64,
    checksum: Checksum,
    /// Where its text is in the file.
    place: u64,
    /// The line that it was of, and from `is_matched` on the one it is of now.
    line: u64,
    /// Which run has written it, counted from 0.
    run: u32,
    state: State,
    /// Whether the input has a line for it so far.
    is_matched: bool,
    /// Of the first entry of an id: whether the input has a line of the id so far.
    is_seen: bool,
    /// Of the first entry of an id: whether one of these lines is sent.
    is_sent: bool,
    /// Of the first entry of an id: the index, of those of the id, of the entry that
    /// the last of these lines has.
    last: usize,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Applied,
    /// Nothing was changed: it is sent, as if there was no record.
    NotApplied,
    Superseded,
    Unknown,
    /// Its line is sent again, and so gets another record.
    Replaced,
}

/// What is known of a line from earlier runs.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Known {
    /// Its record still holds: it is applied, or unknown and held back.
    Kept(Outcome),
    /// As [`Self::Kept`], but the record is that of the line of its id before it.
    Repeated(Outcome),
    /// It is to be sent. Lines of its id that were applied are to be sent after it
    /// again: these are the records that say so, to be written with its own.
    Open(String),
}

/// A record that stays.
pub(crate) struct Kept {
    /// Where its text is in the file.
    pub(crate) place: u64,
    /// The line that it is of now; `None` where it is gone.
    pub(crate) line: Option<u64>,
    pub(crate) is_superseded: bool,
}

impl Earlier {
    /// Reads a results file, and leaves it as it is. Fails where its lines were
    /// sent to another API than that of `header`.
    pub(crate) fn read(path: &Path, header: &Header, retry_unknown: bool) -> io::Result<Self> {
        require_regular(path)?;
        let count = lines::count(File::open(path)?)?;
        let mut earlier = Self {
            // To grow it would take three times as much memory.
            entries: Vec::with_capacity(usize::try_from(count).unwrap_or_default()),
            hasher: RandomState::new(),
            retry_unknown,
            salt: None,
            end: 0,
            lacks_line_end: false,
        };
        let mut reader = BufReader::new(File::open(path)?);
        let mut bytes = Vec::new();
        let mut run = 0;
        let mut found: Option<Header> = None;
        for number in 1.. {
            bytes.clear();
            let read = reader.read_until(b'\n', &mut bytes)? as u64;
            if read == 0 {
                break;
            }
            let is_whole = bytes.last() == Some(&b'\n');
            match (ResultsLine::read(&bytes), &found) {
                (None, _) if !is_whole && may_be_torn(&bytes) => break,
                (Some(ResultsLine::Header(header)), _) => {
                    if header.salt.is_empty() {
                        return Err(io::Error::other(NO_SALT));
                    }
                    run += u32::from(found.is_some());
                    let salt = earlier.salt.get_or_insert_with(|| header.salt.clone());
                    if *salt != header.salt {
                        return Err(io::Error::other(TWO_FILES));
                    }
                    found = Some(header);
                }
                (Some(ResultsLine::Record(record)), Some(found)) => {
                    if let Some(entry) = earlier.entry(&record, run, earlier.end)
                        && !found.test_server
                    {
                        check_api(found, header)?;
                        earlier.entries.push(entry);
                    }
                }
                (None, _) | (_, None) => return Err(no_result(number)),
            }
            earlier.lacks_line_end = !is_whole;
            earlier.end += read;
        }
        let order = |entry: &Entry| (entry.id, entry.checksum, entry.place);
        earlier.entries.sort_unstable_by_key(order);
        replay(&mut earlier.entries);
        Ok(earlier)
    }

    /// The entry of a record that says what became of a line at the API.
    fn entry(&self, record: &Record, run: u32, place: u64) -> Option<Entry> {
        let state = match record.outcome {
            Outcome::Applied => State::Applied,
            Outcome::NotApplied => State::NotApplied,
            Outcome::Superseded => State::Superseded,
            Outcome::Unknown => State::Unknown,
            Outcome::BadLine | Outcome::Rehearsed | Outcome::WouldSend => return None,
        };
        Some(Entry {
            id: self.hasher.hash_one(record.id.as_deref()?),
            checksum: record.checksum?,
            place,
            line: record.line,
            run,
            state,
            is_matched: false,
            is_seen: false,
            is_sent: false,
            last: NONE,
        })
    }

    /// Returns what is known of a line that can be sent.
    ///
    /// To be asked of every such line, in order. One that is [`Known::Open`] counts
    /// as sent.
    pub(crate) fn known(&mut self, line: u64, id: &str, checksum: Checksum) -> Known {
        let retry_unknown = self.retry_unknown;
        let kept = |entry: &Entry| match entry.state {
            State::Applied => Some(Outcome::Applied),
            State::Unknown if !retry_unknown => Some(Outcome::Unknown),
            _ => None,
        };
        let entries = self.of_id(id);
        if entries.is_empty() {
            return Known::Open(String::new());
        }
        entries[0].is_seen = true;
        // Of equal lines the first has the first record, so those matched come first.
        let index =
            entries.partition_point(|entry| (entry.checksum, !entry.is_matched) < (checksum, true));
        if let Some(entry) = entries.get_mut(index)
            && entry.checksum == checksum
        {
            entry.is_matched = true;
            entry.line = line;
            if let Some(outcome) = kept(entry) {
                entries[0].last = index;
                return Known::Kept(outcome);
            }
            entry.state = State::Replaced;
        } else if let Some(last) = index.checked_sub(1)
            && entries[0].last == last
            && entries[last].checksum == checksum
            && let Some(outcome) = kept(&entries[last])
        {
            return Known::Repeated(outcome);
        }
        entries[0].last = NONE;
        if mem::replace(&mut entries[0].is_sent, true) {
            return Known::Open(String::new());
        }
        let mut superseded = String::new();
        for entry in entries {
            if entry.state == State::Applied && !entry.is_matched {
                entry.state = State::Superseded;
                superseded += &LineResult::superseded(entry.line, id, entry.checksum).text;
            }
        }
        Known::Open(superseded)
    }

    /// Takes note of a line of this id that cannot be sent.
    pub(crate) fn note_invalid(&mut self, id: &str) {
        if let Some(first) = self.of_id(id).first_mut() {
            first.is_seen = true;
        }
    }

    /// Returns the records that stay once the whole input was read: first those of
    /// its lines, in order, then those of lines that are gone.
    ///
    /// Where a line is gone that nothing came of, its record goes, too, once its id
    /// has another line: it was corrected. One that was applied is open again where
    /// another line of its id is: its values may be wanted back.
    pub(crate) fn into_kept(mut self) -> impl ExactSizeIterator<Item = Kept> {
        let is_kept = |entry: &Entry| entry.is_matched && entry.state == State::Applied;
        for entries in self.entries.chunk_by_mut(|a, b| a.id == b.id) {
            let is_seen = entries[0].is_seen;
            let has_kept = entries.iter().any(is_kept);
            for entry in entries {
                match entry.state {
                    State::NotApplied if is_seen => entry.state = State::Replaced,
                    State::Applied if has_kept && !entry.is_matched => {
                        entry.state = State::Superseded;
                    }
                    _ => {}
                }
            }
        }
        self.entries.retain(|entry| entry.state != State::Replaced);
        let line = |entry: &Entry| entry.is_matched.then_some(entry.line);
        let order = move |entry: &Entry| (line(entry).unwrap_or(u64::MAX), entry.place);
        self.entries.sort_unstable_by_key(order);
        self.entries.into_iter().map(move |entry| Kept {
            place: entry.place,
            line: line(&entry),
            is_superseded: entry.state == State::Superseded,
        })
    }

    fn of_id(&mut self, id: &str) -> &mut [Entry] {
        let id = self.hasher.hash_one(id);
        let start = self.entries.partition_point(|entry| entry.id < id);
        let entries = &mut self.entries[start..];
        let end = entries.partition_point(|entry| entry.id == id);
        &mut entries[..end]
    }
}

/// Puts the records of later runs in the place of those that they replace.
fn replay(entries: &mut Vec<Entry>) {
    let mut kept = 0;
    let mut start = 0;
    for index in 0..entries.len() {
        let key = |entry: &Entry| (entry.id, entry.checksum);
        if kept > start && key(&entries[start]) != key(&entries[index]) {
            start = kept;
        }
        let (run, state) = (entries[index].run, entries[index].state);
        let mut before = entries[start..kept].iter();
        let replaced = before.position(|entry| {
            let is_applied = entry.state == State::Applied;
            entry.run < run && is_applied == (state == State::Superseded)
        });
        match replaced {
            Some(position) if state == State::Superseded => {
                entries[start + position].state = state;
            }
            // Not its run: it takes the place of one of the earlier run.
            Some(position) => entries.swap(start + position, index),
            None => {
                entries.swap(kept, index);
                kept += 1;
            }
        }
    }
    entries.truncate(kept);
}

/// Fails where a record of these results was not sent to the API of `header`.
fn check_api(found: &Header, header: &Header) -> io::Result<()> {
    let url = &found.base_url;
    if header.test_server {
        return Err(io::Error::other(format!(
            "its lines were sent to {url}, and a rehearsal must not continue them: \
             start another file with --results, or see with --dry-run what is left"
        )));
    }
    if *url == header.base_url {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "its lines were sent to {url}, and this run would send to {}: \
         set SOAP_API_URL={url}, or start another file with --results",
        header.base_url
    )))
}

fn no_result(number: u64) -> io::Error {
    let message = format!("this is not a results file: line {number} is not a result");
    io::Error::other(message)
}

/// No index.
const NONE: usize = usize::MAX;

const NO_SALT: &str = "an earlier version of this program wrote it, which knew lines by their \
    numbers: continue it with that version, or start another file with --results";

const TWO_FILES: &str = "it holds the results of two files: continue each with its own input";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_takes_little_memory() {
        assert!(size_of::<Entry>() <= 64);
    }
}
