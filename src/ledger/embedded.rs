//! The ledger of one machine: the journal's writer applies each durable batch in this process.

use crate::journal;
use crate::journal::Entry;
use crate::journal::Journal;
use crate::journal::JournalError;
use crate::journal::Recovery;
use crate::journal::disk::Folder;
use crate::ledger::apply;
use crate::ledger::apply::Judged;
use crate::ledger::apply::Rules;
use crate::ledger::apply::State;
use crate::ledger::record::Event;
use crate::ledger::record::Record;
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
    rules: Rules,
    recovery: Recovery,
}

/// Told of every judgement, in order.
pub type Listener = Box<dyn FnMut(&[Judged]) + Send>;

impl Embedded {
    /// Recovers what `folder` holds, applies it, and goes on in a segment of its own.
    pub fn open(
        folder: &Path,
        incarnation: u64,
        segment_bytes: u64,
        rules: Rules,
        mut listener: Listener,
    ) -> io::Result<Embedded> {
        fs::create_dir_all(folder)?;
        let mut state = State::default();
        let mut foreign = None;
        let recovery =
            journal::recover(folder, true, |entry| match Record::decode(&entry.payload) {
                Ok(record) => {
                    apply::apply(&mut state, &rules, &record);
                }
                Err(error) => foreign = Some(error),
            })?;
        if let Some(error) = foreign {
            let place = folder.display();
            return Err(io::Error::other(format!(
                "{place} holds a record this version cannot read: {error}"
            )));
        }
        let state = Arc::new(Mutex::new(state));
        let applied = state.clone();
        let apply_batch = move |entries: &[Entry]| {
            let mut state = applied.lock().unwrap_or_else(PoisonError::into_inner);
            for entry in entries {
                let record = Record::decode(&entry.payload).expect("this process encoded it");
                let judged = apply::apply(&mut state, &rules, &record);
                listener(&judged);
            }
        };
        let disk = Box::new(Folder::new(folder));
        let number = recovery.next_segment;
        let journal = Journal::start(disk, incarnation, number, segment_bytes, apply_batch)?;
        Ok(Embedded { journal, state, folder: folder.to_owned(), rules, recovery })
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

    /// The windows it judges by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Where its segments are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was found at the start.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Whether it can still record.
    pub fn has_failed(&self) -> bool {
        self.journal.has_failed()
    }

    /// Every event of one decision with its last judgement, in the order of arrival, by applying
    /// the journal once more.
    pub fn events_of(&self, decision: u128) -> io::Result<Vec<Judged>> {
        let mut state = State::default();
        let mut found: Vec<Judged> = Vec::new();
        journal::recover(&self.folder, false, |entry| {
            let Ok(record) = Record::decode(&entry.payload) else { return };
            let judged = apply::apply(&mut state, &self.rules, &record);
            for one in judged.into_iter().filter(|one| one.event.decision == decision) {
                match found.iter_mut().find(|known| Arc::ptr_eq(&known.event, &one.event)) {
                    Some(known) => *known = one,
                    None => found.push(one),
                }
            }
        })?;
        Ok(found)
    }
}
