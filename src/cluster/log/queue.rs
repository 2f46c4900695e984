//! The in-memory queue of fresh entries from the journal to the store: avoids reading its files.

use crate::journal::Entry;

/// Most queued entries; entries beyond are read from the files.
const MAX_ENTRIES: usize = 100_000;

/// Fresh entries in write order; complete unless `is_incomplete`.
#[derive(Default)]
pub(super) struct Queue {
    entries: Vec<Entry>,
    is_incomplete: bool,
}

/// What to send next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fresh {
    /// Nothing.
    None,
    /// These entries.
    Entries(Vec<Entry>),
    /// The queue is incomplete: read the files.
    InFiles,
}

impl Queue {
    /// Appends durable entries.
    pub(crate) fn push(&mut self, entries: &[Entry]) {
        let room = MAX_ENTRIES - self.entries.len();
        self.entries.extend(entries.iter().take(room).cloned());
        self.is_incomplete |= entries.len() > room;
    }

    /// Marks the queue as incomplete: the files are read next.
    pub(crate) fn mark_incomplete(&mut self) {
        self.is_incomplete = true;
    }

    /// Clears the queue before the files are read: they contain its entries.
    pub(crate) fn clear(&mut self) {
        *self = Queue::default();
    }

    /// Takes what to send next.
    pub(crate) fn take(&mut self) -> Fresh {
        match (self.is_incomplete, self.entries.is_empty()) {
            (true, _) => Fresh::InFiles,
            (false, true) => Fresh::None,
            (false, false) => Fresh::Entries(std::mem::take(&mut self.entries)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(lsns: std::ops::RangeInclusive<u64>) -> Vec<Entry> {
        let entry = |lsn| Entry { incarnation: 1, partition: 3, lsn, payload: Vec::new() };
        lsns.map(entry).collect()
    }

    #[test]
    fn after_an_overflow_the_files_are_read_and_then_memory_is_used_again() {
        let (mut queue, max) = (Queue::default(), MAX_ENTRIES as u64);
        queue.push(&entries(1..=max + 1));
        assert_eq!(queue.take(), Fresh::InFiles);

        queue.clear();
        // These arrive while the files are read.
        queue.push(&entries(max + 2..=max + 3));
        assert_eq!(queue.take(), Fresh::Entries(entries(max + 2..=max + 3)));
        assert_eq!(queue.take(), Fresh::None);
    }
}
