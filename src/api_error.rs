//! Error bodies, read tolerantly: the API documents none.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::redact::{self, Secret};

/// The server's error response, read as tolerantly as can be: the API documents no
/// error body.
#[derive(Debug)]
pub struct ApiError {
    pub(crate) status: u16,
    pub(crate) text: Text,
}

/// The words of an error body, with a Debug that keeps them to itself: they
/// may quote what the customer's fields hold.
pub(crate) struct Text {
    message: Option<String>,
    hint: Option<String>,
}

impl ApiError {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// What the server said, from `error`, `message`, `errors` or `detail`: the
    /// first of them that has words.
    ///
    /// Raw: it may quote the customer's data, and hold control characters.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.text.message.as_deref()
    }

    /// What the server said to do, from `hint`, or from the `hint` in `error`;
    /// as raw as [`message`](Self::message).
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.text.hint.as_deref()
    }
}

impl Text {
    /// Reads what is there of `error` as text or object, `message`, `hint`,
    /// and `errors` as map or list. A body that is none of it says nothing.
    pub(crate) fn read(body: &str) -> Self {
        let body = body.strip_prefix('\u{FEFF}').unwrap_or(body);
        let body = serde_json::from_str(body).unwrap_or(Value::Nothing);
        let error = body.get("error");
        Self {
            message: error
                .message_text()
                .or_else(|| body.get("message").message_text())
                .or_else(|| body.get("errors").message_text())
                .or_else(|| body.get("detail").message_text()),
            hint: body
                .get("hint")
                .message_text()
                .or_else(|| error.get("hint").message_text()),
        }
    }

    /// Returns message and hint as Display shows them.
    pub(crate) fn display_message(&self, secrets: &[Secret<'_>]) -> Option<String> {
        let text = match (&self.message, &self.hint) {
            (Some(message), Some(hint)) => &format!("{message} ({hint})"),
            (Some(text), None) | (None, Some(text)) => text,
            (None, None) => return None,
        };
        Some(redact::display_message(text, secrets))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// A JSON value, as far as it can hold words.
///
/// Not `serde_json::Value`, which reads the text under a private key of its
/// own as JSON afresh: by that a body could nest deeper than any stack.
enum Value {
    Nothing,
    Text(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The last value under this key of a map.
    fn get(&self, key: &str) -> &Self {
        match self {
            Self::Map(map) => map.iter().rfind(|(name, _)| name == key),
            Self::Nothing | Self::Text(_) | Self::List(_) => None,
        }
        .map_or(&Self::Nothing, |(_, value)| value)
    }

    /// The text in it: a string, a list of them, an object's message, or a map
    /// of fields to what is wrong with them.
    fn message_text(&self) -> Option<String> {
        let joined = |parts: Vec<String>| (!parts.is_empty()).then(|| parts.join("; "));
        match self {
            Self::Text(text) if !text.trim().is_empty() => Some(text.clone()),
            Self::List(items) => joined(items.iter().filter_map(Self::message_text).collect()),
            Self::Map(map) => MESSAGE_KEYS
                .iter()
                .find_map(|key| self.get(key).message_text())
                .or_else(|| {
                    let each = |(key, value): &(String, Self)| {
                        // Those had nothing to say. To ask them again would double the
                        // work at each level: a body of 2 kB would keep us for ever.
                        // As the last one comes a number, where a program has
                        // serde_json's `arbitrary_precision` on.
                        let skipped = MESSAGE_KEYS.contains(&key.as_str())
                            || key == "$serde_json::private::Number";
                        (!skipped).then(|| Some(format!("{key} {}", value.message_text()?)))?
                    };
                    joined(map.iter().filter_map(each).collect())
                }),
            Self::Nothing | Self::Text(_) => None,
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

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Nothing)
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
        Ok(Value::Map(entries))
    }
}

/// The keys under which an object has its message, the likeliest first.
const MESSAGE_KEYS: [&str; 4] = ["message", "detail", "error", "title"];
