//! The base URL of the API, and the URL of a proxy.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::format::{Rule, check_bare, is_label, is_visible, starts_with};

/// A base URL or a proxy's URL that was checked.
///
/// Of a base URL, scheme and host are in lower case, with no `/` at the end and
/// no `/api/v1`; a proxy's holds its user name and password as they were
/// written.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Url {
    /// The URL in its normal form.
    pub(crate) text: String,
    /// Whether it is `https`.
    pub(crate) tls: bool,
    /// The host without brackets, lower case.
    pub(crate) host: String,
    /// The port, written out or the scheme's own.
    pub(crate) port: u16,
}

impl Url {
    /// Makes a URL of what was checked: `rest` is what follows `://` in `text`.
    fn new(tls: bool, rest: &str, host: &str, port: Option<u16>) -> Self {
        let (scheme, default) = if tls { ("https", 443) } else { ("http", 80) };
        Self {
            text: format!("{scheme}://{rest}"),
            tls,
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or(default),
        }
    }

    /// The host and the port, as a URL has them.
    pub(crate) fn address(&self) -> String {
        let is_ipv6 = self.host.contains(':');
        let (open, close) = if is_ipv6 { ("[", "]") } else { ("", "") };
        format!("{open}{}{close}:{}", self.host, self.port)
    }

    /// Whether the host is this machine, by its name or address alone: as it is
    /// dialed, so that it may be `localhost.`, or an IPv4 address written as IPv6.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host.strip_suffix('.').unwrap_or(&self.host);
        let is_mapped = |ip: Ipv6Addr| ip.to_canonical().is_loopback();
        is_loopback(host) || host.parse().is_ok_and(is_mapped)
    }

    /// Checks that `http` goes to this machine, or to one of the hosts that it is
    /// `allowed` to: the key travels in a header.
    pub(crate) fn check_http<'a>(
        &self,
        mut allowed: impl Iterator<Item = &'a String>,
    ) -> Result<(), Rule> {
        // An IPv6 address is the same however it is written.
        let is_same = |host: &String| {
            *host == self.host
                || (host.parse::<Ipv6Addr>()).is_ok_and(|ip| self.host.parse() == Ok(ip))
        };
        let is_allowed = self.tls || is_loopback(&self.host) || allowed.any(is_same);
        is_allowed.then_some(()).ok_or(CLEAR)
    }
}

/// Without the user name and the password of a proxy.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "\"{scheme}://{}\"", self.address())
    }
}

/// The URL that `/api/v1/customers/{id}` is put after.
///
/// `https`, or `http` where [`Url::check_http`] allows it. A path is kept, for
/// gateways.
pub(crate) fn base_url(value: &str) -> Result<Url, Rule> {
    check_text(value)?;
    let (tls, rest) =
        scheme(value).ok_or("must start with `https://`, or with `http://` for this machine")?;
    if rest.contains(['?', '#']) {
        return Err("must have no query and no fragment");
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err("must have no user name or password: the API takes the key in a header");
    }
    let (host, port) = host_and_port(authority)?;
    // With `ureq/cookies` on, as any crate of a program may have it, ureq panics
    // at hosts that IDNA refuses, and which those are takes tables to tell.
    if host.split('.').any(|label| starts_with(label, "xn--")) {
        return Err("must have no `xn--` label in its host name, which is not supported");
    }
    // As the API's page and other clients write it; the client adds the path itself.
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix("/api/v1").unwrap_or(path);
    let path = path.trim_end_matches('/');
    check_path(path)?;
    let rest = authority.to_ascii_lowercase() + path;
    Ok(Url::new(tls, &rest, host, port))
}

/// A host that `http` is allowed to, in lower case: a name, or an address with or
/// without brackets.
pub(crate) fn http_host(value: &str) -> Result<String, Rule> {
    let bracketed = format!("[{value}]");
    let is_ipv6 = value.parse::<Ipv6Addr>().is_ok();
    let Ok((host, None)) = host_and_port(if is_ipv6 { &bracketed } else { value }) else {
        return Err("must be a host name or an address alone, without scheme, port and path");
    };
    Ok(host.to_ascii_lowercase())
}

