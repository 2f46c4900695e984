//! The reconciler: recomputes the state from the files at an interval and compares it with the running
//! ledger; seals finished segments, writes checkpoints, removes segments after their retention period.

use crate::journal;
use crate::journal::{Recovery, Segment, chain};
use crate::ledger::audit::Mismatch;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::history::ReplayFrom;
use crate::ledger::{Ledger, apply, audit, checkpoint, history};
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io};

/// Result of one pass.
#[derive(Debug, Default)]
pub struct ReconcileReport {
    /// Where the running ledger does not match its files.
    pub mismatches: Vec<Mismatch>,
    /// Spend in the ledger minus spend in its files, in micros.
    pub drift_micros: i64,
    /// Segments sealed.
    pub sealed: usize,
    /// Whether a checkpoint was written.
    pub checkpoint: bool,
    /// Segments removed after their retention period.
    pub removed: usize,
}

/// Seals finished segments, and nothing else.
pub fn seal(ledger: &Ledger) -> io::Result<ReconcileReport> {
    let mut finished = journal::segments(ledger.folder())?;
    finished.retain(|segment| segment.number < ledger.segment());
    Ok(ReconcileReport {
        sealed: chain::seal(ledger.folder(), &finished)?,
        ..ReconcileReport::default()
    })
}

/// Runs one pass beside a running ledger. Removes segments covered by a checkpoint whose last write is
/// older than `retention` at `now`; `None` keeps all.
pub fn reconcile(
    ledger: &Ledger,
    retention: Option<Duration>,
    now: SystemTime,
) -> io::Result<ReconcileReport> {
    let folder = ledger.folder();
    let mut report = ReconcileReport::default();
    // Entries of a finished segment were applied before the next segment was started.
    let current = ledger.segment();
    let mut finished = journal::segments(folder)?;
    finished.retain(|segment| segment.number < current);
    report.sealed = chain::seal(folder, &finished)?;

    let live = ledger.state().clone();
    let due = live.applied();
    let mut recomputed = history::starting_point(folder, ReplayFrom::NewestCheckpoint)?.checkpoint;
    let read = |recomputed: &mut Checkpoint, segment: &Segment| {
        let state = &mut recomputed.state;
        Recovery::default().read(folder, segment, Some(ledger.store_id()), false, &mut |entry| {
            if state.applied() < due {
                // An unreadable record was reported at the start.
                let _ = apply::apply_entry(state, &entry);
            }
        })
    };
    let from = recomputed.from;
    for segment in finished.iter().filter(|segment| segment.number >= from) {
        read(&mut recomputed, segment)?;
    }
    if from < current && !finished.is_empty() {
        recomputed.from = current;
        checkpoint::write(folder, ledger.store_id(), &recomputed)?;
        report.checkpoint = true;
    }
    // Listed after `live` was copied: its entries are in these segments or earlier ones.
    let segments = journal::segments(folder)?;
    for segment in segments.iter().filter(|segment| segment.number >= current) {
        read(&mut recomputed, segment)?;
    }
    report.drift_micros = audit::drift_micros(&recomputed.state, &live);
    report.mismatches = audit::compare(&recomputed.state, &live);
    if let Some(retention) = retention {
        report.removed = remove_expired(folder, &finished, now.checked_sub(retention))?;
    }
    Ok(report)
}

/// Removes finished segments that every checkpoint covers and that were last written before `before`.
fn remove_expired(
    folder: &Path,
    finished: &[Segment],
    before: Option<SystemTime>,
) -> io::Result<usize> {
    let numbers = checkpoint::numbers(folder)?;
    let (Some(before), [oldest, _, ..]) = (before, &numbers[..]) else { return Ok(0) };
    let mut removed = 0;
    for segment in finished.iter().filter(|segment| segment.number < *oldest) {
        if fs::metadata(&segment.path)?.modified()? >= before {
            // Later segments are younger; history must have no gaps.
            break;
        }
        fs::remove_file(&segment.path)?;
        removed += 1;
    }
    Ok(removed)
}
