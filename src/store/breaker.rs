//! Circuit breaker and retry backoff for a failing store. Delays are exponential with full jitter, so
//! that instances do not reconnect all at once; after several failures one batch is tried alone before
//! the rest follows.

use std::time::Duration;

/// The longest delay after the first failure.
const FIRST_DELAY: Duration = Duration::from_millis(50);
/// The longest delay after any number of failures.
pub(crate) const MAX_DELAY: Duration = Duration::from_secs(5);

const FAILURES_TO_OPEN: u32 = 5;

/// Counts consecutive failures.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
}

impl Breaker {
    /// Records a failed attempt.
    pub(crate) fn record_failure(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// Records a success, which closes the breaker.
    pub(crate) fn record_success(&mut self) {
        self.failures = 0;
    }

    /// Whether only a single probe batch should be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.failures >= FAILURES_TO_OPEN
    }

    /// How long to wait before the next attempt; `chance` is in `0.0..1.0`.
    pub(crate) fn backoff(&self, chance: f64) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        (FIRST_DELAY * (1 << doublings)).min(MAX_DELAY).mul_f64(chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_five_failures_in_a_row_and_closes_on_the_first_success() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.record_failure();
        }
        assert!(!breaker.is_open());
        breaker.record_failure();
        assert!(breaker.is_open());
        breaker.record_success();
        assert!(!breaker.is_open());
    }

    #[test]
    fn delays_double_from_50_ms_to_5_s_with_full_jitter() {
        let mut breaker = Breaker::default();
        let mut delays = Vec::new();
        for _ in 0..100 {
            breaker.record_failure();
            assert_eq!(breaker.backoff(0.0), Duration::ZERO, "full jitter");
            delays.push(breaker.backoff(1.0));
        }
        let millis = |found: &Duration| found.as_millis();
        assert_eq!(delays[..4].iter().map(millis).collect::<Vec<_>>(), [50, 100, 200, 400]);
        assert!(delays[7..].iter().all(|delay| *delay == MAX_DELAY));
    }
}
