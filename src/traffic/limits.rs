//! Rate limits on a reader's counted events, in layers: by visitor, by address, by network.

use crate::domain::event::EventKind;
use crate::traffic::Quota;
use crate::traffic::buckets::{Buckets, Rate, Take};
use crate::traffic::recent::RecentResults;
use crate::traffic::visitor::{EventKeys, EventSource};
use arc_swap::ArcSwap;
use std::sync::Arc;

string_enum! {
    /// What a limit counts events by. No header switches a layer off but the first, which needs a
    /// visitor key.
    Layer {
        /// Address, agent and publisher.
        Visitor = "visitor",
        /// An address (/64 for IPv6) on one campaign, whatever the agent.
        AddressOnCampaign = "address_on_campaign",
        /// An address on one publisher's pages.
        AddressOnPublisher = "address_on_publisher",
        /// An address, everywhere.
        Address = "address",
        /// An IPv6 /56: what an access provider gives to a household.
        Subnet = "subnet",
        /// A /24 for IPv4, a /48 for IPv6.
        Network = "network",
        /// All that a publisher's servers report with its secret key.
        PublisherKey = "publisher_key",
    }
}

impl Layer {
    /// What one key of the layer is, for readers of `GET /v1/limits`.
    pub(crate) const fn subject(self) -> &'static str {
        match self {
            Layer::Visitor => "one address (IPv6: /64) with one agent on one publisher's pages",
            Layer::AddressOnCampaign => "one address (IPv6: /64) on one campaign",
            Layer::AddressOnPublisher => "one address (IPv6: /64) on one publisher's pages",
            Layer::Address => "one address (IPv6: /64)",
            Layer::Subnet => "one IPv6 /56",
            Layer::Network => "one network (IPv4: /24, IPv6: /48)",
            Layer::PublisherKey => "one publisher's servers with its secret key",
        }
    }

    /// The layers that also limit whatever this one limits, for IPv4 and IPv6.
    const fn wider(self) -> &'static [Layer] {
        match self {
            Layer::Visitor => &[Layer::AddressOnPublisher, Layer::Address, Layer::Network],
            Layer::AddressOnCampaign | Layer::AddressOnPublisher => {
                &[Layer::Address, Layer::Network]
            }
            Layer::Address | Layer::Subnet => &[Layer::Network],
            Layer::Network | Layer::PublisherKey => &[],
        }
    }
}

/// The quotas of one layer; an empty list sets no limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct LayerQuotas {
    /// For impressions, and again for viewable impressions.
    pub(crate) impressions: Vec<Quota>,
    /// For clicks, and again for copies.
    pub(crate) clicks: Vec<Quota>,
}

/// The quotas of every layer, in the order of [`Layer::ALL`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Quotas(pub(crate) [LayerQuotas; Layer::ALL.len()]);

impl Quotas {
    fn of(&self, layer: Layer, kind: EventKind) -> &[Quota] {
        let quotas = &self.0[layer as usize];
        match kind {
            EventKind::Impression | EventKind::Viewable => &quotas.impressions,
            EventKind::Click | EventKind::Copy => &quotas.clicks,
        }
    }

    /// The most events of a kind that one key of a layer can have counted within `seconds`, by the rules
    /// that run; `None` without a limit. It holds between two changes of the salt, at midnight UTC.
    pub(crate) fn most(&self, layer: Layer, kind: EventKind, seconds: u32) -> Option<u64> {
        let layers = [layer].into_iter().chain(layer.wider().iter().copied());
        let quotas = layers.flat_map(|layer| self.of(layer, kind));
        quotas.map(|quota| Rate::of(*quota).most(seconds)).min()
    }
}

/// The limits on all readers, in bounded memory, keyed under the day's salt.
///
/// Events count per decision and kind: a page with eight units uses eight of a quota, and a second call to
/// action of the same unit is free. A repeated check of the same decision returns the same result while it
/// is in the cache of recent results. An event over one limit uses nothing of the others.
///
/// A quota is a token bucket (GCRA): a burst of `count`, replenished evenly over `seconds`. So `count`
/// is the sustained rate, and the first window after an idle one may contain nearly twice as many.
pub(crate) struct VisitorLimits {
    limits: Limits,
    max: usize,
    day: ArcSwap<Day>,
}

/// The keys of an event's reader, and of the publisher's server that reports it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceKeys {
    reader: Option<EventKeys>,
    server: Option<EventKeys>,
}

impl SourceKeys {
    /// The keys, each with limits of its own.
    pub(crate) fn iter(&self) -> impl Iterator<Item = EventKeys> {
        self.reader.into_iter().chain(self.server)
    }
}

/// The state under one salt.
struct Day {
    salt: [u8; 32],
    buckets: Buckets,
    recent: RecentResults,
}

impl Day {
    fn new(max: usize, salt: [u8; 32]) -> Day {
        Day { salt, buckets: Buckets::new(max), recent: RecentResults::new(max / 4) }
    }
}

impl VisitorLimits {
    /// Stores at most `max` keys, one per subject and quota in use. `salt` is 32 random bytes, stored
    /// nowhere else.
    pub(crate) fn new(quotas: &Quotas, max: usize, salt: [u8; 32]) -> VisitorLimits {
        let day = ArcSwap::from_pointee(Day::new(max, salt));
        VisitorLimits { limits: Limits::of(quotas), max, day }
    }

