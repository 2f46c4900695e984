//! A partition's log: batches of journal entries in one order for everybody.

use crate::journal::Entry;
use crate::store::client::Client;
use crate::store::client::StoreError;
use crate::store::keys;
use redis::Value;

/// Most entries of a log that are read at once.
const READ: usize = 64;

/// How a batch fitted behind what the log has of its process start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is in.
    Next,
    /// It was in before; nothing changed.
    Again,
    /// The log has less or more than the batch begins with: go on behind this number.
    Behind(u64),
}

/// One batch as the log has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Its place in the log, from 1.
    pub number: u64,
    /// The chain before it.
    pub before: Vec<u8>,
    /// The chain with it.
    pub chain: Vec<u8>,
    /// The entries.
    pub entries: Vec<Entry>,
}

/// What a look at a log tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// How long it is.
    pub length: u64,
    /// Its chain.
    pub chain: Vec<u8>,
    /// The batches behind what was read before, oldest first: not all, if there are many.
    pub batches: Vec<Batch>,
}

/// Puts entries of one process start and one partition, in order and without a gap, behind the log.
/// Whatever is answered, or nothing: the same may be sent again.
pub async fn append(client: &Client, entries: &[Entry]) -> Result<Fit, StoreError> {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return Ok(Fit::Again);
    };
    let (from, to) = (first.lsn.to_string(), last.lsn.to_string());
    let incarnation = format!("{:016x}", first.incarnation);
    let payloads: Vec<&[u8]> = entries.iter().map(|entry| &entry.payload[..]).collect();
    let packed =
        postcard::to_stdvec(&payloads).map_err(|error| StoreError::Foreign(error.to_string()))?;
    let arguments = [incarnation.as_bytes(), from.as_bytes(), to.as_bytes(), &packed];
    let slot = keys::partition(first.partition);
    let (how, applied, _length): (String, u64, u64) =
        client.call("adjacent_1_append", &slot, &arguments).await?;
    match how.as_str() {
        "NEXT" => Ok(Fit::Next),
        "AGAIN" => Ok(Fit::Again),
        "GAP" | "CUT" => Ok(Fit::Behind(applied)),
        other => Err(StoreError::Foreign(format!("append answered {other}"))),
    }
}

/// The last number of a process start that a partition's log has.
pub async fn applied(client: &Client, incarnation: u64, partition: u8) -> Result<u64, StoreError> {
    let incarnation = format!("{incarnation:016x}");
    client
        .call(
            "adjacent_1_applied",
            &keys::partition(partition).reading(),
            &[incarnation.as_bytes()],
        )
        .await
}

/// An entry of a stream: its id, and its fields with their values.
type Found = (String, Vec<Vec<u8>>);

/// What a partition's log has behind its batch number `after`.
pub async fn read(client: &Client, partition: u8, after: u64) -> Result<Look, StoreError> {
    let (after, most) = (after.to_string(), READ.to_string());
    let slot = keys::partition(partition).reading();
    let (length, chain, found): (u64, Vec<u8>, Vec<Found>) =
        client.call("adjacent_1_read", &slot, &[after.as_bytes(), most.as_bytes()]).await?;
    let batches: Result<Vec<Batch>, StoreError> =
        found.into_iter().map(|(id, fields)| batch(partition, &id, &fields)).collect();
    Ok(Look { length, chain, batches: batches? })
}

fn batch(partition: u8, id: &str, fields: &[Vec<u8>]) -> Result<Batch, StoreError> {
    let foreign = || StoreError::Foreign(format!("entry {id} of partition {partition}"));
    let field = |name: &[u8]| {
        let at = fields.chunks_exact(2).find(|pair| pair[0] == name);
        at.map(|pair| &pair[1]).ok_or_else(foreign)
    };
    let text = |name: &[u8]| {
        field(name).and_then(|bytes| std::str::from_utf8(bytes).map_err(|_| foreign()))
    };
    let incarnation = u64::from_str_radix(text(b"i")?, 16).map_err(|_| foreign())?;
    let first: u64 = text(b"f")?.parse().map_err(|_| foreign())?;
    let payloads: Vec<Vec<u8>> = postcard::from_bytes(field(b"b")?).map_err(|_| foreign())?;
    let number =
        id.split_once('-').and_then(|(number, _)| number.parse().ok()).ok_or_else(foreign)?;
    let entry = |(lsn, payload)| Entry { incarnation, partition, lsn, payload };
    Ok(Batch {
        number,
        before: field(b"p")?.clone(),
        chain: field(b"c")?.clone(),
        entries: (first..).zip(payloads).map(entry).collect(),
    })
}

/// Says that an instance is here, and who else is; those that said nothing for ten seconds are not.
/// Before them comes the store's time, in unix milliseconds.
pub async fn here(client: &Client, incarnation: u64) -> Result<(i64, Vec<String>), StoreError> {
    let incarnation = format!("{incarnation:016x}");
    client.call("adjacent_1_here", &keys::here(), &[incarnation.as_bytes(), b"10"]).await
}

/// Who is here, for somebody who is not.
pub async fn others(client: &Client) -> Result<Vec<String>, StoreError> {
    let (_, here): (i64, _) = client.call("adjacent_1_here", &keys::here(), &[b"", b"10"]).await?;
    Ok(here)
}

/// Says that an instance is gone.
pub async fn gone(client: &Client, incarnation: u64) -> Result<(), StoreError> {
    let incarnation = format!("{incarnation:016x}");
    let _: Value = client.call("adjacent_1_gone", &keys::here(), &[incarnation.as_bytes()]).await?;
    Ok(())
}
