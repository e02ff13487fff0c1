//! The header row of a CSV, and the keys of JSON Lines: which column holds what.

use crate::csv::Cells;
use crate::draft::{Draft, Fault};
use crate::headings::{NAMES, REASON, guess, is_stripe, name_of};
use crate::hint::quoted;
use crate::lines::NOT_UTF8;

/// A heading or key that an option names: `--column email=E-mail`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ColumnOption {
    /// `id` or a field.
    pub(crate) name: &'static str,
    pub(crate) heading: String,
}

impl ColumnOption {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, heading) = text.split_once('=').unwrap_or((text, ""));
        let name = name_of(name).filter(|_| !heading.trim().is_empty());
        let name = name.ok_or_else(|| {
            format!(
                "must be FIELD=HEADING, with a field of {}",
                NAMES.join(", ")
            )
        })?;
        Ok(Self::new(name, heading.trim()))
    }

    fn new(name: &'static str, heading: &str) -> Self {
        Self {
            name,
            heading: heading.to_owned(),
        }
    }

    /// The option, as a shell takes it.
    fn addition(&self) -> String {
        format!("--column {}={}", self.name, quoted(&self.heading))
    }
}

/// What the options say of columns and keys.
#[derive(Default)]
pub(crate) struct Mapping {
    pub(crate) options: Vec<ColumnOption>,
    pub(crate) ignores_others: bool,
}

/// The columns of a CSV.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Columns {
    kinds: Vec<Column>,
    /// How many cells may be absent at the end of a row: those without a heading.
    pub(crate) optional: usize,
    /// Whether the last column is the one that `--failures` adds.
    pub(crate) has_reason: bool,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Column {
    /// The id or a field, by its name.
    Named(&'static str),
    /// Nothing: it has no heading, and stands at the end. Spreadsheets write such.
    Blank,
    Ignored,
}

/// What is wrong with a header, all of it, and the options that would help.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Report {
    pub(crate) faults: Vec<String>,
    /// As a shell takes them.
    pub(crate) options: Vec<String>,
}

impl Mapping {
    /// What the options or its name make of a heading or key.
    pub(crate) fn column_of(&self, heading: &str) -> Option<&'static str> {
        let mut options = self.options.iter();
        if let Some(option) = options.find(|option| option.heading == heading) {
            return Some(option.name);
        }
        name_of(heading).filter(|name| self.heading_of(name).is_none())
    }

    fn heading_of(&self, name: &str) -> Option<&str> {
        let mut options = self.options.iter();
        let option = options.find(|option| option.name == name)?;
        Some(&option.heading)
    }

    /// Whether a heading or key shows that the ids are Stripe's, where no option
    /// says which ids are ours.
    pub(crate) fn is_stripe(&self, heading: &str) -> bool {
        is_stripe(heading) && self.heading_of("id").is_none()
    }
}

impl Columns {
    /// Reads the header row. The report quotes a heading only where it is one that
    /// files have: where the header row is missing, its cells are a customer's data.
    pub(crate) fn from_headings(headings: &[String], mapping: &Mapping) -> Result<Self, Report> {
        let named = headings
            .iter()
            .map(|heading| mapping.column_of(heading).map(Column::Named));
        let mut columns: Vec<_> = named.collect();
        let mut optional = 0;
        // Spreadsheets add empty columns at the end, and `--failures` one of reasons.
        for (index, heading) in headings.iter().enumerate().rev() {
            match &**heading {
                "" => columns[index] = Some(Column::Blank),
                REASON if columns[index].is_none() => columns[index] = Some(Column::Ignored),
                _ => break,
            }
            optional += usize::from(
                columns[index] == Some(Column::Blank) && index + optional + 1 == columns.len(),
            );
        }
        let report = Report::of(headings, &columns, mapping);
        if !report.faults.is_empty() {
            return Err(report);
        }
        let columns = columns
            .into_iter()
            .map(|column| column.unwrap_or(Column::Ignored));
        Ok(Self {
            kinds: columns.collect(),
            optional,
            has_reason: headings.last().is_some_and(|last| last == REASON),
        })
    }

