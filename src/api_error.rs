//! Error bodies, read tolerantly: the API documents none.

use std::{fmt, mem};

use crate::field_names::{LOCATORS, Name, clauses, strip_field};
use crate::format::Field;
use crate::json::Value;
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

    /// Returns what the body says, its texts joined by `; `: of a JSON body those under
    /// keys such as `message`, `error` or `detail`, at any place, and of a plain
    /// text the text itself. A text that does not name its field has the name
    /// before it.
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
    /// Read by one rule for all servers: from keys that are fields
    /// (`{"errors":{"email":["is taken"]}}`), from objects that name their field
    /// (`[{"field":"email","message":"is taken"}]`), and, where there are none, from
    /// texts (`Email has already been taken`). A field without a text `is invalid`.
    /// Best effort, since the API documents none of it. Empty for any status but 4xx.
    #[must_use]
    pub fn field_errors(&self) -> &[FieldError] {
        &self.field_errors
    }

    /// Reads a body. One of no known shape has no message.
    pub(crate) fn read(
        status: u16,
        content_type: Option<&str>,
        body: &str,
        sent: &Sent<'_>,
    ) -> Self {
        let is_rejection = (400..500).contains(&status);
        let media_type = content_type.unwrap_or("text/plain").to_ascii_lowercase();
        // Some servers put a byte order mark before UTF-8; JSON has none.
        let body = body.trim_start_matches('\u{FEFF}').trim();
        // Neither HTML nor JSON that was cut.
        let is_text = !(body.is_empty() || body.contains('<') || body.starts_with(['{', '[']))
            && body.chars().nth(MAX_PLAIN_CHARS).is_none()
            && media_type.starts_with("text/plain")
            && is_rejection;
        let plain = || is_text.then(|| Value::Text(body.into()));
        let body = Value::read(body, MAX_LEVELS).or_else(plain);
        let body = body.unwrap_or(Value::Nothing);
        let mut reader = Reader {
            sent: &sent.fields,
            ..Reader::default()
        };
        reader.walk(&body, Name::default(), MAX_LEVELS, false);
        if !is_rejection {
            reader.errors.clear();
        }
        let text = |map: &Value, key| map.get(key).texts().join("; ");
        let error = body.get("error");
        let messages = [reader.message, reader.reason, text(error, "code")];
        let hints = [text(&body, "hint"), text(error, "hint")];
        Self {
            status,
            message: messages.into_iter().find(|text| !text.is_empty()),
            hint: hints.into_iter().find(|text| !text.is_empty()),
            field_errors: reader.errors,
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

/// Walks a body once, and collects what it says.
#[derive(Default)]
struct Reader<'a> {
    sent: &'a [(Field, &'a str)],
    message: String,
    /// The first text that is only a reason phrase.
    reason: String,
    errors: Vec<FieldError>,
    /// Whether the errors stand at the place of a field, and not in a text.
    is_placed: bool,
    is_embedded: bool,
    /// How much was read of texts, with something for each text and map.
    read: usize,
}

