//! Origins of pages and apps, and patterns of them, in the one form in which they are compared.

use serde::{Deserialize, Deserializer};
use url::Url;

/// An origin in its canonical form: `https://news.example:8443` with the host in lower case and ASCII and
/// without a final dot, and without a default port. Apps have schemes of their own, such as
/// `capacitor://localhost`. `https://*.news.example` means every host below `news.example`. `None` if
/// the text is anything else, such as an address with a path.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let (scheme, authority) = text.split_once("://")?;
    let (wildcard, authority) = match authority.strip_prefix("*.") {
        Some(rest) => ("*.", rest),
        None => ("", authority),
    };
    let is_plain =
        |c: char| !matches!(c, '/' | '?' | '#' | '\\' | '@' | '*' | '%') && !c.is_whitespace();
    if authority.is_empty() || !authority.chars().all(is_plain) {
        return None;
    }
    let url = Url::parse(&format!("{scheme}://{authority}")).ok()?;
    let host = url.host_str()?.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    // A wildcard below an IP address, or below a single label such as `com`, covers no site of its own.
    let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    let is_domain = host.contains('.') && host.parse::<std::net::IpAddr>().is_err();
    let has_empty_label = host.split('.').any(str::is_empty);
    if has_empty_label || !host.bytes().all(is_host_byte) || (!wildcard.is_empty() && !is_domain) {
        return None;
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{wildcard}{host}{port}", url.scheme()))
}

/// Whether a canonical origin is the listed one or is covered by its wildcard.
pub(crate) fn matches(listed: &str, origin: &str) -> bool {
    let covered = || {
        let (scheme, parent) = listed.split_once("://*")?;
        let host = origin.strip_prefix(scheme)?.strip_prefix("://")?;
        host.strip_suffix(parent).filter(|host| !host.is_empty())
    };
    listed == origin || covered().is_some()
}

/// Whether a listed origin, or one that its pattern covers, matches one of a list.
pub(crate) fn any_matches(listed: &[String], origin: &str) -> bool {
    listed.iter().any(|listed| matches(listed, origin))
}

/// Whether an origin is a program on the reader's own machine.
pub(crate) fn is_loopback(origin: &str) -> bool {
    Url::parse(origin).is_ok_and(|url| match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    })
}

/// Reads a list of origins and converts each to its canonical form; `catalog::check` rejects what has none.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    let list = Vec::<String>::deserialize(source)?;
    Ok(list.into_iter().map(|text| canonical(&text).unwrap_or(text)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_origin_has_one_spelling_and_an_app_has_an_origin() {
        for (written, form) in [
            ("https://news.example", "https://news.example"),
            ("HTTPS://News.Example:443", "https://news.example"),
            ("http://news.example.:80", "http://news.example"),
            ("https://news.example:8443", "https://news.example:8443"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://*.Bücher.example", "https://*.xn--bcher-kva.example"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("https://localhost", "https://localhost"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("Ionic://LOCALHOST", "ionic://localhost"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ] {
            assert_eq!(canonical(written).as_deref(), Some(form), "{written}");
        }
        for bad in [
            "",
            "null",
            "x",
            "news.example",
            "*.news.example",
            "https://",
            "https://*",
            "https://*.",
            "https://*.example",
            "https://*.10.0.0.1",
            "https://news.*",
            "https://*news.example",
            "https://a.*.example",
            "https://news.example/",
            "https://news.example/a",
            "https://news.example?a",
            "https://u:p@news.example",
            "https://a b.example",
            "file://",
            "https://news.example:0x1",
            "*://news.example",
            "http://..",
            "http://.news.example",
            "http://news..example",
            "http://news.example..",
        ] {
            assert_eq!(canonical(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_wildcard_covers_the_hosts_below_it_only() {
        let listed = "https://*.news.example";
        for origin in ["https://www.news.example", "https://a.b.news.example"] {
            assert!(matches(listed, origin), "{origin}");
        }
        for origin in [
            "https://news.example",
            "https://.news.example",
            "http://www.news.example",
            "https://www.news.example:8443",
            "https://evilnews.example",
            "https://www.news.example.evil.example",
        ] {
            assert!(!matches(listed, origin), "{origin}");
        }
        assert!(matches("https://*.news.example:8443", "https://a.news.example:8443"));
    }

    proptest! {
        #[test]
        fn a_canonical_origin_is_its_own_canonical_form(
            text in "(https?|HTTP|capacitor)://([*][.])?(\\PC|[a-zA-Zü.:0-9-]){1,16}",
        ) {
            if let Some(once) = canonical(&text) {
                prop_assert_eq!(canonical(&once), Some(once.clone()));
                prop_assert!(once.is_ascii());
            }
        }
    }
}
