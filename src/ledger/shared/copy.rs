//! Moving: every log of one store into another, batch by batch, so that both have the same chain. One
//! that was cut brings the sums it begins with.

use crate::journal::PARTITIONS;
use crate::ledger::shared::Place;
use crate::ledger::shared::follow::continues;
use crate::ledger::shared::sums::Sums;
use crate::store::Client;
use crate::store::StoreError;
use crate::store::bases;
use crate::store::bases::Which;
use crate::store::log;
use crate::store::log::Fit;

/// Copies every partition's log behind what the other store has of it already, and compares the
/// chains at the end. Nothing is written to the first; `each` is told how many entries a batch had.
/// An error leaves what was copied: the same may be asked again, and goes on there.
pub async fn copy(from: &Client, to: &Client, each: &impl Fn(u64)) -> Result<(), StoreError> {
    let all = (0..PARTITIONS).map(|partition| copy_partition(from, to, partition, each));
    futures_util::future::try_join_all(all).await.map(drop)
}

async fn copy_partition(
    from: &Client,
    to: &Client,
    partition: u8,
    each: &impl Fn(u64),
) -> Result<(), StoreError> {
    let other = |what: &str| StoreError::Foreign(format!("partition {partition} {what}"));
    let mut place = beginning(from, to, partition).await?;
    loop {
        let look = log::read(from, partition, place.number).await?;
        if !continues(&place, &look) {
            return Err(other("changed while it was copied"));
        }
        if look.batches.is_empty() {
            break;
        }
        for batch in look.batches {
            match log::append(to, &batch.entries).await? {
                Fit::Next | Fit::Again => each(batch.entries.len() as u64),
                Fit::Behind(_) => return Err(other("of the target does not fit what follows")),
            }
            place = Place { number: batch.number, chain: batch.chain };
        }
    }
    let end = log::read(to, partition, place.number).await?;
    if (end.length, &end.chain) != (place.number, &place.chain) {
        return Err(other("has another chain in the target"));
    }
    Ok(())
}

/// How far the target has what the source has; an empty one begins with the source's first base.
async fn beginning(from: &Client, to: &Client, partition: u8) -> Result<Place, StoreError> {
    let other = || {
        StoreError::Foreign(format!(
            "partition {partition} of the target is not the beginning of the source's"
        ))
    };
    let there = log::read(to, partition, u64::MAX).await?;
    let base = bases::base(from, partition, Which::First).await?;
    if there.length == 0 {
        let Some(base) = base else { return Ok(Place::default()) };
        let sums = Sums::at(from, partition, Which::First).await?;
        let starts = sums.state.starts_of(partition);
        let began = bases::begin(to, partition, &base, &starts).await?;
        return if began { Ok(sums.place) } else { Err(other()) };
    }
    let place = Place { number: there.length, chain: there.chain };
    if base.is_some_and(|base| (base.number, &base.chain) == (place.number, &place.chain)) {
        return Ok(place);
    }
    let last = log::read(from, partition, place.number - 1).await?.batches.into_iter().next();
    match last {
        Some(batch) if (batch.number, &batch.chain) == (place.number, &place.chain) => Ok(place),
        _ => Err(other()),
    }
}
