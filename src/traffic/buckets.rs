//! Rate limits in bounded memory.
//!
//! A limit is a token bucket, stored as one number per key: when its quota will be fully replenished (the
//! theoretical arrival time of the generic cell rate algorithm, ITU-T I.371). A key past that time is
//! equivalent to an unseen one and can be evicted. An event takes from all its limits or from none.

use crate::traffic::Quota;
use hashbrown::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 64;

/// Minimum interval between evictions, in nanoseconds, since each scans every key.
const SWEEP_EVERY: u64 = 10_000_000_000;

/// The number of keys that all those share that find no capacity, per limit and shard.
const SHARED_KEYS: u64 = 16;

/// A quota as the algorithm needs it, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// The time in which one event is replenished.
    each: u64,
    /// How far ahead a key may be: its burst less one event.
    ahead: u64,
}

impl Rate {
    /// 0 is treated as 1, for count and seconds.
    pub(super) fn of(quota: Quota) -> Rate {
        let count = u64::from(quota.count.max(1));
        let each = (u64::from(quota.seconds.max(1)) * 1_000_000_000 / count).max(1);
        Rate { each, ahead: each * (count - 1) }
    }

    /// The state after one more event at `now`; `None` if the quota is used up.
    fn after(self, full_at: u64, now: u64) -> Option<u64> {
        let full_at = full_at.max(now);
        (full_at - now <= self.ahead).then(|| full_at + self.each)
    }

    /// The most events that one key gets within `seconds`, counted in milliseconds: a burst, and what is
    /// replenished until the last of them.
    pub(super) fn most(self, seconds: u32) -> u64 {
        let until = u64::from(seconds).saturating_mul(1_000).saturating_sub(1) * 1_000_000;
        self.ahead / self.each + 1 + until / self.each
    }
}

/// One event to take from the quota of one key.
pub(super) struct Take {
    pub(super) key: u64,
    /// The key to use if there is no capacity for `key`; `None` skips this limit, since a wider one holds.
    pub(super) fallback: Option<u64>,
    /// The number of the limit among those of these buckets.
    pub(super) limit: u64,
    pub(super) rate: Rate,
}

/// The state of a set of limits. Seven eighths of the capacity are for individual keys, the rest for the
/// fallbacks of later ones. A fallback without capacity shares one of a few keys, so that no number of
/// addresses switches a limit off.
pub(super) struct Buckets {
    shards: [Mutex<HashMap<u64, u64>>; SHARDS],
    max: usize,
    used: AtomicUsize,
    overflows: AtomicU64,
    swept: AtomicU64,
}

impl Buckets {
    /// Stores at most `max` keys.
    pub(super) fn new(max: usize) -> Buckets {
        Buckets {
            shards: std::array::from_fn(|_| Mutex::default()),
            max,
            used: AtomicUsize::new(0),
            overflows: AtomicU64::new(0),
            swept: AtomicU64::new(0),
        }
    }

    /// Takes one event at `now_ms` (Unix milliseconds) from each quota, or nothing if one is used up. All
    /// keys that are ever taken together with one of these must come with the same `group`.
    pub(super) fn take(
        &self,
        group: u64,
        takes: impl IntoIterator<Item = Take>,
        now_ms: i64,
    ) -> bool {
        let now = nanos(now_ms);
        self.sweep_if_full(now);
        let mixed = group.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
        let shard = usize::try_from(mixed).expect("six bits are left");
        let mut shard = lock(&self.shards[shard]);
        let mut new = Vec::with_capacity(24);
        for take in takes {
            let Some(key) = self.place(&shard, &take, new.len()) else { continue };
            let stored = shard.get(&key).copied().unwrap_or(0);
            let Some(after) = take.rate.after(stored, now) else { return false };
            new.push((key, after));
        }
        let before = shard.len();
        shard.extend(new);
        self.used.fetch_add(shard.len() - before, Relaxed);
        true
    }

