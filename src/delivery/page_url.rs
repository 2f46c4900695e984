//! The part of a page URL that is stored, as set by its publisher; never query or fragment.

use crate::domain::party::PageUrls;
use std::sync::Arc;
use url::Url;

/// Maximum length of a stored URL, in bytes: host and path of a parsed URL are ASCII.
const MAX_BYTES: usize = 512;

/// Maximum length of what is parsed, in bytes; the rest is ignored.
const MAX_PARSED: usize = 2_048;

/// The part to store; `None` if the publisher stores none or the text is not an HTTP(S) URL.
pub(crate) fn stored_part(address: &str, policy: PageUrls) -> Option<Arc<str>> {
    let address = &address[..address.floor_char_boundary(MAX_PARSED)];
    let part = match (policy, usual_parts(address)) {
        (PageUrls::None, _) => return None,
        (PageUrls::Host, Some((host, _))) => host,
        (_, Some((_, with_path))) => with_path,
        (_, None) => return parsed_part(address, policy),
    };
    Some(part[..part.len().min(MAX_BYTES)].into())
}

/// The part to store, by a parser that knows every URL.
fn parsed_part(address: &str, policy: PageUrls) -> Option<Arc<str>> {
    let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let host = url.host_str()?;
    let mut text = match policy {
        PageUrls::Host => host.to_owned(),
        _ => [host, url.path()].concat(),
    };
    text.truncate(MAX_BYTES);
    Some(text.into())
}

/// Host, and host with path, of a URL that a parser leaves as it is: a name in lower case without a port,
/// whose last label begins with a letter, so that it is no IP address; and a path without escapes and
/// without segments that begin with a dot. `None` for all others, most of which are URLs, too.
fn usual_parts(address: &str) -> Option<(&str, &str)> {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    let end = rest.bytes().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(rest.len());
    let (host, path) = rest[..end].split_at(rest[..end].find('/')?);
    let in_host = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_~.".contains(&byte);
    let (_, last) = host.rsplit_once('.')?;
    let is_usual = host.bytes().all(in_host)
        && last.starts_with(|first: char| first.is_ascii_lowercase())
        && !host.as_bytes().windows(2).any(|pair| pair.iter().all(|byte| b".-".contains(byte)))
        && !host.starts_with(['.', '-'])
        && path.bytes().all(in_path)
        && !path.as_bytes().windows(2).any(|pair| pair == b"/.");
    is_usual.then(|| (host, &rest[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_usual_address_is_stored_as_a_parsed_one(
            scheme in "https?://|https?://|https?://|HTTPS://|ftp://|https:/|//",
            host in "[a-z]{1,5}\\.example|[a-z0-9.-]{0,12}|[a-z]{1,8}\\.(example|com|0x1f|123|9a|xn--a)|\\PC{0,6}|[a-z.]{60,80}",
            path in "(/(\\.|\\.\\.|%2e|\\.b|b)){1,3}|(/[a-zA-Z0-9._~-]{0,5}){0,4}|/\\PC{0,12}|/[%/.\\\\;:@a]{0,8}|(/[a-z]{250}){2,3}|:8443/a",
            rest in "([?#]\\PC{0,8})?",
        ) {
            let address = [scheme, host, path, rest].concat();
            for policy in [PageUrls::None, PageUrls::Host, PageUrls::Path] {
                let parsed = match policy {
                    PageUrls::None => None,
                    _ => parsed_part(&address, policy),
                };
                prop_assert_eq!(stored_part(&address, policy), parsed, "{}", address);
            }
        }
    }

    #[test]
    fn usual_addresses_need_no_parser() {
        for address in ["https://news.example/a/b-c_d.html?x=1#y", "http://a.b.example/"] {
            assert!(usual_parts(address).is_some(), "{address}");
        }
    }

    #[test]
    fn query_fragment_and_credentials_are_never_stored() {
        let address = "https://reader:pw@news.example:8443/a/b?email=x@y.example#me";
        assert_eq!(stored_part(address, PageUrls::Path).as_deref(), Some("news.example/a/b"));
        assert_eq!(stored_part(address, PageUrls::Host).as_deref(), Some("news.example"));
        assert_eq!(stored_part(address, PageUrls::None), None);
        assert_eq!(stored_part("javascript:alert(1)", PageUrls::Path), None);
        assert_eq!(stored_part("not an address", PageUrls::Path), None);
    }

    #[test]
    fn a_long_path_is_cut_wherever_its_characters_end() {
        for start in ["", "a", "ab", "abc", "abcd", "abcde"] {
            let address = format!("https://bücher.example/{start}{}", "ü".repeat(400));
            let stored = stored_part(&address, PageUrls::Path).unwrap();
            assert!(stored.starts_with("xn--bcher-kva.example/") && stored.len() == MAX_BYTES);
        }
    }
}
