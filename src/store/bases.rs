//! A partition's two base snapshots: its sums as of two positions in its log. They share the log's
//! hash slot, so a failover rolls all of them back together. The log starts after the first base; an
//! instance starts reading after the last one.

use crate::store::client::{Client, StoreError};
use crate::store::keys;

/// Which of the two base snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseKind {
    /// The base that the retained log starts after.
    First,
    /// The base that an instance starts reading after.
    Last,
}

/// The sums as of one position in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The last batch included in the sums.
    pub number: u64,
    /// The log's hash chain up to and including that batch.
    pub chain: Vec<u8>,
    /// The sums, encoded by the caller.
    pub sums: Vec<u8>,
}

/// The result of storing a base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// Stored; for a first base, the log up to it was trimmed.
    Stored,
    /// A base at this position or a later one was already stored.
    AlreadyStored,
    /// The base is not of this log: a failover rolled back what it sums up.
    DifferentLog,
}

impl BaseKind {
    fn field_prefix(self) -> &'static [u8] {
        match self {
            BaseKind::First => b"f",
            BaseKind::Last => b"l",
        }
    }
}

/// A partition's base, if it has one.
pub async fn base(
    client: &Client,
    partition: u8,
    which: BaseKind,
) -> Result<Option<Base>, StoreError> {
    let slot = keys::bases(partition).read_only();
    let found: Option<(u64, Vec<u8>, Vec<u8>)> =
        client.call_function("adjacent_1_base", &slot, &[which.field_prefix()]).await?;
    Ok(found.map(|(number, chain, sums)| Base { number, chain, sums }))
}

/// Stores a later base. A first base trims the log and must not be later than the last one.
pub async fn put(
    client: &Client,
    partition: u8,
    which: BaseKind,
    base: &Base,
) -> Result<PutOutcome, StoreError> {
    let number = base.number.to_string();
    let arguments = [which.field_prefix(), number.as_bytes(), &base.chain, &base.sums];
    let outcome: String =
        client.call_function("adjacent_1_put_base", &keys::bases(partition), &arguments).await?;
    match outcome.as_str() {
        "NEXT" => Ok(PutOutcome::Stored),
        "AGAIN" => Ok(PutOutcome::AlreadyStored),
        "OTHER" => Ok(PutOutcome::DifferentLog),
        other => Err(StoreError::UnexpectedData(format!("put_base returned {other}"))),
    }
}

/// Replaces a log that has lost records by a base that has them. `length` and `chain` are those of the log
/// as it was read; `starts` as in [`initialize`]. Returns whether it was still that log.
pub(crate) async fn restore(
    client: &Client,
    partition: u8,
    (length, chain): (u64, &[u8]),
    base: &Base,
    starts: &[(u64, u64)],
) -> Result<bool, StoreError> {
    let length = length.to_string();
    let begin = begin_arguments(base, starts);
    let arguments: Vec<&[u8]> =
        [length.as_bytes(), chain].into_iter().chain(begin.iter().map(Vec::as_slice)).collect();
    let outcome: String =
        client.call_function("adjacent_1_restore", &keys::bases(partition), &arguments).await?;
    Ok(outcome == "NEXT")
}

fn begin_arguments(base: &Base, starts: &[(u64, u64)]) -> Vec<Vec<u8>> {
    let mut arguments =
        vec![base.number.to_string().into_bytes(), base.chain.clone(), base.sums.clone()];
    arguments.extend(starts.iter().flat_map(|(start, last)| {
        [format!("{start:016x}").into_bytes(), last.to_string().into_bytes()]
    }));
    arguments
}

/// Initialises an empty partition with a base of another store. `starts` are the process starts in
/// that base, each with its last journal number. Returns whether the partition was empty.
pub(crate) async fn initialize(
    client: &Client,
    partition: u8,
    base: &Base,
    starts: &[(u64, u64)],
) -> Result<bool, StoreError> {
    let begin = begin_arguments(base, starts);
    let arguments: Vec<&[u8]> = begin.iter().map(Vec::as_slice).collect();
    let outcome: String =
        client.call_function("adjacent_1_begin", &keys::bases(partition), &arguments).await?;
    Ok(outcome == "NEXT")
}
