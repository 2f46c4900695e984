//! The part of a page URL that is stored, as set by its publisher; never query or fragment.

use crate::domain::party::PageUrls;
use url::Url;

/// Maximum length of a stored URL, in bytes: host and path of a parsed URL are ASCII.
const MAX_BYTES: usize = 512;

/// Maximum length of what is parsed, in bytes; the rest is ignored.
const MAX_PARSED: usize = 2_048;

/// The part to store; `None` if the publisher stores none or the text is not an HTTP(S) URL.
pub(crate) fn stored_part(address: &str, policy: PageUrls) -> Option<Box<str>> {
    let address = &address[..address.floor_char_boundary(MAX_PARSED)];
    let url = match policy {
        PageUrls::None => return None,
        _ => Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?,
    };
    let host = url.host_str()?;
    let mut text = match policy {
        PageUrls::Host => host.to_owned(),
        _ => [host, url.path()].concat(),
    };
    text.truncate(MAX_BYTES);
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

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
