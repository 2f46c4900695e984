//! Sending from the journal's files: everything in them that the log does not have, of whichever
//! process start. A finished file whose end the log has is not read again.

use crate::journal;
use crate::journal::Entry;
use crate::journal::Recovery;
use crate::journal::Segment;
use crate::ledger::shared::Shared;
use crate::ledger::shared::lock;
use crate::store::StoreError;
use crate::store::log;
use std::collections::BTreeMap;
use std::collections::btree_map;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// A process start and a partition.
type Key = (u64, u8);

/// The last numbers in each finished file that was read, by the file's number.
pub(super) type Ends = BTreeMap<u64, BTreeMap<Key, u64>>;

/// What the log had of a process start and partition, and how far files go on behind that.
struct Reach {
    applied: u64,
    has: u64,
}

fn unreadable(error: impl ToString) -> StoreError {
    StoreError::Files(error.to_string())
}

impl Shared {
    /// Sends everything in the files that the log does not have, of whichever process start. `Ok(false)`
    /// when the log had other plans in between: then the same again.
    pub async fn send_files(&self) -> Result<bool, StoreError> {
        // From here on fresh ones are looked at again; until then the files have them.
        self.everything.store(false, Ordering::Release);
        lock(&self.queue).begin_again();
        let sent = self.send_what_files_have().await;
        if !matches!(sent, Ok(true)) {
            self.everything.store(true, Ordering::Release);
        }
        sent
    }

    async fn send_what_files_have(&self) -> Result<bool, StoreError> {
        if self.is_probing() {
            // Files are not read for a store that does not answer.
            log::applied(&self.client, self.incarnation, 0).await?;
        }
        let mut known: BTreeMap<Key, Reach> = BTreeMap::new();
        for segment in journal::segments(&self.folder).map_err(unreadable)? {
            if self.has_all_of(segment.number, &mut known).await? {
                continue;
            }
            let (number, is_whole) = (segment.number, segment.is_whole);
            let mut entries = self.read(segment).await?;
            let mut ends = BTreeMap::new();
            for entry in &entries {
                let key = (entry.incarnation, entry.partition);
                self.looks_for_a_hole(self.reach(key, &mut known).await?, entry);
                ends.insert(key, entry.lsn);
            }
            if is_whole {
                lock(&self.ends).insert(number, ends);
            }
            let applied =
                |entry: &Entry| known.get(&(entry.incarnation, entry.partition)).map(|r| r.applied);
            entries.retain(|entry| applied(entry).is_none_or(|applied| entry.lsn > applied));
            if !self.send(entries).await? {
                return Ok(false);
            }
        }
        self.up.store(true, Ordering::Release);
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

    /// How far the log and the files go; the log is asked once in a pass.
    async fn reach<'a>(
        &self,
        key: Key,
        known: &'a mut BTreeMap<Key, Reach>,
    ) -> Result<&'a mut Reach, StoreError> {
        match known.entry(key) {
            btree_map::Entry::Occupied(place) => Ok(place.into_mut()),
            btree_map::Entry::Vacant(place) => {
                let applied = log::applied(&self.client, key.0, key.1).await?;
                if key.0 == self.incarnation {
                    lock(&self.unsent).set(key.1, applied, Instant::now());
                }
                Ok(place.insert(Reach { applied, has: applied }))
            }
        }
    }

    /// Whether this file was read before and the log has everything in it.
    async fn has_all_of(
        &self,
        number: u64,
        known: &mut BTreeMap<Key, Reach>,
    ) -> Result<bool, StoreError> {
        let Some(ends) = lock(&self.ends).get(&number).cloned() else { return Ok(false) };
        for (key, last) in ends {
            if self.reach(key, known).await?.applied < last {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What comes behind a gap in the files would be refused for ever, and nothing may be left out in
    /// silence: it is told, stays on disk, and holds nothing else up.
    fn looks_for_a_hole(&self, reach: &mut Reach, entry: &Entry) {
        let Entry { incarnation, partition, lsn, .. } = entry;
        if *lsn > reach.has + 1 && lock(&self.holes).insert((*incarnation, *partition)) {
            let incarnation = format!("{incarnation:016x}");
            tracing::error!(
                partition,
                incarnation,
                from = reach.has + 1,
                to = lsn - 1,
                "the journal here lacks records that the store does not have either: what follows \
                 them is not sent; bring the segment back and start again"
            );
        }
        reach.has = reach.has.max(*lsn);
    }
}
