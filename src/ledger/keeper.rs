//! The bookkeeper: makes the sum again from the files, all the time, and compares; seals finished
//! segments, writes checkpoints, removes what is older than it must be kept.

use crate::journal;
use crate::journal::Recovery;
use crate::journal::Segment;
use crate::journal::chain;
use crate::ledger::Ledger;
use crate::ledger::apply;
use crate::ledger::audit;
use crate::ledger::audit::Difference;
use crate::ledger::checkpoint;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::history;
use crate::ledger::history::Since;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;
use std::time::SystemTime;

/// What one pass did and found.
#[derive(Debug, Default)]
pub struct Kept {
    /// Where the running ledger is not what its files say.
    pub differences: Vec<Difference>,
    /// Money in the ledger that its files do not have, in micros.
    pub drift_micros: i64,
    /// Segments sealed.
    pub sealed: usize,
    /// A checkpoint was written.
    pub checkpoint: bool,
    /// Segments whose time was over.
    pub removed: usize,
}

/// Seals finished segments, and nothing else.
pub fn seal(ledger: &Ledger) -> io::Result<Kept> {
    let mut finished = journal::segments(ledger.folder())?;
    finished.retain(|segment| segment.number < ledger.segment());
    Ok(Kept { sealed: chain::seal(ledger.folder(), &finished)?, ..Kept::default() })
}

/// Makes one pass beside a running ledger. Segments that a checkpoint holds are removed when their
/// last byte is older than `keep` at `now`; `None` keeps them for ever.
pub fn pass(ledger: &Ledger, keep: Option<Duration>, now: SystemTime) -> io::Result<Kept> {
    let folder = ledger.folder();
    let mut kept = Kept::default();
    // What is in a finished segment was applied before the next one was begun.
    let current = ledger.segment();
    let mut finished = journal::segments(folder)?;
    finished.retain(|segment| segment.number < current);
    kept.sealed = chain::seal(folder, &finished)?;

    let live = ledger.state().clone();
    let due = live.applied();
    let mut truth = history::beginning(folder, Since::Newest)?.checkpoint;
    let read = |truth: &mut Checkpoint, segment: &Segment| {
        let state = &mut truth.state;
        Recovery::default().read(folder, segment, Some(ledger.store()), false, &mut |entry| {
            if state.applied() < due {
                // A record that does not read was told at the start.
                let _ = apply::apply_entry(state, &entry);
            }
        })
    };
    let from = truth.from;
    for segment in finished.iter().filter(|segment| segment.number >= from) {
        read(&mut truth, segment)?;
    }
    if from < current && !finished.is_empty() {
        truth.from = current;
        checkpoint::write(folder, ledger.store(), &truth)?;
        kept.checkpoint = true;
    }
    // Listed only now: whatever is in `live` is in one of these or before them.
    let segments = journal::segments(folder)?;
    for segment in segments.iter().filter(|segment| segment.number >= current) {
        read(&mut truth, segment)?;
    }
    kept.drift_micros = audit::drift_micros(&truth.state, &live);
    kept.differences = audit::compare(&truth.state, &live);
    if let Some(keep) = keep {
        kept.removed = forget(folder, &finished, now.checked_sub(keep))?;
    }
    Ok(kept)
}

/// Removes finished segments that every kept checkpoint holds and that were last written before
/// `before`.
fn forget(folder: &Path, finished: &[Segment], before: Option<SystemTime>) -> io::Result<usize> {
    let numbers = checkpoint::numbers(folder)?;
    let (Some(before), [oldest, _, ..]) = (before, &numbers[..]) else { return Ok(0) };
    let mut removed = 0;
    for segment in finished.iter().filter(|segment| segment.number < *oldest) {
        if fs::metadata(&segment.path)?.modified()? >= before {
            // Those behind it are younger; history has no holes.
            break;
        }
        fs::remove_file(&segment.path)?;
        removed += 1;
    }
    Ok(removed)
}
