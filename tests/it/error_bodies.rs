//! The error bodies of real frameworks, in `tests/data/error-bodies`.
//!
//! `table.tsv` has for each the content type that it was sent with (`-`: none), the
//! fields of `field_errors()` (`x?`: may be there), and parts that Display shows and
//! hides. `versions.tsv` says what sent them.

use std::fmt::Write as _;
use std::fs;

use paywithsoap::testing::{Fault, TestServer};
use paywithsoap::{ApiError, CustomerPatch, Error, update_customer};
use serde_json::Value;

use crate::common::{ID, one_attempt};

/// What the bodies quote.
const SENT: [&str; 5] = [
    "rosalind.featherstonehaugh@northern-department.example.com",
    "Zebulon",
    "Featherstonehaugh",
    "5550134867",
    "1987-03-29",
];

#[test]
fn reads_the_bodies_of_real_frameworks() {
    let server = TestServer::start().unwrap();
    let mut failed = String::new();
    for row in Row::all() {
        let error = row.receive(&server);
        let api = error.api().unwrap();
        let problems = row.problems(api, &error.to_string());
        for problem in &problems {
            writeln!(failed, "{}: {problem}", row.file).unwrap();
        }
        if !problems.is_empty() {
            writeln!(failed, "  {error}\n  {:?}", api.message()).unwrap();
            for error in api.field_errors() {
                writeln!(failed, "  {}: {:?}", error.field(), error.message()).unwrap();
            }
        }
    }
    assert!(failed.is_empty(), "these rows failed:\n{failed}");
}

#[test]
fn no_eight_characters_of_values_show() {
    let server = TestServer::start().unwrap();
    for row in Row::all() {
        let shown = row.receive(&server).to_string().to_lowercase();
        for value in SENT.map(str::to_lowercase) {
            let mut parts = (8..=value.len()).map(|end| &value[end - 8..end]);
            assert!(
                !parts.any(|part| shown.contains(part)) && !shown.contains(&value),
                "{}: {shown}",
                row.file
            );
        }
    }
}

/// A row of the table.
struct Row {
    file: String,
    content_type: String,
    fields: Vec<String>,
    shows: Vec<String>,
    hides: Vec<String>,
}

impl Row {
    fn all() -> Vec<Self> {
        let table = fs::read_to_string("tests/data/error-bodies/table.tsv").unwrap();
        let rows = table.lines().skip(1).map(|line| {
            let columns: Vec<_> = line.split('\t').collect();
            let [file, content_type, fields, shows, hides] = columns[..] else {
                panic!("five columns: {line}")
            };
            let list = |column: &str, separator| match column {
                "-" => Vec::new(),
                _ => column.split(separator).map(str::to_owned).collect(),
            };
            Self {
                file: file.into(),
                content_type: content_type.into(),
                fields: list(fields, ','),
                shows: list(shows, '|'),
                hides: list(hides, '|'),
            }
        });
        rows.collect()
    }

    /// The error of a call that gets this response.
    fn receive(&self, server: &TestServer) -> Error {
        let body = fs::read(format!("tests/data/error-bodies/{}", self.file)).unwrap();
        let status = self.file.split('.').nth(1).unwrap().parse().unwrap();
        let mut response = Fault::respond(status, body);
        if self.content_type != "-" {
            response = response.header("content-type", &self.content_type);
        }
        server.fail_next(response);
        let [email, first, last, phone, date] = SENT;
        let patch = CustomerPatch::new()
            .email(email)
            .first_name(first)
            .last_name(last)
            .phone_number(phone)
            .date_of_birth(date);
        update_customer(&one_attempt(server), ID, &patch).unwrap_err()
    }

    /// What is not as the table says.
    fn problems(&self, api: &ApiError, display: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, problem: String| {
            if !holds {
                problems.push(problem);
            }
        };
        let (_, shown) = display.split_once("responded with ").unwrap();
        for part in &self.shows {
            check(shown.contains(part), format!("{part:?} does not show"));
        }
        for part in &self.hides {
            check(!shown[3..].contains(part), format!("{part:?} shows"));
        }
        let letters = |text: &str| {
            let letters = text.chars().filter(|c| c.is_alphanumeric());
            letters.collect::<String>().to_lowercase()
        };
        let names = |field: &String| field.trim_end_matches('?').to_owned();
        for field in self.fields.iter().filter(|field| !field.ends_with('?')) {
            let mut errors = api.field_errors().iter();
            check(
                errors.any(|error| error.field() == field),
                format!("no {field}"),
            );
        }
        for error in api.field_errors() {
            let (field, text) = (error.field(), error.message());
            let is_expected = self.fields.iter().any(|expected| names(expected) == field);
            check(is_expected, format!("{field} is not expected"));
            check(!text.trim().is_empty(), format!("{field} has no text"));
            let json = serde_json::from_str::<Value>(text);
            check(json.is_err(), format!("{field} has JSON"));
            let message = letters(api.message().unwrap_or_default());
            check(
                message.contains(&letters(field)),
                format!("{field} unnamed"),
            );
            let mut others = self.fields.iter().map(names).filter(|other| other != field);
            let holds_other = others.any(|other| letters(text).contains(&letters(&other)));
            check(!holds_other, format!("{field} has another's text"));
        }
        problems
    }
}
