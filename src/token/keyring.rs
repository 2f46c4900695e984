//! The keyring that seals and opens tokens.

use crate::domain::event::TokenRejection;
use crate::token::fixed_nonce::FixedNonceSealer;
use crate::token::payload::{PAYLOAD_BYTES, Token, VERSION};
use aes_gcm_siv::{AeadInOut, Aes256GcmSiv, KeyInit, Nonce, Tag};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;

/// Length of every token, in characters.
pub(crate) const TOKEN_CHARS: usize = 128;

const HEAD_BYTES: usize = 2;
const TAG_BYTES: usize = 16;
const SEALED_BYTES: usize = HEAD_BYTES + PAYLOAD_BYTES + TAG_BYTES;

string_enum! {
    /// The rotation state of a key.
    KeyAge {
        /// Seals and opens tokens.
        Current = "current",
        /// Opens tokens.
        Previous = "previous",
        /// Opens tokens for redirects only: all its tokens are past every event window.
        Retired = "retired",
    }
}

/// The keys do not form a valid keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidKeyring {
    /// No key or several keys are current.
    #[error("{0} token keys are current: exactly one must be")]
    Current(usize),
    /// Two keys have the same id.
    #[error("two token keys have the id {0}: key ids must be unique")]
    DuplicateId(u8),
}

struct Key {
    kid: u8,
    age: KeyAge,
    sealer: FixedNonceSealer,
    opener: Aes256GcmSiv,
}

/// The keys in use. Revoked keys are absent, so their tokens count as forged.
pub struct Keyring {
    /// The current key is first.
    keys: Vec<Key>,
}

impl fmt::Debug for Keyring {
    /// Prints ids and states, never key material.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.keys.iter().map(|key| (key.kid, key.age))).finish()
    }
}

impl Keyring {
    /// Creates a keyring from keys in any order: id, state and 256 random bits each.
    pub(crate) fn new<'a>(
        keys: impl IntoIterator<Item = (u8, KeyAge, &'a [u8; 32])>,
    ) -> Result<Keyring, InvalidKeyring> {
        let mut ring: Vec<Key> = Vec::new();
        for (kid, age, secret) in keys {
            if ring.iter().any(|key| key.kid == kid) {
                return Err(InvalidKeyring::DuplicateId(kid));
            }
            let (sealer, opener) =
                (FixedNonceSealer::new(secret), Aes256GcmSiv::new(secret.into()));
            ring.push(Key { kid, age, sealer, opener });
        }
        let current = ring.iter().filter(|key| key.age == KeyAge::Current).count();
        if current != 1 {
            return Err(InvalidKeyring::Current(current));
        }
        ring.sort_by_key(|key| key.age != KeyAge::Current);
        Ok(Keyring { keys: ring })
    }

