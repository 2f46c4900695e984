//! The operator's list of datacenter networks, whose addresses are not readers'.
//!
//! One IPv4 or IPv6 network per line, in CIDR notation; a bare address is a network of one. A leading
//! `!` excludes a network from a wider one. The longest matching prefix decides. `#` starts a comment.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;
use std::net::IpAddr;

/// A parsed list of networks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Datacenters {
    v4: PrefixMap<Ipv4Net, bool>,
    v6: PrefixMap<Ipv6Net, bool>,
}

/// A line that cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidLine {
    /// The line number, from 1.
    pub(crate) line: usize,
    /// Why it is invalid.
    pub(crate) reason: String,
}

impl Datacenters {
    /// Parses a list; the error has every invalid line.
    pub(crate) fn parse(text: &str) -> Result<Datacenters, Vec<InvalidLine>> {
        let (mut list, mut invalid) = (Datacenters::default(), Vec::new());
        for (number, line) in text.lines().enumerate() {
            let entry = line.split('#').next().unwrap_or("").trim();
            if entry.is_empty() {
                continue;
            }
            let (included, written) = match entry.strip_prefix('!') {
                Some(rest) => (false, rest.trim_start()),
                None => (true, entry),
            };
            let added = network(written).and_then(|network| list.add(network, included));
            if let Err(reason) = added {
                invalid.push(InvalidLine { line: number + 1, reason });
            }
        }
        if invalid.is_empty() { Ok(list) } else { Err(invalid) }
    }

    fn add(&mut self, network: IpNet, included: bool) -> Result<(), String> {
        let previous = match network {
            IpNet::V4(network) => self.v4.insert(network, included),
            IpNet::V6(network) => self.v6.insert(network, included),
        };
        match previous {
            Some(other) if other != included => {
                Err(format!("`{network}` is listed both with and without `!`"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the address is in a datacenter's network. IPv4-mapped IPv6 is treated as IPv4.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let found = match address.to_canonical() {
            IpAddr::V4(address) => self.v4.get_lpm(&Ipv4Net::from(address)).map(|(_, is)| *is),
            IpAddr::V6(address) => self.v6.get_lpm(&Ipv6Net::from(address)).map(|(_, is)| *is),
        };
        found.unwrap_or(false)
    }

    /// The number of networks.
    pub(crate) fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }
}

fn network(written: &str) -> Result<IpNet, String> {
    let bare_address = || written.parse::<IpAddr>().ok().map(IpNet::from);
    let Some(network) = written.parse::<IpNet>().ok().or_else(bare_address) else {
        return Err(format!(
            "`{written}` is not a network: use CIDR notation such as 192.0.2.0/24"
        ));
    };
    if network.trunc() != network {
        return Err(format!("`{written}` has bits set beyond its prefix: use {}", network.trunc()));
    }
    if network.prefix_len() == 0 {
        return Err(format!("`{written}` covers every address"));
    }
    match network {
        IpNet::V6(six) if six.addr().to_ipv4_mapped().is_some() => {
            Err(format!("`{written}` is IPv4-mapped IPv6: use IPv4 notation"))
        }
        _ => Ok(network),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn contains(list: &str, address: &str) -> bool {
        Datacenters::parse(list).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn only_addresses_in_listed_ranges_are_datacenters() {
        let list = "# clouds\n\n192.0.2.0/24 # one\n  2001:db8::/32\n198.51.100.7\n";
        for inside in ["192.0.2.1", "::ffff:192.0.2.255", "2001:db8:1::9", "198.51.100.7"] {
            assert!(contains(list, inside), "{inside}");
        }
        for outside in ["192.0.3.1", "198.51.100.8", "2001:db9::1", "::1", "::192.0.2.1"] {
            assert!(!contains(list, outside), "{outside}");
        }
        assert!(!Datacenters::default().contains("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn the_longest_prefix_decides_in_any_line_order() {
        let mut lines = ["10.0.0.0/8", "!10.1.0.0/16", "10.1.2.0/24", "! 10.1.2.3"];
        for _ in 0..lines.len() {
            lines.rotate_left(1);
            let list = lines.join("\n");
            assert!(contains(&list, "10.2.0.1") && contains(&list, "10.1.2.4"), "{list}");
            assert!(!contains(&list, "10.1.9.9") && !contains(&list, "10.1.2.3"), "{list}");
        }
    }

    #[test]
    fn every_invalid_line_is_reported() {
        let list = "192.0.2.0/24\nnonsense\n10.1.2.3/8 # a host\n10.0.0.0/33\n\n0.0.0.0/0\n\
                    !192.0.2.0/24\n::ffff:10.0.0.0/104\n192.0.2.0/24";
        let invalid = Datacenters::parse(list).unwrap_err();
        let lines: Vec<usize> = invalid.iter().map(|line| line.line).collect();
        assert_eq!(lines, [2, 3, 4, 6, 7, 8, 9]);
        assert!(invalid[1].reason.contains("use 10.0.0.0/8"), "{}", invalid[1].reason);
    }

    #[test]
    fn a_list_of_a_hundred_thousand_ranges_is_parsed_and_matched() {
        let ranges = |from: u32, to: u32| {
            (from..to).map(|number| Ipv4Net::new(Ipv4Addr::from_bits(number << 8), 24).unwrap())
        };
        let list: Vec<String> = ranges(65_536, 165_536).map(|range| range.to_string()).collect();
        let list = Datacenters::parse(&list.join("\n")).unwrap();
        assert_eq!(list.len(), 100_000);
        assert!(ranges(65_536, 165_536).all(|range| list.contains(range.broadcast().into())));
        assert!(!ranges(165_536, 200_000).any(|range| list.contains(range.addr().into())));
    }

    proptest! {
        #[test]
        fn a_list_agrees_with_a_linear_scan(
            networks in prop::collection::vec((any::<u32>(), 1_u8..=32, any::<bool>()), 0..40),
            six in prop::collection::vec((any::<u128>(), 1_u8..=128), 0..40),
            asked in any::<u32>(),
            pick in any::<prop::sample::Index>(),
        ) {
            let mut four: Vec<(Ipv4Net, bool)> = networks.iter().map(|(bits, length, inside)| {
                (Ipv4Net::new(Ipv4Addr::from_bits(*bits), *length).unwrap().trunc(), *inside)
            }).collect();
            four.sort();
            four.dedup_by_key(|(network, _)| *network);
            let six: Vec<Ipv6Net> = six.iter().map(|(bits, length)| {
                Ipv6Net::new(Ipv6Addr::from_bits(*bits), *length).unwrap().trunc()
            }).filter(|network| network.addr().to_ipv4_mapped().is_none()).collect();
            let lines: Vec<String> = four.iter()
                .map(|(network, inside)| format!("{}{network}", if *inside { "" } else { "!" }))
                .chain(six.iter().map(Ipv6Net::to_string)).collect();
            let list = Datacenters::parse(&lines.join("\n")).unwrap();
            let near = four.get(if four.is_empty() { 0 } else { pick.index(four.len()) });
            for address in [Some(Ipv4Addr::from_bits(asked)), near.map(|(n, _)| n.broadcast())] {
                let Some(address) = address else { continue };
                let holding = four.iter().filter(|(network, _)| network.contains(&address));
                let longest = holding.max_by_key(|(network, _)| network.prefix_len());
                prop_assert_eq!(list.contains(address.into()), longest.is_some_and(|(_, inside)| *inside));
            }
            for network in &six {
                prop_assert!(list.contains(network.network().into()));
            }
        }
    }
}
