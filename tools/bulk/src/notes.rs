//! What is worth knowing of the records that are sent, or would be.

use std::borrow::Cow;

use crate::placeholder::Oddity;

/// What was seen in an input so far.
#[derive(Default)]
pub(crate) struct Notes {
    /// The numbers of the columns that are not read.
    pub(crate) ignored: Vec<usize>,
    /// The cells of the first rows that were converted, as written and as sent.
    preview: Vec<String>,
    /// How many rows the preview shows.
    rows: usize,
    /// How many values of a field were converted.
    converted: Vec<(&'static str, u64)>,
    /// How many names are odd, and the line of the first, in the order of
    /// [`Oddity::ALL`].
    odd: [(u64, u64); Oddity::ALL.len()],
}

/// A value that was converted.
pub(crate) struct Conversion<'a> {
    pub(crate) field: &'static str,
    pub(crate) written: &'a str,
    pub(crate) sent: String,
}

impl Notes {
    /// Takes note of a record that is sent, or would be: its fields as they are
    /// written, and those of them that were converted.
    pub(crate) fn add(
        &mut self,
        line: u64,
        values: &[(&'static str, Cow<str>)],
        conversions: &[Conversion],
    ) {
        let names = values.iter().filter(|(field, _)| field.ends_with("_name"));
        for oddity in names.filter_map(|(_, name)| Oddity::of(name)) {
            let (count, first) = &mut self.odd[oddity as usize];
            *first = if *count == 0 { line } else { *first };
            *count += 1;
        }
        let is_shown = self.rows < MAX_ROWS;
        self.rows += usize::from(is_shown && !conversions.is_empty());
        for Conversion {
            field,
            written,
            sent,
        } in conversions
        {
            if is_shown {
                let shown = format!("line {line}: {field} {written:?} becomes {sent:?}");
                self.preview.push(shown);
            }
            match self.converted.iter_mut().find(|(name, _)| name == field) {
                Some((_, count)) => *count += 1,
                None => self.converted.push((field, 1)),
            }
        }
    }

    /// What there is to say at the end of a run; of customers' data only in a dry run.
    pub(crate) fn lines(&self, is_dry_run: bool) -> Vec<String> {
        let preview = self.preview.iter().filter(|_| is_dry_run).cloned();
        let mut lines: Vec<_> = preview.collect();
        for (field, count) in &self.converted {
            lines.push(format!("converted values of {field}: {count}"));
        }
        for (oddity, (count, first)) in Oddity::ALL.iter().zip(self.odd) {
            if count > 0 {
                lines.push(format!(
                    "{}: {count}, the first on line {first}",
                    oddity.text()
                ));
            }
        }
        if !self.ignored.is_empty() {
            let numbers: Vec<_> = self.ignored.iter().map(usize::to_string).collect();
            lines.push(format!("columns that were ignored: {}", numbers.join(", ")));
        }
        lines
    }
}

/// How many rows the preview of a dry run shows.
const MAX_ROWS: usize = 10;
