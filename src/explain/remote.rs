//! Explaining decisions of other instances. A decision's record is on the disk of the instance that
//! made it. The decision id identifies that instance, and the record is requested from it through the
//! store.

use crate::blocking::run_blocking;
use crate::decision_log::instance_mark::{has_mark, mark_of};
use crate::decision_log::{DecisionLine, LoggedDecision, WorldLine};
use crate::explain::replay::{ExplainError, Replay};
use crate::explain::{Explain, find_record, replay_on};
use crate::store::starts::ProcessStart;
use crate::store::{StoreError, records, starts};
use std::time::Duration;
use tokio::time::Instant;

/// Timeout for another instance's response, and the polling interval.
const TIMEOUT: Duration = Duration::from_secs(3);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// First byte of an encoded record: the format version.
const FORMAT: u8 = 1;

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

impl Explain {
    /// Replays a decision from the record here or on the instance that made it.
    pub async fn replay_anywhere(&self, decision: u128) -> Result<Replay, RemoteExplainError> {
        let (log, world) = (self.log.clone(), self.world.clone());
        let here = move || replay_on(&world, find_record(&log, decision)?);
        let missing = match run_blocking(here).await {
            Err(missing @ ExplainError::NotRecorded(_)) => missing,
            found => return Ok(found?),
        };
        let found = self.request_record(decision).await?.ok_or(missing)?;
        let world = self.world.clone();
        Ok(run_blocking(move || replay_on(&world, found)).await?)
    }

    /// Answers pending record requests of other instances.
    pub async fn answer_record_requests(&self) -> Result<(), StoreError> {
        let Some(shared) = self.ledger.cluster() else { return Ok(()) };
        for decision in records::take_requests(shared.client(), self.ledger.store_id()).await? {
            let log = self.log.clone();
            let found = match run_blocking(move || find_record(&log, decision)).await {
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
        let _permit = self.record_requests.try_acquire().map_err(|_| RemoteExplainError::Busy)?;
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
    fn records_in_an_unknown_format_are_rejected() {
        assert_eq!(decode(&encode(None)).unwrap(), None);
        for bytes in [&[][..], &[FORMAT], &[FORMAT + 1, 0], &[FORMAT, 1, 2]] {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
