//! A line of the results, as it is written and read back.

use paywithsoap::{Customer, Error, ErrorKind, Outcome as CallOutcome};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::input::{Fault, Update};

/// The first line of the results: where the lines below were sent to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Header {
    pub(crate) base_url: String,
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
    Unknown,
    WouldSend,
}

/// What a run found out about a line.
pub(crate) struct LineResult {
    pub(crate) outcome: Outcome,
    /// The line as it is written, line end included.
    pub(crate) text: String,
    /// What to show where something went wrong; without personal data.
    pub(crate) problem: Option<String>,
    /// Whether the customer that was returned differs from what was sent.
    pub(crate) is_mismatch: bool,
}

/// A result of an earlier run.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    pub(crate) line: u64,
    pub(crate) id: Option<String>,
    pub(crate) outcome: Outcome,
    pub(crate) checksum: Option<String>,
    /// The line as it was read.
    #[serde(skip)]
    pub(crate) text: String,
}

/// A result, ready to be written; fields in this order.
#[derive(Serialize)]
struct Written<'a> {
    line: u64,
    id: Option<&'a str>,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<&'a str>,
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
        update: &Update,
        customer: &Customer,
        outcome: Outcome,
        with_customer: bool,
    ) -> Self {
        let mismatches = customer.mismatches(&update.patch);
        let problem = (!mismatches.is_empty()).then(|| {
            let fields = mismatches.join(", ");
            format!("line {line}: accepted, but the API returned other values of {fields}")
        });
        let written = Written {
            checksum: Some(&update.checksum),
            mismatches,
            customer: with_customer
                .then(|| one_line(customer.raw_json()))
                .flatten(),
            ..Written::new(line, Some(&update.id), outcome)
        };
        Self {
            is_mismatch: problem.is_some(),
            problem,
            ..written.finish()
        }
    }

    pub(crate) fn would_send(line: u64, update: &Update) -> Self {
        Written {
            checksum: Some(&update.checksum),
            body: one_line(&update.body),
            ..Written::new(line, Some(&update.id), Outcome::WouldSend)
        }
        .finish()
    }

    pub(crate) fn bad_line(line: u64, faults: &[Fault]) -> Self {
        let written = Written {
            message: Some(&join(faults.iter().map(Fault::to_string))),
            ..Written::new(line, None, Outcome::BadLine)
        }
        .finish();
        let reasons = join(faults.iter().map(Fault::reason));
        Self {
            problem: Some(format!("line {line}: bad line: {reasons}")),
            ..written
        }
    }

    /// A line whose values must not be sent.
    pub(crate) fn invalid(line: u64, id: &str, faults: &[Fault]) -> Self {
        let message = join(faults.iter().map(Fault::to_string));
        let written = |fault: &Fault| WrittenViolation {
            field: fault.field.unwrap_or("patch"),
            message: fault.to_string(),
        };
        let written = Written {
            message: Some(&format!("not applied: {message}")),
            violations: faults.iter().map(written).collect(),
            ..Written::new(line, Some(id), Outcome::NotApplied)
        }
        .finish();
        let reasons = join(faults.iter().map(Fault::reason));
        Self {
            problem: Some(format!("line {line}: not applied: {reasons}")),
            ..written
        }
    }

    /// A line whose call has failed.
    pub(crate) fn failed(line: u64, id: &str, checksum: Option<&str>, error: &Error) -> Self {
        let (outcome, words) = match error.outcome() {
            CallOutcome::NotApplied => (Outcome::NotApplied, "not applied"),
            CallOutcome::Unknown => (Outcome::Unknown, "unknown whether applied"),
        };
        let written = Written {
            checksum,
            message: Some(&with_causes(error)),
            status: error.status(),
            request_id: error.request_id(),
            ..Written::new(line, Some(id), outcome)
        }
        .finish();
        Self {
            problem: Some(format!("line {line}: {words}: {}", cause(error))),
            ..written
        }
    }

    /// An applied line of an earlier run whose result no longer holds.
    pub(crate) fn withdrawn(line: u64, id: &str) -> Self {
        let message = "an earlier line of this id was sent again after it: send it again, too";
        Written {
            message: Some(message),
            ..Written::new(line, Some(id), Outcome::Unknown)
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
            outcome: self.outcome,
            text: to_line(&self),
            problem: None,
            is_mismatch: false,
        }
    }
}

impl Header {
    pub(crate) fn to_line(&self) -> String {
        to_line(self)
    }

    /// The header that a whole line is, if it is one.
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

impl Record {
    /// The result that a whole line is, if it is one.
    pub(crate) fn read(line: Vec<u8>) -> Option<Self> {
        let text = String::from_utf8(line).ok()?;
        let record: Self = serde_json::from_str(&text).ok()?;
        Some(Self { text, ..record })
    }
}

/// Whether the end of a file may be a line of results that was cut short.
pub(crate) fn may_be_torn(end: &[u8]) -> bool {
    [HEADER_START, RECORD_START]
        .into_iter()
        .any(|start| end.iter().zip(start).all(|(a, b)| a == b))
}

/// What a failed call says of the API, in words that hold no personal data: not
/// those of the server, which may quote what it was sent.
pub(crate) fn cause(error: &Error) -> String {
    if let ErrorKind::Api(response) = error.kind() {
        return format!("the API responded with {}", response.status());
    }
    let message = with_causes(error);
    let (_, cause) = message.split_once(": ").unwrap_or(("", &message));
    cause.to_owned()
}

/// What an error says, and its causes, on one line.
fn with_causes(error: &Error) -> String {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    message
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
