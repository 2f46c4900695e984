//! The running ledger: a journal that acknowledges, and a state that follows. On one machine the
//! journal's writer applies each durable batch itself; on many it hands them to [`Shared`].

use crate::domain::event::InvalidReason;
use crate::domain::event::Verdict;
use crate::domain::money::Micros;
use crate::journal;
use crate::journal::Entry;
use crate::journal::Journal;
use crate::journal::JournalError;
use crate::journal::PARTITIONS;
use crate::journal::Recovery;
use crate::journal::Start;
use crate::journal::disk::Folder;
use crate::ledger::apply;
use crate::ledger::apply::Applied;
use crate::ledger::apply::Fit;
use crate::ledger::apply::Judged;
use crate::ledger::history;
use crate::ledger::history::Since;
use crate::ledger::record::Event;
use crate::ledger::record::Record;
use crate::ledger::rules::Rules;
use crate::ledger::shared;
use crate::ledger::shared::Shared;
use crate::ledger::state::State;
use crate::ledger::views::Views;
use crate::store::Client;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

/// How long is waited for what was recorded to come back from a shared store.
const PATIENCE: Duration = Duration::from_secs(5);
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

/// A ledger over a folder of segments.
pub struct Ledger {
    journal: Journal,
    state: Arc<Mutex<State>>,
    folder: PathBuf,
    store: u64,
    recovery: Recovery,
    rules: Rules,
    shared: Option<Arc<Shared>>,
    /// Process starts before this one that wrote to these files, the last few.
    before: Vec<u64>,
    /// The latest time that this one has put on record, by partition, in unix milliseconds.
    said_ms: [AtomicI64; PARTITIONS as usize],
}

/// So many process starts are named as the ones before: each names those that it may be the first
/// to come behind.
const BEFORE: usize = 8;

