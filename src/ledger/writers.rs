//! The incarnations that write to a partition, and those that were declared gone.
//!
//! Records on one instance's disk may not have reached the others. So what a reader has is final only up to
//! the stamp that every writer has reached: the *watermark*. A writer that is silent for longer than
//! allowed is declared gone by a record, and is awaited no more. Its later events count for nothing
//! ([`InvalidReason::Late`]), whenever they are read, until it joins again.
//!
//! [`InvalidReason::Late`]: crate::domain::event::InvalidReason::Late

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The writers of one partition. A single instance never joins: nothing has to be awaited.
///
/// It is a set of facts, so it does not depend on the order in which they are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Writers(BTreeMap<u64, Writer>);

/// What is known of an incarnation. All numbers are its LSNs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Writer {
    /// When it joined, with how long others wait for it while it is silent, in milliseconds.
    joined: BTreeMap<u64, i64>,
    /// When it was declared gone: the last record that was known of it.
    gone: BTreeSet<u64>,
    /// When it left.
    left: u64,
    /// Another incarnation writes to its files.
    is_replaced: bool,
}

impl Writers {
    /// Adds an incarnation, with the LSN of its record, and removes its predecessors on the same files:
    /// they write nothing more.
    pub(crate) fn join(&mut self, of: u64, lsn: u64, timeout_ms: i64, predecessors: &[u64]) {
        self.0.entry(of).or_default().joined.insert(lsn, timeout_ms);
        for predecessor in predecessors {
            self.0.entry(*predecessor).or_default().is_replaced = true;
        }
    }

    /// Removes an incarnation that writes nothing more after this record.
    pub(crate) fn leave(&mut self, of: u64, lsn: u64) {
        let writer = self.0.entry(of).or_default();
        writer.left = writer.left.max(lsn);
    }

    /// Declares an incarnation gone: its records after LSN `after` came too late.
    pub(crate) fn declare_gone(&mut self, of: u64, after: u64) {
        self.0.entry(of).or_default().gone.insert(after);
    }

    /// Whether an incarnation was declared gone before it wrote this record.
    pub(crate) fn is_late(&self, of: u64, lsn: u64) -> bool {
        self.0.get(&of).is_some_and(|writer| {
            let mut before = writer.gone.range(..lsn).rev();
            before.any(|after| writer.joined.range(after + 1..=lsn).next().is_none())
        })
    }

    /// Whether an incarnation was declared gone and has not joined again.
    pub(crate) fn is_gone(&self, of: u64) -> bool {
        self.0.get(&of).is_some_and(Writer::is_gone)
    }

    /// The awaited incarnations, each with the time that others wait while it is silent.
    pub(crate) fn awaited(&self) -> impl Iterator<Item = (u64, i64)> {
        self.0.iter().filter_map(|(of, writer)| {
            let (joined, timeout_ms) = writer.joined.last_key_value()?;
            let is_awaited = !writer.is_replaced && !writer.is_gone() && writer.left < *joined;
            is_awaited.then_some((*of, *timeout_ms))
        })
    }
}

impl Writer {
    fn is_gone(&self) -> bool {
        let joined = self.joined.last_key_value().map_or(0, |(lsn, _)| *lsn);
        self.gone.last().is_some_and(|after| *after >= joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_writer_records_between_being_declared_gone_and_joining_again_is_late() {
        let mut writers = Writers::default();
        writers.join(1, 1, 1_000, &[]);
        writers.declare_gone(1, 10);
        writers.declare_gone(1, 10);
        assert_eq!((writers.is_late(1, 10), writers.is_late(1, 11)), (false, true));
        assert!(writers.is_gone(1) && writers.awaited().next().is_none());

        writers.join(1, 20, 1_000, &[]);
        assert_eq!((writers.is_late(1, 19), writers.is_late(1, 20)), (true, false));
        assert!(!writers.is_gone(1) && !writers.is_late(2, 15));
        assert_eq!(writers.awaited().collect::<Vec<_>>(), [(1, 1_000)]);
    }

    #[test]
    fn a_successor_on_the_same_files_and_a_farewell_end_the_wait() {
        let mut writers = Writers::default();
        for incarnation in [1, 2, 3] {
            writers.join(incarnation, 1, 5, &[]);
        }
        writers.join(4, 1, 5, &[1]);
        writers.leave(2, 9);
        assert_eq!(writers.awaited().map(|(of, _)| of).collect::<Vec<_>>(), [3, 4]);
    }
}
