//! Decision records of other instances. A record is on the disk of the instance that made the decision;
//! the decision's id says which one, and the record is requested from it through the shared store.

use crate::decision_log::LoggedDecision;
use crate::decision_log::instance_mark::{has_mark, mark_of};
use crate::store::starts::ProcessStart;
use crate::store::{Client, StoreError, records, starts};
use futures_util::future::BoxFuture;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Timeout for another instance's response, and the polling interval.
const TIMEOUT: Duration = Duration::from_secs(3);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Maximum concurrent record requests to other instances.
const MAX_REQUESTS: usize = 16;

/// Second byte of an answer, after the format of the record.
const ABSENT: u8 = 0;
const FOUND: u8 = 1;
const UNREADABLE: u8 = 2;

/// What an instance answers to a request for a decision record.
#[derive(Debug, PartialEq)]
pub(crate) enum RecordAnswer {
    Found(Box<LoggedDecision>),
    /// It has none.
    Absent,
    /// It cannot read the record: where, why, and what to do.
    Unreadable(String),
}

/// Why the record of another instance could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// The shared store failed.
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

/// The outcome of a call, once the other instances have answered.
pub(crate) type Answer<'a, T, E = StoreError> = BoxFuture<'a, Result<T, E>>;

/// Exchanges decision records. All calls are idempotent; a lost request or reply is a timeout of the
/// instance that asked.
pub(crate) trait RecordExchange: Send + Sync {
    /// The record of a decision that another instance made; `Absent` if none of them has it. Takes at most
    /// three seconds.
    fn fetch(&self, decision: u128) -> Answer<'_, RecordAnswer, FetchError>;

    /// Takes the requests of other instances: they are gone, whether they are answered or not.
    fn requests(&self) -> Answer<'_, Vec<u128>>;

    /// Answers a request.
    fn reply(&self, decision: u128, answer: RecordAnswer) -> Answer<'_, ()>;
}

/// A single instance has every record itself.
pub(crate) struct OwnRecords;

impl RecordExchange for OwnRecords {
    fn fetch(&self, _: u128) -> Answer<'_, RecordAnswer, FetchError> {
        Box::pin(ready(Ok(RecordAnswer::Absent)))
    }

    fn requests(&self) -> Answer<'_, Vec<u128>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    fn reply(&self, _: u128, _: RecordAnswer) -> Answer<'_, ()> {
        Box::pin(ready(Ok(())))
    }
}

/// The records of a fleet.
pub(crate) struct SharedRecords {
    client: Arc<Client>,
    /// Id of this instance's data directory.
    data: u64,
    permits: Semaphore,
}

impl SharedRecords {
    /// Exchanges records through a store; `data` is the id of this instance's data directory.
    pub(crate) fn new(client: Arc<Client>, data: u64) -> SharedRecords {
        SharedRecords { client, data, permits: Semaphore::new(MAX_REQUESTS) }
    }

    async fn fetch_from_others(&self, decision: u128) -> Result<RecordAnswer, FetchError> {
        let others = self.possible_instances(decision).await?;
        if others.is_empty() {
            return Ok(RecordAnswer::Absent);
        }
        let _permit = self.permits.try_acquire().map_err(|_| FetchError::Busy)?;
        let client = &*self.client;
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
                    Some(bytes) => match decode(&bytes)? {
                        RecordAnswer::Absent => {}
                        answer => return Ok(answer),
                    },
                }
            }
            silent = left;
        }
        if silent.is_empty() {
            Ok(RecordAnswer::Absent)
        } else {
            Err(FetchError::NoResponse(silent))
        }
    }

    /// The latest process starts of other instances that may have made the decision. Usually one; two
    /// process starts can have the same mark.
    async fn possible_instances(&self, decision: u128) -> Result<Vec<ProcessStart>, StoreError> {
        let known = starts::all(&self.client).await?;
        let marked = known.iter().filter(|(start, _)| has_mark(decision, mark_of(**start)));
        let mut found: Vec<ProcessStart> = Vec::new();
        for (_, start) in marked {
            let last = known.values().filter(|other| other.data == start.data);
            let last = last.max_by_key(|other| other.at_ms).unwrap_or(start);
            if last.data != self.data && !found.contains(last) {
                found.push(last.clone());
            }
        }
        Ok(found)
    }
}

impl RecordExchange for SharedRecords {
    fn fetch(&self, decision: u128) -> Answer<'_, RecordAnswer, FetchError> {
        Box::pin(self.fetch_from_others(decision))
    }

    fn requests(&self) -> Answer<'_, Vec<u128>> {
        Box::pin(records::take_requests(&self.client, self.data))
    }

    fn reply(&self, decision: u128, answer: RecordAnswer) -> Answer<'_, ()> {
        Box::pin(
            async move { records::reply(&self.client, self.data, decision, &encode(answer)).await },
        )
    }
}

/// Encodes an answer: the format of the record, the kind of answer, then the record or the reason.
fn encode(answer: RecordAnswer) -> Vec<u8> {
    const FORMAT: u8 = LoggedDecision::FORMAT;
    match answer {
        RecordAnswer::Found(found) => found.encode(vec![FORMAT, FOUND]),
        RecordAnswer::Absent => vec![FORMAT, ABSENT],
        RecordAnswer::Unreadable(place) => [&[FORMAT, UNREADABLE], place.as_bytes()].concat(),
    }
}

/// Decodes an answer; an error if its format is unknown.
fn decode(bytes: &[u8]) -> Result<RecordAnswer, StoreError> {
    let foreign = |reason: String| {
        StoreError::UnexpectedData(format!("decision record of another instance: {reason}"))
    };
    match bytes {
        [1..=LoggedDecision::FORMAT, ABSENT] => Ok(RecordAnswer::Absent),
        [format, FOUND, record @ ..] => {
            let found = LoggedDecision::decode(*format, record).map_err(foreign)?;
            Ok(RecordAnswer::Found(Box::new(found)))
        }
        [LoggedDecision::FORMAT, UNREADABLE, place @ ..] => {
            Ok(RecordAnswer::Unreadable(String::from_utf8_lossy(place).into_owned()))
        }
        _ => Err(foreign("unknown format".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_in_an_unknown_format_are_rejected() {
        assert_eq!(decode(&encode(RecordAnswer::Absent)).unwrap(), RecordAnswer::Absent);
        assert_eq!(decode(&[1, ABSENT]).unwrap(), RecordAnswer::Absent, "of version 0.1.0");
        let format = LoggedDecision::FORMAT;
        for bytes in [&[][..], &[format], &[format + 1, ABSENT], &[format, FOUND, 2]] {
            assert!(matches!(decode(bytes), Err(StoreError::UnexpectedData(_))), "{bytes:?}");
        }
    }

    #[test]
    fn another_instance_says_why_it_cannot_read_a_record() {
        let unreadable = || RecordAnswer::Unreadable("decisions/a, byte 7: torn".to_owned());
        assert_eq!(decode(&encode(unreadable())).unwrap(), unreadable());
    }
}