    /// Reads a row; `None` where all its cells are empty.
    pub(crate) fn read<'a>(&self, cells: &'a Cells) -> Option<Draft<'a>> {
        let cells = cells.iter();
        let (expected, found) = (self.kinds.len(), cells.len());
        if !(expected - self.optional..=expected).contains(&found) {
            let cells = if found == 1 { "cell" } else { "cells" };
            return Some(Draft::bad(format!(
                "the line has {found} {cells}, and the header has {expected}"
            )));
        }
        let mut draft = Draft::default();
        let mut is_empty = true;
        for (column, cell) in self.kinds.iter().zip(cells) {
            if cell.is_empty() {
                continue;
            }
            is_empty = false;
            let name = match column {
                Column::Named(name) => *name,
                Column::Blank => {
                    draft.faults.push(Fault::of_record("a cell has no heading"));
                    continue;
                }
                Column::Ignored => continue,
            };
            let Ok(cell) = str::from_utf8(cell) else {
                draft.faults.push(Fault::of_record(NOT_UTF8));
                continue;
            };
            match name {
                "id" => draft.id = Some(cell.into()),
                field => draft.values.push((field, cell.into())),
            }
        }
        if draft.id.is_none() && draft.faults.is_empty() {
            draft.faults.push(Fault::of_field("id", "is missing"));
        }
        (!is_empty).then_some(draft)
    }

    pub(crate) fn len(&self) -> usize {
        self.kinds.len()
    }

    /// The numbers of the columns that are not read, though they have a heading.
    pub(crate) fn ignored(&self) -> Vec<usize> {
        let columns = self.kinds.iter().enumerate();
        let ignored = columns.filter(|(_, column)| **column == Column::Ignored);
        ignored.map(|(index, _)| index + 1).collect()
    }
}

impl Report {
    /// All that is wrong with the headings of these columns, of which `None` is not
    /// known.
    fn of(headings: &[String], columns: &[Option<Column>], mapping: &Mapping) -> Self {
        let mut report = Self::default();
        for option in &mapping.options {
            if headings.contains(&option.heading) {
                report.options.push(option.addition());
            } else {
                let ColumnOption { name, heading } = option;
                report
                    .faults
                    .push(format!("no heading is {heading:?}, to be {name}"));
            }
        }
        let mut others: Vec<_> = (0..columns.len())
            .filter(|index| columns[*index].is_none())
            .collect();
        let mut guesses = Vec::new();
        let mut held = Vec::new();
        for name in NAMES {
            let columns = columns
                .iter()
                .filter(|column| **column == Some(Column::Named(name)));
            match columns.count() {
                0 => {
                    let like = others.iter().copied();
                    let like = like.filter(|index| guess(&headings[*index]) == Some(name));
                    guesses.push((name, like.collect::<Vec<_>>()));
                }
                1 => held.push(name),
                _ => {
                    held.push(name);
                    report
                        .faults
                        .push(format!("there are two columns of {name}"));
                }
            }
        }
        if headings.iter().any(|heading| mapping.is_stripe(heading)) {
            report.faults.push(STRIPE.to_owned());
            report.needs_id();
            guesses.retain(|(name, _)| *name != "id");
        }
        let is_complete = report.faults.is_empty() && held.contains(&"id");
        if is_complete && (mapping.ignores_others || others.is_empty()) && held.len() > 1 {
            return report;
        }
        for (name, like) in guesses {
            match *like {
                [index] => {
                    let (number, heading) = (index + 1, &headings[index]);
                    report
                        .faults
                        .push(format!("column {number}, {heading}, may be {name}"));
                    report
                        .options
                        .push(ColumnOption::new(name, heading).addition());
                    others.retain(|other| *other != index);
                    held.push(name);
                }
                [first, second, ..] => report.faults.push(format!(
                    "columns {} and {} may both be {name}: choose one",
                    first + 1,
                    second + 1
                )),
                [] if name == "id" => report.faults.push("there is no column id".to_owned()),
                [] => {}
            }
            if name == "id" && !held.contains(&name) {
                report.needs_id();
            }
        }
        if held.iter().all(|name| *name == "id") {
            report.faults.push("there is no field to change".to_owned());
        }
        if !others.is_empty() {
            if !mapping.ignores_others {
                let numbers: Vec<_> = others.iter().map(|index| (index + 1).to_string()).collect();
                report.faults.push(format!(
                    "columns that are none of {}: {}",
                    NAMES.join(", "),
                    numbers.join(", ")
                ));
            }
            report.options.push(IGNORE_OTHERS.to_owned());
        }
        report
    }

