//! What the environment's proxy variables stand for.

use super::*;

#[test]
fn no_proxy_entries_match_their_hosts() {
    for (entry, host, expected) in [
        ("*", "api.example", true),
        ("*", "192.0.2.1", true),
        ("**", "api.example", false),
        ("api.example", "api.example", true),
        ("API.Example", "api.example", true),
        ("example", "api.example", true),
        (".example", "api.example", true),
        (".api.example", "api.example", true),
        ("*.example", "api.example", true),
        ("*.example.", "v1.api.example", true),
        ("*.api.example", "api.example", false),
        ("*.api.example", "v1.api.example", true),
        ("*example", "api.example", false),
        ("*..example", "api.example", false),
        ("api.example.", "api.example", true),
        ("api.example", "api.example.", true),
        (".example.", "api.example.", true),
        ("api.example:443", "api.example", true),
        ("api.example:0443", "api.example", true),
        ("api.example:8443", "api.example", false),
        ("api.example:+443", "api.example", false),
        ("api.example:x", "api.example", false),
        ("api.example:", "api.example", false),
        ("api.example:65979", "api.example", false),
        ("*:443", "api.example", false),
        ("ample", "api.example", false),
        ("..example", "api.example", false),
        ("v1.api.example", "api.example", false),
        ("\u{FC}.example", "api.example", false),
        ("", "api.example", false),
        (".", "api.example", false),
        ("*.", "api.example", false),
        (":443", "api.example", false),
        ("[api.example]", "api.example", true),
        ("[api.example", "api.example", false),
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1:443", "192.0.2.1", true),
        ("192.0.2.1:80", "192.0.2.1", false),
        (".192.0.2.1", "192.0.2.1", false),
        ("2.1", "192.0.2.1", false),
        ("2001:db8::1", "2001:db8::1", true),
        ("2001:db8:0::1", "2001:db8::1", true),
        ("[2001:db8::1]", "2001:db8::1", true),
        ("[2001:db8::1]:443", "2001:db8::1", true),
        ("[2001:db8::1]:80", "2001:db8::1", false),
        ("[2001:db8::1]443", "2001:db8::1", false),
        ("[2001:db8::1]x", "2001:db8::1", false),
        ("2001:db8::2", "2001:db8::1", false),
        ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("::ffff:192.0.2.1", "192.0.2.1", true),
    ] {
        assert_eq!(
            is_exempt(entry, host, 443),
            expected,
            "{entry:?} for {host}"
        );
    }
}

#[test]
fn a_prefix_length_matches_its_addresses() {
    for (entry, host, expected) in [
        ("10.0.0.0/8", "10.255.1.2", true),
        ("10.1.2.3/8", "10.255.1.2", true),
        ("10.0.0.0/8", "11.0.0.0", false),
        ("10.0.0.0/08", "10.255.1.2", true),
        ("10.0.0.0/8:443", "10.255.1.2", true),
        ("10.0.0.0/8:80", "10.255.1.2", false),
        ("10.0.0.0/32", "10.0.0.0", true),
        ("10.0.0.0/32", "10.0.0.1", false),
        ("10.0.0.0/31", "10.0.0.1", true),
        ("10.0.0.0/31", "10.0.0.2", false),
        ("10.0.0.0/0", "192.0.2.1", true),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "2001:db8::1", true),
        ("::/0", "192.0.2.1", false),
        ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::", false),
        ("[2001:db8::/32]:443", "2001:db8::1", true),
        ("2001:db8::1/128", "2001:db8::1", true),
        ("2001:db8::1/128", "2001:db8::2", false),
        ("10.0.0.0/8", "::ffff:10.0.0.1", true),
        // A name is not looked up for it.
        ("0.0.0.0/0", "api.example", false),
        ("api.example/8", "api.example", false),
        // What is no prefix length stands for nothing.
        ("10.0.0.0/33", "10.0.0.0", false),
        ("2001:db8::/129", "2001:db8::", false),
        ("10.0.0.0/", "10.0.0.0", false),
        ("10.0.0.0/-1", "10.0.0.0", false),
        ("10.0.0.0/+8", "10.0.0.0", false),
        ("10.0.0.0/8/8", "10.0.0.0", false),
        ("10.0.0.0/255.0.0.0", "10.0.0.0", false),
        ("10.0.0.0/65544", "10.0.0.0", false),
        ("10.0.0.0/99999999999999999999", "10.0.0.0", false),
        ("10.0.0/8", "10.0.0.0", false),
        ("/8", "10.0.0.0", false),
    ] {
        assert_eq!(
            is_exempt(entry, host, 443),
            expected,
            "{entry:?} for {host}"
        );
    }
}

