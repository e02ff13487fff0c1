//! CSV: a header row, then a customer on each line.

use csv::{ReaderBuilder, StringRecord, Terminator};
use paywithsoap::CustomerPatch;

/// The columns that a header names.
pub(crate) struct Columns(Vec<&'static str>);

impl Columns {
    /// Reads the header row. The message quotes no cell: where the header is
    /// missing, its cells are a customer's data.
    pub(crate) fn from_header(text: &str) -> Result<Self, String> {
        if let Err(reason) = check_quotes(text, Spaces::Allowed) {
            // Another separator behind a closing quote is what is wrong then.
            return Err(wrong_separator(text).unwrap_or(reason).to_owned());
        }
        let cells = cells(text, b',')?;
        let mut columns = Vec::with_capacity(cells.len());
        for (index, cell) in cells.iter().enumerate() {
            let number = index + 1;
            let name = header_name(cell);
            let Some(column) = NAMES.into_iter().find(|column| *column == name) else {
                return Err(unknown_column(text, number, name));
            };
            if columns.contains(&column) {
                return Err(format!("the header has column {column} twice"));
            }
            columns.push(column);
        }
        if !columns.contains(&"id") {
            return Err("the header has no column id".to_owned());
        }
        Ok(Self(columns))
    }

    /// Reads a row: its id and what it changes, or `None` where all its cells
    /// are empty.
    pub(crate) fn read(&self, text: &str) -> Result<Option<(String, CustomerPatch)>, String> {
        check_quotes(text, Spaces::Rejected)?;
        let cells = cells(text, b',')?;
        let (expected, found) = (self.0.len(), cells.len());
        if found != expected {
            let cells = if found == 1 { "cell" } else { "cells" };
            return Err(format!(
                "the line has {found} {cells}, and the header has {expected}"
            ));
        }
        if cells.iter().all(str::is_empty) {
            return Ok(None);
        }
        let mut id = None;
        let mut patch = CustomerPatch::new();
        for (column, cell) in self.0.iter().zip(&cells) {
            if cell.is_empty() {
                continue;
            }
            patch = match *column {
                "email" => patch.email(cell),
                "first_name" => patch.first_name(cell),
                "last_name" => patch.last_name(cell),
                "phone_number" => patch.phone_number(cell),
                "date_of_birth" => patch.date_of_birth(cell),
                _ => {
                    id = Some(cell.to_owned());
                    patch
                }
            };
        }
        let id = id.ok_or("id is missing")?;
        Ok(Some((id, patch)))
    }
}

/// Whether a line that is not JSON looks like the header of a CSV.
pub(crate) fn is_header(text: &str) -> bool {
    [b',', b';', b'\t'].into_iter().any(|delimiter| {
        let cells = cells(text, delimiter);
        cells.is_ok_and(|cells| cells.iter().any(|cell| header_name(cell) == "id"))
    })
}

/// Whether there may be white space around a quoted cell.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Spaces {
    Allowed,
    Rejected,
}

/// Rejects text around a quoted cell. The csv crate accepts it, and drops some of
/// the quotes: a customer's name would change silently.
fn check_quotes(line: &str, spaces: Spaces) -> Result<(), &'static str> {
    let mut rest = line;
    loop {
        let cell = rest.trim_start_matches(is_space);
        let Some(quoted) = cell.strip_prefix('"') else {
            match rest.split_once(',') {
                Some((_, next)) => rest = next,
                None => return Ok(()),
            }
            continue;
        };
        if spaces == Spaces::Rejected && cell.len() < rest.len() {
            return Err(SPACE_BEFORE_QUOTE);
        }
        let mut end = after_quoted(quoted).ok_or(UNCLOSED_QUOTE)?;
        if spaces == Spaces::Allowed {
            end = end.trim_start_matches(is_space);
        }
        if end.is_empty() {
            return Ok(());
        }
        rest = end.strip_prefix(',').ok_or(TEXT_AFTER_QUOTE)?;
    }
}

/// What follows the closing quote of a cell, given what follows the opening one.
fn after_quoted(mut text: &str) -> Option<&str> {
    loop {
        let (_, rest) = text.split_once('"')?;
        match rest.strip_prefix('"') {
            Some(next) => text = next,
            None => return Some(rest),
        }
    }
}

/// White space, or a byte order mark, which the csv crate drops at the start.
fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '\u{FEFF}'
}

