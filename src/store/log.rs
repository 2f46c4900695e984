//! A partition's log: batches of journal entries in the same order for every instance.

use crate::journal::Entry;
use crate::store::client::{Client, StoreError};
use crate::store::keys;
use redis::Value;
use std::collections::BTreeMap;

/// Batches read per call.
const READ_LIMIT: usize = 64;

/// The result of appending a batch, relative to what the log has of its process start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// Appended.
    Appended,
    /// Already in the log; nothing changed.
    AlreadyPresent,
    /// The batch does not start right after the log's last journal number, which is this one: continue
    /// after it.
    ContinueAfter(u64),
}

/// One batch of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Its position in the log, from 1.
    pub number: u64,
    /// The hash chain before it.
    pub before: Vec<u8>,
    /// The hash chain including it.
    pub chain: Vec<u8>,
    /// Every record up to this stamp is in the log before this batch.
    pub(crate) watermark: i64,
    pub(crate) entries: Vec<Entry>,
}

/// A part of a log, with the log's current state.
#[derive(Clone, Debug, PartialEq)]
pub struct LogPage {
    /// Batches in the log.
    pub(crate) length: u64,
    /// The hash chain of the whole log.
    pub(crate) chain: Vec<u8>,
    /// The batches after the requested position, oldest first; at most 64.
    pub batches: Vec<Batch>,
}

/// Appends entries of one process start and one partition, consecutive and in order. Every record up to
/// the stamp `watermark` must be in the log already. Idempotent: the same entries may be sent again after
/// any result, including a timeout.
pub async fn append(
    client: &Client,
    entries: &[Entry],
    watermark: i64,
) -> Result<AppendOutcome, StoreError> {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return Ok(AppendOutcome::AlreadyPresent);
    };
    let (from, to) = (first.lsn.to_string(), last.lsn.to_string());
    let incarnation = format!("{:016x}", first.incarnation);
    let payloads: Vec<&[u8]> = entries.iter().map(|entry| &entry.payload[..]).collect();
    let packed = postcard::to_stdvec(&payloads)
        .map_err(|error| StoreError::UnexpectedData(error.to_string()))?;
    let watermark = watermark.to_string();
    let arguments =
        [incarnation.as_bytes(), from.as_bytes(), to.as_bytes(), &packed, watermark.as_bytes()];
    let slot = keys::partition(first.partition);
    let (outcome, applied, _length): (String, u64, u64) =
        client.call_function("adjacent_1_append", &slot, &arguments).await?;
    match outcome.as_str() {
        "NEXT" => Ok(AppendOutcome::Appended),
        "AGAIN" => Ok(AppendOutcome::AlreadyPresent),
        "GAP" | "CUT" => Ok(AppendOutcome::ContinueAfter(applied)),
        other => Err(StoreError::UnexpectedData(format!("append returned {other}"))),
    }
}

/// The last journal number of a process start in a partition's log.
pub(crate) async fn applied(
    client: &Client,
    incarnation: u64,
    partition: u8,
) -> Result<u64, StoreError> {
    let incarnation = format!("{incarnation:016x}");
    client
        .call_function(
            "adjacent_1_applied",
            &keys::partition(partition).read_only(),
            &[incarnation.as_bytes()],
        )
        .await
}

/// An entry of a stream: its id, and its fields with their values.
type Found = (String, Vec<Vec<u8>>);

/// Reads up to 64 batches of a partition's log after batch number `after`.
pub async fn read(client: &Client, partition: u8, after: u64) -> Result<LogPage, StoreError> {
    let (after, limit) = (after.to_string(), READ_LIMIT.to_string());
    let slot = keys::partition(partition).read_only();
    let (length, chain, found): (u64, Vec<u8>, Vec<Found>) = client
        .call_function("adjacent_1_read", &slot, &[after.as_bytes(), limit.as_bytes()])
        .await?;
    let batches: Result<Vec<Batch>, StoreError> =
        found.into_iter().map(|(id, fields)| batch(partition, &id, &fields)).collect();
    Ok(LogPage { length, chain, batches: batches? })
}

