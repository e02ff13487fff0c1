//! How a record that failed is written again, with the reason, so that it can be
//! corrected and be an input.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::csv::{Quotes, cell_starts};
use crate::headings::REASON;
use crate::jsonl::Object;
use crate::lines::MAX_RECORD_SIZE;

/// How the failures of an input are written.
#[derive(Clone)]
pub(crate) enum FailureFormat {
    Csv(CsvFailures),
    Jsonl,
}

#[derive(Clone)]
pub(crate) struct CsvFailures {
    /// All up to the end of the header, as it stands in the input, without a line end.
    pub(crate) head: Vec<u8>,
    pub(crate) delimiter: u8,
    /// How many columns the header has.
    pub(crate) columns: usize,
    /// How many of them a row may leave out at its end.
    pub(crate) optional: usize,
    /// Whether the last of them is one of reasons.
    pub(crate) has_reason: bool,
}

impl FailureFormat {
    /// What a file of them starts with.
    pub(crate) fn start(&self) -> Vec<u8> {
        match self {
            Self::Csv(csv) => csv.start(),
            Self::Jsonl => Vec::new(),
        }
    }

    /// A record with a last column or key `reason`, and its line end. What could not
    /// be read stays so: it is never an update by mistake.
    pub(crate) fn record(&self, text: &[u8], reason: &str) -> Vec<u8> {
        let mut record = match self {
            Self::Csv(csv) => csv.record(text, reason),
            Self::Jsonl => object(text, reason).into_bytes(),
        };
        record.push(b'\n');
        record
    }
}

impl CsvFailures {
    fn start(&self) -> Vec<u8> {
        let mut start = self.head.clone();
        if !self.has_reason {
            start.push(self.delimiter);
            start.extend(REASON.as_bytes());
        }
        start.push(b'\n');
        start
    }

    fn record(&self, text: &[u8], reason: &str) -> Vec<u8> {
        let columns = self.columns - usize::from(self.has_reason);
        let mut quotes = Quotes::of_rows(self.delimiter);
        quotes.read(text);
        let is_closed = !quotes.is_open() && text.len() <= MAX_RECORD_SIZE;
        let starts = cell_starts(text, self.delimiter);
        let cells = starts.len();
        let is_row = is_closed
            && quotes.take_fault().is_none()
            && (self.columns - self.optional..=self.columns).contains(&cells);
        let (mut record, missing) = if is_row && self.has_reason {
            (text[..starts[columns] - 1].to_vec(), 0)
        } else if is_row {
            (text.to_vec(), columns - cells)
        } else if is_closed && !self.has_reason {
            // Too few cells, or too many, and so they stay.
            (text.to_vec(), 0)
        } else {
            // A cell that holds it all, and is no id.
            (quoted(text), columns - 1)
        };
        record.resize(record.len() + missing + 1, self.delimiter);
        record.extend(quoted(reason.as_bytes()));
        record
    }
}

/// A cell in quotes.
fn quoted(text: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for byte in text {
        quoted.extend(std::iter::repeat_n(
            *byte,
            if *byte == b'"' { 2 } else { 1 },
        ));
    }
    quoted.push(b'"');
    quoted
}

/// A JSON object with its reason last; of what is none, one that holds its text.
fn object(text: &[u8], reason: &str) -> String {
    let text = String::from_utf8_lossy(text);
    let entries = serde_json::from_str(&text).map_or_else(
        |_| {
            let text = RawValue::from_string(Value::from(&*text).to_string());
            vec![("line".to_owned(), text.expect("a string is JSON"))]
        },
        |Object(entries)| entries,
    );
    let mut object = String::from("{");
    for (key, value) in entries.iter().filter(|(key, _)| key != REASON) {
        let pair = format!("{}:{value},", Value::from(&**key));
        object.push_str(&pair);
    }
    object + &format!("{}:{}}}", Value::from(REASON), Value::from(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(has_reason: bool) -> FailureFormat {
        FailureFormat::Csv(CsvFailures {
            head: b"sep=;\nid;email;".to_vec(),
            delimiter: b';',
            columns: 3,
            optional: usize::from(!has_reason),
            has_reason,
        })
    }

    #[test]
    fn rows_get_a_last_cell_of_their_reason() {
        assert_eq!(csv(false).start(), b"sep=;\nid;email;;reason\n");
        assert_eq!(csv(true).start(), b"sep=;\nid;email;\n");
        for (row, first, again) in [
            ("a;b", r#"a;b;;"c ""d"";""#, r#""a;b";;"c ""d"";""#),
            ("a;b;", r#"a;b;;"c ""d"";""#, r#"a;b;"c ""d"";""#),
            (
                "a;\"b;\n\";x",
                "a;\"b;\n\";x;\"c \"\"d\"\";\"",
                "a;\"b;\n\";\"c \"\"d\"\";\"",
            ),
            // None of these can pass for a row of what is left of it.
            ("a", r#"a;"c ""d"";""#, r#""a";;"c ""d"";""#),
            ("a;b;;d", r#"a;b;;d;"c ""d"";""#, r#""a;b;;d";;"c ""d"";""#),
            (
                r#"a;"b"c;"#,
                r#"a;"b"c;;"c ""d"";""#,
                r#""a;""b""c;";;"c ""d"";""#,
            ),
            (
                "a;\"b\nc",
                "\"a;\"\"b\nc\";;;\"c \"\"d\"\";\"",
                "\"a;\"\"b\nc\";;\"c \"\"d\"\";\"",
            ),
        ] {
            for (has_reason, expected) in [(false, first), (true, again)] {
                let found = csv(has_reason).record(row.as_bytes(), "c \"d\";");
                assert_eq!(String::from_utf8(found).unwrap(), format!("{expected}\n"));
            }
        }
        let long = "x".repeat(MAX_RECORD_SIZE + 1);
        let found = csv(false).record(long.as_bytes(), "");
        assert_eq!(
            String::from_utf8(found).unwrap(),
            format!("\"{long}\";;;\"\"\n")
        );
        // Other encodings are kept.
        assert_eq!(csv(false).record(b"a;\xFC", ""), b"a;\xFC;;\"\"\n");
    }

    #[test]
    fn objects_get_a_last_key_of_their_reason() {
        for (line, expected) in [
            ("{}", r#"{"reason":"c \"d\""}"#),
            (
                r#" { "id" : "a" , "x": 1.50, "x":null} "#,
                r#"{"id":"a","x":1.50,"x":null,"reason":"c \"d\""}"#,
            ),
            (
                r#"{"reason":"a","id":"b"}"#,
                r#"{"id":"b","reason":"c \"d\""}"#,
            ),
            (r#"["a"]"#, r#"{"line":"[\"a\"]","reason":"c \"d\""}"#),
            (
                "{\"a\":\"b\nc\"}",
                r#"{"line":"{\"a\":\"b\nc\"}","reason":"c \"d\""}"#,
            ),
        ] {
            let found = FailureFormat::Jsonl.record(line.as_bytes(), "c \"d\"");
            assert_eq!(String::from_utf8(found).unwrap(), format!("{expected}\n"));
        }
    }
}
