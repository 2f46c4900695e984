//! The state of one partition: from its base snapshot in the store, along its log.

use crate::cluster::log::position::LogPosition;
use crate::journal::Entry;
use crate::ledger::apply;
use crate::ledger::outcome::ApplyOutcome;
use crate::ledger::record::Record;
use crate::ledger::state::State;
use crate::store::bases::{Base, BaseKind, PutOutcome};
use crate::store::log::Batch;
use crate::store::{Client, StoreError, bases, log};

/// Magic of an encoded base snapshot; other versions are rejected.
const MAGIC: &[u8; 8] = b"ADJBAS01";

/// A partition's state at a position of its log.
#[derive(Default)]
pub(super) struct PartitionSums {
    pub(crate) state: State,
    pub(crate) position: LogPosition,
}

impl PartitionSums {
    /// Reads a base snapshot; empty when there is none, and the log is complete.
    pub(crate) async fn at(
        client: &Client,
        partition: u8,
        which: BaseKind,
    ) -> Result<PartitionSums, StoreError> {
        match bases::base(client, partition, which).await? {
            None => Ok(PartitionSums::default()),
            Some(base) => Ok(PartitionSums {
                state: decode(&base.sums).ok_or_else(|| {
                    StoreError::UnexpectedData(format!(
                        "the base snapshot of partition {partition} was written by another version; start the \
                         version that wrote it"
                    ))
                })?,
                position: LogPosition { number: base.number, chain: base.chain },
            }),
        }
    }

    /// Applies further batches while `goes_on` returns true, or to the end; `each` receives every
    /// entry.
    pub(crate) async fn read_on(
        &mut self,
        client: &Client,
        partition: u8,
        goes_on: impl Fn(&Batch) -> bool,
        each: &mut impl FnMut(&Entry, &ApplyOutcome),
    ) -> Result<(), StoreError> {
        loop {
            let look = log::read(client, partition, self.position.number).await?;
            if !self.position.is_continued_by(&look) {
                return Err(StoreError::UnexpectedData(format!(
                    "partition {partition} changed while it was read"
                )));
            }
            if look.batches.is_empty() {
                return Ok(());
            }
            for batch in look.batches {
                if !goes_on(&batch) {
                    return Ok(());
                }
                for entry in &batch.entries {
                    if let Some(applied) = applied(&mut self.state, entry)? {
                        each(entry, &applied);
                    }
                }
                self.position = LogPosition { number: batch.number, chain: batch.chain };
            }
        }
    }

    /// Stores the state as a base snapshot of the partition.
    pub(crate) async fn put(
        &self,
        client: &Client,
        partition: u8,
        which: BaseKind,
    ) -> Result<PutOutcome, StoreError> {
        let sums = encode(&self.state).map_err(StoreError::UnexpectedData)?;
        let base = Base { number: self.position.number, chain: self.position.chain.clone(), sums };
        bases::put(client, partition, which, &base).await
    }
}

/// The latest time of a batch's records, in unix milliseconds.
pub(super) fn latest_ms(batch: &Batch) -> Option<i64> {
    let times = batch.entries.iter().map(|entry| Record::decode(&entry.payload).ok()?.at_ms());
    times.flatten().max()
}

/// Applies an entry; `None` if it was applied before.
pub(super) fn applied(
    state: &mut State,
    entry: &Entry,
) -> Result<Option<ApplyOutcome>, StoreError> {
    match apply::apply_entry(state, entry) {
        Ok(apply::EntryOutcome::Next(applied) | apply::EntryOutcome::Gap { applied, .. }) => {
            Ok(Some(applied))
        }
        Ok(apply::EntryOutcome::Duplicate) => Ok(None),
        Err(error) => Err(StoreError::UnexpectedData(error.to_string())),
    }
}

fn encode(state: &State) -> Result<Vec<u8>, String> {
    let plain = postcard::to_stdvec(state).map_err(|error| error.to_string())?;
    let body = zstd::encode_all(&*plain, 0).map_err(|error| error.to_string())?;
    Ok([&MAGIC[..], &body].concat())
}

fn decode(bytes: &[u8]) -> Option<State> {
    let plain = zstd::decode_all(bytes.strip_prefix(MAGIC)?).ok()?;
    postcard::from_bytes(&plain).ok()
}