    /// Leaves it to the user which column has the ids.
    fn needs_id(&mut self) {
        self.options.push(ID_HEADING.to_owned());
    }

    /// Whether the options leave a heading open.
    pub(crate) fn needs_heading(&self) -> bool {
        self.options.iter().any(|option| option == ID_HEADING)
    }
}

const ID_HEADING: &str = "--column id=HEADING";
pub(crate) const IGNORE_OTHERS: &str = "--ignore-other-columns";

const STRIPE: &str = "a heading is of Stripe, whose ids have the form of Soap's and are others: \
    name the column of Soap's ids, by --column id=HEADING";

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(options: &[&str], ignores_others: bool) -> Mapping {
        let options = options
            .iter()
            .map(|option| ColumnOption::parse(option).unwrap());
        Mapping {
            options: options.collect(),
            ignores_others,
        }
    }

    fn read(headings: &str, mapping: &Mapping) -> Result<Columns, Report> {
        let headings: Vec<_> = headings.split(',').map(str::to_owned).collect();
        Columns::from_headings(&headings, mapping)
    }

    #[test]
    fn columns_are_those_that_are_named() {
        use Column::{Blank, Ignored, Named};

        for (headings, options, expected, optional) in [
            ("id,email", &[][..], &[Named("id"), Named("email")][..], 0),
            ("email,id,", &[], &[Named("email"), Named("id"), Blank], 1),
            (
                "id,email,,,reason",
                &[],
                &[Named("id"), Named("email"), Blank, Blank, Ignored],
                0,
            ),
            (
                "id,email,reason,",
                &[],
                &[Named("id"), Named("email"), Ignored, Blank],
                1,
            ),
            (
                "A,id,B,email",
                &["id=A", "email=B"],
                &[Named("id"), Ignored, Named("email"), Ignored],
                0,
            ),
            (
                ",id,reason,email",
                &[],
                &[Ignored, Named("id"), Ignored, Named("email")],
                0,
            ),
            (
                "id,Created (UTC),email",
                &["id=id"],
                &[Named("id"), Ignored, Named("email")],
                0,
            ),
            (
                "id,reason",
                &["last_name=reason"],
                &[Named("id"), Named("last_name")],
                0,
            ),
        ] {
            let columns = read(headings, &mapping(options, true)).unwrap();
            assert_eq!(
                (&*columns.kinds, columns.optional),
                (expected, optional),
                "{headings}"
            );
        }
    }

    #[test]
    fn all_that_is_wrong_is_reported_at_once() {
        let none = "columns that are none of id, email, first_name, last_name, phone_number, \
            date_of_birth: ";
        for (headings, options, ignores_others, faults, command) in [
            (
                "Customer ID,E-mail,Note",
                &[][..],
                false,
                &[
                    "column 1, Customer ID, may be id",
                    "column 2, E-mail, may be email",
                    &format!("{none}3"),
                ][..],
                "--column id='Customer ID' --column email=E-mail --ignore-other-columns",
            ),
            (
                "Customer ID,E-mail,Note",
                &["id=Customer ID", "email=Mail"],
                true,
                &[
                    "no heading is \"Mail\", to be email",
                    "column 2, E-mail, may be email",
                ],
                "--column id='Customer ID' --column email=E-mail --ignore-other-columns",
            ),
            (
                "email",
                &[],
                false,
                &["there is no column id"],
                "--column id=HEADING",
            ),
            ("id", &[], false, &["there is no field to change"], ""),
            (
                "id,id,email",
                &[],
                false,
                &["there are two columns of id"],
                "",
            ),
            (
                "id,Phone,Mobile",
                &[],
                false,
                &[
                    "columns 2 and 3 may both be phone_number: choose one",
                    "there is no field to change",
                    &format!("{none}2, 3"),
                ],
                "--ignore-other-columns",
            ),
            (
                "id,email,Created (UTC)",
                &[],
                true,
                &[STRIPE],
                "--column id=HEADING --ignore-other-columns",
            ),
            (
                "id,email,,reason,x",
                &[],
                false,
                &[&format!("{none}3, 4, 5")],
                "--ignore-other-columns",
            ),
        ] {
            let report = read(headings, &mapping(options, ignores_others)).unwrap_err();
            assert_eq!(report.faults, faults, "{headings}");
            assert_eq!(report.options.join(" "), command, "{headings}");
        }
    }
}
