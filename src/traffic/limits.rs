//! Rate limits on a visitor's counted events.

use crate::traffic::buckets::{Bucket, CallerClock, Capacity, Limit};
use crate::traffic::recent::RecentResults;
use crate::traffic::{Quota, VisitorKey, buckets};
use arc_swap::ArcSwap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Bits of a decision id that distinguish the placements of one page call.
const PLACEMENT_BITS: u32 = 8;

/// The quotas of all visitors, in bounded memory, keyed under the day's salt.
///
/// Impressions count per page call: a page with eight units uses its visitor's quota once. Clicks
/// count per decision: a second call to action of the same unit is free. A repeated check of the same
/// call or decision returns the same result while it is in the cache of recent results.
///
/// A quota is a token bucket (GCRA): a burst of `count`, replenished evenly over `seconds`. So `count`
/// is the sustained rate, and the first window after an idle one may contain nearly twice as many.
pub(crate) struct VisitorLimits {
    quotas: Quotas,
    max: usize,
    day: ArcSwap<Day>,
    overflowed_before: AtomicU64,
}

/// The quotas of single visitors and of their networks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quotas {
    /// Page calls of one visitor with an impression.
    pub(crate) impressions: Vec<Quota>,
    /// Clicked decisions of one visitor.
    pub(crate) clicks: Vec<Quota>,
    /// Page calls of one network (/24, /48) with an impression.
    pub(crate) network_impressions: Vec<Quota>,
    /// Clicked decisions of one network.
    pub(crate) network_clicks: Vec<Quota>,
}

/// The state under one salt.
struct Day {
    salt: [u8; 32],
    impressions: EventLimits,
    clicks: EventLimits,
    seen_calls: RecentResults,
    clicked: RecentResults,
    capacity: Arc<Capacity>,
    clock: CallerClock,
}

struct EventLimits {
    visitor: Vec<Limit>,
    network: Vec<Limit>,
}

impl VisitorLimits {
    /// Stores at most `max` keys, one per visitor and quota in use. `salt` is 32 random bytes, stored
    /// nowhere else.
    pub(crate) fn new(mut quotas: Quotas, max: usize, salt: [u8; 32]) -> VisitorLimits {
        let Quotas { impressions, clicks, network_impressions, network_clicks } = &mut quotas;
        for quotas in [impressions, clicks, network_impressions, network_clicks] {
            // Shortest first: a visitor over it uses nothing of the longer ones.
            quotas.sort_by_key(|quota| quota.seconds);
        }
        let day = ArcSwap::from_pointee(Day::new(&quotas, max, salt));
        VisitorLimits { quotas, max, day, overflowed_before: AtomicU64::new(0) }
    }

    /// Starts a new day with another salt and empty state. Call it at least every 24 hours.
    pub(crate) fn renew(&self, salt: [u8; 32]) {
        let day = Day::new(&self.quotas, self.max, salt);
        let previous = self.day.swap(Arc::new(day));
        self.overflowed_before.fetch_add(previous.capacity.overflows(), Relaxed);
    }

    /// The visitor's key for today.
    pub(crate) fn key(&self, address: IpAddr, agent: &str, publisher: &str) -> VisitorKey {
        VisitorKey::new(&self.day.load().salt, address, agent, publisher)
    }

    /// Whether an impression is within the visitor's quotas at `now_ms`, in Unix milliseconds.
    pub(crate) fn allows_impression(
        &self,
        visitor: VisitorKey,
        decision: u128,
        now_ms: i64,
    ) -> bool {
        let day = self.day.load();
        let call = decision >> PLACEMENT_BITS;
        day.seen_calls
            .get_or_compute((visitor, call), || day.allows(&day.impressions, visitor, now_ms))
    }

    /// Whether a click is within the visitor's quotas at `now_ms`, in Unix milliseconds.
    pub(crate) fn allows_click(&self, visitor: VisitorKey, decision: u128, now_ms: i64) -> bool {
        let day = self.day.load();
        day.clicked.get_or_compute((visitor, decision), || day.allows(&day.clicks, visitor, now_ms))
    }

    /// Evicts visitors whose quotas are fully replenished; call it periodically.
    pub(crate) fn sweep(&self, now_ms: i64) {
        let day = self.day.load();
        day.clock.advance(now_ms);
        day.sweep();
    }

    /// Keys stored now.
    #[cfg(test)]
    pub(crate) fn key_count(&self) -> usize {
        self.day.load().capacity.used()
    }

    /// How often a visitor could not be stored and was limited with its network, or not at all.
    #[cfg(test)]
    pub(crate) fn overflowed(&self) -> u64 {
        self.overflowed_before.load(Relaxed) + self.day.load().capacity.overflows()
    }
}

