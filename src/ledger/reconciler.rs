//! The reconciler of a single instance: recomputes the state from the files at an interval and compares
//! it with the running ledger; writes checkpoints, removes segments after their retention period.

use crate::journal;
use crate::journal::end::Fact;
use crate::journal::{Recovery, Segment};
use crate::ledger::audit::Mismatch;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::history::ReplayFrom;
use crate::ledger::state::State;
use crate::ledger::{apply, audit, checkpoint, history};
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

/// Result of recomputing everything.
#[derive(Debug, Default)]
pub struct AuditReport {
    /// Where the running ledger does not match its records.
    pub mismatches: Vec<Mismatch>,
    /// Spend in the ledger minus spend in its records, in micros.
    pub drift_micros: i64,
}

impl AuditReport {
    /// Compares the running ledger with what was recomputed; `found` are inconsistencies of the latter.
    pub(crate) fn of(recomputed: &State, live: &State, mut found: Vec<Mismatch>) -> AuditReport {
        found.extend(audit::compare(recomputed, live));
        AuditReport { mismatches: found, drift_micros: audit::drift_micros(recomputed, live) }
    }
}

/// How long records are kept; `None` keeps them all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    /// Of this instance's segments, once a checkpoint covers them.
    pub(crate) segments: Option<Duration>,
    /// Of the records in a log that instances share, once its sums cover them.
    pub(crate) shared_log: Option<Duration>,
}

/// What a pass of reconciliation starts from.
#[derive(Debug)]
pub struct ReconcilePass {
    /// The time, in unix milliseconds.
    pub(crate) now_ms: i64,
    /// How long records are kept.
    pub(crate) retention: Retention,
    /// Number of the segment being written.
    pub(crate) current: u64,
    /// The segments before it, sealed.
    pub(crate) finished: Vec<Segment>,
}

/// Recomputes the state from the files up to the last record in `live`, and compares.
pub(crate) fn audit(folder: &Path, live: &State) -> io::Result<AuditReport> {
    let (recomputed, _, mismatches) = audit::recompute(folder, live.applied())?;
    Ok(AuditReport::of(&recomputed, live, mismatches))
}

/// Runs one pass beside a running ledger whose state is `live`. Removes segments covered by a
/// checkpoint that were last written before their retention period.
pub(crate) fn reconcile(
    folder: &Path,
    store: u64,
    live: &State,
    pass: &ReconcilePass,
) -> io::Result<ReconcileReport> {
    let mut report = ReconcileReport::default();
    let ReconcilePass { current, finished, .. } = pass;
    let due = live.applied();
    let mut recomputed = history::starting_point(folder, ReplayFrom::NewestCheckpoint)?.checkpoint;
    let read = |recomputed: &mut Checkpoint, segment: &Segment| {
        let state = &mut recomputed.state;
        Recovery::default().read(folder, segment, Some(store), false, &mut |entry| {
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
    if from < *current && !finished.is_empty() {
        recomputed.from = *current;
        checkpoint::write(folder, store, &recomputed)?;
        report.checkpoint = true;
    }
    // Listed after `live` was copied: its entries are in these segments or earlier ones.
    let segments = journal::segments(folder)?;
    for segment in segments.iter().filter(|segment| segment.number >= *current) {
        read(&mut recomputed, segment)?;
    }
    report.drift_micros = audit::drift_micros(&recomputed.state, live);
    report.mismatches = audit::compare(&recomputed.state, live);
    if let Some(retention) = pass.retention.segments {
        let now = Duration::from_millis(u64::try_from(pass.now_ms).unwrap_or(0));
        let before = now.checked_sub(retention).map(|before| SystemTime::UNIX_EPOCH + before);
        report.removed = remove_expired(folder, finished, before)?;
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
    let mut expired = Vec::new();
    for segment in finished.iter().filter(|segment| segment.number < *oldest) {
        if fs::metadata(&segment.path)?.modified()? >= before {
            // Later segments are younger; history must have no gaps.
            break;
        }
        expired.push(segment);
    }
    let Some(last) = expired.last() else { return Ok(0) };
    // Noted before, so that a removed segment is never taken for a lost one.
    Fact::First(last.number + 1).append(folder)?;
    for segment in &expired {
        fs::remove_file(&segment.path)?;
    }
    Ok(expired.len())
}
