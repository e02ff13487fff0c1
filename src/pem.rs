//! PEM files: where the certificates in them begin and end.
//!
//! ureq's parser skips what it does not know, a damaged `BEGIN` line with all
//! that follows it included. So the file is split into blocks here, where
//! nothing that begins is skipped, and ureq decodes them one by one.

use crate::format::Rule;

/// Splits PEM into its certificates, each from its `BEGIN` to its `END` line.
///
/// Text between them is skipped (`openssl x509 -text` writes some), and so is
/// the private key of a file that holds both.
pub(crate) fn certificate_blocks(pem: &[u8]) -> Result<Vec<&[u8]>, Rule> {
    match pem {
        // A sequence whose length takes more than a byte; text has ASCII there.
        [0x30, 0x80..=0x84, ..] => {
            return Err(
                "must be PEM, not DER: convert it with `openssl x509 -inform der -in FILE -out NEW`",
            );
        }
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
            return Err("must be saved as UTF-8, not as UTF-16");
        }
        _ => {}
    }
    let mut blocks = Vec::new();
    let mut start = None;
    let mut position = 0;
    for line in pem.split_inclusive(|b| matches!(b, b'\n' | b'\r')) {
        let next = position + line.len();
        // At the beginning, or where files were put together.
        let line = line.strip_prefix(BOM).unwrap_or(line);
        match (Line::of(line)?, start) {
            (Line::Begin, None) => start = Some(next - line.len()),
            (Line::End, Some(start_of_block)) => {
                blocks.push(&pem[start_of_block..next]);
                start = None;
            }
            (Line::Text, None) => {}
            // No hyphen is of base64.
            (Line::Text, Some(_)) if !line.contains(&b'-') => {}
            (Line::Begin | Line::Text, Some(_)) => return Err(NO_END),
            (Line::End, None) => return Err(NO_BEGIN),
        }
        position = next;
    }
    if start.is_some() {
        return Err(NO_END);
    }
    if blocks.is_empty() {
        return Err("must hold at least one PEM block `BEGIN CERTIFICATE`");
    }
    Ok(blocks)
}

/// What a line is to the blocks around it.
enum Line {
    Begin,
    End,
    Text,
}

impl Line {
    fn of(line: &[u8]) -> Result<Self, Rule> {
        // Other white space is not skipped by ureq's parser.
        let end = line.iter().rposition(|b| !b" \r\n".contains(b));
        let line = &line[..end.map_or(0, |last| last + 1)];
        match line {
            b"-----BEGIN CERTIFICATE-----" => return Ok(Self::Begin),
            b"-----END CERTIFICATE-----" => return Ok(Self::End),
            _ => {}
        }
        let label = line
            .strip_prefix(b"-----BEGIN ")
            .and_then(|line| line.strip_suffix(b"-----"));
        match label {
            Some(b"TRUSTED CERTIFICATE" | b"X509 CERTIFICATE") => Err(
                "must hold plain `BEGIN CERTIFICATE` blocks, not `TRUSTED` or `X509` ones: \
                 convert each with `openssl x509 -in FILE -out NEW`",
            ),
            // A key beside the certificates is no root, and does no harm.
            Some(label) if is_label(label) && KEYS.iter().any(|key| label.ends_with(key)) => {
                Ok(Self::Text)
            }
            Some(label) if is_label(label) => Err(OTHER),
            _ if is_damaged_begin(line) => Err(NO_BEGIN),
            Some(_) => Err(OTHER),
            None => Ok(Self::Text),
        }
    }
}

/// Whether a label is words of capitals and digits.
fn is_label(label: &[u8]) -> bool {
    label.split(|b| *b == b' ').all(|word| {
        !word.is_empty()
            && word
                .iter()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    })
}

/// Whether a line was meant to begin a certificate: in other letters, indented,
/// quoted, with other dashes, or with more on it.
fn is_damaged_begin(line: &[u8]) -> bool {
    let letters: Vec<u8> = line
        .iter()
        .filter(|b| b.is_ascii_alphanumeric())
        .map(u8::to_ascii_uppercase)
        .collect();
    let contains = |line: &[u8], part: &[u8]| line.windows(part.len()).any(|found| found == part);
    let names = [
        &b"BEGINCERTIFICATE"[..],
        b"BEGINTRUSTEDCERTIFICATE",
        b"BEGINX509CERTIFICATE",
    ];
    let begins = names.iter().any(|name| contains(&letters, name));
    // Words alone may be a comment: `# Begin certificate of the Example CA`.
    let dashes = contains(line, b"--") || contains(line, DASH);
    begins && (dashes || names.contains(&&*letters))
}

/// Whether these are the bytes of one DER SEQUENCE, as a certificate's are.
pub(crate) fn is_der(bytes: &[u8]) -> bool {
    let [0x30, length, rest @ ..] = bytes else {
        return false;
    };
    let (length, rest) = match length {
        0..=0x7F => (usize::from(*length), rest),
        0x81..=0x83 if rest.len() >= usize::from(length & 0x7F) => {
            let (length, rest) = rest.split_at(usize::from(length & 0x7F));
            let length = length.iter().fold(0, |n, b| n << 8 | usize::from(*b));
            (length, rest)
        }
        _ => return false,
    };
    length == rest.len()
}

/// What the labels of keys and what belongs to them end in.
const KEYS: [&[u8]; 3] = [b"PRIVATE KEY", b"PUBLIC KEY", b"PARAMETERS"];

const BOM: &[u8] = "\u{FEFF}".as_bytes();
/// What the dashes that word processors make of hyphens begin with in UTF-8.
const DASH: &[u8] = b"\xE2\x80";

const NO_BEGIN: Rule = "must have each `-----BEGIN CERTIFICATE-----` alone on its line, \
                        not indented, in capitals, with five hyphens on either side";
const OTHER: Rule = "must hold `BEGIN CERTIFICATE` blocks: a request, a revocation list or \
                     PKCS #7 is no certificate";
const NO_END: Rule = "must have each block end in `-----END CERTIFICATE-----`, alone on its line: \
                      a block is cut off";
