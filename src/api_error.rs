//! Error bodies, read tolerantly: the API documents none.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::format::{Field, NUMBER_KEY};
use crate::redact::{self, Sent};

/// The server's error response, read as tolerantly as possible: the API
/// documents no error body.
///
/// What [`message`](Self::message), [`hint`](Self::hint) and
/// [`field_errors`](Self::field_errors) return is raw. [`Debug`] shows none of it.
///
/// # Example
///
/// ```
/// use paywithsoap::testing::{Fault, TestServer};
/// use paywithsoap::{CustomerPatch, update_customer};
///
/// let server = TestServer::start()?;
/// let cfg = server.config().build()?;
/// let body = r#"{"errors":{"email":["has already been taken"]}}"#;
/// server.fail_next(Fault::respond(422, body));
/// let patch = CustomerPatch::new().email("jane@example.com");
/// let error = update_customer(&cfg, TestServer::CUSTOMER_ID, &patch).unwrap_err();
///
/// let api = error.api().unwrap();
/// assert_eq!(api.status(), 422);
/// assert_eq!(api.message(), Some("email has already been taken"));
/// assert_eq!(api.field_errors()[0].field(), "email");
/// assert_eq!(api.field_errors()[0].message(), "has already been taken");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ApiError {
    status: u16,
    message: Option<String>,
    hint: Option<String>,
    field_errors: Vec<FieldError>,
}

/// What the server rejected about one field of the patch.
///
/// [`Debug`] shows the field, and not the message.
///
/// # Example
///
/// ```
/// use paywithsoap::ApiError;
///
/// /// What to show beside each input of a form.
/// fn form_errors(api: &ApiError) -> Vec<(&'static str, &str)> {
///     let errors = api.field_errors().iter();
///     errors.map(|error| (error.field(), error.message())).collect()
/// }
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct FieldError {
    field: &'static str,
    message: String,
}

impl ApiError {
    /// Returns the HTTP status, other than 2xx.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the server's message: the first text under `error`, `message`,
    /// `errors`, `detail` or `title`, and what is wrong with a field that the
    /// text does not name.
    ///
    /// Raw: it may hold personal data and control characters. An error's Display
    /// shows it redacted.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Returns what the server suggests to do: the text under `hint`, or under
    /// the `hint` of `error`. As raw as [`message`](Self::message).
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns which fields the server rejected and why, in the body's order, at most
    /// 100 of them; empty where the body does not tell.
    ///
    /// Read from maps of fields under `errors` or `error` or at the top level
    /// (`{"errors":{"email":["is taken"]}}`), from objects that name their `field`
    /// (`[{"field":"email","message":"is taken"}]`), and from Rails' full messages
    /// at the start of a text (`Email has already been taken`). A field without
    /// a text `is invalid`. Best effort, since none of it is documented.
    #[must_use]
    pub fn field_errors(&self) -> &[FieldError] {
        &self.field_errors
    }

    /// Reads a body. One of no known shape, or no JSON at all, has no message.
    pub(crate) fn read(status: u16, body: &str, sent: &Sent<'_>) -> Self {
        // Some servers put a byte order mark before UTF-8; JSON has none.
        let body = body.strip_prefix('\u{FEFF}').unwrap_or(body);
        // It may be a gateway's HTML, or JSON that was cut at 64 KiB.
        let body = serde_json::from_str(body).unwrap_or(Value::Nothing);
        let error = body.get("error");
        // `error`, with `hint` beside it, is what public programs have seen of
        // this API; `detail` and `title` are RFC 9457's.
        let message = ["error", "message", "errors", "detail", "title"]
            .iter()
            .find_map(|key| body.get(key).message_text())
            .map(|text| body.with_own_field(text));
        let mut field_errors = Vec::new();
        // `errors` first: it names the fields that a text beside it does not.
        for key in ["errors", "error", "message", "detail", "title"] {
            body.get(key).find_field_errors(&mut field_errors);
            // The rest would say the same again.
            if !field_errors.is_empty() {
                break;
            }
        }
        if field_errors.is_empty() {
            let is_sent_back = |field: Field, text: &str| match field {
                // Any text may be a name.
                Field::FirstName | Field::LastName => {
                    let mut fields = sent.fields.iter();
                    fields.any(|(name, value)| *name == field && value.trim() == text.trim())
                }
                // Words like `is taken` have the format of none of these.
                Field::Email | Field::PhoneNumber | Field::DateOfBirth => {
                    field.check(text.into()).is_ok()
                }
            };
            body.find_top_level_errors(message.is_some(), is_sent_back, &mut field_errors);
        }
        Self {
            status,
            message: name_fields(message, &field_errors),
            hint: body
                .get("hint")
                .message_text()
                .or_else(|| error.get("hint").message_text()),
            field_errors,
        }
    }

