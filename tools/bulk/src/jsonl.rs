//! JSON Lines: an object for each customer.

use std::fmt;

use paywithsoap::CustomerPatch;
use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor,
};
use serde_json::Value;
use serde_json::error::Category;

use crate::csv::NAMES;

/// Reads a line: its id and what it changes.
pub(crate) fn read(text: &str) -> Result<(String, CustomerPatch), String> {
    let text = text.trim_ascii();
    match serde_json::from_str(text) {
        Ok(Update { id, patch }) => Ok((id, patch)),
        Err(error) => Err(match error.classify() {
            Category::Data if !text.starts_with('{') => format!("the line must be {AN_UPDATE}"),
            // Without serde_json's ` at line 1 column 7`: it is not line 1.
            Category::Data => {
                let message = error.to_string();
                let end = message.rfind(" at line ").unwrap_or(message.len());
                message[..end].to_owned()
            }
            Category::Eof | Category::Io | Category::Syntax => {
                format!("the line is not JSON from column {} on", error.column())
            }
        }),
    }
}

struct Update {
    id: String,
    patch: CustomerPatch,
}

impl<'de> Deserialize<'de> for Update {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UpdateVisitor)
    }
}

struct UpdateVisitor;

impl<'de> Visitor<'de> for UpdateVisitor {
    type Value = Update;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(AN_UPDATE)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Update, A::Error> {
        let mut id = None;
        let rest = WithoutId { map, id: &mut id };
        let patch = CustomerPatch::deserialize(MapAccessDeserializer::new(rest))?;
        let id = id.ok_or_else(|| A::Error::custom("id is missing"))?;
        Ok(Update { id, patch })
    }
}

/// An object without its `id`, so that the patch reads all others.
struct WithoutId<'a, A> {
    map: A,
    id: &'a mut Option<String>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithoutId<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<String>()? {
            if key != "id" {
                // The patch's own words do not know of the id.
                if !NAMES.contains(&&*key) {
                    let names = NAMES[1..].join(", ");
                    let message = format!("besides id, a field must be one of {names}");
                    return Err(A::Error::custom(message));
                }
                let key: StringDeserializer<A::Error> = key.into_deserializer();
                return seed.deserialize(key).map(Some);
            }
            let Value::String(id) = self.map.next_value()? else {
                return Err(A::Error::custom("id must be a string"));
            };
            if self.id.replace(id).is_some() {
                return Err(A::Error::custom("id is set twice"));
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

const AN_UPDATE: &str = "an object with id and the fields to change";
