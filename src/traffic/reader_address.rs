//! Resolves a reader's IP address: from trusted proxies' `X-Forwarded-For`, or as a publisher's server
//! declares it. Every address that leaves this module is canonical: IPv4-mapped IPv6 is IPv4.

use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// The reader's address: the rightmost hop that is not a trusted proxy.
///
/// `forwarded_for` are the values of all `X-Forwarded-For` headers in order. No other header is read,
/// since a proxy that does not set one passes on the reader's own value. An entry is trusted only if
/// the hop that added it is in `trusted`, and none is when `peer` is not. An entry that is not an
/// address stops the walk at the hop that sent it.
pub(crate) fn reader_address<'a>(
    peer: IpAddr,
    forwarded_for: impl Iterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    rightmost(forwarded_for, |hop| is_trusted(hop, trusted)).unwrap_or(peer)
}

/// The reader's address as a publisher's server declares it; `None` if that cannot be read.
///
/// A list is read like `X-Forwarded-For`, since servers pass that on: the last address that is neither
/// private nor a trusted proxy, so that nothing which the reader wrote in front of it counts.
pub(crate) fn declared_address<'a>(
    values: impl Iterator<Item = &'a str>,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    rightmost(values, |hop| is_private(hop) || is_trusted(hop, trusted))
        .filter(|found| !found.is_unspecified() && !found.is_multicast())
}

/// The rightmost entry that is no proxy; if all are, the leftmost. `None` if there is none, or if an entry
/// that is not an address stands where it is looked for.
fn rightmost<'a>(
    values: impl Iterator<Item = &'a str>,
    is_proxy: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    // Scans from the left, keeping the result of a walk from the right over the entries so far, so that
    // nothing is allocated however many entries there are.
    let mut found = None;
    for entry in values.flat_map(|value| value.split(',')) {
        found = match address(entry.trim()) {
            None => None,
            Some(hop) if is_proxy(hop) => found.or(Some(hop)),
            Some(hop) => Some(hop),
        };
    }
    found
}

/// Whether an address is in one of the networks, however either is written.
pub(crate) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    let mapped = match address {
        IpAddr::V4(v4) => IpAddr::V6(v4.to_ipv6_mapped()),
        IpAddr::V6(_) => address,
    };
    trusted.iter().any(|network| network.contains(&address) || network.contains(&mapped))
}

/// Whether an address is of a local network, and so a hop rather than a reader on the internet.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`, each also quoted.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
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

    fn resolved(peer: &str, headers: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        reader_address(peer.parse().unwrap(), headers.iter().copied(), &trusted).to_string()
    }

    #[test]
    fn an_untrusted_peer_cannot_set_its_address() {
        assert_eq!(resolved(READER, &["203.0.113.9"]), READER);
        assert_eq!(resolved("::ffff:198.51.100.7", &["203.0.113.9"]), READER);
        let untrusted = reader_address(READER.parse().unwrap(), ["203.0.113.9"].into_iter(), &[]);
        assert_eq!(untrusted.to_string(), READER);
    }

    #[test]
    fn the_rightmost_untrusted_hop_is_the_reader() {
        assert_eq!(resolved("10.0.0.1", &[READER]), READER);
        assert_eq!(resolved("10.0.0.1", &["203.0.113.9, 198.51.100.7"]), READER);
        assert_eq!(resolved("10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.0.0.2"]), READER);
        assert_eq!(
            resolved("fd00::1", &["203.0.113.9", "198.51.100.7,10.0.0.3", "10.0.0.2"]),
            READER
        );
        assert_eq!(resolved("::ffff:10.0.0.1", &["::ffff:198.51.100.7"]), READER);
    }

    #[test]
    fn when_all_hops_are_trusted_the_farthest_is_the_reader() {
        assert_eq!(resolved("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(resolved("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    }

    #[test]
    fn an_entry_that_is_not_an_address_stops_the_walk() {
        for garbage in ["unknown", "", "1.2.3", "1.2.3.4.5", "[::1", "fe80::1%eth0", "é", "_x"] {
            let behind = format!("203.0.113.9, {garbage}, 10.0.0.2");
            assert_eq!(resolved("10.0.0.1", &[&behind]), "10.0.0.2", "{garbage}");
            let first = format!("203.0.113.9, {garbage}");
            assert_eq!(resolved("10.0.0.1", &[&first]), "10.0.0.1", "{garbage}");
            let before = format!("{garbage}, 198.51.100.7, 10.0.0.2");
            assert_eq!(resolved("10.0.0.1", &[&before]), READER, "{garbage}");
        }
    }

    #[test]
    fn an_address_may_carry_a_port() {
        assert_eq!(resolved("10.0.0.1", &["198.51.100.7:4711"]), READER);
        assert_eq!(resolved("10.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(resolved("10.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(resolved("10.0.0.1", &["2001:db8::1"]), "2001:db8::1");
    }

    #[test]
    fn a_declared_address_is_read_in_every_usual_form() {
        let trusted = ["203.0.113.0/24".parse().unwrap()];
        let declared = |values: &[&str]| {
            declared_address(values.iter().copied(), &trusted).map(|found| found.to_string())
        };
        for form in [
            "198.51.100.7",
            "198.51.100.7:4711",
            "::ffff:198.51.100.7",
            "[::ffff:198.51.100.7]:4711",
            "\"198.51.100.7\"",
            " 198.51.100.7, 10.0.0.2",
            "192.0.2.66, 198.51.100.7, 203.0.113.9,fd00::1 , 127.0.0.1",
            "not an address, 198.51.100.7",
        ] {
            assert_eq!(declared(&[form]).as_deref(), Some(READER), "{form}");
        }
        assert_eq!(declared(&["192.0.2.66", READER, "10.0.0.1"]).as_deref(), Some(READER));
        assert_eq!(declared(&["[2001:db8::1]:443"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(declared(&["10.1.2.3"]).as_deref(), Some("10.1.2.3"), "an intranet's reader");
        for unreadable in [
            "",
            "unknown",
            "198.51.100.7, unknown",
            "198.51.100",
            "0.0.0.0",
            "::",
            "fe80::1%eth0",
            "ff02::1",
        ] {
            assert_eq!(declared(&[unreadable]), None, "{unreadable}");
        }
        assert_eq!(declared(&[]), None);
    }

    #[test]
    fn a_mapped_peer_is_the_proxy_that_it_is() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        assert!(is_trusted("::ffff:10.0.0.1".parse().unwrap(), &trusted));
        assert!(!is_trusted("::ffff:192.0.2.1".parse().unwrap(), &trusted));
    }

    #[test]
    fn a_trusted_network_may_be_written_as_mapped() {
        let trusted = ["::ffff:10.0.0.0/104".parse().unwrap()];
        let found = reader_address("10.0.0.1".parse().unwrap(), [READER].into_iter(), &trusted);
        assert_eq!(found.to_string(), READER);
    }

    proptest! {
        /// The reader's own header values are left of what trusted proxies append.
        #[test]
        fn a_readers_own_header_does_not_change_the_result(written in prop::collection::vec("\\PC{0,40}", 0..5)) {
            let mut headers: Vec<&str> = written.iter().map(String::as_str).collect();
            headers.push("198.51.100.7, 10.0.0.9");
            prop_assert_eq!(resolved("10.0.0.1", &headers), READER);
        }
    }
}