/// The cells of one line, with the csv crate's reading of quotes.
fn cells(text: &str, delimiter: u8) -> Result<StringRecord, String> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        // A carriage return in the middle of a line is data.
        .terminator(Terminator::Any(b'\n'))
        .buffer_capacity(text.len())
        .from_reader(text.as_bytes());
    let mut cells = StringRecord::new();
    let read = reader.read_record(&mut cells);
    read.map_err(|_| "the line is not CSV".to_owned())?;
    Ok(cells)
}

/// A header's cell without what spreadsheets and people put around it.
fn header_name(cell: &str) -> &str {
    let cell = cell.trim();
    let quoted = cell.strip_prefix('"').and_then(|c| c.strip_suffix('"'));
    quoted.unwrap_or(cell).trim()
}

/// What to do where something else than a comma or a line feed separates.
fn wrong_separator(header: &str) -> Option<&'static str> {
    for (delimiter, hint) in [
        (
            b';',
            "the header is separated by semicolons: separate the cells by commas",
        ),
        (
            b'\t',
            "the header is separated by tabs: separate the cells by commas",
        ),
    ] {
        if !header.contains(',') && cells(header, delimiter).is_ok_and(|cells| cells.len() > 1) {
            return Some(hint);
        }
    }
    header
        .contains('\r')
        .then_some("the lines end in a bare carriage return: save the file with LF or CRLF")
}

/// Why the column of this number and name is none, and what to do.
fn unknown_column(header: &str, number: usize, name: &str) -> String {
    if let Some(hint) = wrong_separator(header) {
        return hint.to_owned();
    }
    if let Some(known) = similar(name) {
        return format!("column {number} of the header must be spelt {known}");
    }
    let names = NAMES.join(", ");
    let cells = cells(header, b',').unwrap_or_default();
    if cells.iter().any(|cell| similar(cell).is_some()) {
        format!("column {number} of the header must be one of {names}")
    } else {
        format!("column {number} of the header is none of {names}: is the header row missing?")
    }
}

/// The column that a header's cell names, however it is spelt.
fn similar(cell: &str) -> Option<&'static str> {
    let letters = |name: &str| {
        name.replace(|c: char| !c.is_alphanumeric(), "")
            .to_lowercase()
    };
    let cell = letters(cell);
    NAMES.into_iter().find(|name| letters(name) == cell)
}

const UNCLOSED_QUOTE: &str = "a quote is not closed on this line: a cell cannot have a line break";
const TEXT_AFTER_QUOTE: &str = "a closing quote must be followed by a comma or the end of the \
    line: write a quote within a quoted cell twice";
const SPACE_BEFORE_QUOTE: &str =
    "an opening quote must stand right behind the comma: remove the white space before it";

