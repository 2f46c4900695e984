//! The guard of the box: how much one address may ask of it, counted or not.

use crate::traffic::buckets;
use crate::traffic::buckets::Bucket;
use crate::traffic::buckets::Limit;
use crate::traffic::buckets::Room;
use crate::traffic::buckets::Told;
use crate::traffic::visitor::network;
use std::net::IpAddr;
use std::sync::Arc;

/// A limit a second on each address (each /64 for IPv6), of all publishers together.
///
/// It protects the server, not the bill: what it refuses is answered `overloaded`. Callers with a
/// publisher's secret key and trusted proxies are not asked about.
pub struct Flood {
    limit: Option<Limit>,
    room: Arc<Room>,
    clock: Told,
}

impl Flood {
    /// `per_second` requests of one address, as many again at once; 0 is off. At most `most`
    /// addresses are held; those that come after share their /24 or /48, or pass.
    pub fn new(per_second: u32, most: usize) -> Flood {
        let (room, clock) = (Room::new(most), Told::default());
        let limit = (per_second > 0).then(|| buckets::limit(per_second, 1, &room, &clock));
        Flood { limit, room, clock }
    }

    /// Whether the box takes a request of this address at `now_ms`, unix milliseconds.
    pub fn admits(&self, address: IpAddr, now_ms: i64) -> bool {
        let Some(limit) = &self.limit else { return true };
        self.clock.tell(now_ms);
        if self.room.wants_sweep(&self.clock) {
            buckets::sweep(std::iter::once(limit));
        }
        let address = address.to_canonical();
        // The complement of a prefix is no address that anybody sends from.
        let bucket = Bucket { fine: prefix(address, 32, 64), coarse: !prefix(address, 24, 48) };
        limit.check_key(&bucket).is_ok()
    }

    /// Forgets the addresses that were quiet for a second; call it now and then.
    pub fn sweep(&self, now_ms: i64) {
        self.clock.tell(now_ms);
        buckets::sweep(self.limit.iter());
    }

    /// How often an address had no room of its own.
    pub fn overflowed(&self) -> u64 {
        self.room.crowded()
    }
}

/// The first 64 bits of the network, with IPv4 mapped to where no IPv6 network is: 0100::/16.
fn prefix(address: IpAddr, v4: u32, v6: u32) -> u64 {
    let network = network(address, v4, v6);
    let bits = u64::from_be_bytes(*network[1..].first_chunk().expect("17 bytes hold 8 after one"));
    if address.is_ipv4() { bits >> 32 | 1 << 56 } else { bits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::net::Ipv6Addr;

    const START: i64 = 1_790_000_000_000;

    fn admitted(flood: &Flood, address: IpAddr, times: u32, now_ms: i64) -> usize {
        (0..times).filter(|_| flood.admits(address, now_ms)).count()
    }

    #[test]
    fn an_address_gets_its_rate_and_no_more() {
        let flood = Flood::new(200, 1_000);
        let (one, other) = (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(192, 0, 2, 2).into());
        assert_eq!(admitted(&flood, one, 1_000, START), 200);
        assert_eq!(admitted(&flood, other, 100, START), 100);
        assert_eq!(admitted(&flood, one, 1_000, START + 500), 100);
        assert_eq!(admitted(&flood, one, 1_000, START + 10_000), 200);
    }

    #[test]
    fn zero_is_off() {
        let flood = Flood::new(0, 1_000);
        assert_eq!(admitted(&flood, Ipv4Addr::LOCALHOST.into(), 10_000, START), 10_000);
    }

    #[test]
    fn a_64_is_one_address() {
        let flood = Flood::new(10, 1_000);
        let address = |host: u16| Ipv6Addr::new(0x2001, 0xdb8, 1, 2, host, 0, 0, 1).into();
        assert_eq!((0..50).filter(|host| flood.admits(address(*host), START)).count(), 10);
    }

    #[test]
    fn any_number_of_addresses_stays_under_the_cap() {
        let flood = Flood::new(10, 1_000);
        for number in 0..10_000 {
            flood.admits(Ipv4Addr::from_bits(number * 7_919).into(), START);
        }
        assert!(flood.room.used() <= 1_000 && flood.overflowed() > 0);
        flood.sweep(START + 60_000);
        assert_eq!(flood.room.used(), 0);
    }

    #[test]
    fn a_network_of_newcomers_shares_a_quota_when_there_is_no_room() {
        let flood = Flood::new(10, 1_000);
        for number in 0..875 {
            flood.admits(Ipv4Addr::from_bits(number << 8).into(), START);
        }
        let newcomer = |host: u8| Ipv4Addr::new(203, 0, 113, host).into();
        assert_eq!((0..200).filter(|host| flood.admits(newcomer(*host), START)).count(), 10);
    }
}