impl Day {
    fn new(quotas: &Quotas, max: usize, salt: [u8; 32]) -> Day {
        let (capacity, clock) = (Capacity::new(max), CallerClock::default());
        let limits = |quotas: &[Quota]| -> Vec<Limit> {
            let limit =
                |quota: &Quota| buckets::limit(quota.count, quota.seconds, &capacity, &clock);
            quotas.iter().map(limit).collect()
        };
        let kind = |visitor: &[Quota], network: &[Quota]| EventLimits {
            visitor: limits(visitor),
            network: limits(network),
        };
        Day {
            salt,
            impressions: kind(&quotas.impressions, &quotas.network_impressions),
            clicks: kind(&quotas.clicks, &quotas.network_clicks),
            seen_calls: RecentResults::new(max / 2),
            clicked: RecentResults::new(max / 8),
            capacity: capacity.clone(),
            clock: clock.clone(),
        }
    }

    fn allows(&self, kind: &EventLimits, visitor: VisitorKey, now_ms: i64) -> bool {
        self.clock.advance(now_ms);
        if self.capacity.should_sweep(&self.clock) {
            self.sweep();
        }
        let by_visitor = Bucket { fine: visitor.fine, coarse: visitor.coarse };
        let by_network = Bucket { fine: visitor.coarse, coarse: visitor.coarse };
        kind.visitor.iter().all(|limit| limit.check_key(&by_visitor).is_ok())
            && kind.network.iter().all(|limit| limit.check_key(&by_network).is_ok())
    }

