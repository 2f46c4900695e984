//! Flood guard: a request rate limit per address that protects the server.

use crate::traffic::Quota;
use crate::traffic::buckets::{Buckets, Rate, Take};
use crate::traffic::visitor::network;
use std::net::IpAddr;

/// A request limit per second and address (per /64 for IPv6), across all publishers.
///
/// It protects the server, not billing: rejected requests get the no-fill reason `overloaded`. Requests
/// with a publisher's secret key, and those of trusted proxies themselves, are exempt and never checked.
pub(crate) struct FloodGuard {
    rate: Option<Rate>,
    buckets: Buckets,
}

impl FloodGuard {
    /// Allows `per_second` requests per address, with a burst of the same size; 0 turns it off. Stores at
    /// most `max` addresses; later ones share the limit of their /24 or /48.
    pub(crate) fn new(per_second: u32, max: usize) -> FloodGuard {
        let quota = Quota { count: per_second, seconds: 1 };
        let rate = (per_second > 0).then(|| Rate::of(quota));
        FloodGuard { rate, buckets: Buckets::new(max) }
    }

    /// Whether to admit a request from this address at `now_ms`, in Unix milliseconds.
    pub(crate) fn admits(&self, address: IpAddr, now_ms: i64) -> bool {
        let Some(rate) = self.rate else { return true };
        let address = address.to_canonical();
        let wide = prefix(address, 24, 48);
        // The complement of a prefix is not a valid source address, so it cannot collide with `key`.
        let key = prefix(address, 32, 64);
        let take = Take { key, fallback: Some(!wide), limit: 0, rate };
        self.buckets.take(wide, [take], now_ms)
    }

    /// Evicts addresses that were idle for a second; call it periodically.
    pub(crate) fn sweep(&self, now_ms: i64) {
        self.buckets.sweep(now_ms);
    }

    /// How often an address could not be stored for lack of capacity.
    #[cfg(test)]
    pub(crate) fn overflowed(&self) -> u64 {
        self.buckets.overflows()
    }
}

/// The first 64 bits of the network; IPv4 is mapped into 0100::/16, which no IPv6 network uses.
fn prefix(address: IpAddr, v4: u32, v6: u32) -> u64 {
    let network = network(address, v4, v6);
    let bits = u64::from_be_bytes(*network[1..].first_chunk().expect("17 bytes hold 8 after one"));
    if address.is_ipv4() { bits >> 32 | 1 << 56 } else { bits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const START: i64 = 1_790_000_000_000;

    fn admitted(flood: &FloodGuard, address: IpAddr, times: u32, now_ms: i64) -> usize {
        (0..times).filter(|_| flood.admits(address, now_ms)).count()
    }

    #[test]
    fn an_address_is_limited_to_its_rate() {
        let flood = FloodGuard::new(200, 1_000);
        let (one, other) = (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(192, 0, 2, 2).into());
        assert_eq!(admitted(&flood, one, 1_000, START), 200);
        assert_eq!(admitted(&flood, other, 100, START), 100);
        assert_eq!(admitted(&flood, one, 1_000, START + 500), 100);
        assert_eq!(admitted(&flood, one, 1_000, START + 10_000), 200);
    }

    #[test]
    fn zero_turns_the_limit_off() {
        let flood = FloodGuard::new(0, 1_000);
        assert_eq!(admitted(&flood, Ipv4Addr::LOCALHOST.into(), 10_000, START), 10_000);
    }

    #[test]
    fn a_64_counts_as_one_address() {
        let flood = FloodGuard::new(10, 1_000);
        let address = |host: u16| Ipv6Addr::new(0x2001, 0xdb8, 1, 2, host, 0, 0, 1).into();
        assert_eq!((0..50).filter(|host| flood.admits(address(*host), START)).count(), 10);
    }

    #[test]
    fn the_number_of_stored_addresses_is_capped() {
        let flood = FloodGuard::new(10, 1_000);
        for number in 0..10_000 {
            flood.admits(Ipv4Addr::from_bits(number * 7_919).into(), START);
        }
        // Beyond the capacity are only the keys that those without capacity share.
        assert!(flood.buckets.used() <= 1_000 + 64 * 16 && flood.overflowed() > 0);
        flood.sweep(START + 60_000);
        assert_eq!(flood.buckets.used(), 0);
    }

    #[test]
    fn new_addresses_share_their_networks_limit_when_capacity_is_short() {
        let flood = FloodGuard::new(10, 1_000);
        for number in 0..875 {
            flood.admits(Ipv4Addr::from_bits(number << 8).into(), START);
        }
        let new_address = |host: u8| Ipv4Addr::new(203, 0, 113, host).into();
        assert_eq!((0..200).filter(|host| flood.admits(new_address(*host), START)).count(), 10);
    }
}
