//! PEM files of root certificates: each block is read, or is a violation.

use std::io::{self, Write};

use crate::common::tls::{self, Tls};
use crate::common::{End, call, ok, read_request};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----\n";
const END: &str = "-----END CERTIFICATE-----\n";

const NONE: &str = "must hold at least one PEM block `BEGIN CERTIFICATE`";
const DAMAGED: &str = "must be valid PEM: a block is damaged, or is no certificate";
const NO_BEGIN: &str = "must have each `-----BEGIN CERTIFICATE-----` alone on its line, \
                        not indented, in capitals, with five hyphens on either side";
const NO_END: &str = "must have each block end in `-----END CERTIFICATE-----`, alone on its line: \
                      a block is cut off, or joined with the next";
const OTHER: &str = "must hold plain `BEGIN CERTIFICATE` blocks alone: ask for a file of them, \
                     since TRUSTED ones, requests, revocation lists and PKCS are none";
const DER: &str =
    "must be PEM, not DER: convert it with `openssl x509 -inform der -in FILE -out NEW`";
const UTF_16: &str = "must be saved as UTF-8, not as UTF-16";

/// The violation that a file is, if it is one.
#[track_caller]
fn violation(pem: impl Into<Vec<u8>>) -> Option<String> {
    let cfg = tls::config(([127, 0, 0, 1], 1).into()).root_certificates(pem);
    let error = cfg.build().err()?;
    assert_eq!(error.violations().len(), 1, "{error}");
    assert_eq!(error.violations()[0].field(), "root_certificates");
    Some(error.violations()[0].to_string())
}

/// A block of a label, with the shortest body that passes for a certificate.
fn block(label: &str) -> String {
    format!("-----BEGIN {label}-----\nMAMwAaA=\n-----END {label}-----\n")
}

#[test]
fn every_block_that_begins_counts() {
    for (first, rule) in [
        // The marker in other letters, dashes and places.
        (block("CERTIFICATE").replace("-----B", " -----B"), NO_BEGIN),
        (block("CERTIFICATE").replace("-----B", "\t-----B"), NO_BEGIN),
        (block("CERTIFICATE").replace("-----B", "> -----B"), NO_BEGIN),
        (block("CERTIFICATE").replace("-----B", "x-----B"), NO_BEGIN),
        (block("CERTIFICATE").replace("-----", "----"), NO_BEGIN),
        (block("CERTIFICATE").replace("-----", "------"), NO_BEGIN),
        (block("CERTIFICATE").replace("-----B", "----B"), NO_BEGIN),
        (
            block("CERTIFICATE").replace("N CERTIFICATE-----", "N CERTIFICATE"),
            NO_BEGIN,
        ),
        (block("CERTIFICATE").replace("-----", ""), NO_BEGIN),
        (
            block("CERTIFICATE").replace("-----", "\u{2014}\u{2014}"),
            NO_BEGIN,
        ),
        (
            block("CERTIFICATE")
                .replace("-----", "\u{2014}")
                .replace("\u{2014}\nM", "\u{2014}M"),
            NO_BEGIN,
        ),
        (block("CERTIFICATE").replace("-----", "- "), NO_BEGIN),
        (block("CERTIFICATE").to_lowercase(), NO_BEGIN),
        (block("Certificate"), NO_BEGIN),
        (block(" CERTIFICATE"), NO_BEGIN),
        (block("CERTIFICATE").replace("BEGIN ", "BEGIN"), NO_BEGIN),
        (block("trusted certificate"), NO_BEGIN),
        (
            block("CERTIFICATE").replace("-----\nM", "-----\t\nM"),
            NO_BEGIN,
        ),
        (block("CERTIFICATE").replace("-----\nM", "-----M"), NO_BEGIN),
        (block("CERTIFICATE").replace('\n', " ") + "\n", NO_BEGIN),
        (block("CERTIFICATE").replace('\n', "\\n") + "\n", NO_BEGIN),
        (
            block("CERTIFICATE").replace('\n', "CERTIFICATE REQUEST") + "\n",
            NO_BEGIN,
        ),
        // The beginning is lost.
        (format!("MAMwAaA=\n{END}"), NO_BEGIN),
        (block("CERTIFICATE") + END, NO_BEGIN),
        // The end is.
        (format!("{BEGIN}MAMwAaA=\n"), NO_END),
        (format!("{BEGIN}MAMwAaA="), NO_END),
        (BEGIN.into(), NO_END),
        (block("CERTIFICATE").replace("-----E", " -----E"), NO_END),
        (block("CERTIFICATE").replace("-----E", "----E"), NO_END),
        (block("CERTIFICATE").replace("-----END", "-----end"), NO_END),
        (
            block("CERTIFICATE").replace("END CERT", "END TRUSTED CERT"),
            NO_END,
        ),
        (block("CERTIFICATE").replace("=\n-----E", "=-----E"), NO_END),
        (format!("{BEGIN}MAMwAaA=\n{}", block("PRIVATE KEY")), NO_END),
        (
            format!("{BEGIN}MAMwAaA=\n-----BEGIN PRIVATE KEY-----\nMAMwAaA=\n{END}"),
            NO_END,
        ),
        // Other blocks.
        (block("TRUSTED CERTIFICATE"), OTHER),
        (block("X509 CERTIFICATE"), OTHER),
        (block("CERTIFICATE REQUEST"), OTHER),
        (block("NEW CERTIFICATE REQUEST"), OTHER),
        (block("X509 CRL"), OTHER),
        (block("PKCS7"), OTHER),
        (block("CMS"), OTHER),
        (block("PGP PUBLIC KEY BLOCK"), OTHER),
        (block("ATTRIBUTE CERTIFICATE"), OTHER),
        (block("CERTIFCATE"), OTHER),
        (block(""), OTHER),
        // What is between the markers.
        (format!("{BEGIN}{END}"), DAMAGED),
        (format!("{BEGIN}AAAA\n{END}"), DAMAGED),
        (format!("{BEGIN}!!!!\n{END}"), DAMAGED),
        (format!("{BEGIN}MAA=\n{END}"), DAMAGED),
        (format!("{BEGIN}MAMwAaAA\n{END}"), DAMAGED),
        (format!("{BEGIN}MAMwAqA=\n{END}"), DAMAGED),
        // PKCS #7, as `certutil -encode` wraps whatever it is given.
        (format!("{BEGIN}MAMGASo=\n{END}"), DAMAGED),
        (format!("{BEGIN}\u{FEFF}MAMwAaA=\n{END}"), DAMAGED),
        (format!("{BEGIN}Comment: x\n\nMAMwAaA=\n{END}"), DAMAGED),
        (
            "\u{FEFF}".to_owned() + &block("CERTIFICATE").replace("MAMwAaA=", ""),
            DAMAGED,
        ),
    ] {
        let expected = Some(format!("root_certificates {rule}"));
        let good = tls::root();
        for pem in [format!("{first}\n{good}"), format!("{good}{first}")] {
            assert_eq!(violation(pem.as_str()), expected, "{pem}");
        }
    }
}