    fn sweep(&self) {
        let kinds = [&self.impressions, &self.clicks];
        buckets::sweep(kinds.into_iter().flat_map(|kind| kind.visitor.iter().chain(&kind.network)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    const START: i64 = 1_790_000_000_000;
    const MINUTE: i64 = 60_000;
    const DAY: i64 = 24 * 60 * MINUTE;

    fn quota(count: u32, seconds: u32) -> Quota {
        Quota { count, seconds }
    }

    /// The default quotas.
    fn visitors(max: usize) -> VisitorLimits {
        let impressions = [quota(60, 300), quota(600, 86_400)];
        let clicks = [quota(2, 60), quota(6, 600), quota(20, 3_600), quota(40, 86_400)];
        let (impressions, clicks) = (impressions.to_vec(), clicks.to_vec());
        VisitorLimits::new(Quotas { impressions, clicks, ..Quotas::default() }, max, [1; 32])
    }

    fn reader(visitors: &VisitorLimits, number: u32) -> VisitorKey {
        visitors.key(Ipv4Addr::from_bits(0x0a00_0000 + number).into(), "agent", "site")
    }

    /// How many of `times` clicks are allowed, each on a new decision and `gap_ms` after the previous one.
    fn clicks(visitors: &VisitorLimits, times: u32, from_ms: i64, gap_ms: i64) -> usize {
        let one = reader(visitors, 1);
        let at = |click: u32| from_ms + i64::from(click) * gap_ms;
        let decision = |click: u32| u128::from(at(click).unsigned_abs()) << 40 | u128::from(click);
        (0..times).filter(|&click| visitors.allows_click(one, decision(click), at(click))).count()
    }

    fn calls(visitors: &VisitorLimits, calls: u32, first: u32, now_ms: i64) -> usize {
        let one = reader(visitors, 1);
        (first..first + calls)
            .filter(|call| visitors.allows_impression(one, u128::from(*call) << 8, now_ms))
            .count()
    }

    #[test]
    fn a_visitor_has_sixty_page_calls_in_five_minutes() {
        let visitors = visitors(10_000);
        assert_eq!(calls(&visitors, 2_000, 0, START), 60);
        assert_eq!(calls(&visitors, 2_000, 2_000, START + 5_000), 1);
        assert_eq!(calls(&visitors, 2_000, 4_000, START + 6 * MINUTE), 60);
    }

    #[test]
    fn a_visitor_has_six_hundred_page_calls_plus_refill_in_a_day() {
        let visitors = visitors(10_000);
        let hours = (0..24)
            .map(|hour| calls(&visitors, 60, hour * 60, START + i64::from(hour) * 60 * MINUTE));
        // A burst of 600, then 25 per hour.
        assert_eq!(hours.sum::<usize>(), 600 + 23 * 25);
    }

    #[test]
    fn a_page_call_counts_once_however_many_units_it_has() {
        let visitors = visitors(10_000);
        let one = reader(&visitors, 1);
        for call in 0..60_u128 {
            for unit in 0..8 {
                assert!(visitors.allows_impression(one, call << 8 | unit, START), "{call}.{unit}");
            }
        }
        for unit in 0..8 {
            assert!(!visitors.allows_impression(one, 60 << 8 | unit, START));
        }
    }

    #[test]
    fn clicks_have_the_default_quotas() {
        let fresh = || visitors(10_000);
        assert_eq!(clicks(&fresh(), 100, START, 0), 2);
        // The burst, plus what was replenished until the last click.
        assert_eq!(clicks(&fresh(), 20, START, 30_000), 6 + 570 / 100);
        assert_eq!(clicks(&fresh(), 60, START, MINUTE), 20 + 59 * 60 / 180);
        assert_eq!(clicks(&fresh(), 288, START, 5 * MINUTE), 40 + 287 * 300 / 2_160);
    }

    #[test]
    fn a_second_click_on_the_same_unit_is_free() {
        let visitors = visitors(10_000);
        let one = reader(&visitors, 1);
        for decision in [1, 2, 1, 2, 1, 2] {
            assert!(visitors.allows_click(one, decision, START));
        }
        assert!(!visitors.allows_click(one, 3, START) && !visitors.allows_click(one, 3, START));
    }

    #[test]
    fn visitors_have_separate_quotas() {
        let visitors = visitors(10_000);
        assert_eq!(clicks(&visitors, 10, START, 0), 2);
        assert!(visitors.allows_click(reader(&visitors, 2), 9, START));
    }

    #[test]
    fn network_quotas_apply_where_configured() {
        let quotas = Quotas {
            clicks: vec![quota(2, 60)],
            network_clicks: vec![quota(5, 60)],
            ..Quotas::default()
        };
        let visitors = VisitorLimits::new(quotas, 10_000, [1; 32]);
        let all = |network: u32, first: u128| {
            let click = |n: u32| {
                let one = reader(&visitors, network << 8 | n);
                visitors.allows_click(one, first + u128::from(n), START)
            };
            (0..50).filter(|n| click(*n)).count()
        };
        assert_eq!(all(1, 0), 5, "fifty readers of one network");
        assert_eq!(all(2, 1_000), 5, "another network has its own quota");
    }

    /// Resident memory of this process, in MiB.
    fn resident_mib() -> u64 {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4 / 1_024
    }

    /// One impression and one click from each of `count` different networks.
    fn distinct_networks(count: u32) -> (u64, usize) {
        let visitors = visitors(500_000);
        let before = resident_mib();
        for number in 0..count {
            let address = std::net::Ipv6Addr::from_bits(u128::from(number) << 80 | 0x20 << 120);
            let one = visitors.key(address.into(), "agent", "site");
            let now = START + i64::from(number) / 100;
            visitors.allows_impression(one, u128::from(number) << 8, now);
            visitors.allows_click(one, u128::from(number) << 8, now);
        }
        (resident_mib().saturating_sub(before), visitors.key_count())
    }

    #[test]
    fn memory_is_bounded_under_a_million_visitors() {
        let (mib, keys) = distinct_networks(1_000_000);
        assert!(mib <= 256 && keys <= 500_000, "{mib} MiB, {keys} keys");
    }

    #[test]
    #[ignore = "takes two minutes in a debug build"]
    fn memory_is_bounded_under_ten_million_visitors() {
        let (mib, keys) = distinct_networks(10_000_000);
        assert!(mib <= 256 && keys <= 500_000, "{mib} MiB, {keys} keys");
    }

    #[test]
    fn a_new_salt_resets_all_visitors() {
        let visitors = visitors(10_000);
        let before = reader(&visitors, 1);
        assert_eq!(clicks(&visitors, 10, START, 0), 2);
        visitors.renew([2; 32]);
        assert_ne!(reader(&visitors, 1), before);
        assert_eq!(visitors.key_count(), 0);
        assert_eq!(clicks(&visitors, 10, START, 0), 2);
    }

    #[test]
    fn the_number_of_stored_keys_is_capped() {
        let visitors = visitors(1_000);
        for number in 0..10_000 {
            let one = reader(&visitors, number * 7_919);
            visitors.allows_impression(one, u128::from(number) << 8, START);
            visitors.allows_click(one, u128::from(number), START);
        }
        assert!(visitors.key_count() <= 1_000, "{}", visitors.key_count());
        assert!(visitors.overflowed() > 0);
        visitors.sweep(START + 2 * DAY);
        assert_eq!(visitors.key_count(), 0);
    }

    #[test]
    fn idle_visitors_are_evicted_when_capacity_is_short() {
        let visitors = visitors(1_000);
        for number in 0..2_000 {
            visitors.allows_impression(
                reader(&visitors, number << 8),
                u128::from(number) << 8,
                START,
            );
        }
        let overflows = visitors.overflowed();
        let later = START + 60 * MINUTE;
        assert_eq!(clicks(&visitors, 10, later, 0), 2);
        assert!(visitors.key_count() < 10 && visitors.overflowed() == overflows);
    }

    #[test]
    fn a_clock_step_back_replenishes_nothing() {
        let visitors = visitors(10_000);
        assert_eq!(clicks(&visitors, 2, START, 0), 2);
        assert_eq!(clicks(&visitors, 10, START - 60 * MINUTE, 0), 0);
        assert_eq!(clicks(&visitors, 10, START + MINUTE, 0), 2);
    }

    proptest! {
        #[test]
        fn no_window_allows_more_than_twice_its_quota(gaps in prop::collection::vec(0_i64..40_000, 1..300)) {
            let visitors = VisitorLimits::new(
                Quotas { clicks: vec![quota(6, 600)], ..Quotas::default() },
                1_000,
                [1; 32],
            );
            let (one, mut now, mut allowed) = (reader(&visitors, 1), START, Vec::new());
            for (decision, gap) in gaps.iter().enumerate() {
                now += gap;
                if visitors.allows_click(one, decision as u128, now) {
                    allowed.push(now);
                }
            }
            for from in &allowed {
                let window = *from..from + 600_000;
                prop_assert!(allowed.iter().filter(|at| window.contains(at)).count() <= 11);
            }
        }
    }
}
