//! The environment's proxy, and the hosts that `NO_PROXY` exempts from it.

use std::env;
use std::net::IpAddr;

use crate::format::Violation;
use crate::tls::{HAS_TLS, NO_TLS};
use crate::url::{self, Url};

pub(crate) fn checked_proxy(field: &'static str, url: &str) -> Result<Url, Violation> {
    match url::proxy(url) {
        Ok(url) if url.tls && !HAS_TLS => Err(NO_TLS),
        checked => checked,
    }
    .map_err(|rule| Violation::new(field, rule))
}

/// The text of an environment variable; an empty one counts as unset.
pub(crate) fn env_text(name: &'static str) -> Result<Option<String>, Violation> {
    match env::var_os(name) {
        None => Ok(None),
        Some(value) if value.is_empty() => Ok(None),
        Some(value) => match value.into_string() {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(Violation::new(name, "must be UTF-8")),
        },
    }
}

/// The proxy that the environment sets for `url`.
///
/// Never `HTTP_PROXY`: a CGI program gets that one from its client's `Proxy`
/// header (httpoxy, CVE-2016-5385).
pub(crate) fn env_proxy(url: &Url) -> Result<Option<Url>, Violation> {
    if url.is_loopback() || is_exempt(&url.host, url.port) {
        return Ok(None);
    }
    for name in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        if let Some(proxy) = env_text(name)? {
            return checked_proxy(name, &proxy).map(Some);
        }
    }
    Ok(None)
}

/// Whether the environment exempts a host from its proxy.
fn is_exempt(host: &str, port: u16) -> bool {
    let list = ["no_proxy", "NO_PROXY"]
        .into_iter()
        .filter_map(env::var_os)
        .find(|list| !list.is_empty())
        .unwrap_or_default();
    list.to_string_lossy()
        .split(',')
        .any(|entry| exempts(entry.trim(), host, port))
}

/// Whether an entry of a `NO_PROXY` list stands for a host: `*`, an address, or
/// a name that is the host's or the end of it, perhaps with a port.
fn exempts(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    let name = match entry.rsplit_once(':') {
        // More colons without brackets are an IPv6 address.
        Some((name, of_port)) if !name.contains(':') || name.ends_with(']') => {
            if of_port.parse() != Ok(port) {
                return false;
            }
            name
        }
        _ => entry,
    };
    let name = name
        .trim_start_matches(['[', '*', '.'])
        .trim_end_matches([']', '.']);
    let host = host.trim_end_matches('.');
    if let (Ok(name), Ok(host)) = (name.parse::<IpAddr>(), host.parse::<IpAddr>()) {
        return name == host;
    }
    let Some(head) = host.len().checked_sub(name.len()) else {
        return false;
    };
    let subdomain = host[..head].ends_with('.') && host.parse::<IpAddr>().is_err();
    !name.is_empty() && host[head..].eq_ignore_ascii_case(name) && (head == 0 || subdomain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_no_proxy_stands_for_what_it_says() {
        for (entry, host, expected) in [
            ("*", "api.example", true),
            ("api.example", "api.example", true),
            ("API.Example", "api.example", true),
            ("example", "api.example", true),
            (".example", "api.example", true),
            ("*.example", "api.example", true),
            ("api.example.", "api.example", true),
            ("api.example", "api.example.", true),
            ("api.example:443", "api.example", true),
            ("api.example:8443", "api.example", false),
            ("api.example:x", "api.example", false),
            ("ample", "api.example", false),
            ("v1.api.example", "api.example", false),
            ("", "api.example", false),
            (".", "api.example", false),
            (":443", "api.example", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1:443", "192.0.2.1", true),
            ("2.1", "192.0.2.1", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("2001:db8:0::1", "2001:db8::1", true),
            ("[2001:db8::1]", "2001:db8::1", true),
            ("[2001:db8::1]:443", "2001:db8::1", true),
            ("[2001:db8::1]:80", "2001:db8::1", false),
            ("2001:db8::2", "2001:db8::1", false),
        ] {
            assert_eq!(exempts(entry, host, 443), expected, "{entry:?} for {host}");
        }
    }
}
