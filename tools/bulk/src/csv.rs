//! CSV: where a row ends, and its cells.

use csv_core::{Reader, ReaderBuilder, Terminator};

/// Follows the quotes of a CSV, so that a row ends where its writer ended it: at
/// the first line end outside of quotes.
///
/// A closing quote stands before a delimiter or a line end. Where text follows it,
/// the row is malformed, and the csv crate would drop quotes: a customer's name
/// would change silently. Such a row takes in more lines rather than fewer, since a
/// line of it that passed for a row would change another customer.
// Each flag is a fact of its own, and any of them may come together.
#[allow(clippy::struct_excessive_bools)]
pub(crate) struct Quotes {
    delimiter: u8,
    /// Whether white space may stand around quotes.
    allows_spaces: bool,
    state: State,
    /// The byte before this one.
    previous: u8,
    /// Whether an odd number of backslashes stands before this byte.
    is_escaped: bool,
    /// The byte before the quote that was just read, and whether it was escaped.
    before_quote: (u8, bool),
    /// There is a line break in this cell.
    has_line_break: bool,
    /// There was `\""`, which MySQL and the rest of the world read differently.
    is_ambiguous: bool,
    /// There was `\"` before text: MySQL wrote the row.
    is_mysql: bool,
    fault: Option<&'static str>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    /// At the start of a cell, or in white space there.
    Start,
    Unquoted,
    Quoted,
    /// Behind a quote in quotes: the closing one, or the first of two.
    Quote,
    /// In white space behind a closing quote.
    Closed,
    /// In text behind a closing quote.
    Loose,
    /// Behind a quote in such text.
    LooseQuote,
}

impl Quotes {
    pub(crate) fn of_rows(delimiter: u8) -> Self {
        Self::new(delimiter, false)
    }

    /// The quotes of a header, around which people put white space.
    pub(crate) fn of_header(delimiter: u8) -> Self {
        Self::new(delimiter, true)
    }

    fn new(delimiter: u8, allows_spaces: bool) -> Self {
        Self {
            delimiter,
            allows_spaces,
            state: State::Start,
            previous: b'\n',
            is_escaped: false,
            before_quote: (b'\n', false),
            has_line_break: false,
            is_ambiguous: false,
            is_mysql: false,
            fault: None,
        }
    }

    pub(crate) fn read(&mut self, bytes: &[u8]) {
        // Most lines have no quotes.
        if self.state == State::Start
            && bytes.ends_with(b"\n")
            && memchr::memchr(b'"', bytes).is_none()
        {
            return;
        }
        for byte in bytes {
            self.state = self.next(*byte);
            self.is_escaped = *byte == b'\\' && !self.is_escaped;
            self.previous = *byte;
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Quoted
    }

    /// Returns what is wrong with the row that ends here, and starts the next.
    pub(crate) fn take_fault(&mut self) -> Option<&'static str> {
        // A row that goes on here does so to the end of the input.
        let unclosed = self.is_open().then_some(NEVER_CLOSED);
        let fault = unclosed.or(self.fault);
        *self = Self::new(self.delimiter, self.allows_spaces);
        fault
    }

    fn next(&mut self, byte: u8) -> State {
        let is_delimiter = byte == self.delimiter;
        let is_end = is_delimiter || byte == b'\n';
        match self.state {
            // Only the text of a cell, and so is what follows it.
            State::Quote if self.is_mysql && self.before_quote.1 => self.quoted(byte),
            State::Quote if byte == b'"' => {
                self.is_ambiguous |= self.before_quote.1;
                State::Quoted
            }
            State::Quoted => self.quoted(byte),
            _ if is_end => State::Start,
            State::Start if byte == b'"' => {
                if self.previous != b'\n' && self.previous != self.delimiter && !self.allows_spaces
                {
                    self.fault.get_or_insert(SPACE_BEFORE_QUOTE);
                }
                self.has_line_break = false;
                State::Quoted
            }
            State::Start if is_space(self.previous, byte) => State::Start,
            State::Start | State::Unquoted => State::Unquoted,
            State::Loose if byte == b'"' => State::LooseQuote,
            State::Loose => State::Loose,
            _ if byte == b'\r' => State::Closed,
            State::Quote | State::Closed if self.allows_spaces && is_space(self.previous, byte) => {
                State::Closed
            }
            State::LooseQuote => self.quoted(byte),
            State::Quote if self.before_quote.1 || self.is_ambiguous && self.is_cell_start() => {
                self.is_mysql = true;
                self.reject(BACKSLASH_BEFORE_QUOTE, State::Quoted)
            }
            // The opening quote of a later line, rather.
            State::Quote if self.has_line_break && self.is_cell_start() => {
                self.has_line_break = false;
                self.reject(UNCLOSED_QUOTE, State::Quoted)
            }
            State::Quote | State::Closed => self.reject(TEXT_AFTER_QUOTE, State::Loose),
        }
    }