/// What a listener is told of the state.
pub enum Change<'a> {
    /// A record was applied to it.
    Applied(&'a Applied),
    /// It was made anew.
    Anew(&'a State),
}

/// Told of everything that changes, in order.
pub type Listener = Box<dyn FnMut(Change<'_>) + Send>;

impl Ledger {
    /// Recovers what `folder` holds, applies it, and goes on in a segment of its own. Windows that
    /// differ from those on record hold from here on.
    pub fn open(
        folder: &Path,
        incarnation: u64,
        segment_bytes: u64,
        rules: Rules,
        mut listener: Listener,
    ) -> io::Result<Ledger> {
        fs::create_dir_all(folder)?;
        let store = history::name_store(folder, incarnation)?;
        let (checkpoint, recovery) =
            history::replay(folder, Since::Newest, u64::MAX, true, |_| {})?;
        let number = checkpoint.from;
        let state = Arc::new(Mutex::new(checkpoint.state));
        let applied = state.clone();
        let apply_batch = move |entries: &[Entry]| {
            let mut state = applied.lock().unwrap_or_else(PoisonError::into_inner);
            for entry in entries {
                match apply::apply_entry(&mut state, entry).expect("this process encoded it") {
                    Fit::Next(applied) | Fit::Gap { applied, .. } => {
                        listener(Change::Applied(&applied));
                    }
                    Fit::Again => {}
                }
            }
        };
        let disk = Box::new(Folder::new(folder));
        let journal =
            Journal::start(disk, Start { incarnation, store, number, segment_bytes }, apply_batch)?;
        let folder = folder.to_owned();
        let (shared, before) = (None, Vec::new());
        let said_ms = [const { AtomicI64::new(0) }; PARTITIONS as usize];
        let ledger =
            Ledger { journal, state, folder, store, recovery, rules, shared, before, said_ms };
        ledger.write_rules().map_err(io::Error::other)?;
        Ok(ledger)
    }

    /// The same on a store that many machines share. Nothing of it is known yet: [`Shared`] must
    /// ship and follow.
    pub fn open_shared(
        folder: &Path,
        incarnation: u64,
        segment_bytes: u64,
        rules: Rules,
        listener: Listener,
        client: Client,
    ) -> io::Result<Ledger> {
        fs::create_dir_all(folder)?;
        let store = history::name_store(folder, incarnation)?;
        let recovery = journal::recover(folder, 0, Some(store), true, |_| {})?;
        let mut before: Vec<u64> =
            journal::segments(folder)?.iter().map(|segment| segment.incarnation).collect();
        before.dedup();
        let before = before.split_off(before.len().saturating_sub(BEFORE));
        let state = Arc::new(Mutex::new(State::default()));
        let (place, read) = (folder.to_owned(), state.clone());
        let shared = Arc::new(Shared::open(client, incarnation, place, store, read, listener)?);
        let (disk, taken) = (Box::new(Folder::new(folder)), shared.clone());
        let start = Start { incarnation, store, number: recovery.next_segment, segment_bytes };
        let journal = Journal::start(disk, start, move |entries| taken.take(entries))?;
        let (folder, shared) = (folder.to_owned(), Some(shared));
        let said_ms = [const { AtomicI64::new(0) }; PARTITIONS as usize];
        Ok(Ledger { journal, state, folder, store, recovery, rules, shared, before, said_ms })
    }

    /// Says in every partition that this process start is here, before anything else of it: what
    /// waits for something of it is not settled before it has spoken.
    pub async fn come(&self, now_ms: i64) -> Result<(), JournalError> {
        let silent_ms = self.rules.spool_ms;
        let here = Record::Here { at_ms: now_ms, silent_ms, after: self.before.clone() };
        self.write_to((0..PARTITIONS).collect(), &here).await
    }

    /// Says in every partition that nothing of this process start will come any more.
    pub async fn go(&self, now_ms: i64) -> Result<(), JournalError> {
        self.write_to((0..PARTITIONS).collect(), &Record::Gone { at_ms: now_ms }).await
    }

    /// Says what time it is where something waits longer than it may, and this process start has
    /// not spoken since.
    pub async fn tick(&self, now_ms: i64) -> Result<(), JournalError> {
        let overdue: Vec<u8> = {
            let state = self.state();
            let is_silent = |partition: &u8| {
                let said_ms = self.said_ms[usize::from(*partition)].load(Ordering::Relaxed);
                state.deadline(*partition).is_some_and(|end_ms| said_ms <= end_ms)
            };
            state.overdue(now_ms).into_iter().filter(is_silent).collect()
        };
        self.write_to(overdue, &Record::Tick { at_ms: now_ms }).await
    }

    async fn write_to(&self, partitions: Vec<u8>, record: &Record) -> Result<(), JournalError> {
        let writes = partitions.into_iter().map(|partition| self.write(partition, record));
        futures_util::future::try_join_all(writes).await.map(drop)
    }

    /// What it shares with other machines, if it does.
    pub fn shared(&self) -> Option<&Arc<Shared>> {
        self.shared.as_ref()
    }

    /// Puts the windows on record where others are; nobody waits for it, what is recorded later
    /// comes behind it.
    pub fn write_rules(&self) -> Result<(), JournalError> {
        let outdated = self.state().ruled_otherwise(&self.rules);
        let record = Record::Rules(self.rules).encode();
        outdated.into_iter().try_for_each(|at| self.journal.append(at, record.clone()).map(drop))
    }

    /// Records an event; returns when it is on disk and judged.
    pub async fn record(&self, event: Event) -> Result<(), JournalError> {
        let partition = event.minted.partition;
        self.write(partition, &Record::Event(Arc::new(event))).await
    }

    /// Records anything.
    pub async fn write(&self, partition: u8, record: &Record) -> Result<(), JournalError> {
        let ack = self.journal.append(partition, record.encode())?;
        ack.await.unwrap_or(Err(JournalError::Failed))?;
        if let Some(at_ms) = record.at_ms() {
            self.said_ms[usize::from(partition)].fetch_max(at_ms, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Waits as long as recording something would, and records nothing.
    pub async fn pass(&self) -> Result<(), JournalError> {
        let ack = self.journal.pass()?;
        ack.await.unwrap_or(Err(JournalError::Failed))
    }

    /// Waits until what this process has recorded by now is judged here; false when it is not in a
    /// few seconds, because a store that machines share is away. Alone, that is so at once.
    pub async fn settles(&self) -> bool {
        match &self.shared {
            None => true,
            Some(shared) => shared.settles(PATIENCE).await,
        }
    }

    /// The state, locked: look and let go.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was judged, added up: a copy that shares what does not change, so that whoever folds it
    /// holds nobody up.
    pub fn views(&self) -> Views {
        self.state().views.clone()
    }

    /// The number of the segment that is being written.
    pub fn segment(&self) -> u64 {
        self.journal.segment()
    }

    /// The data directory's own number.
    pub fn store(&self) -> u64 {
        self.store
    }

    /// Where its segments are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was found at the start.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Whether it records: no sync has failed, and what came last had room.
    pub fn is_up(&self) -> bool {
        !self.journal.has_failed() && !self.journal.is_refusing()
    }

    /// Whether it can record nothing any more.
    pub fn has_failed(&self) -> bool {
        self.journal.has_failed()
    }

    /// Every event of some decisions with its last judgement, in the order of arrival, by applying
    /// the journal once more: those whose segments are kept; or the store's log. Since the newest sums
    /// it takes far less time, and finds what arrived since then.
    pub fn events_of(&self, decisions: &BTreeSet<u128>, since: Since) -> io::Result<Vec<Judged>> {
        let mut found: Vec<Judged> = Vec::new();
        let mut look = |applied: &Applied| {
            let asked = |event: &Event| decisions.contains(&event.decision);
            for one in applied.judged.iter().filter(|one| asked(&one.event)) {
                match found.iter_mut().find(|known| Arc::ptr_eq(&known.event, &one.event)) {
                    Some(known) => *known = one.clone(),
                    None => found.push(one.clone()),
                }
            }
            let taken_back = applied.returned.as_ref().and_then(|returned| returned.event.as_ref());
            if let Some(event) = taken_back.filter(|event| asked(event)) {
                let counted = |known: &&mut Judged| {
                    known.event.is_same(event) && known.verdict == Verdict::Counted
                };
                if let Some(known) = found.iter_mut().find(counted) {
                    known.verdict = Verdict::Invalid(InvalidReason::Credited);
                    known.billed = Micros::ZERO;
                }
            }
        };
        match &self.shared {
            None => drop(history::replay(&self.folder, since, u64::MAX, false, look)?),
            Some(shared) => {
                let read = shared::replay(shared.client(), since, &mut look);
                tokio::runtime::Handle::current().block_on(read).map_err(io::Error::other)?;
            }
        }
        Ok(found)
    }
}
