//! Which of the server's words an error's Display shows.
//!
//! The server may quote anything: this call's values, another customer's, the
//! key. These have more forms than anybody can list, so nothing looks for them: a
//! word is shown only if it is one of those of which APIs make messages.

use crate::format::Field;

/// What a call sent, of which no error shows anything.
pub(crate) struct Sent<'a> {
    /// The fields of the patch.
    pub(crate) fields: Vec<(Field, &'a str)>,
    /// The key and the values of headers.
    pub(crate) secrets: Vec<&'a str>,
}

/// What a word is, whatever its neighbours are.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Hidden,
    /// At most three digits: perhaps a part of a longer number.
    Number,
    /// A sign that stands alone.
    Sign,
    Word,
}

/// Returns `text` as an error's Display shows it: on one line, at most
/// [`MAX_MESSAGE_LEN`] long, with `[..]` for each run of words that must not show.
pub(crate) fn display_message(text: &str, sent: &Sent<'_>) -> String {
    let line = spaced(text);
    let lower = line.to_ascii_lowercase();
    let secrets = sent.secrets.iter().map(|secret| spaced(secret));
    let secrets: Vec<_> = secrets.map(|secret| secret.to_ascii_lowercase()).collect();
    let mut end = 0;
    let words = line.split(' ').skip(1).map(|word| {
        let start = end + 1;
        end = start + word.len();
        let kind = match start {
            ..=MAX_SCANNED => sent.kind(word),
            _ => Kind::Hidden,
        };
        let is_hidden = kind == Kind::Hidden || is_secret(&lower, start, end, &secrets);
        (word, if is_hidden { Kind::Hidden } else { kind })
    });
    let words: Vec<_> = words.collect();

    let is_no_sign = |(_, kind): &&(&str, Kind)| *kind != Kind::Sign;
    let is_word = |(_, kind): &(&str, Kind)| *kind == Kind::Word;
    let mut message = String::new();
    let mut hidden_end = None;
    for (i, &(word, kind)) in words.iter().enumerate() {
        let is_shown = match kind {
            Kind::Hidden => false,
            Kind::Number => {
                let before = words[..i].iter().rfind(is_no_sign);
                let after = words[i + 1..].iter().find(is_no_sign);
                before.is_none_or(is_word) && after.is_none_or(is_word)
            }
            Kind::Sign | Kind::Word => true,
        };
        let space = if i == 0 { "" } else { " " };
        let has_room = message.len() + word.len() + " [..].".len() < MAX_MESSAGE_LEN;
        if is_shown && has_room {
            message.extend([space, word]);
            hidden_end = None;
            continue;
        }
        // Several in a row are one.
        match hidden_end {
            Some(end) => message.truncate(end),
            None => message.extend([space, "[..]"]),
        }
        hidden_end = Some(message.len());
        message.extend(word.chars().next_back().filter(|c| ".,;:".contains(*c)));
        if is_shown {
            break;
        }
    }
    message
}

/// Puts one space before each word, so that a secret with spaces in it is found.
fn spaced(text: &str) -> String {
    let words = text.split_whitespace();
    words.flat_map(|word| [" ", word]).collect()
}

/// Whether the key or a header value, or eight characters in a row of one, touch
/// this part of the line. Both are in lower case.
fn is_secret(line: &str, start: usize, end: usize, secrets: &[String]) -> bool {
    secrets.iter().any(|secret| {
        let secret = secret.trim_start();
        let width = secret.len().min(8);
        (start.saturating_sub(width) + 1..end).any(|at| {
            let part = line.get(at..at + width).unwrap_or_default();
            !part.is_empty() && holds(secret, part)
        })
    })
}

/// Whether a text has another in it. The search is long: in one place, a program holds
/// it once.
pub(crate) fn holds(text: &str, part: &str) -> bool {
    text.contains(part)
}

impl Sent<'_> {
    fn kind(&self, word: &str) -> Kind {
        // A server elides a long value: `rosalind...example.com`.
        if !word.is_ascii() || word.contains("..") || word.len() > MAX_MESSAGE_LEN {
            return Kind::Hidden;
        }
        let word = word.trim_matches(|c| "'\"`()[]{}<>.,;:!?".contains(c));
        if matches!(word, "" | "-" | "=" | "+" | "|" | "/" | "*") {
            return Kind::Sign;
        }
        if word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_digit()) {
            return Kind::Number;
        }
        // Of other signs and control characters, the letters tell nothing.
        let is_sign = |c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_';
        let is_field = |run: &str| Field::from_spelling(run).is_some() && !run.contains(is_sign);
        let mut runs = word.split(|c| "()[]{}/#=:;,\".".contains(c));
        // `customers.email` is a column, `example.com` is somebody's.
        let is_path = !word.contains('.') || runs.clone().next_back().is_some_and(is_field);
        // The name of a field tells nothing, not even of `email@example.com`.
        if is_path && runs.all(|run| is_field(run) || is_plain(run) && !self.names(run)) {
            Kind::Word
        } else {
            Kind::Hidden
        }
    }

    /// Whether a run has a word in it of three or more letters that is one of a name
    /// or of the address, or has the letters of all of it. Shorter ones are found in
    /// too many texts.
    fn names(&self, run: &str) -> bool {
        let is_no_letter = |c: char| !c.is_ascii_alphabetic();
        let is_word = |name: &str| {
            let mut words = run.split(is_no_letter);
            name.len() >= 3 && words.any(|word| word.eq_ignore_ascii_case(name))
        };
        // `obrien`, `janedoe`
        let is_joined =
            |part: &str| letters(part).nth(2).is_some() && letters(part).eq(letters(run));
        // A phone number and a date of birth have no letters.
        self.fields.iter().any(|(_, value)| {
            value.split(is_no_letter).any(is_word) || value.split('@').any(is_joined)
        })
    }
}

/// The letters of a text, in lower case.
fn letters(text: &str) -> impl Iterator<Item = u8> {
    let letters = text.bytes().filter(u8::is_ascii_alphabetic);
    letters.map(|letter| letter.to_ascii_lowercase())
}

/// Whether it is a word of the table, `lower-case` or `camelCase`.
fn is_plain(run: &str) -> bool {
    is_api_word(run)
        || run.split(['\'', '-']).all(|part| {
            let is_lower = |at| part.as_bytes().get(at).is_some_and(u8::is_ascii_lowercase);
            let mut letters = part.bytes().enumerate();
            let is_camel = letters.all(|(at, byte)| match byte {
                b'a'..=b'z' | b'_' => true,
                b'A'..=b'Z' => at > 0 && is_lower(at - 1) && is_lower(at + 1),
                _ => false,
            });
            is_camel || is_api_word(part)
        })
}

fn is_api_word(run: &str) -> bool {
    API_WORDS.lines().any(|word| word == run)
}

/// How long a message is that Display shows.
const MAX_MESSAGE_LEN: usize = 300;

/// How much of a message is looked at, so that a long one costs no more than a
/// short one.
const MAX_SCANNED: usize = 1000;

/// The words with capital letters of which APIs make messages.
const API_WORDS: &str = include_str!("api_words.txt");

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
