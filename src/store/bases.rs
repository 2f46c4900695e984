//! A partition's bases: its sums at two places of its log, in the same slot, so that a failover takes
//! them back together. The log begins behind the first; a start reads on behind the last.

use crate::store::client::Client;
use crate::store::client::StoreError;
use crate::store::keys;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// With which the log begins.
    First,
    /// From which a start reads on.
    Last,
}

/// Sums at a place of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The last batch that is in it.
    pub number: u64,
    /// The log's chain with that batch.
    pub chain: Vec<u8>,
    /// The sums, packed by whoever makes them.
    pub sums: Vec<u8>,
}

/// How a new base fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is there now; before a first one, the log is gone.
    Next,
    /// One as far or further was there.
    Again,
    /// It is not of this log: a failover took back what it sums up.
    Other,
}

impl Which {
    fn letter(self) -> &'static [u8] {
        match self {
            Which::First => b"f",
            Which::Last => b"l",
        }
    }
}

/// The base of a partition, if it has one.
pub async fn base(
    client: &Client,
    partition: u8,
    which: Which,
) -> Result<Option<Base>, StoreError> {
    let slot = keys::bases(partition).reading();
    let found: Option<(u64, Vec<u8>, Vec<u8>)> =
        client.call("adjacent_1_base", &slot, &[which.letter()]).await?;
    Ok(found.map(|(number, chain, sums)| Base { number, chain, sums }))
}

/// Puts a base further on. A first one cuts the log, and must not be beyond the last.
pub async fn put(
    client: &Client,
    partition: u8,
    which: Which,
    base: &Base,
) -> Result<Put, StoreError> {
    let number = base.number.to_string();
    let arguments = [which.letter(), number.as_bytes(), &base.chain, &base.sums];
    let how: String =
        client.call("adjacent_1_put_base", &keys::bases(partition), &arguments).await?;
    match how.as_str() {
        "NEXT" => Ok(Put::Next),
        "AGAIN" => Ok(Put::Again),
        "OTHER" => Ok(Put::Other),
        other => Err(StoreError::Foreign(format!("put_base answered {other}"))),
    }
}

/// Begins an empty partition with a base of another store, in which each of these process starts has
/// its last journal number. Says whether it was empty.
pub async fn begin(
    client: &Client,
    partition: u8,
    base: &Base,
    starts: &[(u64, u64)],
) -> Result<bool, StoreError> {
    let number = base.number.to_string();
    let starts: Vec<[String; 2]> =
        starts.iter().map(|(start, last)| [format!("{start:016x}"), last.to_string()]).collect();
    let mut arguments = vec![number.as_bytes(), &base.chain, &base.sums];
    arguments.extend(starts.iter().flatten().map(String::as_bytes));
    let how: String = client.call("adjacent_1_begin", &keys::bases(partition), &arguments).await?;
    Ok(how == "NEXT")
}
