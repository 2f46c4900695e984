//! How often one visitor counts.

use crate::traffic::Quota;
use crate::traffic::VisitorKey;
use crate::traffic::buckets;
use crate::traffic::buckets::Bucket;
use crate::traffic::buckets::Limit;
use crate::traffic::buckets::Room;
use crate::traffic::buckets::Told;
use crate::traffic::recent::Recent;
use arc_swap::ArcSwap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Bits of a decision's id that tell the placements of one page call apart.
const PLACEMENT_BITS: u32 = 8;

/// The quotas of all visitors, in bounded memory, under the salt of the day.
///
/// Impressions count by page call: a page with eight units uses its visitor's quota once. Clicks
/// count by decision: a second call to action of the same unit is free. What is asked again of the
/// same call or decision gets the same answer, for as long as it is among the recent.
///
/// A quota is a bucket (GCRA): `count` at once, refilled evenly over `seconds`; so `count` is what
/// can be kept up, and a first span of `seconds` after a quiet one may hold nearly twice as many.
pub struct Visitors {
    impressions: Vec<Quota>,
    clicks: Vec<Quota>,
    most: usize,
    day: ArcSwap<Day>,
    overflowed_before: AtomicU64,
}

/// What is known under one salt.
struct Day {
    salt: [u8; 32],
    impressions: Vec<Limit>,
    clicks: Vec<Limit>,
    seen_calls: Recent,
    clicked: Recent,
    room: Arc<Room>,
    clock: Told,
}

impl Visitors {
    /// At most `most` keys are held: one for each quota a visitor has begun to use. `salt` is 32
    /// random bytes that nobody keeps.
    pub fn new(impressions: &[Quota], clicks: &[Quota], most: usize, salt: [u8; 32]) -> Visitors {
        // The shortest first: who is over it uses nothing of the longer ones.
        let sorted = |quotas: &[Quota]| {
            let mut quotas = quotas.to_vec();
            quotas.sort_by_key(|quota| quota.seconds);
            quotas
        };
        let (impressions, clicks) = (sorted(impressions), sorted(clicks));
        let day = ArcSwap::from_pointee(Day::new(&impressions, &clicks, most, salt));
        Visitors { impressions, clicks, most, day, overflowed_before: AtomicU64::new(0) }
    }

    /// Begins a new day: another salt, and all visitors are strangers again. At least every 24 hours.
    pub fn renew(&self, salt: [u8; 32]) {
        let day = Day::new(&self.impressions, &self.clicks, self.most, salt);
        let over = self.day.swap(Arc::new(day));
        self.overflowed_before.fetch_add(over.room.crowded(), Relaxed);
    }

    /// The visitor's key for today.
    pub fn key(&self, address: IpAddr, agent: &str, publisher: &str) -> VisitorKey {
        VisitorKey::new(&self.day.load().salt, address, agent, publisher)
    }

    /// Whether an impression is within the visitor's quotas at `now_ms`, unix milliseconds.
    pub fn allows_impression(&self, visitor: VisitorKey, decision: u128, now_ms: i64) -> bool {
        let day = self.day.load();
        let call = decision >> PLACEMENT_BITS;
        day.seen_calls.once((visitor, call), || day.allows(&day.impressions, visitor, now_ms))
    }

    /// Whether a click is within the visitor's quotas at `now_ms`, unix milliseconds.
    pub fn allows_click(&self, visitor: VisitorKey, decision: u128, now_ms: i64) -> bool {
        let day = self.day.load();
        day.clicked.once((visitor, decision), || day.allows(&day.clicks, visitor, now_ms))
    }

    /// Forgets the visitors whose quotas are whole again; call it now and then.
    pub fn sweep(&self, now_ms: i64) {
        let day = self.day.load();
        day.clock.tell(now_ms);
        day.sweep();
    }

    /// Keys held now.
    pub fn held(&self) -> usize {
        self.day.load().room.used()
    }

    /// How often a visitor had no room of its own and was counted with its network, or not at all.
    pub fn overflowed(&self) -> u64 {
        self.overflowed_before.load(Relaxed) + self.day.load().room.crowded()
    }
}

impl Day {
    fn new(impressions: &[Quota], clicks: &[Quota], most: usize, salt: [u8; 32]) -> Day {
        let (room, clock) = (Room::new(most), Told::default());
        let limits = |quotas: &[Quota]| {
            let limit = |quota: &Quota| buckets::limit(quota.count, quota.seconds, &room, &clock);
            quotas.iter().map(limit).collect()
        };
        Day {
            salt,
            impressions: limits(impressions),
            clicks: limits(clicks),
            seen_calls: Recent::new(most / 2),
            clicked: Recent::new(most / 8),
            room: room.clone(),
            clock: clock.clone(),
        }
    }