    /// The key under which a limit is stored; `staged` more keys may be stored with it.
    fn place(&self, shard: &HashMap<u64, u64>, take: &Take, staged: usize) -> Option<u64> {
        let used = self.used() + staged;
        if shard.contains_key(&take.key) || used < self.max - self.max / 8 {
            return Some(take.key);
        }
        self.overflows.fetch_add(1, Relaxed);
        let fallback = take.fallback?;
        let fits = shard.contains_key(&fallback) || used < self.max;
        Some(if fits { fallback } else { take.limit * SHARED_KEYS + fallback % SHARED_KEYS })
    }

    /// Evicts if there is no capacity for new individual keys, and the last eviction is at least 10 s ago.
    fn sweep_if_full(&self, now: u64) {
        let last = self.swept.load(Relaxed);
        if self.used() >= self.max - self.max / 8
            && now.saturating_sub(last) >= SWEEP_EVERY
            && self.swept.compare_exchange(last, now, Relaxed, Relaxed).is_ok()
        {
            self.sweep_at(now);
        }
    }

    /// Evicts the keys whose quota is fully replenished at `now_ms`, and frees their memory.
    pub(super) fn sweep(&self, now_ms: i64) {
        self.sweep_at(nanos(now_ms));
    }

    fn sweep_at(&self, now: u64) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            let before = shard.len();
            shard.retain(|_, full_at| *full_at > now);
            shard.shrink_to_fit();
            self.used.fetch_sub(before - shard.len(), Relaxed);
        }
    }

    /// Keys stored now.
    pub(super) fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// How often a key could not be stored for lack of capacity.
    #[cfg(test)]
    pub(super) fn overflows(&self) -> u64 {
        self.overflows.load(Relaxed)
    }
}

fn nanos(now_ms: i64) -> u64 {
    u64::try_from(now_ms).unwrap_or(0).saturating_mul(1_000_000).min(u64::MAX / 2)
}

/// Ignores poisoning: the maps hold plain numbers, so every state is valid.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: i64 = 1_790_000_000_000;

    fn take(key: u64, count: u32, seconds: u32) -> Take {
        Take { key, fallback: None, limit: 0, rate: Rate::of(Quota { count, seconds }) }
    }

    #[test]
    fn an_event_over_one_quota_uses_nothing_of_the_others() {
        let buckets = Buckets::new(100);
        let narrow = |key| buckets.take(1, [take(key, 1, 60), take(9, 3, 60)], START);
        assert!(narrow(1));
        for _ in 0..10 {
            assert!(!narrow(1));
        }
        assert!(narrow(2) && narrow(3) && !narrow(4));
    }

    proptest! {
        #[test]
        fn no_gaps_get_more_than_the_printed_figure(
            count in 1u32..40, seconds in 1u32..1_000, window in 1u32..2_000,
            gaps in prop::collection::vec(0i64..5_000, 1..400),
        ) {
            let buckets = Buckets::new(100);
            let (mut now, mut allowed) = (START, Vec::new());
            for gap in gaps {
                now += gap;
                if buckets.take(1, [take(1, count, seconds)], now) {
                    allowed.push(now);
                }
            }
            let most = Rate::of(Quota { count, seconds }).most(window);
            for from in &allowed {
                let within = allowed.iter().filter(|at| (*from..from + i64::from(window) * 1_000).contains(*at));
                prop_assert!(within.count() as u64 <= most);
            }
        }
    }

    #[test]
    fn the_printed_figure_is_reached() {
        for (count, seconds, window) in
            [(2, 60, 60), (7, 60, 60), (50, 86_400, 86_400), (3, 600, 60)]
        {
            let buckets = Buckets::new(100);
            let at = |ms: i64| buckets.take(1, [take(1, count, seconds)], START + ms);
            let burst = (0..count).filter(|_| at(0)).count();
            let later = (0..i64::from(window)).filter(|second| at(second * 1_000 + 999)).count();
            let most = Rate::of(Quota { count, seconds }).most(window);
            assert_eq!((burst + later) as u64, most, "{count} in {seconds} s, within {window} s");
        }
    }
}
