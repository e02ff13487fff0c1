//! Fields as servers name them: in the paths of values, and in texts like `Email is
//! invalid, Phone number is too short`.

use crate::format::Field;
use crate::json::Value;

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
        let mut names = path.rsplit(|c: char| !c.is_alphanumeric() && !"_-".contains(c));
        // A number is a place in a list.
        let last = names.find(|name| is_path && !name.chars().all(char::is_numeric));
        let last = last.unwrap_or_default();
        let field = Field::from_spelling(path).or_else(|| Field::from_spelling(last));
        let text = field.map_or(last, |field| field.name());
        Self { field, text }.without(&NO_NAMES)
    }

    /// The last name in a locator, or of those in a map the first that is a field.
    pub(crate) fn locate(value: &'a Value, depth: u8) -> Self {
        let places: Vec<_> = match value {
            Value::Text(path) => return Self::new(path),
            Value::List(items) => items.iter().rev().take(8).collect(),
            Value::Map(_) => {
                // A label under `name` is that of the error.
                let is_field = |key: &&&str| Self::locate(value.get(key), 1).field.is_some();
                let keys = LOCATORS.iter().chain(["name"].iter().filter(is_field));
                keys.map(|key| value.get(key)).collect()
            }
            Value::Nothing | Value::Other => Vec::new(),
        };
        let places = places.into_iter().filter(|_| depth > 0);
        let names = places.map(|place| Self::locate(place, depth - 1));
        let name = names.min_by_key(|name| (name.field.is_none(), name.text.is_empty()));
        name.unwrap_or_default()
    }

    /// No name, where it is one of these, or too long to be put before a text.
    pub(crate) fn without(self, names: &[&str]) -> Self {
        if self.text.len() > MAX_NAME_LEN || names.contains(&self.text) {
            return Self::default();
        }
        self
    }

    pub(crate) fn or(self, other: Self) -> Self {
        if self.text.is_empty() { other } else { self }
    }
}

/// Returns the clauses of a text that begin with a field's name, without the name.
pub(crate) fn clauses(text: &str) -> Vec<(Field, &str)> {
    let mut clauses = Vec::new();
    let mut close = |clause: Option<(Field, usize)>, end| {
        let said = |from| text.get(from..end).unwrap_or_default();
        clauses.extend(clause.map(|(field, from)| (field, said(from))));
    };
    // The clause that is open: its field, and where what is said of it begins.
    let mut open: Option<(Field, usize)> = None;
    let (mut start, mut cut, mut was_listed) = (0, b'\n', false);
    loop {
        let (field, after) = leading_field(&text[start..]);
        let mut lists = [", ", " and ", " or "].iter();
        // A list of names: `expected one of email, first_name`.
        let is_listed = field.is_some() && lists.any(|list| after.starts_with(list));
        if let Some(field) = field {
            let said = after.trim_start_matches(is_gap);
            let is_said = match open {
                _ if is_listed || was_listed => false,
                // `email: Email is invalid`.
                Some((open, _)) if cut == b':' && open == field => false,
                None if cut == b' ' => false,
                _ if said.is_empty() => start == 0,
                _ => after.starts_with([' ', ':']) || after.starts_with("\n "),
            };
            if is_said {
                let from = text.len() - said.len();
                close(open.replace((field, from)), start);
            }
        }
        let bytes = text.as_bytes();
        let mut rest = text.len() - after.len()..text.len();
        let next = rest.find(|&at| match bytes[at] {
            b';' | b'\n' => true,
            b',' | b'.' | b':' => bytes.get(at + 1) == Some(&b' '),
            b' ' => text[at..].starts_with(" and "),
            _ => false,
        });
        let Some(at) = next else {
            close(open, text.len());
            return clauses;
        };
        was_listed = is_listed && at == text.len() - after.len();
        (start, cut) = (at + 1, bytes[at]);
        if cut == b'\n' && !text[start..].starts_with(char::is_whitespace) {
            close(open.take(), at);
        }
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
        let (word, after) = rest.split_at(rest.find(is_name_end).unwrap_or(rest.len()));
        let mut leading = LEADING_WORDS.iter();
        if !leading.any(|leading| leading.eq_ignore_ascii_case(word)) {
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
    let ends = text.match_indices(is_name_end).map(|(end, _)| end);
    ends.chain([text.len()]).take(3).find_map(|end| {
        let (name, after) = text.split_at(end);
        let is_one = !name.contains(|c| is_name_end(c) && c != ' ');
        is_one.then(|| Some((Name::new(name).field?, after)))?
    })
}

/// Whether it may stand between a name and what is said of it, and behind that.
fn is_gap(c: char) -> bool {
    c.is_whitespace() || ",;:".contains(c)
}

fn is_name_end(c: char) -> bool {
    is_gap(c) || c == '='
}

/// The keys under which a map has the name of what it is about, the likeliest first.
#[rustfmt::skip]
pub(crate) const LOCATORS: [&str; 20] = [
    "field", "loc", "location", "path", "attr", "attribute", "property", "propertyPath",
    "instancePath", "pointer", "data_pointer", "fragment", "source", "param", "params",
    "parameter", "info", "key", "additionalProperty", "target",
];

/// The names of what holds all fields.
#[rustfmt::skip]
const NO_NAMES: [&str; 9] = [
    "body", "json", "data", "base", "schema", "all", "non_field_errors", "formErrors",
    "requestBody",
];

/// The words that may stand before a field's name.
#[rustfmt::skip]
const LEADING_WORDS: [&str; 10] = [
    "and", "the", "path", "key", "field", "property", "parameter", "attribute", "body", "request",
];

/// How long a name is that is put before a text.
const MAX_NAME_LEN: usize = 64;
