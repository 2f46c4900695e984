//! Shipping: sends the entries on this instance's disk to the store, in order, until the log has them.

use crate::cluster::log::error_log::StoreErrorLog;
use crate::cluster::log::queue::Fresh;
use crate::cluster::log::{SharedLog, lock};
use crate::journal::Entry;
use crate::store::log::AppendOutcome;
use crate::store::{StoreError, log};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Most entries per batch: small enough that a log entry is read in a millisecond.
const BATCH: usize = 500;

impl SharedLog {
    /// Sends entries on disk to the store until the task is cancelled.
    pub async fn ship(self: Arc<Self>) {
        let mut errors = StoreErrorLog::new("events wait in the local journal");
        loop {
            let sent = if self.resend_all.load(Ordering::Acquire) {
                self.send_files().await
            } else {
                self.send_fresh().await
            };
            self.sending_blocked.store(errors.observe(&sent), Ordering::Release);
            if matches!(sent, Ok(true)) {
                lock(&self.breaker).record_success();
                continue;
            }
            // Entries in flight are still in the files.
            self.resend_all.store(true, Ordering::Release);
            let pause = {
                let mut breaker = lock(&self.breaker);
                breaker.record_failure();
                breaker.backoff(rand::random())
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Waits for fresh entries and sends them.
    async fn send_fresh(&self) -> Result<bool, StoreError> {
        let mut entries: Vec<Entry> = loop {
            let fresh = self.wakeup.notified();
            let found = lock(&self.queue).take();
            match found {
                Fresh::InFiles => {
                    self.resend_all.store(true, Ordering::Release);
                    return Ok(true);
                }
                Fresh::Entries(entries) => break entries,
                Fresh::None => fresh.await,
            }
        };
        // Entries queued while files were read may have been sent from there.
        let sent: Vec<u64> = lock(&self.unsent).processed_lsns().collect();
        entries.retain(|entry| entry.lsn > sent[usize::from(entry.partition)]);
        self.send(entries).await
    }

    /// Sends entries, in order per incarnation and partition, all pairs concurrently. `Ok(false)`
    /// when some do not continue the log.
    pub(super) async fn send(&self, entries: Vec<Entry>) -> Result<bool, StoreError> {
        let mut groups: BTreeMap<(u64, u8), Vec<Entry>> = BTreeMap::new();
        for entry in entries {
            groups.entry((entry.incarnation, entry.partition)).or_default().push(entry);
        }
        let gaps = lock(&self.gaps).clone();
        groups.retain(|key, _| !gaps.contains(key));
        if let Some(first) = groups.values().next().filter(|_| self.is_probing()) {
            self.send_group(&first[..first.len().min(BATCH)]).await?;
            lock(&self.breaker).record_success();
        }
        let sends = groups.values().map(|group| self.send_group(group));
        let sent = futures_util::future::try_join_all(sends).await?;
        Ok(sent.into_iter().all(|all| all))
    }

    pub(super) fn is_probing(&self) -> bool {
        lock(&self.breaker).is_open()
    }

    async fn send_group(&self, group: &[Entry]) -> Result<bool, StoreError> {
        for batch in group.chunks(BATCH) {
            let watermark = self.watermark(batch[0].partition);
            let answer = log::append(&self.client, batch, watermark).await;
            self.reachable
                .store(!matches!(answer, Err(StoreError::Unavailable(_))), Ordering::Release);
            match answer? {
                AppendOutcome::Appended | AppendOutcome::AlreadyPresent => {
                    self.shipped.fetch_add(batch.len() as u64, Ordering::Relaxed);
                    self.mark_sent(batch);
                    self.wakeups.note_appended();
                }
                AppendOutcome::ContinueAfter(applied) => {
                    if batch.first().is_some_and(|first| first.lsn > applied + 1) {
                        self.rewinds.fetch_add(1, Ordering::Relaxed);
                        let partition = batch[0].partition;
                        tracing::warn!(
                            partition,
                            applied,
                            "store lost entries; resending them from the journal"
                        );
                    }
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn mark_sent(&self, batch: &[Entry]) {
        let Some(last) = batch.last() else { return };
        if last.incarnation != self.incarnation {
            let mut others = lock(&self.sent_for_others);
            let sent = others.entry((last.incarnation, last.partition)).or_default();
            *sent = last.lsn.max(*sent);
            return;
        }
        lock(&self.unsent).advance(last.partition, last.lsn, Instant::now());
        self.sent_advanced.notify_waiters();
    }
}
