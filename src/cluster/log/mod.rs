//! The log of a fleet. Each instance has its own journal, which acknowledges events; its entries
//! are shipped to the store, which keeps one log per partition in the order of arrival; every instance
//! puts the records in the order that they carry ([`order`](crate::ledger::order)) and reaches the same
//! final state. The store decides nothing: all verdicts come from [`apply`](crate::ledger::apply).
//!
//! The journal's files are the source of truth for events acknowledged here. Sending is idempotent,
//! so after any error the files are read again from the first LSN that the log does not have; the
//! queue of fresh entries only avoids reading them in normal operation.
//!
//! The store holds two base snapshots of each partition (`partition_sums`): a start reads on from the
//! last one, and the log begins after the first one. `reconcile` advances both, and compares.

mod backlog;
mod confirm;
mod error_log;
mod event_log;
mod files;
mod follow;
mod listen;
mod local_totals;
mod losses;
mod lost_records;
mod migrate;
mod partition_sums;
mod position;
mod queue;
mod reconcile;
mod segment_ends;
mod ship;
mod state_cache;
mod unread;
mod wakeups;

pub(crate) use error_log::StoreErrorLog;
pub(crate) use follow::replay;
pub(crate) use listen::NextRead;
pub(crate) use migrate::migrate;
pub(crate) use reconcile::{journal_mismatches, recompute};
pub(crate) use state_cache::is_partial;

use crate::cluster::log::backlog::Backlog;
use crate::cluster::log::local_totals::LocalTotals;
use crate::cluster::log::losses::Losses;
use crate::cluster::log::position::LogPosition;
use crate::cluster::log::queue::Queue;
use crate::cluster::log::segment_ends::SegmentEnds;
use crate::cluster::log::state_cache::CachedState;
use crate::cluster::log::unread::Unread;
use crate::cluster::log::wakeups::Wakeups;
use crate::cluster::membership::Membership;
use crate::journal::{JournalError, PARTITIONS, Recovery};
use crate::ledger::event_log::Listener;
use crate::ledger::order::{HybridClock, OrderedPartition};
use crate::ledger::partition::Position;
use crate::ledger::running::Ledger;
use crate::ledger::state::State;
use crate::store::breaker::Breaker;
use crate::store::log::Reached;
use crate::store::{Client, StoreError, log};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How long a heartbeat waits until this instance's records are in the log.
const REACH_TIMEOUT: Duration = Duration::from_millis(500);

/// An instance's connection to the fleet's log.
pub struct SharedLog {
    client: Arc<Client>,
    membership: Arc<Membership>,
    incarnation: u64,
    folder: PathBuf,
    store: u64,
    queue: Mutex<Queue>,
    wakeup: Notify,
    wakeups: Wakeups,
    state: Arc<Mutex<State>>,
    positions: Mutex<Vec<LogPosition>>,
    /// The positions belong to a state read from the store or the cache.
    has_state: AtomicBool,
    /// The last LSNs in the files at the start, by earlier incarnation.
    lsns_at_start: BTreeMap<u64, Vec<u64>>,
    /// Entries of these incarnations that the log has beyond them; compared once the log was read.
    missing_here: OnceLock<u64>,
    /// Each partition's records in order.
    ordered: Mutex<Vec<OrderedPartition>>,
    /// By process start, what it has told to have sent.
    reached: Mutex<BTreeMap<u64, Reached>>,
    /// The stamp up to which every partition was final when the log was last read to its end.
    final_until_ms: AtomicI64,
    clock: Arc<HybridClock>,
    /// Records that were read here and that the store had lost and could not be given back.
    lost_records: AtomicU64,
    losses: Mutex<Losses>,
    listener: Mutex<Listener>,
    /// Of this process, by partition: the last LSN that a replica has.
    confirmed: [AtomicU64; PARTITIONS as usize],
    /// Whether a replica has been seen.
    replicated: AtomicBool,
    /// Of earlier incarnations whose files are here: the last LSN sent, until it is read in the log.
    sent_for_others: Mutex<BTreeMap<(u64, u8), u64>>,
    /// (incarnation, partition) pairs that cannot be sent, because earlier records are missing here.
    gaps: Mutex<BTreeSet<(u64, u8)>>,
    segment_ends: Mutex<SegmentEnds>,
    breaker: Mutex<Breaker>,
    /// Records of this process that the log does not have, and those not applied here.
    unsent: Mutex<Backlog>,
    unapplied: Mutex<Backlog>,
    unread: Mutex<Unread>,
    /// When the whole log was last read.
    read_at: Mutex<Instant>,
    state_advanced: Notify,
    sent_advanced: Notify,
    resend_all: AtomicBool,
    reachable: AtomicBool,
    /// Sending, and reading, wait for an operator's action.
    sending_blocked: AtomicBool,
    reading_blocked: AtomicBool,
    rewinds: AtomicU64,
    /// Since when the owners of a partition's lost records are awaited, and how many are missing.
    rewound_at: Mutex<BTreeMap<u8, (Instant, u64)>>,
    shipped: AtomicU64,
    local_totals: Mutex<LocalTotals>,
}

