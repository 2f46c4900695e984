//! One partition summed up: from the base that it has in the store, along its log.

use crate::journal::Entry;
use crate::ledger::apply;
use crate::ledger::apply::Applied;
use crate::ledger::record::Record;
use crate::ledger::shared::Place;
use crate::ledger::shared::follow::continues;
use crate::ledger::state::State;
use crate::store::Client;
use crate::store::StoreError;
use crate::store::bases;
use crate::store::bases::Base;
use crate::store::bases::Put;
use crate::store::bases::Which;
use crate::store::log;
use crate::store::log::Batch;

/// What packed sums begin with; another version's are not read.
const MAGIC: &[u8; 8] = b"ADJBAS01";

/// A partition's sums at a place of its log: a state in which nothing else is.
#[derive(Default)]
pub(super) struct Sums {
    pub state: State,
    pub place: Place,
}

impl Sums {
    /// Those of a base of a partition; none where it has no base, and the log is all there is.
    pub async fn at(client: &Client, partition: u8, which: Which) -> Result<Sums, StoreError> {
        match bases::base(client, partition, which).await? {
            None => Ok(Sums::default()),
            Some(base) => Ok(Sums {
                state: unpacked(&base.sums).ok_or_else(|| {
                    StoreError::Foreign(format!(
                        "the sums of partition {partition} were written by another version: start \
                         the version that wrote them"
                    ))
                })?,
                place: Place { number: base.number, chain: base.chain },
            }),
        }
    }

    /// Reads on while `goes_on` takes the next batch, or to the end; `each` is told of every entry.
    pub async fn read_on(
        &mut self,
        client: &Client,
        partition: u8,
        goes_on: impl Fn(&Batch) -> bool,
        each: &mut impl FnMut(&Entry, &Applied),
    ) -> Result<(), StoreError> {
        loop {
            let look = log::read(client, partition, self.place.number).await?;
            if !continues(&self.place, &look) {
                return Err(StoreError::Foreign(format!(
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
                self.place = Place { number: batch.number, chain: batch.chain };
            }
        }
    }

    /// Makes them a base of the partition.
    pub async fn put(
        &self,
        client: &Client,
        partition: u8,
        which: Which,
    ) -> Result<Put, StoreError> {
        let sums = packed(&self.state).map_err(StoreError::Foreign)?;
        let base = Base { number: self.place.number, chain: self.place.chain.clone(), sums };
        bases::put(client, partition, which, &base).await
    }
}

/// The latest time of a batch's records, in unix milliseconds.
pub(super) fn latest_ms(batch: &Batch) -> Option<i64> {
    let times = batch.entries.iter().map(|entry| Record::decode(&entry.payload).ok()?.at_ms());
    times.flatten().max()
}

/// Applies an entry, if it was not applied before.
pub(super) fn applied(state: &mut State, entry: &Entry) -> Result<Option<Applied>, StoreError> {
    match apply::apply_entry(state, entry) {
        Ok(apply::Fit::Next(applied) | apply::Fit::Gap { applied, .. }) => Ok(Some(applied)),
        Ok(apply::Fit::Again) => Ok(None),
        Err(error) => Err(StoreError::Foreign(error.to_string())),
    }
}

fn packed(state: &State) -> Result<Vec<u8>, String> {
    let plain = postcard::to_stdvec(state).map_err(|error| error.to_string())?;
    let body = zstd::encode_all(&*plain, 0).map_err(|error| error.to_string())?;
    Ok([&MAGIC[..], &body].concat())
}

fn unpacked(bytes: &[u8]) -> Option<State> {
    let plain = zstd::decode_all(bytes.strip_prefix(MAGIC)?).ok()?;
    postcard::from_bytes(&plain).ok()
}
