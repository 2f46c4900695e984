//! Following: applies the store's log here as it arrives, and in order as soon as that is known.
//!
//! The running state is provisional: it shows each record at once. What is final is folded beside it; where
//! the order changed a verdict, the running state is replaced by the final one and what comes after.

use crate::cluster::log::partition_sums::{PartitionSums, unreadable};
use crate::cluster::log::{
    LogPosition, SharedLog, final_until, lock, lost_records, partition_sums, unread,
};
use crate::journal::{Entry, PARTITIONS};
use crate::ledger::apply;
use crate::ledger::event_log::LedgerUpdate;
use crate::ledger::history::ReplayFrom;
use crate::ledger::order;
use crate::ledger::order::{OrderedPartition, Place};
use crate::ledger::outcome::ApplyOutcome;
use crate::ledger::state::State;
use crate::store::bases::{Base, BaseKind};
use crate::store::breaker::MAX_DELAY;
use crate::store::log::{LogPage, Reached};
use crate::store::{Client, StoreError, bases, log};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Most records above the watermark that are kept in memory; beyond, they are read again.
const MAX_WINDOW: usize = 50_000;

/// How long the owners of lost records have to begin, or to go on, to send them again. After that the store
/// gets sums instead, which lack the individual events. An owner that could not reach the store may wait
/// [`MAX_DELAY`] before it tries again.
const RESEND_TIME: Duration = Duration::from_secs(2 * MAX_DELAY.as_secs());

/// Interval of checks meanwhile.
const RESEND_POLL_EVERY: Duration = Duration::from_millis(50);

/// How far the watermark may be behind when records are read again, in milliseconds.
const MAX_BEHIND_MS: i64 = 60_000;

