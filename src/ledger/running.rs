//! The running ledger: a journal that acknowledges, and the state that follows it. Without a store the
//! journal's writer applies each durable batch itself; in a fleet it hands batches to [`ClusterLedger`].

use crate::domain::event::{InvalidReason, Verdict};
use crate::domain::money::Micros;
use crate::journal;
use crate::journal::disk::Folder;
use crate::journal::{Entry, Journal, JournalError, JournalOptions, PARTITIONS, Recovery};
use crate::ledger::apply::EntryOutcome;
use crate::ledger::cluster::ClusterLedger;
use crate::ledger::history::ReplayFrom;
use crate::ledger::outcome::{ApplyOutcome, EventVerdict};
use crate::ledger::record::{Event, Record};
use crate::ledger::rules::Rules;
use crate::ledger::state::State;
use crate::ledger::views::Views;
use crate::ledger::{apply, cluster, history};
use crate::store::Client;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, io};

/// How long to wait until recorded events are applied from the store's log.
const APPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// A ledger over a folder of segments.
pub struct Ledger {
    journal: Journal,
    state: Arc<Mutex<State>>,
    folder: PathBuf,
    store: u64,
    recovery: Recovery,
    rules: Rules,
    cluster: Option<Arc<ClusterLedger>>,
    /// The last few earlier incarnations that wrote to these files.
    predecessors: Vec<u64>,
    /// The latest time recorded by this incarnation, by partition, in unix milliseconds.
    last_recorded_ms: [AtomicI64; PARTITIONS as usize],
}

/// How many earlier incarnations a process names as predecessors: it may be the first to start after
/// any of them.
const PREDECESSORS: usize = 8;

