//! The running ledger: a journal that acknowledges, a log that orders what it wrote, and the state that
//! follows.

use crate::journal;
use crate::journal::disk::Folder;
use crate::journal::writer::Ack;
use crate::journal::{
    Journal, JournalError, JournalOptions, JournalStatus, PARTITIONS, Recovery, chain,
};
use crate::ledger::event_log::{EventLog, EventTotals, Listener, LogStatus};
use crate::ledger::event_search::EventSearch;
use crate::ledger::history;
use crate::ledger::history::ReplayFrom;
use crate::ledger::local_log::LocalLog;
use crate::ledger::order::HybridClock;
use crate::ledger::outcome::{ApplyOutcome, EventVerdict};
use crate::ledger::reconciler::{AuditReport, ReconcilePass, ReconcileReport, Retention};
use crate::ledger::record::{Event, Record, set_stamp};
use crate::ledger::rules::Rules;
use crate::ledger::state::State;
use crate::ledger::views::Views;
use crate::local_wait::local;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, io};

/// A ledger over a folder of segments.
pub struct Ledger {
    journal: Journal,
    state: Arc<Mutex<State>>,
    folder: PathBuf,
    store: u64,
    recovery: Recovery,
    rules: Rules,
    log: Arc<dyn EventLog>,
    clock: Arc<HybridClock>,
    /// The last few earlier incarnations that wrote to these files.
    predecessors: Vec<u64>,
    /// The latest time recorded by this incarnation, by partition, in unix milliseconds.
    last_recorded_ms: [AtomicI64; PARTITIONS as usize],
}

/// How many earlier incarnations a process names as predecessors: it may be the first to start after
/// any of them.
const PREDECESSORS: usize = 8;

/// What a ledger is started with.
pub(crate) struct Parts {
    /// Folder of the segments.
    pub(crate) folder: PathBuf,
    /// This process start.
    pub(crate) incarnation: u64,
    /// Size at which the next segment is started, in bytes.
    pub(crate) segment_bytes: u64,
    /// Id of the data directory.
    pub(crate) store: u64,
    /// The event windows.
    pub(crate) rules: Rules,
    /// What recovery found in the folder.
    pub(crate) recovery: Recovery,
    /// The state that `log` applies records to.
    pub(crate) state: Arc<Mutex<State>>,
    /// Orders the records.
    pub(crate) log: Arc<dyn EventLog>,
    /// Gives stamps above those of the records in `state`.
    pub(crate) clock: Arc<HybridClock>,
}

impl Ledger {
    /// Recovers the ledger of `folder` and continues in a new segment. Event windows that differ
    /// from the recorded ones apply from here on.
    pub fn open(
        folder: &Path,
        incarnation: u64,
        segment_bytes: u64,
        rules: Rules,
        listener: Listener,
    ) -> io::Result<Ledger> {
        fs::create_dir_all(folder)?;
        let store = history::ensure_store_id(folder, incarnation)?;
        let (checkpoint, recovery) =
            history::replay(folder, ReplayFrom::NewestCheckpoint, u64::MAX, true, |_| {})?;
        let clock = Arc::new(HybridClock::above(checkpoint.state.latest_stamp()));
        let (folder, state) = (folder.to_owned(), Arc::new(Mutex::new(checkpoint.state)));
        let log = Arc::new(LocalLog::new(folder.clone(), store, state.clone(), listener));
        let ledger = Ledger::start(Parts {
            folder,
            incarnation,
            segment_bytes,
            store,
            rules,
            recovery,
            state,
            log,
            clock,
        })?;
        ledger.write_rules().map_err(io::Error::other)?;
        Ok(ledger)
    }

