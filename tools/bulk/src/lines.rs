//! The lines of an input, joined to records: the one reader of both formats.

use std::io::{self, BufRead, Read};

use crate::{csv, jsonl};

/// The records of an input.
pub(crate) struct Records<R> {
    reader: R,
    /// What tells where a record ends.
    pub(crate) quotes: Quotes,
    /// How many lines were read.
    number: u64,
    has_bom: bool,
}

/// A record that is not blank, as it stands in the input.
pub(crate) struct Raw {
    /// The number of its first line, counted from 1, blank ones included.
    pub(crate) number: u64,
    /// The number of its last line.
    pub(crate) last: u64,
    /// Its bytes without the line end; of a record that is too long, the start.
    pub(crate) text: Vec<u8>,
    /// Why it is none, as far as the quotes and its length tell.
    pub(crate) fault: Option<&'static str>,
}

/// The quotes of a format: they decide whether a line end is one of a record.
pub(crate) enum Quotes {
    Csv(csv::Quotes),
    Jsonl(jsonl::Quotes),
}

impl<R: BufRead> Records<R> {
    pub(crate) fn new(reader: R, quotes: Quotes) -> Self {
        Self {
            reader,
            quotes,
            number: 0,
            has_bom: false,
        }
    }

    /// The byte order mark that the input starts with, if it does.
    pub(crate) fn bom(&self) -> &'static [u8] {
        if self.has_bom { BOM } else { b"" }
    }

    /// Returns the next record that is not blank; `None` at the end.
    ///
    /// Holds no more of a record than [`MAX_RECORD_SIZE`], however long it is.
    pub(crate) fn next(&mut self) -> io::Result<Option<Raw>> {
        loop {
            let number = self.number + 1;
            let mut text = Vec::with_capacity(CAPACITY);
            let mut size = 0;
            let mut is_open = true;
            while is_open {
                let line = self.read_line(&mut text)?;
                if line == 0 {
                    break;
                }
                size += line;
                self.number += 1;
                is_open = self.quotes.is_open();
            }
            if size == 0 {
                return Ok(None);
            }
            // Programs of Windows like to put a byte order mark at the start.
            if number == 1 && text.starts_with(BOM) {
                text.drain(..BOM.len());
                self.has_bom = true;
            }
            let is_too_long = size > MAX_RECORD_SIZE + usize::from(text.ends_with(b"\n"));
            let fault = self.quotes.take_fault();
            let fault = fault.or(is_too_long.then_some(TOO_LONG));
            if fault.is_none() && text.trim_ascii().is_empty() {
                continue;
            }
            for end in [b'\n', b'\r'] {
                text.pop_if(|last| *last == end);
            }
            return Ok(Some(Raw {
                number,
                last: self.number,
                text,
                fault,
            }));
        }
    }

    /// Reads a line with its end, as much of which is kept as there is room for.
    /// Returns its size, 0 at the end.
    fn read_line(&mut self, text: &mut Vec<u8>) -> io::Result<usize> {
        let mut size = 0;
        loop {
            let buffer = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            let end = memchr::memchr(b'\n', buffer);
            let part = &buffer[..end.map_or(buffer.len(), |end| end + 1)];
            let room = MAX_RECORD_SIZE + 1 - text.len();
            text.extend_from_slice(&part[..part.len().min(room)]);
            self.quotes.read(part);
            let read = part.len();
            self.reader.consume(read);
            size += read;
            if read == 0 || end.is_some() {
                return Ok(size);
            }
        }
    }
}

impl Quotes {
    fn read(&mut self, bytes: &[u8]) {
        match self {
            Self::Csv(quotes) => quotes.read(bytes),
            Self::Jsonl(quotes) => quotes.read(bytes),
        }
    }

    /// Whether the record goes on behind the line that was just read.
    fn is_open(&self) -> bool {
        match self {
            Self::Csv(quotes) => quotes.is_open(),
            Self::Jsonl(quotes) => quotes.is_open(),
        }
    }

    /// What is wrong with the quotes of a record, at its end.
    fn take_fault(&mut self) -> Option<&'static str> {
        match self {
            Self::Csv(quotes) => quotes.take_fault(),
            Self::Jsonl(quotes) => quotes.take_fault(),
        }
    }
}