impl Reader<'_> {
    /// Reads a value of which `name` is known, and that has so many levels.
    fn walk(&mut self, value: &Value, name: Name<'_>, levels: u8, is_item: bool) {
        match value {
            Value::Other if name.field.is_some() => self.say(INVALID, name),
            Value::Nothing | Value::Other => {}
            Value::Text(text) => self.walk_text(text, name, levels),
            Value::List(items) => match &items[..] {
                // A path and what is wrong there, as garde writes it.
                [path @ Value::List(_), map @ Value::Map(_)] => {
                    self.walk(map, Name::locate(path, 2).or(name), levels - 1, false);
                }
                _ => {
                    for item in items {
                        self.walk(item, name, levels - 1, true);
                    }
                }
            },
            Value::Map(_) => self.walk_map(value, name, levels, is_item),
        }
    }

    fn walk_text(&mut self, text: &str, name: Name<'_>, levels: u8) {
        let is_json = !self.is_embedded && text.trim_start().starts_with(['[', '{']);
        if is_json && let Some(value) = Value::read(text, levels) {
            self.is_embedded = true;
            self.walk(&value, name, levels, false);
            self.is_embedded = false;
        } else {
            self.say(text, name);
        }
    }

    fn walk_map(&mut self, map: &Value, under: Name<'_>, levels: u8, is_item: bool) {
        self.read += 8;
        if map.entries().is_empty() || self.read > MAX_READ {
            return;
        }
        let is_top = levels == MAX_LEVELS;
        let names = map.entries().iter().map(|(key, _)| Name::new(key));
        let names: Vec<_> = names.map(|name| name.without(&TEXTS)).collect();
        let has_field = names.iter().any(|name| name.field.is_some());
        if has_field && is_record(map) {
            return;
        }
        let mut name = Name::locate(map, 3);
        // At the top, a path is that of the URL.
        if name.field.is_none() && (is_top || under.field.is_some()) {
            name = Name::default();
        }
        let is_located = !name.text.is_empty();
        let name = name.or(under);
        let own = own_texts(map);
        let own_key = own.as_ref().map(|(key, _)| *key);
        let code = map.get("code").text().unwrap_or(INVALID);
        match own {
            Some((_, texts)) => {
                for text in texts {
                    self.walk_text(text, name, levels - 1);
                }
            }
            None if name.field.is_some() && !is_top => self.say(code, name),
            None if is_item && is_located => self.say(INVALID, name),
            None => {}
        }
        if is_located && !is_top || under.field.is_some() {
            return;
        }
        let entries = || map.entries().iter().zip(&names);
        let is_echo = entries().any(|((_, value), name)| self.is_sent(name.field, value));
        for ((key, value), place) in entries() {
            let key = key.as_str();
            if own_key == Some(key) || LOCATORS.contains(&key) || SKIPPED.contains(&key) {
                continue;
            }
            let texts = value.texts();
            let name = match value {
                Value::Text(_) | Value::Other if is_echo => continue,
                Value::Other if is_top && own_key.is_some() => continue,
                _ if place.field.is_some() => *place,
                Value::Text(_) if is_top || !has_field => continue,
                Value::List(_) if texts.is_empty() => name,
                Value::List(_) if !has_field && !has_sentence(&texts) => continue,
                Value::Text(_) | Value::List(_) => place.or(name),
                Value::Map(_) if own_texts(value).is_none() => Name::default(),
                Value::Map(_) if has_field => place.or(name),
                Value::Nothing | Value::Other | Value::Map(_) => name,
            };
            self.walk(value, name, levels - 1, false);
        }
        if is_located && own_key.is_none() && !self.is_placed {
            self.say(code, name);
        }
    }

    /// Whether a field has the value that was sent, or one of its format.
    fn is_sent(&self, field: Option<Field>, value: &Value) -> bool {
        let (Some(field), Some(text)) = (field, value.text()) else {
            return false;
        };
        let lower = |text: &str| text.trim().to_lowercase();
        let mut sent = self.sent.iter();
        // Words like `is taken` have the format of names alone.
        !field.is_name() && field.check(text.into()).is_ok()
            || sent.any(|(name, value)| *name == field && lower(value) == lower(text))
    }

    /// Adds a text to the message, and to the field errors.
    fn say(&mut self, text: &str, name: Name<'_>) {
        self.read += start(text).len() + 32;
        if self.read > MAX_READ {
            return;
        }
        if name.text.is_empty() && is_reason(text) {
            if self.reason.is_empty() {
                self.reason = text.into();
            }
            return;
        }
        let mut text = text;
        if let Some(field) = name.field {
            if strip_field(field, text).is_empty() {
                text = INVALID;
            }
            self.push(field, text, true);
        } else {
            for (field, clause) in clauses(start(text.trim())) {
                self.push(field, clause, false);
            }
        }
        let named = letters(name.text);
        if letters(&self.message).contains(&named) && start(&self.message).contains(text) {
            return;
        }
        if !self.message.is_empty() {
            self.message.push_str("; ");
        }
        if !letters(text).contains(&named) {
            self.message.extend([name.text, " "]);
        }
        self.message.push_str(text);
    }

    /// Adds an error, unless it is there or there are enough.
    fn push(&mut self, field: Field, text: &str, is_placed: bool) {
        // What texts say is kept only where nothing stands at the place of a field.
        if is_placed && !mem::replace(&mut self.is_placed, true) {
            self.errors.clear();
        }
        let text = strip_field(field, text);
        let error = FieldError {
            field: field.name(),
            message: if text.is_empty() { INVALID } else { text }.into(),
        };
        // A body of 64 KiB has room for 30,000.
        let has_room = self.errors.len() < MAX_FIELD_ERRORS && !self.errors.contains(&error);
        if has_room && is_placed == self.is_placed {
            self.errors.push(error);
        }
    }
}

