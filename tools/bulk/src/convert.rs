//! Conversions that the user asks for: never one by guess.

use std::borrow::Cow;

use time::Date;
use time::format_description::{
    BorrowedFormatItem, Component, OwnedFormatItem, parse_strftime_borrowed,
};

/// How dates of birth are written, `%m/%d/%Y` for example.
#[derive(Clone, Debug)]
pub(crate) struct DateFormat {
    /// As the user wrote it.
    text: String,
    items: OwnedFormatItem,
}

impl DateFormat {
    /// Reads a format of strftime. It has a day, a month and a year of four digits,
    /// and no other part.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let relaxed = relax(text);
        let parsed = parse_strftime_borrowed(&relaxed);
        let parsed = parsed.map_err(|_| format!("{USE}: it is no format of strftime"))?;
        let mut items = Vec::new();
        flatten(parsed, &mut items);
        let (mut days, mut months, mut years) = (0, 0, 0);
        for item in &mut items {
            let BorrowedFormatItem::Component(component) = item else {
                continue;
            };
            match component {
                Component::Day(_) => days += 1,
                Component::MonthNumerical(_) => months += 1,
                Component::MonthShort(month) => {
                    months += 1;
                    *month = month.with_case_sensitive(false);
                }
                Component::MonthLong(month) => {
                    months += 1;
                    *month = month.with_case_sensitive(false);
                }
                Component::CalendarYearFullStandardRange(_)
                | Component::CalendarYearFullExtendedRange(_) => years += 1,
                Component::CalendarYearLastTwo(_) => return Err(TWO_DIGITS.to_owned()),
                _ => return Err(format!("{USE}, and no other part of a date or time")),
            }
        }
        if (days, months, years) != (1, 1, 1) {
            return Err(format!("{USE}, each once"));
        }
        Ok(Self {
            text: text.to_owned(),
            items: OwnedFormatItem::from(items.as_slice()),
        })
    }

    /// Returns the date as the API wants it, or what is wrong.
    fn convert(&self, value: &str) -> Result<String, String> {
        let date = Date::parse(value, &self.items).ok();
        // time reads a year with a sign, too.
        let date = date.filter(|date| date.year() > 0 && !value.contains('+'));
        let date = date.ok_or_else(|| format!("must be a date written {}", self.text))?;
        let (year, month, day) = date.to_calendar_date();
        Ok(format!("{year:04}-{:02}-{day:02}", u8::from(month)))
    }
}

/// The conversions of a run.
#[derive(Default)]
pub(crate) struct Conversions {
    pub(crate) date_format: Option<DateFormat>,
    pub(crate) us_phone: bool,
}

impl Conversions {
    /// Returns what a value of a field becomes, `None` where it stays as it is; or
    /// what is wrong with it.
    pub(crate) fn convert(
        &self,
        field: &str,
        value: &str,
    ) -> Result<Option<String>, Cow<'static, str>> {
        let converted = match (field, &self.date_format) {
            ("date_of_birth", Some(format)) => Some(format.convert(value)?),
            ("phone_number", _) if self.us_phone => us_phone(value),
            _ => None,
        };
        Ok(converted.filter(|converted| converted != value))
    }
}

/// Returns the ten digits of a number as people of the USA write it; `None` where it
/// is not written so, and is to be checked as it is.
///
/// Something stands between area code, exchange and line only: anywhere else it is
/// another number, as in `551 234 567-0`.
fn us_phone(value: &str) -> Option<String> {
    // A number, as a spreadsheet writes it.
    if value.contains('.') && value.parse::<f64>().is_ok() {
        return None;
    }
    let rest = value.strip_prefix('+').unwrap_or(value);
    let count = value.bytes().filter(u8::is_ascii_digit).count();
    let has_code = count == 11 && rest.starts_with('1');
    if count != 10 + usize::from(has_code) || value.len() > rest.len() && !has_code {
        return None;
    }
    let rest = rest.strip_prefix('1').filter(|_| has_code).unwrap_or(rest);
    let mut digits = String::with_capacity(10);
    let mut is_in_brackets = false;
    for c in rest.chars() {
        match (c, digits.len()) {
            ('0'..='9', _) => digits.push(c),
            ('(', 0) if !is_in_brackets => is_in_brackets = true,
            (')', 3) if is_in_brackets => is_in_brackets = false,
            (' ' | '-' | '.', 0) if has_code => {}
            (' ' | '-' | '.', 3 | 6) if !is_in_brackets => {}
            _ => return None,
        }
    }
    Some(digits).filter(|_| !is_in_brackets)
}

