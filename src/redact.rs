//! What of the server's words may be shown.

/// A value that must not show, and the name to show in its place.
pub(crate) struct Secret<'a> {
    pub(crate) name: &'static str,
    pub(crate) value: &'a str,
}

/// Puts `[name]` where a secret of four or more characters stands, whatever
/// its ASCII case: servers lower-case e-mail addresses.
pub(crate) fn redact(text: &str, secrets: &[Secret<'_>]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let stands_here = |secret: &&Secret<'_>| {
            secret.value.chars().nth(3).is_some()
                && rest
                    .get(..secret.value.len())
                    .is_some_and(|head| head.eq_ignore_ascii_case(secret.value))
        };
        // The longest, or a name would spoil the e-mail address it is part of.
        let found = secrets
            .iter()
            .filter(stands_here)
            .max_by_key(|secret| secret.value.len());
        if let Some(secret) = found {
            shown.extend(["[", secret.name, "]"]);
            rest = &rest[secret.value.len()..];
        } else {
            shown.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    shown
}

/// Line separators and the marks that turn the direction of what follows.
pub(crate) fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// How many characters of the server's words Display shows.
pub(crate) const MAX_MESSAGE_CHARS: usize = 300;
