//! The state of one partition: from its base snapshot in the store, along its log.

use crate::cluster::log::position::LogPosition;
use crate::ledger::order::{OrderedPartition, Saved};
use crate::ledger::outcome::ApplyOutcome;
use crate::ledger::record::Record;
use crate::store::bases::{Base, BaseKind, PutOutcome};
use crate::store::log::Batch;
use crate::store::{Client, StoreError, bases, log};

/// Magic of an encoded base snapshot; other versions are rejected.
const MAGIC: &[u8; 8] = b"ADJBAS03";

/// Most records of a partition that are kept to put them in order.
const MAX_WINDOW: usize = 500_000;

/// A partition's records in order, up to a position of its log.
#[derive(Default)]
pub(super) struct PartitionSums {
    pub(crate) ordered: OrderedPartition,
    pub(crate) position: LogPosition,
    /// Whether nothing is folded while it is read: the watermarks of the log are not to be trusted.
    keeps_all: bool,
    /// The latest watermark read.
    watermark: i64,
    /// Batches in the base snapshot.
    base: u64,
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
                ordered: decode(&base.sums).ok_or_else(|| {
                    StoreError::UnexpectedData(format!(
                        "the base snapshot of partition {partition} was written by another version; start the \
                         version that wrote it"
                    ))
                })?,
                position: LogPosition { number: base.number, chain: base.chain },
                base: base.number,
                ..PartitionSums::default()
            }),
        }
    }

    /// Reads the whole log, from the latest base snapshot from which its records can be put in order.
    pub(crate) async fn whole(client: &Client, partition: u8) -> Result<PartitionSums, StoreError> {
        let last = PartitionSums::read(client, partition, BaseKind::Last, u64::MAX).await?;
        if !last.ordered.is_incomplete() {
            return Ok(last);
        }
        let mut sums = PartitionSums::read(client, partition, BaseKind::First, u64::MAX).await?;
        if !sums.ordered.is_incomplete() {
            return Ok(sums);
        }
        tracing::error!(
            partition,
            "records are older than what the log retains; every instance judges them after what was \
             retained"
        );
        sums.ordered.accept_incomplete();
        Ok(sums)
    }

    /// Reads a base snapshot and the log after it up to a batch. Records that came long after their place,
    /// from an instance that was not known before, are put in order if they came after the base.
    pub(crate) async fn read(
        client: &Client,
        partition: u8,
        which: BaseKind,
        until: u64,
    ) -> Result<PartitionSums, StoreError> {
        PartitionSums::read_while(client, partition, which, |batch| batch.number <= until).await
    }

    /// The same while `goes_on` returns true.
    pub(crate) async fn read_while(
        client: &Client,
        partition: u8,
        which: BaseKind,
        goes_on: impl Fn(&Batch) -> bool,
    ) -> Result<PartitionSums, StoreError> {
        let mut sums = PartitionSums::at(client, partition, which).await?;
        sums.read_on(client, partition, &goes_on, &mut |_| {}).await?;
        if sums.ordered.is_incomplete() {
            sums = PartitionSums::at(client, partition, which).await?;
            sums.keeps_all = true;
            sums.read_on(client, partition, &goes_on, &mut |_| {}).await?;
        }
        Ok(sums)
    }

    /// Whether batches were read after the base snapshot.
    pub(crate) fn is_advanced(&self) -> bool {
        self.position.number > self.base
    }

    /// Folds what the log says is final, although records came later than it had said: at most up to a stamp.
    pub(crate) fn fold_to_watermark(&mut self, most: i64) {
        self.ordered.fold_to_stamp(self.watermark.min(most), &mut |_| {});
    }

    /// Whether nothing is folded while it is read.
    pub(crate) fn keeps_all(&self) -> bool {
        self.keeps_all
    }

    pub(crate) fn keep_all(&mut self, keeps_all: bool) {
        self.keeps_all = keeps_all;
    }

    /// Reads further batches while `goes_on` returns true, or to the end, and folds what is final;
    /// `each` receives its effects.
    pub(crate) async fn read_on(
        &mut self,
        client: &Client,
        partition: u8,
        goes_on: impl Fn(&Batch) -> bool,
        each: &mut impl FnMut(&ApplyOutcome),
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
                self.take(batch, each)?;
            }
        }
    }

    fn take(
        &mut self,
        batch: Batch,
        each: &mut impl FnMut(&ApplyOutcome),
    ) -> Result<(), StoreError> {
        self.watermark = self.watermark.max(batch.watermark);
        if !self.keeps_all {
            self.ordered.fold_to_stamp(batch.watermark, each);
        }
        for entry in &batch.entries {
            self.ordered.push(entry).map_err(unreadable)?;
        }
        self.ordered.fold_excess(MAX_WINDOW, each);
        self.position = LogPosition { number: batch.number, chain: batch.chain };
        Ok(())
    }

    /// Stores what was read as a base snapshot of the partition.
    pub(crate) async fn put(
        &self,
        client: &Client,
        partition: u8,
        which: BaseKind,
    ) -> Result<PutOutcome, StoreError> {
        let Some(sums) = encode(&self.ordered)? else { return Ok(PutOutcome::AlreadyStored) };
        let base = Base { number: self.position.number, chain: self.position.chain.clone(), sums };
        bases::put(client, partition, which, &base).await
    }
}

pub(super) fn unreadable(error: impl ToString) -> StoreError {
    StoreError::UnexpectedData(error.to_string())
}

/// The latest time of a batch's records, in unix milliseconds.
pub(super) fn latest_ms(batch: &Batch) -> Option<i64> {
    let times =
        batch.entries.iter().map(|entry| Record::decode(&entry.payload).ok()?.record.at_ms());
    times.flatten().max()
}

/// Encodes a base snapshot; `None` while the partition is not complete in memory.
pub(super) fn encode(ordered: &OrderedPartition) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(saved) = ordered.saved() else { return Ok(None) };
    let plain = postcard::to_stdvec(&saved).map_err(unreadable)?;
    let body = zstd::encode_all(&*plain, 0).map_err(unreadable)?;
    Ok(Some([&MAGIC[..], &body].concat()))
}

fn decode(bytes: &[u8]) -> Option<OrderedPartition> {
    let plain = zstd::decode_all(bytes.strip_prefix(MAGIC)?).ok()?;
    postcard::from_bytes::<Saved>(&plain).ok().map(OrderedPartition::from)
}