/// The columns that there are, and the keys in JSON Lines: the id, then the fields.
pub(crate) const NAMES: [&str; 6] = [
    "id",
    "email",
    "first_name",
    "last_name",
    "phone_number",
    "date_of_birth",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_tolerantly() {
        for header in [
            "id,email",
            " id , email ",
            "\"id\",\"email\"",
            " \"id\", \" email\"",
            "\"id\" ,\t\"email\"\r",
        ] {
            let columns = Columns::from_header(header);
            assert_eq!(columns.map(|c| c.0), Ok(vec!["id", "email"]), "{header}");
        }
    }

    #[test]
    fn wrong_headers_have_a_hint() {
        let names = "id, email, first_name, last_name, phone_number, date_of_birth";
        for (header, message) in [
            ("email", "the header has no column id"),
            ("id,email,id", "the header has column id twice"),
            ("id, email,email ", "the header has column email twice"),
            ("id,E-Mail", "column 2 of the header must be spelt email"),
            (
                "id,FirstName",
                "column 2 of the header must be spelt first_name",
            ),
            (
                "id,First Name",
                "column 2 of the header must be spelt first_name",
            ),
            ("ID,email", "column 1 of the header must be spelt id"),
            (
                "id,,email",
                &format!("column 2 of the header must be one of {names}"),
            ),
            (
                "name,ID",
                &format!("column 1 of the header must be one of {names}"),
            ),
            (
                "cus_1,jane@example.com",
                &format!("column 1 of the header is none of {names}: is the header row missing?"),
            ),
            (
                "id;email",
                "the header is separated by semicolons: separate the cells by commas",
            ),
            (
                "id\temail",
                "the header is separated by tabs: separate the cells by commas",
            ),
            (
                "id,email\rcus_1,a@x.example",
                "the lines end in a bare carriage return: save the file with LF or CRLF",
            ),
            (
                "\"id\";\"email\"",
                "the header is separated by semicolons: separate the cells by commas",
            ),
            (
                "\"id\"\t\"email\"",
                "the header is separated by tabs: separate the cells by commas",
            ),
            (
                "\"id\",\"email\"\r\"cus_1\",\"a@x.example\"",
                "the lines end in a bare carriage return: save the file with LF or CRLF",
            ),
            ("id,\"email", UNCLOSED_QUOTE),
            ("id, \"email", UNCLOSED_QUOTE),
            ("id,\"em\"ail\"", TEXT_AFTER_QUOTE),
            ("id, \"\"email\"\"", TEXT_AFTER_QUOTE),
            ("id,email\"", "column 2 of the header must be spelt email"),
            (
                "id, \"email,first_name\"",
                "column 2 of the header must be spelt email",
            ),
        ] {
            let read = Columns::from_header(header).map(|columns| columns.0);
            assert_eq!(read, Err(message.to_owned()), "{header}");
        }
    }

    #[test]
    fn quotes_are_checked_before_cells_are_read() {
        let ok = Ok(());
        let after = Err(TEXT_AFTER_QUOTE);
        let before = Err(SPACE_BEFORE_QUOTE);
        let unclosed = Err(UNCLOSED_QUOTE);
        // What a row makes of it, and a header.
        for (line, row, header) in [
            ("a,b", ok, ok),
            (",", ok, ok),
            (r#""","#, ok, ok),
            (r#""a","b, c""#, ok, ok),
            (r#""a ""b""","""","""""#, ok, ok),
            (r#"A"n"n,5' 10""#, ok, ok),
            (r#"a ,b"",c "d""#, ok, ok),
            (r#"a,"O"Brien""#, after, after),
            (r#"a,"Ja"ne"#, after, after),
            (r#""Jane, "Doe,"#, after, after),
            (r#""a"";"b""#, after, after),
            (r#""Ann" ,b"#, after, ok),
            (r#""Ann" "#, after, ok),
            (r#"a, "Ann""#, before, ok),
            ("\u{A0}\"Ann\"", before, ok),
            ("\u{FEFF}\"Ann\"", before, ok),
            (r#"a, "Ann"#, before, unclosed),
            (r#"a,""#, unclosed, unclosed),
            (r#""a,b"#, unclosed, unclosed),
            (r#"a,"b"""#, unclosed, unclosed),
        ] {
            assert_eq!(check_quotes(line, Spaces::Rejected), row, "{line}");
            assert_eq!(check_quotes(line, Spaces::Allowed), header, "{line}");
        }
    }

    #[test]
    fn rows_become_an_id_and_a_patch() {
        let columns = Columns::from_header("email,id,last_name").unwrap();
        let read = |row| columns.read(row);
        let (id, patch) = read(r#"a@x.example,cus_1,"Doe, ""Jr."" ""#)
            .unwrap()
            .unwrap();
        assert_eq!(id, "cus_1");
        let expected = r#"{"email":"a@x.example","last_name":"Doe, \"Jr.\" "}"#;
        assert_eq!(patch.to_json().unwrap(), expected);
        let (_, patch) = read(",cus_1,").unwrap().unwrap();
        assert!(patch.is_empty());
        for row in [",,", r#","","#] {
            assert!(read(row).unwrap().is_none(), "{row}");
        }
        for (row, message) in [
            ("a@x.example,,Doe", "id is missing"),
            (
                "a@x.example,cus_1",
                "the line has 2 cells, and the header has 3",
            ),
            ("a", "the line has 1 cell, and the header has 3"),
            ("a,cus_1,b,", "the line has 4 cells, and the header has 3"),
            (r#"a@x.example,cus_1,"Doe"#, UNCLOSED_QUOTE),
            (r#""a@x.example,cus_1,Doe"#, UNCLOSED_QUOTE),
            (r#"a@x.example,cus_1,"D"oe"#, TEXT_AFTER_QUOTE),
            (r#"a@x.example,cus_1, "Doe""#, SPACE_BEFORE_QUOTE),
        ] {
            assert_eq!(read(row).err().as_deref(), Some(message), "{row}");
        }
    }
}
