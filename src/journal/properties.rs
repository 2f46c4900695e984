//! Properties of the journal, on a simulated disk and on real folders.

use crate::journal::disk::Folder;
use crate::journal::segment::segment_name;
use crate::journal::simulated_disk::SimulatedDisk;
use crate::journal::{
    Entry, Journal, JournalError, JournalOptions, JournalStatus, chain, frame, recover, segments,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::{Duration, Instant};

const OPTIONS: JournalOptions =
    JournalOptions { incarnation: 7, store: 9, number: 0, segment_bytes: 1 << 20 };

fn start(disk: &SimulatedDisk, segment_bytes: u64) -> Journal {
    Journal::start(Box::new(disk.clone()), JournalOptions { segment_bytes, ..OPTIONS }, |_| {})
        .unwrap()
}

fn payloads(folder: &std::path::Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    recover(folder, 0, None, false, |entry| found.push(entry.payload)).unwrap();
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn corruption_in_the_middle_is_quarantined_and_reported_and_the_rest_is_read(
        count in 3usize..20, at: prop::sample::Index, bit in 0u8..8,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = frame::header(7, 0, 9).to_vec();
        let ends: Vec<usize> = (0..count)
            .map(|n| {
                frame::write(&mut bytes, 1, n as u64 + 1, &[u8::try_from(n).unwrap(); 20]);
                bytes.len()
            })
            .collect();
        // Anywhere but in the header and in the last frame, where corruption is a torn end.
        let place = frame::HEADER + at.index(ends[count - 2] - frame::HEADER);
        bytes[place] ^= 1 << bit;
        std::fs::write(folder.path().join(segment_name(7, 0)), &bytes).unwrap();

        let mut found = Vec::new();
        let recovery = recover(folder.path(), 0, None, true, |entry| found.push(entry.lsn)).unwrap();

        let broken = ends.iter().position(|end| place < *end).unwrap() as u64 + 1;
        let due: Vec<u64> = (1..=count as u64).filter(|lsn| *lsn != broken).collect();
        prop_assert_eq!(found, due);
        prop_assert_eq!(recovery.corrupt.len(), 1);
        prop_assert!(folder.path().join("quarantine").read_dir().unwrap().next().is_some());
    }
}

#[test]
fn a_mark_survives_a_power_loss_soon_after_the_last_event_and_after_the_journal_ends() {
    let disk = SimulatedDisk::default();
    let journal = start(&disk, 1 << 20);
    journal.append(0, vec![1]).unwrap().blocking_recv().unwrap().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while disk.faults().unsynced_mark.is_some() {
        assert!(Instant::now() < deadline, "an idle journal does not sync its mark");
        std::thread::yield_now();
    }
    journal.append(0, vec![2]).unwrap().blocking_recv().unwrap().unwrap();
    drop(journal);
    assert_eq!(disk.faults().unsynced_mark, None);
}

#[test]
fn nothing_is_acknowledged_after_a_failed_sync() {
    let disk = SimulatedDisk::default();
    disk.faults().failing_sync = Some(3);
    let journal = start(&disk, 1 << 20);
    let first = journal.append(0, vec![1]).unwrap().blocking_recv().unwrap();
    assert_eq!(first, Ok(()));

    let second = journal.append(0, vec![2]).unwrap().blocking_recv().unwrap();
    assert_eq!(second, Err(JournalError::Failed));
    let third = journal.append(0, vec![3]).map(|ack| ack.blocking_recv());
    assert!(!matches!(third, Ok(Ok(Ok(())))), "{third:?}");
    assert!(disk.faults().syncs == 3, "a failed sync is never retried");
}

#[test]
fn a_full_disk_rejects_leaves_no_torn_record_and_accepts_again_once_space_is_free() {
    let disk = SimulatedDisk::default();
    let journal = start(&disk, 1 << 20);
    disk.faults().full = true;
    let rejected = journal.append(0, vec![1; 50]).unwrap().blocking_recv().unwrap();
    assert_eq!(rejected, Err(JournalError::Rejected));

    disk.faults().full = false;
    let accepted = journal.append(0, vec![2; 50]).unwrap().blocking_recv().unwrap();
    assert_eq!(accepted, Ok(()));
    let folder = tempfile::tempdir().unwrap();
    disk.lose_power(folder.path(), &mut Pcg64::seed_from_u64(1));
    assert_eq!(payloads(folder.path()), vec![vec![2; 50]]);
}

#[test]
fn lsns_are_dense_in_each_partition_across_segments() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Box::new(Folder::new(folder.path()));
    let journal =
        Journal::start(disk, JournalOptions { number: 4, segment_bytes: 200, ..OPTIONS }, |_| {})
            .unwrap();
    for n in 0..30u8 {
        journal.append(n % 3, vec![n; 10]).unwrap().blocking_recv().unwrap().unwrap();
    }
    drop(journal);

    let mut seen = std::collections::BTreeMap::<u8, Vec<u64>>::new();
    let recovery =
        recover(folder.path(), 0, None, true, |e| seen.entry(e.partition).or_default().push(e.lsn))
            .unwrap();
    assert!(seen.values().all(|lsns| *lsns == (1..=10).collect::<Vec<_>>()), "{seen:?}");
    assert!(recovery.segments > 2 && recovery.next_segment > 5, "{recovery:?}");
}

