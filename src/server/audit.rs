//! The running ledger against its own journal: the same sum, made again.

use crate::ledger::audit;
use crate::ledger::audit::Difference;
use crate::ledger::keeper;
use crate::ledger::keeper::Kept;
use crate::ledger::shared::Shared;
use crate::server::Server;
use crate::store::StoreError;
use std::io;
use std::time::Duration;
use std::time::SystemTime;
use tokio::runtime::Handle;

impl Server {
    /// Recomputes the ledger from the first record that is there up to what has been applied, and
    /// says what differs. Reads every segment.
    pub fn audit(&self) -> io::Result<Vec<Difference>> {
        if let Some(shared) = self.ledger.shared() {
            return self.audit_shared(shared);
        }
        let live = self.ledger.state().clone();
        let (truth, _, mut differences) = audit::recompute(self.ledger.folder(), live.applied())?;
        self.metrics.ledger_drift.set(audit::drift_micros(&truth, &live));
        differences.extend(audit::compare(&truth, &live));
        Ok(differences)
    }

    /// The same from the log that machines share.
    fn audit_shared(&self, shared: &Shared) -> io::Result<Vec<Difference>> {
        let (live, places) = shared.snapshot();
        let read = Handle::current().block_on(shared.recomputed(&places));
        let (truth, mut differences) = read.map_err(io::Error::other)?;
        self.metrics.ledger_drift.set(audit::drift_micros(&truth, &live));
        differences.extend(audit::compare(&truth, &live));
        Ok(differences)
    }

    /// One pass of the bookkeeper: the same from the newest checkpoint on, and what is finished is
    /// sealed, checkpointed and, when its time is over, removed.
    pub fn keep_books(&self) -> io::Result<Kept> {
        let days = self.settings().store.keep_days;
        let keep = (days > 0).then(|| Duration::from_secs(u64::from(days) * 86_400));
        let now = SystemTime::UNIX_EPOCH
            + Duration::from_millis(u64::try_from(self.clock.now_ms()).unwrap_or(0));
        let kept = match self.ledger.shared() {
            None => keeper::pass(&self.ledger, keep, now)?,
            Some(shared) => self.keep_shared(shared)?,
        };
        self.metrics.ledger_drift.set(kept.drift_micros);
        self.differ_in(kept.differences.len());
        for difference in &kept.differences {
            tracing::error!(
                what = difference.what,
                journal = difference.journal,
                ledger = difference.ledger,
                "the ledger is not what its journal says"
            );
        }
        if kept.removed > 0 {
            tracing::info!(segments = kept.removed, "segments removed: their time is over");
        }
        Ok(kept)
    }

    /// The same for the books that machines share; the files here are only sealed.
    fn keep_shared(&self, shared: &Shared) -> io::Result<Kept> {
        let sealed = keeper::seal(&self.ledger)?.sealed;
        if !shared.is_current() {
            return Ok(Kept { sealed, ..Kept::default() });
        }
        let (now_ms, hours) = (self.clock.now_ms(), self.settings().store.log_hours);
        let cut_ms = (hours > 0).then(|| now_ms - i64::from(hours) * 3_600_000);
        let kept = Handle::current().block_on(shared.keep(now_ms, cut_ms));
        if matches!(kept, Err(StoreError::Foreign(_))) {
            // Somebody took something out of the log, or put something in.
            self.differ_in(1);
        }
        Ok(Kept { sealed, ..kept.map_err(io::Error::other)? })
    }

    fn differ_in(&self, differences: usize) {
        self.metrics.ledger_differences.set(i64::try_from(differences).unwrap_or(i64::MAX));
    }

    /// Says what the recovery of the journal found.
    pub fn note_recovery(&self) {
        let recovery = self.ledger.recovery();
        let damaged = i64::try_from(recovery.damaged.len()).unwrap_or(i64::MAX);
        self.metrics.journal_damaged.set(damaged);
        for place in &recovery.damaged {
            tracing::error!(place, "the journal is damaged here: the bytes were put aside");
        }
        tracing::info!(
            segments = recovery.segments,
            records = recovery.entries,
            torn_bytes = recovery.torn_bytes,
            "the journal is recovered"
        );
    }
}
