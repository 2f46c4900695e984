//! Signed links that give one advertiser access to its page until they expire, without an API key.
//!
//! `<advertiser>.<expiry, unix milliseconds>.<keyed BLAKE3 hash of the text before it, base64url>`

use crate::domain::id::AdvertiserId;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use subtle::ConstantTimeEq;

/// The context for deriving signing keys, so that they differ from every other use of a token key.
const CONTEXT: &str = "adjacent advertiser page link v1";

/// The prefix of the signed data, for domain separation.
const DOMAIN: &[u8] = b"advertiser page\0";

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

    /// A link for `advertiser` that expires at `until_ms`, unix milliseconds.
    pub fn sign(&self, advertiser: &AdvertiserId, until_ms: i64) -> String {
        let key = self.keys.first().expect("`new` adds the current key");
        let payload = format!("{advertiser}.{until_ms}");
        format!("{payload}.{}", URL_SAFE_NO_PAD.encode(signature(key, &payload)))
    }

    /// The advertiser of a link; `None` if the signature is invalid or the link has expired at
    /// `now_ms`.
    pub(crate) fn verify(&self, text: &str, now_ms: i64) -> Option<AdvertiserId> {
        let (payload, signed) = text.rsplit_once('.')?;
        let signed = URL_SAFE_NO_PAD.decode(signed).ok()?;
        let is_valid = |key| bool::from(signature(key, payload)[..].ct_eq(&signed[..]));
        if !self.keys.iter().any(is_valid) {
            return None;
        }
        let (advertiser, until_ms) = payload.split_once('.')?;
        let until_ms: i64 = until_ms.parse().ok()?;
        (now_ms < until_ms).then_some(advertiser.parse().ok()?)
    }
}

fn signature(key: &[u8; 32], payload: &str) -> [u8; 32] {
    blake3::Hasher::new_keyed(key).update(DOMAIN).update(payload.as_bytes()).finalize().into()
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

    fn zahid() -> AdvertiserId {
        "zahid-host".parse().unwrap()
    }

    #[test]
    fn a_link_is_valid_until_its_expiry() {
        let link = links(&[1]).sign(&zahid(), UNTIL);
        assert_eq!(links(&[1]).verify(&link, UNTIL - 1), Some(zahid()));
        assert_eq!(links(&[1]).verify(&link, UNTIL), None);
    }

    #[test]
    fn a_link_stays_valid_when_its_key_is_rotated_but_not_when_it_is_revoked() {
        let link = links(&[1]).sign(&zahid(), UNTIL);
        assert_eq!(links(&[2, 1]).verify(&link, 0), Some(zahid()));
        assert_eq!(links(&[2]).verify(&link, 0), None);
    }

    #[test]
    fn a_link_with_any_change_is_invalid() {
        let link = links(&[1]).sign(&zahid(), UNTIL);
        for at in 0..link.len() {
            let mut other = link.clone().into_bytes();
            other[at] ^= 1;
            let other = String::from_utf8(other).unwrap();
            assert_eq!(links(&[1]).verify(&other, 0), None, "{at}");
        }
        let signature = link.rsplit_once('.').unwrap().1;
        for payload in ["zahid-host.9999999999999", "other.1790000000000", "", ".", "zahid-host"] {
            assert_eq!(links(&[1]).verify(&format!("{payload}.{signature}"), 0), None, "{payload}");
        }
    }

    #[test]
    fn the_link_format_is_stable() {
        let frozen = "zahid-host.1790000000000._0Mo71gufV17QHHmZ8TRnVdnDlBKxcXBsNZ-dNpieTE";
        assert_eq!(links(&[1]).sign(&zahid(), UNTIL), frozen);
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_rejected_without_a_panic(text in "\\PC{0,120}") {
            prop_assert_eq!(links(&[1]).verify(&text, 0), None);
        }
    }
}
