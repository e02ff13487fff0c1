//! JSON Lines: an object for each customer.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::columns::Mapping;
use crate::draft::{Draft, Fault};
use crate::headings::{NAMES, REASON};
use crate::lines::NOT_UTF8;

/// Follows the strings of an object, so that one that is not closed on its line
/// takes in what follows up to its end: none of that may pass for a record.
pub(crate) struct Quotes {
    state: State,
    fault: Option<&'static str>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    /// In white space before the object.
    Start,
    /// Between strings.
    Between,
    String,
    /// Behind a backslash in a string.
    Escape,
    /// Behind the end of a string: a comma, colon or brace must follow.
    End,
    /// In what is no object, or no longer one.
    Ignored,
}

impl Quotes {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Start,
            fault: None,
        }
    }

    pub(crate) fn read(&mut self, bytes: &[u8]) {
        // Most lines close their strings, and escape nothing.
        if self.state == State::Start
            && bytes.ends_with(b"\n")
            && memchr::memchr(b'\\', bytes).is_none()
            && memchr::memchr_iter(b'"', bytes).count().is_multiple_of(2)
        {
            return;
        }
        for byte in bytes {
            self.state = match (self.state, byte) {
                (State::String | State::Escape, b'\n') => {
                    self.fault = Some(LINE_BREAK);
                    State::String
                }
                (State::Ignored, _) => return,
                // A byte order mark may come first.
                (State::Start, b' ' | b'\t' | b'\r' | b'\n' | 0xEF | 0xBB | 0xBF) => State::Start,
                (State::String, b'\\') => State::Escape,
                (State::String, b'"') | (State::End, b' ' | b'\t' | b'\r' | b'\n') => State::End,
                (State::String | State::Escape, _) | (State::Between, b'"') => State::String,
                (State::Start, b'{') | (State::Between, _) | (State::End, b',' | b':' | b'}') => {
                    State::Between
                }
                (State::Start | State::End, _) => State::Ignored,
            };
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::String | State::Escape)
    }

    /// Returns what is wrong with the strings of the object that ends here, and
    /// starts the next.
    pub(crate) fn take_fault(&mut self) -> Option<&'static str> {
        let unclosed = self.is_open().then_some(NEVER_CLOSED);
        let fault = unclosed.or(self.fault);
        *self = Self::new();
        fault
    }
}

/// Reads an object. Values that are no strings and keys that are no fields are all
/// reported.
pub(crate) fn read(text: &[u8], mapping: &Mapping) -> Draft<'static> {
    let Ok(text) = str::from_utf8(text) else {
        return Draft::bad(NOT_UTF8);
    };
    let text = text.trim_ascii();
    let entries: Vec<(String, Value)> = match serde_json::from_str(text) {
        Ok(Object(entries)) => entries,
        Err(error) if error.is_data() => {
            return Draft::bad("the line must be an object with id and the fields to change");
        }
        Err(error) => {
            let mut fault = Fault::of_record("the line is not JSON");
            fault.detail = format!(" from column {} on", error.column());
            return Draft::from(fault);
        }
    };
    let mut draft = Draft::default();
    let mut others = Vec::new();
    let mut seen = Vec::new();
    for (key, value) in entries {
        let Some(name) = mapping.column_of(&key) else {
            if mapping.is_stripe(&key) {
                draft.faults.push(Fault::of_record(STRIPE_KEY));
            }
            others.push(key);
            continue;
        };
        if seen.contains(&name) {
            draft.faults.push(Fault::of_field(name, "is set twice"));
            continue;
        }
        seen.push(name);
        match value {
            Value::String(id) if name == "id" => draft.id = Some(id.into()),
            Value::String(value) => draft.values.push((name, value.into())),
            value => draft
                .faults
                .push(Fault::of_field(name, expected_string(name, &value))),
        }
    }
    others.retain(|key| key != REASON);
    if !others.is_empty() && !mapping.ignores_others {
        let names = NAMES[1..].join(", ");
        let mut fault = Fault::of_record(format!("besides id, a field must be one of {names}"));
        fault.detail = format!(", and not {}", others.join(", "));
        draft.faults.push(fault);
    }
    if !seen.contains(&"id") {
        draft.faults.push(Fault::of_field("id", "is missing"));
    }
    draft
}

/// What to say of a value that is no string.
fn expected_string(name: &str, value: &Value) -> &'static str {
    match (name, value) {
        (_, Value::Null) => "is null: leave the field out",
        ("phone_number", Value::Number(number)) => {
            // What a program made of `0551234567`.
            match number.as_f64() {
                Some(..1e9) => LOST_ZERO,
                _ => r#"must be a string in quotes, like "5551234567""#,
            }
        }
        ("date_of_birth", _) => r#"must be a string in quotes, like "1990-01-31""#,
        _ => "must be a string",
    }
}

/// The keys and values of an object, in its order, repeated ones too.
pub(crate) struct Object<V>(pub(crate) Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Object<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for ObjectVisitor<V> {
    type Value = Object<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<V>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Object(entries))
    }
}

const LINE_BREAK: &str = "a string is not closed on its line: write a line break as \\n";
const NEVER_CLOSED: &str = "a string is never closed: all that follows it is skipped";
const LOST_ZERO: &str =
    r#"must be a string of 10 digits in quotes, like "0551234567": a leading zero may be lost"#;
const STRIPE_KEY: &str = "a key is of Stripe, whose ids have the form of Soap's and are others: \
    name the key of Soap's ids, by --column id=KEY";