/// Whether a map is the customer, which a 409 or 412 may return (RFC 9110, 15.5.10).
fn is_record(map: &Value) -> bool {
    let id = map.get("id").texts();
    id.iter().any(|id| id.starts_with("cus_")) || !matches!(map.get("created_at"), Value::Nothing)
}

/// Returns what a map says, and under which key: rather a sentence than a word, and
/// rather any of these than a reason phrase.
fn own_texts(map: &Value) -> Option<(&'static str, Vec<&str>)> {
    let own = TEXTS.iter().map(|key| (*key, map.get(key)));
    // Rules and what they say, as class-validator writes it.
    let own = own.filter(|(key, value)| !matches!(value, Value::Map(_)) || *key == "constraints");
    let own = own.map(|(key, value)| (key, value.texts()));
    own.filter(|(_, texts)| !texts.is_empty())
        .min_by_key(|(_, texts)| {
            (
                texts.iter().all(|text| is_reason(text)),
                !has_sentence(texts),
            )
        })
}

fn has_sentence(texts: &[&str]) -> bool {
    texts.iter().any(|text| text.contains(' '))
}

/// Whether a text is only what HTTP calls a status, perhaps with its number.
fn is_reason(text: &str) -> bool {
    let letters = letters(text).replace(|c: char| c.is_numeric(), "");
    let letters = letters.trim_start_matches("http");
    let letters = letters.trim_start_matches("error");
    REASONS.contains(&*[" ", letters, " "].concat())
}

/// Returns as much of a text as is searched.
fn start(text: &str) -> &str {
    let end = text.char_indices().nth(MAX_SEARCHED);
    end.map_or(text, |(end, _)| &text[..end])
}

/// Returns the start of a text without case, spaces and punctuation.
fn letters(text: &str) -> String {
    let letters = start(text).chars().filter(|c| c.is_alphanumeric());
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// The keys under which a map says what is wrong, the likeliest first.
#[rustfmt::skip]
const TEXTS: [&str; 14] = [
    "message", "msg", "error", "err", "detail", "description", "errors", "_errors", "messages",
    "constraints", "defaultMessage", "reason", "brief", "title",
];

/// The keys under which a map has what was sent, or what it was checked against.
#[rustfmt::skip]
const SKIPPED: [&str; 15] = [
    "input", "value", "values", "found", "received", "branch", "request", "ctx", "parameters",
    "schema", "root_schema", "stack", "trace", "hint", "name",
];

/// The reason phrases of HTTP from 400 on, by their letters.
const REASONS: &str = "\
    \x20badrequest unauthorized paymentrequired forbidden notfound methodnotallowed \
    notacceptable proxyauthenticationrequired requesttimeout conflict gone lengthrequired \
    preconditionfailed payloadtoolarge contenttoolarge requestentitytoolarge uritoolong \
    unsupportedmediatype expectationfailed misdirectedrequest unprocessableentity \
    unprocessablecontent locked faileddependency tooearly upgraderequired \
    preconditionrequired toomanyrequests requestheaderfieldstoolarge internalservererror \
    notimplemented badgateway serviceunavailable gatewaytimeout ";

/// How many levels of a body are read, so that none overflows the stack.
const MAX_LEVELS: u8 = 16;

/// How long a body is that is read as a text.
const MAX_PLAIN_CHARS: usize = 300;

/// How much of the texts of a body is read, and how much of each is searched: what a
/// hostile body may cost.
const MAX_READ: usize = 8192;
const MAX_SEARCHED: usize = 2048;

/// How many field errors are kept: more than a form shows.
const MAX_FIELD_ERRORS: usize = 100;

/// What is wrong with a field of which the server says no more.
const INVALID: &str = "is invalid";
