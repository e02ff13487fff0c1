//! Why there is no response: which step failed, by way of which proxy, and what
//! to do about it.
//!
//! ureq and the TLS backends tell some of it by text alone. [`into_io`] and
//! [`connect_status`] know ureq's texts, [`TLS_MESSAGES`] those of the backends, and
//! nothing else decides by text.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::io::ErrorKind::{
    self, ConnectionReset, HostUnreachable, InvalidData, Other, PermissionDenied, TimedOut,
    UnexpectedEof,
};
use std::net::IpAddr;
use std::time::UNIX_EPOCH;

use time::OffsetDateTime;
use ureq::Error;

use crate::proxy::Proxy;

/// A message, over the error that it is about if there is one.
#[derive(Debug)]
struct Cause(Cow<'static, str>, Option<io::Error>);

/// Puts a message over an error, if there is one.
pub(crate) fn caused(
    kind: ErrorKind,
    message: impl Into<Cow<'static, str>>,
    source: impl Into<Option<io::Error>>,
) -> io::Error {
    io::Error::new(kind, Cause(message.into(), source.into()))
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.1.as_ref().map(|source| source as _)
    }
}

/// A step of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// The lookup of a name, and TCP.
    Connect,
    /// CONNECT to a proxy, and its response.
    Tunnel,
    Tls,
    /// The request and its response.
    Exchange,
}

/// The way to the API, as messages tell of it.
#[derive(Debug)]
pub(crate) struct Route {
    /// The API's host.
    pub(crate) host: String,
    pub(crate) proxy: Option<Proxy>,
    /// What to do where the issuer of a certificate is not known.
    pub(crate) issuer_advice: &'static str,
    /// Whether to name the environment's variables.
    pub(crate) is_from_env: bool,
}

impl Route {
    /// Puts a message over the error of a step, unless that says enough.
    ///
    /// `to_proxy` tells whether the peer is the proxy itself.
    pub(crate) fn explain(&self, step: Step, to_proxy: bool, error: Error) -> Error {
        // Connecting to a proxy is a part of `Tunnel`, and has its message by then.
        if let Error::Io(io) = &error
            && let Some(cause) = io.get_ref()
            && cause.is::<Cause>()
        {
            return error;
        }
        let status = connect_status(&error);
        let error = into_io(error);
        let tls = tls_message(&error);
        let kind = match status {
            Some(401 | 403 | 407) => PermissionDenied,
            Some(500 | 502..=504) => HostUnreachable,
            _ if tls == CLIENT_CERTIFICATE => PermissionDenied,
            _ => error.kind(),
        };
        let proxy = self.proxy.as_ref();
        let template = match (step, status) {
            (Step::Connect, _) if to_proxy => "{peer} was not reached",
            (Step::Connect, _) if kind == TimedOut => "no TCP connection",
            (Step::Tunnel, None) => "{peer} opened no connection{hint}",
            (Step::Tunnel, Some(_)) => "{peer} responded to CONNECT with {status}{hint}",
            (Step::Tls, _) => tls,
            (Step::Exchange, _) if tls == CLIENT_CERTIFICATE => tls,
            (Step::Exchange, _) if proxy.is_some() => "the connection to {peer} failed",
            (Step::Connect | Step::Exchange, _) => return error.into(),
        };
        let hint = match (status, kind) {
            (Some(401 | 407), _) if proxy.is_some_and(Proxy::has_password) => PASSWORD_REJECTED,
            (Some(401 | 407), _) => PASSWORD_MISSING,
            (Some(403), _) => ": it does not allow this host or port",
            (Some(500 | 502..=504), _) => ": it did not reach the server",
            (_, ConnectionReset | InvalidData | TimedOut | UnexpectedEof) if to_proxy => HTTP_PROXY,
            (_, ConnectionReset | InvalidData | UnexpectedEof) if proxy.is_some() => WEB_SERVER,
            (_, InvalidData) => ": is it http?",
            _ => "",
        };
        let (peer, host) = match proxy {
            None => ("the server".into(), &self.host),
            Some(proxy) if to_proxy || step == Step::Tunnel => (proxy.to_string(), &proxy.url.host),
            Some(proxy) => (format!("the server behind {proxy}"), &self.host),
        };
        // Texts and names by turns. No text is just a name.
        let mut message = String::new();
        for part in template.split(['{', '}']) {
            match part {
                "certificate" if proxy.is_none() => message += "the server's certificate",
                "certificate" => message.extend(["the certificate of ", &peer]),
                "hint" => message += hint,
                "host" => message += host,
                "issuer" => message += self.issuer_advice,
                "peer" => message += &peer,
                "status" => message.extend(status.map(|status| status.to_string())),
                "today" => message += &today(),
                "type" if host.parse::<IpAddr>().is_ok() => message += "IP",
                "type" => message += "DNS",
                "variable" if self.is_from_env => message += " (SOAP_API_CA)",
                "variable" => {}
                text => message += text,
            }
        }
        // ureq repeats the status, and the backends list algorithms as numbers.
        let source = (status.is_none() && tls != ALGORITHM).then_some(error);
        caused(kind, message, source).into()
    }
}

/// What the clock shows.
fn today() -> String {
    let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    OffsetDateTime::from_unix_timestamp(now.cast_signed())
        .map_or("a year after 9999".into(), |now| now.date().to_string())
}

