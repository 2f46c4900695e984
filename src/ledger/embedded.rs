//! The ledger of one machine: the journal's writer applies each durable batch in this process.

use crate::domain::event::InvalidReason;
use crate::domain::event::Verdict;
use crate::domain::money::Micros;
use crate::journal::Entry;
use crate::journal::Journal;
use crate::journal::JournalError;
use crate::journal::Recovery;
use crate::journal::Start;
use crate::journal::disk::Folder;
use crate::ledger::apply;
use crate::ledger::apply::Applied;
use crate::ledger::apply::Fit;
use crate::ledger::apply::Judged;
use crate::ledger::apply::State;
use crate::ledger::history;
use crate::ledger::history::Since;
use crate::ledger::record::Event;
use crate::ledger::record::Record;
use crate::ledger::rules::Rules;
use crate::ledger::views::Views;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// A ledger over a folder of segments.
pub struct Embedded {
    journal: Journal,
    state: Arc<Mutex<State>>,
    folder: PathBuf,
    store: u64,
    recovery: Recovery,
}

/// Told of everything that records change, in order.
pub type Listener = Box<dyn FnMut(&Applied) + Send>;

impl Embedded {
    /// Recovers what `folder` holds, applies it, and goes on in a segment of its own. Windows that
    /// differ from those on record hold from here on.
    pub fn open(
        folder: &Path,
        incarnation: u64,
        segment_bytes: u64,
        rules: Rules,
        mut listener: Listener,
    ) -> io::Result<Embedded> {
        fs::create_dir_all(folder)?;
        let store = history::name_store(folder, incarnation)?;
        let (checkpoint, recovery) =
            history::replay(folder, Since::Newest, u64::MAX, true, |_| {})?;
        let number = checkpoint.from;
        let differs = checkpoint.state.rules != rules;
        let state = Arc::new(Mutex::new(checkpoint.state));
        let applied = state.clone();
        let apply_batch = move |entries: &[Entry]| {
            let mut state = applied.lock().unwrap_or_else(PoisonError::into_inner);
            for entry in entries {
                match apply::apply_entry(&mut state, entry).expect("this process encoded it") {
                    Fit::Next(applied) | Fit::Gap { applied, .. } => listener(&applied),
                    Fit::Again => {}
                }
            }
        };
        let disk = Box::new(Folder::new(folder));
        let journal =
            Journal::start(disk, Start { incarnation, store, number, segment_bytes }, apply_batch)?;
        let ledger = Embedded { journal, state, folder: folder.to_owned(), store, recovery };
        if differs {
            // Nobody waits for it: what is recorded later comes behind it.
            let record = Record::Rules(rules).encode();
            drop(ledger.journal.append(0, record).map_err(io::Error::other)?);
        }
        Ok(ledger)
    }

    /// Records an event; returns when it is on disk and judged.
    pub async fn record(&self, event: Event) -> Result<(), JournalError> {
        let partition = event.minted.partition;
        self.write(partition, &Record::Event(Arc::new(event))).await
    }

    /// Records anything.
    pub async fn write(&self, partition: u8, record: &Record) -> Result<(), JournalError> {
        let ack = self.journal.append(partition, record.encode())?;
        ack.await.unwrap_or(Err(JournalError::Failed))
    }

    /// Waits as long as recording something would, and records nothing.
    pub async fn pass(&self) -> Result<(), JournalError> {
        let ack = self.journal.pass()?;
        ack.await.unwrap_or(Err(JournalError::Failed))
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
    /// the journal once more: those whose segments are kept.
    pub fn events_of(&self, decisions: &BTreeSet<u128>) -> io::Result<Vec<Judged>> {
        let mut found: Vec<Judged> = Vec::new();
        history::replay(&self.folder, Since::First, u64::MAX, false, |applied| {
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
        })?;
        Ok(found)
    }
}
