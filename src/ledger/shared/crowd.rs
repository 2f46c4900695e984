//! How many machines sell beside this one. Who is silent for a moment may sell all the same, and after
//! an outage whoever speaks first hears of nobody else: so their number falls slowly.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// Answers of the store in a row, one a second, with fewer machines than before until that is believed.
const BELIEVED_AFTER: usize = 60;

/// The most machines that were here lately.
#[derive(Debug)]
pub struct Crowd {
    most: AtomicUsize,
    fewer: AtomicUsize,
}

impl Crowd {
    /// So many, as far as is known.
    pub fn of(count: usize) -> Crowd {
        Crowd { most: AtomicUsize::new(count.max(1)), fewer: AtomicUsize::new(0) }
    }

    /// The store said how many are here.
    pub fn heard(&self, count: usize) {
        let fewer = if count < self.most() { self.fewer.load(Ordering::Relaxed) + 1 } else { 0 };
        let is_believed = fewer == 0 || fewer >= BELIEVED_AFTER;
        if is_believed {
            self.most.store(count.max(1), Ordering::Release);
        }
        self.fewer.store(if is_believed { 0 } else { fewer }, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_are_believed_at_once_and_fewer_after_a_minute() {
        let crowd = Crowd::of(1);
        crowd.heard(8);
        assert_eq!(crowd.most(), 8);
        for _ in 1..BELIEVED_AFTER {
            crowd.heard(1);
            assert_eq!(crowd.most(), 8);
        }
        crowd.heard(1);
        assert_eq!(crowd.most(), 1);
        crowd.heard(8);
        crowd.heard(1);
        crowd.heard(8);
        for _ in 1..BELIEVED_AFTER {
            crowd.heard(2);
        }
        assert_eq!(crowd.most(), 8, "all were here in between");
    }
}
