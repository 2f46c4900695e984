//! Which campaigns, flights and placements have series of their own.

use std::collections::BTreeSet;

/// The most campaigns, flights and placements with series of their own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SeriesLimits {
    /// Campaigns, in metrics of money.
    pub(crate) campaigns: usize,
    /// Flights, in the metric of their pace.
    pub(crate) flights: usize,
    /// Flights, in the metric of their events.
    pub(crate) delivery_flights: usize,
    /// Placements, in the metric of their slots.
    pub(crate) delivery_placements: usize,
}

/// The label value of everything without series of its own.
pub(super) const OTHER: &str = "other";

/// Keys with series of their own. A key keeps what it was given until the process ends, series of its own
/// or not, so that no counter decreases when an inventory changes.
pub(super) struct OwnSeries<K> {
    limit: usize,
    own: BTreeSet<K>,
    others: BTreeSet<K>,
}

impl<K: Ord> OwnSeries<K> {
    pub(super) fn at_most(limit: usize) -> OwnSeries<K> {
        OwnSeries { limit, own: BTreeSet::new(), others: BTreeSet::new() }
    }

    /// How many more keys can have series of their own.
    pub(super) fn room(&self) -> usize {
        self.limit - self.own.len()
    }

    pub(super) fn has(&self, key: &K) -> bool {
        self.own.contains(key)
    }

    pub(super) fn is_known(&self, key: &K) -> bool {
        self.own.contains(key) || self.others.contains(key)
    }

    /// Gives a key that is not known series of its own while there is room.
    pub(super) fn admit(&mut self, key: K) {
        if self.is_known(&key) {
            return;
        }
        let set = if self.room() > 0 { &mut self.own } else { &mut self.others };
        set.insert(key);
    }

    /// Sums a key that is not known up as `other`.
    pub(super) fn refuse(&mut self, key: K) {
        if !self.own.contains(&key) {
            self.others.insert(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_series_and_one_that_came_too_late_stays_without() {
        let mut series = OwnSeries::at_most(2);
        ["a", "b", "c", "a"].into_iter().for_each(|key| series.admit(key));
        series.refuse("b");
        assert_eq!(["a", "b", "c", "d"].map(|key| series.has(&key)), [true, true, false, false]);
        assert!(series.is_known(&"c") && !series.is_known(&"d"));
        assert_eq!(series.room(), 0);
    }

    #[test]
    fn a_refused_key_is_not_admitted_later() {
        let mut series = OwnSeries::at_most(2);
        series.refuse("a");
        series.admit("a");
        assert!(!series.has(&"a"));
        assert_eq!(series.room(), 2);
    }
}