    /// Starts the journal in a new segment and passes its records to `parts.log`.
    pub(crate) fn start(parts: Parts) -> io::Result<Ledger> {
        let Parts { folder, incarnation, segment_bytes, store, rules, recovery, state, log, clock } =
            parts;
        let mut predecessors: Vec<u64> =
            journal::segments(&folder)?.iter().map(|segment| segment.incarnation).collect();
        predecessors.dedup();
        let predecessors = predecessors.split_off(predecessors.len().saturating_sub(PREDECESSORS));
        let number = recovery.next_segment;
        let options = JournalOptions { incarnation, store, number, segment_bytes };
        let (disk, sink) = (Box::new(Folder::new(&folder)), log.clone());
        let journal = Journal::start(disk, options, move |entries| sink.append(entries))?;
        let last_recorded_ms = [const { AtomicI64::new(0) }; PARTITIONS as usize];
        Ok(Ledger {
            journal,
            state,
            folder,
            store,
            recovery,
            rules,
            log,
            clock,
            predecessors,
            last_recorded_ms,
        })
    }

    /// Joins the writers of every partition, before any other record of this incarnation: events
    /// that wait for its records are not settled before it has written.
    pub async fn join(&self, now_ms: i64) -> Result<(), JournalError> {
        self.write_to((0..PARTITIONS).collect(), &self.here(now_ms)).await
    }

    /// Joins the writers of one partition.
    pub(crate) async fn join_partition(&self, at: u8, now_ms: i64) -> Result<(), JournalError> {
        self.write(at, &self.here(now_ms)).await
    }

    fn here(&self, now_ms: i64) -> Record {
        let timeout_ms = self.rules.spool_ms;
        Record::Join { at_ms: now_ms, timeout_ms, predecessors: self.predecessors.clone() }
    }

    /// Leaves the writers of every partition: this incarnation writes nothing more.
    pub(crate) async fn leave(&self, now_ms: i64) -> Result<(), JournalError> {
        self.write_to((0..PARTITIONS).collect(), &Record::Leave { at_ms: now_ms }).await
    }

    /// Records the time in partitions with overdue events where this incarnation has not recorded a
    /// later time.
    pub(crate) async fn tick(&self, now_ms: i64) -> Result<(), JournalError> {
        let overdue: Vec<u8> = {
            let state = self.state();
            let is_silent = |partition: &u8| {
                let last_recorded_ms =
                    self.last_recorded_ms[usize::from(*partition)].load(Ordering::Relaxed);
                let deadline = state.partition(*partition).deadline();
                deadline.is_some_and(|end_ms| last_recorded_ms <= end_ms)
            };
            state.overdue(now_ms).into_iter().filter(is_silent).collect()
        };
        self.write_to(overdue, &Record::Tick { at_ms: now_ms }).await
    }

    async fn write_to(&self, partitions: Vec<u8>, record: &Record) -> Result<(), JournalError> {
        let writes = partitions.into_iter().map(|partition| self.write(partition, record));
        futures_util::future::try_join_all(writes).await.map(drop)
    }

    /// Records the event windows in partitions where others are in force. Does not wait for the
    /// disk: later records come after it.
    pub(crate) fn write_rules(&self) -> Result<(), JournalError> {
        let outdated = self.state().partitions_with_other_rules(&self.rules);
        let record = Record::Rules(self.rules);
        outdated.into_iter().try_for_each(|at| self.append(at, &record).map(drop))
    }

    /// Records an event; returns when it is on disk and the log has taken it.
    pub async fn record(&self, event: Event) -> Result<(), JournalError> {
        let partition = event.decision_key.partition;
        self.write(partition, &Record::Event(Arc::new(event))).await
    }