/// A change of the state, as passed to a listener.
pub enum LedgerUpdate<'a> {
    /// A record was applied.
    Applied(&'a ApplyOutcome),
    /// The state was rebuilt.
    Rebuilt(&'a State),
}

/// Receives every change, in order.
pub type Listener = Box<dyn FnMut(LedgerUpdate<'_>) + Send>;

impl Ledger {
    /// Recovers the ledger of `folder` and continues in a new segment. Event windows that differ
    /// from the recorded ones apply from here on.
    pub fn open(
        folder: &Path,
        incarnation: u64,
        segment_bytes: u64,
        rules: Rules,
        mut listener: Listener,
    ) -> io::Result<Ledger> {
        fs::create_dir_all(folder)?;
        let store = history::ensure_store_id(folder, incarnation)?;
        let (checkpoint, recovery) =
            history::replay(folder, ReplayFrom::NewestCheckpoint, u64::MAX, true, |_| {})?;
        let number = checkpoint.from;
        let state = Arc::new(Mutex::new(checkpoint.state));
        let applied = state.clone();
        let apply_batch = move |entries: &[Entry]| {
            let mut state = applied.lock().unwrap_or_else(PoisonError::into_inner);
            for entry in entries {
                match apply::apply_entry(&mut state, entry).expect("this process encoded it") {
                    EntryOutcome::Next(applied) | EntryOutcome::Gap { applied, .. } => {
                        listener(LedgerUpdate::Applied(&applied));
                    }
                    EntryOutcome::Duplicate => {}
                }
            }
        };
        let disk = Box::new(Folder::new(folder));
        let journal = Journal::start(
            disk,
            JournalOptions { incarnation, store, number, segment_bytes },
            apply_batch,
        )?;
        let folder = folder.to_owned();
        let (cluster, predecessors) = (None, Vec::new());
        let last_recorded_ms = [const { AtomicI64::new(0) }; PARTITIONS as usize];
        let ledger = Ledger {
            journal,
            state,
            folder,
            store,
            recovery,
            rules,
            cluster,
            predecessors,
            last_recorded_ms,
        };
        ledger.write_rules().map_err(io::Error::other)?;
        Ok(ledger)
    }

    /// Opens the ledger of a fleet instance. Its state is the cached one, or empty, until [`ClusterLedger`]
    /// ships and follows.
    pub fn open_cluster(
        folder: &Path,
        incarnation: u64,
        segment_bytes: u64,
        rules: Rules,
        listener: Listener,
        client: Client,
    ) -> io::Result<Ledger> {
        fs::create_dir_all(folder)?;
        let store = history::ensure_store_id(folder, incarnation)?;
        let recovery = journal::recover(folder, 0, Some(store), true, |_| {})?;
        let mut predecessors: Vec<u64> =
            journal::segments(folder)?.iter().map(|segment| segment.incarnation).collect();
        predecessors.dedup();
        let predecessors = predecessors.split_off(predecessors.len().saturating_sub(PREDECESSORS));
        let state = Arc::new(Mutex::new(State::default()));
        let (place, read) = (folder.to_owned(), state.clone());
        let cluster =
            Arc::new(ClusterLedger::open(client, incarnation, place, store, read, listener)?);
        let (disk, shipper) = (Box::new(Folder::new(folder)), cluster.clone());
        let start =
            JournalOptions { incarnation, store, number: recovery.next_segment, segment_bytes };
        let journal = Journal::start(disk, start, move |entries| shipper.enqueue(entries))?;
        let (folder, cluster) = (folder.to_owned(), Some(cluster));
        let last_recorded_ms = [const { AtomicI64::new(0) }; PARTITIONS as usize];
        Ok(Ledger {
            journal,
            state,
            folder,
            store,
            recovery,
            rules,
            cluster,
            predecessors,
            last_recorded_ms,
        })
    }

    /// Joins the writers of every partition, before any other record of this incarnation: events
    /// that wait for its records are not settled before it has written.
    pub async fn join(&self, now_ms: i64) -> Result<(), JournalError> {
        let timeout_ms = self.rules.spool_ms;
        let here =
            Record::Join { at_ms: now_ms, timeout_ms, predecessors: self.predecessors.clone() };
        self.write_to((0..PARTITIONS).collect(), &here).await
    }

    /// Leaves the writers of every partition: this incarnation writes nothing more.
    pub async fn leave(&self, now_ms: i64) -> Result<(), JournalError> {
        self.write_to((0..PARTITIONS).collect(), &Record::Leave { at_ms: now_ms }).await
    }

    /// Records the time in partitions with overdue events where this incarnation has not recorded a
    /// later time.
    pub async fn tick(&self, now_ms: i64) -> Result<(), JournalError> {
        let overdue: Vec<u8> = {
            let state = self.state();
            let is_silent = |partition: &u8| {
                let last_recorded_ms =
                    self.last_recorded_ms[usize::from(*partition)].load(Ordering::Relaxed);
                state.deadline(*partition).is_some_and(|end_ms| last_recorded_ms <= end_ms)
            };
            state.overdue(now_ms).into_iter().filter(is_silent).collect()
        };
        self.write_to(overdue, &Record::Tick { at_ms: now_ms }).await
    }

    async fn write_to(&self, partitions: Vec<u8>, record: &Record) -> Result<(), JournalError> {
        let writes = partitions.into_iter().map(|partition| self.write(partition, record));
        futures_util::future::try_join_all(writes).await.map(drop)
    }

    /// The fleet connection, if a store is configured.
    pub fn cluster(&self) -> Option<&Arc<ClusterLedger>> {
        self.cluster.as_ref()
    }

    /// Records the event windows in partitions where others are in force. Does not wait for the
    /// disk: later records come after it.
    pub fn write_rules(&self) -> Result<(), JournalError> {
        let outdated = self.state().partitions_with_other_rules(&self.rules);
        let record = Record::Rules(self.rules).encode();
        outdated.into_iter().try_for_each(|at| self.journal.append(at, record.clone()).map(drop))
    }

    /// Records an event; returns when it is on disk, and without a store also applied.
    pub async fn record(&self, event: Event) -> Result<(), JournalError> {
        let partition = event.decision_key.partition;
        self.write(partition, &Record::Event(Arc::new(event))).await
    }

    /// Appends a record; returns when it is on disk.
    pub async fn write(&self, partition: u8, record: &Record) -> Result<(), JournalError> {
        let ack = self.journal.append(partition, record.encode())?;
        ack.await.unwrap_or(Err(JournalError::Failed))?;
        if let Some(at_ms) = record.at_ms() {
            self.last_recorded_ms[usize::from(partition)].fetch_max(at_ms, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Waits as long as recording would, and records nothing.
    pub async fn barrier(&self) -> Result<(), JournalError> {
        let ack = self.journal.barrier()?;
        ack.await.unwrap_or(Err(JournalError::Failed))
    }

    /// Waits until everything recorded here so far is applied; `false` when that takes longer than
    /// five seconds because the store is unreachable. Immediate without a store.
    pub async fn wait_until_applied(&self) -> bool {
        match &self.cluster {
            None => true,
            Some(cluster) => cluster.wait_until_applied(APPLY_TIMEOUT).await,
        }
    }

    /// The locked state; release it quickly.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the aggregates that shares unchanged data, so that long folds block no event.
    pub fn views(&self) -> Views {
        self.state().views.clone()
    }

    /// Number of the segment being written.
    pub fn segment(&self) -> u64 {
        self.journal.segment()
    }

    /// Id of the data directory.
    pub fn store_id(&self) -> u64 {
        self.store
    }

    /// Folder of the segments.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What recovery found at the start.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Whether it accepts records: no sync has failed, and the disk was not full at the last batch.
    pub fn is_up(&self) -> bool {
        !self.journal.has_failed() && !self.journal.is_disk_full()
    }

    /// Whether it accepts nothing until a restart.
    pub fn has_failed(&self) -> bool {
        self.journal.has_failed()
    }

    /// All events of some decisions with their latest verdicts, in order of arrival: replays the
    /// journal's existing segments, or the store's log. From the newest checkpoint on it is much
    /// faster, and finds only what arrived since then.
    pub fn events_of(
        &self,
        decisions: &BTreeSet<u128>,
        since: ReplayFrom,
    ) -> io::Result<Vec<EventVerdict>> {
        let mut found: Vec<EventVerdict> = Vec::new();
        let mut visit = |applied: &ApplyOutcome| {
            let is_requested = |event: &Event| decisions.contains(&event.decision);
            for one in applied.verdicts.iter().filter(|one| is_requested(&one.event)) {
                match found.iter_mut().find(|previous| Arc::ptr_eq(&previous.event, &one.event)) {
                    Some(previous) => *previous = one.clone(),
                    None => found.push(one.clone()),
                }
            }
            let credited = applied.adjustment.as_ref().and_then(|returned| returned.event.as_ref());
            if let Some(event) = credited.filter(|event| is_requested(event)) {
                let counted = |previous: &&mut EventVerdict| {
                    previous.event.is_same(event) && previous.verdict == Verdict::Counted
                };
                if let Some(previous) = found.iter_mut().find(counted) {
                    previous.verdict = Verdict::Invalid(InvalidReason::Credited);
                    previous.billed = Micros::ZERO;
                }
            }
        };
        match &self.cluster {
            None => drop(history::replay(&self.folder, since, u64::MAX, false, visit)?),
            Some(cluster) => {
                let read = cluster::replay(cluster.client(), since, &mut visit);
                tokio::runtime::Handle::current().block_on(read).map_err(io::Error::other)?;
            }
        }
        Ok(found)
    }
}