impl SharedLog {
    /// Connects to the log of a store. Until it is read, the state is the cached one, if `folder` has a
    /// cache. `recovery` is what was found in the files.
    pub(crate) fn open(
        client: Client,
        incarnation: u64,
        folder: &Path,
        store: u64,
        recovery: &Recovery,
        listener: Listener,
    ) -> io::Result<SharedLog> {
        let cache = state_cache::read(folder)?;
        let has_state = cache.is_some();
        let (share, saved) = match cache {
            None => ((1, 0), Vec::new()),
            Some(CachedState { share, partitions, .. }) => (share, partitions),
        };
        let (mut ordered, mut positions) = (Vec::new(), Vec::new());
        for (saved, position) in saved {
            ordered.push(OrderedPartition::from(saved));
            positions.push(position);
        }
        ordered.resize_with(usize::from(PARTITIONS), OrderedPartition::default);
        positions.resize_with(usize::from(PARTITIONS), LogPosition::default);
        let mut state = State::default();
        for (partition, ordered) in (0..PARTITIONS).zip(&mut ordered) {
            *state.partition_mut(partition) = ordered.provisional(&mut |_| {});
        }
        Ok(SharedLog {
            client: Arc::new(client),
            membership: Arc::new(Membership::in_fleet(incarnation, share)),
            incarnation,
            folder: folder.to_owned(),
            store,
            queue: Mutex::default(),
            wakeup: Notify::new(),
            wakeups: Wakeups::default(),
            clock: Arc::new(HybridClock::above(state.latest_stamp())),
            state: Arc::new(Mutex::new(state)),
            positions: Mutex::new(positions),
            ordered: Mutex::new(ordered),
            reached: Mutex::default(),
            final_until_ms: AtomicI64::new(i64::MIN),
            has_state: AtomicBool::new(has_state),
            lsns_at_start: recovery.last_lsns.clone(),
            missing_here: OnceLock::new(),
            lost_records: AtomicU64::new(0),
            losses: Mutex::default(),
            listener: Mutex::new(listener),
            confirmed: [const { AtomicU64::new(0) }; PARTITIONS as usize],
            replicated: AtomicBool::new(false),
            sent_for_others: Mutex::default(),
            gaps: Mutex::default(),
            segment_ends: Mutex::default(),
            breaker: Mutex::default(),
            unsent: Mutex::default(),
            unapplied: Mutex::default(),
            unread: Mutex::default(),
            read_at: Mutex::new(Instant::now()),
            state_advanced: Notify::new(),
            sent_advanced: Notify::new(),
            resend_all: AtomicBool::new(true),
            reachable: AtomicBool::new(false),
            sending_blocked: AtomicBool::new(false),
            reading_blocked: AtomicBool::new(false),
            rewinds: AtomicU64::new(0),
            rewound_at: Mutex::default(),
            shipped: AtomicU64::new(0),
            local_totals: Mutex::default(),
        })
    }

    /// Connects to send the segments of `folder`, and nothing else.
    pub(crate) fn sender(client: Client, folder: &Path, store: u64) -> io::Result<SharedLog> {
        SharedLog::open(
            client,
            rand::random(),
            folder,
            store,
            &Recovery::default(),
            Box::new(|_| {}),
        )
    }

    /// The store client.
    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// This instance's place in the fleet.
    pub(crate) fn membership(&self) -> &Arc<Membership> {
        &self.membership
    }

    /// The state that the log's records are applied to.
    pub(crate) fn state(&self) -> &Arc<Mutex<State>> {
        &self.state
    }

    /// Whether the state comes from the store, if only from the cache of an earlier start.
    pub(crate) fn has_state(&self) -> bool {
        self.has_state.load(Ordering::Acquire)
    }

    fn unconfirmed(&self) -> u64 {
        let unsent = lock(&self.unsent);
        if !self.replicated.load(Ordering::Acquire) {
            return unsent.count();
        }
        // Entries that the log has lost are no longer confirmed.
        let all =
            unsent.written_lsns().into_iter().zip(unsent.processed_lsns()).zip(&self.confirmed);
        all.map(|((written, sent), confirmed)| {
            written.saturating_sub(sent.min(confirmed.load(Ordering::Acquire)))
        })
        .sum()
    }

    /// Makes the shipper read the files again and send everything that the log does not have.
    pub(crate) fn request_resend(&self) {
        self.resend_all.store(true, Ordering::Release);
        lock(&self.queue).mark_incomplete();
        self.wakeup.notify_one();
    }

    /// Notes whether reading waits for an operator's action.
    pub(crate) fn set_reading_blocked(&self, refused: bool) {
        self.reading_blocked.store(refused, Ordering::Release);
    }