/// Returns how many lines there are, blank ones left out.
pub(crate) fn count(mut reader: impl Read) -> io::Result<u64> {
    let mut block = vec![0; 64 * 1024];
    let mut lines = 0;
    let mut is_blank = true;
    loop {
        let read = reader.read(&mut block)?;
        if read == 0 {
            return Ok(lines + u64::from(!is_blank));
        }
        for byte in &block[..read] {
            if *byte == b'\n' {
                lines += u64::from(!is_blank);
                is_blank = true;
            } else if !byte.is_ascii_whitespace() {
                is_blank = false;
            }
        }
    }
}

/// The longest record that is read: five fields of the greatest length, escaped,
/// need less than a quarter of it.
pub(crate) const MAX_RECORD_SIZE: usize = 64 * 1024;

const TOO_LONG: &str = "the line is longer than 65536 bytes";

pub(crate) const NOT_UTF8: &str = "the line is not UTF-8: in Excel, save the file as CSV UTF-8; \
    in LibreOffice, with the character set Unicode (UTF-8)";

/// What most records have room in.
const CAPACITY: usize = 256;

const BOM: &[u8] = "\u{FEFF}".as_bytes();

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// The first and last line of each record, its text, and what is wrong with it.
    type Found = Vec<(u64, u64, String, Option<&'static str>)>;

    fn read(bytes: &[u8], quotes: Quotes) -> Found {
        // The smallest buffer, so that each line crosses its edge.
        let mut records = Records::new(BufReader::with_capacity(1, bytes), quotes);
        let mut found = Vec::new();
        while let Some(raw) = records.next().unwrap() {
            let text = String::from_utf8(raw.text).unwrap();
            found.push((raw.number, raw.last, text, raw.fault));
        }
        found
    }

    fn csv(bytes: &[u8]) -> Found {
        read(bytes, Quotes::Csv(csv::Quotes::of_rows(b',')))
    }

    fn record(number: u64, last: u64, text: &str) -> (u64, u64, String, Option<&'static str>) {
        (number, last, text.to_owned(), None)
    }

    #[test]
    fn blank_lines_are_counted_and_skipped() {
        let found = csv(b"\xEF\xBB\xBF\r\n \t\n a \r\n\n\nb");
        assert_eq!(found, [record(3, 3, " a "), record(6, 6, "b")]);
        assert_eq!(count(&b"\n \t\na\r\n\n\nb"[..]).unwrap(), 2);
        assert_eq!(count(&b""[..]).unwrap(), 0);
    }

    #[test]
    fn a_byte_order_mark_counts_at_the_start_only() {
        let found = csv("\u{FEFF}a\n\u{FEFF}b".as_bytes());
        assert_eq!(found, [record(1, 1, "a"), record(2, 2, "\u{FEFF}b")]);
    }

    #[test]
    fn a_long_line_is_one_bad_record() {
        let long = "x".repeat(MAX_RECORD_SIZE);
        let input = format!("{long}\n{long}y\n{long}{long}{long}\nend\n{long}y");
        let found = csv(input.as_bytes());
        let found: Vec<_> = found
            .iter()
            .map(|(n, _, text, f)| (*n, text.len(), *f))
            .collect();
        let size = MAX_RECORD_SIZE;
        assert_eq!(
            found,
            [
                (1, size, None),
                (2, size + 1, Some(TOO_LONG)),
                (3, size + 1, Some(TOO_LONG)),
                (4, 3, None),
                (5, size + 1, Some(TOO_LONG)),
            ]
        );
    }

    #[test]
    fn a_record_ends_outside_of_its_quotes() {
        let found = csv(b"a,\"b\r\n\nc,\"\"\nd\"\r\ne\n");
        let first = record(1, 4, "a,\"b\r\n\nc,\"\"\nd\"");
        assert_eq!(found, [first, record(5, 5, "e")]);

        let jsonl = |bytes| read(bytes, Quotes::Jsonl(jsonl::Quotes::new()));
        let found = jsonl(b"{\"a\\\"\":\"b\nc\\\"\nd\"}\n{}\n");
        assert_eq!((found[0].0, found[0].1), (1, 3));
        assert!(found[0].3.is_some());
        assert_eq!(found[1..], [record(4, 4, "{}")]);
    }

    #[test]
    fn of_a_quote_that_is_never_closed_little_is_kept() {
        let mut input = b"a\n\"b\n".to_vec();
        input.extend("cus_1,x,y\n".repeat(20_000).bytes());
        let found = csv(&input);
        assert_eq!(found.len(), 2);
        let (number, last, text, fault) = &found[1];
        assert_eq!(
            (*number, *last, text.len()),
            (2, 20_002, MAX_RECORD_SIZE + 1)
        );
        assert!(fault.unwrap().starts_with("a quote is never closed"));
    }
}
