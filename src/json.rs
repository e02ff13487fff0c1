//! JSON values of error bodies, in bounded levels.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::format::NUMBER_KEY;

/// A JSON value, as far as it can be a message.
///
/// Not `serde_json::Value`, which reads the text under a private key of its
/// own as JSON again: by that a body could nest deeper than any stack.
pub(crate) enum Value {
    /// Null, false and blank texts, which say that nothing is wrong.
    Nothing,
    /// True and numbers, which are no messages.
    Other,
    Text(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Value {
    /// Reads a document, in at most so many levels: what is nested deeper is skipped.
    pub(crate) fn read(text: &str, levels: u8) -> Option<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let value = Levels(levels).deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        Some(value)
    }

    /// Returns what is in a map.
    pub(crate) fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Map(entries) => entries,
            Self::Nothing | Self::Other | Self::Text(_) | Self::List(_) => &[],
        }
    }

    /// Returns the last value under this key of a map.
    pub(crate) fn get(&self, key: &str) -> &Self {
        // RFC 8259, 4: of a repeated name, many readers report the last.
        let mut entries = self.entries().iter();
        let entry = entries.rfind(|(name, _)| name == key);
        entry.map_or(&Self::Nothing, |(_, value)| value)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Nothing | Self::Other | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Returns a text, or those of a list or map of nothing but texts.
    pub(crate) fn texts(&self) -> Vec<&str> {
        let texts: Option<_> = match self {
            Self::List(items) => items.iter().map(Self::text).collect(),
            Self::Map(entries) => entries.iter().map(|(_, value)| value.text()).collect(),
            value => value.text().map(|text| vec![text]),
        };
        texts.unwrap_or_default()
    }
}

/// Reads a value of at most so many levels.
struct Levels(u8);

impl<'de> DeserializeSeed<'de> for Levels {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.0 > 0 {
            return deserializer.deserialize_any(self);
        }
        // Without recursion, as serde_json does it.
        deserializer.deserialize_ignored_any(IgnoredAny)?;
        Ok(Value::Nothing)
    }
}

impl<'de> Visitor<'de> for Levels {
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
        let is_blank = text.trim().is_empty();
        Ok(if is_blank {
            Value::Nothing
        } else {
            Value::Text(text.into())
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Self(self.0 - 1))? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            entries.push((key, map.next_value_seed(Self(self.0 - 1))?));
        }
        // A number, where a crate in the graph enables `arbitrary_precision`.
        if entries.first().is_some_and(|(key, _)| key == NUMBER_KEY) {
            return Ok(Value::Other);
        }
        Ok(Value::Map(entries))
    }
}
