//! Reconciliation of a fleet's ledger: recomputes the state from the store and compares, advances base
//! snapshots, and trims the log to its retention period.

use crate::cluster::log::partition_sums::PartitionSums;
use crate::cluster::log::state_cache::CachedState;
use crate::cluster::log::{SharedLog, lock, lost_records, partition_sums, state_cache};
use crate::journal::{PARTITIONS, Recovery};
use crate::ledger::audit;
use crate::ledger::audit::Mismatch;
use crate::ledger::order::Place;
use crate::ledger::reconciler::ReconcileReport;
use crate::ledger::state::State;
use crate::store::bases::BaseKind;
use crate::store::log::Batch;
use crate::store::{Client, StoreError};

/// Batches after the last base snapshot before it is advanced: what a start reads of a partition.
const STRIDE: u64 = 16;

impl SharedLog {
    /// Runs one pass at `now_ms`. Trims log entries recorded before `trim_before_ms`, once the
    /// first base snapshot includes them. Every instance compares its own state; each base snapshot
    /// is advanced by one instance.
    pub(super) async fn reconcile_with_store(
        &self,
        now_ms: i64,
        trim_before_ms: Option<i64>,
    ) -> Result<ReconcileReport, StoreError> {
        let mut report = ReconcileReport::default();
        for at in 0..usize::from(PARTITIONS) {
            lock(&self.ordered)[at].pack_rows(now_ms);
        }
        let (here, running, positions) = self.snapshot();
        let (mut live, mut recomputed) = (State::default(), State::default());
        for ((partition, ordered), position) in (0..PARTITIONS).zip(&here).zip(&positions) {
            let base = PartitionSums::at(&self.client, partition, BaseKind::Last).await?;
            let base = base.position.number;
            let read = |which| PartitionSums::read(&self.client, partition, which, position.number);
            let mut sums = read(BaseKind::Last).await?;
            let is_outdated = sums.ordered.is_incomplete();
            if is_outdated {
                // It was stored before records came that belong before it.
                sums = read(BaseKind::First).await?;
            }
            if sums.position != *position {
                // Another instance has advanced it, or a failover rewound the log: the next pass
                // compares.
                return Ok(report);
            }
            if !ordered.is_complete() || sums.ordered.last() > ordered.last() {
                // Not final here yet.
                continue;
            }
            sums.ordered.fold(ordered.last(), &mut |_| {});
            let stride = if is_outdated { 1 } else { STRIDE };
            if self.advances_base_of(partition) && position.number >= base + stride {
                sums.put(&self.client, partition, BaseKind::Last).await?;
                report.checkpoint = true;
            }
            let running = running.partition(partition);
            let (here, due) = match ordered.misstated(running) {
                None => (ordered.folded().clone(), sums.ordered.folded().clone()),
                Some(due) => (running.clone(), due),
            };
            *recomputed.partition_mut(partition) = due;
            *live.partition_mut(partition) = here;
        }
        report.drift_micros = audit::drift_micros(&recomputed, &live);
        report.mismatches = audit::compare(&recomputed, &live);
        report.mismatches.extend(self.losses());
        if report.mismatches.is_empty() {
            let saved = here.iter().zip(positions);
            let cache = CachedState {
                at_ms: now_ms,
                share: self.membership.position(),
                partitions: saved
                    .map(|(ordered, position)| match ordered.saved() {
                        Some(saved) => (saved, position),
                        // Read again from the store.
                        None => (ordered.without_window(), Default::default()),
                    })
                    .collect(),
            };
            state_cache::write(&self.folder, &cache).map_err(|error| {
                StoreError::Journal(format!("{}: {error}", self.folder.display()))
            })?;
        }
        if let Some(trim_before_ms) = trim_before_ms {
            for partition in (0..PARTITIONS).filter(|partition| self.advances_base_of(*partition)) {
                self.trim(partition, trim_before_ms).await?;
            }
        }
        Ok(report)
    }

    /// Money that was final before the log was rebuilt and is missing since.
    pub(super) fn losses(&self) -> Vec<Mismatch> {
        let state = lock(&self.state);
        lock(&self.losses).remaining(&state)
    }

    /// Whether this instance advances a partition's base snapshots. If two instances think so, they
    /// store the same.
    fn advances_base_of(&self, partition: u8) -> bool {
        let (instances, index) = self.membership.position();
        usize::from(partition) % instances == index
    }

    /// Advances a first base snapshot over entries recorded before `trim_before_ms`, at most to the
    /// last one.
    async fn trim(&self, partition: u8, trim_before_ms: i64) -> Result<(), StoreError> {
        let last = PartitionSums::at(&self.client, partition, BaseKind::Last).await?;
        let is_old = |batch: &Batch| {
            batch.number <= last.position.number
                && partition_sums::latest_ms(batch).is_none_or(|at_ms| at_ms < trim_before_ms)
        };
        let mut sums =
            PartitionSums::read_while(&self.client, partition, BaseKind::First, is_old).await?;
        if sums.is_advanced() {
            sums.fold_to_watermark(last.ordered.last().stamp);
            sums.put(&self.client, partition, BaseKind::First).await?;
        }
        Ok(())
    }
}

/// What the files of an instance lack, by themselves and compared with a state read from the store, and
/// what they have that the store lacks. The records of `own`, the running process, may be on their way.
pub(crate) fn journal_mismatches(
    here: &Recovery,
    state: &State,
    own: Option<u64>,
) -> Vec<Mismatch> {
    let mut found = audit::journal_mismatches(here);
    let missing = lost_records::missing_here(&here.last_lsns, state);
    let unsent = lost_records::unsent(&here.last_lsns, state, own);
    let mut note = |records: u64, difference: &str, ledger: &str| {
        if records > 0 {
            let journal = format!("{records} records {difference}");
            found.push(Mismatch::new("journal files".into(), journal, ledger.into()));
        }
    };
    note(missing, "fewer", "as sent to the store");
    note(unsent, "more", "not in the store yet");
    found
}

/// Recomputes the final state from a store's whole retained log, up to an end and a place in each
/// partition, and compares the last base snapshots with it.
pub(crate) async fn recompute(
    client: &Client,
    ends: impl IntoIterator<Item = (u64, Place)>,
) -> Result<(State, Vec<Mismatch>), StoreError> {
    let (mut recomputed, mut found) = (State::default(), Vec::new());
    for (partition, (end, place)) in (0..PARTITIONS).zip(ends) {
        let mut sums = PartitionSums::read(client, partition, BaseKind::First, end).await?;
        let mut last = PartitionSums::read(client, partition, BaseKind::Last, end).await?;
        for ordered in [&mut sums.ordered, &mut last.ordered] {
            ordered.fold(place, &mut |_| {});
        }
        // One that was stored before late records came is replaced by the next reconciliation.
        if last.position == sums.position && !last.ordered.is_incomplete() {
            let states = [&sums, &last].map(|sums| {
                let mut state = State::default();
                *state.partition_mut(partition) = sums.ordered.folded().clone();
                state
            });
            let mismatches = audit::compare(&states[0], &states[1]).into_iter();
            found.extend(mismatches.map(|one| Mismatch {
                what: format!("{} after the base snapshot of partition {partition}", one.what),
                ..one
            }));
        }
        *recomputed.partition_mut(partition) = sums.ordered.folded().clone();
    }
    found.extend(audit::inconsistencies(&recomputed));
    Ok((recomputed, found))
}
