//! PEM files: reading one, and where the certificates in it begin and end.
//!
//! ureq's parser skips what it does not know, a damaged `BEGIN` line with all
//! that follows it included. So the file is split into blocks here, where
//! nothing that begins is skipped, and ureq decodes them one by one.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::format::{Rule, is_dash};

/// Reads a PEM file at an absolute path: a regular file of at most 1 MiB.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Rule> {
    const MAX_SIZE: u64 = 1024 * 1024;

    if !path.is_absolute() {
        return Err("must be the absolute path of a PEM file");
    }
    let rule = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "must be the path of a PEM file: there is no such file"
        }
        _ => "must be the path of a PEM file: the file cannot be read",
    };
    // Opening a device can have effects of its own, and a FIFO waits for a writer. So do
    // some of procfs, whose length is 0.
    let metadata = fs::metadata(path).map_err(rule)?;
    if !metadata.is_file() {
        return Err("must be the path of a PEM file: this is no regular file");
    }
    if metadata.len() == 0 {
        return Ok(Vec::new());
    }
    let mut pem = Vec::new();
    let mut file = File::open(path).map_err(rule)?.take(MAX_SIZE + 1);
    if file.read_to_end(&mut pem).map_err(rule)? as u64 > MAX_SIZE {
        return Err("must be the path of a PEM file of at most 1 MiB");
    }
    Ok(pem)
}

/// Returns a PEM file's text, with a mark in place of each byte that is no UTF-8.
pub(crate) fn text(pem: &[u8]) -> Result<Cow<'_, str>, Rule> {
    match pem {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, _, 0, _, ..] | [_, 0, _, 0, ..] => {
            Err("must be saved as UTF-8, not as UTF-16")
        }
        _ if first_tag(pem) == Some(VERSION) => Err(
            "must be PEM, not DER: convert it with `openssl x509 -inform der -in FILE -out NEW`",
        ),
        // A sequence whose length takes more than a byte; text has ASCII there.
        [0x30, 0x80..=0x84, ..] => Err(OTHER),
        _ => Ok(String::from_utf8_lossy(pem)),
    }
}

/// Splits PEM into its certificates, each from its `BEGIN` to its `END` line.
///
/// Text between them is skipped (`openssl x509 -text` writes some), and so is
/// the private key of a file that holds both.
pub(crate) fn certificate_blocks(pem: &str) -> Result<Vec<&str>, Rule> {
    let mut blocks = Vec::new();
    let mut start = None;
    let mut position = 0;
    for line in pem.split_inclusive(['\n', '\r']) {
        let next = position + line.len();
        // At the beginning, or where files were put together.
        let line = line.strip_prefix('\u{FEFF}').unwrap_or(line);
        // Other white space is not skipped by ureq's parser.
        match (line.trim_end_matches([' ', '\r', '\n']), start) {
            ("-----BEGIN CERTIFICATE-----", None) => start = Some(next - line.len()),
            ("-----END CERTIFICATE-----", _) => {
                let first = start.take().ok_or(NO_BEGIN)?;
                blocks.push(&pem[first..next]);
            }
            (line, None) => check_between(line)?,
            // No hyphen is of base64.
            (line, Some(_)) if line.contains('-') => return Err(NO_END),
            (_, Some(_)) => {}
        }
        position = next;
    }
    if start.is_some() {
        Err(NO_END)
    } else if blocks.is_empty() {
        Err("must hold at least one PEM block `BEGIN CERTIFICATE`")
    } else {
        Ok(blocks)
    }
}

/// Rejects a line that begins something else than a key, or was meant to begin a
/// certificate: in other letters, indented, quoted, with other dashes, or with more
/// on it.
fn check_between(line: &str) -> Result<(), Rule> {
    let is_of_word = |c| matches!(c, 'A'..='Z' | '0'..='9' | '.');
    let is_word = |word: &str| !word.is_empty() && word.chars().all(is_of_word);
    let label = line
        .strip_prefix("-----BEGIN ")
        .and_then(|rest| rest.strip_suffix("-----"));
    let mut letters: String = line.chars().filter(char::is_ascii_alphanumeric).collect();
    letters.make_ascii_uppercase();
    let letters = letters.replace("TRUSTED", "").replace("X509", "");
    // Words alone may be a comment: `# Begin certificate of the Example CA`.
    let is_dashed = line.contains("--") || line.contains(|c| c != '-' && is_dash(c));
    match label {
        Some(label) if label.split(' ').all(is_word) => {
            // A key beside the certificates is no root, and does no harm.
            let is_of_key = label.ends_with(" KEY") || label.ends_with(" PARAMETERS");
            if is_of_key { Ok(()) } else { Err(OTHER) }
        }
        _ if letters == "BEGINCERTIFICATE" => Err(NO_BEGIN),
        _ if is_dashed && letters.contains("BEGINCERTIFICATE") => Err(NO_BEGIN),
        Some(_) => Err(OTHER),
        None => Ok(()),
    }
}

