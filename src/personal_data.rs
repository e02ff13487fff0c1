//! What looks like personal data in a text: e-mail addresses, long numbers, dates.
//!
//! Only what starts before an `end` is found, by looking at no more behind it than
//! one address or number needs. So a long text costs no more than a short one.

use std::ops::Range;

/// A part of the text that is replaced by `[label]`.
pub(crate) struct Span {
    pub(crate) range: Range<usize>,
    pub(crate) label: &'static str,
}

/// Adds every run of address characters that has an `@` between them. Much
/// more than a valid address: the server may quote what this crate rejected.
pub(crate) fn find_emails(text: &str, end: usize, spans: &mut Vec<Span>) {
    // Whether a run is an address may be known only behind `end`.
    let limit = end + nth_boundary(&text[end..], MAX_EMAIL_CHARS);
    let mut start = 0;
    while start < end {
        let length = text[start..limit]
            .find(|c| !is_address_char(c))
            .unwrap_or(limit - start);
        let run = start..start + length;
        if let Some(range) = email_in(text, &run) {
            spans.push(Span {
                range,
                label: "email",
            });
        }
        let separator = text[run.end..].chars().next().map_or(1, char::len_utf8);
        start = run.end + separator;
    }
}

/// Returns the part of a run of address characters that is an address.
fn email_in(text: &str, run: &Range<usize>) -> Option<Range<usize>> {
    let (before, word) = (&text[..run.start], &text[run.clone()]);
    // `"jane doe"@example.com`: white space may stand in a quoted local part.
    let quoted = before
        .strip_suffix('"')
        .and_then(|inside| inside.rfind('"'));
    let (at, sign) = word.char_indices().find_map(|(at, _)| {
        let sign = AT_SIGNS
            .iter()
            .find(|sign| word[at..].starts_with(**sign))?;
        // Without a local part there is no address: `at @home`.
        (at > 0 || quoted.is_some()).then_some((at, sign.len()))
    })?;
    let start = match quoted {
        Some(start) if at == 0 => start,
        _ => match word[..at].trim_start_matches(is_quote).len() {
            // HTML's grammar has `'` in a local part, so it may be all of it.
            0 => run.start,
            length => run.start + at - length,
        },
    };
    let end = if word[at + sign..].contains(char::is_alphanumeric) {
        // Without the full stop, the quote or the like behind it.
        run.start + word.trim_end_matches(|c: char| !c.is_alphanumeric()).len()
    } else {
        run.end + domain_literal(&text[run.end..])?
    };
    Some(start..end)
}

/// Returns the length of `[127.0.0.1]`, if the text starts with such.
fn domain_literal(text: &str) -> Option<usize> {
    // An address literal (RFC 5321, 4.1.3); a run ends where a bracket begins.
    let inside = text.strip_prefix('[')?;
    let inside = &inside[..nth_boundary(inside, MAX_EMAIL_CHARS)];
    Some(inside.find(']')? + "[]".len())
}

fn is_address_char(c: char) -> bool {
    // Of `mailto:a@b.com,c@d.com` only the two addresses are replaced.
    !c.is_whitespace() && !r#"<>()[]:;,""#.contains(c)
}

/// What may stand around an address, and is no part of it as people write it.
fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '`' | '\\') || !c.is_ascii() && !c.is_alphanumeric()
}

/// The `@` itself, its wide and small forms, and as URLs and JSON escape it.
const AT_SIGNS: [&str; 5] = ["@", "\u{FF20}", "\u{FE6B}", "%40", "\\u0040"];

