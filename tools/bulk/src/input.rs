//! The input: updates, one for each line.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use clap::ValueEnum;
use paywithsoap::{CustomerPatch, Violation, validate};

use crate::csv::{self, Columns};
use crate::file::refuse_folder;
use crate::jsonl;
use crate::lines::{BadText, Lines};

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
    /// The number of its last line.
    pub(crate) last: u64,
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

/// One thing that is wrong with a record. All of them are reported, in the order
/// of the fields.
///
/// Its `Display` is the whole message, for the results. [`Fault::reason`] leaves
/// out the detail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    /// `id`, one of the fields, or `patch`; `None` for the record as a whole.
    pub(crate) field: Option<&'static str>,
    /// What is wrong: without a customer's data, and the same for all of its kind.
    pub(crate) rule: Cow<'static, str>,
    /// What else is known of this one, such as the name of a key.
    pub(crate) detail: String,
}

/// A change that can be sent.
pub(crate) struct Update {
    pub(crate) id: String,
    pub(crate) patch: CustomerPatch,
    /// The exact body that is sent.
    pub(crate) body: String,
}

/// The lines of an input whose start looks right.
pub(crate) struct Input {
    lines: Lines<Box<dyn BufRead + Send>>,
    parser: Parser,
    failures: FailureFormat,
    /// The line that was read to see whether the start looks right.
    first: Option<Line>,
}

enum Parser {
    Csv(Columns),
    Jsonl,
}

impl Input {
    /// Opens a file, or standard input, and reads as much of it as tells
    /// whether it is of this format.
    pub(crate) fn open(path: Option<&Path>, format: Format) -> Result<Self, String> {
        let reader: Box<dyn BufRead + Send> = match path {
            Some(path) => {
                let file = refuse_folder(path).and_then(|()| File::open(path));
                Box::new(BufReader::new(file.map_err(|error| error.to_string())?))
            }
            None => Box::new(BufReader::new(io::stdin())),
        };
        Self::new(reader, format)
    }

    fn new(reader: Box<dyn BufRead + Send>, format: Format) -> Result<Self, String> {
        let mut lines = Lines::new(reader);
        let first = lines.next().map_err(|error| error.to_string())?;
        let first = first.map(|(number, text)| (number, text.map(str::to_owned)));
        let is_json = |text: &str| text.trim_ascii_start().starts_with('{');
        let mut failures = FailureFormat::Jsonl;
        let (parser, line) = match (format, first) {
            (_, Some((_, Err(bad @ (BadText::Spreadsheet | BadText::Utf16))))) => {
                return Err(bad.message());
            }
            _ if lines.starts_array() => return Err(JSON_ARRAY.to_owned()),
            (Format::Csv, Some((_, Ok(text)))) if is_json(&text) => {
                return Err("it looks like JSON Lines: try --format jsonl".to_owned());
            }
            (Format::Csv, Some((number, text))) => {
                let at_line = |message| format!("line {number}: {message}");
                let header = text.map_err(BadText::message).map_err(at_line)?;
                let columns = Columns::from_header(&header).map_err(at_line)?;
                failures = FailureFormat::Csv { header };
                (Parser::Csv(columns), None)
            }
            (Format::Csv, None) => return Err("it is empty, and has no header".to_owned()),
            (Format::Jsonl, Some((_, Ok(text)))) if csv::is_header(&text) => {
                return Err("it looks like CSV: try --format csv".to_owned());
            }
            (Format::Jsonl, first) => (Parser::Jsonl, first),
        };
        let first = line.and_then(|(number, text)| {
            let raw = text
                .as_ref()
                .map_or_else(|_| Vec::new(), |text| text.as_bytes().to_vec());
            let text = text.as_deref().map_err(|bad| *bad);
            line_of(&parser, number, text, raw)
        });
        Ok(Self {
            lines,
            parser,
            failures,
            first,
        })
    }

    /// How failures of this input are written.
    pub(crate) fn failures(&self) -> FailureFormat {
        self.failures.clone()
    }

    /// Returns the next record, `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.first.take() {
            return Ok(Some(line));
        }
        while let Some((number, text)) = self.lines.next()? {
            let raw = text.map_or_else(|_| Vec::new(), |text| text.as_bytes().to_vec());
            if let Some(line) = line_of(&self.parser, number, text, raw) {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }
}

/// How failures are written, so that they can be an input again.
#[derive(Clone)]
pub(crate) enum FailureFormat {
    Csv { header: String },
    Jsonl,
}

impl FailureFormat {
    /// What a file of them starts with.
    pub(crate) fn start(&self) -> Vec<u8> {
        match self {
            Self::Csv { header } => format!("{header},reason\n").into_bytes(),
            Self::Jsonl => Vec::new(),
        }
    }

    /// A record with a last column or key `reason`, and its line end.
    pub(crate) fn record(&self, text: &[u8], reason: &str) -> Vec<u8> {
        let text = String::from_utf8_lossy(text);
        let record = match self {
            Self::Csv { .. } => format!("{text},\"{}\"\n", reason.replace('"', "\"\"")),
            Self::Jsonl => {
                let start = text.trim_end().strip_suffix('}').unwrap_or(&text);
                format!("{start},\"reason\":{}}}\n", serde_json::Value::from(reason))
            }
        };
        record.into_bytes()
    }
}

impl Fault {
    pub(crate) fn of_record(rule: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: None,
            rule: rule.into(),
            detail: String::new(),
        }
    }

    /// The message without the detail, to be shown and to be counted by.
    pub(crate) fn reason(&self) -> String {
        match self.field {
            Some(field) => format!("{field} {}", self.rule),
            None => self.rule.clone().into_owned(),
        }
    }
}

impl From<&Violation> for Fault {
    fn from(violation: &Violation) -> Self {
        Self {
            field: Some(violation.field()),
            rule: violation.rule().into(),
            detail: String::new(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.reason(), self.detail)
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

/// What a line of text asks for; `None` where that is nothing at all.
fn line_of(
    parser: &Parser,
    number: u64,
    text: Result<&str, BadText>,
    raw: Vec<u8>,
) -> Option<Line> {
    let read = text
        .map_err(BadText::message)
        .and_then(|text| match parser {
            Parser::Csv(columns) => columns.read(text),
            Parser::Jsonl => jsonl::read(text).map(Some),
        });
    let content = match read {
        Ok(None) => return None,
        Ok(Some((id, patch))) => content_of(id, patch),
        Err(reason) => Content::Bad(vec![Fault::of_record(reason)]),
    };
    Some(Line {
        number,
        last: number,
        text: raw,
        content,
    })
}

fn content_of(id: String, patch: CustomerPatch) -> Content {
    let checked = validate(&id, &patch).and_then(|()| patch.to_json());
    match checked {
        Ok(body) => Content::Update(Box::new(Update { id, patch, body })),
        Err(error) => Content::Invalid {
            id,
            faults: error.violations().iter().map(Fault::from).collect(),
        },
    }
}

const JSON_ARRAY: &str =
    "it looks like a JSON array: write each object on a line of its own, as jq -c '.[]' does";