/// Takes ureq out of an error.
///
/// What a server sends may hold the customer's data, and some of ureq's messages
/// quote it: those are put in other words.
pub(crate) fn into_io(error: Error) -> io::Error {
    let (kind, message) = match error {
        Error::Io(error) if error.to_string() == "Peer disconnected" => (UnexpectedEof, CLOSED),
        Error::Io(error) => return error,
        #[cfg(feature = "rustls-no-provider")]
        Error::Rustls(error) => return io::Error::new(InvalidData, error),
        #[cfg(feature = "native-tls")]
        Error::NativeTls(error) => return io::Error::new(InvalidData, error),
        Error::Other(error) => {
            return error
                .downcast()
                .map_or_else(io::Error::other, |error| *error);
        }
        Error::ConnectProxyFailed(text) if text.ends_with("not respond") => (UnexpectedEof, CLOSED),
        Error::Tls(reason) => (InvalidData, reason),
        // Its type is one of a crate that is not ours to name.
        Error::Protocol(error) if error.to_string().ends_with("too many headers") => {
            (InvalidData, "the response has too many header lines")
        }
        _ => (InvalidData, "the response is not HTTP/1.1"),
    };
    io::Error::new(kind, message)
}

/// The status by which a proxy rejected CONNECT. ureq tells it twice: `proxy server
/// responded 407/407`.
fn connect_status(error: &Error) -> Option<u16> {
    let Error::ConnectProxyFailed(reason) = error else {
        return None;
    };
    let status = reason.strip_prefix("proxy server responded ")?.get(..3)?;
    status.parse().ok()
}

/// The message for what a TLS backend says: rustls' errors come without their type,
/// and native-tls has only text.
fn tls_message(error: &io::Error) -> &'static str {
    // `Other` is native-tls's for what it reads.
    if !matches!(error.kind(), InvalidData | Other) {
        return "the TLS handshake with {peer} failed{hint}";
    }
    let mut text = error.to_string().to_ascii_lowercase();
    text.retain(|c| c.is_ascii_alphanumeric());
    let is_of = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    let message = TLS_MESSAGES.iter().find(|(parts, _)| is_of(parts));
    message.map_or(HANDSHAKE, |(_, message)| message)
}

/// Parts of the texts of rustls and OpenSSL, without case, spaces and punctuation,
/// and the message for them. The first row counts.
#[rustfmt::skip]
const TLS_MESSAGES: [(&[&str], &str); 12] = [
    // First, since rustls quotes the names of the certificate.
    (&["notvalidforname", "hostnamemismatch", "ipaddressmismatch"], "{certificate} is for another name than {host}"),
    // An alert is the peer's word on what it got.
    (&["alertcertificate", "alertbadcertificate"], CLIENT_CERTIFICATE),
    (&["alerthandshakefailure"], "{peer} refused the TLS handshake: it may want a client certificate, which is not supported, or other algorithms"),
    (&["alert"], HANDSHAKE),
    (&["unknownissuer", "localissuer", "selfsigned"], "{certificate} was not accepted: {issuer}{variable}"),
    (&["expired"], "{certificate} has expired: check this machine's clock, which shows {today}"),
    (&["notvalidyet", "notyetvalid"], "{certificate} is not valid yet: check this machine's clock, which shows {today}"),
    (&["causedasendentity"], "{certificate} is a CA certificate, which a server must not have: make one for tests by `openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 365 -subj /CN={host} -addext subjectAltName={type}:{host} -addext basicConstraints=critical,CA:FALSE`"),
    (&["keyusage", "purpose"], "{certificate} is not meant for servers"),
    (&["unsupported", "tooweak"], ALGORITHM),
    (&["certificate"], "{certificate} was not accepted"),
    (&["invalidcontenttype", "wrongversionnumber"], "{peer} does not speak TLS{hint}"),
];

const ALGORITHM: &str = "{certificate} has an unsupported algorithm, key size or version";
const CLIENT_CERTIFICATE: &str = "{peer} wants a client certificate, which is not supported";
const CLOSED: &str = "the connection was closed before the response was complete";
const HANDSHAKE: &str = "the TLS handshake with {peer} failed";
const HTTP_PROXY: &str = ": its URL may need http:// instead of https://";
const PASSWORD_MISSING: &str = ": no password was sent, which belongs in its URL (for Basic alone)";
const PASSWORD_REJECTED: &str = ": a password was sent, by Basic, the only scheme supported";
const WEB_SERVER: &str = ": the proxy may be a web server, check its address";

/// What to do where the issuer of a certificate is not known: with root certificates
/// that were given, with those of this build, and with the system's.
#[rustfmt::skip]
pub(crate) fn issuer_advice(given: bool, system: bool) -> &'static str {
    match (given, system) {
        (true, _) => "its issuer is not in root_certificates",
        (_, false) => "somebody may be intercepting the connection; if your organisation inspects TLS, get its CA certificate from your administrator and pass it to root_certificates",
        (_, true) => "somebody may be intercepting the connection, or this system lacks CA certificates (the package ca-certificates has them); if your organisation inspects TLS, get its CA certificate from your administrator and pass it to root_certificates",
    }
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
