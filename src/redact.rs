//! What of the server's words may be shown.
//!
//! The server may quote anything: this call's values, another customer's, the
//! key. So what looks like an e-mail address, a long number or a date is
//! replaced whosever it is, and the values that only this call knows (names,
//! the key, header values) are replaced where they stand.

use crate::personal_data::{Span, find_emails, find_numbers_and_dates, nth_boundary};

/// A value of this call that must not show, and the name to show in its place.
pub(crate) struct Secret<'a> {
    name: &'static str,
    value: &'a str,
    matches: Match,
}

/// Where a secret is looked for.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Match {
    Anywhere,
    WholeWords,
}

impl<'a> Secret<'a> {
    /// A key or a header value: redacted wherever it stands, in any ASCII case.
    pub(crate) fn anywhere(name: &'static str, value: &'a str) -> Self {
        Self {
            name,
            value: value.trim(),
            matches: Match::Anywhere,
        }
    }

    /// A person's name: redacted where it stands as whole words, in any case.
    ///
    /// A name of one character is not looked for: it would be found in "a".
    pub(crate) fn words(name: &'static str, value: &'a str) -> Self {
        Self {
            name,
            // A name is sent untrimmed, and a server may quote it trimmed.
            value: value.trim(),
            matches: Match::WholeWords,
        }
    }

    /// Whether it is the value of this name.
    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.name == name && self.value == value.trim()
    }

    /// Adds every place before `end` at which this secret starts.
    fn find(&self, text: &str, end: usize, spans: &mut Vec<Span>) {
        let mut add = |start: usize, length: usize| {
            spans.push(Span {
                range: start..start + length,
                label: self.name,
            });
        };
        match self.matches {
            // `windows` panics at a size of zero.
            Match::Anywhere if self.value.is_empty() => {}
            Match::Anywhere => {
                // By bytes, since key and header values are ASCII.
                let value = self.value.as_bytes();
                for (start, found) in text.as_bytes().windows(value.len()).enumerate().take(end) {
                    if found.eq_ignore_ascii_case(value) {
                        add(start, value.len());
                    }
                }
            }
            Match::WholeWords if self.value.chars().nth(1).is_none() => {}
            Match::WholeWords => {
                let mut before = ' ';
                for (start, c) in text[..end].char_indices() {
                    if is_word_boundary(before, c)
                        && let Some(length) = match_words(&text[start..], self.value)
                    {
                        add(start, length);
                    }
                    before = c;
                }
            }
        }
    }
}

/// Returns `text` as an error's Display shows it: redacted, on one line, at
/// most [`MAX_MESSAGE_CHARS`] long.
pub(crate) fn display_message(text: &str, secrets: &[Secret<'_>]) -> String {
    let end = nth_boundary(text, MAX_SCANNED_CHARS);
    let mut spans = Vec::new();
    // All are found before any is replaced, so that none hides behind a label of
    // another.
    for secret in secrets {
        secret.find(text, end, &mut spans);
    }
    find_emails(text, end, &mut spans);
    find_numbers_and_dates(text, end, &mut spans);

    let mut message = String::new();
    let mut shown = 0;
    for Span { range, label } in merge(spans) {
        push_escaped(&mut message, &text[shown..range.start]);
        message.extend(["[", label, "]"]);
        shown = range.end;
    }
    // The last span may end behind `end`: a key has up to 8 KiB.
    push_escaped(&mut message, text.get(shown..end).unwrap_or_default());

    // Cut last: a value that is cut in two would not be recognized.
    let cut = nth_boundary(&message, MAX_MESSAGE_CHARS);
    if cut < message.len() || shown.max(end) < text.len() {
        message.truncate(cut);
        message.push_str("..");
    }
    message
}

/// Sorts spans, and makes one of those that overlap, so that no end of a
/// secret shows behind another. The longest one gives its label.
fn merge(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| span.range.start);
    let mut merged: Vec<Span> = Vec::new();
    let mut longest = 0;
    for span in spans {
        match merged.last_mut() {
            // So `jane@example.com` is an `[email]`, though `Jane` was sent.
            Some(last) if span.range.start < last.range.end => {
                if span.range.len() > longest {
                    longest = span.range.len();
                    last.label = span.label;
                }
                last.range.end = last.range.end.max(span.range.end);
            }
            _ => {
                longest = span.range.len();
                merged.push(span);
            }
        }
    }
    merged
}

/// Escapes what would break the line, or steer a terminal or its reader.
fn push_escaped(message: &mut String, text: &str) {
    for c in text.chars() {
        if c.is_control() || is_bidi_control(c) {
            message.extend(c.escape_default());
        } else {
            message.push(c);
        }
    }
}

/// Unicode's `Bidi_Control`, which turns the direction of the text around it, and
/// the two line separators that are no control characters.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Returns the length of `words` at the start of `text`, if they stand there
/// as whole words, whatever the case of either.
fn match_words(text: &str, words: &str) -> Option<usize> {
    // One by one: `ß` folds to two characters, so that the length of either
    // text tells nothing of the other's. The end ends a word as a space does.
    let spaced = words.split_whitespace().flat_map(|word| [" ", word]);
    let mut wanted = spaced
        .skip(1)
        .flat_map(str::chars)
        .flat_map(fold_case)
        .peekable();
    let mut last = '\0';
    for (length, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if wanted.peek().is_none() {
            return is_word_boundary(last, c).then_some(length);
        }
        // Rails' `squish` makes one space of many.
        let c = if c.is_whitespace() { ' ' } else { c };
        if c == ' ' && last == ' ' {
            continue;
        }
        for folded in fold_case(c) {
            if wanted.next() != Some(folded) {
                return None;
            }
        }
        last = c;
    }
    None
}

/// By upper case first, since `STRASSE` is what a server may make of `Straße`.
fn fold_case(c: char) -> impl Iterator<Item = char> {
    // Then by lower case: of two small letters sigma, Greek has one capital.
    c.to_uppercase().flat_map(char::to_lowercase)
}

fn is_word_boundary(before: char, after: char) -> bool {
    !(is_word(before) && is_word(after))
}

/// Letters, but for those of scripts that put no spaces between words, such as
/// Chinese: there, a name touches what is around it.
fn is_word(c: char) -> bool {
    // A digit ends a word: `jane1` shows the name, too.
    c.is_alphabetic()
        && !matches!(
            c,
            '\u{E00}'..='\u{EFF}'
                | '\u{1000}'..='\u{109F}'
                | '\u{1780}'..='\u{17FF}'
                | '\u{2E80}'..='\u{D7FF}'
                | '\u{F900}'..='\u{FAFF}'
                | '\u{20000}'..='\u{3FFFF}'
        )
}

/// How many characters of the server's words Display shows.
const MAX_MESSAGE_CHARS: usize = 300;

/// How many characters of the server's words are looked at, so that a long
/// body costs no more than a short one. More than are shown, since a label is
/// shorter than the key that it replaces.
const MAX_SCANNED_CHARS: usize = 1000;

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