/// Whether these are the bytes of a certificate, as far as its first parts tell.
pub(crate) fn is_certificate(der: &[u8]) -> bool {
    matches!(first_tag(der), Some(VERSION | INTEGER))
}

/// The tag of a certificate's first field.
fn first_tag(der: &[u8]) -> Option<u8> {
    let (certificate, rest) = split_sequence(der)?;
    let (signed, _) = split_sequence(certificate)?;
    signed.first().copied().filter(|_| rest.is_empty())
}

/// Splits a DER SEQUENCE into what is in it, and what follows it.
fn split_sequence(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[tag, length], rest) = der.split_first_chunk()?;
    let (length, rest) = match length {
        0..=0x7F => (usize::from(length), rest),
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(length & 0x7F))?;
            (length.iter().fold(0, |n, b| n << 8 | usize::from(*b)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length).filter(|_| tag == 0x30)
}

/// The tag of the version, which all certificates begin with but those of version 1.
const VERSION: u8 = 0xA0;
/// The tag of their serial number, and of the first field of requests and of most
/// revocation lists.
const INTEGER: u8 = 0x02;

const NO_BEGIN: Rule = "must have each `-----BEGIN CERTIFICATE-----` alone on its line, \
                        not indented, in capitals, with five hyphens on either side";
const OTHER: Rule = "must hold plain `BEGIN CERTIFICATE` blocks alone: ask for a file of them, \
                     since TRUSTED ones, requests, revocation lists and PKCS are none";
const NO_END: Rule = "must have each block end in `-----END CERTIFICATE-----`, alone on its line: \
                      a block is cut off, or joined with the next";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_one_der_sequence() {
        let sequence = |head: &[u8], length| {
            // The first part, and in it the version.
            let content = [&[0x30, 1, VERSION][..], &vec![0; length]].concat();
            [head, &content[..length]].concat()
        };
        for (bytes, expected) in [
            (sequence(&[0x30, 3], 3), true),
            (sequence(&[0x30, 0x7F], 127), true),
            (sequence(&[0x30, 0x81, 0x80], 128), true),
            (sequence(&[0x30, 0x82, 1, 0], 256), true),
            (sequence(&[0x30, 0x83, 1, 0, 0], 65536), true),
            (sequence(&[0x30, 0x82, 1, 0], 255), false),
            (sequence(&[0x30, 0x82, 1, 0], 257), false),
            (sequence(&[0x30, 3], 4), false),
            (sequence(&[0x30, 2], 2), false),
            (sequence(&[0x31, 3], 3), false),
            (sequence(&[0x30, 0x80], 3), false),
            (sequence(&[0x30, 0x82, 1], 0), false),
            (sequence(&[0x30, 0x84, 0, 0, 0, 3], 3), false),
            (sequence(&[0x30, 0xFF], 200), false),
            (vec![0x30, 0], false),
            (vec![0x30], false),
            (vec![], false),
            // What its first part begins with: version, serial number, or anything else.
            (vec![0x30, 3, 0x30, 1, VERSION], true),
            (vec![0x30, 3, 0x30, 1, INTEGER], true),
            (vec![0x30, 3, 0x30, 1, 0x30], false),
            (vec![0x30, 2, 0x30, 0], false),
            (vec![0x30, 3, 0x31, 1, VERSION], false),
            // PKCS #7 begins with an OID, PKCS #12 with a number.
            (vec![0x30, 3, 0x06, 1, 0x2A], false),
            (vec![0x30, 3, 0x02, 1, 3], false),
        ] {
            let shown = &bytes[..bytes.len().min(6)];
            assert_eq!(is_certificate(&bytes), expected, "{shown:?}");
        }
    }
}
