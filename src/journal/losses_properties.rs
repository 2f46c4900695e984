//! Segments that are deleted, cut, zeroed or put back from an older copy are reported, with the exact number
//! of acknowledged entries that are missing; repaired journals have LSNs without gaps.

use crate::journal::disk::Folder;
use crate::journal::losses::LossKind;
use crate::journal::{
    Entry, Journal, JournalOptions, Recovery, chain, frame, recover, repair, segments,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const STORE: u64 = 9;

/// Runs one incarnation: appends entries and returns how many; every other one is killed, as far as
/// files are concerned, since the writer syncs each batch.
fn run(folder: &Path, incarnation: u64, count: usize, rng: &mut Pcg64) -> usize {
    let recovery = recover(folder, 0, Some(STORE), true, |_| {}).unwrap();
    let number = recovery.next_segment;
    let options = JournalOptions { incarnation, store: STORE, number, segment_bytes: 600 };
    let journal = Journal::start(Box::new(Folder::new(folder)), options, |_| {}).unwrap();
    for _ in 0..count {
        let payload = vec![1; rng.random_range(20..60)];
        journal.append(rng.random_range(0..3), payload).unwrap().blocking_recv().unwrap().unwrap();
    }
    count
}

/// A journal of three incarnations, sealed as far as the second; returns its number of entries.
fn journal(folder: &Path, rng: &mut Pcg64) -> u64 {
    let first = run(folder, 1, 40, rng) + run(folder, 2, 15, rng);
    if rng.random_bool(0.5) {
        chain::seal(folder, &segments(folder).unwrap()).unwrap();
    }
    (first + run(folder, 3, 30, rng)) as u64
}

fn read(folder: &Path) -> Recovery {
    recover(folder, 0, Some(STORE), false, |_| {}).unwrap()
}

fn entries_of(path: &Path) -> u64 {
    frame_ends(&fs::read(path).unwrap()).len() as u64
}

/// The ends of all frames.
fn frame_ends(bytes: &[u8]) -> Vec<usize> {
    let header = frame::read_header(bytes).unwrap();
    let mut at = header.length;
    let mut ends = Vec::new();
    while let Some((_, length)) = frame::read(&bytes[at..], header.incarnation) {
        at += length;
        ends.push(at);
    }
    ends
}

fn paths(folder: &Path) -> Vec<PathBuf> {
    segments(folder).unwrap().into_iter().map(|segment| segment.path).collect()
}

/// Damages a segment; returns how many entries were lost.
fn damage(path: &Path, rng: &mut Pcg64) -> u64 {
    let bytes = fs::read(path).unwrap();
    let ends = frame_ends(&bytes);
    match rng.random_range(0..4) {
        0 => fs::remove_file(path).unwrap(),
        1 => fs::write(path, vec![0; bytes.len()]).unwrap(),
        2 => fs::write(path, []).unwrap(),
        // At a frame, as an older copy would be.
        _ => {
            let kept = rng.random_range(0..ends.len());
            let length = if kept == 0 { frame::HEADER } else { ends[kept - 1] };
            fs::write(path, &bytes[..length]).unwrap();
            return (ends.len() - kept) as u64;
        }
    }
    ends.len() as u64
}

#[test]
fn every_lost_segment_is_reported_with_the_number_of_its_entries_until_it_is_back() {
    let (mut reported, mut newest) = (0, 0);
    for seed in 0..60 {
        let mut rng = Pcg64::seed_from_u64(seed);
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let total = journal(folder, &mut rng);
        assert_eq!(read(folder).lost, [], "seed {seed}: nothing is lost");
        assert_eq!(read(folder).entries, total);
        // Every seed damages a few segments, one after the other: the last, the first, any.
        for turn in 0..17 {
            let paths = paths(folder);
            let candidates: Vec<&PathBuf> =
                paths.iter().filter(|path| entries_of(path) > 0).collect();
            let path = match turn {
                0 => candidates[0],
                1..5 => candidates[candidates.len() - 1],
                _ => candidates[rng.random_range(0..candidates.len())],
            };
            newest += usize::from(Some(&path) == candidates.last());
            let before = fs::read(path).unwrap();
            let lost = damage(path, &mut rng);

            let found = read(folder);

            assert_eq!(found.missing_entries(), lost, "seed {seed}: {found:?}");
            let name = path.file_name().unwrap().to_string_lossy();
            assert_eq!((found.lost.len(), &*found.lost[0].segment), (1, &*name));
            reported += 1;
            fs::write(path, before).unwrap();
            assert_eq!(read(folder).lost, [], "seed {seed}: it is back");
        }
    }
    eprintln!("{reported} losses reported, {newest} of them of the newest segment");
    assert!(reported >= 1_000 && newest >= 200);
}

#[test]
fn a_loss_is_reported_after_later_starts_and_the_numbers_of_lost_segments_are_not_used_again() {
    let mut rng = Pcg64::seed_from_u64(1);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let total = run(folder, 1, 40, &mut rng) as u64;
    let last = paths(folder).len() as u64 - 1;
    paths(folder).iter().for_each(|path| fs::remove_file(path).unwrap());

    let found = recover(folder, 0, Some(STORE), true, |_| {}).unwrap();
    assert_eq!((found.missing_entries(), found.next_segment), (total, last + 1), "{found:?}");
    run(folder, 2, 10, &mut rng);
    run(folder, 3, 10, &mut rng);

    let found = read(folder);
    assert_eq!((found.missing_entries(), found.entries), (total, 20));
    assert!(found.lost.iter().all(|loss| loss.kind == LossKind::Missing), "{found:?}");
}

#[test]
fn a_journal_of_an_older_version_starts_without_an_alarm_and_is_watched_from_then_on() {
    let mut rng = Pcg64::seed_from_u64(2);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, 1, 40, &mut rng);
    fs::remove_file(folder.join("acknowledged")).unwrap();
    fs::remove_file(folder.join("manifest")).unwrap();
    // Its first segment was removed after the retention period.
    fs::remove_file(&paths(folder)[0]).unwrap();

    run(folder, 2, 10, &mut rng);
    assert_eq!(read(folder).lost, []);
    fs::remove_file(&paths(folder)[0]).unwrap();
    assert_eq!(read(folder).lost.len(), 1);
}

