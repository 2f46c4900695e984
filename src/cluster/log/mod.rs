//! The log of a fleet. Each instance has its own journal, which acknowledges events; its entries
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
mod event_log;
mod files;
mod follow;
mod listen;
mod local_totals;
mod lost_records;
mod migrate;
mod partition_sums;
mod position;
mod queue;
mod reconcile;
mod segment_ends;
mod ship;
mod state_cache;
mod wakeups;

pub(crate) use error_log::StoreErrorLog;
pub(crate) use follow::replay;
pub(crate) use listen::NextRead;
pub(crate) use migrate::migrate;
pub(crate) use reconcile::{journal_mismatches, recompute};

use crate::cluster::log::backlog::Backlog;
use crate::cluster::log::local_totals::LocalTotals;
use crate::cluster::log::lost_records::SeenPositions;
use crate::cluster::log::position::LogPosition;
use crate::cluster::log::queue::Queue;
use crate::cluster::log::segment_ends::SegmentEnds;
use crate::cluster::log::state_cache::CachedState;
use crate::cluster::log::wakeups::Wakeups;
use crate::cluster::membership::Membership;
use crate::journal::{PARTITIONS, Recovery};
use crate::ledger::event_log::Listener;
use crate::ledger::state::State;
use crate::store::breaker::Breaker;
use crate::store::{Client, StoreError, log};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

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
    lost_records: Mutex<SeenPositions>,
    /// The last LSNs in the files at the start, by earlier incarnation.
    lsns_at_start: BTreeMap<u64, Vec<u64>>,
    /// Entries of these incarnations that the log has beyond them; compared once the log was read.
    missing_here: OnceLock<u64>,
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
    reachable: AtomicBool,
    /// Sending, and reading, wait for an operator's action.
    sending_blocked: AtomicBool,
    reading_blocked: AtomicBool,
    rewinds: AtomicU64,
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
        let nothing = || vec![LogPosition::default(); usize::from(PARTITIONS)];
        let (share, positions, state) = match cache {
            None => ((1, 0), nothing(), State::default()),
            Some(CachedState { share, positions, state, .. }) => (share, positions, state),
        };
        Ok(SharedLog {
            client: Arc::new(client),
            membership: Arc::new(Membership::in_fleet(incarnation, share)),
            incarnation,
            folder: folder.to_owned(),
            store,
            queue: Mutex::default(),
            wakeup: Notify::new(),
            wakeups: Wakeups::default(),
            state: Arc::new(Mutex::new(state)),
            positions: Mutex::new(positions),
            has_state: AtomicBool::new(has_state),
            lost_records: Mutex::default(),
            lsns_at_start: recovery.last_lsns.clone(),
            missing_here: OnceLock::new(),
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
            reachable: AtomicBool::new(false),
            sending_blocked: AtomicBool::new(false),
            reading_blocked: AtomicBool::new(false),
            rewinds: AtomicU64::new(0),
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

    /// Sends a heartbeat at `now_ms` and reads the membership.
    pub(crate) async fn heartbeat(&self, now_ms: i64) -> Result<(), StoreError> {
        // Measured before the request: an instance in the answer may have died since.
        let sent_at = self.membership.age();
        let (store_ms, here) = log::heartbeat(&self.client, self.incarnation).await?;
        let halfway = (self.membership.age() - sent_at) / 2;
        let own_ms = now_ms + i64::try_from(halfway.as_millis()).unwrap_or(0);
        let members = here.iter().filter_map(|one| u64::from_str_radix(one, 16).ok()).collect();
        self.membership.observe(members, sent_at, own_ms - store_ms);
        Ok(())
    }

    /// Leaves the membership.
    pub(crate) async fn leave(&self) -> Result<(), StoreError> {
        log::leave(&self.client, self.incarnation).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
