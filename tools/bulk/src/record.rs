//! A line of the results, as it is written and read back.

use std::borrow::Cow;

use paywithsoap::{Customer, CustomerPatch, Error, Outcome as CallOutcome};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::checksum::{Checksum, random_salt};
use crate::draft::Fault;
use crate::input::Update;

/// The first line of the results, and of what each later run adds to them: where
/// the lines below were sent to.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Header {
    pub(crate) base_url: String,
    /// Random, and part of every checksum: no table of phone numbers fits two files.
    #[serde(default)]
    pub(crate) salt: String,
    /// Whether that was a test server, which no other run can reach.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) test_server: bool,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Applied,
    BadLine,
    NotApplied,
    Rehearsed,
    /// It was applied, and a line of its id that comes before it was sent after it.
    Superseded,
    Unknown,
    WouldSend,
}

/// What a run found out about a line.
pub(crate) struct LineResult {
    pub(crate) line: u64,
    pub(crate) outcome: Outcome,
    /// The line as it is written, line end included.
    pub(crate) text: String,
    /// What went wrong, in words that are the same for all lines of the kind;
    /// without personal data.
    pub(crate) problem: Option<String>,
    /// Why it is not applied; empty where it is, or may be.
    pub(crate) reason: String,
    /// Whether the customer that was returned differs from what was sent.
    pub(crate) is_mismatch: bool,
    /// Whether it is what an earlier run has found out about an equal line.
    pub(crate) is_repeated: bool,
}

/// A result of an earlier run, as far as it matters to a later one.
#[derive(Debug, Deserialize)]
pub(crate) struct Record<'a> {
    pub(crate) line: u64,
    #[serde(borrow)]
    pub(crate) id: Option<Cow<'a, str>>,
    pub(crate) outcome: Outcome,
    pub(crate) checksum: Option<Checksum>,
}

/// A result, ready to be written; fields in this order.
#[derive(Serialize)]
struct Written<'a> {
    line: u64,
    id: Option<&'a str>,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<Checksum>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mismatches: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<WrittenViolation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct WrittenViolation {
    field: &'static str,
    message: String,
}

impl LineResult {
    /// A line that the API has accepted, or the test server of a rehearsal.
    pub(crate) fn accepted(
        line: u64,
        id: &str,
        patch: &CustomerPatch,
        checksum: Checksum,
        customer: &Customer,
        outcome: Outcome,
        with_customer: bool,
    ) -> Self {
        let mismatches = customer.mismatches(patch);
        let problem = (!mismatches.is_empty()).then(|| {
            let fields = mismatches.join(", ");
            format!("accepted, but the API returned other values of {fields}")
        });
        let written = Written {
            checksum: Some(checksum),
            mismatches,
            customer: with_customer
                .then(|| one_line(customer.raw_json()))
                .flatten(),
            ..Written::new(line, Some(id), outcome)
        };
        Self {
            is_mismatch: problem.is_some(),
            problem,
            ..written.finish()
        }
    }

    pub(crate) fn would_send(line: u64, update: &Update, checksum: Checksum) -> Self {
        Written {
            checksum: Some(checksum),
            body: one_line(&update.body),
            ..Written::new(line, Some(&update.id), Outcome::WouldSend)
        }
        .finish()
    }

    pub(crate) fn bad_line(line: u64, faults: &[Fault]) -> Self {
        let message = join(faults.iter().map(Fault::to_string));
        let written = Written {
            message: Some(&message),
            ..Written::new(line, None, Outcome::BadLine)
        };
        Self {
            problem: Some(format!("bad line: {}", reasons(faults))),
            reason: message.clone(),
            ..written.finish()
        }
    }

    /// A line whose values must not be sent.
    pub(crate) fn invalid(line: u64, id: &str, faults: &[Fault]) -> Self {
        let message = join(faults.iter().map(Fault::to_string));
        let written = |fault: &Fault| WrittenViolation {
            field: fault.field.unwrap_or("patch"),
            message: fault.to_string(),
        };
        let with_outcome = format!("{}: {message}", CallOutcome::NotApplied);
        let written = Written {
            message: Some(&with_outcome),
            violations: faults.iter().map(written).collect(),
            ..Written::new(line, Some(id), Outcome::NotApplied)
        };
        Self {
            problem: Some(format!("{}: {}", CallOutcome::NotApplied, reasons(faults))),
            reason: message,
            ..written.finish()
        }
    }

    /// A line whose call has failed.
    pub(crate) fn failed(line: u64, id: &str, checksum: Checksum, error: &Error) -> Self {
        let (outcome, reason) = match error.outcome() {
            CallOutcome::NotApplied => (Outcome::NotApplied, format!("{:#}", error.reason())),
            CallOutcome::Unknown => (Outcome::Unknown, String::new()),
        };
        // Without personal data: of the server's words it holds those that have none.
        let message = format!("{error:#}");
        let written = Written {
            checksum: Some(checksum),
            message: Some(&message),
            status: error.status(),
            request_id: error.request_id(),
            ..Written::new(line, Some(id), outcome)
        }
        .finish();
        Self {
            problem: Some(message),
            reason,
            ..written
        }
    }

