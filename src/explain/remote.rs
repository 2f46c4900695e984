//! Explaining decisions of other instances. A decision's record is on the disk of the instance that
//! made it. The decision id identifies that instance, and the record is requested from it through the
//! store.

use crate::blocking::run_blocking;
use crate::decision_log::LoggedDecision;
use crate::decision_log::instance_mark::{has_mark, mark_of};
use crate::explain::replay::{ExplainError, Replay};
use crate::explain::{Explain, replay_on};
use crate::store::starts::ProcessStart;
use crate::store::{StoreError, records, starts};
use std::time::Duration;
use tokio::time::Instant;

/// Timeout for another instance's response, and the polling interval.
const TIMEOUT: Duration = Duration::from_secs(3);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Second byte of an answer, after the format of the record.
const ABSENT: u8 = 0;
const FOUND: u8 = 1;
const UNREADABLE: u8 = 2;

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

/// Encodes an answer for another instance: its format, its kind, and the record or why it cannot be read.
fn encode(found: Result<LoggedDecision, ExplainError>) -> Vec<u8> {
    match found {
        Ok(found) => found.encode(vec![LoggedDecision::FORMAT, FOUND]),
        Err(ExplainError::Unreadable { place, .. }) => {
            [&[LoggedDecision::FORMAT, UNREADABLE], place.as_bytes()].concat()
        }
        Err(_) => vec![LoggedDecision::FORMAT, ABSENT],
    }
}

/// Decodes an answer of another instance; `None` if it does not have the record.
fn decode(decision: u128, bytes: &[u8]) -> Result<Option<LoggedDecision>, RemoteExplainError> {
    let foreign = |reason: String| {
        StoreError::UnexpectedData(format!("decision record of another instance: {reason}"))
    };
    match bytes {
        [1..=LoggedDecision::FORMAT, ABSENT] => Ok(None),
        [format, FOUND, record @ ..] => {
            Ok(Some(LoggedDecision::decode(*format, record).map_err(foreign)?))
        }
        [LoggedDecision::FORMAT, UNREADABLE, place @ ..] => Err(ExplainError::Unreadable {
            decision: uuid::Uuid::from_u128(decision).to_string(),
            place: String::from_utf8_lossy(place).into_owned(),
        }
        .into()),
        _ => Err(foreign("unknown format".to_owned()).into()),
    }
}

impl Explain {
    /// Replays a decision from the record here or on the instance that made it.
    pub async fn replay_anywhere(&self, decision: u128) -> Result<Replay, RemoteExplainError> {
        let (own, world) = (self.records.clone(), self.world.clone());
        let here = move || replay_on(&world, own.find(decision)?);
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
            let own = self.records.clone();
            let found = run_blocking(move || own.find(decision)).await;
            if let Err(error @ (ExplainError::Version(_) | ExplainError::Log(_))) = &found {
                tracing::error!(
                    %error,
                    "cannot answer another instance's request for a decision record"
                );
                continue;
            }
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
                        if let Some(found) = decode(decision, &bytes)? {
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
        let absent = || Err(ExplainError::NotRecorded(String::new()));
        assert_eq!(decode(1, &encode(absent())).unwrap(), None);
        assert_eq!(decode(1, &[1, ABSENT]).unwrap(), None, "the format of version 0.1.0");
        let format = LoggedDecision::FORMAT;
        for bytes in [&[][..], &[format], &[format + 1, ABSENT], &[format, FOUND, 2]] {
            let error = decode(1, bytes).unwrap_err();
            assert!(matches!(error, RemoteExplainError::Store(_)), "{bytes:?}");
        }
    }

    #[test]
    fn another_instance_says_why_it_cannot_read_a_record() {
        let (decision, place) = ("x".to_owned(), "decisions/a, byte 7: torn".to_owned());
        let error = decode(1, &encode(Err(ExplainError::Unreadable { decision, place })));
        assert!(error.unwrap_err().to_string().ends_with("decisions/a, byte 7: torn"));
    }
}
