//! Addresses of pages and prefixes of them, in the one form in which they are compared.
//!
//! Parsed as browsers do (WHATWG URL): scheme and host in lower case, the host in its ASCII form, no
//! default port, no dot segments. Beyond that, the host has no final dot, repeated slashes of the path are
//! one, and the path is decoded, composed (NFC) and encoded again, so that `%6C` and `l`, `ü` and `%c3%bc`
//! are the same. Query and fragment do not count. `http` and `https`, hosts with and without `www.`, and
//! the letter case of paths stay distinct: [`Prefix::difference`] tells them apart.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use url::Url;

/// What is encoded in a segment of a path: all but the characters that RFC 3986 allows in one.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A scheme and a host with its port. The scheme is unknown in an address that begins with `//`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Site {
    scheme: Option<Box<str>>,
    host: Box<str>,
}

/// A prefix of addresses: a path on every site, or on one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    site: Option<Site>,
    path: Box<str>,
}

/// The address of a page. An address that can be read in two ways has both readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageAddress(Vec<Prefix>);

/// The text is not an address of a page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the address of a page, such as https://news.example/a or /a (got `{0}`)")]
pub(crate) struct Unreadable(String);

/// How an address differs from a prefix that would cover it otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    scheme: bool,
    www: bool,
    letter_case: bool,
}

impl PageAddress {
    /// Reads the address of a page: a URL with a host, or a path.
    pub(crate) fn parse(text: &str) -> Result<PageAddress, Unreadable> {
        let text = text.trim();
        let mut readings = Vec::new();
        if text.starts_with(['/', '\\']) {
            readings.extend(path_only(text));
            // A browser reads it as a host, a template that joins two slashes means a path.
            if text.starts_with("//") {
                readings.extend(url(&format!("https:{text}")).map(|reading| Prefix {
                    site: reading.site.map(|site| Site { scheme: None, ..site }),
                    ..reading
                }));
            }
        } else {
            readings.extend(url(text));
        }
        if readings.is_empty() {
            let shown: String = text.chars().take(128).collect();
            return Err(Unreadable(shown));
        }
        Ok(PageAddress(readings))
    }
}

/// Whether a text begins like `https://news.example/`, with a host of plain names. [`PageAddress::parse`] reads
/// all of these, since nothing that follows the host can make a URL unreadable, and others too.
pub(crate) fn has_plain_host(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let bytes = rest.unwrap_or_default().as_bytes();
    let end = bytes.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(bytes.len());
    let mut labels = bytes[..end].rsplit(|byte| *byte == b'.');
    // A host that ends in a number is an IPv4 address, and two hyphens may begin an encoded name.
    let is_word = |label: &[u8]| !label.is_empty() && label.iter().all(u8::is_ascii_lowercase);
    let is_plain = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let is_name = |label: &[u8]| {
        !label.is_empty() && label.iter().all(is_plain) && !label.windows(2).any(|two| two == b"--")
    };
    labels.next().is_some_and(is_word) && labels.all(is_name)
}

impl Prefix {
    /// Reads a prefix: a path, or a URL with `http` or `https`.
    pub(crate) fn parse(text: &str) -> Result<Prefix, Unreadable> {
        let read = match text.starts_with('/') {
            true => path_only(text),
            false => url(text).filter(|prefix| {
                let scheme = prefix.site.as_ref().and_then(|site| site.scheme.as_deref());
                matches!(scheme, Some("http" | "https"))
            }),
        };
        read.ok_or_else(|| Unreadable(text.to_owned()))
    }

    /// Whether a page is below it. A page that states no host can be on any.
    pub(crate) fn covers(&self, page: &PageAddress) -> bool {
        page.0.iter().any(|page| {
            let same_site = match (&self.site, &page.site) {
                (Some(own), Some(other)) => own.is(other),
                _ => true,
            };
            same_site && is_below(&self.path, &page.path)
        })
    }

    /// How a page's address differs from this prefix, if it would be below it without the difference.
    pub(crate) fn difference(&self, page: &PageAddress) -> Option<Difference> {
        if self.covers(page) {
            return None;
        }
        page.0.iter().find_map(|page| {
            let mut found = Difference::default();
            if let (Some(own), Some(other)) = (&self.site, &page.site) {
                found.scheme =
                    own.scheme.is_some() && other.scheme.is_some() && own.scheme != other.scheme;
                found.www = own.host != other.host;
                if found.www && without_www(&own.host) != without_www(&other.host) {
                    return None;
                }
            }
            found.letter_case = !is_below(&self.path, &page.path);
            let folded = is_below(&in_lower_case(&self.path), &in_lower_case(&page.path));
            folded.then_some(found)
        })
    }
}

impl Site {
    fn is(&self, other: &Site) -> bool {
        let schemes = self.scheme.as_ref().zip(other.scheme.as_ref());
        self.host == other.host && schemes.is_none_or(|(own, other)| own == other)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(site) = &self.site {
            write!(f, "{}://{}", site.scheme.as_deref().unwrap_or("https"), site.host)?;
        }
        f.write_str(&self.path)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.scheme, "in http and https"),
            (self.www, "by `www.`"),
            (self.letter_case, "in the letter case of the path"),
        ];
        let named: Vec<&str> = all.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
        f.write_str(&named.join(", "))
    }
}

/// Whether a path begins with a prefix, or is the prefix without its last slash.
fn is_below(prefix: &str, path: &str) -> bool {
    path.starts_with(prefix) || prefix.strip_suffix('/') == Some(path)
}

fn without_www(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}

/// A canonical path in lower case, for a comparison that ignores it.
fn in_lower_case(path: &str) -> String {
    encoded(path, |text| text.to_lowercase().nfc().collect())
}

fn path_only(text: &str) -> Option<Prefix> {
    let path = text.trim_start_matches(['/', '\\']);
    let url = Url::parse(&format!("https://path.invalid/{path}")).ok()?;
    Some(Prefix { site: None, path: canonical_path(url.path()).into() })
}

fn url(text: &str) -> Option<Prefix> {
    let url = Url::parse(text).ok().filter(|url| !url.cannot_be_a_base())?;
    let host = url.host_str().filter(|host| !host.is_empty())?.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let host = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let site = Site { scheme: Some(url.scheme().into()), host: host.into() };
    Some(Prefix { site: Some(site), path: canonical_path(url.path()).into() })
}

/// A path without dot segments in its canonical form.
fn canonical_path(path: &str) -> String {
    encoded(path, |text| text.nfc().collect())
}

/// A path whose segments are decoded, changed and encoded again, with single slashes.
fn encoded(path: &str, change: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(path.len() + 1);
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        out.push('/');
        let bytes = percent_decode_str(segment).collect::<Vec<u8>>();
        match std::str::from_utf8(&bytes) {
            Ok(text) => out.extend(percent_encode(change(text).as_bytes(), SEGMENT)),
            Err(_) => out.extend(percent_encode(&bytes, SEGMENT)),
        }
    }
    if path.ends_with('/') || out.is_empty() {
        out.push('/');
    }
    out
}

#[cfg(test)]
#[path = "page_address_tests.rs"]
mod tests;
