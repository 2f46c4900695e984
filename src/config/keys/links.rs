//! Signed links that open the report page of one party until they expire, without an API key. They read only.
//!
//! `<party>.<expiry, unix milliseconds>.<keyed BLAKE3 hash of the text before it, base64url>`

use crate::domain::id::{AdvertiserId, PublisherId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use subtle::ConstantTimeEq;

/// The context for deriving signing keys, so that they differ from every other use of a token key.
const CONTEXT: &str = "adjacent advertiser page link v1";

/// The report page that a link opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportPage {
    /// The page of an advertiser.
    Advertiser(AdvertiserId),
    /// The page of a publisher.
    Publisher(PublisherId),
}

impl ReportPage {
    /// The prefix of the signed data: an advertiser and a publisher may have the same id.
    fn domain(&self) -> &'static [u8] {
        match self {
            ReportPage::Advertiser(_) => b"advertiser page\0",
            ReportPage::Publisher(_) => b"publisher page\0",
        }
    }

    /// The party's id.
    fn owner(&self) -> &str {
        match self {
            ReportPage::Advertiser(id) => id.as_str(),
            ReportPage::Publisher(id) => id.as_str(),
        }
    }

    /// The path of the page.
    pub(crate) fn path(&self) -> String {
        match self {
            ReportPage::Advertiser(id) => format!("/reports/{id}"),
            ReportPage::Publisher(id) => format!("/reports/publishers/{id}"),
        }
    }
}

/// Signs and verifies links.
pub struct Links {
    /// The first one signs; all of them verify.
    keys: Vec<[u8; 32]>,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Links({} keys)", self.keys.len())
    }
}

impl Links {
    /// Signs with `current`, and verifies with it and all of `others`: a link is valid until its
    /// expiry, unless its key is revoked.
    pub(super) fn new<'a>(
        current: &'a [u8; 32],
        others: impl Iterator<Item = &'a [u8; 32]>,
    ) -> Links {
        let derived = |secret: &[u8; 32]| blake3::derive_key(CONTEXT, secret);
        Links { keys: std::iter::once(current).chain(others).map(derived).collect() }
    }

    /// A link to a page that expires at `until_ms`, unix milliseconds.
    pub fn sign(&self, page: &ReportPage, until_ms: i64) -> String {
        let key = self.keys.first().expect("`new` adds the current key");
        let payload = format!("{}.{until_ms}", page.owner());
        format!("{payload}.{}", URL_SAFE_NO_PAD.encode(signature(key, page, &payload)))
    }

    /// Whether a link opens this page at `now_ms`: it is signed for it and has not expired.
    pub(crate) fn opens(&self, text: &str, page: &ReportPage, now_ms: i64) -> bool {
        let Some((payload, signed)) = text.rsplit_once('.') else { return false };
        let Ok(signed) = URL_SAFE_NO_PAD.decode(signed) else { return false };
        let is_valid = |key| bool::from(signature(key, page, payload)[..].ct_eq(&signed[..]));
        let until_ms = payload.split_once('.').filter(|(owner, _)| *owner == page.owner());
        let until_ms = until_ms.and_then(|(_, until_ms)| until_ms.parse().ok());
        self.keys.iter().any(is_valid) && until_ms.is_some_and(|until_ms: i64| now_ms < until_ms)
    }
}

fn signature(key: &[u8; 32], page: &ReportPage, payload: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(page.domain()).update(payload.as_bytes()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNTIL: i64 = 1_790_000_000_000;

    fn links(keys: &[u8]) -> Links {
        let secrets: Vec<[u8; 32]> = keys.iter().map(|key| [*key; 32]).collect();
        Links::new(&secrets[0], secrets[1..].iter())
    }

    fn zahid() -> ReportPage {
        ReportPage::Advertiser("zahid-host".parse().unwrap())
    }

    #[test]
    fn a_link_is_valid_until_its_expiry() {
        let link = links(&[1]).sign(&zahid(), UNTIL);
        assert!(links(&[1]).opens(&link, &zahid(), UNTIL - 1));
        assert!(!links(&[1]).opens(&link, &zahid(), UNTIL));
    }

    #[test]
    fn a_link_opens_neither_the_page_of_another_party_nor_that_of_a_publisher_with_the_same_id() {
        let publisher = ReportPage::Publisher("zahid-host".parse().unwrap());
        let other = ReportPage::Advertiser("zahid-hos".parse().unwrap());
        for page in [&publisher, &other] {
            assert!(!links(&[1]).opens(&links(&[1]).sign(&zahid(), UNTIL), page, 0));
            assert!(!links(&[1]).opens(&links(&[1]).sign(page, UNTIL), &zahid(), 0));
            assert!(links(&[1]).opens(&links(&[1]).sign(page, UNTIL), page, 0));
        }
    }

    #[test]
    fn a_link_stays_valid_when_its_key_is_rotated_but_not_when_it_is_revoked() {
        let link = links(&[1]).sign(&zahid(), UNTIL);
        assert!(links(&[2, 1]).opens(&link, &zahid(), 0));
        assert!(!links(&[2]).opens(&link, &zahid(), 0));
    }

    #[test]
    fn a_link_with_any_change_is_invalid() {
        let link = links(&[1]).sign(&zahid(), UNTIL);
        for at in 0..link.len() {
            let mut other = link.clone().into_bytes();
            other[at] ^= 1;
            let other = String::from_utf8(other).unwrap();
            assert!(!links(&[1]).opens(&other, &zahid(), 0), "{at}");
        }
        let signature = link.rsplit_once('.').unwrap().1;
        for payload in ["zahid-host.9999999999999", "other.1790000000000", "", ".", "zahid-host"] {
            let link = format!("{payload}.{signature}");
            assert!(!links(&[1]).opens(&link, &zahid(), 0), "{payload}");
        }
    }

    #[test]
    fn the_link_formats_are_stable() {
        let frozen = "zahid-host.1790000000000._0Mo71gufV17QHHmZ8TRnVdnDlBKxcXBsNZ-dNpieTE";
        assert_eq!(links(&[1]).sign(&zahid(), UNTIL), frozen);
        let publisher = ReportPage::Publisher("eu-tech-news".parse().unwrap());
        let frozen = "eu-tech-news.1790000000000.QNDb6jVMhWiq95uBys7Ulyy7i8v_PPO-6nTjm5UqM2A";
        assert_eq!(links(&[1]).sign(&publisher, UNTIL), frozen);
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_rejected_without_a_panic(text in "\\PC{0,120}") {
            prop_assert!(!links(&[1]).opens(&text, &zahid(), 0));
        }
    }
}
