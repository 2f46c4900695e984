//! Landing pages of calls to action: https, on the advertiser's domains, with a fixed set of macros.

use crate::domain::{ad_text, hidden};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use url::Url;

/// Supported macros: they describe the page and the unit, never the reader.
pub(crate) const MACROS: [&str; 8] =
    ["publisher", "placement", "campaign", "flight", "creative", "cta", "topic", "country"];

/// Why a landing page is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LandingProblem {
    /// Not a URL.
    #[error("is not a URL: {0}")]
    NotAUrl(String),
    /// Not https.
    #[error("is not https")]
    NotHttps,
    /// Contains a user name or a password.
    #[error("contains a user name or password: remove it")]
    Credentials,
    /// A host outside the advertiser's domains.
    #[error("host `{0}` is not one of the advertiser's domains")]
    ForeignHost(String),
    /// An unknown macro, or a macro outside path, query and fragment.
    #[error("`{{{0}}}` is not a macro allowed here: use {list} in path and query", list = MACROS.map(|m| format!("{{{m}}}")).join(" "))]
    Macro(String),
    /// A brace without its other half.
    #[error(
        "contains `{0}` that is not closed or not opened: write a macro such as {{topic}}, or %7B and %7D"
    )]
    Unclosed(char),
    /// A character that URLs cannot contain.
    #[error("contains {what} (U+{code:04X}) at character {at}: remove it")]
    Control {
        /// Kind of character.
        what: &'static str,
        /// Unicode code point.
        code: u32,
        /// Position, counting characters from 1.
        at: usize,
    },
}

/// Checks a landing page, macros unexpanded, against the advertiser's domains.
pub(crate) fn check(
    text: &str,
    domains: &[String],
    allow_http: bool,
) -> Result<(), LandingProblem> {
    for (at, c) in text.chars().enumerate() {
        if let Some(what) = forbidden(c) {
            return Err(LandingProblem::Control { what, code: u32::from(c), at: at + 1 });
        }
    }
    let macros = ad_text::slots(text).map_err(LandingProblem::Unclosed)?;
    if let Some(name) = macros.into_iter().find(|name| !MACROS.contains(name)) {
        return Err(LandingProblem::Macro(name.to_owned()));
    }
    let (scheme, authority, _) = split(text);
    if authority.contains(['{', '}']) {
        return Err(LandingProblem::Macro("host".into()));
    }
    let plain = fill(text, |_| Some("x".into()));
    let url = Url::parse(&plain).map_err(|error| LandingProblem::NotAUrl(error.to_string()))?;
    let secure = url.scheme() == "https" || (allow_http && url.scheme() == "http");
    if !secure {
        return Err(LandingProblem::NotHttps);
    }
    if authority.is_empty() || !scheme.eq_ignore_ascii_case(&format!("{}://", url.scheme())) {
        return Err(LandingProblem::NotAUrl("write https://, then the host".into()));
    }
    if !url.username().is_empty() || url.password().is_some() || authority.contains('@') {
        return Err(LandingProblem::Credentials);
    }
    let host = url.host_str().unwrap_or("");
    if is_allowed(host, domains) {
        Ok(())
    } else {
        Err(LandingProblem::ForeignHost(host.to_owned()))
    }
}

/// The kind of a character that no address may have, not even in a form that text may have.
fn forbidden(c: char) -> Option<&'static str> {
    match c {
        '\\' => Some("a backslash"),
        c if c.is_whitespace() => Some("whitespace"),
        c => hidden::kind(c),
    }
}

/// Reads an address and converts it [`to_ascii`], so that inventories have no other.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<String, D::Error> {
    String::deserialize(source).map(|text| to_ascii(&text).into_owned())
}

/// Scheme with `://`, authority, and the rest of an address.
fn split(text: &str) -> (&str, &str, &str) {
    let (scheme, rest) = text.split_at(text.find("://").map_or(0, |at| at + 3));
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    (scheme, authority, rest)
}

