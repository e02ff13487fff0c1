//! The start of an input: whether it is what the options say, and if not, what it
//! is and what to do.

use std::io::BufRead;

use crate::cli::Options;
use crate::columns::{Columns, IGNORE_OTHERS, Mapping};
use crate::csv::{self, Cells};
use crate::failure::{CsvFailures, FailureFormat};
use crate::headings::{NAMES, guess};
use crate::hint::header_command;
use crate::input::{Format, Parser};
use crate::jsonl;
use crate::lines::{NOT_UTF8, Quotes, Raw, Records};

type Reader = Box<dyn BufRead + Send>;

/// An input whose start looks right.
pub(crate) struct Start {
    pub(crate) records: Records<Reader>,
    pub(crate) parser: Parser,
    /// What was read of its records.
    pub(crate) first: Option<Raw>,
    pub(crate) failures: FailureFormat,
}

/// Reads the header of a CSV, or the first of the objects.
pub(crate) fn read(reader: Reader, options: &Options, mapping: &Mapping) -> Result<Start, String> {
    match options.format() {
        Format::Csv => read_csv(reader, options, mapping),
        Format::Jsonl => {
            let mut records = Records::new(reader, Quotes::Jsonl(jsonl::Quotes::new()));
            let first = first(&mut records)?;
            if let Some(first) = &first {
                check_object(first)?;
            }
            Ok(Start {
                records,
                parser: Parser::Jsonl,
                first,
                failures: FailureFormat::Jsonl,
            })
        }
    }
}

fn read_csv(reader: Reader, options: &Options, mapping: &Mapping) -> Result<Start, String> {
    let quotes = |delimiter| Quotes::Csv(csv::Quotes::of_header(delimiter));
    let mut delimiter = options.delimiter.unwrap_or(b',');
    let mut records = Records::new(reader, quotes(delimiter));
    let mut header = first(&mut records)?.ok_or("it is empty, and has no header")?;
    if header.text.trim_ascii_start().starts_with(b"{") {
        return Err("it looks like JSON Lines: try --format jsonl".to_owned());
    }
    let mut head = records.bom().to_vec();
    if let Some(separator) = separator(&header.text) {
        head.extend(&header.text);
        head.push(b'\n');
        delimiter = options.delimiter.unwrap_or(separator);
        records.quotes = quotes(delimiter);
        header = next(&mut records)?.ok_or("it has no header")?;
    }
    let columns = read_header(&header, delimiter, mapping, &mut records);
    let columns = columns.map_err(|message| format!("line {}: {message}", header.number))?;
    records.quotes = Quotes::Csv(csv::Quotes::of_rows(delimiter));
    head.extend(header.text);
    let failures = FailureFormat::Csv(CsvFailures {
        head,
        delimiter,
        columns: columns.len(),
        optional: columns.optional,
        has_reason: columns.has_reason,
    });
    Ok(Start {
        records,
        parser: Parser::Csv {
            columns,
            cells: Box::new(Cells::new(delimiter)),
        },
        first: None,
        failures,
    })
}

/// The first record, of what may be a text of either format.
fn first(records: &mut Records<Reader>) -> Result<Option<Raw>, String> {
    let Some(first) = next(records)? else {
        return Ok(None);
    };
    reject_other_files(&first.text)?;
    let Some(rest) = first.text.trim_ascii_start().strip_prefix(b"[") else {
        return Ok(Some(first));
    };
    let second = match rest.trim_ascii() {
        b"" => next(records)?.map(|second| second.text),
        rest => Some(rest.to_vec()),
    };
    let second = second.unwrap_or_default();
    let is_object = second.trim_ascii_start().starts_with(b"{");
    Err(if is_object { JSON_OBJECTS } else { JSON_ARRAY }.to_owned())
}

fn next(records: &mut Records<Reader>) -> Result<Option<Raw>, String> {
    records.next().map_err(|error| error.to_string())
}

