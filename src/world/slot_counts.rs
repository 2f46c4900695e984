//! Slots that a paced flight, or the flights of a paced campaign, might have had, and those that they won.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the process start.
#[derive(Debug, Default)]
pub(crate) struct SlotCounts {
    entered: AtomicU64,
    won: AtomicU64,
    /// As the bits of a floating-point number.
    scarcity: AtomicU64,
}

impl SlotCounts {
    /// Counts slots that might have been won.
    pub(crate) fn enter(&self, slots: u64) {
        self.entered.fetch_add(slots, Ordering::Relaxed);
    }

    /// Counts a slot that was won.
    pub(crate) fn win(&self) {
        self.won.fetch_add(1, Ordering::Relaxed);
    }

    /// Entered and won.
    pub(crate) fn get(&self) -> (u64, u64) {
        // In this order, so that more are never won than entered.
        let won = self.won.load(Ordering::Acquire);
        (self.entered.load(Ordering::Acquire), won)
    }

    /// The slots that the flight needs until its end over those that it may expect; 0 while not known.
    pub(crate) fn scarcity(&self) -> f64 {
        f64::from_bits(self.scarcity.load(Ordering::Relaxed))
    }

    pub(crate) fn set_scarcity(&self, scarcity: f64) {
        self.scarcity.store(scarcity.to_bits(), Ordering::Relaxed);
    }
}
