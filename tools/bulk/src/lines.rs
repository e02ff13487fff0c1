//! Physical lines, read one at a time: the one reader of both formats.

use std::io::{self, BufRead, Read};

/// The lines of an input.
pub(crate) struct Lines<R> {
    reader: R,
    number: u64,
    bytes: Vec<u8>,
}

/// Why a line is no text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BadText {
    NotUtf8,
    /// The first line starts as .xlsx and .ods files do.
    Spreadsheet,
    TooLong,
    /// The first line is UTF-16, and so all others are.
    Utf16,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            number: 0,
            bytes: Vec::new(),
        }
    }

    /// Returns the next line that is not blank, without its line end, and its
    /// number, counted from 1, blank lines included; `None` at the end.
    ///
    /// Holds no more of a line than [`MAX_LINE_SIZE`], however long it is.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, Result<&str, BadText>)>> {
        loop {
            self.bytes.clear();
            let mut limited = self.reader.by_ref().take(MAX_LINE_SIZE as u64 + 1);
            if limited.read_until(b'\n', &mut self.bytes)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let is_first = self.number == 1;
            let has_end = self.bytes.last() == Some(&b'\n');
            if is_first && self.bytes.starts_with(ZIP) {
                return Ok(Some((self.number, Err(BadText::Spreadsheet))));
            }
            if is_first && is_utf16(&self.bytes) {
                return Ok(Some((self.number, Err(BadText::Utf16))));
            }
            if self.bytes.len() - usize::from(has_end) > MAX_LINE_SIZE {
                if !has_end {
                    self.reader.skip_until(b'\n')?;
                }
                return Ok(Some((self.number, Err(BadText::TooLong))));
            }
            // Programs of Windows like to put a byte order mark at the start.
            if is_first && self.bytes.starts_with(BOM) {
                self.bytes.drain(..BOM.len());
            }
            if !self.bytes.trim_ascii().is_empty() {
                break;
            }
        }
        let line = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = str::from_utf8(line).map_err(|_| BadText::NotUtf8);
        Ok(Some((self.number, text)))
    }

    /// Whether the line that was read last starts as a JSON array does, however
    /// long it is: programs write all of an array on one line.
    pub(crate) fn starts_array(&self) -> bool {
        let line = self.bytes.strip_prefix(BOM).unwrap_or(&self.bytes);
        line.trim_ascii_start().starts_with(b"[")
    }
}

impl BadText {
    pub(crate) fn message(self) -> String {
        match self {
            Self::NotUtf8 => "the line is not UTF-8".to_owned(),
            Self::Spreadsheet => "it is a spreadsheet: save it as CSV".to_owned(),
            Self::TooLong => format!("the line is longer than {MAX_LINE_SIZE} bytes"),
            Self::Utf16 => "the input is UTF-16: save it as UTF-8".to_owned(),
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

/// Whether a first line is UTF-16: by its byte order mark, or by the zero bytes
/// that ASCII characters have there, and which no text of ours holds.
fn is_utf16(bytes: &[u8]) -> bool {
    let has_bom = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
    has_bom || bytes.contains(&0)
}

/// The longest line that is read: five fields of the greatest length, escaped,
/// need less than a quarter of it.
pub(crate) const MAX_LINE_SIZE: usize = 64 * 1024;

/// The start of an archive, which .xlsx and .ods files are.
const ZIP: &[u8] = b"PK\x03\x04";

const BOM: &[u8] = "\u{FEFF}".as_bytes();

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn read(bytes: &[u8]) -> Vec<(u64, Result<String, BadText>)> {
        // The smallest buffer, so that each line crosses its edge.
        let mut lines = Lines::new(BufReader::with_capacity(1, bytes));
        let mut found = Vec::new();
        while let Some((number, text)) = lines.next().unwrap() {
            found.push((number, text.map(str::to_owned)));
        }
        found
    }

    fn text(number: u64, text: &str) -> (u64, Result<String, BadText>) {
        (number, Ok(text.to_owned()))
    }

    #[test]
    fn blank_lines_are_counted_and_skipped() {
        let found = read(b"\xEF\xBB\xBF\r\n \t\n a \r\n\n\nb");
        assert_eq!(found, [text(3, " a "), text(6, "b")]);
        assert_eq!(count(&b"\n \t\na\r\n\n\nb"[..]).unwrap(), 2);
        assert_eq!(count(&b""[..]).unwrap(), 0);
    }

    #[test]
    fn a_byte_order_mark_counts_at_the_start_only() {
        assert_eq!(
            read("\u{FEFF}a\n\u{FEFF}b".as_bytes()),
            [text(1, "a"), text(2, "\u{FEFF}b")]
        );
    }

    #[test]
    fn a_long_line_is_one_bad_line() {
        let long = "x".repeat(MAX_LINE_SIZE);
        let input = format!("{long}\n{long}y\n{long}{long}{long}\nend\n{long}y");
        assert_eq!(
            read(input.as_bytes()),
            [
                text(1, &long),
                (2, Err(BadText::TooLong)),
                (3, Err(BadText::TooLong)),
                text(4, "end"),
                (5, Err(BadText::TooLong)),
            ]
        );
    }

    #[test]
    fn utf16_is_told_from_the_first_line() {
        for utf16 in [
            &b"\xFF\xFEi\0d\0\n\0"[..],
            b"\xFE\xFF\0i\0d\0\n",
            b"i\0d\0\n\0",
        ] {
            assert_eq!(read(utf16)[0], (1, Err(BadText::Utf16)));
        }
        assert_eq!(read(b"a\n\xFF"), [text(1, "a"), (2, Err(BadText::NotUtf8))]);
    }
}