/// Rejects files that hold no text that could be read.
fn reject_other_files(start: &[u8]) -> Result<(), String> {
    let start = start.trim_ascii_start();
    let known = FILES.iter().find(|(magic, _)| start.starts_with(magic));
    if let Some((_, message)) = known {
        return Err((*message).to_owned());
    }
    if !start.contains(&0) {
        return Ok(());
    }
    // ASCII characters have a zero byte each.
    let zeros = |offset: usize| start.iter().skip(offset).step_by(2).all(|byte| *byte == 0);
    Err(if zeros(0) || zeros(1) { UTF16 } else { BINARY }.to_owned())
}

/// Rejects what is no JSON Lines from its first line on.
fn check_object(first: &Raw) -> Result<(), String> {
    let Ok(text) = str::from_utf8(&first.text) else {
        return Ok(());
    };
    if text.trim_ascii_start().starts_with('{') {
        let read: Result<serde::de::IgnoredAny, _> = serde_json::from_str(text);
        let is_cut = first.fault.is_none() && read.is_err_and(|error| error.is_eof());
        return if is_cut {
            Err(PRETTY_PRINTED.to_owned())
        } else {
            Ok(())
        };
    }
    let looks_like_csv = DELIMITERS.iter().any(|(delimiter, ..)| {
        let headings = headings(&first.text, *delimiter).unwrap_or_default();
        headings.len() > 1 && headings.iter().any(|heading| guess(heading).is_some())
    });
    if looks_like_csv {
        return Err("it looks like CSV: try --format csv".to_owned());
    }
    Ok(())
}

/// The delimiter that a first line `sep=;` names, as Excel reads it.
fn separator(line: &[u8]) -> Option<u8> {
    let quoted = line.strip_prefix(b"\"");
    let line = quoted
        .and_then(|line| line.strip_suffix(b"\""))
        .unwrap_or(line);
    match line {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter] => Some(*delimiter),
        _ => None,
    }
}

/// Reads a header. Where it is none, `records` tells whether one follows.
fn read_header(
    header: &Raw,
    delimiter: u8,
    mapping: &Mapping,
    records: &mut Records<Reader>,
) -> Result<Columns, String> {
    if header
        .text
        .windows(2)
        .any(|pair| pair[0] == b'\r' && pair[1] != b'\n')
    {
        return Err(CARRIAGE_RETURNS.to_owned());
    }
    let is_known =
        |heading: &String| mapping.column_of(heading).is_some() || guess(heading).is_some();
    let headings = headings(&header.text, delimiter);
    let mut report = match headings {
        Ok(headings)
            if headings.iter().any(is_known)
                || (!mapping.options.is_empty() && headings.len() > 1) =>
        {
            match Columns::from_headings(&headings, mapping) {
                Ok(columns) => return Ok(columns),
                Err(report) => report,
            }
        }
        headings => {
            let other = DELIMITERS.iter().find_map(|(other, name, option)| {
                let headings = self::headings(&header.text, *other).ok()?;
                let is_header = headings.len() > 1 && headings.iter().any(is_known);
                is_header.then_some((headings, name, option))
            });
            let Some((headings, name, option)) = other else {
                headings?;
                if let Some(number) = find_header(records, delimiter, is_known)? {
                    return Err(format!(
                        "the header seems to be line {number}: remove what stands above it"
                    ));
                }
                let names = NAMES.join(", ");
                return Err(format!(
                    "column 1 of the header is none of {names}: is the header row missing?"
                ));
            };
            let report = Columns::from_headings(&headings, mapping).err();
            let mut report = report.unwrap_or_default();
            report
                .faults
                .insert(0, format!("the cells are separated by {name}"));
            report.options.insert(0, format!("--delimiter {option}"));
            report
        }
    };
    let ignores_others = IGNORE_OTHERS.to_owned();
    if mapping.ignores_others && !report.options.contains(&ignores_others) {
        report.options.push(ignores_others);
    }
    let mut message = format!(
        "the header needs other options:\n  {}",
        report.faults.join("\n  ")
    );
    if !report.options.is_empty() {
        message += if report.needs_heading() {
            COMMAND_WITH_HEADING
        } else {
            COMMAND
        };
        message += &header_command(&report.options);
    }
    Err(message)
}

