//! PEM files: reading one, and where the certificates in it begin and end.
//!
//! ureq's parser skips what it does not know, a damaged `BEGIN` line with all
//! that follows it included. So the file is split into blocks here, where
//! nothing that begins is skipped, and ureq decodes them one by one.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::format::Rule;

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
    // Opening a device can have effects of its own.
    check_kind(&fs::metadata(path).map_err(rule)?)?;
    let file = open(path).map_err(rule)?;
    // The path may lead to another file by now.
    check_kind(&file.metadata().map_err(rule)?)?;
    let mut pem = Vec::new();
    let size = file
        .take(MAX_SIZE + 1)
        .read_to_end(&mut pem)
        .map_err(rule)?;
    if size as u64 > MAX_SIZE {
        return Err("must be the path of a PEM file of at most 1 MiB");
    }
    Ok(pem)
}

fn check_kind(metadata: &Metadata) -> Result<(), Rule> {
    if metadata.is_file() {
        Ok(())
    } else {
        Err("must be the path of a PEM file: this is no regular file")
    }
}

/// Opens a file to read it, without waiting for a writer should it be a FIFO.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    if let Some(flag) = O_NONBLOCK {
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flag);
    }
    options.open(path)
}

/// The system's `O_NONBLOCK` where it is known, since std does not have it.
#[cfg(unix)]
const O_NONBLOCK: Option<i32> = if cfg!(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
)) {
    Some(0x4)
} else if cfg!(all(
    any(target_os = "linux", target_os = "android"),
    any(
        target_arch = "aarch64",
        target_arch = "arm",
        target_arch = "loongarch64",
        target_arch = "powerpc64",
        target_arch = "riscv64",
        target_arch = "s390x",
        target_arch = "x86",
        target_arch = "x86_64"
    )
)) {
    Some(0o4000)
} else {
    None
};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_one_der_sequence() {
        let sequence = |head: &[u8], length| [head, &vec![0x30; length]].concat();
        for (bytes, expected) in [
            (sequence(&[0x30, 0], 0), true),
            (sequence(&[0x30, 0x7F], 127), true),
            (sequence(&[0x30, 0x81, 0x80], 128), true),
            (sequence(&[0x30, 0x82, 1, 0], 256), true),
            (sequence(&[0x30, 0x83, 1, 0, 0], 65536), true),
            (sequence(&[0x30, 0x82, 1, 0], 255), false),
            (sequence(&[0x30, 0x82, 1, 0], 257), false),
            (sequence(&[0x30, 1], 2), false),
            (sequence(&[0x31, 1], 1), false),
            (sequence(&[0x30, 0x80], 1), false),
            (sequence(&[0x30, 0x82, 1], 0), false),
            (sequence(&[0x30, 0x84, 0, 0, 0, 1], 1), false),
            (sequence(&[0x30, 0xFF], 200), false),
            (vec![0x30], false),
            (vec![], false),
        ] {
            assert_eq!(
                is_der(&bytes),
                expected,
                "{:?}",
                &bytes[..bytes.len().min(6)]
            );
        }
    }

    /// A file may turn into one between the look at its path and its opening.
    #[test]
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    fn a_fifo_opens_without_a_writer() {
        let name = format!("paywithsoap-fifo-{}", std::process::id());
        let fifo = std::env::temp_dir().join(name);
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        let opened = open(&fifo);
        fs::remove_file(&fifo).unwrap();
        assert!(check_kind(&opened.unwrap().metadata().unwrap()).is_err());
    }
}