/// A CONNECT proxy's URL: `http` (also where no scheme is written) or
/// `https`, a host, a port, perhaps a user name and password.
///
/// Its host may have `xn--` labels: no URL parser but ours sees it, and who must
/// use a proxy cannot choose its name.
pub(crate) fn proxy(value: &str) -> Result<Url, Rule> {
    check_text(value)?;
    let (tls, rest) = match scheme(value) {
        Some(found) => found,
        // As most programs read the variables: `proxy.example:3128` is http.
        None if !value.contains("://") => (false, value),
        None if starts_with(value, "socks") => {
            return Err("must be an http or https proxy: SOCKS is not supported");
        }
        None => return Err("must be an http or https proxy"),
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (userinfo, address) = authority.rsplit_once('@').unwrap_or(("", authority));
    let is_encoded = userinfo.bytes().all(is_path_byte)
        && percent_decoded(userinfo).is_some_and(|bytes| String::from_utf8(bytes).is_ok());
    // Another `@` belongs to a password with `@`, `/`, `?` or `#` in it.
    if !is_encoded || userinfo.contains('@') || path.contains('@') {
        return Err("must have user name and password %-encoded, as UTF-8");
    }
    if !matches!(path, "" | "/") {
        return Err("must have no path, query or fragment");
    }
    let (host, port) = host_and_port(address)?;
    Ok(Url::new(tls, authority, host, port))
}

/// Checks what no URL may be or hold.
fn check_text(value: &str) -> Result<(), Rule> {
    check_bare(value)?;
    if value.len() > 2048 {
        Err("must be at most 2048 bytes long")
    } else if !is_visible(value) {
        Err("must be visible ASCII only, with all else %-encoded: \
             host names in other scripts are not supported")
    } else {
        Ok(())
    }
}

/// Splits `https://rest` or `http://rest`, in any case, into whether it is
/// `https`, and the rest.
fn scheme(url: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let rest = rest.strip_prefix("//")?;
    let is_https = scheme.eq_ignore_ascii_case("https");
    (is_https || scheme.eq_ignore_ascii_case("http")).then_some((is_https, rest))
}

/// Splits an authority without user info into host, without brackets, and
/// port.
fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), Rule> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').ok_or(NO_HOST)?,
        None if authority.matches(':').count() > 1 => {
            return Err("must have an IPv6 address in brackets, like https://[2001:db8::1]:443");
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => None,
        digits => digits
            .and_then(number)
            .filter(|port| *port != 0)
            .ok_or("must have a port from 1 to 65535 after the `:`, or neither")
            .map(Some)?,
    };
    if authority.starts_with('[') {
        host.parse::<Ipv6Addr>().map_err(|_| NO_HOST)?;
    } else {
        check_host(host)?;
    }
    Ok((host, port))
}

/// A number of digits alone, as `parse` would take a `+` too.
pub(crate) fn number(digits: &str) -> Option<u16> {
    let is_number = digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

/// Checks a host name or an IPv4 address.
fn check_host(host: &str) -> Result<(), Rule> {
    // A name may end in the dot of the root, and label with `_` in private zones.
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.len() > 253 || !name.replace('_', "x").split('.').all(is_label) {
        return Err(NO_HOST);
    }
    // The URL Standard reads a host that ends in a number as an IPv4 address,
    // the system's resolver reads `127.1` as one, and no top-level domain
    // begins with a digit: so it is one as everybody writes it, or a mistake.
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|b| b.is_ascii_digit()) || starts_with(last, "0x");
    if is_number && host.parse::<Ipv4Addr>().is_err() {
        return Err(
            "must have a host name, or an IPv4 address of four decimal numbers: \
                    the last part of a name is no number",
        );
    }
    Ok(())
}

fn check_path(path: &str) -> Result<(), Rule> {
    // A gateway would resolve them, and the request would go to another path.
    let is_dots = |segment| matches!(percent_decoded(segment).as_deref(), Some(b"." | b".."));
    if path.split('/').any(|segment| segment == "customers") {
        Err("must end before `/api/v1/customers`, which the client adds itself")
    } else if !path.bytes().all(is_path_byte) || percent_decoded(path).is_none() {
        Err("must have a path of URL characters, all others %-encoded")
    } else if path.split('/').any(is_dots) {
        Err("must have no `.` or `..` in its path")
    } else {
        Ok(())
    }
}

/// RFC 3986: unreserved, sub-delims, `:`, `@`, `/`, and `%` for what is
/// encoded.
fn is_path_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&b)
}

/// Decodes a %-encoded text, if each `%` is followed by two hexadecimal digits.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut decoded = Vec::from(parts.next()?);
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        // The parser would take a sign.
        let is_code = code.bytes().all(|b| b.is_ascii_hexdigit());
        decoded.push(is_code.then(|| u8::from_str_radix(code, 16).ok())??);
        decoded.extend(rest.bytes());
    }
    Some(decoded)
}

fn is_loopback(host: &str) -> bool {
    let is_loopback_ip = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    is_loopback_ip || host.eq_ignore_ascii_case("localhost")
}

const CLEAR: Rule = "must start with `https://`: http would show the key to the network, and is \
                     for localhost, 127.0.0.0/8, [::1] and hosts set by danger_allow_http only";
const NO_HOST: Rule = "must have a host name, an IPv4 address or an [IPv6] address";

#[cfg(test)]
mod tests {
    use std::iter;

    use ureq::http::Uri;

    use super::*;