/// Adds every date, and every other run of seven or more digits.
pub(crate) fn find_numbers_and_dates(text: &str, end: usize, spans: &mut Vec<Span>) {
    let mut run = Run::default();
    let mut before = ' ';
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        // A run that has its digits may go on behind `end`, which is not shown.
        if at >= end && (run.digits == 0 || run.digits >= MIN_NUMBER_DIGITS) {
            break;
        }
        // No date begins within a number or a word: `55512341990-02-13` is one
        // number, and a date in it could leave its beginning.
        let starts_part = if c.is_numeric() {
            !before.is_numeric()
        } else {
            c.is_alphabetic() && !before.is_alphabetic()
        };
        let date = if starts_part && at < end {
            let follows_number = run.digits > 0 && run.gap == 1;
            date_length(&text[at..], follows_number)
        } else {
            None
        };
        if let Some(length) = date {
            run.end(spans);
            spans.push(Span {
                range: at..at + length,
                label: "date",
            });
            at += length;
            before = ' ';
            continue;
        }
        if c.is_numeric() {
            run.add(at..at + c.len_utf8());
        } else {
            run.gap += 1;
            // "12 of 34 and 56 in 78" is four numbers, and none of them is long.
            if c.is_alphabetic() || run.gap > MAX_NUMBER_GAP {
                run.end(spans);
            }
        }
        before = c;
        at += c.len_utf8();
    }
    run.end(spans);
}

/// Digits of any script, with or without other characters than letters between.
#[derive(Default)]
struct Run {
    range: Range<usize>,
    digits: usize,
    /// How many characters follow the last digit.
    gap: usize,
}

impl Run {
    fn add(&mut self, digit: Range<usize>) {
        if self.digits == 0 {
            self.range.start = digit.start;
        }
        self.range.end = digit.end;
        self.digits += 1;
        self.gap = 0;
    }

    fn end(&mut self, spans: &mut Vec<Span>) {
        let run = std::mem::take(self);
        if run.digits >= MIN_NUMBER_DIGITS {
            spans.push(Span {
                range: run.range,
                label: "number",
            });
        }
    }
}

/// Returns the length of the date that the text starts with: `1990-01-31`,
/// `01/31/1990`, `31.1.90`, `90-01-31`, `Jan 31, 1990`, `31st of January 1990`,
/// each perhaps with a time behind a `T`.
///
/// A year of two digits makes a date only where no other number is joined to
/// it: `10.1.1.12` is an address of another kind.
fn date_length(text: &str, follows_number: bool) -> Option<usize> {
    use Part::{Month, Short, Year};

    let (first, rest) = Part::read(text)?;
    let (separator, rest) = Separator::read(rest);
    let (second, rest) = Part::read(rest)?;
    let (separator_too, rest) = Separator::read(rest);
    let (third, after) = Part::read(rest)?;
    let separators = [separator, separator_too];
    let is_date = match (first, second, third) {
        (Month, Short(_), Year | Short(_))
        | (Short(_), Month, Year | Short(_))
        | (Year, Month, Short(_)) => true,
        // Without signs, `1990 01 31` is found as a number of eight digits.
        (Short(_), Short(_), Year) | (Year, Short(_), Short(_)) => {
            !separators.contains(&Separator::Other)
        }
        (Short(a), Short(b), Short(c)) => {
            let is_alone = !follows_number && Separator::read(after).0 != Separator::Sign;
            // A year of one digit is none: `1.2.3` is a version.
            let has_two_digits = rest.len() - after.len() == 2;
            let is_date = is_day_and_month(a, b) || is_day_and_month(b, c);
            separators == [Separator::Sign; 2] && is_date && has_two_digits && is_alone
        }
        _ => false,
    };
    is_date.then(|| text.len() - after.len() + time_length(after))
}

/// Whether one of two numbers is a month and the other a day: which is which
/// depends on the country.
fn is_day_and_month(a: u8, b: u8) -> bool {
    (1..=12).contains(&a.min(b)) && a.max(b) <= 31
}

/// A part of a date.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Part {
    /// The name of a month, or its first three or more letters.
    Month,
    /// One or two digits: a day, a month, or a year without its century.
    Short(u8),
    /// Four digits.
    Year,
}

