//! Flips a bit in a file or truncates it: data is read as it was written, or the corruption is
//! reported. A wrong record or sum is never returned.

use crate::Plan;
use crate::harness::wait_until;
use crate::load;
use crate::oracle::Oracle;
use crate::scene::Scene;
use adjacent::journal;
use adjacent::journal::disk::Folder;
use adjacent::journal::{Entry, Journal, JournalOptions, chain};
use adjacent::ledger::history::ReplayFrom;
use adjacent::ledger::{audit, history};
use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Changes per run: in journal segments, and in all files of a ledger.
const FLIPS: (usize, usize) = (10_000, 200);
const STORE: u64 = 9;

/// Changes files at random and reads them.
pub fn run(plan: &Plan) -> String {
    let mut random = Pcg64::seed_from_u64(plan.seed.into());
    let segments = in_segments(&mut random, plan.scaled(FLIPS.0));
    let files = in_files(plan, &mut random, plan.scaled(FLIPS.1));
    format!("{segments}; {files}; wrong records 0, wrong sums 0")
}

/// A file with one change, which is undone on drop.
struct ChangedFile {
    path: PathBuf,
    original: Vec<u8>,
}

impl ChangedFile {
    /// Flips a bit of a random file or, in one of ten cases, truncates the file.
    fn new(paths: &[PathBuf], random: &mut Pcg64) -> ChangedFile {
        let path = paths[random.random_range(0..paths.len())].clone();
        let original = std::fs::read(&path).unwrap();
        let mut bytes = original.clone();
        let at = random.random_range(0..original.len());
        if random.random_ratio(1, 10) {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << random.random_range(0..8);
        }
        std::fs::write(&path, bytes).unwrap();
        ChangedFile { path, original }
    }
}

impl Drop for ChangedFile {
    fn drop(&mut self) {
        std::fs::write(&self.path, &self.original).unwrap();
    }
}

fn read(folder: &Path) -> std::io::Result<(Vec<Entry>, journal::Recovery)> {
    let mut found = Vec::new();
    let recovery = journal::recover(folder, 0, Some(STORE), false, |entry| found.push(entry))?;
    Ok((found, recovery))
}

/// A journal of several segments, all but the last sealed: every entry read equals the one written,
/// and every change is reported, also at the end of the last segment.
fn in_segments(random: &mut Pcg64, flips: usize) -> String {
    let folder = tempfile::tempdir().unwrap();
    let options = JournalOptions { incarnation: 7, store: STORE, number: 0, segment_bytes: 4_096 };
    let disk = Box::new(Folder::new(folder.path()));
    let journal = Journal::start(disk, options, |_| {}).unwrap();
    for number in 0..240u32 {
        let mut payload = number.to_le_bytes().to_vec();
        payload.resize(random.random_range(4..90), 0);
        random.fill_bytes(&mut payload[4..]);
        let partition = u8::try_from(number % 5).unwrap();
        journal.append(partition, payload).unwrap().blocking_recv().unwrap().unwrap();
    }
    drop(journal);
    let mut segments = journal::segments(folder.path()).unwrap();
    segments.pop();
    let paths: Vec<PathBuf> =
        journal::segments(folder.path()).unwrap().into_iter().map(|s| s.path).collect();
    chain::seal(folder.path(), &segments).unwrap();
    let (written, _) = read(folder.path()).unwrap();
    assert_eq!(written.len(), 240);
    let by_lsn: HashMap<(u8, u64), &Entry> =
        written.iter().map(|entry| ((entry.partition, entry.lsn), entry)).collect();
    let mut reported = 0;
    for flip in 0..flips {
        let changed = ChangedFile::new(&paths, random);
        let Ok((found, recovery)) = read(folder.path()) else {
            reported += 1;
            continue;
        };
        for entry in &found {
            let expected = by_lsn.get(&(entry.partition, entry.lsn));
            assert!(
                expected.is_some_and(|expected| *expected == entry),
                "change {flip}: WRONG {entry:?}"
            );
        }
        let is_reported = !recovery.corrupt.is_empty() || !recovery.lost.is_empty();
        assert!(is_reported, "change {flip} of {}: SILENT {recovery:?}", changed.path.display());
        reported += 1;
    }
    assert_eq!(
        reported, flips,
        "every byte of a segment is acknowledged and covered by a checksum"
    );
    format!("{flips} changes in {} segments: {reported} reported", paths.len())
}

/// The files of a stopped server, with seals and checkpoints: the totals are unchanged, or the
/// corruption is reported.
fn in_files(plan: &Plan, random: &mut Pcg64, flips: usize) -> String {
    let scene = Scene::new(plan, "flips");
    let oracle = Arc::new(Oracle::default());
    let folder = scene.path("data/journal");
    let checkpoints = || {
        let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().ends_with(".ledger")).max()
    };
    for _ in 0..3 {
        let process = scene.serve();
        let before = checkpoints();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let _readers = load::readers(&process.public, &oracle, 4);
            wait_until("a checkpoint", async || (checkpoints() > before).then_some(())).await;
        });
        process.kill();
    }
    oracle.audit(&scene, &[]);
    let files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.metadata().unwrap().len() > 0)
        .collect();
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    assert!(files.iter().any(|path| name(path).ends_with(".ledger")), "{files:?}");
    let expected = history::replay(&folder, ReplayFrom::NewestCheckpoint, u64::MAX, false, |_| {})
        .unwrap()
        .0
        .state;
    let (mut reported, mut torn, mut harmless) = (0, 0, 0);
    for flip in 0..flips {
        let changed = ChangedFile::new(&files, random);
        // Read the files as a start does, and as an audit does.
        let read = history::replay(&folder, ReplayFrom::NewestCheckpoint, u64::MAX, false, |_| {});
        let Ok((found, recovery)) = read else {
            reported += 1;
            continue;
        };
        let is_equal = audit::compare(&expected, &found.state).is_empty();
        let has_mismatch =
            audit::recompute(&folder, u64::MAX).map_or(true, |(_, _, d)| !d.is_empty());
        match (is_equal, !recovery.corrupt.is_empty() || has_mismatch) {
            (_, true) => reported += 1,
            (true, false) => harmless += 1,
            (false, false) => {
                let last = journal::segments(&folder).unwrap().pop().unwrap();
                assert_eq!(
                    changed.path,
                    last.path,
                    "change {flip}: SILENT {}",
                    name(&changed.path)
                );
                torn += 1;
            }
        }
    }
    let count = files.len();
    format!(
        "{flips} changes in {count} ledger files: {reported} reported, {torn} torn ends, {harmless} harmless"
    )
}
