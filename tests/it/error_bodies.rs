//! The error bodies of real frameworks, in `tests/data/error-bodies`.
//!
//! `table.tsv` says of each with which content type it was sent (`-`: none), which
//! fields `field_errors()` has (`x?`: may have), and which parts Display shows and hides.

use std::fs;

use paywithsoap::testing::{Fault, TestServer};
use paywithsoap::{Config, CustomerPatch, Error, update_customer};

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
fn no_eight_characters_of_values_show() {
    let server = TestServer::start().unwrap();
    let cfg = one_attempt(&server);
    for row in Row::all() {
        let shown = row.receive(&server, &cfg).to_string().to_lowercase();
        for value in SENT.map(str::to_lowercase) {
            let mut parts = (8..=value.len()).map(|end| &value[end - 8..end]);
            assert!(
                !parts.any(|part| shown.contains(part)),
                "{}: {shown}",
                row.file
            );
            assert!(!shown.contains(&value), "{}: {shown}", row.file);
        }
    }
}

/// A row of the table.
struct Row {
    file: String,
    content_type: String,
}

impl Row {
    fn all() -> Vec<Self> {
        let table = fs::read_to_string("tests/data/error-bodies/table.tsv").unwrap();
        let rows = table.lines().skip(1).map(|line| {
            let mut columns = line.split('\t').map(str::to_owned);
            let mut next = || columns.next().unwrap();
            Self {
                file: next(),
                content_type: next(),
            }
        });
        rows.collect()
    }

    /// The error of a call that gets this response.
    fn receive(&self, server: &TestServer, cfg: &Config) -> Error {
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
        update_customer(cfg, ID, &patch).unwrap_err()
    }
}
