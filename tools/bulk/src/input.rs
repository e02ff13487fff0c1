//! The input: JSON Lines, read one at a time.

use std::fmt;
use std::io::{self, BufRead, Read};

use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor,
};
use serde_json::Value;
use serde_json::error::Category;

use paywithsoap::CustomerPatch;

/// A line that is not blank.
pub(crate) struct Line {
    /// Its number, counted from 1, blank lines included.
    pub(crate) number: u64,
    /// What it asks for, or why it cannot be read.
    pub(crate) content: Result<Update, String>,
}

/// What a good line asks for.
pub(crate) struct Update {
    pub(crate) id: String,
    pub(crate) patch: CustomerPatch,
}

/// The lines of an input.
pub(crate) struct Lines<R> {
    reader: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, number: 0 }
    }

    /// The next line that is not blank, `None` at the end. Holds no more of a
    /// line than [`LINE_MOST`], however long it is.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let mut most = self.reader.by_ref().take(LINE_MOST as u64 + 1);
            if most.read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let ended = bytes.last() == Some(&b'\n');
            if bytes.len() - usize::from(ended) > LINE_MOST {
                if !ended {
                    self.reader.skip_until(b'\n')?;
                }
                let reason = format!("the line is longer than {LINE_MOST} bytes");
                return Ok(Some(self.line(Err(reason))));
            }
            let text = bytes.trim_ascii();
            // Programs of Windows like to put a byte order mark at the start.
            let text = match text.strip_prefix("\u{FEFF}".as_bytes()) {
                Some(text) if self.number == 1 => text.trim_ascii(),
                _ => text,
            };
            if !text.is_empty() {
                return Ok(Some(self.line(read(text))));
            }
        }
    }

    fn line(&self, content: Result<Update, String>) -> Line {
        Line {
            number: self.number,
            content,
        }
    }
}

/// How many lines there are, blank ones included.
pub(crate) fn count(mut reader: impl Read) -> io::Result<u64> {
    let mut block = vec![0; 64 * 1024];
    let mut lines = 0;
    let mut last = b'\n';
    loop {
        let read = reader.read(&mut block)?;
        let Some(&end) = block[..read].last() else {
            return Ok(lines + u64::from(last != b'\n'));
        };
        last = end;
        for byte in &block[..read] {
            lines += u64::from(*byte == b'\n');
        }
    }
}

fn read(text: &[u8]) -> Result<Update, String> {
    let text = std::str::from_utf8(text).map_err(|_| "the line is not UTF-8".to_owned())?;
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data if !text.starts_with('{') => format!("the line must be {AN_UPDATE}"),
        // Less serde_json's ` at line 1 column 7`: it is not line 1.
        Category::Data => {
            let message = error.to_string();
            let end = message.rfind(" at line ").unwrap_or(message.len());
            message[..end].to_owned()
        }
        Category::Eof | Category::Io | Category::Syntax => {
            format!("the line is not JSON from column {} on", error.column())
        }
    })
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

/// An object without its `id`, so that the patch reads all others and refuses
/// what it does not know.
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

/// The longest line that is read: five fields of the greatest length, escaped,
/// need less than a quarter of it.
const LINE_MOST: usize = 64 * 1024;
