//! Laws of the journal, on a disk that loses its power and on real folders.

use crate::journal::Journal;
use crate::journal::JournalError;
use crate::journal::disk::Disk;
use crate::journal::disk::Folder;
use crate::journal::frame;
use crate::journal::recover;
use crate::journal::writer::segment_name;
use proptest::prelude::*;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;

/// What a folder in memory holds, and how it fails.
#[derive(Default)]
struct Memory {
    segments: Vec<(String, Vec<u8>)>,
    /// Bytes of the last segment that would survive a power cut.
    durable: usize,
    syncs: usize,
    /// The sync that fails, counted from 1.
    fails_at: Option<usize>,
    full: bool,
}

#[derive(Clone, Default)]
struct MemoryDisk(Arc<Mutex<Memory>>);

impl Disk for MemoryDisk {
    fn begin(&mut self, name: &str) -> io::Result<()> {
        let mut memory = self.0.lock().unwrap();
        memory.segments.push((name.to_owned(), Vec::new()));
        memory.durable = 0;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut memory = self.0.lock().unwrap();
        let full = memory.full;
        let (_, segment) = memory.segments.last_mut().unwrap();
        // A full disk takes a part, as real ones do.
        segment.extend_from_slice(if full { &bytes[..bytes.len() / 2] } else { bytes });
        if full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut memory = self.0.lock().unwrap();
        memory.syncs += 1;
        if memory.fails_at == Some(memory.syncs) {
            return Err(io::Error::other("the disk is gone"));
        }
        memory.durable = memory.segments.last().map_or(0, |(_, bytes)| bytes.len());
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut memory = self.0.lock().unwrap();
        let (_, segment) = memory.segments.last_mut().unwrap();
        segment.truncate(usize::try_from(length).unwrap());
        Ok(())
    }
}

impl MemoryDisk {
    /// What is left in a real folder after a power cut that kept `kept` bytes of what was not synced.
    fn power_cut(&self, folder: &std::path::Path, kept: usize) {
        let memory = self.0.lock().unwrap();
        let last = memory.segments.len() - 1;
        for (at, (name, bytes)) in memory.segments.iter().enumerate() {
            let length = if at == last { memory.durable + kept } else { bytes.len() };
            std::fs::write(folder.join(name), &bytes[..length.min(bytes.len())]).unwrap();
        }
    }
}

fn start(disk: &MemoryDisk, segment_bytes: u64) -> Journal {
    Journal::start(Box::new(disk.clone()), 7, 0, segment_bytes, |_| {}).unwrap()
}

fn payloads(folder: &std::path::Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    recover(folder, false, |entry| found.push(entry.payload)).unwrap();
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_survives_a_power_cut(
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 1..20),
        in_flight: Vec<u8>, kept in 0usize..100, segment_bytes in 65u64..600,
    ) {
        let disk = MemoryDisk::default();
        let journal = start(&disk, segment_bytes);
        for record in &records {
            let ack = journal.append(1, record.clone()).unwrap();
            prop_assert_eq!(ack.blocking_recv(), Ok(Ok(())));
        }
        // Written, never synced: as a crash in the middle of the next batch leaves it.
        let mut torn = Vec::new();
        frame::write(&mut torn, 1, records.len() as u64 + 1, &in_flight);
        disk.clone().append(&torn).unwrap();
        let folder = tempfile::tempdir().unwrap();
        disk.power_cut(folder.path(), kept);

        let found = payloads(folder.path());
        prop_assert!(found.len() >= records.len());
        prop_assert_eq!(&found[..records.len()], &records[..]);
        prop_assert!(found.len() == records.len() || found.last() == Some(&in_flight));
    }

    #[test]
    fn damage_in_the_middle_is_put_aside_and_told_and_the_rest_is_read(
        count in 3usize..20, at: prop::sample::Index, bit in 0u8..8,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = frame::header(7, 0).to_vec();
        let ends: Vec<usize> = (0..count)
            .map(|n| {
                frame::write(&mut bytes, 1, n as u64 + 1, &[u8::try_from(n).unwrap(); 20]);
                bytes.len()
            })
            .collect();
        // Anywhere but in the header and in the last frame, whose damage is a torn end.
        let place = frame::HEADER + at.index(ends[count - 2] - frame::HEADER);
        bytes[place] ^= 1 << bit;
        std::fs::write(folder.path().join(segment_name(7, 0)), &bytes).unwrap();

        let mut found = Vec::new();
        let recovery = recover(folder.path(), true, |entry| found.push(entry.lsn)).unwrap();

        let broken = ends.iter().position(|end| place < *end).unwrap() as u64 + 1;
        let due: Vec<u64> = (1..=count as u64).filter(|lsn| *lsn != broken).collect();
        prop_assert_eq!(found, due);
        prop_assert_eq!(recovery.damaged.len(), 1);
        prop_assert!(folder.path().join("quarantine").read_dir().unwrap().next().is_some());
    }
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_any_more() {
    let disk = MemoryDisk::default();
    disk.0.lock().unwrap().fails_at = Some(3);
    let journal = start(&disk, 1 << 20);
    let first = journal.append(0, vec![1]).unwrap().blocking_recv().unwrap();
    assert_eq!(first, Ok(()));

    let second = journal.append(0, vec![2]).unwrap().blocking_recv().unwrap();
    assert_eq!(second, Err(JournalError::Failed));
    let third = journal.append(0, vec![3]).map(|ack| ack.blocking_recv());
    assert!(!matches!(third, Ok(Ok(Ok(())))), "{third:?}");
    assert!(disk.0.lock().unwrap().syncs == 3, "a failed sync is never tried again");
}

#[test]
fn a_full_disk_refuses_leaves_no_torn_record_and_goes_on_when_there_is_room() {
    let disk = MemoryDisk::default();
    let journal = start(&disk, 1 << 20);
    disk.0.lock().unwrap().full = true;
    let refused = journal.append(0, vec![1; 50]).unwrap().blocking_recv().unwrap();
    assert_eq!(refused, Err(JournalError::NoRoom));

    disk.0.lock().unwrap().full = false;
    let taken = journal.append(0, vec![2; 50]).unwrap().blocking_recv().unwrap();
    assert_eq!(taken, Ok(()));
    let folder = tempfile::tempdir().unwrap();
    disk.power_cut(folder.path(), 0);
    assert_eq!(payloads(folder.path()), vec![vec![2; 50]]);
}

#[test]
fn numbers_are_dense_in_each_partition_and_segments_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Box::new(Folder::new(folder.path()));
    let journal = Journal::start(disk, 7, 4, 200, |_| {}).unwrap();
    for n in 0..30u8 {
        journal.append(n % 3, vec![n; 10]).unwrap().blocking_recv().unwrap().unwrap();
    }
    drop(journal);

    let mut seen = std::collections::BTreeMap::<u8, Vec<u64>>::new();
    let recovery =
        recover(folder.path(), true, |e| seen.entry(e.partition).or_default().push(e.lsn)).unwrap();
    assert!(seen.values().all(|lsns| *lsns == (1..=10).collect::<Vec<_>>()), "{seen:?}");
    assert!(recovery.segments > 2 && recovery.next_segment > 5, "{recovery:?}");
}

#[test]
fn a_foreign_file_is_no_journal() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(segment_name(1, 0)), [7; 500]).unwrap();
    let recovery = recover(folder.path(), true, |_| panic!("nothing in it is an entry")).unwrap();
    assert_eq!(recovery.damaged.len(), 1);
}