    /// Number of entries sent, including repeated ones.
    pub fn shipped(&self) -> u64 {
        self.shipped.load(Ordering::Relaxed)
    }

    /// Gives the stamps of this instance's records.
    pub(crate) fn clock(&self) -> &Arc<HybridClock> {
        &self.clock
    }

    /// Sends a heartbeat at `now_ms` and reads the membership. `reached` is what this instance has sent, if
    /// it is known.
    pub(crate) async fn heartbeat(
        &self,
        now_ms: i64,
        reached: Option<&Reached>,
    ) -> Result<(), StoreError> {
        // Measured before the request: an instance in the answer may have died since.
        let sent_at = self.membership.age();
        let heard = log::heartbeat(&self.client, self.incarnation, reached).await?;
        let halfway = (self.membership.age() - sent_at) / 2;
        let own_ms = now_ms + i64::try_from(halfway.as_millis()).unwrap_or(0);
        *lock(&self.reached) = heard.reached;
        self.membership.observe(heard.members, sent_at, own_ms - heard.store_ms);
        Ok(())
    }

    /// Gives stamps above all that the instances have told to have reached.
    pub(crate) fn stamp_above_all_reached(&self) {
        lock(&self.reached).values().for_each(|told| self.clock.observe(told.stamp));
    }

    /// The records of `ledger`, this instance's, up to now; `None` if they are not in the log within half a
    /// second.
    pub(crate) async fn sent_until(&self, ledger: &Ledger, now_ms: i64) -> Option<Reached> {
        let stamp = self.clock.now(now_ms);
        // What a journal that cannot write rejects is not recorded; later records are above the stamp.
        if let Err(JournalError::Busy) = ledger.barrier().await {
            return None;
        }
        let written = lock(&self.unsent).written_lsns();
        let sent = async {
            loop {
                let advanced = self.sent_advanced.notified();
                if lock(&self.unsent).is_processed(&written) {
                    return;
                }
                advanced.await;
            }
        };
        tokio::time::timeout(REACH_TIMEOUT, sent).await.ok()?;
        Some(Reached { stamp, lsns: written })
    }

    /// Writers of each partition that are not among `members` and have been silent for too long at
    /// `now_ms`, with their last known LSN.
    pub(crate) fn silent(&self, members: &[u64], now_ms: i64) -> Vec<(u8, u64, u64)> {
        let reached = lock(&self.reached).clone();
        let ordered = lock(&self.ordered);
        let silent = (0..PARTITIONS).zip(&*ordered).flat_map(|(partition, ordered)| {
            let awaited = ordered.writers().awaited().filter(|(of, _)| !members.contains(of));
            let last: BTreeMap<u64, Position> = ordered.incarnations().collect();
            let silent = awaited.filter_map(|(of, timeout_ms)| {
                let last = last.get(&of).copied().unwrap_or_default();
                let heard_ms =
                    reached.get(&of).map_or(last.stamp, |told| last.stamp.max(told.stamp));
                let is_gone = heard_ms.saturating_add(timeout_ms) < now_ms;
                is_gone.then_some((partition, of, last.lsn))
            });
            silent.collect::<Vec<_>>()
        });
        silent.collect()
    }

    /// Partitions in which this instance was declared gone.
    pub(crate) fn partitions_without_this(&self) -> Vec<u8> {
        let ordered = lock(&self.ordered);
        let all = (0..PARTITIONS).zip(&*ordered);
        all.filter(|(_, one)| one.writers().is_gone(self.incarnation)).map(|(at, _)| at).collect()
    }

    /// Number of records above the watermark that are kept in memory.
    pub fn provisional(&self) -> u64 {
        lock(&self.ordered).iter().map(|one| one.window().len() as u64).sum()
    }

    /// Number of partitions whose records above the watermark are in the log only.
    pub fn overflowed(&self) -> usize {
        lock(&self.ordered).iter().filter(|one| one.is_overflowed()).count()
    }

    /// The stamp below which every record of a partition is in the log.
    fn watermark(&self, partition: u8) -> i64 {
        lock(&self.ordered)[usize::from(partition)].last().stamp
    }

    /// Leaves the membership.
    pub(crate) async fn leave(&self) -> Result<(), StoreError> {
        log::leave(&self.client, self.incarnation).await
    }
}

/// The stamp up to which a partition is final. What a writer has told to have sent counts once it was read:
/// the store may have lost it since.
fn final_until(partition: u8, ordered: &OrderedPartition, told: &BTreeMap<u64, Reached>) -> i64 {
    let is_read = |of: u64, reached: &Reached| {
        let sent = reached.lsns.get(usize::from(partition));
        sent.is_some_and(|lsn| ordered.received(of) >= *lsn)
    };
    let read = told.iter().filter(|(of, reached)| is_read(**of, reached));
    ordered.watermark(&read.map(|(of, reached)| (*of, reached.stamp)).collect())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
