//! Fresh entries on their way from the journal to the store, a short cut past its files.

use crate::journal::Entry;

/// Most entries that wait in memory; what is beyond them is read from the files.
const MOST: usize = 100_000;

/// Entries in the order of writing: all that are fresh, or it is known to be short of some.
#[derive(Default)]
pub(super) struct Queue {
    entries: Vec<Entry>,
    is_short: bool,
}

/// What there is to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fresh {
    /// Nothing.
    None,
    /// These.
    These(Vec<Entry>),
    /// Some are missing here: the files have all.
    InFiles,
}

impl Queue {
    /// Takes entries that are on disk.
    pub fn put(&mut self, entries: &[Entry]) {
        let room = MOST - self.entries.len();
        self.entries.extend(entries.iter().take(room).cloned());
        self.is_short |= entries.len() > room;
    }

    /// Whoever asks next is sent to the files.
    pub fn is_short(&mut self) {
        self.is_short = true;
    }

    /// The files are about to be read, and have all that is here.
    pub fn begin_again(&mut self) {
        *self = Queue::default();
    }

    /// What there is to send.
    pub fn take(&mut self) -> Fresh {
        match (self.is_short, self.entries.is_empty()) {
            (true, _) => Fresh::InFiles,
            (false, true) => Fresh::None,
            (false, false) => Fresh::These(std::mem::take(&mut self.entries)),
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
    fn after_the_files_were_read_everything_is_taken_from_memory_again_however_much_there_was() {
        let (mut queue, most) = (Queue::default(), MOST as u64);
        queue.put(&entries(1..=most + 1));
        assert_eq!(queue.take(), Fresh::InFiles);

        queue.begin_again();
        // These come while the files are read.
        queue.put(&entries(most + 2..=most + 3));
        assert_eq!(queue.take(), Fresh::These(entries(most + 2..=most + 3)));
        assert_eq!(queue.take(), Fresh::None);
    }
}
