//! AES-256-GCM-SIV ([RFC 8452](https://www.rfc-editor.org/rfc/rfc8452)) for messages that all have a nonce of
//! zeros: the message keys, which depend on key and nonce, are derived once and not for every message.
//!
//! The ciphers are those of the crate `aes-gcm-siv`, which opens what is sealed here.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes256, Block};
use ctr::CtrCore;
use ctr::cipher::{InnerIvInit, StreamCipherCore};
use ctr::flavors::Ctr32LE;
use polyval::Polyval;
use polyval::universal_hash::UniversalHash;

/// Seals messages with one key.
pub(super) struct FixedNonceSealer {
    /// Encrypts messages.
    cipher: Aes256,
    /// Authenticates messages.
    hash: Polyval,
}

impl FixedNonceSealer {
    /// Derives the message keys: section 4.
    pub(super) fn new(key: &[u8; 32]) -> FixedNonceSealer {
        let generator = Aes256::new(key.into());
        let mut derived = [0; 48];
        for (counter, half) in (0_u32..).zip(derived.chunks_exact_mut(8)) {
            let mut block = Block::default();
            block[..4].copy_from_slice(&counter.to_le_bytes());
            generator.encrypt_block(&mut block);
            half.copy_from_slice(&block[..8]);
        }
        let mut hash_key = polyval::Key::default();
        hash_key.copy_from_slice(&derived[..16]);
        let mut cipher_key = aes::cipher::Key::<Aes256>::default();
        cipher_key.copy_from_slice(&derived[16..]);
        FixedNonceSealer { cipher: Aes256::new(&cipher_key), hash: Polyval::new(&hash_key) }
    }

    /// Encrypts a message in place and returns its tag, which also covers `associated`: section 5.
    pub(super) fn seal(&self, associated: &[u8], message: &mut [u8]) -> [u8; 16] {
        let bits = |bytes: &[u8]| (bytes.len() as u64 * 8).to_le_bytes();
        let mut lengths = polyval::Block::default();
        lengths[..8].copy_from_slice(&bits(associated));
        lengths[8..].copy_from_slice(&bits(message));
        let mut hash = self.hash.clone();
        hash.update_padded(associated);
        hash.update_padded(message);
        hash.update(&[lengths]);
        let mut tag = hash.finalize();
        // The nonce would be XORed here; it is zero.
        tag[15] &= 0x7F;
        self.cipher.encrypt_block(&mut tag);
        let mut counter = tag;
        counter[15] |= 0x80;
        CtrCore::<&Aes256, Ctr32LE>::inner_iv_init(&self.cipher, &counter)
            .apply_keystream_partial(message.into());
        tag.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes_gcm_siv::{AeadInOut, Aes256GcmSiv, Nonce};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn messages_are_sealed_as_by_the_library(
            key: [u8; 32],
            associated in prop::collection::vec(any::<u8>(), 0..40),
            message in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut expected = message.clone();
            let tag = Aes256GcmSiv::new(&key.into())
                .encrypt_inout_detached(&Nonce::default(), &associated, expected.as_mut_slice().into())
                .unwrap();
            let mut sealed = message;
            prop_assert_eq!(FixedNonceSealer::new(&key).seal(&associated, &mut sealed), tag.0);
            prop_assert_eq!(sealed, expected);
        }
    }
}