fn flatten<'a>(items: Vec<BorrowedFormatItem<'a>>, flat: &mut Vec<BorrowedFormatItem<'a>>) {
    for item in items {
        match item {
            BorrowedFormatItem::Compound(items) => flatten(items.to_vec(), flat),
            item => flat.push(item),
        }
    }
}

/// The format with day and month of one digit or two, where no other digit follows.
fn relax(format: &str) -> String {
    let mut relaxed = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        relaxed.push_str(before);
        relaxed.push('%');
        let mut chars = after.chars();
        let component = chars.next();
        let is_separated = chars.next().is_none_or(|c| c != '%' && !c.is_ascii_digit());
        if is_separated && matches!(component, Some('d' | 'm')) {
            relaxed.push('-');
        }
        relaxed.extend(component);
        rest = component.map_or("", |component| &after[component.len_utf8()..]);
    }
    relaxed + rest
}

const USE: &str = "must have %Y, one of %m, %b and %B, and %d";
const TWO_DIGITS: &str = "must have %Y, a year of four digits: two digits may be of either century";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_the_format_says() {
        for (format, value, date) in [
            ("%m/%d/%Y", "01/31/1990", Some("1990-01-31")),
            ("%m/%d/%Y", "1/2/1990", Some("1990-01-02")),
            ("%d.%m.%Y", "31.1.1990", Some("1990-01-31")),
            ("%Y%m%d", "19900131", Some("1990-01-31")),
            ("%Y%m%d", "1990131", None),
            ("%b %d, %Y", "jan 2, 1990", Some("1990-01-02")),
            ("%d %B %Y", "2 January 1990", Some("1990-01-02")),
            ("%F", "1990-01-31", Some("1990-01-31")),
            ("%m/%d/%Y 0:00", "1/2/1990 0:00", Some("1990-01-02")),
            ("%m/%d/%Y", "1/2/1990 0:00", None),
            ("%m/%d/%Y", "13/01/1990", None),
            ("%m/%d/%Y", "02/30/1990", None),
            ("%m/%d/%Y", "1/2/90", None),
            ("%m/%d/%Y", "1/2/0000", None),
            ("%m/%d/%Y", "1/2/+1990", None),
            ("%m/%d/%Y", "1/2/-1990", None),
            ("%m/%d/%Y", "001/2/1990", None),
            ("%m/%d/%Y", " 1/2/1990", None),
            ("%m/%d/%Y", "1990-01-02", None),
            ("%m/%d/%Y", "", None),
        ] {
            let found = DateFormat::parse(format).unwrap().convert(value);
            assert_eq!(found.ok().as_deref(), date, "{format} {value}");
        }
    }

    #[test]
    fn a_format_has_day_month_and_whole_year() {
        for format in ["%y-%m-%d", "%D", "%x", "%m/%d/%y", "%Y %y %m %d"] {
            assert_eq!(
                DateFormat::parse(format).unwrap_err(),
                TWO_DIGITS,
                "{format}"
            );
        }
        for format in [
            "",
            "%",
            "%Q",
            "%Y",
            "%m/%d",
            "%d/%d/%Y",
            "%Y-%m-%d %H",
            "%s",
            "MM/DD/YYYY",
        ] {
            let message = DateFormat::parse(format).unwrap_err();
            assert!(message.starts_with(USE), "{format}: {message}");
        }
    }

    #[test]
    fn phones_are_read_as_in_the_usa() {
        for value in [
            "5551234567",
            "555-123-4567",
            "(555) 123-4567",
            "(555)123-4567",
            "555.123.4567",
            "555 123 4567",
            "555 - 123 - 4567",
            "555-1234567",
            "15551234567",
            "+15551234567",
            "+1 (555) 123-4567",
            "1-555-123-4567",
            "+1.555.123.4567",
        ] {
            assert_eq!(us_phone(value).as_deref(), Some("5551234567"), "{value}");
        }
        for value in [
            "",
            "551234567.0",
            "5551234567.0",
            "1551234567.0",
            "1.5551234567",
            "555.1234567",
            "551234567",
            "5.551234567E+09",
            "5,551,234,567",
            "=\"5551234567\"",
            "'5551234567",
            " 5551234567",
            "5551234567 ",
            "55-51-23-45-67",
            "+5551234567",
            "+44 5551234567",
            "001 555 123 4567",
            "25551234567",
            "555-123-4567 x1",
            "(555 123-4567",
            "555) 123-4567",
            "((555) 123-4567",
            "555-123-456\u{0667}",
        ] {
            assert_eq!(us_phone(value), None, "{value}");
        }
    }
}
