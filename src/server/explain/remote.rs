//! Explaining decisions of other instances. A decision's record is on the disk of the instance that
//! made it. The decision id identifies that instance, and the record is requested from it through the
//! store.

use crate::blocking::run_blocking;
use crate::decision_log::{DecisionLine, LoggedDecision, WorldLine};
use crate::server::Server;
use crate::server::explain::{ExplainError, Replay};
use crate::store::starts::ProcessStart;
use crate::store::{StoreError, records, starts};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Lowest bit of the process start's mark in a decision id.
const MARK_BIT: u32 = 46;

/// Timeout for another instance's response, and the polling interval.
const TIMEOUT: Duration = Duration::from_secs(3);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Maximum concurrent record requests.
const MAX_CONCURRENT: usize = 16;

/// First byte of an encoded record: the format version.
const FORMAT: u8 = 1;

/// The mark of a process start in decision ids: its upper 16 bits.
pub(in crate::server) fn mark_of(incarnation: u64) -> u16 {
    u16::try_from(incarnation >> 48).unwrap_or(0)
}

/// `id` with this mark in place of random bits.
pub(in crate::server) fn with_mark(id: u128, mark: u16) -> u128 {
    let place = u128::from(u16::MAX) << MARK_BIT;
    id & !place | u128::from(mark) << MARK_BIT
}

fn has_mark(id: u128, mark: u16) -> bool {
    with_mark(id, mark) == id
}

/// Limits concurrent record requests to other instances.
pub(in crate::server) struct RecordRequests(Semaphore);

impl Default for RecordRequests {
    fn default() -> RecordRequests {
        RecordRequests(Semaphore::new(MAX_CONCURRENT))
    }
}

/// Why a decision of any instance cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum RemoteExplainError {
    /// The record was not found on any instance, or is unusable.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// Not recorded here, and the shared store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// These instances may have the record and did not respond in time.
    #[error("the instance that has the decision's record does not respond; try again later")]
    NoResponse(Vec<ProcessStart>),
    /// Too many concurrent record requests.
    #[error(
        "too many concurrent requests for decision records of other instances; try again later"
    )]
    Busy,
}

/// Encodes a record, or its absence, for another instance.
fn encode(found: Option<LoggedDecision>) -> Vec<u8> {
    let record = found.map(|found| (found.line, found.world));
    let mut bytes = vec![FORMAT];
    bytes.extend(postcard::to_stdvec(&record).unwrap_or_default());
    bytes
}

/// Decodes a record from another instance; an error if the format is unknown.
fn decode(bytes: &[u8]) -> Result<Option<LoggedDecision>, StoreError> {
    let foreign = || StoreError::UnexpectedData("decision record in an unknown format".to_owned());
    let (&FORMAT, rest) = bytes.split_first().ok_or_else(foreign)? else { return Err(foreign()) };
    let record: Option<(DecisionLine, WorldLine)> =
        postcard::from_bytes(rest).map_err(|_| foreign())?;
    Ok(record.map(|(line, world)| LoggedDecision { line, world }))
}

impl Server {
    /// Replays a decision from the record here or on the instance that made it.
    pub async fn replay_anywhere(
        self: &Arc<Self>,
        decision: u128,
    ) -> Result<Replay, RemoteExplainError> {
        let server = self.clone();
        let missing = match run_blocking(move || server.replay(decision)).await {
            Err(missing @ ExplainError::NotRecorded(_)) => missing,
            found => return Ok(found?),
        };
        let found = self.request_record(decision).await?.ok_or(missing)?;
        let server = self.clone();
        Ok(run_blocking(move || server.replay_found(found)).await?)
    }

    /// Answers pending record requests of other instances.
    pub async fn answer_record_requests(self: &Arc<Self>) -> Result<(), StoreError> {
        let Some(shared) = self.ledger.cluster() else { return Ok(()) };
        for decision in records::take_requests(shared.client(), self.ledger.store_id()).await? {
            let server = self.clone();
            let found = match run_blocking(move || server.record_of(decision)).await {
                Ok(found) => Some(found),
                Err(ExplainError::NotRecorded(_)) => None,
                Err(error) => {
                    tracing::error!(
                        %error,
                        "cannot answer another instance's request for a decision record"
                    );
                    continue;
                }
            };
            records::reply(shared.client(), self.ledger.store_id(), decision, &encode(found))
                .await?;
        }
        Ok(())
    }

    /// Requests the record from the instances that may have made the decision.
    async fn request_record(
        &self,
        decision: u128,
    ) -> Result<Option<LoggedDecision>, RemoteExplainError> {
        let Some(shared) = self.ledger.cluster() else { return Ok(None) };
        let others = self.possible_instances(decision).await?;
        if others.is_empty() {
            return Ok(None);
        }
        let _permit = self.record_requests.0.try_acquire().map_err(|_| RemoteExplainError::Busy)?;
        let client = shared.client();
        for start in &others {
            records::request(client, start.data, decision).await?;
        }
        let (end, mut silent) = (Instant::now() + TIMEOUT, others);
        while Instant::now() < end && !silent.is_empty() {
            tokio::time::sleep(POLL_INTERVAL).await;
            let mut left = Vec::new();
            for start in silent {
                match records::fetch_reply(client, start.data, decision).await? {
                    None => left.push(start),
                    Some(bytes) => {
                        if let Some(found) = decode(&bytes)? {
                            return Ok(Some(found));
                        }
                    }
                }
            }
            silent = left;
        }
        if silent.is_empty() { Ok(None) } else { Err(RemoteExplainError::NoResponse(silent)) }
    }

    /// The latest process starts of other instances that may have made the decision. Usually one; two
    /// process starts can have the same mark.
    async fn possible_instances(&self, decision: u128) -> Result<Vec<ProcessStart>, StoreError> {
        let Some(shared) = self.ledger.cluster() else { return Ok(Vec::new()) };
        let known = starts::all(shared.client()).await?;
        let marked = known.iter().filter(|(start, _)| has_mark(decision, mark_of(**start)));
        let mut found: Vec<ProcessStart> = Vec::new();
        for (_, start) in marked {
            let last = known.values().filter(|other| other.data == start.data);
            let last = last.max_by_key(|other| other.at_ms).unwrap_or(start);
            if last.data != self.ledger.store_id() && !found.contains(last) {
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
    fn a_marked_id_preserves_time_version_and_slot_and_identifies_the_instance() {
        let id = !0xFF_u128;
        let marked = with_mark(id, 0x1234);
        assert!(has_mark(marked, 0x1234) && has_mark(marked | 3, 0x1234));
        assert!(!has_mark(marked, 0x1235));
        assert_eq!(marked | u128::from(u16::MAX) << MARK_BIT, id);
        // The mark is below the version and variant bits of the UUID.
        assert_eq!(marked >> 62, id >> 62);
    }

    #[test]
    fn records_in_an_unknown_format_are_rejected() {
        assert_eq!(decode(&encode(None)).unwrap(), None);
        for bytes in [&[][..], &[FORMAT], &[FORMAT + 1, 0], &[FORMAT, 1, 2]] {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
