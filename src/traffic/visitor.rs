//! Visitor keys: salted hashes that are only comparable within a day and a publisher.

use std::fmt;
use std::net::IpAddr;

/// One visitor of one publisher's site, while the day's salt is in use.
///
/// A keyed hash of the address (/64 for IPv6), agent and publisher: not attributable without the salt
/// and different under another one. It lives in memory and has no text form, so that it cannot appear
/// in a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisitorKey {
    /// The visitor's own hash.
    pub(super) fine: u64,
    /// The hash of its network (/24, /48), for any agent: the fallback when capacity is short.
    pub(super) coarse: u64,
}

impl fmt::Debug for VisitorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VisitorKey(…)")
    }
}

impl VisitorKey {
    /// The visitor's own hash, for the fleet's store, where it expires within a day. Use it nowhere else.
    pub(crate) fn hash(self) -> u64 {
        self.fine
    }

    /// The key under this salt.
    pub(super) fn new(
        salt: &[u8; 32],
        address: IpAddr,
        agent: &str,
        publisher: &str,
    ) -> VisitorKey {
        let address = address.to_canonical();
        let own = hash(salt, &network(address, 32, 64), agent, publisher);
        let wide = hash(salt, &network(address, 24, 48), "", publisher);
        // The last bit separates visitor hashes from network hashes.
        VisitorKey { fine: own | 1, coarse: wide & !1 }
    }
}

fn hash(salt: &[u8; 32], network: &[u8], agent: &str, publisher: &str) -> u64 {
    let mut hasher = blake3::Hasher::new_keyed(salt);
    for part in [network, agent.as_bytes(), publisher.as_bytes()] {
        let length = u64::try_from(part.len()).expect("lengths fit 64 bits");
        hasher.update(&length.to_le_bytes()).update(part);
    }
    let hash = hasher.finalize();
    u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
}

/// The network of an address: the IP version (4 or 6), then the first `v4` or `v6` bits.
pub(crate) fn network(address: IpAddr, v4: u32, v6: u32) -> [u8; 17] {
    let mut bytes = [0; 17];
    let prefix = match address {
        IpAddr::V4(address) => {
            bytes[0] = 4;
            u128::from(address.to_bits()) << 96 & first_bits(v4)
        }
        IpAddr::V6(address) => {
            bytes[0] = 6;
            address.to_bits() & first_bits(v6)
        }
    };
    bytes[1..].copy_from_slice(&prefix.to_be_bytes());
    bytes
}

fn first_bits(count: u32) -> u128 {
    !u128::MAX.checked_shr(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(salt: u8, address: &str, agent: &str, publisher: &str) -> VisitorKey {
        VisitorKey::new(&[salt; 32], address.parse().unwrap(), agent, publisher)
    }

    #[test]
    fn a_key_depends_on_salt_address_agent_and_publisher() {
        let one = key(1, "192.0.2.1", "agent", "site");
        assert_eq!(one, key(1, "::ffff:192.0.2.1", "agent", "site"));
        let others = [
            key(2, "192.0.2.1", "agent", "site"),
            key(1, "192.0.2.2", "agent", "site"),
            key(1, "192.0.2.1", "agents", "ite"),
            key(1, "192.0.2.1", "other", "site"),
            key(1, "192.0.2.1", "agent", "other-site"),
        ];
        assert!(others.iter().all(|other| other.fine != one.fine));
    }

    #[test]
    fn ipv6_addresses_in_one_64_are_one_visitor() {
        let one = key(1, "2001:db8:1:2::1", "agent", "site");
        assert_eq!(one, key(1, "2001:db8:1:2:ffff::9", "agent", "site"));
        assert_ne!(one.fine, key(1, "2001:db8:1:3::1", "agent", "site").fine);
    }

    #[test]
    fn the_network_key_ignores_the_agent() {
        let one = key(1, "192.0.2.1", "agent", "site");
        assert_eq!(one.coarse, key(1, "192.0.2.200", "other", "site").coarse);
        assert_ne!(one.coarse, key(1, "192.0.3.1", "agent", "site").coarse);
        let six = key(1, "2001:db8:1:2::1", "agent", "site");
        assert_eq!(six.coarse, key(1, "2001:db8:1:ffff::1", "agent", "site").coarse);
        assert_ne!(six.coarse, key(1, "2001:db8:2:2::1", "agent", "site").coarse);
    }

    #[test]
    fn debug_output_hides_the_key() {
        assert_eq!(format!("{:?}", key(1, "192.0.2.1", "agent", "site")), "VisitorKey(…)");
    }
}
