//! The ledger of a fleet. Each instance has its own journal, which acknowledges events; its entries
//! are shipped to the store, which puts all entries into one log per partition; every instance
//! applies these logs in order and reaches the same state. The store decides nothing: all verdicts
//! come from [`apply`](crate::ledger::apply).
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
mod files;
mod follow;
mod lost_records;
pub mod membership;
mod migrate;
mod partition_sums;
mod queue;
mod reconcile;
mod ship;
mod state_cache;

pub use error_log::StoreErrorLog;
pub use follow::replay;
pub use migrate::migrate;
pub use reconcile::recompute;

use crate::journal::{Entry, PARTITIONS};
use crate::ledger::cluster::backlog::Backlog;
use crate::ledger::cluster::files::SegmentEnds;
use crate::ledger::cluster::lost_records::SeenPositions;
use crate::ledger::cluster::membership::Membership;
use crate::ledger::cluster::queue::Queue;
use crate::ledger::cluster::state_cache::CachedState;
use crate::ledger::local_totals::LocalTotals;
use crate::ledger::running::Listener;
use crate::ledger::state::State;
use crate::store::breaker::Breaker;
use crate::store::{Client, StoreError, log};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// An instance's connection to the fleet's ledger.
pub struct ClusterLedger {
    client: Client,
    incarnation: u64,
    folder: PathBuf,
    store: u64,
    queue: Mutex<Queue>,
    wakeup: Notify,
    state: Arc<Mutex<State>>,
    positions: Mutex<Vec<LogPosition>>,
    /// The positions belong to a state read from the store or the cache.
    has_state: AtomicBool,
    lost_records: Mutex<SeenPositions>,
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
    /// When the whole log was last read.
    read_at: Mutex<Instant>,
    state_advanced: Notify,
    resend_all: AtomicBool,
    /// Whether the whole log has been read since the start.
    caught_up: AtomicBool,
    reachable: AtomicBool,
    /// Sending, and reading, wait for an operator's action.
    sending_blocked: AtomicBool,
    reading_blocked: AtomicBool,
    rewinds: AtomicU64,
    shipped: AtomicU64,
    /// Number of instances, and the index of this one among them.
    instances: AtomicUsize,
    membership: Membership,
    index: AtomicUsize,
    members: Mutex<Vec<u64>>,
    /// Start of the process, and its age at the last answered heartbeat, in milliseconds.
    started_at: Instant,
    heartbeat_ms: AtomicU64,
    /// How far the local clock is ahead of the store's, in milliseconds.
    clock_skew_ms: AtomicI64,
    local_totals: Mutex<LocalTotals>,
}

/// How far a partition's log was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// Number of the last batch read.
    pub number: u64,
    /// The log's chain hash at that batch.
    pub chain: Vec<u8>,
}

/// Status of shipping and reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterStatus {
    /// The store answered the last request.
    pub is_up: bool,
    /// The store rejects something until an operator acts.
    pub is_blocked: bool,
    /// Entries on disk here that the log does not have.
    pub unsent: u64,
    /// Entries on disk here that no replica of the log has; without a replica, the unsent ones.
    pub unconfirmed: u64,
    /// How long the oldest unsent entry has waited.
    pub oldest_unsent: Duration,
    /// Entries on disk here that are not applied here.
    pub unapplied: u64,
    /// Ledger lag: how long the oldest entry on disk here has waited to be applied, or, if longer,
    /// the time since the whole log was last read.
    pub lag: Duration,
    /// Number of instances, including this one.
    pub instances: usize,
    /// How often the files were sent again because the log had lost entries.
    pub rewinds: u64,
    /// Entries that were read here and are no longer in the log.
    pub lost_records: u64,
}

impl ClusterLedger {
    /// Connects `state` to the store's log. Until the log is read, the state is the cached one, if the
    /// folder has a cache.
    pub fn open(
        client: Client,
        incarnation: u64,
        folder: PathBuf,
        store: u64,
        state: Arc<Mutex<State>>,
        listener: Listener,
    ) -> io::Result<ClusterLedger> {
        let cache = state_cache::read(&folder)?;
        let has_state = cache.is_some();
        let nothing = || vec![LogPosition::default(); usize::from(PARTITIONS)];
        let (share, positions) = match cache {
            None => ((1, 0), nothing()),
            Some(CachedState { share, positions, state: found, .. }) => {
                *lock(&state) = found;
                (share, positions)
            }
        };
        Ok(ClusterLedger {
            client,
            incarnation,
            folder,
            store,
            queue: Mutex::default(),
            wakeup: Notify::new(),
            state,
            positions: Mutex::new(positions),
            has_state: AtomicBool::new(has_state),
            lost_records: Mutex::default(),
            listener: Mutex::new(listener),
            confirmed: [const { AtomicU64::new(0) }; PARTITIONS as usize],
            replicated: AtomicBool::new(false),
            sent_for_others: Mutex::default(),
            gaps: Mutex::default(),
            segment_ends: Mutex::default(),
            breaker: Mutex::default(),
            unsent: Mutex::default(),
            unapplied: Mutex::default(),
            read_at: Mutex::new(Instant::now()),
            state_advanced: Notify::new(),
            resend_all: AtomicBool::new(true),
            caught_up: AtomicBool::new(false),
            reachable: AtomicBool::new(false),
            sending_blocked: AtomicBool::new(false),
            reading_blocked: AtomicBool::new(false),
            rewinds: AtomicU64::new(0),
            shipped: AtomicU64::new(0),
            instances: AtomicUsize::new(share.0),
            membership: Membership::of(share.0),
            index: AtomicUsize::new(share.1),
            members: Mutex::default(),
            started_at: Instant::now(),
            heartbeat_ms: AtomicU64::new(0),
            clock_skew_ms: AtomicI64::new(0),
            local_totals: Mutex::default(),
        })
    }

