//! Landing pages of calls to action: https, on the advertiser's domains, with a fixed set of macros.

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
    /// A character that URLs cannot contain.
    #[error("contains a control character, whitespace or a backslash")]
    Control,
}

/// Checks a landing page, macros unexpanded, against the advertiser's domains.
pub(crate) fn check(
    text: &str,
    domains: &[String],
    allow_http: bool,
) -> Result<(), LandingProblem> {
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(LandingProblem::Control);
    }
    for part in text.split('{').skip(1) {
        let name = part.split('}').next().unwrap_or(part);
        if !MACROS.contains(&name) {
            return Err(LandingProblem::Macro(name.to_owned()));
        }
    }
    let after_scheme = text.find("://").map_or(0, |at| at + 3);
    let authority = text[after_scheme..].split(['/', '?', '#']).next().unwrap_or("");
    if authority.contains(['{', '}']) {
        return Err(LandingProblem::Macro("host".into()));
    }
    let plain = fill(text, |_| Some("x".into()));
    let url = Url::parse(&plain).map_err(|error| LandingProblem::NotAUrl(error.to_string()))?;
    let secure = url.scheme() == "https" || (allow_http && url.scheme() == "http");
    if !secure {
        return Err(LandingProblem::NotHttps);
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
            assert!(checked(bad).is_err() || bad == "https:zahid.host", "{bad}");
        }
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
            text in "(https?|javascript|data):(//)?[a-z@:{}.\\\\/]{0,12}(zahid[.]host)?[a-z@:{}./?#=&]{0,12}",
            value in "\\PC{0,12}",
        ) {
            if checked(&text).is_ok() {
                let url = Url::parse(&fill(&text, |_| Some(value.clone()))).unwrap();
                prop_assert!(is_allowed(url.host_str().unwrap(), &["zahid.host".to_owned()]));
                prop_assert_eq!(url.scheme(), "https");
            }
        }
    }
}