    fn allows(&self, limits: &[Limit], visitor: VisitorKey, now_ms: i64) -> bool {
        self.clock.tell(now_ms);
        if self.room.wants_sweep(&self.clock) {
            self.sweep();
        }
        let bucket = Bucket { fine: visitor.fine, coarse: visitor.coarse };
        limits.iter().all(|limit| limit.check_key(&bucket).is_ok())
    }

    fn sweep(&self) {
        buckets::sweep(self.impressions.iter().chain(&self.clicks));
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

    /// The contract's table.
    fn visitors(most: usize) -> Visitors {
        let impressions = [quota(60, 300), quota(600, 86_400)];
        let clicks = [quota(2, 60), quota(6, 600), quota(20, 3_600), quota(40, 86_400)];
        Visitors::new(&impressions, &clicks, most, [1; 32])
    }

    fn reader(visitors: &Visitors, number: u32) -> VisitorKey {
        visitors.key(Ipv4Addr::from_bits(0x0a00_0000 + number).into(), "agent", "site")
    }

    /// How many of `times` clicks, each on a decision of its own and `gap_ms` after the one before,
    /// are allowed.
    fn clicks(visitors: &Visitors, times: u32, from_ms: i64, gap_ms: i64) -> usize {
        let one = reader(visitors, 1);
        let at = |click: u32| from_ms + i64::from(click) * gap_ms;
        let decision = |click: u32| u128::from(at(click).unsigned_abs()) << 40 | u128::from(click);
        (0..times).filter(|&click| visitors.allows_click(one, decision(click), at(click))).count()
    }

    fn calls(visitors: &Visitors, calls: u32, first: u32, now_ms: i64) -> usize {
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
    fn a_visitor_has_six_hundred_page_calls_and_their_refill_in_a_day() {
        let visitors = visitors(10_000);
        let hours = (0..24)
            .map(|hour| calls(&visitors, 60, hour * 60, START + i64::from(hour) * 60 * MINUTE));
        // 600 at once, and 25 an hour come back.
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
    fn clicks_have_the_quotas_of_the_table() {
        let made = || visitors(10_000);
        assert_eq!(clicks(&made(), 100, START, 0), 2);
        // The quota at once, and what came back until the last click.
        assert_eq!(clicks(&made(), 20, START, 30_000), 6 + 570 / 100);
        assert_eq!(clicks(&made(), 60, START, MINUTE), 20 + 59 * 60 / 180);
        assert_eq!(clicks(&made(), 288, START, 5 * MINUTE), 40 + 287 * 300 / 2_160);
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
    fn one_visitor_does_not_use_up_anothers_quota() {
        let visitors = visitors(10_000);
        assert_eq!(clicks(&visitors, 10, START, 0), 2);
        assert!(visitors.allows_click(reader(&visitors, 2), 9, START));
    }

    #[test]
    fn a_new_salt_makes_strangers_of_all() {
        let visitors = visitors(10_000);
        let before = reader(&visitors, 1);
        assert_eq!(clicks(&visitors, 10, START, 0), 2);
        visitors.renew([2; 32]);
        assert_ne!(reader(&visitors, 1), before);
        assert_eq!(visitors.held(), 0);
        assert_eq!(clicks(&visitors, 10, START, 0), 2);
    }

    #[test]
    fn ten_thousand_visitors_stay_under_the_cap() {
        let visitors = visitors(1_000);
        for number in 0..10_000 {
            let one = reader(&visitors, number * 7_919);
            visitors.allows_impression(one, u128::from(number) << 8, START);
            visitors.allows_click(one, u128::from(number), START);
        }
        assert!(visitors.held() <= 1_000, "{}", visitors.held());
        assert!(visitors.overflowed() > 0);
        visitors.sweep(START + 2 * DAY);
        assert_eq!(visitors.held(), 0);
    }

    #[test]
    fn room_is_made_by_forgetting_who_was_quiet() {
        let visitors = visitors(1_000);
        for number in 0..2_000 {
            visitors.allows_impression(
                reader(&visitors, number << 8),
                u128::from(number) << 8,
                START,
            );
        }
        let crowded = visitors.overflowed();
        let later = START + 60 * MINUTE;
        assert_eq!(clicks(&visitors, 10, later, 0), 2);
        assert!(visitors.held() < 10 && visitors.overflowed() == crowded);
    }

    #[test]
    fn a_clock_that_steps_back_stands_still() {
        let visitors = visitors(10_000);
        assert_eq!(clicks(&visitors, 2, START, 0), 2);
        assert_eq!(clicks(&visitors, 10, START - 60 * MINUTE, 0), 0);
        assert_eq!(clicks(&visitors, 10, START + MINUTE, 0), 2);
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_twice_its_quota(gaps in prop::collection::vec(0_i64..40_000, 1..300)) {
            let visitors = Visitors::new(&[], &[quota(6, 600)], 1_000, [1; 32]);
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