    /// Returns message and hint as Display shows them.
    pub(crate) fn display_message(&self, sent: &Sent<'_>) -> Option<String> {
        let text = match (&self.message, &self.hint) {
            (Some(message), Some(hint)) => &format!("{message} ({hint})"),
            (Some(text), None) | (None, Some(text)) => text,
            (None, None) => return None,
        };
        Some(redact::display_message(text, sent))
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("status", &self.status)
            .field("field_errors", &self.field_errors)
            .finish_non_exhaustive()
    }
}

impl FieldError {
    /// Returns the name of the field, one of the five of a patch.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// Returns what is wrong with the field, without the field's name: `has already
    /// been taken`. As raw as [`ApiError::message`].
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Debug for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldError")
            .field("field", &self.field)
            .finish_non_exhaustive()
    }
}

/// Adds an error, unless there are enough.
fn push_error(errors: &mut Vec<FieldError>, field: Field, message: &str) {
    // A full message, where the field is known already.
    let message = match strip_field(message) {
        Some((named, rest)) if named == field => rest,
        _ => message,
    };
    // A body of 64 KiB has room for 30,000.
    if errors.len() < MAX_FIELD_ERRORS {
        errors.push(FieldError {
            field: field.name(),
            message: if message.is_empty() { INVALID } else { message }.into(),
        });
    }
}

/// Adds the errors of those fields that the message does not name.
fn name_fields(message: Option<String>, errors: &[FieldError]) -> Option<String> {
    if errors.is_empty() {
        return message;
    }
    // `Date of birth is invalid` names `date_of_birth`.
    let spaced = |text: &str| text.to_ascii_lowercase().replace('_', " ");
    let named = message.as_deref().map(spaced).unwrap_or_default();
    let unnamed: Vec<_> = Field::ALL
        .into_iter()
        .map(Field::name)
        .filter(|field| !named.contains(&spaced(field)))
        .collect();
    let missing = errors
        .iter()
        .filter(|error| unnamed.contains(&error.field))
        .map(|FieldError { field, message }| format!("{field} {message}"));
    let parts: Vec<_> = message.into_iter().chain(missing).collect();
    Some(parts.join("; "))
}

/// Puts a field's name before a message that does not begin with it.
fn with_field(name: &str, message: String) -> String {
    match (strip_field(name), strip_field(&message)) {
        (Some((field, "")), Some((named, _))) if field == named => message,
        _ => format!("{name} {message}"),
    }
}

/// Reads texts that begin with a field: Rails' full messages.
fn find_full_messages(text: &str, errors: &mut Vec<FieldError>) {
    // So ActiveRecord's RecordInvalid begins, and joins them by commas.
    let Some(list) = text.strip_prefix("Validation failed: ") else {
        if let Some((field, rest)) = strip_field(text) {
            push_error(errors, field, rest);
        }
        return;
    };
    let before = errors.len();
    for part in list.split(", ") {
        match strip_field(part) {
            Some((field, rest)) => push_error(errors, field, rest),
            // The comma was one of the message's own.
            None => {
                if let Some(last) = errors[before..].last_mut() {
                    last.message.extend([", ", part]);
                }
            }
        }
    }
}

/// Splits `Date of birth is invalid` into the field, named as Rails or the API
/// names it, and the rest.
fn strip_field(text: &str) -> Option<(Field, &str)> {
    let text = text.trim_start();
    Field::ALL.into_iter().find_map(|field| {
        let name = field.name();
        let head = text.get(..name.len())?;
        let is_named = head
            .bytes()
            .zip(name.bytes())
            .all(|(is, name)| is.eq_ignore_ascii_case(&name) || (is, name) == (b' ', b'_'));
        let rest = &text[name.len()..];
        // `Emails` and `Email-address` are other names.
        (is_named && (rest.is_empty() || rest.starts_with([' ', ':'])))
            .then(|| (field, rest.trim_start_matches([' ', ':']).trim_end()))
    })
}