#[test]
fn a_file_of_another_format_is_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(segment_name(1, 0)), [7; 500]).unwrap();
    let recovery = recover(folder.path(), 0, None, true, |_| panic!("it has no entries")).unwrap();
    assert_eq!(recovery.corrupt.len(), 1);
}

#[test]
fn a_segment_of_another_data_directory_is_rejected_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = frame::header(7, 3, 1_000);
    std::fs::write(folder.path().join(segment_name(7, 3)), bytes).unwrap();
    let error = recover(folder.path(), 0, Some(9), true, |_| {}).unwrap_err().to_string();
    assert!(error.contains(&segment_name(7, 3)) && error.contains("another data dir"), "{error}");
}

/// A folder with two sealed segments of one record each.
fn sealed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..2 {
        let mut bytes = frame::header(number, number, 9).to_vec();
        frame::write(&mut bytes, 1, 1, &[7; 100]);
        std::fs::write(folder.path().join(segment_name(number, number)), bytes).unwrap();
    }
    assert_eq!(chain::seal(folder.path(), &segments(folder.path()).unwrap()).unwrap(), 2);
    folder
}

#[test]
fn a_sealed_segment_that_is_shorter_missing_or_modified_is_corrupt_and_never_a_torn_end() {
    let folder = sealed();
    let changed = || chain::modified(folder.path(), &segments(folder.path()).unwrap()).unwrap();
    let corrupt = || recover(folder.path(), 0, Some(9), false, |_| {}).unwrap().corrupt;
    assert!(changed().is_empty() && corrupt().is_empty());

    let path = folder.path().join(segment_name(1, 1));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!((changed(), corrupt().len()), (vec![segment_name(1, 1)], 1));

    // Cut between two entries: the rest reads without an error.
    std::fs::write(&path, &bytes[..frame::HEADER]).unwrap();
    assert_eq!((changed(), corrupt().len()), (vec![segment_name(1, 1)], 1));

    // Another record with a valid checksum: only the seal detects it.
    let mut other = frame::header(1, 1, 9).to_vec();
    frame::write(&mut other, 1, 1, &[8; 100]);
    std::fs::write(&path, other).unwrap();
    assert_eq!((changed(), corrupt().len()), (vec![segment_name(1, 1)], 0));

    std::fs::remove_file(&path).unwrap();
    assert!(corrupt()[0].contains("missing"), "{:?}", corrupt());
}

#[test]
fn a_header_cut_short_by_a_kill_is_not_corruption_before_or_after_it_is_sealed() {
    let folder = sealed();
    let next = segments(folder.path()).unwrap().last().unwrap().number + 1;
    for length in [0, 1, frame::HEADER - 1] {
        // Each is the last, and only, segment of its incarnation.
        let (process, number) = (50 + length as u64, next + length as u64);
        let header = frame::header(process, number, 9);
        let path = folder.path().join(segment_name(process, number));
        std::fs::write(path, &header[..length]).unwrap();
    }
    let corrupt = || recover(folder.path(), 0, Some(9), false, |_| {}).unwrap().corrupt;
    assert!(corrupt().is_empty(), "{:?}", corrupt());

    assert!(chain::seal(folder.path(), &segments(folder.path()).unwrap()).unwrap() >= 3);
    assert!(corrupt().is_empty(), "{:?}", corrupt());
    assert!(chain::modified(folder.path(), &segments(folder.path()).unwrap()).unwrap().is_empty());
}