/// Looks for a header below a title, or below what PowerShell writes: `#TYPE ..`.
fn find_header(
    records: &mut Records<Reader>,
    delimiter: u8,
    is_known: impl Fn(&String) -> bool,
) -> Result<Option<u64>, String> {
    for _ in 0..MAX_TITLES {
        let Some(record) = next(records)? else { break };
        let headings = headings(&record.text, delimiter).unwrap_or_default();
        if headings.len() > 1 && headings.iter().any(&is_known) {
            return Ok(Some(record.number));
        }
    }
    Ok(None)
}

/// The headings of a header row, without the white space around them.
fn headings(text: &[u8], delimiter: u8) -> Result<Vec<String>, &'static str> {
    let mut quotes = csv::Quotes::of_header(delimiter);
    quotes.read(text);
    if let Some(fault) = quotes.take_fault() {
        return Err(fault);
    }
    let text = str::from_utf8(text).map_err(|_| NOT_UTF8)?;
    let mut cells = Cells::new(delimiter);
    cells.read(text.as_bytes());
    let heading = |cell| {
        let cell = String::from_utf8_lossy(cell);
        let cell = cell.trim();
        // White space before a quote makes it part of the text.
        let inside = cell
            .strip_prefix('"')
            .and_then(|cell| cell.strip_suffix('"'));
        inside.unwrap_or(cell).trim().to_owned()
    };
    let headings: Vec<_> = cells.iter().map(heading).collect();
    if headings.iter().any(|heading| heading.starts_with("=\"")) {
        return Err(FORMULAS);
    }
    Ok(headings)
}

/// How many lines may stand above a header for it to be found.
const MAX_TITLES: usize = 5;

/// What may separate cells, how it is called, and as a shell takes it.
const DELIMITERS: [(u8, &str, &str); 4] = [
    (b',', "commas", "','"),
    (b';', "semicolons", "';'"),
    (b'\t', "tabs", "tab"),
    (b'|', "vertical bars", "'|'"),
];

/// How files start that are no text to read, and what to do.
const FILES: [(&[u8], &str); 7] = [
    (
        b"PK\x03\x04",
        "it is a spreadsheet or a ZIP archive: save it as CSV, or unpack it",
    ),
    (
        b"\xD0\xCF\x11\xE0",
        "it is a spreadsheet of an old Excel: save it as CSV",
    ),
    (b"\x1F\x8B", "it is compressed by gzip: unpack it"),
    (b"%PDF", "it is a PDF: export its data as CSV"),
    (
        b"<",
        "it is XML or HTML: open it in a spreadsheet, and save it as CSV",
    ),
    (b"\xFF\xFE", UTF16),
    (b"\xFE\xFF", UTF16),
];

const FORMULAS: &str =
    r#"the headings are formulas of a spreadsheet, such as ="id": write the file with values"#;
const COMMAND: &str = "\nThis command reads it, if these are the columns:\n  ";
const COMMAND_WITH_HEADING: &str =
    "\nThis command reads it, with the heading of the ids in the place of HEADING:\n  ";
const UTF16: &str = "the input is UTF-16: save it as UTF-8, which Excel calls CSV UTF-8";
const BINARY: &str = "it is no text file: it has zero bytes";
const JSON_OBJECTS: &str =
    "it looks like a JSON array: write each object on a line of its own, as jq -c '.[]' does";
const JSON_ARRAY: &str =
    "it looks like a JSON array: write an object with id and the fields on each line";
const PRETTY_PRINTED: &str =
    "its objects have several lines: write each object on one line, as jq -c . does";
const CARRIAGE_RETURNS: &str =
    "the lines end in a bare carriage return: save the file with LF or CRLF";
