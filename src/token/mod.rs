//! Event tokens: the part of a decision that a browser returns with an event, encrypted and
//! authenticated.
//!
//! | part | bytes | content |
//! |---|---|---|
//! | version | 1 | format version: 4 if the page states values of reported context keys, 3 of an idle decision, 2 if the page states facts to report, else 1 |
//! | kid | 1 | id of the sealing key |
//! | sealed | 94 | AES-256-GCM-SIV of the [`payload`]; version and kid are associated data |
//!
//! Encoded as base64url without padding: always 128 characters.
//!
//! The nonce is fixed. With SIV (RFC 8452) this reveals only whether two payloads are equal, and
//! payloads are unique because a (incarnation, partition, sequence number) is never reused. A key
//! that is rotated monthly seals far fewer than 2^32 tokens.
//!
//! The event kind is inside the sealed part, so an impression token cannot be used for a click.
//! Tokens contain nothing about the reader.

mod fixed_nonce;
pub(crate) mod keyring;
pub(crate) mod payload;

pub(crate) use keyring::{InvalidKeyring, KeyAge, Keyring};
pub(crate) use payload::Token;

/// Number of partitions that campaigns are distributed over.
pub const PARTITIONS: u8 = 64;

/// The partition in which a campaign's events are numbered and applied, below [`PARTITIONS`].
///
/// The first byte of the BLAKE3 hash of the id, modulo 64. Stored records depend on it: frozen.
pub fn partition_of(campaign: &str) -> u8 {
    blake3::hash(campaign.as_bytes()).as_bytes()[0] % PARTITIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_of_a_campaign_never_changes() {
        let partitions =
            ["zahid-launch", "a", "summer-2026", "x".repeat(64).as_str()].map(partition_of);
        assert_eq!(partitions, [13, 23, 53, 4]);
    }

    #[test]
    fn campaigns_are_spread_over_all_partitions() {
        let mut counts = [0_u32; PARTITIONS as usize];
        for number in 0..6_400 {
            counts[usize::from(partition_of(&format!("campaign-{number}")))] += 1;
        }
        assert!(counts.iter().all(|count| (50..=160).contains(count)), "{counts:?}");
    }
}