    /// The store client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Totals of the events recorded by this process.
    pub fn local_totals(&self) -> LocalTotals {
        lock(&self.local_totals).clone()
    }

    /// Queues durable entries for shipping. Called by the journal's thread; never blocks on the store.
    pub fn enqueue(&self, entries: &[Entry]) {
        let now = Instant::now();
        {
            let (mut unsent, mut unapplied) = (lock(&self.unsent), lock(&self.unapplied));
            for entry in entries {
                unsent.written(entry.partition, entry.lsn, now);
                unapplied.written(entry.partition, entry.lsn, now);
            }
        }
        lock(&self.queue).push(entries);
        self.wakeup.notify_one();
    }

    /// Whether the whole log was read at least once since the start.
    pub fn is_caught_up(&self) -> bool {
        self.caught_up.load(Ordering::Acquire)
    }

    /// Whether the state comes from the store, if only from the cache of an earlier start.
    pub fn has_state(&self) -> bool {
        self.has_state.load(Ordering::Acquire)
    }

    /// The current status.
    pub fn status(&self) -> ClusterStatus {
        let age = |since: Option<Instant>| since.map_or(Duration::ZERO, |since| since.elapsed());
        let (unsent, waiting) = {
            let unsent = lock(&self.unsent);
            (unsent.count(), age(unsent.oldest_since()))
        };
        let (unapplied, own) = {
            let unapplied = lock(&self.unapplied);
            (unapplied.count(), age(unapplied.oldest_since()))
        };
        ClusterStatus {
            is_up: self.reachable.load(Ordering::Acquire),
            is_blocked: self.sending_blocked.load(Ordering::Acquire)
                || self.reading_blocked.load(Ordering::Acquire)
                || !lock(&self.gaps).is_empty(),
            unsent,
            unconfirmed: self.unconfirmed(),
            oldest_unsent: waiting,
            unapplied,
            lag: own.max(lock(&self.read_at).elapsed()),
            instances: self.fleet_position().0,
            rewinds: self.rewinds.load(Ordering::Relaxed),
            lost_records: lock(&self.lost_records).missing(&lock(&self.state)),
        }
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
    fn request_resend(&self) {
        self.resend_all.store(true, Ordering::Release);
        lock(&self.queue).mark_incomplete();
        self.wakeup.notify_one();
    }

    /// Notes whether reading waits for an operator's action.
    pub fn set_reading_blocked(&self, refused: bool) {
        self.reading_blocked.store(refused, Ordering::Release);
    }

    /// Number of entries sent, including repeated ones.
    pub fn shipped(&self) -> u64 {
        self.shipped.load(Ordering::Relaxed)
    }

    /// Waits until everything written by this process so far is applied here; `false` on a timeout.
    pub async fn wait_until_applied(&self, patience: Duration) -> bool {
        let due = lock(&self.unapplied).written_lsns();
        let settled = async {
            loop {
                let applied = self.state_advanced.notified();
                if lock(&self.unapplied).is_processed(&due) {
                    return;
                }
                applied.await;
            }
        };
        tokio::time::timeout(patience, settled).await.is_ok()
    }

    /// The number of instances, and the index of this one, from 0, as of the last heartbeat.
    pub fn fleet_position(&self) -> (usize, usize) {
        (self.instances.load(Ordering::Acquire), self.index.load(Ordering::Acquire))
    }

    /// The number of instances that may be selling from the same budgets.
    pub fn instance_count(&self) -> usize {
        self.membership.count()
    }

    /// Sends a heartbeat at `now_ms` and reads the membership.
    pub async fn heartbeat(&self, now_ms: i64) -> Result<(), StoreError> {
        // Measured before the request: an instance in the answer may have died since.
        let sent_at = self.started_at.elapsed();
        let (store_ms, here) = log::heartbeat(&self.client, self.incarnation).await?;
        let halfway = (self.started_at.elapsed() - sent_at) / 2;
        let own_ms = now_ms + i64::try_from(halfway.as_millis()).unwrap_or(0);
        self.clock_skew_ms.store(own_ms - store_ms, Ordering::Release);
        let own = format!("{:016x}", self.incarnation);
        let position = here.iter().position(|one| *one == own).unwrap_or(0);
        self.instances.store(here.len().max(1), Ordering::Release);
        self.membership.observe(here.len());
        self.index.store(position, Ordering::Release);
        let number = |one: &String| u64::from_str_radix(one, 16).ok();
        *lock(&self.members) = here.iter().filter_map(number).collect();
        let heartbeat_ms = u64::try_from(sent_at.as_millis()).unwrap_or(0);
        self.heartbeat_ms.store(heartbeat_ms, Ordering::Release);
        Ok(())
    }

    /// How far the local clock was ahead of the store's at the last heartbeat, in milliseconds.
    pub fn clock_skew_ms(&self) -> i64 {
        self.clock_skew_ms.load(Ordering::Acquire)
    }

    /// Time since the last answered heartbeat.
    pub fn heartbeat_age(&self) -> Duration {
        let heard = Duration::from_millis(self.heartbeat_ms.load(Ordering::Acquire));
        self.started_at.elapsed().saturating_sub(heard)
    }

    /// The incarnations in the membership, as of the last heartbeat.
    pub fn members(&self) -> Vec<u64> {
        lock(&self.members).clone()
    }

    /// Leaves the membership.
    pub async fn leave(&self) -> Result<(), StoreError> {
        log::leave(&self.client, self.incarnation).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