#[test]
fn a_modified_chain_is_rejected_with_the_line_number() {
    let folder = sealed();
    let path = folder.path().join("chain");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen(" 153 ", " 154 ", 1)).unwrap();
    let error = chain::seals(folder.path()).unwrap_err().to_string();
    assert!(error.contains("chain:1: "), "{error}: {text}");

    // A crash leaves an incomplete line; the next seal continues after the complete ones.
    std::fs::write(&path, &text[..text.len() - 10]).unwrap();
    assert_eq!(chain::seals(folder.path()).unwrap().len(), 1);
    assert_eq!(chain::seal(folder.path(), &segments(folder.path()).unwrap()).unwrap(), 1);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_segment_that_cannot_be_created_accepts_nothing_and_is_retried() {
    let disk = SimulatedDisk::default();
    let journal = start(&disk, 65);
    let write =
        |payload: u8| journal.append(0, vec![payload; 50]).unwrap().blocking_recv().unwrap();
    assert_eq!(write(1), Ok(()));
    disk.faults().full = true;
    assert_eq!((write(2), write(3)), (Err(JournalError::Rejected), Err(JournalError::Rejected)));
    disk.faults().full = false;
    assert_eq!(write(4), Ok(()));

    let folder = tempfile::tempdir().unwrap();
    disk.lose_power(folder.path(), &mut Pcg64::seed_from_u64(1));
    assert_eq!(payloads(folder.path()), vec![vec![1; 50], vec![4; 50]]);
}

#[test]
fn a_journal_that_cannot_write_says_so_and_finds_out_by_itself_when_it_can() {
    let disk = SimulatedDisk::default();
    let journal = start(&disk, 1 << 20);
    let write = || journal.append(0, vec![1; 50]).unwrap().blocking_recv().unwrap();
    assert_eq!((write(), journal.status()), (Ok(()), JournalStatus::Writing));
    disk.faults().full = true;
    assert_eq!((write(), journal.status()), (Err(JournalError::Rejected), JournalStatus::DiskFull));
    let barrier = || journal.barrier().unwrap().blocking_recv().unwrap();
    assert_eq!(
        (barrier(), journal.status()),
        (Err(JournalError::Rejected), JournalStatus::DiskFull)
    );

    disk.faults().full = false;
    while journal.status() != JournalStatus::Writing {
        std::thread::yield_now();
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(write(), Ok(()));
    disk.lose_power(folder.path(), &mut Pcg64::seed_from_u64(1));
    assert_eq!(payloads(folder.path()), vec![vec![1; 50]; 2], "an attempt leaves nothing behind");
}

/// Set in the environment of the child process of the test below.
const PANICS: &str = "JOURNAL_WRITER_PANICS";

#[test]
fn a_panic_of_the_writer_aborts_the_process_before_anything_is_acknowledged() {
    if std::env::var_os(PANICS).is_some() {
        let half = |_: &[Entry]| panic!("half a batch is applied");
        let journal = Journal::start(Box::new(SimulatedDisk::default()), OPTIONS, half).unwrap();
        let answer = journal.append(0, vec![1]).unwrap().blocking_recv();
        assert!(answer.is_err(), "the payload was reported durable");
        // Unwinding wakes the waiting caller before the process aborts.
        std::thread::park();
    }
    let name = "journal::properties::a_panic_of_the_writer_aborts_the_process_before_anything_is_acknowledged";
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(PANICS, "1")
        .output()
        .unwrap();
    assert_eq!(ended.status.signal(), Some(6), "{ended:?}");
    let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(
        stderr.contains("half a batch is applied") && !stderr.contains("reported durable"),
        "{stderr}"
    );
}
