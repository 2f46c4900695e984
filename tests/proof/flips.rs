//! One bit of the files is another, or their end is gone: what is read is what was written, or it is
//! told. Never another number.

use crate::Plan;
use crate::harness::until;
use crate::load;
use crate::oracle::Oracle;
use crate::scene::Scene;
use adjacent::journal;
use adjacent::journal::Entry;
use adjacent::journal::Journal;
use adjacent::journal::Start;
use adjacent::journal::chain;
use adjacent::journal::disk::Folder;
use adjacent::ledger::audit;
use adjacent::ledger::history;
use adjacent::ledger::history::Since;
use rand::Rng;
use rand::RngExt;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// Flips in segments, and flips in every file of a ledger, of one run.
const FLIPS: (usize, usize) = (10_000, 200);
const STORE: u64 = 9;

/// Flips, cuts and reads.
pub fn run(plan: &Plan) -> String {
    let mut random = Pcg64::seed_from_u64(plan.seed.into());
    let segments = in_segments(&mut random, plan.times(FLIPS.0));
    let files = in_files(plan, &mut random, plan.times(FLIPS.1));
    format!("{segments}; {files}; wrong records 0, wrong sums 0")
}

/// A file with one change, as it was again when this goes.
struct Changed {
    path: PathBuf,
    was: Vec<u8>,
}

impl Changed {
    /// Flips a bit, or now and then cuts the end off.
    fn one_of(paths: &[PathBuf], random: &mut Pcg64) -> Changed {
        let path = paths[random.random_range(0..paths.len())].clone();
        let was = std::fs::read(&path).unwrap();
        let mut now = was.clone();
        let at = random.random_range(0..was.len());
        if random.random_ratio(1, 10) {
            now.truncate(at);
        } else {
            now[at] ^= 1 << random.random_range(0..8);
        }
        std::fs::write(&path, now).unwrap();
        Changed { path, was }
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        std::fs::write(&self.path, &self.was).unwrap();
    }
}

fn read(folder: &Path) -> std::io::Result<(Vec<Entry>, journal::Recovery)> {
    let mut found = Vec::new();
    let recovery = journal::recover(folder, 0, Some(STORE), false, |entry| found.push(entry))?;
    Ok((found, recovery))
}

/// A journal of several segments, the first of them sealed: each entry that is read is one that was
/// written, and one that is missing was told, or was at the very end.
fn in_segments(random: &mut Pcg64, flips: usize) -> String {
    let folder = tempfile::tempdir().unwrap();
    let start = Start { incarnation: 7, store: STORE, number: 0, segment_bytes: 4_096 };
    let disk = Box::new(Folder::new(folder.path()));
    let journal = Journal::start(disk, start, |_| {}).unwrap();
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
    let due: HashMap<(u8, u64), &Entry> =
        written.iter().map(|entry| ((entry.partition, entry.lsn), entry)).collect();
    let (mut told, mut torn) = (0, 0);
    for flip in 0..flips {
        let changed = Changed::one_of(&paths, random);
        let Ok((found, recovery)) = read(folder.path()) else {
            told += 1;
            continue;
        };
        for entry in &found {
            let was = due.get(&(entry.partition, entry.lsn));
            assert!(was.is_some_and(|was| *was == entry), "flip {flip}: WRONG {entry:?}");
        }
        if !recovery.damaged.is_empty() {
            told += 1;
        } else if found != written {
            // As a power cut leaves it: only at the end of the last segment, and nothing behind it.
            assert_eq!(changed.path, paths[paths.len() - 1], "flip {flip}: SILENT {recovery:?}");
            assert_eq!(found, written[..found.len()], "flip {flip}: a hole");
            torn += 1;
        }
    }
    let unheard = flips - told - torn;
    assert_eq!(unheard, 0, "every byte of a segment is under some sum");
    format!("{flips} flips and cuts in {} segments: {told} told, {torn} a torn end", paths.len())
}

/// A ledger that a server left, with seals and checkpoints: its sum is what it was, or the change is
/// told.
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
            until("a checkpoint", async || (checkpoints() > before).then_some(())).await;
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
    let due = history::replay(&folder, Since::Newest, u64::MAX, false, |_| {}).unwrap().0.state;
    let (mut told, mut torn, mut harmless) = (0, 0, 0);
    for flip in 0..flips {
        let changed = Changed::one_of(&files, random);
        // As a start reads it, and as an audit does.
        let read = history::replay(&folder, Since::Newest, u64::MAX, false, |_| {});
        let Ok((found, recovery)) = read else {
            told += 1;
            continue;
        };
        let is_same = audit::compare(&due, &found.state).is_empty();
        let differs = audit::recompute(&folder, u64::MAX).map_or(true, |(_, _, d)| !d.is_empty());
        match (is_same, !recovery.damaged.is_empty() || differs) {
            (_, true) => told += 1,
            (true, false) => harmless += 1,
            (false, false) => {
                let last = journal::segments(&folder).unwrap().pop().unwrap();
                assert_eq!(changed.path, last.path, "flip {flip}: SILENT {}", name(&changed.path));
                torn += 1;
            }
        }
    }
    let count = files.len();
    format!(
        "{flips} in {count} files of a ledger: {told} told, {torn} a torn end, {harmless} without effect"
    )
}
