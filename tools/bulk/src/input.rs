//! The input: updates, one for each line.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;
use paywithsoap::{Config, CustomerPatch, Error, update_customer};
use sha2::{Digest, Sha256};

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

/// A line that is not blank.
pub(crate) struct Line {
    /// Its number in the file, counted from 1.
    pub(crate) number: u64,
    pub(crate) content: Content,
}

/// What a line asks for.
pub(crate) enum Content {
    /// The line is no update, and why.
    Bad(String),
    /// The same, below a bad line whose quote is not closed: it may be the rest
    /// of that one.
    BadRest(String),
    /// Id or fields are not of their formats.
    Invalid {
        id: String,
        error: Error,
    },
    Update(Box<Update>),
}

/// A change that can be sent.
pub(crate) struct Update {
    pub(crate) id: String,
    pub(crate) patch: CustomerPatch,
    /// The exact body that is sent.
    pub(crate) body: String,
    /// What tells this body from another, in results.
    pub(crate) checksum: String,
}

/// The lines of an input whose start looks right.
pub(crate) struct Input {
    lines: Lines<Box<dyn BufRead + Send>>,
    parser: Parser,
    /// The line that was read to see whether the start looks right.
    first: Option<Line>,
    /// The last line was one whose quote is not closed, or the rest of it.
    is_quoted: bool,
    /// Settings with which a call checks its input, and goes no further.
    check_only: Config,
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
        let (parser, line) = match (format, first) {
            (_, Some((_, Err(bad @ (BadText::Spreadsheet | BadText::Utf16))))) => {
                return Err(bad.message());
            }
            _ if lines.starts_array() => return Err(JSON_ARRAY.to_owned()),
            (Format::Csv, Some((_, Ok(text)))) if is_json(&text) => {
                return Err("it looks like JSON Lines: try --format jsonl".to_owned());
            }
            (Format::Csv, Some((number, text))) => {
                let header = text.map_err(BadText::message);
                let columns = header.and_then(|header| Columns::from_header(&header));
                let columns = columns.map_err(|message| format!("line {number}: {message}"))?;
                (Parser::Csv(columns), None)
            }
            (Format::Csv, None) => return Err("it is empty, and has no header".to_owned()),
            (Format::Jsonl, Some((_, Ok(text)))) if csv::is_header(&text) => {
                return Err("it looks like CSV: try --format csv".to_owned());
            }
            (Format::Jsonl, first) => (Parser::Jsonl, first),
        };
        let check_only = Config::builder("unused")
            .base_url("http://localhost")
            .timeout(Duration::ZERO)
            .build()
            .map_err(|error| error.to_string())?;
        let mut input = Self {
            lines,
            parser,
            first: None,
            is_quoted: false,
            check_only,
        };
        input.first = line.and_then(|(number, text)| {
            let text = text.as_deref().map_err(|bad| *bad);
            line_of(&input.parser, &input.check_only, number, text)
        });
        Ok(input)
    }

    /// Returns the next line, `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.first.take() {
            return Ok(Some(line));
        }
        while let Some((number, text)) = self.lines.next()? {
            let Some(Line { number, content }) =
                line_of(&self.parser, &self.check_only, number, text)
            else {
                continue;
            };
            let content = match content {
                Content::Bad(reason) if self.is_quoted => Content::BadRest(reason),
                content => {
                    let unclosed = csv::UNCLOSED_QUOTE;
                    self.is_quoted = matches!(&content, Content::Bad(reason) if reason == unclosed);
                    content
                }
            };
            return Ok(Some(Line { number, content }));
        }
        Ok(None)
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
    check_only: &Config,
    number: u64,
    text: Result<&str, BadText>,
) -> Option<Line> {
    let read = text
        .map_err(BadText::message)
        .and_then(|text| match parser {
            Parser::Csv(columns) => columns.read(text),
            Parser::Jsonl => jsonl::read(text).map(Some),
        });
    let content = match read {
        Ok(None) => return None,
        Ok(Some((id, patch))) => content_of(check_only, id, patch),
        Err(reason) => Content::Bad(reason),
    };
    Some(Line { number, content })
}

fn content_of(check_only: &Config, id: String, patch: CustomerPatch) -> Content {
    let checked = update_customer(check_only, &id, &patch);
    if let Err(error) = checked
        && !error.violations().is_empty()
    {
        return Content::Invalid { id, error };
    }
    match patch.to_json() {
        Ok(body) => Content::Update(Box::new(Update {
            checksum: checksum(&body),
            id,
            patch,
            body,
        })),
        Err(error) => Content::Invalid { id, error },
    }
}

/// The first 64 bits of the SHA-256 of a body, in hexadecimal digits: enough
/// that of a million changed lines none is taken for unchanged.
fn checksum(body: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(body).into();
    let start = digest[..8].iter();
    let start = start.fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{start:016x}")
}

const JSON_ARRAY: &str =
    "it looks like a JSON array: write each object on a line of its own, as jq -c '.[]' does";