    fn quoted(&mut self, byte: u8) -> State {
        self.has_line_break |= byte == b'\n';
        if byte != b'"' {
            return State::Quoted;
        }
        self.before_quote = (self.previous, self.is_escaped);
        State::Quote
    }

    /// Whether the quote that was just read stands where a cell starts.
    fn is_cell_start(&self) -> bool {
        let (byte, _) = self.before_quote;
        byte == b'\n' || byte == self.delimiter
    }

    fn reject(&mut self, fault: &'static str, state: State) -> State {
        self.fault.get_or_insert(fault);
        state
    }
}

/// Where the cells of a row start.
pub(crate) fn cell_starts(row: &[u8], delimiter: u8) -> Vec<usize> {
    let mut quotes = Quotes::of_rows(delimiter);
    let mut starts = vec![0];
    for (index, byte) in row.iter().enumerate() {
        quotes.read(&[*byte]);
        if *byte == delimiter && quotes.state == State::Start {
            starts.push(index + 1);
        }
    }
    starts
}

/// Whether a byte is one of a space, tab, no-break space or byte order mark, given
/// the byte before it.
fn is_space(previous: u8, byte: u8) -> bool {
    matches!(
        (previous, byte),
        (_, b' ' | b'\t' | 0xC2 | 0xEF) | (0xC2, 0xA0) | (0xEF, 0xBB) | (0xBB, 0xBF)
    )
}

/// The cells of a row at a time.
pub(crate) struct Cells {
    reader: Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

impl Cells {
    pub(crate) fn new(delimiter: u8) -> Self {
        Self {
            reader: ReaderBuilder::new()
                .delimiter(delimiter)
                // A carriage return in the middle of a line is data.
                .terminator(Terminator::Any(b'\n'))
                .build(),
            bytes: Vec::new(),
            ends: Vec::new(),
            count: 0,
        }
    }

    /// Reads a row that is not blank, and whose quotes are as they should be.
    pub(crate) fn read(&mut self, text: &[u8]) {
        // The cells have no more bytes than the row, and the row no more cells.
        self.bytes.resize(self.bytes.len().max(text.len() + 1), 0);
        self.ends.resize(self.ends.len().max(text.len() + 1), 0);
        let (_, _, written, ended) = self
            .reader
            .read_record(text, &mut self.bytes, &mut self.ends);
        let (_, _, _, last) =
            self.reader
                .read_record(b"\n", &mut self.bytes[written..], &mut self.ends[ended..]);
        self.count = ended + last;
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let mut start = 0;
        self.ends[..self.count].iter().map(move |end| {
            let cell = &self.bytes[start..*end];
            start = *end;
            cell
        })
    }
}

const NEVER_CLOSED: &str = "a quote is never closed: all that follows it is skipped";
const UNCLOSED_QUOTE: &str = "a quote is not closed: what follows it is skipped, up to the line \
    with the next quote";
const TEXT_AFTER_QUOTE: &str =
    "a closing quote must end its cell: write a quote within a quoted cell twice";
const BACKSLASH_BEFORE_QUOTE: &str =
    "a quote within a quoted cell must be written twice, without a backslash before it";
const SPACE_BEFORE_QUOTE: &str =
    "an opening quote must start its cell: remove the white space before it";

#[cfg(test)]
mod tests {
    use super::*;

    /// On which lines records end, and what is wrong with each.
    fn rows(text: &str, mut quotes: Quotes) -> Vec<(usize, Option<&'static str>)> {
        let mut rows = Vec::new();
        let count = text.split_inclusive('\n').count();
        for (index, line) in text.split_inclusive('\n').enumerate() {
            quotes.read(line.as_bytes());
            if !quotes.is_open() || index + 1 == count {
                rows.push((index + 1, quotes.take_fault()));
            }
        }
        rows
    }