#[test]
fn joined_files_need_a_line_break() {
    let joined = format!("{}{}", tls::root().trim_end(), tls::root());
    assert_eq!(
        violation(joined),
        Some(format!("root_certificates {NO_END}"))
    );
}

#[test]
fn rejects_files_without_a_certificate() {
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let utf_16 = |swap: bool| -> Vec<u8> {
        let units = format!("\u{FEFF}{}", tls::root());
        let bytes = |unit: u16| {
            if swap {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            }
        };
        units.encode_utf16().flat_map(bytes).collect()
    };
    for (pem, rule) in [
        (Vec::new(), NONE),
        (b"\xEF\xBB\xBF".to_vec(), NONE),
        (b"hello".to_vec(), NONE),
        (b"0".to_vec(), NONE),
        (b"00 is no DER".to_vec(), NONE),
        (b"\xFF\0".to_vec(), NONE),
        (b"MIIB".to_vec(), NONE),
        (key.into_bytes(), NONE),
        (b"# Begin certificate of the Example CA\n".to_vec(), NONE),
        (b"# Begin certificate of Example-CA\n".to_vec(), NONE),
        (tls::root_der(), DER),
        // PKCS #7 without a length, and a long request.
        (b"0\x80\x06\x09".to_vec(), OTHER),
        (b"0\x82\x02\x58".to_vec(), OTHER),
        (utf_16(false), UTF_16),
        (utf_16(true), UTF_16),
    ] {
        let shown = String::from_utf8_lossy(&pem).into_owned();
        let expected = Some(format!("root_certificates {rule}"));
        assert_eq!(violation(pem), expected, "{shown:?}");
    }
}

#[test]
fn trusts_every_good_files_first_root() {
    let addr = tls::serve(tls::good(), |_, mut tls: Tls| -> io::Result<()> {
        loop {
            read_request(&mut tls)?;
            tls.write_all(&ok())?;
        }
    });
    let (root, other) = (
        tls::root().replace('\r', ""),
        tls::authority("Another CA").pem(),
    );
    let key = |label: &str| block(label).replace("MAMwAaA=", "Proc-Type: 4,ENCRYPTED\n\nMAMwAaA=");
    for pem in [
        root.clone(),
        root.trim_end().into(),
        root.clone() + &other,
        other.clone() + &root,
        root.replace('\n', "\r\n"),
        root.replace('\n', "\r"),
        root.replace('\n', "\n\n"),
        root.replace('\n', "  \n"),
        root.replace("\nM", "\n \tM"),
        format!("\u{FEFF}{root}"),
        format!("{other}\u{FEFF}{root}"),
        format!("# Example CA -- its certificate\nMIIB\n{root}and so on\n{other}\0\u{E9}"),
        format!("{}{root}", key("PRIVATE KEY")),
        format!("{root}{}", key("RSA PRIVATE KEY")),
        format!("{}{root}", key("ENCRYPTED PRIVATE KEY")),
        format!("{}{}{root}", block("EC PARAMETERS"), key("EC PRIVATE KEY")),
        format!("{root}{}", block("DH PARAMETERS")),
        format!("{}{root}", block("X9.42 DH PARAMETERS")),
        format!("{}{root}", block("PUBLIC KEY")),
        // A key that is cut off is no root either.
        format!("-----BEGIN PRIVATE KEY-----\nMAMwAaA=\n{root}"),
    ] {
        let cfg = tls::config(addr)
            .root_certificates(pem.as_str())
            .build()
            .unwrap();
        assert_eq!(End::of(&call(&cfg)), End::Applied, "{pem:?}");
    }
}

#[test]
fn base64_may_have_any_line_length() {
    let root = tls::root().replace('\r', "");
    let base64: String = root.lines().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(violation(format!("{BEGIN}{base64}\n{END}")), None);
    let split: Vec<_> = base64
        .as_bytes()
        .chunks(7)
        .map(String::from_utf8_lossy)
        .collect();
    assert_eq!(
        violation(format!("{BEGIN}{}\n{END}", split.join("\n"))),
        None
    );
    let short = &base64[..base64.len() - 8];
    let expected = Some(format!("root_certificates {DAMAGED}"));
    assert_eq!(violation(format!("{BEGIN}{short}\n{END}")), expected);
}
