//! Checks of sent entries: whether they are still in the log, and whether a replica has them.

use crate::cluster::log::{SharedLog, lock};
use crate::store::StoreError;
use crate::store::replication::{MarkStatus, ReplicationMark};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Polling interval while waiting for a replica.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Sent entries: the last LSN of each incarnation and partition.
pub(crate) type Sent = Vec<((u64, u8), u64)>;

/// The entries sent when the primaries' replication offsets were read.
pub(crate) struct SentMark {
    mark: ReplicationMark,
    sent: Sent,
}

impl SharedLog {
    /// Entries that the log has acknowledged.
    pub(super) fn sent(&self) -> Sent {
        let unsent = lock(&self.unsent);
        let own = (0..).zip(unsent.processed_lsns()).map(|(at, lsn)| ((self.incarnation, at), lsn));
        let others = lock(&self.sent_for_others);
        own.chain(others.iter().map(|(of, lsn)| (*of, *lsn))).collect()
    }

    /// Called after the whole log was read: entries sent before must be in it. If the store lost
    /// them along with the position it had reported, which no chain hash shows, they are sent
    /// again.
    pub(super) fn check_sent(&self, sent: &Sent) {
        let state = lock(&self.state);
        let read = |(incarnation, partition): &(u64, u8)| state.position(*incarnation, *partition);
        let lost: Vec<_> = sent.iter().filter(|(of, lsn)| *lsn > read(of)).collect();
        if let Some(((_, partition), lsn)) = lost.first() {
            tracing::warn!(partition, lsn, "store lost entries; resending them from the journal");
            self.rewinds.fetch_add(1, Ordering::Relaxed);
            let mut unsent = lock(&self.unsent);
            for (of, lsn) in lost.iter().filter(|((by, _), _)| *by == self.incarnation) {
                // Reset once, unless the entry was sent again in the meantime.
                if unsent.processed_lsns().nth(usize::from(of.1)) == Some(*lsn) {
                    unsent.set(of.1, read(of), Instant::now());
                }
            }
            drop(unsent);
            lock(&self.sent_for_others).clear();
            self.request_resend();
            return;
        }
        lock(&self.sent_for_others).retain(|of, lsn| *lsn > read(of));
    }

    /// Confirms the entries sent before the last check that a replica has by now, then starts the next
    /// check. Without any replica, sent entries count as confirmed.
    pub(crate) async fn confirm(&self, last: &mut Option<SentMark>) -> Result<(), StoreError> {
        let sent = self.sent();
        let servers = self.client.servers().await?;
        let mark = ReplicationMark::of(&servers);
        if !mark.is_empty() {
            self.replicated.store(true, Ordering::Release);
        }
        let reached =
            last.as_ref().map_or(MarkStatus::Superseded, |previous| previous.mark.status(&servers));
        if let Some(previous) = last.as_ref().filter(|_| reached == MarkStatus::Acknowledged) {
            self.confirm_sent(&previous.sent);
        }
        if reached != MarkStatus::Pending {
            // An empty mark is reached at once; where there were replicas it confirms nothing.
            let is_of_use = !mark.is_empty() || !self.replicated.load(Ordering::Acquire);
            *last = is_of_use.then_some(SentMark { mark, sent });
        }
        Ok(())
    }

    fn confirm_sent(&self, sent: &Sent) {
        for ((_, partition), lsn) in sent.iter().filter(|((by, _), _)| *by == self.incarnation) {
            self.confirmed[usize::from(*partition)].fetch_max(*lsn, Ordering::AcqRel);
        }
    }

    /// Waits until a replica of every primary that has one has everything now in the store; `false`
    /// when there is no replica.
    pub(crate) async fn wait_for_replica(&self) -> Result<bool, StoreError> {
        let mut mark = ReplicationMark::of(&self.client.servers().await?);
        loop {
            if mark.is_empty() {
                return Ok(false);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
            let servers = self.client.servers().await?;
            match mark.status(&servers) {
                MarkStatus::Acknowledged => return Ok(true),
                MarkStatus::Pending => {}
                MarkStatus::Superseded => mark = ReplicationMark::of(&servers),
            }
        }
    }
}
