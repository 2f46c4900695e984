//! When to ask a store again that fails: at random moments of a growing span, so that machines do not
//! come back all at once; and after some failures with one batch, before everything follows.

use std::time::Duration;

/// The span after the first failure, and the longest.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// So many failures in a row open it.
const OPENS: u32 = 5;

/// How often it failed in a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Breaker {
    failures: u32,
}

impl Breaker {
    /// It failed once more.
    pub fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// It worked.
    pub fn worked(&mut self) {
        self.failures = 0;
    }

    /// Whether one batch alone should be tried.
    pub fn is_open(&self) -> bool {
        self.failures >= OPENS
    }

    /// How long to wait before the next try; `chance` is at least 0 and less than 1.
    pub fn pause(&self, chance: f64) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        (FIRST * (1 << doublings)).min(LONGEST).mul_f64(chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_five_failures_in_a_row_and_closes_with_the_first_success() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed();
        }
        assert!(!breaker.is_open());
        breaker.failed();
        assert!(breaker.is_open());
        breaker.worked();
        assert!(!breaker.is_open());
    }

    #[test]
    fn spans_double_from_50_ms_to_5_s_and_any_moment_of_them_may_come() {
        let mut breaker = Breaker::default();
        let mut longest = Vec::new();
        for _ in 0..100 {
            breaker.failed();
            assert_eq!(breaker.pause(0.0), Duration::ZERO, "full jitter");
            longest.push(breaker.pause(1.0));
        }
        let millis = |found: &Duration| found.as_millis();
        assert_eq!(longest[..4].iter().map(millis).collect::<Vec<_>>(), [50, 100, 200, 400]);
        assert!(longest[7..].iter().all(|span| *span == LONGEST));
    }
}