    #[test]
    fn quotes_are_checked() {
        let ok = None;
        let after = Some(TEXT_AFTER_QUOTE);
        let before = Some(SPACE_BEFORE_QUOTE);
        let unclosed = Some(NEVER_CLOSED);
        // What a row makes of it, and a header.
        for (line, row, header) in [
            ("a,b", ok, ok),
            (",", ok, ok),
            (r#""","#, ok, ok),
            (r#""a","b, c""#, ok, ok),
            (r#""a ""b""","""","""""#, ok, ok),
            (r#"A"n"n,5' 10""#, ok, ok),
            (r#"a ,b"",c "d""#, ok, ok),
            (r#"C:\,"C:\","D:\""#, ok, ok),
            (r#""{""a"": ""b \""c\"", d""}",e"#, ok, ok),
            (r#"a,"O"Brien""#, after, after),
            (r#"a,"Ja"ne"#, after, after),
            (r#""Jane, "Doe,"#, after, after),
            (r#""a"";"b""#, after, after),
            (r#""Ann" ,b"#, after, ok),
            (r#""Ann" "#, after, ok),
            (r#"a, "Ann""#, before, ok),
            ("\u{A0}\"Ann\"", before, ok),
            ("\u{FEFF}\"Ann\"", before, ok),
            (r#"a, "Ann"#, unclosed, unclosed),
            (r#"a,""#, unclosed, unclosed),
            (r#""a,b"#, unclosed, unclosed),
            (r#"a,"b"""#, unclosed, unclosed),
        ] {
            assert_eq!(rows(line, Quotes::of_rows(b',')), [(1, row)], "{line}");
            let line = format!("{line}\r\n");
            assert_eq!(
                rows(&line, Quotes::of_header(b',')),
                [(1, header)],
                "{line}"
            );
        }
    }

    #[test]
    fn a_row_takes_in_what_its_quotes_do() {
        let after = Some(TEXT_AFTER_QUOTE);
        let backslash = Some(BACKSLASH_BEFORE_QUOTE);
        let unclosed = Some(UNCLOSED_QUOTE);
        for (text, expected) in [
            ("a,\"b\nc\nd\",e\nf\n", &[(3, None), (4, None)][..]),
            ("a,\"b\r\nc\"\r\nf\r\n", &[(2, None), (3, None)]),
            // A quote too few: the next one is of a cell of its own.
            (
                "a,\"b,,\n\"c\",\"d\"\n\"e\",f\n",
                &[(2, unclosed), (3, None)],
            ),
            ("a,\"b,,\nc\nd,\"e\",f\ng\n", &[(3, unclosed), (4, None)]),
            ("a,\"b,,\nc\nd,e\n", &[(3, Some(NEVER_CLOSED))]),
            // Quotes that should have been written twice.
            ("a,\"b \"c\" d\ne\nf\",g\nh\n", &[(3, after), (4, None)]),
            ("a,\"b\nc \"d\" e\nf\n g\",h\ni\n", &[(4, after), (5, None)]),
            ("a,\"b\"c,d\ne\n", &[(1, after), (2, None)]),
            ("a,\"b\"c\"\nd\n", &[(1, after), (2, None)]),
            (
                "a, \"b\nc\nd\",e\nf\n",
                &[(3, Some(SPACE_BEFORE_QUOTE)), (4, None)],
            ),
            // As MySQL escapes quotes, backslashes and line breaks.
            (
                "\"a \\\"b\\\"\",\"c\"\n\"d\"\n",
                &[(1, backslash), (2, None)],
            ),
            (
                "\"a \\\"b\",\"c\\\\\"\n\"d\"\n",
                &[(1, backslash), (2, None)],
            ),
            (
                "\"a\\\"\",\"b\",\"c\"\n\"d\"\n",
                &[(1, backslash), (2, None)],
            ),
            ("\"a \\\"\\\nb\\\nc\",d\ne\n", &[(3, backslash), (4, None)]),
            (
                "\"a \\\"b\\\",\\\nc\\\n\\\"d\",e\nf\n",
                &[(3, backslash), (4, None)],
            ),
        ] {
            assert_eq!(rows(text, Quotes::of_rows(b',')), expected, "{text}");
        }
    }

    #[test]
    fn cells_are_without_their_quotes() {
        let mut cells = Cells::new(b';');
        for (text, expected) in [
            ("a;b,c;", &["a", "b,c", ""][..]),
            ("\"a;\nb\";\"\"\"c\"\"\"", &["a;\nb", "\"c\""]),
            ("\"\"", &[""]),
            ("a\rb", &["a\rb"]),
            (";;;", &["", "", "", ""]),
        ] {
            cells.read(text.as_bytes());
            let found: Vec<_> = cells
                .iter()
                .map(|cell| str::from_utf8(cell).unwrap())
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
