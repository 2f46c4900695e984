//! The keys by which events are limited: salted hashes of the reader's address, that are only comparable
//! within a day.

use smallvec::SmallVec;
use std::fmt;
use std::net::IpAddr;

/// Who an event is counted for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventSource<'a> {
    /// The reader's address; `None` if a publisher's server reports the event without naming it.
    pub(crate) address: Option<IpAddr>,
    /// The reader's agent; `None` where no visitor key may be made, or if it is unknown.
    pub(crate) agent: Option<&'a str>,
    /// Id of the publisher.
    pub(crate) publisher: &'a str,
    /// Id of the campaign.
    pub(crate) campaign: &'a str,
    /// Whether the publisher's server reports the event, with its secret key.
    pub(crate) server: bool,
}

/// The keys of one event under the day's salt.
///
/// Keyed hashes: not attributable without the salt and different under another one. They live in memory,
/// and in a fleet's Redis for at most a day, and have no text form, so that they cannot appear in a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventKeys {
    /// The network (/24 for IPv4, /48 for IPv6), or the publisher if its server reports. All limits of an
    /// event depend on this key alone or on less.
    pub(super) group: u64,
    /// Address, agent and publisher; 0 without a visitor key.
    pub(super) visitor: u64,
    /// The address (/64 for IPv6); 0 for the key of a publisher's server.
    pub(super) address: u64,
    /// The /56; 0 for IPv4.
    pub(super) subnet: u64,
    pub(super) publisher: u32,
    pub(super) campaign: u32,
}

impl fmt::Debug for EventKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventKeys(…)")
    }
}

impl EventKeys {
    /// The size of [`Self::to_bytes`].
    pub(crate) const BYTES: usize = 32;

    /// The keys of the reader, and those of the publisher's server.
    pub(super) fn of(
        salt: &[u8; 32],
        source: &EventSource<'_>,
    ) -> (Option<EventKeys>, Option<EventKeys>) {
        let hash = |kind: &str, network: &[u8], texts: [&str; 2]| {
            let [first, second] = texts.map(str::as_bytes);
            hash(salt, [kind.as_bytes(), network, first, second])
        };
        let publisher = hash("publisher", &[], [source.publisher, ""]);
        let server = source.server.then_some(EventKeys {
            group: publisher,
            visitor: 0,
            address: 0,
            subnet: 0,
            publisher: 0,
            campaign: 0,
        });
        let reader = source.address.map(|address| {
            let address = address.to_canonical();
            let own = network(address, 32, 64);
            let agent = |agent| hash("visitor", &own, [agent, source.publisher]) | 1;
            EventKeys {
                group: hash("network", &network(address, 24, 48), ["", ""]),
                visitor: source.agent.map_or(0, agent),
                address: hash("address", &own, ["", ""]) | 1,
                subnet: match address {
                    IpAddr::V4(_) => 0,
                    IpAddr::V6(_) => hash("subnet", &network(address, 0, 56), ["", ""]) | 1,
                },
                publisher: low_half(publisher),
                campaign: low_half(hash("campaign", &[], [source.campaign, ""])),
            }
        });
        (reader, server)
    }

    /// The hash under which a fleet exchanges activity. Use it nowhere else.
    pub(crate) fn group(&self) -> u64 {
        self.group
    }

    /// The keys of one event within its group, for the fleet's store, where they expire within a day. Use
    /// it nowhere else.
    pub(crate) fn to_bytes(self) -> [u8; EventKeys::BYTES] {
        let mut bytes = [0; EventKeys::BYTES];
        let words = [self.visitor, self.address, self.subnet].map(u64::to_be_bytes);
        let halves = [self.publisher, self.campaign].map(u32::to_be_bytes);
        bytes[..24].copy_from_slice(words.as_flattened());
        bytes[24..].copy_from_slice(halves.as_flattened());
        bytes
    }

    /// The inverse of [`Self::to_bytes`], for an event of `group`.
    pub(crate) fn from_bytes(group: u64, bytes: &[u8; EventKeys::BYTES]) -> EventKeys {
        let word = |at: usize| {
            u64::from_be_bytes(*bytes[at..].first_chunk().expect("eight bytes from 0, 8 and 16"))
        };
        let half = |at: usize| {
            u32::from_be_bytes(*bytes[at..].first_chunk().expect("four bytes from 24 and 28"))
        };
        EventKeys {
            group,
            visitor: word(0),
            address: word(8),
            subnet: word(16),
            publisher: half(24),
            campaign: half(28),
        }
    }
}

