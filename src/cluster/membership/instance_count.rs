//! The number of instances selling from the same budgets. A silent instance may still be selling,
//! and after an outage the first instance to reconnect sees no other: so the number falls slowly.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Consecutive heartbeats, one a second, with fewer instances before a lower number is accepted.
const BELIEVED_AFTER: usize = 60;

/// The largest recent number of instances.
#[derive(Debug)]
pub(crate) struct InstanceCount {
    most: AtomicUsize,
    fewer: AtomicUsize,
}

impl InstanceCount {
    /// Starts with a known number.
    pub(crate) fn of(count: usize) -> InstanceCount {
        InstanceCount { most: AtomicUsize::new(count.max(1)), fewer: AtomicUsize::new(0) }
    }

    /// Notes the number of instances in a heartbeat's answer.
    pub(crate) fn observe(&self, count: usize) {
        let fewer = if count < self.count() { self.fewer.load(Ordering::Relaxed) + 1 } else { 0 };
        let is_believed = fewer == 0 || fewer >= BELIEVED_AFTER;
        if is_believed {
            self.most.store(count.max(1), Ordering::Release);
        }
        self.fewer.store(if is_believed { 0 } else { fewer }, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> usize {
        self.most.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_number_is_accepted_at_once_and_a_lower_one_after_a_minute() {
        let count = InstanceCount::of(1);
        count.observe(8);
        assert_eq!(count.count(), 8);
        for _ in 1..BELIEVED_AFTER {
            count.observe(1);
            assert_eq!(count.count(), 8);
        }
        count.observe(1);
        assert_eq!(count.count(), 1);
        count.observe(8);
        count.observe(1);
        count.observe(8);
        for _ in 1..BELIEVED_AFTER {
            count.observe(2);
        }
        assert_eq!(count.count(), 8, "the count of low answers restarted");
    }
}
