//! Reconciliation of a fleet's ledger: recomputes the state from the store and compares, advances base
//! snapshots, and trims the log to its retention period.

use crate::cluster::log::partition_sums::PartitionSums;
use crate::cluster::log::state_cache::CachedState;
use crate::cluster::log::{SharedLog, lost_records, partition_sums, state_cache};
use crate::journal::{PARTITIONS, Recovery};
use crate::ledger::audit;
use crate::ledger::audit::Mismatch;
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
        let (live, positions) = self.snapshot();
        let mut recomputed = State::default();
        for (partition, position) in (0..PARTITIONS).zip(&positions) {
            let mut sums = PartitionSums::at(&self.client, partition, BaseKind::Last).await?;
            let base = sums.position.number;
            let goes_on = |batch: &Batch| batch.number <= position.number;
            sums.read_on(&self.client, partition, goes_on, &mut |_, _| {}).await?;
            if sums.position != *position {
                // Another instance has advanced it, or a failover rewound the log: the next pass
                // compares.
                return Ok(report);
            }
            if self.advances_base_of(partition) && position.number >= base + STRIDE {
                sums.put(&self.client, partition, BaseKind::Last).await?;
                report.checkpoint = true;
            }
            recomputed.merge(sums.state);
        }
        report.drift_micros = audit::drift_micros(&recomputed, &live);
        report.mismatches = audit::compare(&recomputed, &live);
        drop(recomputed);
        if report.mismatches.is_empty() {
            let cache = CachedState {
                at_ms: now_ms,
                share: self.membership.position(),
                positions,
                state: live,
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

    /// Whether this instance advances a partition's base snapshots. If two instances think so, they
    /// store the same.
    fn advances_base_of(&self, partition: u8) -> bool {
        let (instances, index) = self.membership.position();
        usize::from(partition) % instances == index
    }

    /// Advances a first base snapshot over entries recorded before `trim_before_ms`, at most to the
    /// last one.
    async fn trim(&self, partition: u8, trim_before_ms: i64) -> Result<(), StoreError> {
        let last =
            PartitionSums::at(&self.client, partition, BaseKind::Last).await?.position.number;
        let mut sums = PartitionSums::at(&self.client, partition, BaseKind::First).await?;
        let first = sums.position.number;
        let is_old = |batch: &Batch| {
            batch.number <= last
                && partition_sums::latest_ms(batch).is_none_or(|at_ms| at_ms < trim_before_ms)
        };
        sums.read_on(&self.client, partition, is_old, &mut |_, _| {}).await?;
        if sums.position.number > first {
            sums.put(&self.client, partition, BaseKind::First).await?;
        }
        Ok(())
    }
}

/// What the files of an instance lack, by themselves and compared with a state read from the store.
pub(crate) fn journal_mismatches(here: &Recovery, state: &State) -> Vec<Mismatch> {
    let mut found = audit::journal_mismatches(here);
    match lost_records::missing_here(&here.last_lsns, state) {
        0 => {}
        missing => found.push(Mismatch {
            what: "journal files".into(),
            journal: format!("{missing} records fewer"),
            ledger: "as sent to the store".into(),
        }),
    }
    found
}

/// Recomputes the state from a store's whole retained log, up to an end of each partition, and
/// compares the last base snapshots with it.
pub(crate) async fn recompute(
    client: &Client,
    ends: impl Iterator<Item = u64>,
) -> Result<(State, Vec<Mismatch>), StoreError> {
    let (mut recomputed, mut found) = (State::default(), Vec::new());
    for (partition, last) in (0..PARTITIONS).zip(ends) {
        let base = PartitionSums::at(client, partition, BaseKind::Last).await?;
        let mut sums = PartitionSums::at(client, partition, BaseKind::First).await?;
        for end in [base.position.number.min(last), last] {
            let goes_on = |batch: &Batch| batch.number <= end;
            sums.read_on(client, partition, goes_on, &mut |_, _| {}).await?;
            if sums.position == base.position {
                let mismatches = audit::compare(&sums.state, &base.state).into_iter();
                found.extend(mismatches.map(|one| Mismatch {
                    what: format!("{} in the base snapshot of partition {partition}", one.what),
                    ..one
                }));
            }
        }
        recomputed.merge(sums.state);
    }
    found.extend(audit::inconsistencies(&recomputed));
    Ok((recomputed, found))
}
