//! The environment's proxy, and the hosts that `NO_PROXY` exempts from it.

use std::ffi::OsString;
use std::net::IpAddr;

use crate::format::{NOT_UTF8, Violation};
use crate::tls;
use crate::url::{self, Url};

/// The proxy that the environment sets for `url`, where `variable` is what
/// looks up a variable that is set and not empty.
///
/// Never `HTTP_PROXY`: a CGI program gets that one from its client's `Proxy`
/// header (httpoxy, CVE-2016-5385).
pub(crate) fn from_env(
    url: &Url,
    variable: impl Fn(&'static str) -> Option<OsString>,
) -> Result<Option<Url>, Violation> {
    let find = |names: &[&'static str]| {
        let mut set = names
            .iter()
            .filter_map(|name| Some((*name, variable(name)?)));
        set.next()
    };
    // Programs serve themselves on loopback, where no proxy could find them. Over
    // `http`, it would see the key.
    if !url.tls || url.is_loopback() {
        return Ok(None);
    }
    // Lower case first, as for curl.
    let Some((name, proxy)) = find(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
    else {
        return Ok(None);
    };
    if let Some((_, list)) = find(&["no_proxy", "NO_PROXY"])
        && is_exempt(&list.to_string_lossy(), &url.host, url.port)
    {
        return Ok(None);
    }
    // Only now: what is not used cannot be wrong.
    match proxy.into_string() {
        Ok(proxy) => check(name, &proxy).map(Some),
        Err(_) => Err(Violation::new(name, NOT_UTF8)),
    }
}

/// Checks a proxy's URL, for a setting or variable called `field`.
pub(crate) fn check(field: &'static str, url: &str) -> Result<Url, Violation> {
    let url = url::proxy(url).and_then(tls::check);
    url.map_err(|rule| Violation::new(field, rule))
}

/// Whether a `NO_PROXY` list exempts a host.
///
/// Entries are separated by commas; white space, which no host contains,
/// separates them too, as for curl.
pub(crate) fn is_exempt(list: &str, host: &str, port: u16) -> bool {
    list.split(|c: char| c == ',' || c.is_whitespace())
        .any(|entry| exempts(entry, host, port))
}

/// Whether an entry of a `NO_PROXY` list stands for a host: `*`, an address,
/// addresses with a prefix length, or a name that is the host's or the end of
/// it. All but `*` may have a port.
fn exempts(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    let (name, rest) = match entry.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').unwrap_or_default(),
        None if entry.matches(':').count() == 1 => entry.split_at(entry.find(':').unwrap_or(0)),
        // More colons are an IPv6 address.
        None => (entry, ""),
    };
    let of_port = rest.strip_prefix(':').and_then(number);
    if !rest.is_empty() && of_port != Some(port) {
        return false;
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    match host.parse() {
        Ok(address) => contains(name, address),
        Err(_) => is_domain_of(name, host),
    }
}

/// Whether `range`, an address or addresses like `10.0.0.0/8`, contains an
/// address.
fn contains(range: &str, address: IpAddr) -> bool {
    let (base, length) = match range.split_once('/') {
        Some((base, length)) => (base, Some(length)),
        None => (range, None),
    };
    let Ok(base) = base.parse::<IpAddr>() else {
        return false;
    };
    // Either may be an IPv4 address written as IPv6: `::ffff:10.0.0.1`.
    let (base, address, width) = match (base.to_canonical(), address.to_canonical()) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            (base.to_bits().into(), address.to_bits().into(), 32)
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let length = match length {
        None => Some(width),
        Some(length) => number(length).filter(|length| *length <= width),
    };
    let different: u128 = base ^ address;
    length.is_some_and(|length| {
        // Of length 0, all of an IPv6 address would be shifted out.
        different
            .checked_shr(u32::from(width - length))
            .unwrap_or(0)
            == 0
    })
}

/// Whether `name`, perhaps after `.` or `*.`, is that of a host or of a domain
/// that it is in.
fn is_domain_of(name: &str, host: &str) -> bool {
    let name = name.strip_prefix('*').unwrap_or(name);
    let name = name.strip_prefix('.').unwrap_or(name);
    let name = name.strip_suffix('.').unwrap_or(name).as_bytes();
    let host = host.as_bytes();
    !name.is_empty()
        && host.len().checked_sub(name.len()).is_some_and(|head| {
            host[head..].eq_ignore_ascii_case(name) && (head == 0 || host[head - 1] == b'.')
        })
}

/// A number of digits alone, as `parse` would take a `+` too.
fn number(digits: &str) -> Option<u16> {
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
