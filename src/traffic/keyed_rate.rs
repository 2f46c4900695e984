//! A rate limit per caller in bounded memory, on a clock that the caller sets.

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};
use hashbrown::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Shortest time between two searches for callers to forget: each looks at all of them.
const SWEEP_EVERY: Nanos = Nanos::new(1_000_000_000);

/// One call per period and caller, and a number at once.
pub(crate) struct KeyedRate {
    limiter: RateLimiter<u64, Callers, CallerClock, NoOpMiddleware<Nanos>>,
    clock: CallerClock,
    max: usize,
    swept: AtomicU64,
    hashes: RandomState,
}

impl KeyedRate {
    /// Remembers at most `max` callers; later ones share a rate.
    pub(crate) fn new(period: Duration, burst: u32, max: usize) -> KeyedRate {
        let quota = Quota::with_period(period.max(Duration::from_nanos(1)))
            .expect("a nanosecond at least")
            .allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
        let (clock, callers) = (CallerClock::default(), Callers { max, ..Callers::default() });
        KeyedRate {
            limiter: RateLimiter::new(quota, callers, clock.clone()),
            clock,
            max,
            swept: AtomicU64::new(0),
            hashes: RandomState::new(),
        }
    }

    /// Takes one call at `now_ms`, in Unix milliseconds; otherwise returns the time until there is one.
    pub(crate) fn take(&self, caller: &impl Hash, now_ms: i64) -> Result<(), Duration> {
        let now = self.clock.advance(now_ms);
        if self.limiter.len() >= self.max {
            let swept = Nanos::new(self.swept.load(Ordering::Relaxed));
            if now.as_u64() >= (swept + SWEEP_EVERY).as_u64() {
                self.swept.store(now.as_u64(), Ordering::Relaxed);
                self.limiter.retain_recent();
            }
        }
        let caller = self.hashes.hash_one(caller);
        self.limiter.check_key(&caller).map_err(|until| until.wait_time_from(now))
    }

    /// The callers in memory.
    #[cfg(test)]
    pub(crate) fn callers(&self) -> usize {
        self.limiter.len()
    }
}

/// A monotonic clock: an earlier time than the last one leaves it unchanged.
#[derive(Clone, Debug, Default)]
struct CallerClock(Arc<AtomicU64>);

impl CallerClock {
    fn advance(&self, now_ms: i64) -> Nanos {
        let nanos = u64::try_from(now_ms).unwrap_or(0).saturating_mul(1_000_000);
        // Leaves headroom so that the limiter's arithmetic cannot overflow.
        self.0.fetch_max(nanos.min(u64::MAX / 2), Ordering::Relaxed);
        self.now()
    }
}

impl Clock for CallerClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}

/// When each caller's quota is fully replenished.
#[derive(Default)]
struct Callers {
    max: usize,
    each: Mutex<Each>,
}

#[derive(Default)]
struct Each {
    known: HashMap<u64, Nanos>,
    /// Callers that did not fit.
    others: Option<Nanos>,
}

impl Callers {
    fn each(&self) -> MutexGuard<'_, Each> {
        self.each.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Callers {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, caller: &u64, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let Each { known, others } = &mut *self.each();
        let has_room = known.len() < self.max;
        match known.get_mut(caller) {
            Some(state) => f(Some(*state)).map(|(answer, next)| {
                *state = next;
                answer
            }),
            None if has_room => f(None).map(|(answer, next)| {
                known.insert(*caller, next);
                answer
            }),
            None => f(*others).map(|(answer, next)| {
                *others = Some(next);
                answer
            }),
        }
    }
}

impl ShrinkableKeyedStateStore<u64> for Callers {
    fn retain_recent(&self, drop_below: Nanos) {
        self.each().known.retain(|_, state| *state >= drop_below);
    }

    fn shrink_to_fit(&self) {
        self.each().known.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.each().known.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
