//! Fields as servers name them: in the paths of values, and in texts like `Email is
//! invalid, Phone number is too short`.

use crate::format::Field;
use crate::json::{Kind, Value};

/// Of what a text speaks: a field, something else, or nothing that has a name.
#[derive(Clone, Copy, Default)]
pub(crate) struct Name<'a> {
    pub(crate) field: Option<Field>,
    pub(crate) text: &'a str,
}

impl<'a> Name<'a> {
    /// The last name in a path like `/data/attributes/email` or `body.email[0]`.
    pub(crate) fn new(path: &'a str) -> Self {
        let is_path = !path.contains(char::is_whitespace);
        let mut last = "";
        for name in path.split(|c: char| c.is_ascii_punctuation() && c != '_' && c != '-') {
            // A number is a place in a list.
            if is_path && name.bytes().any(|byte| !byte.is_ascii_digit()) {
                last = name;
            }
        }
        let field = Field::from_spelling(path).or_else(|| Field::from_spelling(last));
        let text = field.map_or(last, |field| field.name());
        if text.len() > MAX_NAME_LEN || is_one_of(NO_NAMES, text) {
            return Self::default();
        }
        Self { field, text }
    }

    /// The last name in a locator, or of those in a map the first that is a field.
    pub(crate) fn locate(value: Value<'a>, depth: u8) -> Self {
        let mut name = Self::new(value.text());
        if value.kind() == Kind::List && depth > 0 {
            for item in value.parts() {
                name = Self::locate(item, depth - 1).or(name);
            }
        } else if value.kind() == Kind::Map && depth > 0 {
            for key in LOCATORS.split(' ') {
                let other = Self::locate(value.get(key), depth - 1);
                // A label under `name` is that of the error.
                if key != "name" || other.field.is_some() {
                    name = name.or(other);
                }
            }
        }
        name
    }

    /// This name, or the other where only that is a field's.
    pub(crate) fn or(self, other: Self) -> Self {
        let is_less = self.text.is_empty() || other.field.is_some();
        if is_less && self.field.is_none() {
            other
        } else {
            self
        }
    }
}

/// Returns the clauses of a text that begin with a field's name, without the name.
pub(crate) fn clauses(text: &str) -> Vec<(Field, &str)> {
    let mut clauses: Vec<(Field, &str)> = Vec::new();
    // The field of the clause that is open: the last one, which ends with the text.
    let mut open = None;
    let (mut rest, mut cut, mut was_listed) = (text, b'\n', false);
    loop {
        let (field, after) = leading_field(rest);
        let is_and = after.starts_with(" and ");
        // A list of names: `expected one of email, first_name`.
        let is_listed = is_and || after.starts_with(", ") || after.starts_with(" or ");
        if let Some(named) = field
            && !is_listed
            && !was_listed
        {
            let said = after.trim_start_matches(is_gap);
            let is_said = match open {
                // `email: Email is invalid`.
                Some(field) if cut == b':' && field == named => false,
                None if cut == b' ' => false,
                _ if said.is_empty() => rest.len() == text.len(),
                _ => after.starts_with([' ', ':']) || after.starts_with("\n "),
            };
            if is_said {
                if open.is_some() {
                    end(&mut clauses, rest);
                }
                clauses.push((named, said));
                open = field;
            }
        }
        let bytes = after.as_bytes();
        let mut places = 0..bytes.len();
        let next = places.find(|&at| match bytes[at] {
            b';' | b'\n' => true,
            b',' | b'.' | b':' => bytes.get(at + 1) == Some(&b' '),
            b' ' => bytes[at..].starts_with(b" and "),
            _ => false,
        });
        let Some(at) = next else {
            return clauses;
        };
        was_listed = field.is_some() && is_listed && at == 0;
        (rest, cut) = (&after[at + 1..], bytes[at]);
        if cut == b'\n' && !rest.starts_with(char::is_whitespace) && open.take().is_some() {
            end(&mut clauses, &after[at..]);
        }
    }
}

/// Ends the last clause where the rest of its text begins.
fn end(clauses: &mut [(Field, &str)], rest: &str) {
    if let Some((_, said)) = clauses.last_mut() {
        *said = &said[..said.len().saturating_sub(rest.len())];
    }
}

/// Returns the field that a clause begins with, if it does, and what follows. Before it
/// may stand words like `the field`.
fn leading_field(clause: &str) -> (Option<Field>, &str) {
    let mut rest = clause;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '[', '(', '{']);
        if let Some((field, after)) = split_field(rest) {
            // With a colon behind a name in quotes, it is a map that was sent.
            let is_echo = rest.starts_with(['"', '\'']) && after.starts_with(':');
            return (Some(field).filter(|_| !is_echo), after);
        }
        let (word, after) = rest.split_at(rest.find(is_gap).unwrap_or(rest.len()));
        if !is_one_of(LEADING_WORDS, &word.to_ascii_lowercase()) {
            return (None, rest);
        }
        rest = after.strip_prefix(':').unwrap_or(after);
    }
}

/// Returns a text without a field's name at its start, and what ends it.
pub(crate) fn strip_field(field: Field, text: &str) -> &str {
    let text = text.trim_end_matches(is_gap).trim_start();
    match split_field(text) {
        Some((named, after)) if named == field => after.trim_start_matches(is_gap),
        _ => text,
    }
}

/// Splits `Date of birth is invalid` into the field and what follows.
fn split_field(text: &str) -> Option<(Field, &str)> {
    let mut end = 0;
    for _ in 0..3 {
        let rest = &text[end..];
        end += rest.find(is_gap).unwrap_or(rest.len());
        let (name, after) = text.split_at(end);
        if let Some(field) = Name::new(name).field {
            return Some((field, after));
        }
        if !after.starts_with(' ') {
            return None;
        }
        end += 1;
    }
    None
}

/// Whether it may stand between a name and what is said of it, and behind that.
pub(crate) fn is_gap(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';' | ':' | '=')
}

/// Whether a word is one of a list with a space between each two.
pub(crate) fn is_one_of(words: &str, word: &str) -> bool {
    let mut words = words.as_bytes().split(|byte| *byte == b' ');
    words.any(|listed| listed == word.as_bytes())
}

/// The keys under which a map has the name of what it is about, the likeliest first.
pub(crate) const LOCATORS: &str = "\
    field loc location path attr attribute property propertyPath instancePath pointer \
    data_pointer fragment source param params parameter info key additionalProperty target name";

/// The names of what holds all fields.
const NO_NAMES: &str = "body json data base schema all non_field_errors formErrors requestBody";

/// The words that may stand before a field's name.
const LEADING_WORDS: &str = "and the path key field property parameter attribute body request";

/// How long a name is that is put before a text.
const MAX_NAME_LEN: usize = 64;