    #[test]
    fn checked_host_and_port_are_dialed() {
        for (url, host, port) in [
            ("https://example.com", "example.com", 443),
            ("HTTPS://Example.COM./", "example.com.", 443),
            ("https://a_b.example:8443/x/api/v1/", "a_b.example", 8443),
            ("https://example.com/@localhost:1", "example.com", 443),
            ("https://[2001:DB8::1]/x", "2001:db8::1", 443),
            (
                "https://[::ffff:127.0.0.1]:65535",
                "::ffff:127.0.0.1",
                65535,
            ),
            ("http://localhost", "localhost", 80),
            ("http://LOCALHOST:1/api/v1", "localhost", 1),
            ("http://127.255.255.254:0080", "127.255.255.254", 80),
            ("http://[0::1]:8080", "0::1", 8080),
        ] {
            let checked = base_url(url).unwrap_or_else(|rule| panic!("{url}: {rule}"));
            assert_eq!((checked.host.as_str(), checked.port), (host, port), "{url}");
            let uri: Uri = checked.text.parse().unwrap();
            assert_eq!(uri.host().unwrap().trim_matches(['[', ']']), host, "{url}");
            let default = if checked.tls { 443 } else { 80 };
            assert_eq!(uri.port_u16().unwrap_or(default), port, "{url}");
        }
    }

    #[test]
    fn proxies_have_at_most_2048_bytes() {
        let url = |length| {
            format!(
                "http://{}@proxy:1",
                "u".repeat(length - "http://@proxy:1".len())
            )
        };
        assert!(proxy(&url(2048)).is_ok());
        assert_eq!(proxy(&url(2049)), Err("must be at most 2048 bytes long"));
    }

    #[test]
    fn hosts_have_at_most_253_bytes() {
        let label = "a".repeat(63);
        let url = |last| format!("https://{label}.{label}.{label}.{}", "b".repeat(last));
        assert!(base_url(&url(61)).is_ok());
        assert!(base_url(&(url(61) + "./")).is_ok());
        assert!(base_url(&url(62)).is_err());
    }

    #[test]
    fn hosts_ending_in_numbers_are_ipv4() {
        const RULE: Rule = "must have a host name, or an IPv4 address of four decimal numbers: \
                            the last part of a name is no number";
        for (host, expected) in [
            ("192.0.2.7", Ok(())),
            ("0.0.0.0", Ok(())),
            ("255.255.255.255", Ok(())),
            ("7.example", Ok(())),
            ("a.7b", Ok(())),
            ("a.b7", Ok(())),
            ("a.1_2", Ok(())),
            ("a.0b", Ok(())),
            ("256.1.1.1", Err(RULE)),
            ("1.2.3.4.5", Err(RULE)),
            ("1.2.3", Err(RULE)),
            ("01.2.3.4", Err(RULE)),
            ("192.0.2.7.", Err(RULE)),
            ("gateway.42", Err(RULE)),
            ("gateway.42.", Err(RULE)),
            ("999999999999", Err(RULE)),
            ("0", Err(RULE)),
            ("api.0x", Err(RULE)),
            ("api.0X1f", Err(RULE)),
            ("api.0xyz", Err(RULE)),
            ("0x7f.0.0.1", Err(RULE)),
            ("0x7f000001", Err(RULE)),
        ] {
            let url = format!("https://{host}:1/x");
            assert_eq!(base_url(&url).map(drop), expected, "{url}");
            assert_eq!(proxy(&format!("{host}:1")).map(drop), expected, "{host}");
        }
    }

    #[test]
    fn api_hosts_have_no_punycode_label() {
        for (host, expected) in [
            ("xn.example", true),
            ("xn-a.example", true),
            ("axn--b.example", true),
            ("a--b.example", true),
            ("xn--a.example", false),
            ("xn--.example", false),
            ("XN--bcher-kva.example", false),
            ("api.xN--bcher-kva.example.", false),
            ("example.xn--p1ai", false),
            ("localhost.xn--p1ai", false),
        ] {
            assert_eq!(
                base_url(&format!("https://{host}")).is_ok(),
                expected,
                "{host}"
            );
        }
        assert!(proxy("proxy.xn--bcher-kva.example:3128").is_ok());
    }

    #[test]
    fn ambiguous_authorities_are_rejected() {
        for url in [
            "http://localhost@example.com",
            "http://localhost:80@example.com",
            "http://example.com@localhost",
            "http://localhost\\@example.com",
            "http://localhost#@example.com",
            "http://localhost?@example.com",
            "http://127.0.0.1.example.com",
            "http://[::1]example.com",
            "http://[::1].example.com",
            "http://[::1%25lo]",
            "http://::1",
            "http://127.1",
            "http://127.0.0.1.",
            "http://localhost.",
            "http://2130706433",
            "http://0x7f.0.0.1",
            "http://localhost:80:80",
            "http://localhost:+80",
            "https://example.com:443@127.0.0.1",
            "https://example.com%2f@127.0.0.1",
            "https://[::1]:80]",
        ] {
            let checked = base_url(url).and_then(|url| url.check_http(iter::empty()));
            assert!(checked.is_err(), "{url}");
        }
    }
}