    /// Seals a token and returns its text, which fills `text`.
    pub(crate) fn seal_into<'t>(&self, token: &Token, text: &'t mut [u8; TOKEN_CHARS]) -> &'t str {
        let key = self.keys.first().expect("a keyring has a current key, and it is first");
        let mut bytes = [0; SEALED_BYTES];
        let (head, sealed) = bytes.split_at_mut(HEAD_BYTES);
        let (payload, tag) = sealed.split_at_mut(PAYLOAD_BYTES);
        head.copy_from_slice(&[token.version(), key.kid]);
        payload.copy_from_slice(&token.encode());
        tag.copy_from_slice(&key.sealer.seal(head, payload));
        URL_SAFE_NO_PAD.encode_slice(bytes, text).expect("128 characters hold 96 bytes in base64");
        std::str::from_utf8(text).expect("base64 is ASCII")
    }

    /// Seals a token and returns its text.
    #[cfg(test)]
    pub(crate) fn seal(&self, token: &Token) -> String {
        self.seal_into(token, &mut [0; TOKEN_CHARS]).to_owned()
    }

    /// Opens a token and returns it with the state of its key. Never panics, whatever the text. The
    /// caller must check the event kind and the event window.
    ///
    /// # Errors
    /// `Forged`, `UnknownVersion` or `UnknownKey`. Callers must not reveal to the client which.
    pub(crate) fn open(&self, text: &str) -> Result<(Token, KeyAge), TokenRejection> {
        use TokenRejection::Forged;
        if text.len() != TOKEN_CHARS {
            return Err(Forged);
        }
        let mut bytes = [0; SEALED_BYTES];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(SEALED_BYTES) => {}
            _ => return Err(Forged),
        }
        let (head, sealed) = bytes.split_first_chunk::<HEAD_BYTES>().ok_or(Forged)?;
        let (payload, tag) = sealed.split_first_chunk::<PAYLOAD_BYTES>().ok_or(Forged)?;
        let tag = Tag::try_from(tag).map_err(|_| Forged)?;
        let [version, kid] = *head;
        if !(1..=VERSION).contains(&version) {
            return Err(TokenRejection::UnknownVersion);
        }
        let key = self.keys.iter().find(|key| key.kid == kid);
        let key = key.ok_or(TokenRejection::UnknownKey)?;
        let mut payload = *payload;
        key.opener
            .decrypt_inout_detached(&Nonce::default(), head, payload.as_mut_slice().into(), &tag)
            .map_err(|_| Forged)?;
        let token = Token::decode(&payload).filter(|token| token.version() == version);
        let token = token.ok_or(Forged)?;
        Ok((token, key.age))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attribution::{PageNumbers, ReportedValues, UnitNumbers};
    use crate::domain::event::EventKind;
    use crate::domain::money::Micros;
    use crate::domain::targeting::{PageFacts, Sentiment};
    use crate::token::payload::tests::any_token;
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    const LONGEST_ALLOWED: usize = 220;

    fn ring(keys: &[(u8, KeyAge, u8)]) -> Keyring {
        let secrets: Vec<[u8; 32]> = keys.iter().map(|key| [key.2; 32]).collect();
        let keys = keys.iter().zip(&secrets).map(|((kid, age, _), secret)| (*kid, *age, secret));
        Keyring::new(keys).unwrap()
    }

    fn one_key() -> Keyring {
        ring(&[(1, KeyAge::Current, 7)])
    }

    fn click() -> Token {
        Token {
            kind: EventKind::Click,
            cta: 1,
            incarnation: 0x0123_4567_89ab_cdef,
            partition: 17,
            seq: 123_456_789,
            decision: 0x0192_0000_0000_7000_8000_0000_0000_0001,
            inventory: 0xfeed_face_cafe_beef,
            unit: UnitNumbers {
                creative: 41,
                variant: 1,
                page: PageNumbers {
                    publisher: 3,
                    placement: Some(2),
                    topic: Some(12),
                    entity: None,
                    country: Some("DE".parse().unwrap()),
                    facts: PageFacts::default(),
                    custom: ReportedValues::default(),
                },
            },
            observed: false,
            declared: true,
            price: Micros::try_from(450_000).unwrap(),
            issued_ms: 1_790_000_000_000,
            test: false,
            basic: false,
            idle: false,
        }
    }

    #[test]
    fn the_wire_format_is_frozen() {
        let frozen = concat!(
            "AQFGwKaQ9qZrXFPRqrMni2as6j5SQm7Ap-ZGVRNzHn1r5wdwnjElgUZHQo-JZaEB",
            "5IW27s2c_EnqL_avvrfuG2EKPqhc3Nj6dgxrXt8gijaFbg9kdn_y9qJF8X5U_EBf",
        );
        assert_eq!(one_key().seal(&click()), frozen);
        assert_eq!(one_key().open(frozen), Ok((click(), KeyAge::Current)));

        let mut with_facts = click();
        with_facts.unit.page.facts =
            PageFacts { sentiment: Some(Sentiment::Negative), verified: Some(true) };
        let frozen = concat!(
            "AgFcVzzz0juvhODvDh_ilPZBmBaOGq2SJWNnivE0k3L99rrnwSV8IaLLLQtQARm2",
            "VXEGXg_AKUpQVzjC6b7ldUI-20_URF6vqO92IF7jQOanG3G9c1rO3HwBm3wXnKMd",
        );
        assert_eq!(one_key().seal(&with_facts), frozen);
        assert_eq!(one_key().open(frozen), Ok((with_facts, KeyAge::Current)));

        let idle = Token { idle: true, ..click() };
        let frozen = concat!(
            "AwE9RDF6FWohbJNk68Oj_IpmgmWJ-MdFD2btx07HeiA0T7kIjWxkmOQg94IMTVP_",
            "KGG3oyfb46YeRMTbGvt3cqJz2KZv64nYvdgxCeBSVA_6WYnyAjzbAOFIb0g7Dwyh",
        );
        assert_eq!(one_key().seal(&idle), frozen);
        assert_eq!(one_key().open(frozen), Ok((idle, KeyAge::Current)));

        let mut with_custom = click();
        with_custom.unit.page.custom = ReportedValues([7, 255]);
        let frozen = concat!(
            "BAH9Vgq-WATOUcE9U_qBVqR2w8IzGJo59673kcqgrH7yrggvtSnr9_bkzGL88eBC",
            "ks9FJlGxYCBwLwqE4Gw8TkZncmDdSeRqccO-yOxBrkSwA5dOxWcv_hK1y9JzNPo1",
        );
        assert_eq!(one_key().seal(&with_custom), frozen);
        assert_eq!(one_key().open(frozen), Ok((with_custom, KeyAge::Current)));
    }

    #[test]
    fn a_token_has_the_oldest_format_that_has_all_its_fields() {
        let version = |token: &Token| URL_SAFE_NO_PAD.decode(one_key().seal(token)).unwrap()[0];
        assert_eq!(version(&click()), 1);
        let mut verified = click();
        verified.unit.page.facts.verified = Some(false);
        assert_eq!(version(&verified), 2);
        assert_eq!(version(&Token { idle: true, ..click() }), 3);
        assert_eq!(version(&Token { idle: true, ..verified.clone() }), 3);
        verified.unit.page.custom = ReportedValues([0, 1]);
        assert_eq!(version(&verified), VERSION);
        assert_eq!(version(&Token { idle: true, ..verified }), VERSION);
    }

    #[test]
    fn a_token_with_any_flipped_bit_is_rejected() {
        let (ring, mut runner) = (one_key(), TestRunner::deterministic());
        for _ in 0..100 {
            let token = any_token().new_tree(&mut runner).unwrap().current();
            let bytes = URL_SAFE_NO_PAD.decode(ring.seal(&token)).unwrap();
            for bit in 0..bytes.len() * 8 {
                let mut bytes = bytes.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let reason = match bit / 8 {
                    0 if !(1..=VERSION).contains(&bytes[0]) => TokenRejection::UnknownVersion,
                    1 => TokenRejection::UnknownKey,
                    _ => TokenRejection::Forged,
                };
                assert_eq!(ring.open(&URL_SAFE_NO_PAD.encode(&bytes)), Err(reason), "bit {bit}");
            }
        }
    }

    #[test]
    fn parts_of_two_tokens_never_combine_into_a_third() {
        let ring = one_key();
        let texts: Vec<String> =
            EventKind::ALL.iter().map(|&kind| ring.seal(&Token { kind, ..click() })).collect();
        for (one, other) in texts.iter().zip(texts.iter().skip(1)) {
            for cut in (4..TOKEN_CHARS).step_by(4) {
                let mixed = format!("{}{}", &one[..cut], &other[cut..]);
                let opened = ring.open(&mixed);
                assert!(
                    mixed == *one || mixed == *other || opened == Err(TokenRejection::Forged),
                    "{cut}"
                );
            }
        }
    }

    #[test]
    fn a_token_of_a_key_outside_the_keyring_names_an_unknown_key() {
        let sealed = ring(&[(9, KeyAge::Current, 7)]).seal(&click());
        assert_eq!(one_key().open(&sealed), Err(TokenRejection::UnknownKey));
        let other = ring(&[(9, KeyAge::Current, 8)]);
        assert_eq!(other.open(&sealed), Err(TokenRejection::Forged), "the same id, another key");
    }

    #[test]
    fn opening_a_token_returns_the_state_of_its_key() {
        let sealed = one_key().seal(&click());
        for age in [KeyAge::Previous, KeyAge::Retired] {
            let later = ring(&[(1, age, 7), (2, KeyAge::Current, 8)]);
            assert_eq!(later.open(&sealed), Ok((click(), age)));
            assert_eq!(later.open(&later.seal(&click())), Ok((click(), KeyAge::Current)));
        }
    }

    #[test]
    fn a_keyring_has_exactly_one_current_key_and_unique_ids() {
        let secret = [0; 32];
        let error = |keys: &[(u8, KeyAge)]| {
            Keyring::new(keys.iter().map(|(kid, age)| (*kid, *age, &secret))).err()
        };
        assert_eq!(error(&[]), Some(InvalidKeyring::Current(0)));
        assert_eq!(error(&[(1, KeyAge::Previous)]), Some(InvalidKeyring::Current(0)));
        let both = [(1, KeyAge::Current), (2, KeyAge::Current)];
        assert_eq!(error(&both), Some(InvalidKeyring::Current(2)));
        let twice = [(1, KeyAge::Current), (1, KeyAge::Retired)];
        assert_eq!(error(&twice), Some(InvalidKeyring::DuplicateId(1)));
    }

    #[test]
    fn debug_output_of_a_keyring_never_contains_key_material() {
        assert_eq!(format!("{:?}", one_key()), "{1: Current}");
    }

    proptest! {
        #[test]
        fn a_sealed_token_opens_unchanged(token in any_token()) {
            let sealed = one_key().seal(&token);
            prop_assert!(sealed.len() == TOKEN_CHARS && sealed.len() <= LONGEST_ALLOWED);
            prop_assert_eq!(one_key().open(&sealed), Ok((token, KeyAge::Current)));
        }

        #[test]
        fn arbitrary_text_is_rejected(text in "\\PC{0,200}", near in "[A-Za-z0-9_-]{128}") {
            prop_assert_eq!(one_key().open(&text), Err(TokenRejection::Forged));
            prop_assert!(one_key().open(&near).is_err());
        }

        #[test]
        fn tokens_that_differ_only_in_the_sequence_number_look_unrelated(
            seq in 0..Token::MAX_SEQ,
        ) {
            let one = one_key().seal(&Token { seq, ..click() });
            let next = one_key().seal(&Token { seq: seq + 1, ..click() });
            let same = one.bytes().zip(next.bytes()).skip(3).filter(|(a, b)| a == b).count();
            prop_assert!(same < 20, "{} of 125 characters are the same", same);
        }
    }
}
