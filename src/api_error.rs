//! Error bodies, read tolerantly: the API documents none.

use std::{fmt, mem, slice};

use crate::field_names::{LOCATORS, Name, clauses, is_gap, is_one_of, strip_field};
use crate::format::{self, Field};
use crate::json::{self, Kind, Value};
use crate::redact::{self, Sent, holds};

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
    /// (`{"errors":{"email":["is taken"]}}`), and from objects that name their field
    /// (`[{"field":"email","message":"is taken"}]`). Where there are none, from texts
    /// (`Email has already been taken`). A field without a text `is invalid`.
    ///
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
        let is_plain = content_type.is_none_or(|of| format::starts_with(of, "text/plain"));
        // Some servers put a byte order mark before UTF-8; JSON has none.
        let body = body.trim_start_matches('\u{FEFF}').trim();
        let nodes = json::read(body, MAX_LEVELS).unwrap_or_default();
        let json = Value(&nodes);
        let mut reader = Reader {
            sent: &sent.fields,
            ..Reader::default()
        };
        // Neither HTML nor JSON that was cut.
        let is_text = !(body.is_empty() || body.contains('<') || body.starts_with(['{', '[']));
        if !nodes.is_empty() {
            reader.walk(json, Name::default(), MAX_LEVELS);
        } else if is_text && is_plain && is_rejection && body.chars().count() <= MAX_PLAIN_CHARS {
            reader.say(body, Name::default());
        }
        if !is_rejection {
            reader.errors.clear();
        }
        let error = json.get("error");
        let first = |value: Value<'_>| Some(value.texts().first()?.text.to_string());
        let message = Some(reader.message).filter(|message| !message.is_empty());
        let message = message.or(reader.reason);
        Self {
            status,
            message: message.or_else(|| first(error.get("code"))),
            hint: first(json.get("hint")).or_else(|| first(error.get("hint"))),
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
    reason: Option<String>,
    errors: Vec<FieldError>,
    /// Whether the errors stand at the place of a field, and not in a text.
    is_placed: bool,
    is_embedded: bool,
    /// How much was read of texts, with something for each text and map.
    read: usize,
}

