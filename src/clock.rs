//! The clock that the rest of the program reads.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

/// A source of time that never goes backwards within a process.
pub trait Clock: Send + Sync {
    /// The current time, in Unix milliseconds.
    fn now_ms(&self) -> i64;

    /// The current time, as a timestamp.
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.now_ms()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

/// The wall clock read once at startup and advanced by the monotonic clock. A step of the wall
/// clock has no effect until the next start.
pub struct SystemClock {
    start_ms: i64,
    start: Instant,
}

impl SystemClock {
    /// A clock that starts no earlier than `high_water_ms`, the latest recorded time, so that
    /// setting the wall clock back cannot reopen an attribution window.
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the system clock")]
    pub fn starting_at_least(high_water_ms: i64) -> SystemClock {
        let wall_ms = jiff::Timestamp::now().as_millisecond();
        SystemClock { start_ms: wall_ms.max(high_water_ms), start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let passed = i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.start_ms.saturating_add(passed)
    }
}

/// A manually advanced clock, for tests and replays.
#[derive(Default)]
pub struct ManualClock {
    now_ms: AtomicI64,
}

impl ManualClock {
    /// A clock set to `now_ms`.
    pub fn at(now_ms: i64) -> ManualClock {
        ManualClock { now_ms: AtomicI64::new(now_ms) }
    }

    /// Advances the clock; negative values are ignored.
    pub fn advance_ms(&self, by_ms: i64) {
        self.now_ms.fetch_add(by_ms.max(0), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_the_wall_clock_back_cannot_reopen_a_window() {
        let far = 4_000_000_000_000;
        assert!(SystemClock::starting_at_least(far).now_ms() >= far);
        let now = SystemClock::starting_at_least(0);
        assert!(now.now_ms() > 1_700_000_000_000 && now.now_ms() < far);
    }
}
