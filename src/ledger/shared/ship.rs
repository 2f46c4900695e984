//! Sending: what is on this machine's disk goes to the store, in order, until it is there.

use crate::journal::Entry;
use crate::ledger::shared::Shared;
use crate::ledger::shared::Telling;
use crate::ledger::shared::lock;
use crate::ledger::shared::queue::Fresh;
use crate::store::StoreError;
use crate::store::log;
use crate::store::log::Fit;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Most entries of one batch: a log's entry stays small enough to be read in a millisecond.
const BATCH: usize = 500;

impl Shared {
    /// Sends what is on disk to the store, for ever.
    pub async fn ship(self: Arc<Self>) {
        let mut telling = Telling::of("events wait here");
        loop {
            let sent = if self.everything.load(Ordering::Acquire) {
                self.send_files().await
            } else {
                self.send_fresh().await
            };
            self.sending_refused.store(telling.hears(&sent), Ordering::Release);
            if matches!(sent, Ok(true)) {
                lock(&self.breaker).worked();
                continue;
            }
            // The files have whatever was on its way.
            self.everything.store(true, Ordering::Release);
            let pause = {
                let mut breaker = lock(&self.breaker);
                breaker.failed();
                breaker.pause(rand::random())
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Waits for fresh entries and sends them.
    async fn send_fresh(&self) -> Result<bool, StoreError> {
        let mut taken: Vec<Entry> = loop {
            let fresh = self.fresh.notified();
            let found = lock(&self.queue).take();
            match found {
                Fresh::InFiles => {
                    self.everything.store(true, Ordering::Release);
                    return Ok(true);
                }
                Fresh::These(entries) => break entries,
                Fresh::None => fresh.await,
            }
        };
        // Some of those that came while files were read were found there.
        let sent: Vec<u64> = lock(&self.unsent).reached().collect();
        taken.retain(|entry| entry.lsn > sent[usize::from(entry.partition)]);
        self.send(taken).await
    }

    /// Sends entries in their order, each process start and partition for itself, all at once.
    /// `Ok(false)` when some did not fit behind what the log has.
    pub(super) async fn send(&self, entries: Vec<Entry>) -> Result<bool, StoreError> {
        let mut groups: BTreeMap<(u64, u8), Vec<Entry>> = BTreeMap::new();
        for entry in entries {
            groups.entry((entry.incarnation, entry.partition)).or_default().push(entry);
        }
        let holes = lock(&self.holes).clone();
        groups.retain(|key, _| !holes.contains(key));
        if let Some(first) = groups.values().next().filter(|_| self.is_probing()) {
            self.send_group(&first[..first.len().min(BATCH)]).await?;
            lock(&self.breaker).worked();
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
            let answer = log::append(&self.client, batch).await;
            self.up.store(!matches!(answer, Err(StoreError::Away(_))), Ordering::Release);
            match answer? {
                Fit::Next | Fit::Again => {
                    self.shipped.fetch_add(batch.len() as u64, Ordering::Relaxed);
                    self.is_sent(batch);
                }
                Fit::Behind(applied) => {
                    if batch.first().is_some_and(|first| first.lsn > applied + 1) {
                        self.rewinds.fetch_add(1, Ordering::Relaxed);
                        let partition = batch[0].partition;
                        tracing::warn!(
                            partition,
                            applied,
                            "the log has lost what was sent: it is sent again"
                        );
                    }
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn is_sent(&self, batch: &[Entry]) {
        let Some(last) = batch.last() else { return };
        if last.incarnation != self.incarnation {
            let mut others = lock(&self.sent_of_others);
            let sent = others.entry((last.incarnation, last.partition)).or_default();
            *sent = last.lsn.max(*sent);
            return;
        }
        lock(&self.unsent).advance(last.partition, last.lsn, Instant::now());
    }
}
