//! Migrates every log of one store to another, batch by batch, so that both have the same chain
//! hash. A trimmed log is migrated with its first base snapshot.

use crate::cluster::log::partition_sums::PartitionSums;
use crate::cluster::log::position::LogPosition;
use crate::journal::PARTITIONS;
use crate::store::bases::BaseKind;
use crate::store::log::AppendOutcome;
use crate::store::{Client, StoreError, bases, log};

/// Migrates every partition's log from where the target's log ends, and compares the chain hashes
/// at the end. Writes nothing to the source; `each` receives the number of entries of every batch.
/// After an error it can be called again and continues where it stopped.
pub(crate) async fn migrate(
    from: &Client,
    to: &Client,
    each: &impl Fn(u64),
) -> Result<(), StoreError> {
    let all = (0..PARTITIONS).map(|partition| migrate_partition(from, to, partition, each));
    futures_util::future::try_join_all(all).await.map(drop)
}

async fn migrate_partition(
    from: &Client,
    to: &Client,
    partition: u8,
    each: &impl Fn(u64),
) -> Result<(), StoreError> {
    let other = |what: &str| StoreError::UnexpectedData(format!("partition {partition} {what}"));
    let mut position = target_position(from, to, partition).await?;
    loop {
        let look = log::read(from, partition, position.number).await?;
        if !position.is_continued_by(&look) {
            return Err(other("changed during the migration"));
        }
        if look.batches.is_empty() {
            break;
        }
        for batch in look.batches {
            match log::append(to, &batch.entries, batch.watermark).await? {
                AppendOutcome::Appended | AppendOutcome::AlreadyPresent => {
                    each(batch.entries.len() as u64)
                }
                AppendOutcome::ContinueAfter(_) => {
                    return Err(other("of the target does not continue the source"));
                }
            }
            position = LogPosition { number: batch.number, chain: batch.chain };
        }
    }
    let end = log::read(to, partition, position.number).await?;
    if (end.length, &end.chain) != (position.number, &position.chain) {
        return Err(other("has another chain hash in the target"));
    }
    Ok(())
}

/// How far the target has the source's log; an empty target starts with the source's first base
/// snapshot.
async fn target_position(
    from: &Client,
    to: &Client,
    partition: u8,
) -> Result<LogPosition, StoreError> {
    let other = || {
        StoreError::UnexpectedData(format!(
            "partition {partition} of the target is not a prefix of the source's"
        ))
    };
    let target = log::read(to, partition, u64::MAX).await?;
    let base = bases::base(from, partition, BaseKind::First).await?;
    if target.length == 0 {
        let Some(base) = base else { return Ok(LogPosition::default()) };
        let sums = PartitionSums::at(from, partition, BaseKind::First).await?;
        let incarnations = sums.ordered.incarnations();
        let starts: Vec<(u64, u64)> = incarnations.map(|(of, last)| (of, last.lsn)).collect();
        let began = bases::initialize(to, partition, &base, &starts).await?;
        return if began { Ok(sums.position) } else { Err(other()) };
    }
    let position = LogPosition { number: target.length, chain: target.chain };
    if base.is_some_and(|base| (base.number, &base.chain) == (position.number, &position.chain)) {
        return Ok(position);
    }
    let last = log::read(from, partition, position.number - 1).await?.batches.into_iter().next();
    match last {
        Some(batch) if (batch.number, &batch.chain) == (position.number, &position.chain) => {
            Ok(position)
        }
        _ => Err(other()),
    }
}
