//! The input: updates, one for each record.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::{Arc, Mutex};

use clap::ValueEnum;
use paywithsoap::CustomerPatch;

use crate::cli::Options;
use crate::columns::{Columns, Mapping};
use crate::convert::Conversions;
use crate::csv::Cells;
use crate::draft::{Draft, Fault};
use crate::failure::FailureFormat;
use crate::file::refuse_folder;
use crate::jsonl;
use crate::lines::{Raw, Records};
use crate::notes::Notes;
use crate::start;

/// How a line is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    Csv,
    Jsonl,
}

/// A record that is not blank: a row of CSV, which may have line breaks within
/// quotes, or a line of JSON Lines.
pub(crate) struct Line {
    /// The number of its first line in the file, counted from 1.
    pub(crate) number: u64,
    /// The record as it stands in the input, without its line end; of a record
    /// that is too long, only the start.
    pub(crate) text: Vec<u8>,
    pub(crate) content: Content,
}

/// What a record asks for.
pub(crate) enum Content {
    /// Nothing that can be read: it has no result but `bad_line`, and no id.
    Bad(Vec<Fault>),
    /// It can be read, but id or fields must not be sent as they are.
    Invalid {
        id: String,
        faults: Vec<Fault>,
    },
    Update(Box<Update>),
}

/// A change that can be sent.
pub(crate) struct Update {
    pub(crate) id: String,
    pub(crate) patch: CustomerPatch,
    /// The exact body that is sent.
    pub(crate) body: String,
}

/// The records of an input whose start looks right.
pub(crate) struct Input {
    records: Records<Box<dyn BufRead + Send>>,
    parser: Parser,
    failures: FailureFormat,
    /// The record that was read to see whether the start looks right.
    first: Option<Raw>,
    mapping: Mapping,
    conversions: Conversions,
    notes: Arc<Mutex<Notes>>,
}

pub(crate) enum Parser {
    Csv { columns: Columns, cells: Box<Cells> },
    Jsonl,
}

impl Input {
    /// Opens a file, or standard input, and reads as much of it as tells
    /// whether it is what the options say.
    pub(crate) fn open(options: &Options) -> Result<Self, String> {
        let reader: Box<dyn BufRead + Send> = match &options.input {
            Some(path) => {
                let file = refuse_folder(path).and_then(|()| File::open(path));
                Box::new(BufReader::new(file.map_err(|error| error.to_string())?))
            }
            None => Box::new(BufReader::new(io::stdin())),
        };
        let mapping = options.mapping();
        let mut notes = Notes::default();
        let start = start::read(reader, options, &mapping)?;
        if let Parser::Csv { columns, .. } = &start.parser {
            notes.ignored = columns.ignored();
        }
        Ok(Self {
            records: start.records,
            parser: start.parser,
            failures: start.failures,
            first: start.first,
            mapping,
            conversions: options.conversions(),
            notes: Arc::new(Mutex::new(notes)),
        })
    }

    /// What is seen on the way, to be reported when all is read.
    pub(crate) fn notes(&self) -> Arc<Mutex<Notes>> {
        Arc::clone(&self.notes)
    }

    /// How failures of this input are written.
    pub(crate) fn failures(&self) -> FailureFormat {
        self.failures.clone()
    }

    /// Returns the next record, `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        while let Some(raw) = self.next_raw()? {
            if let Some(content) = self.content_of(&raw) {
                return Ok(Some(Line {
                    number: raw.number,
                    text: raw.text,
                    content,
                }));
            }
        }
        Ok(None)
    }

    /// Returns how many records there are, without a look at what they ask for.
    pub(crate) fn count(mut self) -> io::Result<u64> {
        let mut count = 0;
        while let Some(raw) = self.next_raw()? {
            let is_blank = match &mut self.parser {
                Parser::Csv { columns, cells } if raw.fault.is_none() => {
                    cells.read(&raw.text);
                    columns.read(cells).is_none()
                }
                _ => false,
            };
            count += u64::from(!is_blank);
        }
        Ok(count)
    }

    fn next_raw(&mut self) -> io::Result<Option<Raw>> {
        match self.first.take() {
            Some(raw) => Ok(Some(raw)),
            None => self.records.next(),
        }
    }

    /// What a record asks for; `None` where that is nothing at all.
    fn content_of(&mut self, raw: &Raw) -> Option<Content> {
        let draft = match (raw.fault, &mut self.parser) {
            (Some(fault), _) => Draft::bad(fault),
            (None, Parser::Csv { columns, cells }) => {
                cells.read(&raw.text);
                columns.read(cells)?
            }
            (None, Parser::Jsonl) => jsonl::read(&raw.text, &self.mapping),
        };
        let mut content = draft.finish(raw.number, &self.conversions, &self.notes);
        if let Content::Bad(faults) = &mut content
            && raw.last > raw.number
            && let Some(fault) = faults.last_mut()
        {
            let lines = format!(" (lines {} to {})", raw.number, raw.last);
            match raw.fault {
                // Rows are lost behind it, so that whoever reads the terminal must know where.
                Some(_) => fault.rule.to_mut().push_str(&lines),
                None => fault.detail += &lines,
            }
        }
        Some(content)
    }
}

impl Format {
    /// The format that the name of a file tells.
    pub(crate) fn of(path: Option<&Path>) -> Self {
        let extension = path.and_then(Path::extension);
        match extension {
            Some(extension) if extension.eq_ignore_ascii_case("csv") => Self::Csv,
            _ => Self::Jsonl,
        }
    }
}
