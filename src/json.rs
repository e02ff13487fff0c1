//! JSON values of error bodies, in bounded levels.

use std::borrow::Cow;
use std::{iter, mem};

use serde_json::value::RawValue;

/// A JSON value, as far as it can be a message: a node, and behind it what it holds.
///
/// Not `serde_json::Value`, which reads the text under a private key of its
/// own as JSON again: by that a body could nest deeper than any stack.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a>(pub(crate) &'a [Node<'a>]);

pub(crate) struct Node<'a> {
    /// Where it stands in a map.
    pub(crate) key: Cow<'a, str>,
    pub(crate) kind: Kind,
    pub(crate) text: Cow<'a, str>,
    /// How many nodes it is, with those that it holds.
    len: usize,
}

#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Null, false and what is empty, which say that nothing is wrong.
    Nothing,
    /// True and numbers, which are no messages.
    Other,
    Text,
    List,
    Map,
}

/// Reads a document, in at most so many levels: what is nested deeper is left out, and
/// so is what follows on [`MAX_NODES`].
pub(crate) fn read(text: &str, levels: usize) -> Option<Vec<Node<'_>>> {
    // serde_json checks the syntax, and without recursion. Then single bytes tell the rest.
    let json = serde_json::from_str::<&RawValue>(text).ok()?.get();
    let bytes = json.as_bytes();
    let (mut nodes, mut key, mut end) = (Vec::<Node<'_>>::new(), Cow::default(), 0);
    // The places of the lists and maps that are not closed yet.
    let mut open: Vec<usize> = Vec::new();
    while let Some(&byte) = bytes.get(end).filter(|_| nodes.len() < MAX_NODES) {
        let (start, mut text) = (end, Cow::default());
        end += 1;
        let kind = match byte {
            b'n' | b'f' => Kind::Nothing,
            b't' => Kind::Other,
            // The first of a number.
            b'-' | b'0'..=b'9' if !json[..start].ends_with(is_in_number) => Kind::Other,
            b'[' => Kind::List,
            b'{' => Kind::Map,
            b'"' => {
                while *bytes.get(end)? != b'"' {
                    end += if bytes[end] == b'\\' { 2 } else { 1 };
                }
                end += 1;
                text = string_value(json.get(start..end)?)?;
                let is_blank = text.trim().is_empty();
                if is_blank { Kind::Nothing } else { Kind::Text }
            }
            b']' | b'}' => {
                let at = open.pop()?;
                let len = nodes.len() - at;
                nodes.get_mut(at)?.len = len;
                continue;
            }
            b':' if open.len() < levels => {
                key = nodes.pop()?.text;
                continue;
            }
            // White space, commas, and all but the first byte of numbers and words.
            _ => continue,
        };
        if open.len() < levels {
            nodes.push(Node {
                key: mem::take(&mut key),
                kind,
                text,
                len: 1,
            });
        }
        if matches!(byte, b'[' | b'{') {
            open.push(nodes.len() - 1);
        }
    }
    let count = nodes.len();
    for at in open {
        nodes.get_mut(at)?.len = count - at;
    }
    Some(nodes)
}

impl<'a> Value<'a> {
    pub(crate) fn key(self) -> &'a str {
        self.0.first().map_or("", |node| &node.key)
    }

    pub(crate) fn kind(self) -> Kind {
        self.0.first().map_or(Kind::Nothing, |node| node.kind)
    }

    pub(crate) fn text(self) -> &'a str {
        self.0.first().map_or("", |node| &node.text)
    }

    /// Returns what is in a list or map.
    pub(crate) fn parts(self) -> impl Iterator<Item = Self> {
        let mut rest = self.0.get(1..).unwrap_or_default();
        iter::from_fn(move || {
            let (part, after) = rest.split_at_checked(rest.first()?.len)?;
            rest = after;
            Some(Self(part))
        })
    }

    /// Returns the last value under this key of a map.
    pub(crate) fn get(self, key: &str) -> Self {
        // RFC 8259, 4: of a repeated name, many readers report the last.
        let parts = self.parts().filter(|part| part.key() == key);
        parts.last().unwrap_or(Self(&[]))
    }

    /// Returns a text, or those of a list or map of nothing but texts.
    pub(crate) fn texts(self) -> &'a [Node<'a>] {
        let first = usize::from(self.kind() != Kind::Text);
        let nodes = self.0.get(first..).unwrap_or_default();
        let is_all = nodes.iter().all(|node| node.kind == Kind::Text);
        if is_all { nodes } else { &[] }
    }
}

/// The text of a JSON value, if it is a string.
pub(crate) fn string_value(json: &str) -> Option<Cow<'_, str>> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') {
        return serde_json::from_str(json).ok().map(Cow::Owned);
    }
    // The value was read as JSON before, so that nothing else is left to undo.
    Some(Cow::Borrowed(inside))
}

fn is_in_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'E' | 'e')
}

/// How many values of a document are read.
const MAX_NODES: usize = 1024;
