//! What was read of a record, on its way to an update: converted and checked.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use paywithsoap::{CustomerPatch, Violation, validate};

use crate::convert::Conversions;
use crate::headings::NAMES;
use crate::input::{Content, Update};
use crate::notes::{Conversion, Notes};
use crate::placeholder;

/// What was read of a record.
#[derive(Default)]
pub(crate) struct Draft<'a> {
    pub(crate) id: Option<Cow<'a, str>>,
    /// The fields that it has, and their values as they are written.
    pub(crate) values: Vec<(&'static str, Cow<'a, str>)>,
    /// Why it is no update, whatever the values are.
    pub(crate) faults: Vec<Fault>,
}

/// One thing that is wrong with a record. All of them are reported, in the order
/// of the fields.
///
/// Its `Display` is the whole message, for the results. [`Fault::reason`] leaves
/// out the detail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    /// `id`, one of the fields, or `patch`; `None` for the record as a whole.
    pub(crate) field: Option<&'static str>,
    /// What is wrong: without a customer's data, and the same for all of its kind.
    pub(crate) rule: Cow<'static, str>,
    /// What else is known of this one, such as the name of a key.
    pub(crate) detail: String,
}

impl Draft<'_> {
    /// A record of which nothing can be read.
    pub(crate) fn bad(rule: impl Into<Cow<'static, str>>) -> Self {
        Self::from(Fault::of_record(rule))
    }

    /// Converts and checks the values of the record of this line.
    pub(crate) fn finish(
        self,
        line: u64,
        conversions: &Conversions,
        notes: &Mutex<Notes>,
    ) -> Content {
        let Self {
            id,
            values,
            mut faults,
        } = self;
        let mut patch = CustomerPatch::new();
        let mut wrong = Vec::new();
        let mut converted = Vec::new();
        for (field, written) in &values {
            let value = match placeholder::rule(field, written) {
                Some(rule) => Err(rule.into()),
                None => conversions.convert(field, written),
            };
            match value {
                Ok(None) => patch = set(patch, field, written),
                Ok(Some(sent)) => {
                    patch = set(patch, field, &sent);
                    converted.push(Conversion {
                        field,
                        written,
                        sent,
                    });
                }
                Err(rule) => wrong.push(Fault::of_field(field, rule)),
            }
        }
        let is_readable = faults.is_empty();
        faults.extend(wrong);
        let checked = match &id {
            Some(id) => validate(id, &patch),
            None => patch.validate(),
        };
        if let Err(error) = checked {
            let violations = error.violations().iter().map(Fault::from);
            // Where a value is wrong, or none was read, it is no news that none is left.
            let is_empty = faults.is_empty();
            faults.extend(violations.filter(|fault| is_empty || fault.field != Some("patch")));
        }
        faults.sort_by_key(|fault| NAMES.iter().position(|name| fault.field == Some(name)));
        match (id, patch.to_json()) {
            (Some(id), Ok(body)) if faults.is_empty() => {
                let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
                notes.add(line, &values, &converted);
                Content::Update(Box::new(Update {
                    id: id.into_owned(),
                    patch,
                    body,
                }))
            }
            (Some(id), _) if is_readable => Content::Invalid {
                id: id.into_owned(),
                faults,
            },
            _ => Content::Bad(faults),
        }
    }
}

/// The patch with another field, one of [`NAMES`].
fn set(patch: CustomerPatch, field: &str, value: &str) -> CustomerPatch {
    match field {
        "email" => patch.email(value),
        "first_name" => patch.first_name(value),
        "last_name" => patch.last_name(value),
        "phone_number" => patch.phone_number(value),
        "date_of_birth" => patch.date_of_birth(value),
        _ => unreachable!("no column has another name"),
    }
}

impl Fault {
    pub(crate) fn of_field(field: &'static str, rule: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: Some(field),
            ..Self::of_record(rule)
        }
    }

    pub(crate) fn of_record(rule: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: None,
            rule: rule.into(),
            detail: String::new(),
        }
    }

    /// The message without the detail, to be shown and to be counted by.
    pub(crate) fn reason(&self) -> String {
        match self.field {
            Some(field) => format!("{field} {}", self.rule),
            None => self.rule.clone().into_owned(),
        }
    }
}

impl From<Fault> for Draft<'_> {
    fn from(fault: Fault) -> Self {
        Self {
            faults: vec![fault],
            ..Self::default()
        }
    }
}

impl From<&Violation> for Fault {
    fn from(violation: &Violation) -> Self {
        Self {
            field: Some(violation.field()),
            rule: violation.rule().into(),
            detail: String::new(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.reason(), self.detail)
    }
}