    /// A line that needs no call, since another of its id and values had one.
    pub(crate) fn repeated(line: u64, id: &str, checksum: Checksum, outcome: Outcome) -> Self {
        let written = Written {
            checksum: Some(checksum),
            message: Some("as another line of this id and these values, which was sent"),
            ..Written::new(line, Some(id), outcome)
        };
        Self {
            is_repeated: true,
            ..written.finish()
        }
    }

    /// An applied line that no longer is what its customer was set to last.
    pub(crate) fn superseded(line: u64, id: &str, checksum: Checksum) -> Self {
        Written {
            checksum: Some(checksum),
            message: Some("another line of this id was sent after it"),
            ..Written::new(line, Some(id), Outcome::Superseded)
        }
        .finish()
    }
}

impl<'a> Written<'a> {
    fn new(line: u64, id: Option<&'a str>, outcome: Outcome) -> Self {
        Self {
            line,
            id,
            outcome,
            checksum: None,
            mismatches: Vec::new(),
            message: None,
            violations: Vec::new(),
            status: None,
            request_id: None,
            body: None,
            customer: None,
        }
    }

    fn finish(self) -> LineResult {
        LineResult {
            line: self.line,
            outcome: self.outcome,
            text: to_line(&self),
            problem: None,
            reason: String::new(),
            is_mismatch: false,
            is_repeated: false,
        }
    }
}

/// A line of a results file.
pub(crate) enum ResultsLine<'a> {
    Header(Header),
    Record(Record<'a>),
}

impl<'a> ResultsLine<'a> {
    /// Reads a whole line, with or without its end.
    pub(crate) fn read(line: &'a [u8]) -> Option<Self> {
        if line.starts_with(HEADER_START) {
            return serde_json::from_slice(line).ok().map(Self::Header);
        }
        let record: Record = serde_json::from_slice(line).ok()?;
        let is_known = record.id.is_some() && record.checksum.is_some();
        match record.outcome {
            Outcome::Applied | Outcome::Superseded | Outcome::Unknown if !is_known => None,
            _ => Some(Self::Record(record)),
        }
    }
}

impl Header {
    pub(crate) fn new(base_url: &str, test_server: bool) -> Self {
        Self {
            base_url: base_url.to_owned(),
            salt: random_salt(),
            test_server,
        }
    }

    /// The same, with the salt that the results have already.
    pub(crate) fn with_salt(self, salt: Option<&String>) -> Self {
        Self {
            salt: salt.cloned().unwrap_or(self.salt),
            ..self
        }
    }

    pub(crate) fn to_line(&self) -> String {
        to_line(self)
    }
}

/// The text of a record, as that of another line.
pub(crate) fn renumbered(text: &str, line: u64) -> String {
    let (start, rest) = text.split_once(LINE_KEY).unwrap_or(("{", text));
    let rest = rest.trim_start_matches(|c: char| c == ':' || c.is_ascii_whitespace());
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    match rest.trim_ascii_end().strip_suffix(GONE) {
        Some(rest) => format!("{start}{LINE_KEY}:{line}{rest}}}\n"),
        None => format!("{start}{LINE_KEY}:{line}{rest}"),
    }
}

/// The text of a record whose line is no longer in the input.
pub(crate) fn gone(text: &str, is_superseded: bool) -> Option<String> {
    let Some(ResultsLine::Record(record)) = ResultsLine::read(text.as_bytes()) else {
        return None;
    };
    let text = if is_superseded && record.outcome != Outcome::Superseded {
        LineResult::superseded(record.line, &record.id?, record.checksum?).text
    } else {
        text.to_owned()
    };
    let text = text.trim_ascii_end();
    let start = text.strip_suffix(GONE).or_else(|| text.strip_suffix('}'))?;
    Some(format!("{start}{GONE}\n"))
}

/// Whether the end of a file may be a line of results that was cut short.
pub(crate) fn may_be_torn(end: &[u8]) -> bool {
    [HEADER_START, RECORD_START]
        .into_iter()
        .any(|start| end.iter().zip(start).all(|(a, b)| a == b))
}

/// What is wrong, in words that are the same for all lines of the kind.
fn reasons(faults: &[Fault]) -> String {
    join(faults.iter().map(Fault::reason))
}

fn join(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join("; ")
}

/// A JSON text as it is, on one line: it has raw line ends between its tokens
/// only.
fn one_line(json: &str) -> Option<Box<RawValue>> {
    let json = json.trim_start_matches('\u{FEFF}').trim();
    RawValue::from_string(json.replace(['\n', '\r'], " ")).ok()
}

fn to_line(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).expect("strings and numbers are always JSON");
    line.push('\n');
    line
}

// serde hands it over by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

/// How headers and results start, as far as it is always the same.
const HEADER_START: &[u8] = br#"{"base_url":"#;
const RECORD_START: &[u8] = br#"{"line":"#;
const LINE_KEY: &str = r#""line""#;

/// How the record of a line ends that is no longer in the input.
const GONE: &str = r#","gone":true}"#;
