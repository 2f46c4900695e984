//! Following: applies the store's log here, in order. When the log is not the one that was read,
//! the state is rebuilt from the base snapshots on.

use crate::cluster::log::partition_sums::PartitionSums;
use crate::cluster::log::{LogPosition, SharedLog, lock, lost_records, partition_sums};
use crate::journal::{Entry, PARTITIONS};
use crate::ledger::event_log::LedgerUpdate;
use crate::ledger::history::ReplayFrom;
use crate::ledger::outcome::ApplyOutcome;
use crate::ledger::state::State;
use crate::store::bases::BaseKind;
use crate::store::log::LogPage;
use crate::store::{Client, StoreError, log};
use std::sync::atomic::Ordering;
use std::time::Instant;

impl SharedLog {
    /// Applies new batches of the log. `Ok(true)` when everything is read.
    pub async fn follow(&self) -> Result<bool, StoreError> {
        let began = Instant::now();
        if !self.has_state.load(Ordering::Acquire) {
            self.read_from_bases().await?;
        }
        let positions = lock(&self.positions).clone();
        let sent = self.sent();
        let looks = (0..PARTITIONS).zip(&positions).map(|(partition, position)| async move {
            log::read(&self.client, partition, position.number).await.map(|look| (partition, look))
        });
        let looks = futures_util::future::try_join_all(looks).await;
        self.reachable.store(!matches!(looks, Err(StoreError::Unavailable(_))), Ordering::Release);
        let mut all = true;
        for (partition, look) in looks? {
            let position = &positions[usize::from(partition)];
            if !position.is_continued_by(&look) {
                self.rebuild(partition, position, &look).await?;
                return Ok(false);
            }
            all &= self.apply(partition, look)?;
        }
        if all {
            *lock(&self.read_at) = began;
            self.membership.note_caught_up();
            self.check_sent(&sent);
            self.compare_files();
        }
        Ok(all)
    }

    fn apply(&self, partition: u8, look: LogPage) -> Result<bool, StoreError> {
        let mut listener = lock(&self.listener);
        let mut state = lock(&self.state);
        let mut positions = lock(&self.positions);
        let position = &mut positions[usize::from(partition)];
        for batch in look.batches {
            for entry in &batch.entries {
                if let Some(applied) = partition_sums::applied(&mut state, entry)? {
                    lock(&self.local_totals).record(&applied, entry, self.incarnation);
                    listener(LedgerUpdate::Applied(&applied));
                }
                if entry.incarnation == self.incarnation {
                    lock(&self.unapplied).advance(partition, entry.lsn, Instant::now());
                }
            }
            *position = LogPosition { number: batch.number, chain: batch.chain };
        }
        let all = position.number == look.length;
        drop(positions);
        drop(state);
        self.state_advanced.notify_waiters();
        Ok(all)
    }

    /// Handles a log that does not continue what was read: a failover or a restore rewound it, or
    /// this instance was disconnected for longer than the log is retained. Sends the journal's
    /// entries again.
    async fn rebuild(
        &self,
        partition: u8,
        position: &LogPosition,
        look: &LogPage,
    ) -> Result<(), StoreError> {
        if look.batches.first().is_some_and(|first| first.number > position.number + 1) {
            tracing::info!(
                partition,
                "log trimmed past this instance's position; reloading the state from base snapshots"
            );
        } else {
            tracing::error!(
                partition,
                "log rewound by a failover or restore; resending the journal and reloading the state"
            );
            self.rewinds.fetch_add(1, Ordering::Relaxed);
        }
        self.request_resend();
        self.read_from_bases().await
    }

    /// Rebuilds the state from the store.
    async fn read_from_bases(&self) -> Result<(), StoreError> {
        let (mut truth, mut positions) = (State::default(), Vec::new());
        for partition in 0..PARTITIONS {
            let mut sums = PartitionSums::at(&self.client, partition, BaseKind::Last).await?;
            if lock(&self.local_totals).is_missing(&sums.state, partition, self.incarnation) {
                sums = PartitionSums::at(&self.client, partition, BaseKind::First).await?;
            }
            let mut each = |entry: &Entry, applied: &ApplyOutcome| {
                lock(&self.local_totals).record(applied, entry, self.incarnation);
            };
            sums.read_on(&self.client, partition, |_| true, &mut each).await?;
            truth.merge(sums.state);
            positions.push(sums.position);
        }
        let mut listener = lock(&self.listener);
        let mut state = lock(&self.state);
        lock(&self.lost_records).observe(&state);
        *state = truth;
        for partition in 0..PARTITIONS {
            let applied = state.position(self.incarnation, partition);
            lock(&self.unapplied).set(partition, applied, Instant::now());
        }
        *lock(&self.positions) = positions;
        listener(LedgerUpdate::Rebuilt(&state));
        self.has_state.store(true, Ordering::Release);
        Ok(())
    }

    /// Compares, once, the files found at the start with what the log has of their incarnations.
    fn compare_files(&self) {
        self.missing_here.get_or_init(|| {
            let missing = lost_records::missing_here(&self.lsns_at_start, &lock(&self.state));
            if missing > 0 {
                tracing::error!(
                    records = missing,
                    "the store has records of earlier starts that the journal here lacks; the records after \
                     them may be lost: run `adjacent audit` and look for missing segments"
                );
            }
            missing
        });
    }

    /// A consistent copy of the state and the positions it has read.
    pub(crate) fn snapshot(&self) -> (State, Vec<LogPosition>) {
        let state = lock(&self.state);
        let positions = lock(&self.positions);
        (state.clone(), positions.clone())
    }
}

/// Replays the store's log from its beginning, or from the last base snapshots; `each` receives the
/// effect of every entry.
pub(crate) async fn replay(
    client: &Client,
    since: ReplayFrom,
    each: &mut impl FnMut(&ApplyOutcome),
) -> Result<State, StoreError> {
    let which = match since {
        ReplayFrom::First => BaseKind::First,
        ReplayFrom::NewestCheckpoint => BaseKind::Last,
    };
    let mut each = |_: &Entry, applied: &ApplyOutcome| each(applied);
    let mut state = State::default();
    for partition in 0..PARTITIONS {
        let mut sums = PartitionSums::at(client, partition, which).await?;
        sums.read_on(client, partition, |_| true, &mut each).await?;
        state.merge(sums.state);
    }
    Ok(state)
}