fn low_half(hash: u64) -> u32 {
    u32::try_from(hash & 0xffff_ffff).expect("32 bits are left")
}

fn hash(salt: &[u8; 32], parts: [&[u8]; 4]) -> u64 {
    // In one piece: an event has five such hashes, and a hasher costs more than the hash of so little.
    let mut bytes = SmallVec::<[u8; 512]>::new();
    for part in parts {
        let length = u64::try_from(part.len()).expect("lengths fit 64 bits");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(part);
    }
    let hash = blake3::keyed_hash(salt, &bytes);
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
    use proptest::prelude::*;

    fn source(address: &str) -> EventSource<'_> {
        EventSource {
            address: address.parse().ok(),
            agent: Some("agent"),
            publisher: "site",
            campaign: "spring",
            server: false,
        }
    }

    fn keys(source: EventSource<'_>) -> EventKeys {
        EventKeys::of(&[1; 32], &source).0.unwrap()
    }

    #[test]
    fn a_visitor_key_depends_on_salt_address_agent_and_publisher() {
        let (of, one) = (source("192.0.2.1"), keys(source("192.0.2.1")));
        assert_eq!(one, keys(source("::ffff:192.0.2.1")));
        let others = [
            EventKeys::of(&[2; 32], &of).0.unwrap(),
            keys(source("192.0.2.2")),
            keys(EventSource { agent: Some("agents"), publisher: "ite", ..of }),
            keys(EventSource { agent: Some("other"), ..of }),
            keys(EventSource { publisher: "other-site", ..of }),
            keys(EventSource { agent: None, ..of }),
        ];
        assert!(others.iter().all(|other| other.visitor != one.visitor));
    }

    proptest! {
        #[test]
        fn a_hash_is_that_of_lengths_and_parts_one_after_another(
            salt: [u8; 32],
            parts in prop::array::uniform4(prop::collection::vec(any::<u8>(), 0..300)),
        ) {
            let mut hasher = blake3::Hasher::new_keyed(&salt);
            for part in &parts {
                hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
            }
            let expected = hasher.finalize();
            let expected = u64::from_le_bytes(*expected.as_bytes().first_chunk().unwrap());
            prop_assert_eq!(hash(&salt, parts.each_ref().map(Vec::as_slice)), expected);
        }
    }

    #[test]
    fn address_and_networks_do_not_depend_on_agent_and_publisher() {
        let one = keys(source("2001:db8:1:2::1"));
        let other = EventSource {
            agent: None,
            publisher: "b",
            campaign: "c",
            ..source("2001:db8:1:2:f::9")
        };
        let other = keys(other);
        assert_eq!(
            (one.address, one.subnet, one.group),
            (other.address, other.subnet, other.group)
        );
        let neighbour = keys(source("2001:db8:1:3::1"));
        assert_ne!(one.address, neighbour.address);
        assert_eq!((one.subnet, one.group), (neighbour.subnet, neighbour.group));
        let same_site = keys(source("2001:db8:1:ff02::1"));
        assert_ne!(one.subnet, same_site.subnet);
        assert_eq!(one.group, same_site.group);
        assert_ne!(one.group, keys(source("2001:db8:2:2::1")).group);
        let (v4, in_24) = (keys(source("192.0.2.1")), keys(source("192.0.2.255")));
        assert_eq!((v4.group, v4.subnet), (in_24.group, 0));
        assert_ne!(v4.group, keys(source("192.0.3.1")).group);
    }

    #[test]
    fn a_server_that_names_no_reader_has_only_the_key_of_its_publisher() {
        let server = EventSource { address: None, server: true, ..source("") };
        let (reader, own) = EventKeys::of(&[1; 32], &server);
        assert!(reader.is_none() && own.is_some_and(|own| own.address == 0));
        let (reader, _) =
            EventKeys::of(&[1; 32], &EventSource { server: true, ..source("192.0.2.1") });
        assert!(reader.is_some());
    }

    #[test]
    fn keys_survive_the_exchange_and_have_no_text_form() {
        let one = keys(source("2001:db8::1"));
        assert_eq!(EventKeys::from_bytes(one.group(), &one.to_bytes()), one);
        assert_eq!(format!("{one:?}"), "EventKeys(…)");
    }
}
