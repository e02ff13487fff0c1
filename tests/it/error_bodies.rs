//! The error bodies of real frameworks, in `tests/data/error-bodies`.
//!
//! `table.tsv` has for each the content type that it was sent with (`-`: none), the
//! fields of `field_errors()` (`x?`: may be there), and parts that Display shows and
//! hides. `versions.tsv` says what sent them.

use std::fmt::Write as _;
use std::{fs, thread};

use fastrand::Rng;

use paywithsoap::testing::{Fault, TestServer};
use paywithsoap::{ApiError, CustomerPatch, Error, update_customer};
use serde_json::Value;
use serde_json::value::RawValue;

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

#[test]
fn a_body_reads_the_same_in_another_form() {
    let server = TestServer::start().unwrap();
    let cfg = one_attempt(&server);
    let receive = |body: &str| {
        server.fail_next(Fault::respond(422, body));
        update_customer(&cfg, ID, &CustomerPatch::new().first_name("Zebulon")).unwrap_err()
    };
    let rows = Row::all();
    let bodies: Vec<_> = rows.iter().map(Row::body).collect();
    // Another seed each would be a test that fails now and then.
    let mut random = Rng::with_seed(16);
    let mut compared = 0;
    for body in bodies.iter().cycle().take(5 * bodies.len()) {
        let body = match compared {
            0..100 => body.clone(),
            _ => mutated(body, &bodies[random.usize(..bodies.len())], &mut random),
        };
        let Ok(_) = serde_json::from_str::<&RawValue>(&body) else {
            receive(&body);
            continue;
        };
        let other = rewritten(&body, &mut random);
        let (error, same) = (receive(&body), receive(&other));
        let (api, same) = (error.api().unwrap(), same.api().unwrap());
        assert_eq!(api.message(), same.message(), "{body}\n{other}");
        assert_eq!(api.hint(), same.hint(), "{body}\n{other}");
        assert_eq!(api.field_errors(), same.field_errors(), "{body}\n{other}");
        assert!(api.field_errors().len() <= 100, "{body}");
        compared += 1;
    }
    assert!(compared > 200, "{compared}");
}

/// A body in which some of the texts and keys are those of another.
fn mutated(body: &str, other: &str, random: &mut Rng) -> String {
    let others: Vec<_> = other.split('"').collect();
    let mut texts: Vec<_> = body.split('"').collect();
    for _ in 0..3 {
        let (at, from) = (random.usize(..texts.len()), random.usize(..others.len()));
        // Every second part is in quotes.
        if at % 2 == from % 2 && (at % 2 == 1 || random.u8(..4) == 0) {
            texts[at] = others[from];
        }
    }
    texts.join("\"")
}

/// JSON with more space between its parts, and with letters as escapes.
fn rewritten(json: &str, random: &mut Rng) -> String {
    let mut text = String::new();
    let (mut is_text, mut is_escape) = (false, false);
    for c in json.chars() {
        // The digits of an escape stay.
        let is_plain = c.is_ascii() && !c.is_ascii_hexdigit() && c != '"' && c != '\\';
        if is_plain && is_text && !is_escape && random.bool() {
            write!(text, "\\u{:04x}", u32::from(c)).unwrap();
            continue;
        }
        is_text ^= c == '"' && !is_escape;
        is_escape = c == '\\' && is_text && !is_escape;
        text.push(c);
        if "{}[],:".contains(c) && !is_text {
            text.push_str(["", " ", "\r\n\t"][random.usize(..3)]);
        }
    }
    text
}

/// The crate page says how much stack a call takes in a debug build.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn the_worst_bodies_fit_into_the_stack() {
    let server = TestServer::start().unwrap();
    let cfg = one_attempt(&server);
    let wide = |part: &str, len: usize| part.repeat(len / part.len());
    let deep = |key: &str, len: usize| {
        let open = format!("{{\"{key}\":[");
        format!("{}1{}", wide(&open, len), wide("]}", len))
    };
    let mut bodies = Vec::new();
    // As much as is kept, and as much as is read.
    for len in [30_000, 500_000] {
        for key in ["errors", "message", "email", "field", "other"] {
            let levels = deep(key, 16 * (key.len() + 5));
            let embedded = serde_json::to_string(&levels).unwrap();
            bodies.extend([
                deep(key, len),
                format!("[{}1]", wide(&format!("{levels},"), len)),
                format!("[{}1]", wide(&format!("{{\"{key}\":{embedded}}},"), len)),
                format!("{{{}\"a\":1}}", wide(&format!("\"{key}\":[\"a b\"],"), len)),
                format!("{{\"{key}\":\"{}\"}}", wide(&format!("{key}: a, "), len)),
                format!("{{\"{key}\":\"{}\"}}", wide(key, len)),
            ]);
        }
    }
    for body in bodies {
        server.fail_next(Fault::respond(422, body.clone()));
        let cfg = cfg.clone();
        let call = move || {
            let patch = CustomerPatch::new().first_name("Zebulon");
            update_customer(&cfg, ID, &patch).unwrap_err().to_string()
        };
        let thread = thread::Builder::new().stack_size(80 * 1024).spawn(call);
        let shown = thread.unwrap().join().unwrap();
        assert!(shown.contains("responded with 422"), "{shown}");
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

    fn body(&self) -> String {
        fs::read_to_string(format!("tests/data/error-bodies/{}", self.file)).unwrap()
    }

    /// The error of a call that gets this response.
    fn receive(&self, server: &TestServer) -> Error {
        let body = self.body();
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
