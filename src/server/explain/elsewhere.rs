//! A decision of another machine: its record is on that machine's disk, and its id says which. That
//! machine is asked for it through the store, so every machine can explain what any of them decided.

use crate::decision_log::DecisionLine;
use crate::decision_log::Found;
use crate::decision_log::WorldLine;
use crate::server::Server;
use crate::server::apply::away;
use crate::server::explain::Again;
use crate::server::explain::ExplainError;
use crate::store::StoreError;
use crate::store::records;
use crate::store::starts;
use crate::store::starts::Start;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Where the mark of a process start stands in the id of a decision.
const MARK_BIT: u32 = 46;

/// How long another machine has to answer, and between two looks whether it did.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Records that others are asked for at one time.
const AT_ONCE: usize = 16;

/// The first byte of a record that is told: how the rest is written.
const FORMAT: u8 = 1;

/// What an id of a decision says of the process start that made it.
pub(in crate::server) fn mark_of(incarnation: u64) -> u16 {
    u16::try_from(incarnation >> 48).unwrap_or(0)
}

/// An id with this mark in it, in place of chance.
pub(in crate::server) fn marked(id: u128, mark: u16) -> u128 {
    let place = u128::from(u16::MAX) << MARK_BIT;
    id & !place | u128::from(mark) << MARK_BIT
}

fn is_marked(id: u128, mark: u16) -> bool {
    marked(id, mark) == id
}

/// The records that others are asked for now.
pub(in crate::server) struct Questions(Semaphore);

impl Default for Questions {
    fn default() -> Questions {
        Questions(Semaphore::new(AT_ONCE))
    }
}

/// Why a decision cannot be made again, whichever machine made it first.
#[derive(Debug, thiserror::Error)]
pub enum AnywhereError {
    /// It is on file nowhere, or what is on file is of no use.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// It is not on file here, and nobody knows where else it is.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// These have its record, and do not answer.
    #[error("the machine that has its record does not answer")]
    Silent(Vec<Start>),
    /// Others are asked for too many already.
    #[error("other machines are asked for too many records now")]
    Busy,
}

/// A record as it is told; `None` where there is none.
fn told(found: Option<Found>) -> Vec<u8> {
    let record = found.map(|found| (found.line, found.world));
    let mut bytes = vec![FORMAT];
    bytes.extend(postcard::to_stdvec(&record).unwrap_or_default());
    bytes
}

/// What was told; an error where it is written in another way.
fn read(bytes: &[u8]) -> Result<Option<Found>, StoreError> {
    let foreign = || StoreError::Foreign("another version's record of a decision".to_owned());
    let (&FORMAT, rest) = bytes.split_first().ok_or_else(foreign)? else { return Err(foreign()) };
    let record: Option<(DecisionLine, WorldLine)> =
        postcard::from_bytes(rest).map_err(|_| foreign())?;
    Ok(record.map(|(line, world)| Found { line, world }))
}

impl Server {
    /// Makes a decision again, from the record here or that of the machine that made it.
    pub async fn again_anywhere(self: &Arc<Self>, decision: u128) -> Result<Again, AnywhereError> {
        let server = self.clone();
        let missing = match away(move || server.again(decision)).await {
            Err(missing @ ExplainError::NotRecorded(_)) => missing,
            found => return Ok(found?),
        };
        let found = self.ask_others(decision).await?.ok_or(missing)?;
        let server = self.clone();
        Ok(away(move || server.made_again(found)).await?)
    }

    /// Tells others the records they ask this machine for.
    pub async fn answer_others(self: &Arc<Self>) -> Result<(), StoreError> {
        let Some(shared) = self.ledger.shared() else { return Ok(()) };
        for decision in records::asked(shared.client(), self.ledger.store()).await? {
            let server = self.clone();
            let found = match away(move || server.record_of(decision)).await {
                Ok(found) => Some(found),
                Err(ExplainError::NotRecorded(_)) => None,
                Err(error) => {
                    tracing::error!(%error, "another machine asks for a decision");
                    continue;
                }
            };
            records::tell(shared.client(), self.ledger.store(), decision, &told(found)).await?;
        }
        Ok(())
    }

    /// What the machines that may have decided this have on file.
    async fn ask_others(&self, decision: u128) -> Result<Option<Found>, AnywhereError> {
        let Some(shared) = self.ledger.shared() else { return Ok(None) };
        let others = self.deciders(decision).await?;
        if others.is_empty() {
            return Ok(None);
        }
        let _turn = self.questions.0.try_acquire().map_err(|_| AnywhereError::Busy)?;
        let client = shared.client();
        for start in &others {
            records::ask(client, start.data, decision).await?;
        }
        let (end, mut silent) = (Instant::now() + PATIENCE, others);
        while Instant::now() < end && !silent.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
            let mut left = Vec::new();
            for start in silent {
                match records::told(client, start.data, decision).await? {
                    None => left.push(start),
                    Some(bytes) => {
                        if let Some(found) = read(&bytes)? {
                            return Ok(Some(found));
                        }
                    }
                }
            }
            silent = left;
        }
        if silent.is_empty() { Ok(None) } else { Err(AnywhereError::Silent(silent)) }
    }

    /// Which other machines may have decided this, where machines share a store: where each runs
    /// now, or ran last. Mostly one; two starts may have the same mark.
    async fn deciders(&self, decision: u128) -> Result<Vec<Start>, StoreError> {
        let Some(shared) = self.ledger.shared() else { return Ok(Vec::new()) };
        let known = starts::all(shared.client()).await?;
        let marked = known.iter().filter(|(start, _)| is_marked(decision, mark_of(**start)));
        let mut found: Vec<Start> = Vec::new();
        for (_, start) in marked {
            let last = known.values().filter(|other| other.data == start.data);
            let last = last.max_by_key(|other| other.at_ms).unwrap_or(start);
            if last.data != self.ledger.store() && !found.contains(last) {
                found.push(last.clone());
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_its_time_version_and_slot_and_says_who_decided() {
        let id = !0xFF_u128;
        let marked = marked(id, 0x1234);
        assert!(is_marked(marked, 0x1234) && is_marked(marked | 3, 0x1234));
        assert!(!is_marked(marked, 0x1235));
        assert_eq!(marked | u128::from(u16::MAX) << MARK_BIT, id);
        // Version and variant of a UUID stand above it.
        assert_eq!(marked >> 62, id >> 62);
    }

    #[test]
    fn what_another_version_tells_is_no_record() {
        assert_eq!(read(&told(None)).unwrap(), None);
        for bytes in [&[][..], &[FORMAT], &[FORMAT + 1, 0], &[FORMAT, 1, 2]] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }
}
