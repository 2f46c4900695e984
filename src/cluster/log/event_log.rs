//! The fleet's log as the order of a ledger's records.

use crate::cluster::log::{SharedLog, follow, lock, reconcile};
use crate::journal;
use crate::journal::{Entry, PARTITIONS};
use crate::ledger::event_log::{EventLog, EventTotals, LogStatus};
use crate::ledger::history::ReplayFrom;
use crate::ledger::order::{OrderedPartition, Place};
use crate::ledger::outcome::ApplyOutcome;
use crate::ledger::reconciler::{AuditReport, ReconcilePass, ReconcileReport};
use crate::ledger::state::State;
use crate::store::StoreError;
use futures_util::future::BoxFuture;
use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

impl EventLog for SharedLog {
    /// Queues the entries for shipping.
    fn append(&self, entries: &[Entry]) {
        let now = Instant::now();
        {
            let (mut unsent, mut unapplied) = (lock(&self.unsent), lock(&self.unapplied));
            for entry in entries {
                unsent.written(entry.partition, entry.lsn, now);
                unapplied.written(entry.partition, entry.lsn, now);
            }
        }
        lock(&self.unread).push(entries);
        lock(&self.queue).push(entries);
        self.wakeup.notify_one();
    }

    fn wait_until_applied(&self, timeout: Duration) -> BoxFuture<'_, bool> {
        let due = lock(&self.unapplied).written_lsns();
        let applied = async move {
            loop {
                let advanced = self.state_advanced.notified();
                if lock(&self.unapplied).is_processed(&due) {
                    return;
                }
                advanced.await;
            }
        };
        Box::pin(async move { tokio::time::timeout(timeout, applied).await.is_ok() })
    }

    fn replay(&self, since: ReplayFrom, mut each: &mut dyn FnMut(&ApplyOutcome)) -> io::Result<()> {
        let finals: Vec<Place> = lock(&self.ordered).iter().map(OrderedPartition::last).collect();
        let read = follow::replay(&self.client, since, finals, &mut each);
        Handle::current().block_on(read).map(drop).map_err(io_error)
    }

    fn audit(&self) -> io::Result<AuditReport> {
        let (here, running, positions) = self.snapshot();
        let ends = positions.iter().map(|position| position.number);
        let ends = ends.zip(here.iter().map(OrderedPartition::last));
        let read = Handle::current().block_on(reconcile::recompute(&self.client, ends));
        let (mut recomputed, mut found) = read.map_err(io_error)?;
        let mut live = State::default();
        for (partition, ordered) in (0..PARTITIONS).zip(&here) {
            if !ordered.is_complete() {
                // It is about to be read again.
                *live.partition_mut(partition) = recomputed.partition(partition).clone();
                continue;
            }
            let running = running.partition(partition);
            let due = ordered.misstated(running);
            let shown = if due.is_some() { running } else { ordered.folded() };
            *live.partition_mut(partition) = shown.clone();
            due.into_iter().for_each(|due| *recomputed.partition_mut(partition) = due);
        }
        found.extend(self.losses());
        let files = journal::recover(&self.folder, 0, Some(self.store), false, |_| {})?;
        found.extend(reconcile::journal_mismatches(&files, &running, Some(self.incarnation)));
        Ok(AuditReport::of(&recomputed, &live, found))
    }

    /// Does nothing before the whole log was read.
    fn reconcile(&self, pass: &ReconcilePass) -> io::Result<ReconcileReport> {
        if !self.membership.may_sell() {
            return Ok(ReconcileReport::default());
        }
        let kept = pass.retention.shared_log.and_then(|kept| i64::try_from(kept.as_millis()).ok());
        let trim_before_ms = kept.map(|kept| pass.now_ms - kept);
        let done = self.reconcile_with_store(pass.now_ms, trim_before_ms);
        Handle::current().block_on(done).map_err(io_error)
    }

    fn status(&self) -> LogStatus {
        let age = |since: Option<Instant>| since.map_or(Duration::ZERO, |since| since.elapsed());
        let (unsent, oldest_unsent) = {
            let unsent = lock(&self.unsent);
            (unsent.count(), age(unsent.oldest_since()))
        };
        let (unapplied, oldest_unapplied) = {
            let unapplied = lock(&self.unapplied);
            (unapplied.count(), age(unapplied.oldest_since()))
        };
        LogStatus {
            is_up: self.reachable.load(Ordering::Acquire),
            is_caught_up: self.membership.may_sell(),
            is_blocked: self.sending_blocked.load(Ordering::Acquire)
                || self.reading_blocked.load(Ordering::Acquire)
                || !lock(&self.gaps).is_empty(),
            unsent,
            unconfirmed: self.unconfirmed(),
            oldest_unsent,
            unapplied,
            lag: oldest_unapplied.max(lock(&self.read_at).elapsed()),
            instances: self.membership.position().0,
            rewinds: self.rewinds.load(Ordering::Relaxed),
            lost_records: self.lost_records.load(Ordering::Relaxed),
            missing_here: self.missing_here.get().copied().unwrap_or(0),
            final_until_ms: Some(self.final_until_ms.load(Ordering::Acquire)),
            provisional: self.provisional(),
            clock_skew_ms: self.membership.clock_skew_ms(),
            errors: self.client.error_counts().collect(),
        }
    }

    fn totals(&self) -> EventTotals {
        lock(&self.local_totals).totals().clone()
    }
}

fn io_error(error: StoreError) -> io::Error {
    match error {
        StoreError::UnexpectedData(_) => io::Error::new(io::ErrorKind::InvalidData, error),
        error => io::Error::other(error),
    }
}