impl SharedLog {
    /// Applies new batches of the log. `Ok(true)` when everything is read.
    pub async fn follow(&self) -> Result<bool, StoreError> {
        let began = Instant::now();
        if !self.has_state.load(Ordering::Acquire) {
            for partition in 0..PARTITIONS {
                self.reload(partition).await?;
            }
            self.has_state.store(true, Ordering::Release);
        }
        let positions = lock(&self.positions).clone();
        let (sent, reached) = (self.sent(), lock(&self.reached).clone());
        let looks = (0..PARTITIONS).zip(&positions).map(|(partition, position)| async move {
            log::read(&self.client, partition, position.number).await.map(|look| (partition, look))
        });
        let looks = futures_util::future::try_join_all(looks).await;
        self.reachable.store(!matches!(looks, Err(StoreError::Unavailable(_))), Ordering::Release);
        let mut all = true;
        for (partition, look) in looks? {
            let position = &positions[usize::from(partition)];
            all &= if position.is_continued_by(&look) {
                lock(&self.rewound_at).remove(&partition);
                self.apply(partition, look)?
            } else {
                self.rebuild(partition, position, &look).await?;
                false
            };
        }
        if !lock(&self.rewound_at).is_empty() {
            tokio::time::sleep(RESEND_POLL_EVERY).await;
        }
        if all {
            for partition in self.settle(&reached) {
                self.reload(partition).await?;
            }
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
        let mut ordered = lock(&self.ordered);
        let ordered = &mut ordered[usize::from(partition)];
        for batch in look.batches {
            for entry in &batch.entries {
                if let Some(received) = ordered.push(entry).map_err(unreadable)? {
                    self.clock.observe(received.stamped.stamp);
                    let running = state.partition_mut(partition);
                    let id = received.id;
                    let applied = apply::apply_at(running, id, &received.stamped, received.how);
                    ordered.note(&applied);
                    lock(&self.local_totals).record(&applied, partition, id, self.incarnation);
                    listener(LedgerUpdate::Applied(&applied));
                }
                if entry.incarnation == self.incarnation {
                    lock(&self.unread).take(partition, entry.lsn);
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

    /// Folds what is final after the whole log was read, and corrects the running state where it
    /// differs. Returns partitions that have to be read again.
    fn settle(&self, reached: &BTreeMap<u64, Reached>) -> Vec<u8> {
        let (mut again, mut final_until_ms) = (Vec::new(), i64::MAX);
        for partition in 0..PARTITIONS {
            let mut all = lock(&self.ordered);
            let ordered = &mut all[usize::from(partition)];
            let watermark = final_until(partition, ordered, reached);
            if ordered.is_overflowed() {
                final_until_ms = final_until_ms.min(ordered.last().stamp);
                let latest = ordered.incarnations().map(|(_, last)| last.stamp).max().unwrap_or(0);
                again.extend((watermark > latest - MAX_BEHIND_MS).then_some(partition));
                continue;
            }
            if ordered.is_incomplete() {
                final_until_ms = final_until_ms.min(ordered.last().stamp);
                again.push(partition);
                continue;
            }
            final_until_ms = final_until_ms.min(watermark);
            let mut orphans = Vec::new();
            let mut own = lock(&self.local_totals);
            ordered.fold_to_stamp(watermark, &mut |applied| {
                own.finish(applied, partition, self.incarnation);
                let settled = applied.verdicts.iter().filter(|one| one.was_pending);
                orphans.extend(settled.filter(|one| order::is_orphan(one.verdict)).cloned());
            });
            drop(own);
            let differs = ordered.differs();
            drop(all);
            if differs {
                self.replace(partition, None);
            } else if !orphans.is_empty() {
                let mut listener = lock(&self.listener);
                let mut state = lock(&self.state);
                orphans.iter().for_each(|one| state.partition_mut(partition).settle_as(one));
                let applied = ApplyOutcome { verdicts: orphans, ..ApplyOutcome::default() };
                listener(LedgerUpdate::Applied(&applied));
            }
        }
        self.final_until_ms.store(final_until_ms, Ordering::Release);
        let mut all = lock(&self.ordered);
        while all.iter().map(|one| one.window().len()).sum::<usize>() > MAX_WINDOW {
            let largest = all.iter_mut().max_by_key(|one| one.window().len());
            largest.into_iter().for_each(OrderedPartition::overflow);
        }
        again
    }

    /// Replaces the running state of a partition by the final one with everything above it, of
    /// `ordered` if there is one.
    fn replace(&self, partition: u8, ordered: Option<OrderedPartition>) {
        let mut listener = lock(&self.listener);
        let mut state = lock(&self.state);
        let mut all = lock(&self.ordered);
        let own = &mut all[usize::from(partition)];
        if let Some(ordered) = ordered {
            ordered.incarnations().for_each(|(_, last)| self.clock.observe(last.stamp));
            *own = ordered;
        }
        let mut shown = Vec::new();
        let after = own.provisional(&mut |applied| shown.push(applied.clone()));
        lock(&self.local_totals).replace(&shown, partition, self.incarnation);
        let before = std::mem::replace(state.partition_mut(partition), after);
        listener(LedgerUpdate::Replaced { before: &before, after: state.partition(partition) });
        let applied = state.partition(partition).position(self.incarnation);
        lock(&self.unapplied).set(partition, applied, Instant::now());
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
        if lock(&self.rewound_at).contains_key(&partition) {
            return self.reload(partition).await;
        }
        if look.batches.first().is_some_and(|first| first.number > position.number + 1) {
            tracing::info!(
                partition,
                "log trimmed past this instance's position; reloading the state from base snapshots"
            );
        } else {
            // Usually many partitions are, one after another.
            if lock(&self.rewound_at).is_empty() {
                tracing::error!(
                    partition,
                    "log rewound by a failover or restore; restoring it from what was read here and from the \
                     journals"
                );
            }
            self.rewinds.fetch_add(1, Ordering::Relaxed);
            lock(&self.rewound_at).insert(partition, (Instant::now(), u64::MAX));
        }
        self.request_resend();
        self.reload(partition).await
    }

    /// Reads a partition from its base snapshot on, and unites it with what was read here before. What
    /// the store has lost is stored again.
    async fn reload(&self, partition: u8) -> Result<(), StoreError> {
        let mut sums = PartitionSums::whole(&self.client, partition).await?;
        if lock(&self.local_totals).is_missing(sums.ordered.folded(), partition, self.incarnation) {
            let mut first = PartitionSums::at(&self.client, partition, BaseKind::First).await?;
            let mut finish = |applied: &ApplyOutcome| {
                lock(&self.local_totals).finish(applied, partition, self.incarnation);
            };
            first.read_on(&self.client, partition, |_| true, &mut finish).await?;
            if !first.ordered.is_incomplete() {
                sums = first;
            }
        }
        let mut here: OrderedPartition = lock(&self.ordered)[usize::from(partition)].clone();
        let lost = sums.ordered.lacks(here.folded());
        if lost > 0 && self.awaits_owners(partition, lost) {
            // What was read here is shown until the owners have sent their records again.
            return Ok(());
        }
        let behind = here.lacks(sums.ordered.folded());
        if lost > 0 && behind == 0 && !here.is_overflowed() && !here.is_incomplete() {
            here.absorb(&sums.ordered);
            let Some(position) = self.restore(partition, &here, &sums.position).await? else {
                // Another instance was faster; the next pass reads what it has stored.
                return Ok(());
            };
            tracing::info!(partition, lost, "store lost records; restored from what was read here");
            (sums.ordered, sums.position) = (here.clone(), position);
        } else {
            if lost > 0 {
                tracing::error!(
                    partition,
                    lost,
                    "the store lacks records that were read here, and has others: it is taken as it is"
                );
            }
            self.lost_records.fetch_add(lost, Ordering::Relaxed);
            self.send_again(partition, &sums.ordered, &here).await?;
            sums.ordered.absorb(&here);
        }
        let own = sums.ordered.folded().position(self.incarnation);
        let unread_here = lock(&self.unread).take(partition, own);
        unread::count(&unread_here, &here, &mut lock(&self.local_totals))?;
        lock(&self.rewound_at).remove(&partition);
        lock(&self.positions)[usize::from(partition)] = sums.position;
        self.final_until_ms.fetch_min(sums.ordered.last().stamp, Ordering::AcqRel);
        self.replace(partition, Some(sums.ordered));
        let state = lock(&self.state);
        let after = state.partition(partition);
        let has_more = here.is_incomplete() || here.lacks(after) > 0;
        lock(&self.losses).observe(partition, here.folded(), after, has_more);
        Ok(())
    }

    /// Whether the owners of a partition's lost records are still sending them, or may begin to.
    fn awaits_owners(&self, partition: u8, lost: u64) -> bool {
        let mut rewound = lock(&self.rewound_at);
        let Some((since, least)) = rewound.get_mut(&partition) else { return false };
        if lost < *least {
            (*since, *least) = (Instant::now(), lost);
        }
        since.elapsed() < RESEND_TIME
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

    /// Replaces a log that has lost records; `None` if it is another one by now.
    async fn restore(
        &self,
        partition: u8,
        here: &OrderedPartition,
        read: &LogPosition,
    ) -> Result<Option<LogPosition>, StoreError> {
        let Some(sums) = partition_sums::encode(here)? else { return Ok(None) };
        let own = lock(&self.positions)[usize::from(partition)].number;
        let (number, chain) =
            (read.number.max(own) + 1, format!("{:032x}", rand::random::<u128>()));
        let base = Base { number, chain: chain.into_bytes(), sums };
        let starts: Vec<(u64, u64)> =
            here.incarnations().map(|(of, last)| (of, last.lsn)).collect();
        let log = (read.number, &read.chain[..]);
        let is_restored = bases::restore(&self.client, partition, log, &base, &starts).await?;
        let Base { number, chain, .. } = base;
        Ok(is_restored.then_some(LogPosition { number, chain }))
    }

    /// Sends records above the watermark that were read here and that the store lacks: the instance that
    /// recorded them may be gone.
    async fn send_again(
        &self,
        partition: u8,
        found: &OrderedPartition,
        here: &OrderedPartition,
    ) -> Result<(), StoreError> {
        let window = here.window().filter(|(id, _)| {
            id.incarnation != self.incarnation && id.lsn > found.received(id.incarnation)
        });
        let mut entries: Vec<Entry> =
            window.map(|(id, stamped)| stamped.entry(id, partition)).collect();
        entries.sort_by_key(|entry| (entry.incarnation, entry.lsn));
        if !entries.is_empty() {
            self.send(entries).await?;
        }
        Ok(())
    }

    /// A consistent copy of the records in order, the running state, and the positions that were read.
    pub(crate) fn snapshot(&self) -> (Vec<OrderedPartition>, State, Vec<LogPosition>) {
        let state = lock(&self.state);
        let positions = lock(&self.positions);
        (lock(&self.ordered).clone(), state.clone(), positions.clone())
    }
}

/// Replays the store's log from its beginning, or from the last base snapshots; `each` receives the
/// effect of every entry, in order. What comes after `finals`, the last final place of each partition, is
/// provisional.
pub(crate) async fn replay(
    client: &Client,
    since: ReplayFrom,
    finals: impl IntoIterator<Item = Place>,
    each: &mut impl FnMut(&ApplyOutcome),
) -> Result<State, StoreError> {
    let which = match since {
        ReplayFrom::First => BaseKind::First,
        ReplayFrom::NewestCheckpoint => BaseKind::Last,
    };
    let mut state = State::default();
    for (partition, last) in (0..PARTITIONS).zip(finals) {
        // Read once to know whether the watermarks hold, since effects cannot be taken back.
        let read = PartitionSums::read(client, partition, which, u64::MAX).await?;
        let mut sums = PartitionSums::at(client, partition, which).await?;
        sums.keep_all(read.keeps_all());
        sums.read_on(client, partition, |_| true, each).await?;
        sums.ordered.fold(last, each);
        *state.partition_mut(partition) = sums.ordered.provisional(each);
    }
    Ok(state)
}
