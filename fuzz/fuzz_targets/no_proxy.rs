//! A `NO_PROXY` list exempts the hosts that it says, by bits and labels.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use paywithsoap::fuzzing;

fuzz_target!(|input: &str| {
    // An authority, then the list.
    let Some((authority, list)) = input.split_once('\n') else {
        return;
    };
    let Some((host, port, _)) = fuzzing::base_url(&format!("https://{authority}")) else {
        return;
    };
    let separates = |c: char| c == ',' || c.is_whitespace();
    let expected = list
        .split(separates)
        .any(|entry| exempts(entry, &host, port));
    assert_eq!(
        fuzzing::is_exempt(list, &host, port),
        expected,
        "{list:?} for {host}:{port}"
    );
});

fn exempts(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    let (name, rest) = if let Some(bracketed) = entry.strip_prefix('[') {
        let Some(end) = bracketed.find(']') else {
            return false;
        };
        (&bracketed[..end], &bracketed[end + 1..])
    } else if entry.matches(':').count() == 1 {
        entry.split_at(entry.find(':').unwrap())
    } else {
        (entry, "")
    };
    let digits = rest
        .strip_prefix(':')
        .map(|digits| digits.trim_start_matches('0'));
    let same_port = match digits {
        Some(digits) => rest.len() > 1 && digits == port.to_string(),
        None => rest.is_empty(),
    };
    same_port
        && match host.parse::<IpAddr>() {
            Ok(address) => contains(name, address),
            Err(_) => is_domain_of(name, host),
        }
}

fn contains(range: &str, address: IpAddr) -> bool {
    let (base, length) = range.split_once('/').unwrap_or((range, "all"));
    let Ok(base) = base.parse() else {
        return false;
    };
    let (base, address) = (bits(base), bits(address));
    let length = match length.trim_start_matches('0') {
        "all" => base.len(),
        "" if !length.is_empty() => 0,
        digits => match (0..=base.len()).find(|n| n.to_string() == digits) {
            Some(length) => length,
            None => return false,
        },
    };
    base.len() == address.len() && base[..length] == address[..length]
}

/// The bits of an address, where IPv4 in IPv6 is IPv4.
fn bits(address: IpAddr) -> String {
    let of = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    match address {
        IpAddr::V4(v4) => of(&v4.octets()),
        IpAddr::V6(v6) => match v6.octets() {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, v4 @ ..] => of(&v4),
            octets => of(&octets),
        },
    }
}

fn is_domain_of(name: &str, host: &str) -> bool {
    let name = name.strip_prefix('*').unwrap_or(name);
    let name = name.strip_prefix('.').unwrap_or(name);
    let labels = |text: &str| -> Vec<String> {
        let text = text.strip_suffix('.').unwrap_or(text);
        text.to_ascii_lowercase()
            .rsplit('.')
            .map(str::to_owned)
            .collect()
    };
    let (name, host) = (labels(name), labels(host));
    name != [""] && host.starts_with(&name)
}