impl Reader<'_> {
    /// Reads a value of which `name` is known, and that has so many levels.
    fn walk(&mut self, value: Value<'_>, name: Name<'_>, levels: usize) {
        match value.kind() {
            Kind::Other if name.field.is_some() => self.say(INVALID, name),
            Kind::Nothing | Kind::Other => {}
            Kind::Text if self.is_embedded || !value.text().trim().starts_with(['[', '{']) => {
                self.say(value.text(), name);
            }
            Kind::Text => {
                self.is_embedded = true;
                match json::read(value.text(), levels) {
                    Some(nodes) => self.walk(Value(&nodes), name, levels),
                    None => self.say(value.text(), name),
                }
                self.is_embedded = false;
            }
            Kind::List => {
                // A path and what is wrong there, as garde writes it.
                let (mut items, mut name) = (value.parts(), name);
                let kinds = value.parts().map(Value::kind);
                if kinds.eq([Kind::List, Kind::Map])
                    && let Some(path) = items.next()
                {
                    name = Name::locate(path, 2).or(name);
                }
                for item in items {
                    self.walk(item, name, levels - 1);
                }
            }
            Kind::Map => self.walk_map(value, name, levels),
        }
    }

    fn walk_map(&mut self, map: Value<'_>, under: Name<'_>, levels: usize) {
        self.read += 8;
        let (mut is_fields, mut is_echo) = (false, false);
        for part in map.parts() {
            if let Some(field) = Name::new(part.key()).field {
                is_fields = true;
                is_echo |= self.is_sent(field, part.text());
            }
        }
        if map.0.len() == 1 || self.read > MAX_READ || is_fields && is_record(map) {
            return;
        }
        // Here all keys are those of fields, known ones or not.
        is_fields |= map.key() == "errors";
        let is_top = levels == MAX_LEVELS;
        let mut place = Name::locate(map, 3);
        // At the top, a path is that of the URL.
        if is_top && place.field.is_none() {
            place = Name::default();
        }
        let name = place.or(under);
        let own = own_texts(map);
        let has_own = own.kind() != Kind::Nothing;
        let said = self.message.len();
        for text in own.texts() {
            self.walk(Value(slice::from_ref(text)), name, levels - 1);
        }
        let is_located = !is_top && !place.text.is_empty();
        let is_done = under.field.is_some() || is_located && name.field.is_some();
        for part in map.parts().filter(|_| !is_done) {
            let (key, texts) = (part.key(), part.texts());
            if is_one_of(LOCATORS, key) || is_one_of(SKIPPED, key) || has_own && own.key() == key {
                continue;
            }
            let is_text = is_one_of(TEXTS, key);
            let place = if is_text { name } else { Name::new(key) };
            let is_list = part.kind() == Kind::List && texts.is_empty();
            let name = match part.kind() {
                // Of what has another name, only a list of maps is left to read.
                _ if is_located && !is_list => continue,
                Kind::Text | Kind::Other if is_echo => continue,
                Kind::Other if is_top && has_own => continue,
                _ if place.field.is_some() => place,
                Kind::Text if is_top || !is_fields => continue,
                Kind::List if is_list => name,
                Kind::List if !is_fields && !has_sentence(part) => continue,
                Kind::Text | Kind::List => place.or(name),
                Kind::Map if own_texts(part).kind() == Kind::Nothing => Name::default(),
                Kind::Map if is_fields => place.or(name),
                Kind::Nothing | Kind::Other | Kind::Map => name,
            };
            self.walk(part, name, levels - 1);
        }
        // In a list, a name is enough.
        let is_named = name.field.is_some() || is_located && map.key().is_empty();
        if !has_own && self.message.len() == said && is_named {
            let code = map.get("code").texts().first();
            self.say(code.map_or(INVALID, |code| &code.text), name);
        }
    }

    /// Whether a field has the value that was sent, or one that looks like it.
    fn is_sent(&self, field: Field, text: &str) -> bool {
        let is_address = text.contains(['@']) && !text.contains(is_gap);
        let is_number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '('))
            && !text.contains(|c: char| c.is_ascii_lowercase());
        let mut sent = self.sent.iter();
        is_address
            || is_number
            || sent.any(|&(name, value)| name == field && text.trim().eq_ignore_ascii_case(value))
    }

    /// Adds a text to the message, and to the field errors.
    fn say(&mut self, text: &str, name: Name<'_>) {
        let head = start(text);
        self.read += head.len() + 32;
        if self.read > MAX_READ {
            return;
        }
        if name.text.is_empty() && is_reason(text) {
            self.reason.get_or_insert_with(|| text.into());
            return;
        }
        let mut text = text;
        if let Some(field) = name.field {
            if strip_field(field, text).is_empty() {
                text = INVALID;
            }
            self.push(field, text, true);
        } else {
            for (field, clause) in clauses(head.trim()) {
                self.push(field, clause, false);
            }
        }
        let (message, named) = (&mut self.message, letters(name.text));
        if holds(&letters(message), &named) && holds(start(message), text) {
            return;
        }
        if !message.is_empty() {
            message.push_str("; ");
        }
        if !holds(&letters(text), &named) {
            message.push_str(name.text);
            message.push(' ');
        }
        message.push_str(text);
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
fn is_record(map: Value<'_>) -> bool {
    map.get("id").text().starts_with("cus_") || map.get("created_at").kind() != Kind::Nothing
}

/// Returns what a map says: rather a sentence than a word, and rather any of these than
/// a reason phrase.
fn own_texts(map: Value<'_>) -> Value<'_> {
    let (mut own, mut least) = (Value(&[]), 4);
    for key in TEXTS.split(' ') {
        let value = map.get(key);
        // Rules and what they say, as class-validator writes it.
        let is_own = value.kind() != Kind::Map || key == "constraints";
        if let Some(first) = value.texts().first()
            && is_own
        {
            let rank = u8::from(!has_sentence(value)) + 2 * u8::from(is_reason(&first.text));
            if rank < least {
                (own, least) = (value, rank);
            }
        }
    }
    own
}

fn has_sentence(value: Value<'_>) -> bool {
    let mut texts = value.texts().iter();
    texts.any(|text| text.text.contains(char::is_whitespace))
}

/// Whether a text is only what HTTP calls a status, perhaps with its number.
fn is_reason(text: &str) -> bool {
    let mut letters = letters(text);
    letters.retain(|c| !c.is_ascii_digit());
    let phrase = letters.strip_prefix("http").unwrap_or(&letters);
    is_one_of(REASONS, phrase.strip_prefix("error").unwrap_or(phrase))
}

/// Returns as much of a text as is searched.
fn start(text: &str) -> &str {
    let end = text.char_indices().nth(MAX_SEARCHED);
    end.map_or(text, |(end, _)| &text[..end])
}

/// Returns the start of a text without case, spaces and punctuation.
fn letters(text: &str) -> String {
    let mut letters = start(text).to_ascii_lowercase();
    letters.retain(|c| c.is_ascii_alphanumeric() || !c.is_ascii());
    letters
}

/// The keys under which a map says what is wrong, the likeliest first.
const TEXTS: &str = "\
    message msg error err detail description errors _errors messages constraints \
    defaultMessage reason brief title";

/// The keys under which a map has what was sent, or what it was checked against.
const SKIPPED: &str = "\
    input value values found received branch request ctx parameters schema root_schema \
    stack trace hint";

/// The reason phrases of HTTP from 400 on, by their letters.
const REASONS: &str = "\
    badrequest unauthorized paymentrequired forbidden notfound methodnotallowed \
    notacceptable proxyauthenticationrequired requesttimeout conflict gone lengthrequired \
    preconditionfailed payloadtoolarge contenttoolarge requestentitytoolarge uritoolong \
    unsupportedmediatype expectationfailed misdirectedrequest unprocessableentity \
    unprocessablecontent locked faileddependency tooearly upgraderequired \
    preconditionrequired toomanyrequests requestheaderfieldstoolarge internalservererror \
    notimplemented badgateway serviceunavailable gatewaytimeout";

/// How many levels of a body are read, so that none overflows the stack.
const MAX_LEVELS: usize = 16;

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