impl Part {
    /// Reads a part from the start of `text`, and returns the rest.
    fn read(text: &str) -> Option<(Self, &str)> {
        // `september` has nine letters: with ten, it is no part in any case.
        let length = |of: fn(&u8) -> bool| text.bytes().take(10).take_while(of).count();
        let digits = length(u8::is_ascii_digit);
        if digits > 0 {
            let (number, rest) = text.split_at(digits);
            return match digits {
                1 | 2 => {
                    let mut ordinal = ["st", "nd", "rd", "th"].iter();
                    let after = ordinal.find_map(|suffix| rest.strip_prefix(suffix));
                    Some((Self::Short(number.parse().ok()?), after.unwrap_or(rest)))
                }
                4 => Some((Self::Year, rest)),
                _ => None,
            };
        }
        let letters = length(u8::is_ascii_alphabetic);
        let (name, rest) = text.split_at(letters);
        let is_month = |month: &&str| {
            month
                .get(..letters)
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        (letters >= 3 && MONTHS.iter().any(is_month)).then_some((Self::Month, rest))
    }
}

/// What stands between two parts of a date.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Separator {
    /// A single sign, as between numbers.
    Sign,
    /// A sign and white space: `1. 2. 1990`.
    SpacedSign,
    /// Beside the name of a month: ` of `, or nothing.
    Other,
}

impl Separator {
    /// Reads a separator from the start of `text`, and returns the rest.
    fn read(text: &str) -> (Self, &str) {
        // Of the letters, the first two are Chinese and Japanese, the others Korean.
        let is_sign = |c: char| {
            matches!(
                c,
                '-' | '/' | '.' | '_' | '\u{2010}'
                    ..='\u{2015}' | '\u{2212}' | '\u{5E74}' | '\u{6708}' | '\u{B144}' | '\u{C6D4}'
            )
        };
        // As JSON and URLs escape a `/`.
        let signs = [text
            .strip_prefix('\\')
            .unwrap_or(text)
            .strip_prefix(is_sign)]
        .into_iter()
        .chain(["%2F", "%2f"].map(|escaped| text.strip_prefix(escaped)));
        if let Some(rest) = signs.flatten().find(|rest| Part::read(rest).is_some()) {
            return (Self::Sign, rest);
        }
        let mut separator = Self::Other;
        let mut rest = text;
        for _ in 0..3 {
            if let Some(after) = rest.strip_prefix(is_sign) {
                separator = Self::SpacedSign;
                rest = after;
            } else {
                rest = rest.strip_prefix([' ', ',']).unwrap_or(rest);
            }
        }
        (separator, rest.strip_prefix("of ").unwrap_or(rest))
    }
}

/// Returns the length of the time that follows a date, as in RFC 3339.
fn time_length(text: &str) -> usize {
    let is_time = |c: char| c.is_ascii_digit() || ":.,+-Zz".contains(c);
    let bytes = text.as_bytes();
    if !matches!(bytes, [b'T' | b't', digit, ..] if digit.is_ascii_digit()) {
        return 0;
    }
    // Bounded: a time with nanoseconds and an offset has 24 characters.
    let time: usize = text[1..]
        .chars()
        .take(40)
        .take_while(|c| is_time(*c))
        .count();
    text[..=time]
        .trim_end_matches(|c: char| !c.is_alphanumeric())
        .len()
}

/// Returns the index behind the first `n` characters, or the text's length.
pub(crate) fn nth_boundary(text: &str, n: usize) -> usize {
    text.char_indices().nth(n).map_or(text.len(), |(at, _)| at)
}

/// How many characters from `@` an e-mail address may start before what is
/// scanned ends. An address has at most 254 bytes.
const MAX_EMAIL_CHARS: usize = 320;

/// How many digits make a number that must not show.
const MIN_NUMBER_DIGITS: usize = 7;

/// How many characters other than letters may stand between two digits of a
/// number: more than in `+1 (555) - 123 - 4567`.
const MAX_NUMBER_GAP: usize = 8;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