fn batch(partition: u8, id: &str, fields: &[Vec<u8>]) -> Result<Batch, StoreError> {
    let unreadable = || {
        StoreError::UnexpectedData(format!("unreadable log entry {id} of partition {partition}"))
    };
    let field = |name: &[u8]| {
        let at = fields.chunks_exact(2).find(|pair| pair[0] == name);
        at.map(|pair| &pair[1]).ok_or_else(unreadable)
    };
    let text = |name: &[u8]| {
        field(name).and_then(|bytes| std::str::from_utf8(bytes).map_err(|_| unreadable()))
    };
    let incarnation = u64::from_str_radix(text(b"i")?, 16).map_err(|_| unreadable())?;
    let first: u64 = text(b"f")?.parse().map_err(|_| unreadable())?;
    // Logs of earlier versions have none.
    let watermark = text(b"w").map_or(Ok(i64::MIN), |w| w.parse().map_err(|_| unreadable()))?;
    let payloads: Vec<Vec<u8>> = postcard::from_bytes(field(b"b")?).map_err(|_| unreadable())?;
    let number =
        id.split_once('-').and_then(|(number, _)| number.parse().ok()).ok_or_else(unreadable)?;
    let entry = |(lsn, payload)| Entry { incarnation, partition, lsn, payload };
    Ok(Batch {
        number,
        before: field(b"p")?.clone(),
        chain: field(b"c")?.clone(),
        watermark,
        entries: (first..).zip(payloads).map(entry).collect(),
    })
}

/// The answer to a heartbeat.
#[derive(Debug)]
pub(crate) struct Heard {
    /// The store's time, in Unix milliseconds.
    pub(crate) store_ms: i64,
    /// Instances with a heartbeat within the last 10 seconds.
    pub(crate) members: Vec<u64>,
    /// By process start.
    pub(crate) reached: BTreeMap<u64, Reached>,
}

/// What a process start has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    /// All its records up to this stamp are among those below.
    pub(crate) stamp: i64,
    /// The last LSN in each partition. A store that lost records has fewer.
    pub(crate) lsns: Vec<u64>,
}

impl Reached {
    fn encode(&self) -> String {
        let lsns = self.lsns.iter().map(|lsn| format!(" {lsn}"));
        std::iter::once(self.stamp.to_string()).chain(lsns).collect()
    }

    fn decode(text: &str) -> Option<Reached> {
        let (stamp, lsns) = text.split_once(' ')?;
        let lsns: Result<Vec<u64>, _> = lsns.split(' ').map(str::parse).collect();
        Some(Reached { stamp: stamp.parse().ok()?, lsns: lsns.ok()? })
    }
}

/// Records an instance's heartbeat, and what it has sent.
pub(crate) async fn heartbeat(
    client: &Client,
    incarnation: u64,
    reached: Option<&Reached>,
) -> Result<Heard, StoreError> {
    let reached = reached.map(Reached::encode).unwrap_or_default();
    here(client, &format!("{incarnation:016x}"), &reached).await
}

/// The live instances, without recording a heartbeat.
pub(crate) async fn live_instances(client: &Client) -> Result<Vec<u64>, StoreError> {
    here(client, "", "").await.map(|heard| heard.members)
}

async fn here(client: &Client, incarnation: &str, reached: &str) -> Result<Heard, StoreError> {
    let arguments = [incarnation.as_bytes(), b"10", reached.as_bytes()];
    let (store_ms, members, stamps): (i64, Vec<String>, Vec<String>) =
        client.call_function("adjacent_1_here", &keys::instances(), &arguments).await?;
    let number = |one: &String| u64::from_str_radix(one, 16).ok();
    let reached = stamps.chunks_exact(2);
    Ok(Heard {
        store_ms,
        members: members.iter().filter_map(number).collect(),
        reached: reached
            .filter_map(|pair| number(&pair[0]).zip(Reached::decode(&pair[1])))
            .collect(),
    })
}

/// Removes an instance that shuts down.
pub(crate) async fn leave(client: &Client, incarnation: u64) -> Result<(), StoreError> {
    let incarnation = format!("{incarnation:016x}");
    let _: Value = client
        .call_function("adjacent_1_gone", &keys::instances(), &[incarnation.as_bytes()])
        .await?;
    Ok(())
}
