//! Where a reader is, as far as trusted proxies tell.

use ipnet::IpNet;
use std::net::IpAddr;
use std::net::SocketAddr;

/// The reader's address: the rightmost hop that is not a proxy of ours.
///
/// `forwarded_for` are the values of all `X-Forwarded-For` headers in the order they came; no other
/// header is ever read, since a proxy that does not set one passes on what the reader wrote. They
/// are believed only as far as the hop that added them is in `trusted`: not at all when `peer` is
/// not. An entry that is no address stops the walk at the hop that sent it. IPv4 mapped into IPv6
/// is IPv4.
pub fn reader_address<'a>(
    peer: IpAddr,
    forwarded_for: impl Iterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    // Read from the left, keeping what a walk from the right would find if the entries read so far
    // were all; so nothing is collected, however many there are.
    let mut found = None;
    for entry in forwarded_for.flat_map(|value| value.split(',')) {
        found = match address(entry.trim()) {
            None => None,
            Some(hop) if is_trusted(hop, trusted) => found.or(Some(hop)),
            Some(hop) => Some(hop),
        };
    }
    found.unwrap_or(peer)
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let mapped = match address {
        IpAddr::V4(v4) => IpAddr::V6(v4.to_ipv6_mapped()),
        IpAddr::V6(_) => address,
    };
    trusted.iter().any(|network| network.contains(&address) || network.contains(&mapped))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let parsed = bare.parse::<IpAddr>().ok();
    parsed
        .or_else(|| text.parse::<SocketAddr>().ok().map(|both| both.ip()))
        .map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const READER: &str = "198.51.100.7";

    fn seen(peer: &str, headers: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        reader_address(peer.parse().unwrap(), headers.iter().copied(), &trusted).to_string()
    }

    #[test]
    fn a_stranger_cannot_say_who_it_is() {
        assert_eq!(seen(READER, &["203.0.113.9"]), READER);
        assert_eq!(seen("::ffff:198.51.100.7", &["203.0.113.9"]), READER);
        let nobody = reader_address(READER.parse().unwrap(), ["203.0.113.9"].into_iter(), &[]);
        assert_eq!(nobody.to_string(), READER);
    }

    #[test]
    fn the_rightmost_hop_that_is_not_ours_is_the_reader() {
        assert_eq!(seen("10.0.0.1", &[READER]), READER);
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, 198.51.100.7"]), READER);
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.0.0.2"]), READER);
        assert_eq!(seen("fd00::1", &["203.0.113.9", "198.51.100.7,10.0.0.3", "10.0.0.2"]), READER);
        assert_eq!(seen("::ffff:10.0.0.1", &["::ffff:198.51.100.7"]), READER);
    }

    #[test]
    fn where_all_are_ours_the_farthest_is_the_reader() {
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    }

    #[test]
    fn an_entry_that_is_no_address_stops_the_walk() {
        for garbage in ["unknown", "", "1.2.3", "1.2.3.4.5", "[::1", "fe80::1%eth0", "é", "_x"] {
            let behind = format!("203.0.113.9, {garbage}, 10.0.0.2");
            assert_eq!(seen("10.0.0.1", &[&behind]), "10.0.0.2", "{garbage}");
            let first = format!("203.0.113.9, {garbage}");
            assert_eq!(seen("10.0.0.1", &[&first]), "10.0.0.1", "{garbage}");
            let before = format!("{garbage}, 198.51.100.7, 10.0.0.2");
            assert_eq!(seen("10.0.0.1", &[&before]), READER, "{garbage}");
        }
    }

    #[test]
    fn an_address_may_carry_a_port() {
        assert_eq!(seen("10.0.0.1", &["198.51.100.7:4711"]), READER);
        assert_eq!(seen("10.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(seen("10.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(seen("10.0.0.1", &["2001:db8::1"]), "2001:db8::1");
    }

    #[test]
    fn a_trusted_network_may_be_written_as_mapped() {
        let trusted = ["::ffff:10.0.0.0/104".parse().unwrap()];
        let found = reader_address("10.0.0.1".parse().unwrap(), [READER].into_iter(), &trusted);
        assert_eq!(found.to_string(), READER);
    }

    proptest! {
        /// What the reader wrote stands left of what our proxies add.
        #[test]
        fn nothing_a_reader_writes_moves_it(written in prop::collection::vec("\\PC{0,40}", 0..5)) {
            let mut headers: Vec<&str> = written.iter().map(String::as_str).collect();
            headers.push("198.51.100.7, 10.0.0.9");
            prop_assert_eq!(seen("10.0.0.1", &headers), READER);
        }
    }
}
