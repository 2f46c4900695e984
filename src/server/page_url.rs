//! How much of a page's address is kept: what its publisher chose; query and fragment never.

use crate::domain::party::PageUrls;
use url::Url;

/// The longest address that is kept, in characters.
const MAX_CHARS: usize = 512;

/// The part that is kept; `None` when nothing is, or the text is no web address.
pub fn kept(address: &str, keeps: PageUrls) -> Option<Box<str>> {
    let url = match keeps {
        PageUrls::None => return None,
        _ => Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?,
    };
    let host = url.host_str()?;
    let text = match keeps {
        PageUrls::Host => host.to_owned(),
        _ => format!("{host}{}", url.path()),
    };
    Some(text.chars().take(MAX_CHARS).collect::<String>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_fragment_and_credentials_are_never_kept() {
        let address = "https://reader:pw@news.example:8443/a/b?email=x@y.example#me";
        assert_eq!(kept(address, PageUrls::Path).as_deref(), Some("news.example/a/b"));
        assert_eq!(kept(address, PageUrls::Host).as_deref(), Some("news.example"));
        assert_eq!(kept(address, PageUrls::None), None);
        assert_eq!(kept("javascript:alert(1)", PageUrls::Path), None);
        assert_eq!(kept("not an address", PageUrls::Path), None);
    }
}
