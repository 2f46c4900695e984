//! Signed event tokens: what a browser hands back of a decision, sealed so that it can neither be
//! read nor changed.
//!
//! | part | bytes | what |
//! |---|---|---|
//! | version | 1 | of this format: 1 |
//! | kid | 1 | which key seals |
//! | sealed | 94 | AES-256-GCM-SIV of the [`payload`]; version and kid are its associated data |
//!
//! On the wire it is base64url without padding: 128 characters, always.
//!
//! The nonce is fixed. Under SIV (RFC 8452) that gives away equality of equal payloads and nothing
//! else, and no two payloads of ours are equal: partition and sequence number are never minted
//! twice. A key seals well under 2^32 tokens when it is changed monthly.
//!
//! The kind stands inside the sealed part, so a token for an impression can never be used as one
//! for a click. There is nothing about the reader in it.

pub mod keyring;
pub mod payload;

pub use keyring::Forged;
pub use keyring::InvalidKeyring;
pub use keyring::KeyAge;
pub use keyring::Keyring;
pub use payload::Token;

/// How many partitions campaigns are spread over.
pub const PARTITIONS: u8 = 64;

/// The partition that a campaign's events are numbered and judged in, below [`PARTITIONS`].
///
/// The first byte of the BLAKE3 hash of the id, modulo 64. Records on disk depend on it: frozen.
pub fn partition_of(campaign: &str) -> u8 {
    blake3::hash(campaign.as_bytes()).as_bytes()[0] % PARTITIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_stays_in_its_partition_for_ever() {
        let placed =
            ["zahid-launch", "a", "summer-2026", "x".repeat(64).as_str()].map(partition_of);
        assert_eq!(placed, [13, 23, 53, 4]);
    }

    #[test]
    fn campaigns_spread_over_all_partitions() {
        let mut held = [0_u32; PARTITIONS as usize];
        for number in 0..6_400 {
            held[usize::from(partition_of(&format!("campaign-{number}")))] += 1;
        }
        assert!(held.iter().all(|count| (50..=160).contains(count)), "{held:?}");
    }
}