#[test]
fn lists_split_at_commas() {
    for (list, expected) in [
        ("a.example", true),
        ("b.example,a.example", true),
        (" b.example , a.example ", true),
        ("b.example,\ta.example\r\n", true),
        ("\"b.example,a.example\"", true),
        ("'b.example, a.example'\n", true),
        // As for curl 8.11, and most others.
        ("b.example a.example", false),
        ("a.example b.example", false),
        ("\"a.example,b.example", false),
        ("\"a.example'", false),
        ("\"", false),
        ("b.example,,a.example,", true),
        ("b.example, *", true),
        ("", false),
        (" , ", false),
        ("a.exa,mple", false),
        ("b.example;a.example", false),
    ] {
        assert_eq!(is_exempt(list, "a.example", 443), expected, "{list:?}");
    }
}

/// What comes of these variables, which a test cannot set for itself alone.
fn come_to(url: &str, variables: &[(&str, &str)]) -> Result<Option<String>, String> {
    let variable = |name: &str| {
        let set = variables.iter().find(|(set, _)| *set == name);
        set.map(|(_, value)| OsString::from(value))
    };
    from_env(&url::base_url(url).unwrap(), variable)
        .map(|proxy| proxy.map(|proxy| proxy.url.text))
        .map_err(|violation| violation.to_string())
}

#[test]
fn the_first_variable_is_the_proxy() {
    let names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    for (i, first) in names.iter().enumerate() {
        let others = names[i + 1..].iter().map(|name| (*name, "bad proxy"));
        let variables: Vec<_> = others.chain([(*first, "proxy.example:3128")]).collect();
        assert_eq!(
            come_to("https://a.example", &variables),
            Ok(Some("http://proxy.example:3128".into())),
            "{first}"
        );
        let others = names[i + 1..].iter().map(|name| (*name, "proxy.example"));
        let variables: Vec<_> = others.chain([(*first, "socks5://x")]).collect();
        assert_eq!(
            come_to("https://a.example", &variables),
            Err(format!(
                "{first} must be an http or https proxy: SOCKS is not supported"
            ))
        );
    }
    let http = [("HTTP_PROXY", "bad proxy"), ("http_proxy", "bad proxy")];
    assert_eq!(come_to("https://a.example", &http), Ok(None));
}

#[test]
fn exempt_hosts_need_no_valid_proxy() {
    let all = [("https_proxy", "bad proxy")];
    for url in [
        "http://localhost",
        "https://127.8.9.10",
        "https://[::1]",
        // As they are dialed.
        "https://localhost.",
        "https://[::ffff:127.8.9.10]",
    ] {
        assert_eq!(come_to(url, &all), Ok(None), "{url}");
    }
    for name in ["no_proxy", "NO_PROXY"] {
        let exempt = [all[0], (name, "b.example, .a.example")];
        assert_eq!(come_to("https://api.a.example", &exempt), Ok(None));
        assert!(come_to("https://a.example.org", &exempt).is_err());
    }
    // The first list that is set counts alone.
    let two = [all[0], ("no_proxy", "b.example"), ("NO_PROXY", "*")];
    assert!(come_to("https://a.example", &two).is_err());
}
