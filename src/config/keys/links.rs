//! Links that show one advertiser its page until they expire, without a key in them.
//!
//! `<advertiser>.<until, unix milliseconds>.<BLAKE3 keyed hash of what is before it, base64url>`

use crate::domain::id::AdvertiserId;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use subtle::ConstantTimeEq;

/// What the keys of links are derived under: no other use of a token key gives the same.
const CONTEXT: &str = "adjacent advertiser page link v1";

/// Stands before what is hashed.
const DOMAIN: &[u8] = b"advertiser page\0";

/// Signs and verifies links.
pub struct Links {
    /// The first signs.
    keys: Vec<[u8; 32]>,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Links({} keys)", self.keys.len())
    }
}

impl Links {
    /// Signs under `current`, and verifies under it and all of `others`: a link is good until it
    /// says so itself, unless its key is revoked.
    pub(super) fn new<'a>(
        current: &'a [u8; 32],
        others: impl Iterator<Item = &'a [u8; 32]>,
    ) -> Links {
        let derived = |secret: &[u8; 32]| blake3::derive_key(CONTEXT, secret);
        Links { keys: std::iter::once(current).chain(others).map(derived).collect() }
    }

    /// The link's text for `advertiser`, good until `until_ms`, unix milliseconds.
    pub fn sign(&self, advertiser: &AdvertiserId, until_ms: i64) -> String {
        let key = self.keys.first().expect("made with the current key");
        let said = format!("{advertiser}.{until_ms}");
        format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature(key, &said)))
    }

    /// Whose page the link shows; `None` when it is not ours, or `now_ms` is not before its end.
    pub fn verify(&self, text: &str, now_ms: i64) -> Option<AdvertiserId> {
        let (said, signed) = text.rsplit_once('.')?;
        let signed = URL_SAFE_NO_PAD.decode(signed).ok()?;
        let ours = |key| bool::from(signature(key, said)[..].ct_eq(&signed[..]));
        if !self.keys.iter().any(ours) {
            return None;
        }
        let (advertiser, until_ms) = said.split_once('.')?;
        let until_ms: i64 = until_ms.parse().ok()?;
        (now_ms < until_ms).then_some(advertiser.parse().ok()?)
    }
}

fn signature(key: &[u8; 32], said: &str) -> [u8; 32] {
    blake3::Hasher::new_keyed(key).update(DOMAIN).update(said.as_bytes()).finalize().into()
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
    fn a_link_is_good_until_its_end() {
        let link = links(&[1]).sign(&zahid(), UNTIL);
        assert_eq!(links(&[1]).verify(&link, UNTIL - 1), Some(zahid()));
        assert_eq!(links(&[1]).verify(&link, UNTIL), None);
    }

    #[test]
    fn a_link_outlives_its_key_being_replaced_but_not_its_being_revoked() {
        let link = links(&[1]).sign(&zahid(), UNTIL);
        assert_eq!(links(&[2, 1]).verify(&link, 0), Some(zahid()));
        assert_eq!(links(&[2]).verify(&link, 0), None);
    }

    #[test]
    fn a_link_with_any_part_changed_is_not_ours() {
        let link = links(&[1]).sign(&zahid(), UNTIL);
        for at in 0..link.len() {
            let mut other = link.clone().into_bytes();
            other[at] ^= 1;
            let other = String::from_utf8(other).unwrap();
            assert_eq!(links(&[1]).verify(&other, 0), None, "{at}");
        }
        let signature = link.rsplit_once('.').unwrap().1;
        for said in ["zahid-host.9999999999999", "other.1790000000000", "", ".", "zahid-host"] {
            assert_eq!(links(&[1]).verify(&format!("{said}.{signature}"), 0), None, "{said}");
        }
    }

    #[test]
    fn the_form_is_frozen() {
        let frozen = "zahid-host.1790000000000._0Mo71gufV17QHHmZ8TRnVdnDlBKxcXBsNZ-dNpieTE";
        assert_eq!(links(&[1]).sign(&zahid(), UNTIL), frozen);
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC{0,120}") {
            prop_assert_eq!(links(&[1]).verify(&text, 0), None);
        }
    }
}
