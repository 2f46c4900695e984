//! This instance's records that it has not read in the log yet. Another instance may have read them, and
//! given them back to a store that lost them, in a base snapshot that only has sums: what the running
//! state would have shown is counted then.

use crate::cluster::log::local_totals::LocalTotals;
use crate::cluster::log::partition_sums::unreadable;
use crate::journal::{Entry, PARTITIONS};
use crate::ledger::apply;
use crate::ledger::order::OrderedPartition;
use crate::store::StoreError;
use std::collections::VecDeque;

/// Most records kept. Metrics miss those beyond if the store loses its data meanwhile.
const MAX_ENTRIES: usize = 100_000;

/// Unread records, by partition, oldest first.
pub(super) struct Unread {
    partitions: Vec<VecDeque<Entry>>,
    count: usize,
}

impl Default for Unread {
    fn default() -> Unread {
        let partitions = vec![VecDeque::new(); usize::from(PARTITIONS)];
        Unread { partitions, count: 0 }
    }
}

impl Unread {
    pub(crate) fn push(&mut self, entries: &[Entry]) {
        let room = MAX_ENTRIES - self.count;
        for entry in entries.iter().take(room) {
            self.partitions[usize::from(entry.partition)].push_back(entry.clone());
            self.count += 1;
        }
    }

    /// Removes and returns what was read up to an LSN.
    pub(crate) fn take(&mut self, partition: u8, until: u64) -> Vec<Entry> {
        let entries = &mut self.partitions[usize::from(partition)];
        let read = entries.partition_point(|entry| entry.lsn <= until);
        self.count -= read;
        entries.drain(..read).collect()
    }
}

/// Counts own records that `here` does not have.
pub(super) fn count(
    entries: &[Entry],
    here: &OrderedPartition,
    totals: &mut LocalTotals,
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut ordered = here.clone();
    let mut running = ordered.provisional(&mut |_| {});
    for entry in entries {
        let Some(received) = ordered.push(entry).map_err(unreadable)? else { continue };
        let (id, stamped) = (received.id, received.stamped);
        let applied = apply::apply_at(&mut running, id, &stamped, received.how);
        totals.finish(&applied, entry.partition, entry.incarnation);
    }
    Ok(())
}
