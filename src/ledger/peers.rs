//! The writers of a partition in a fleet, and how far each has written.
//!
//! Records on one instance's disk may not have reached the others: a click can be here while its
//! impression is still on its way. So events are not settled by one instance's clock but by the
//! partition's *low watermark*: the time up to which every writer has recorded everything. A
//! process start that left, was replaced on the same files, or has been silent for longer than
//! allowed no longer delays it.

use crate::ledger::leases::Leases;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The process starts that write to one partition. Empty without a store: nothing joins, and there is
/// nothing to wait for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Peers {
    writers: BTreeMap<u64, Writer>,
    /// Leases on campaign budgets.
    pub(super) leases: BTreeMap<Box<str>, Leases>,
}

/// A process start that has joined.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Writer {
    /// Time of its last record, in unix milliseconds.
    last_record_ms: i64,
    /// How long others wait for it while it is silent, in milliseconds.
    timeout_ms: i64,
}

impl Peers {
    /// Adds a process start and removes its predecessors on the same files, which write nothing more.
    /// `latest_ms` is the latest recorded time.
    pub(crate) fn join(
        &mut self,
        incarnation: u64,
        at_ms: i64,
        timeout_ms: i64,
        predecessors: &[u64],
        latest_ms: i64,
    ) {
        self.writers
            .retain(|one, writer| !predecessors.contains(one) && writer.is_awaited(latest_ms));
        self.writers.insert(incarnation, Writer { last_record_ms: at_ms, timeout_ms });
    }

    /// Notes the time of a record.
    pub(crate) fn advance(&mut self, of: u64, at_ms: i64) {
        if let Some(writer) = self.writers.get_mut(&of) {
            writer.last_record_ms = writer.last_record_ms.max(at_ms);
        }
    }

    /// Removes a process start that left.
    pub(crate) fn leave(&mut self, incarnation: u64) {
        self.writers.remove(&incarnation);
    }

    /// Whether several instances may write here.
    pub(crate) fn is_shared(&self) -> bool {
        !self.writers.is_empty()
    }

    /// The time up to which every awaited writer has recorded everything; `None` when none is awaited.
    pub(crate) fn low_watermark_ms(&self, latest_ms: i64) -> Option<i64> {
        let awaited = self.writers.values().filter(|writer| writer.is_awaited(latest_ms));
        awaited.map(|writer| writer.last_record_ms).min()
    }
}

impl Writer {
    fn is_awaited(&self, latest_ms: i64) -> bool {
        self.last_record_ms.saturating_add(self.timeout_ms) >= latest_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watermark_waits_for_each_writer_until_it_leaves_is_replaced_or_is_silent_too_long() {
        let mut peers = Peers::default();
        assert_eq!((peers.is_shared(), peers.low_watermark_ms(5)), (false, None));
        for (incarnation, at_ms) in [(1, 10), (2, 20), (3, 30)] {
            peers.join(incarnation, at_ms, 1_000, &[], at_ms);
        }
        assert_eq!(peers.low_watermark_ms(500), Some(10));
        peers.advance(1, 400);
        peers.advance(9, 1);
        assert_eq!(peers.low_watermark_ms(500), Some(20), "an unknown writer delays nothing");
        peers.leave(2);
        assert_eq!(peers.low_watermark_ms(500), Some(30));
        assert_eq!(
            peers.low_watermark_ms(1_031),
            Some(400),
            "the third has been silent for too long"
        );
        peers.join(4, 900, 1_000, &[1], 900);
        assert_eq!(peers.low_watermark_ms(900), Some(30));
        assert_eq!(peers.low_watermark_ms(9_000), None);
    }

    #[test]
    fn dead_writers_are_removed_when_another_joins() {
        let mut peers = Peers::default();
        for incarnation in 0..1_000 {
            peers.join(
                incarnation,
                1_000 * i64::try_from(incarnation).unwrap(),
                5_000,
                &[],
                1_000 * 1_000,
            );
        }
        assert!(peers.writers.len() <= 7, "{}", peers.writers.len());
    }
}
