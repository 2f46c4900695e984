//! Shipping from the journal's files: everything that the log does not have, of every incarnation. A
//! finished file whose last entries are in the log is not read again.

use crate::cluster::log::segment_ends::LogKey;
use crate::cluster::log::{SharedLog, lock};
use crate::journal;
use crate::journal::{Entry, Recovery, Segment};
use crate::store::{StoreError, log};
use std::collections::{BTreeMap, btree_map};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The last LSN in the log at the start of the pass, and the last one found in the files.
struct Reach {
    applied: u64,
    has: u64,
}

fn unreadable(error: impl ToString) -> StoreError {
    StoreError::Journal(error.to_string())
}

impl SharedLog {
    /// Sends everything in the files that the log does not have, of every incarnation. `Ok(false)`
    /// when the log had changed in between: call it again.
    pub async fn send_files(&self) -> Result<bool, StoreError> {
        // Entries queued from here on are kept; earlier ones are in the files.
        self.resend_all.store(false, Ordering::Release);
        lock(&self.queue).clear();
        let sent = self.send_segments().await;
        if !matches!(sent, Ok(true)) {
            self.resend_all.store(true, Ordering::Release);
        }
        sent
    }

    async fn send_segments(&self) -> Result<bool, StoreError> {
        if self.is_probing() {
            // Check that the store answers before reading files.
            log::applied(&self.client, self.incarnation, 0).await?;
        }
        let mut reaches: BTreeMap<LogKey, Reach> = BTreeMap::new();
        for segment in journal::segments(&self.folder).map_err(unreadable)? {
            if self.is_fully_sent(segment.number, &mut reaches).await? {
                continue;
            }
            let (number, is_complete) = (segment.number, segment.is_complete);
            let mut entries = self.read(segment).await?;
            let mut ends = BTreeMap::new();
            for entry in &entries {
                let key = (entry.incarnation, entry.partition);
                self.report_gap(self.reach(key, &mut reaches).await?, entry);
                ends.insert(key, entry.lsn);
            }
            if is_complete {
                lock(&self.segment_ends).insert(number, ends);
            }
            let applied = |entry: &Entry| {
                reaches.get(&(entry.incarnation, entry.partition)).map(|r| r.applied)
            };
            entries.retain(|entry| applied(entry).is_none_or(|applied| entry.lsn > applied));
            if !self.send(entries).await? {
                return Ok(false);
            }
        }
        self.reachable.store(true, Ordering::Release);
        Ok(true)
    }

    async fn read(&self, segment: Segment) -> Result<Vec<Entry>, StoreError> {
        let (folder, store) = (self.folder.clone(), self.store);
        let read = move || {
            let mut entries = Vec::new();
            let mut take = |entry| entries.push(entry);
            let mut recovery = Recovery::default();
            recovery.read(&folder, &segment, Some(store), false, &mut take).map(|()| entries)
        };
        tokio::task::spawn_blocking(read).await.map_err(unreadable)?.map_err(unreadable)
    }

    /// How far the log and the files reach; requests the log's position once per pass.
    async fn reach<'a>(
        &self,
        key: LogKey,
        reaches: &'a mut BTreeMap<LogKey, Reach>,
    ) -> Result<&'a mut Reach, StoreError> {
        match reaches.entry(key) {
            btree_map::Entry::Occupied(slot) => Ok(slot.into_mut()),
            btree_map::Entry::Vacant(slot) => {
                let applied = log::applied(&self.client, key.0, key.1).await?;
                if key.0 == self.incarnation {
                    lock(&self.unsent).set(key.1, applied, Instant::now());
                }
                Ok(slot.insert(Reach { applied, has: applied }))
            }
        }
    }

    /// Whether this file was read before and the log has everything in it.
    async fn is_fully_sent(
        &self,
        number: u64,
        reaches: &mut BTreeMap<LogKey, Reach>,
    ) -> Result<bool, StoreError> {
        let Some(ends) = lock(&self.segment_ends).get(&number).cloned() else { return Ok(false) };
        for (key, last) in ends {
            if self.reach(key, reaches).await?.applied < last {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reports a gap in the files. Entries after a gap would be rejected for ever, so they are not
    /// sent, stay on disk, and block nothing else.
    fn report_gap(&self, reach: &mut Reach, entry: &Entry) {
        let Entry { incarnation, partition, lsn, .. } = entry;
        if *lsn > reach.has + 1 && lock(&self.gaps).insert((*incarnation, *partition)) {
            let incarnation = format!("{incarnation:016x}");
            tracing::error!(
                partition,
                incarnation,
                from = reach.has + 1,
                to = lsn - 1,
                "the journal is missing records that the store does not have either; later records of this \
                 incarnation and partition are not sent: restore the segment, or stop the server and run \
                 `adjacent journal repair`, and restart"
            );
        }
        reach.has = reach.has.max(*lsn);
    }
}