#[test]
fn an_end_that_was_acknowledged_is_never_taken_for_a_torn_one() {
    let mut rng = Pcg64::seed_from_u64(3);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, 1, 3, &mut rng);
    let path = paths(folder).pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();

    let found = recover(folder, 0, Some(STORE), true, |_| {}).unwrap();
    assert_eq!((found.torn_bytes, found.corrupt.len(), found.missing_entries()), (0, 1, 1));
    assert_eq!(fs::read(&path).unwrap(), bytes, "evidence stays");
}

/// The LSNs by incarnation and partition, in file order.
fn lsns(folder: &Path) -> BTreeMap<(u64, u8), Vec<u64>> {
    let mut lsns = BTreeMap::<_, Vec<u64>>::new();
    let mut add = |entry: Entry| {
        lsns.entry((entry.incarnation, entry.partition)).or_default().push(entry.lsn);
    };
    recover(folder, 0, Some(STORE), false, &mut add).unwrap();
    lsns
}

#[test]
fn a_repaired_journal_has_every_intact_entry_no_gap_and_says_what_was_lost() {
    for seed in 0..40 {
        let mut rng = Pcg64::seed_from_u64(seed);
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let total = journal(folder, &mut rng);
        let mut lost = 0;
        for path in paths(folder) {
            if entries_of(&path) == 0 || rng.random_bool(0.6) {
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            if rng.random_bool(0.5) {
                lost += damage(&path, &mut rng);
            } else {
                // One flipped bit, behind the header.
                let mut flipped = bytes.clone();
                flipped[rng.random_range(frame::HEADER..bytes.len())] ^= 1;
                fs::write(&path, flipped).unwrap();
                lost += 1;
            }
        }
        let found = read(folder);
        assert_eq!(found.missing_entries(), lost, "seed {seed}: {found:?}");
        let intact = found.entries;
        assert_eq!(intact, total - lost);

        let plan = || repair::plan(folder, Some(STORE), |_| vec![7; 3]).unwrap();
        plan().iter().for_each(|one| one.apply(folder, STORE).unwrap());

        let found = read(folder);
        assert_eq!((&*found.lost, &*found.corrupt), (&[][..], &[][..]), "seed {seed}");
        assert_eq!(found.repaired_entries, lost, "seed {seed}: {found:?}");
        for (key, lsns) in lsns(folder) {
            assert!(
                (1..).zip(&lsns).all(|(due, lsn)| due == *lsn),
                "seed {seed}: {key:?} {lsns:?}"
            );
        }
        let mut kept = 0;
        recover(folder, 0, Some(STORE), false, |entry| {
            kept += u64::from(entry.payload != [7; 3]);
        })
        .unwrap();
        assert_eq!(kept, intact, "seed {seed}");
        assert!(plan().is_empty(), "seed {seed}: it is done once");
        let sealed = segments(folder).unwrap();
        assert!(chain::modified(folder, &sealed).unwrap().is_empty(), "seed {seed}");
        assert!(lost == 0 || folder.join("quarantine").is_dir());
    }
}