/// The address as an ASCII URI (RFC 3986): the host in its ASCII form (IDNA), every other character
/// that URIs cannot contain percent-encoded as UTF-8. Macros stay, and so does an address that [`check`]
/// rejects for a character.
pub(crate) fn to_ascii(text: &str) -> Cow<'_, str> {
    let is_uri =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%{}".contains(&byte);
    let (scheme, authority, rest) = split(text);
    let is_ascii_uri = text.bytes().all(is_uri) && !authority.contains('%') && !has_stray(rest);
    if is_ascii_uri || text.chars().any(|c| forbidden(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let url = Url::parse(&format!("{scheme}{authority}"));
    let mut out = match url.as_ref().ok().and_then(|url| Some((url.host_str()?, url.port()))) {
        Some((host, Some(port))) => format!("{scheme}{host}:{port}"),
        Some((host, None)) => format!("{scheme}{host}"),
        None => format!("{scheme}{authority}"),
    };
    let mut has_fragment = false;
    for (at, byte) in rest.bytes().enumerate() {
        let is_stray = match byte {
            b'%' => is_stray_percent(&rest.as_bytes()[at..]),
            b'#' => std::mem::replace(&mut has_fragment, true),
            b'[' | b']' => true,
            byte => !is_uri(byte),
        };
        match is_stray {
            true => out.push_str(&format!("%{byte:02X}")),
            false => out.push(char::from(byte)),
        }
    }
    Cow::Owned(out)
}

/// Whether the part after the authority has a percent sign, bracket or number sign that must be encoded.
fn has_stray(rest: &str) -> bool {
    let bytes = rest.as_bytes();
    let percent = (0..bytes.len()).any(|at| bytes[at] == b'%' && is_stray_percent(&bytes[at..]));
    percent || rest.contains(['[', ']']) || rest.matches('#').count() > 1
}

/// Whether the percent sign at the start does not begin an encoded byte.
fn is_stray_percent(bytes: &[u8]) -> bool {
    !bytes.get(1..3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// Whether a host is one of `domains` or a subdomain of one.
fn is_allowed(host: &str, domains: &[String]) -> bool {
    domains.iter().any(|domain| {
        host == domain || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
    })
}

/// Expands the macros in a URL. Values are percent-encoded; an unknown value expands to nothing.
/// Query parameters are preserved as written, including repeated and empty ones.
pub(crate) fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            rest = after;
            continue;
        };
        let encoded = value(name).unwrap_or_default();
        out.extend(url::form_urlencoded::byte_serialize(encoded.as_bytes()));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Appends parameters to the query of a URL, before the fragment.
pub(crate) fn with_parameters<'a>(
    address: &str,
    parameters: impl Iterator<Item = (&'a str, &'a str)>,
) -> String {
    let (main, fragment) = match address.split_once('#') {
        Some((main, fragment)) => (main, Some(fragment)),
        None => (address, None),
    };
    let mut out = main.to_owned();
    for (name, value) in parameters {
        out.push(if out.contains('?') { '&' } else { '?' });
        out.extend(url::form_urlencoded::byte_serialize(name.as_bytes()));
        out.push('=');
        out.extend(url::form_urlencoded::byte_serialize(value.as_bytes()));
    }
    if let Some(fragment) = fragment {
        out.push('#');
        out.push_str(fragment);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn checked(text: &str) -> Result<(), LandingProblem> {
        check(text, &["zahid.host".to_owned()], false)
    }

    #[test]
    fn a_landing_page_must_be_https_on_the_advertisers_domains() {
        for good in [
            "https://zahid.host",
            "https://www.zahid.host/a?b=&b=2#c",
            "https://zahid.host/?t={topic}",
        ] {
            assert_eq!(checked(good), Ok(()), "{good}");
        }
        for bad in [
            "http://zahid.host",
            "javascript:alert(1)",
            "data:text/html,x",
            "//zahid.host",
            "https://evil.example",
            "https://zahid.host.evil.example",
            "https://evilzahid.host",
            "https://zahid.host@evil.example",
            "https://user:pw@zahid.host",
            "https://{topic}.zahid.host",
            "https://zahid.host/{reader}",
            "https://zahid.host/\r\nSet-Cookie: x",
            "https://zahid.host\\@evil.example",
            "https:zahid.host",
        ] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_with_hidden_characters_or_an_unclosed_macro_is_rejected() {
        let hidden = "\0\t\n\r\u{1b}\u{7f}\u{85}\u{a0}\u{ad}\u{61c}\u{200b}\u{200c}\u{200d}\u{200e}\u{202e}\u{2028}\u{2066}\u{feff}\u{e000}\u{fe0f}\u{e0041}\u{3000}\\";
        for c in hidden.chars() {
            for bad in [
                format!("https://zahid.host/a{c}b"),
                format!("https://za{c}hid.host/"),
                format!("https://zahid.host/?q={c}"),
            ] {
                assert!(matches!(checked(&bad), Err(LandingProblem::Control { .. })), "{bad:?}");
            }
        }
        // Joiners have a meaning in text, but an address must show them.
        assert!(checked("https://zahid.host/می\u{200c}خواهم").is_err());
        for bad in [
            "https://zahid.host/{topic",
            "https://zahid.host/topic}",
            "https://zahid.host/{topic{cta}",
            "https://zahid.host/?a={",
            "https://zahid.host/{{topic}}",
        ] {
            assert!(matches!(checked(bad), Err(LandingProblem::Unclosed(_))), "{bad}");
        }
    }

    #[test]
    fn an_address_leaves_as_an_ascii_uri_and_means_the_same() {
        for (written, sent) in [
            ("https://zahid.host/a?b=&b=2#c", "https://zahid.host/a?b=&b=2#c"),
            ("https://zahid.host/{topic}?x=%C3%BC", "https://zahid.host/{topic}?x=%C3%BC"),
            (
                "https://zahid.host/täst/{topic}?q=ü|é#ß",
                "https://zahid.host/t%C3%A4st/{topic}?q=%C3%BC%7C%C3%A9#%C3%9F",
            ),
            ("https://ZAHID.host/广告", "https://zahid.host/%E5%B9%BF%E5%91%8A"),
            (
                "https://München.example:8443/ü?x=1",
                "https://xn--mnchen-3ya.example:8443/%C3%BC?x=1",
            ),
            ("https://münchen.example", "https://xn--mnchen-3ya.example"),
            (
                "https://zahid.host/100%?q=50%25&r=%zz#a#b",
                "https://zahid.host/100%25?q=50%25&r=%25zz#a%23b",
            ),
            (
                "https://zahid.host/?a[]=1&b=\"<>^`",
                "https://zahid.host/?a%5B%5D=1&b=%22%3C%3E%5E%60",
            ),
        ] {
            assert_eq!(to_ascii(written), sent);
            assert_eq!(to_ascii(sent), sent, "it is sent unchanged");
            if !written.contains(['%', '[', '^', '|', '{']) {
                assert_eq!(Url::parse(written).unwrap(), Url::parse(sent).unwrap());
            }
        }
        let idn = ["xn--mnchen-3ya.example".to_owned()];
        assert_eq!(check("https://münchen.example/ü", &idn, false), Ok(()));
        assert!(check("https://mu\u{308}nchen.example.evil.example/", &idn, false).is_err());
    }

    #[test]
    fn macro_values_are_encoded_and_parameters_are_preserved() {
        let filled = fill("https://a.b/{topic}?x=1&x=&t={topic}", |_| Some("a&b c".into()));
        assert_eq!(filled, "https://a.b/a%26b+c?x=1&x=&t=a%26b+c");
        let added = with_parameters("https://a.b/?x=#f", [("utm_source", "a b")].into_iter());
        assert_eq!(added, "https://a.b/?x=&utm_source=a+b#f");
    }

    proptest! {
        #[test]
        fn every_accepted_url_leads_to_an_allowed_host(
            text in "(https?|javascript|data):(//)?[a-z@:{}.\\\\/]{0,12}(zahid[.]host)?[a-zü%|@:{}./?#=&]{0,12}",
            value in "\\PC{0,12}",
        ) {
            if checked(&text).is_ok() {
                let sent = to_ascii(&text);
                let sent = fill(&sent, |_| Some(value.clone()));
                prop_assert!(sent.bytes().all(|byte| byte.is_ascii_graphic()), "{sent}");
                let url = Url::parse(&sent).unwrap();
                prop_assert!(is_allowed(url.host_str().unwrap(), &["zahid.host".to_owned()]));
                prop_assert_eq!(url.scheme(), "https");
            }
        }
    }
}
