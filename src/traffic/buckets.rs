//! The state of many rate limits in bounded memory, and the clock that tells them the time.
//!
//! A limit is one number per key: when its quota will be whole again. A key whose time has passed is
//! the same as a new one and may be forgotten.

use governor::RateLimiter;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use hashbrown::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

const SHARDS: usize = 64;

/// Least time between two attempts to make room, in nanoseconds: each looks at every key.
const SWEEP_EVERY: u64 = 10_000_000_000;

/// The time as the caller last told it, in nanoseconds. It never goes back: told an earlier time,
/// it stands still until that is made up for.
#[derive(Clone, Debug, Default)]
pub(super) struct Told(Arc<AtomicU64>);

impl Told {
    /// Moves on to `now_ms`, in unix milliseconds.
    pub(super) fn tell(&self, now_ms: i64) {
        let nanos = u64::try_from(now_ms).unwrap_or(0).saturating_mul(1_000_000);
        // Far from the end of u64, so that no sum of a limiter can overflow.
        self.0.fetch_max(nanos.min(u64::MAX / 2), Relaxed);
    }
}

impl Clock for Told {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Relaxed))
    }
}

/// How many keys all limits of a kind may hold together.
#[derive(Debug)]
pub(super) struct Room {
    most: usize,
    used: AtomicUsize,
    crowded: AtomicU64,
    swept: AtomicU64,
}

impl Room {
    /// Room for `most` keys.
    pub(super) fn new(most: usize) -> Arc<Room> {
        let zero = AtomicU64::new(0);
        Arc::new(Room { most, used: AtomicUsize::new(0), crowded: AtomicU64::new(0), swept: zero })
    }

    /// Keys held now.
    pub(super) fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// How often a key had no room of its own.
    pub(super) fn crowded(&self) -> u64 {
        self.crowded.load(Relaxed)
    }

    /// Whether it is time to make room: no new key has a place of its own, and the last attempt
    /// is a while ago. Answers yes to one caller only.
    pub(super) fn wants_sweep(&self, clock: &Told) -> bool {
        let (now, last) = (clock.now().as_u64(), self.swept.load(Relaxed));
        self.used() >= self.most - self.most / 8
            && now.saturating_sub(last) >= SWEEP_EVERY
            && self.swept.compare_exchange(last, now, Relaxed, Relaxed).is_ok()
    }

    /// Takes a place among the first `most`, if there is one.
    fn take(&self, most: usize) -> bool {
        self.used.try_update(Relaxed, Relaxed, |used| (used < most).then_some(used + 1)).is_ok()
    }
}

/// Who is limited: one visitor or address, and the network it falls back to when there is no room.
///
/// The two numbers of one key differ, and no `coarse` is the `fine` of another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Bucket {
    pub(super) fine: u64,
    pub(super) coarse: u64,
}

/// One limit's state. Seven eighths of the room are for keys of their own, the rest is for the
/// networks of those who come after; who finds no place there either is not limited.
pub(super) struct Buckets {
    shards: [Mutex<HashMap<u64, u64>>; SHARDS],
    room: Arc<Room>,
}

impl Buckets {
    fn new(room: Arc<Room>) -> Buckets {
        Buckets { shards: std::array::from_fn(|_| Mutex::default()), room }
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, HashMap<u64, u64>> {
        // Any bits would do for a hash; an address's own bits need mixing.
        let mixed = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
        let shard = usize::try_from(mixed).expect("six bits are left");
        lock(&self.shards[shard])
    }

    /// Asks `f` about `key`, or answers `None` when there is no room for it.
    fn measure<T, E>(
        &self,
        key: u64,
        most: usize,
        f: &impl Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    ) -> Option<Result<T, E>> {
        let mut shard = self.shard(key);
        let held = shard.get(&key).copied();
        if held.is_none() && !self.room.take(most) {
            return None;
        }
        let (answer, state) = match f(held.map(Nanos::new)) {
            Ok((answer, state)) => (Ok(answer), state.as_u64()),
            Err(refused) => (Err(refused), held.unwrap_or(0)),
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
        let most = self.room.most;
        if let Some(answer) = self.measure(key.fine, most - most / 8, &f) {
            return answer;
        }
        self.room.crowded.fetch_add(1, Relaxed);
        match self.measure(key.coarse, most, &f) {
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
            self.room.used.fetch_sub(before - shard.len(), Relaxed);
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

/// The maps hold plain numbers: whatever a panic left is a valid state.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A limit over many keys (GCRA), told the time, in bounded memory.
pub(super) type Limit = RateLimiter<Bucket, Buckets, Told, NoOpMiddleware<Nanos>>;

/// A limit of `count` in `seconds`; zero of either is read as one.
pub(super) fn limit(count: u32, seconds: u32, room: &Arc<Room>, clock: &Told) -> Limit {
    let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    let each = Duration::from_secs(u64::from(seconds.max(1))) / count.get();
    let quota = governor::Quota::with_period(each.max(Duration::from_nanos(1)))
        .expect("a nanosecond at least")
        .allow_burst(count);
    // The limiter counts from the clock's zero, whenever it is made.
    RateLimiter::new(quota, Buckets::new(room.clone()), clock.clone())
}

/// Forgets the keys whose quota is whole again, and gives their memory back.
pub(super) fn sweep<'a>(limits: impl Iterator<Item = &'a Limit>) {
    for limit in limits {
        limit.retain_recent();
        limit.shrink_to_fit();
    }
}