/// A JSON value, as far as it can be a message.
///
/// Not `serde_json::Value`, which reads the text under a private key of its
/// own as JSON again: by that a body could nest deeper than any stack.
enum Value {
    /// Null and false, which say that nothing is wrong.
    Nothing,
    /// True and numbers, which are no messages.
    Other,
    Text(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Value {
    /// Returns the last value under this key of a map.
    fn get(&self, key: &str) -> &Self {
        match self {
            // RFC 8259, 4: of a repeated name, many readers report the last.
            Self::Map(map) => map.iter().rfind(|(name, _)| name == key),
            Self::Nothing | Self::Other | Self::Text(_) | Self::List(_) => None,
        }
        .map_or(&Self::Nothing, |(_, value)| value)
    }

    /// Returns the text in it: a string, a list of them, an object's message, or
    /// a map of fields to what is wrong with them.
    fn message_text(&self) -> Option<String> {
        // The recursion needs no limit: serde_json reads at most 128 levels.
        let joined = |parts: Vec<String>| (!parts.is_empty()).then(|| parts.join("; "));
        match self {
            Self::Text(text) if !text.trim().is_empty() => Some(text.clone()),
            Self::List(items) => joined(items.iter().filter_map(Self::message_text).collect()),
            Self::Map(map) => self
                .own_message()
                .map(|text| self.with_own_field(text))
                .or_else(|| {
                    let field = self.field()?;
                    Some(format!("{} {INVALID}", field.name()))
                })
                .or_else(|| {
                    let each = |(key, value): &(String, Self)| {
                        // Those had no text. To ask them again would double the work at
                        // each level: a body of 2 kB would take for ever.
                        let skipped = MESSAGE_KEYS.contains(&key.as_str());
                        (!skipped).then(|| Some(with_field(key, value.message_text()?)))?
                    };
                    joined(map.iter().filter_map(each).collect())
                }),
            Self::Nothing | Self::Other | Self::Text(_) => None,
        }
    }

    /// Puts the text under `field`, if there is one, before the message beside it.
    fn with_own_field(&self, message: String) -> String {
        match self.get("field") {
            Self::Text(name) => with_field(name, message),
            Self::Nothing | Self::Other | Self::List(_) | Self::Map(_) => message,
        }
    }

    /// Returns the field that a map names under `field`.
    fn field(&self) -> Option<Field> {
        match self.get("field") {
            Self::Text(name) => Field::from_name(name),
            Self::Nothing | Self::Other | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Returns the text under the first of the `MESSAGE_KEYS` that has one.
    fn own_message(&self) -> Option<String> {
        MESSAGE_KEYS
            .iter()
            .find_map(|key| self.get(key).message_text())
    }

    /// Adds what this value says of fields.
    fn find_field_errors(&self, errors: &mut Vec<FieldError>) {
        match self {
            Self::Text(text) => find_full_messages(text, errors),
            Self::List(items) => items.iter().for_each(|item| item.find_field_errors(errors)),
            Self::Map(map) => {
                if let Some(field) = self.field() {
                    self.add_errors_of(field, errors);
                    return;
                }
                let before = errors.len();
                for (key, value) in map {
                    match Field::from_name(key) {
                        Some(field) => value.add_errors_of(field, errors),
                        None if key == "errors" || key == "details" => {
                            value.find_field_errors(errors);
                        }
                        None => {}
                    }
                }
                if errors.len() == before
                    && let Some(text) = self.own_message()
                {
                    find_full_messages(&text, errors);
                }
            }
            Self::Nothing | Self::Other => {}
        }
    }

    /// Adds what this value, the one under a field's name, says of the field.
    fn add_errors_of(&self, field: Field, errors: &mut Vec<FieldError>) {
        match self {
            Self::Nothing => {}
            Self::Other => push_error(errors, field, INVALID),
            Self::Text(text) if text.trim().is_empty() => {}
            Self::Text(text) => push_error(errors, field, text),
            Self::List(items) => items
                .iter()
                .for_each(|item| item.add_errors_of(field, errors)),
            Self::Map(map) if map.is_empty() => {}
            Self::Map(_) => {
                let text = self.own_message();
                push_error(errors, field, text.as_deref().unwrap_or(INVALID));
            }
        }
    }

    /// Adds what the body itself says of fields. Beside a message, a number, or a text
    /// that may be the request's, is one that was sent back.
    fn find_top_level_errors(
        &self,
        has_message: bool,
        is_sent_back: impl Fn(Field, &str) -> bool,
        errors: &mut Vec<FieldError>,
    ) {
        match self {
            Self::Map(map) if self.field().is_none() => {
                for (key, value) in map {
                    let Some(field) = Field::from_name(key) else {
                        continue;
                    };
                    let is_sent_back = match value {
                        Self::Text(text) => has_message && is_sent_back(field, text),
                        Self::Other => has_message,
                        Self::Nothing | Self::List(_) | Self::Map(_) => false,
                    };
                    if !is_sent_back {
                        value.add_errors_of(field, errors);
                    }
                }
            }
            _ => self.find_field_errors(errors),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(if value { Value::Other } else { Value::Nothing })
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        if matches!(&entries[..], [(key, _)] if key == NUMBER_KEY) {
            return Ok(Value::Other);
        }
        Ok(Value::Map(entries))
    }
}

/// The keys under which an object has its message, the likeliest first.
const MESSAGE_KEYS: [&str; 5] = ["message", "detail", "error", "title", "code"];

/// How many field errors are kept: more than a form shows. A hostile body of 64 KiB
/// could list 30,000.
const MAX_FIELD_ERRORS: usize = 100;

/// What is wrong with a field of which the server says no more.
const INVALID: &str = "is invalid";