    /// Starts a new day with another salt and empty state. Call it at least every 24 hours.
    pub(crate) fn renew(&self, salt: [u8; 32]) {
        self.day.store(Arc::new(Day::new(self.max, salt)));
    }

    /// The keys of an event for today.
    pub(crate) fn keys(&self, source: &EventSource<'_>) -> SourceKeys {
        let (reader, server) = EventKeys::of(&self.day.load().salt, source);
        SourceKeys { reader, server }
    }

    /// Whether an event is within all quotas at `now_ms`, in Unix milliseconds.
    pub(crate) fn allows(
        &self,
        keys: &SourceKeys,
        kind: EventKind,
        decision: u128,
        now_ms: i64,
    ) -> bool {
        let day = self.day.load();
        keys.iter().all(|keys| {
            day.recent.get_or_compute((keys, kind, decision), || {
                day.buckets.take(keys.group, self.limits.takes(&keys, kind), now_ms)
            })
        })
    }

    /// Evicts readers whose quotas are fully replenished; call it periodically.
    pub(crate) fn sweep(&self, now_ms: i64) {
        self.day.load().buckets.sweep(now_ms);
    }

    /// Keys stored now.
    #[cfg(test)]
    pub(crate) fn key_count(&self) -> usize {
        self.day.load().buckets.used()
    }

    /// How often a key could not be stored today.
    #[cfg(test)]
    pub(crate) fn overflowed(&self) -> u64 {
        self.day.load().buckets.overflows()
    }
}

/// The rates of every kind and layer, each with its number.
pub(super) struct Limits(Vec<Vec<LayerRates>>);

/// The rates of one layer for one kind.
type LayerRates = (Layer, Vec<(u64, Rate)>);

impl Limits {
    pub(super) fn of(quotas: &Quotas) -> Limits {
        let mut numbers = 1..;
        let mut rates = |quotas: &[Quota]| {
            quotas
                .iter()
                .map(|quota| Rate::of(*quota))
                .zip(&mut numbers)
                .map(|(r, n)| (n, r))
                .collect()
        };
        let mut of_kind = |kind: EventKind| {
            let of_layer = |&layer: &Layer| (layer, rates(quotas.of(layer, kind)));
            Layer::ALL.iter().map(of_layer).collect()
        };
        Limits(EventKind::ALL.iter().map(|&kind| of_kind(kind)).collect())
    }

    /// What an event takes from the limits of these keys.
    pub(super) fn takes(&self, keys: &EventKeys, kind: EventKind) -> impl Iterator<Item = Take> {
        self.0[kind as usize].iter().flat_map(move |(layer, rates)| {
            let key = subject(keys, *layer);
            rates.iter().filter_map(move |(limit, rate)| {
                let key = mixed(key?, *limit);
                // Without capacity, the wider limits hold.
                let is_widest = matches!(layer, Layer::Network | Layer::PublisherKey);
                Some(Take { key, fallback: is_widest.then_some(key), limit: *limit, rate: *rate })
            })
        })
    }
}

/// The key of a layer; `None` if the layer does not apply.
fn subject(keys: &EventKeys, layer: Layer) -> Option<u64> {
    let is_reader = keys.address != 0;
    let key = match layer {
        Layer::Visitor => keys.visitor,
        Layer::AddressOnCampaign if is_reader => mixed(keys.address, keys.campaign.into()),
        Layer::AddressOnPublisher if is_reader => mixed(keys.address, keys.publisher.into()),
        Layer::Address => keys.address,
        Layer::Subnet => keys.subnet,
        Layer::Network if is_reader => keys.group,
        Layer::PublisherKey if !is_reader => keys.group,
        _ => 0,
    };
    (key != 0).then_some(key)
}

/// Combines a key and a number into another key (the finaliser of SplitMix64).
fn mixed(key: u64, number: u64) -> u64 {
    let mut mixed = key ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::limits_tests::{START, allows, default_quotas, source};
    use EventKind::{Click, Impression};

    /// Resident memory of this process, in MiB.
    fn resident_mib() -> u64 {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4 / 1_024
    }

    /// One event from each of `count` different networks: clicks from an eighth of them, impressions else.
    fn distinct_networks(count: u32, max: usize) -> (u64, usize) {
        let visitors = VisitorLimits::new(&default_quotas(), max, [1; 32]);
        let before = resident_mib();
        for number in 0..count {
            let one = source(std::net::Ipv6Addr::from_bits(u128::from(number) << 80 | 0x20 << 120));
            let now = START + i64::from(number) / 100;
            let kind = if number % 8 == 0 { Click } else { Impression };
            allows(&visitors, &one, kind, u128::from(number) << 8, now);
        }
        (resident_mib().saturating_sub(before), visitors.key_count())
    }

    #[test]
    fn memory_is_bounded_under_a_million_visitors() {
        let (mib, keys) = distinct_networks(1_000_000, 1_500_000);
        // Above the capacity are only the keys that those without capacity share.
        assert!(mib <= 256 && keys <= 1_500_000 + 64 * 16 * 64, "{mib} MiB, {keys} keys");
    }

    #[test]
    #[ignore = "takes two minutes in a debug build"]
    fn memory_is_bounded_under_ten_million_visitors() {
        let (mib, keys) = distinct_networks(10_000_000, 1_500_000);
        assert!(mib <= 256 && keys <= 1_500_000 + 64 * 16 * 64, "{mib} MiB, {keys} keys");
    }
}
