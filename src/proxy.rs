//! The environment's proxy, and the hosts that `NO_PROXY` exempts from it.

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;

use crate::format::{NOT_UTF8, OfField, Violation};
use crate::tls;
use crate::url::{self, Url, number};

/// A proxy, and what set it.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) url: Url,
    /// The setting, or the environment's variable.
    pub(crate) field: &'static str,
}

impl Proxy {
    pub(crate) fn has_password(&self) -> bool {
        self.url.text.contains('@')
    }
}

/// Host and port, as messages name it: never the user name and the password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {}", self.url.address())?;
        match self.field {
            SETTING => Ok(()),
            variable => write!(f, " ({variable})"),
        }
    }
}

/// The proxy that the environment sets for `url`, where `variable` is what
/// looks up a variable that is set and not empty.
///
/// Never `HTTP_PROXY`: a CGI program gets that one from its client's `Proxy`
/// header (httpoxy, CVE-2016-5385).
pub(crate) fn from_env(
    url: &Url,
    variable: impl Fn(&'static str) -> Option<OsString>,
) -> Result<Option<Proxy>, Violation> {
    let find =
        |names: &[&'static str]| names.iter().find_map(|name| Some((*name, variable(name)?)));
    let is_exempt =
        |(_, list): (_, OsString)| is_exempt(&list.to_string_lossy(), &url.host, url.port);
    // Lower case first, as for curl.
    match find(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]) {
        // Programs serve themselves on loopback, where no proxy could find them. Over
        // `http`, it would see the key.
        Some((name, proxy))
            if url.tls
                && !url.is_loopback()
                && !find(&["no_proxy", "NO_PROXY"]).is_some_and(is_exempt) =>
        {
            // Only now: what is not used cannot be wrong.
            let proxy = proxy.to_str().ok_or(NOT_UTF8).of(name)?;
            check(name, proxy).map(Some)
        }
        _ => Ok(None),
    }
}

/// Checks a proxy's URL, for a setting or variable called `field`.
pub(crate) fn check(field: &'static str, url: &str) -> Result<Proxy, Violation> {
    let url = url::proxy(url).and_then(tls::check).of(field)?;
    Ok(Proxy { url, field })
}

/// Whether a `NO_PROXY` list exempts a host. Entries are separated by commas.
pub(crate) fn is_exempt(list: &str, host: &str, port: u16) -> bool {
    let list = list.trim();
    // Docker's files of variables keep the quotes.
    let unquote = |quote| list.strip_prefix(quote)?.strip_suffix(quote);
    let list = ['"', '\''].into_iter().find_map(unquote).unwrap_or(list);
    list.split(',')
        .any(|entry| exempts(entry.trim(), host, port))
}

/// Whether an entry of a `NO_PROXY` list stands for a host: `*`, an address,
/// addresses with a prefix length, or a name. All but `*` may have a port.
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
    let is_port = rest.is_empty() || rest.strip_prefix(':').and_then(number) == Some(port);
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_host = match host.parse() {
        Ok(address) => contains(name, address) == Some(true),
        Err(_) => is_domain_of(name, host),
    };
    is_port && is_host
}

/// Whether `range`, an address or addresses like `10.0.0.0/8`, contains an
/// address; `None` if it is neither.
fn contains(range: &str, address: IpAddr) -> Option<bool> {
    // Either may be an IPv4 address written as IPv6: `::ffff:10.0.0.1`.
    let bits = |address: IpAddr| match address.to_canonical() {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32u16),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let (base, length) = range.split_once('/').unzip();
    let (base, width) = bits(base.unwrap_or(range).parse().ok()?);
    let (address, own_width) = bits(address);
    let free = width.checked_sub(length.map_or(Some(width), number)?)?;
    // Of length 0, all of an IPv6 address would be shifted out.
    let different = (base ^ address).checked_shr(free.into()).unwrap_or(0);
    Some(width == own_width && different == 0)
}

/// Whether `name` is that of a host or of a domain that it is in: `.name` too, and
/// `*.name` for what is below it.
fn is_domain_of(name: &str, host: &str) -> bool {
    let below = name.strip_prefix("*.");
    let name = below.or(name.strip_prefix('.')).unwrap_or(name);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    match host.to_ascii_lowercase().strip_suffix(&name) {
        Some("") => below.is_none(),
        Some(rest) => rest.ends_with('.') && !name.is_empty(),
        None => false,
    }
}

/// The setting of a builder.
pub(crate) const SETTING: &str = "proxy";

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
