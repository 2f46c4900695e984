//! Keyed rate limit state in bounded memory, and the clock that the limits use.
//!
//! A limit stores one number per key: when its quota will be fully replenished. A key past that time is
//! equivalent to an unseen one and can be evicted.

use governor::RateLimiter;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use hashbrown::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const SHARDS: usize = 64;

/// Minimum interval between evictions, in nanoseconds, since each scans every key.
const SWEEP_EVERY: u64 = 10_000_000_000;

/// A monotonic clock set by the caller, in nanoseconds: an earlier time than the last one leaves it
/// unchanged.
#[derive(Clone, Debug, Default)]
pub(super) struct CallerClock(Arc<AtomicU64>);

impl CallerClock {
    /// Advances to `now_ms`, in Unix milliseconds.
    pub(super) fn advance(&self, now_ms: i64) {
        let nanos = u64::try_from(now_ms).unwrap_or(0).saturating_mul(1_000_000);
        // Leaves headroom so that the limiter's arithmetic cannot overflow.
        self.0.fetch_max(nanos.min(u64::MAX / 2), Relaxed);
    }
}

impl Clock for CallerClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Relaxed))
    }
}

/// The number of keys that a set of limits may store together.
#[derive(Debug)]
pub(super) struct Capacity {
    max: usize,
    used: AtomicUsize,
    overflows: AtomicU64,
    swept: AtomicU64,
}

impl Capacity {
    /// Capacity for `max` keys.
    pub(super) fn new(max: usize) -> Arc<Capacity> {
        let zero = AtomicU64::new(0);
        Arc::new(Capacity {
            max,
            used: AtomicUsize::new(0),
            overflows: AtomicU64::new(0),
            swept: zero,
        })
    }

    /// Keys stored now.
    pub(super) fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// How often a key could not be stored for lack of capacity.
    pub(super) fn overflows(&self) -> u64 {
        self.overflows.load(Relaxed)
    }

    /// Whether to evict: no capacity for new individual keys, and the last eviction is at least 10 s
    /// ago. Returns true to one caller only.
    pub(super) fn should_sweep(&self, clock: &CallerClock) -> bool {
        let (now, last) = (clock.now().as_u64(), self.swept.load(Relaxed));
        self.used() >= self.max - self.max / 8
            && now.saturating_sub(last) >= SWEEP_EVERY
            && self.swept.compare_exchange(last, now, Relaxed, Relaxed).is_ok()
    }

    /// Reserves a slot if fewer than `max` are used.
    fn reserve(&self, max: usize) -> bool {
        self.used.try_update(Relaxed, Relaxed, |used| (used < max).then_some(used + 1)).is_ok()
    }
}

/// A limited key: a visitor or address (`fine`), and its network (`coarse`) for when capacity is short.
///
/// The two differ, and no key's `coarse` equals another key's `fine`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Bucket {
    pub(super) fine: u64,
    pub(super) coarse: u64,
}

/// One limit's state. Seven eighths of the capacity are for `fine` keys, the rest for the networks of
/// later ones. A key without capacity in either is not limited.
pub(super) struct Buckets {
    shards: [Mutex<HashMap<u64, u64>>; SHARDS],
    capacity: Arc<Capacity>,
}

impl Buckets {
    fn new(capacity: Arc<Capacity>) -> Buckets {
        Buckets { shards: std::array::from_fn(|_| Mutex::default()), capacity }
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, HashMap<u64, u64>> {
        // Hashed keys would need no mixing, but addresses do.
        let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
        let shard = usize::try_from(mixed).expect("six bits are left");
        lock(&self.shards[shard])
    }

    /// Runs `f` on the state of `key`; `None` when there is no capacity for it.
    fn measure<T, E>(
        &self,
        key: u64,
        max: usize,
        f: &impl Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    ) -> Option<Result<T, E>> {
        let mut shard = self.shard(key);
        let stored = shard.get(&key).copied();
        if stored.is_none() && !self.capacity.reserve(max) {
            return None;
        }
        let (answer, state) = match f(stored.map(Nanos::new)) {
            Ok((answer, state)) => (Ok(answer), state.as_u64()),
            Err(rejected) => (Err(rejected), stored.unwrap_or(0)),
        };
        shard.insert(key, state);
        Some(answer)
    }
}

impl StateStore for Buckets {
    type Key = Bucket;

    fn measure_and_replace<T, F, E>(&self, key: &Bucket, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let max = self.capacity.max;
        if let Some(answer) = self.measure(key.fine, max - max / 8, &f) {
            return answer;
        }
        self.capacity.overflows.fetch_add(1, Relaxed);
        match self.measure(key.coarse, max, &f) {
            Some(answer) => answer,
            None => f(None).map(|(answer, _)| answer),
        }
    }
}

impl ShrinkableKeyedStateStore<Bucket> for Buckets {
    fn retain_recent(&self, drop_below: Nanos) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            let before = shard.len();
            shard.retain(|_, state| *state >= drop_below.as_u64());
            self.capacity.used.fetch_sub(before - shard.len(), Relaxed);
        }
    }

    fn shrink_to_fit(&self) {
        self.shards.iter().for_each(|shard| lock(shard).shrink_to_fit());
    }

    fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Ignores poisoning: the maps hold plain numbers, so every state is valid.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A keyed rate limit (GCRA) in bounded memory, on a caller-set clock.
pub(super) type Limit = RateLimiter<Bucket, Buckets, CallerClock, NoOpMiddleware<Nanos>>;

/// A limit of `count` per `seconds`; 0 is treated as 1 for both.
pub(super) fn limit(
    count: u32,
    seconds: u32,
    capacity: &Arc<Capacity>,
    clock: &CallerClock,
) -> Limit {
    let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    let each = Duration::from_secs(u64::from(seconds.max(1))) / count.get();
    let quota = governor::Quota::with_period(each.max(Duration::from_nanos(1)))
        .expect("a nanosecond at least")
        .allow_burst(count);
    // The limiter measures from the clock's zero, not from its creation.
    RateLimiter::new(quota, Buckets::new(capacity.clone()), clock.clone())
}

/// Evicts the keys whose quota is fully replenished, and frees their memory.
pub(super) fn sweep<'a>(limits: impl Iterator<Item = &'a Limit>) {
    for limit in limits {
        limit.retain_recent();
        limit.shrink_to_fit();
    }
}