    /// Appends a record; returns when it is on disk.
    pub async fn write(&self, partition: u8, record: &Record) -> Result<(), JournalError> {
        let ack = self.append(partition, record)?;
        local(ack).await.unwrap_or(Err(JournalError::Failed))?;
        if let Some(at_ms) = record.at_ms() {
            self.last_recorded_ms[usize::from(partition)].fetch_max(at_ms, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Queues a record with its stamp.
    fn append(&self, partition: u8, record: &Record) -> Result<Ack, JournalError> {
        let mut encoded = record.encode();
        self.clock.stamp(record.at_ms(), |stamp| {
            set_stamp(&mut encoded, stamp);
            self.journal.append(partition, encoded)
        })
    }

    /// Waits as long as recording would, and records nothing.
    pub async fn barrier(&self) -> Result<(), JournalError> {
        let ack = self.journal.barrier()?;
        local(ack).await.unwrap_or(Err(JournalError::Failed))
    }

    /// Waits until everything recorded here so far is applied; `false` after `timeout`.
    pub async fn wait_until_applied(&self, timeout: Duration) -> bool {
        self.log.wait_until_applied(timeout).await
    }

    /// How long after its acknowledgement an event may be billed, in milliseconds; 0 when it is billed
    /// before.
    pub(crate) fn spool_ms(&self) -> i64 {
        self.rules.spool_ms
    }

    /// How far the records of this instance have come.
    pub fn status(&self) -> LogStatus {
        self.log.status()
    }

    /// This instance's share of all totals.
    pub fn totals(&self) -> EventTotals {
        self.log.totals()
    }

    /// Recomputes the state from all retained records and compares. Blocks.
    pub fn audit(&self) -> io::Result<AuditReport> {
        self.log.audit()
    }

    /// Packs older report rows, a day of a partition at a time, so that no event waits for it.
    fn pack_rows(&self, now_ms: i64) {
        let due: Vec<(u8, i64)> = {
            let state = self.state();
            let due = state.partitions().flat_map(|(at, partition)| {
                partition.views.unpacked(now_ms).map(move |day| (at, day))
            });
            due.collect()
        };
        for (at, day) in due {
            let rows = self.state().partition(at).views.day_rows(day);
            let packed = rows.pack(day, now_ms);
            self.state().partition_mut(at).views.replace(day, &rows, packed);
        }
    }

    /// Packs older report rows, seals finished segments, then runs one pass of [`EventLog::reconcile`]. Blocks.
    pub fn reconcile(&self, retention: Retention, now_ms: i64) -> io::Result<ReconcileReport> {
        self.pack_rows(now_ms);
        // Entries of a finished segment were appended before the next segment was started.
        let current = self.journal.segment();
        let mut finished = journal::segments(&self.folder)?;
        finished.retain(|segment| segment.number < current);
        let sealed = chain::seal(&self.folder, &finished)?;
        let pass = ReconcilePass { now_ms, retention, current, finished };
        Ok(ReconcileReport { sealed, ..self.log.reconcile(&pass)? })
    }

    /// The locked state; release it quickly.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the aggregates that shares unchanged data, so that long folds block no event.
    pub(crate) fn views(&self) -> Views {
        self.state().views()
    }

    /// Id of the data directory.
    pub(crate) fn store_id(&self) -> u64 {
        self.store
    }

    /// Folder of the segments.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What recovery found at the start.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Whether it accepts records, as far as the last batch tells.
    pub(crate) fn journal_status(&self) -> JournalStatus {
        self.journal.status()
    }

    /// All events of some decisions with their latest verdicts, in order of arrival: replays the
    /// retained records. From the newest checkpoint on it is much
    /// faster, and finds only what arrived since then.
    pub fn events_of(
        &self,
        decisions: &BTreeSet<u128>,
        since: ReplayFrom,
    ) -> io::Result<Vec<EventVerdict>> {
        let mut search = EventSearch::new(decisions);
        self.log.replay(since, &mut |applied| search.visit(applied))?;
        Ok(search.finish())
    }

    /// The events of one decision, of a campaign in this partition. Reads much less than
    /// [`Ledger::events_of`].
    pub(crate) fn events_of_decision(
        &self,
        decision: u128,
        partition: u8,
        decided_at_ms: i64,
    ) -> io::Result<Vec<EventVerdict>> {
        let decisions = BTreeSet::from([decision]);
        let mut search = EventSearch::new(&decisions);
        let each = &mut |applied: &ApplyOutcome| search.visit(applied);
        self.log.replay_partition(partition, decided_at_ms, each)?;
        Ok(search.finish())
    }
}
