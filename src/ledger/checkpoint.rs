//! The ledger's state at the end of a finished segment: a start reads one, and only the segments
//! behind it; older segments may go once their time is over.
//!
//! ```text
//! file    magic "ADJLED02" | store u64 | from u64 | chain (64 hex digits, or blanks) | body | blake3 of all before
//! body    postcard of the state, compressed with zstd
//! ```
//!
//! `from` is the number of the first segment that is not in it, `chain` the seal of the last that
//! is. A file is written beside its name, synced and renamed: it is whole or not there.

use crate::journal::chain;
use crate::ledger::state::State;
use crate::ledger::whole;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

const MAGIC: &[u8; 8] = b"ADJLED02";
const CHAIN: usize = 64;
const HEAD: usize = 8 + 8 + 8 + CHAIN;
/// How many are kept: the newest, and one to fall back on.
const KEPT: usize = 2;

/// A state with its place in the journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// The first segment that is not in it.
    pub from: u64,
    /// Everything before that, applied.
    pub state: State,
}

/// What is there to start from.
#[derive(Debug, Default)]
pub struct Found {
    /// The newest one that reads; the empty state when there is none.
    pub checkpoint: Checkpoint,
    /// Files that do not read, and why.
    pub damaged: Vec<String>,
}

/// The numbers of the checkpoints in a folder, oldest first.
pub fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers: Vec<u64> = fs::read_dir(folder)?
        .filter_map(|entry| number_of(&entry.ok()?.file_name().into_string().ok()?))
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn number_of(name: &str) -> Option<u64> {
    name.strip_suffix(".ledger")?.parse().ok()
}

fn name(from: u64) -> String {
    format!("{from:010}.ledger")
}

fn path(folder: &Path, from: u64) -> PathBuf {
    folder.join(name(from))
}

/// The newest checkpoint of a folder that reads and belongs to its history.
pub fn newest(folder: &Path, store: Option<u64>) -> io::Result<Found> {
    let mut found = Found::default();
    for from in numbers(folder)?.into_iter().rev() {
        match read(folder, from, store)? {
            Ok(checkpoint) => {
                found.checkpoint = checkpoint;
                break;
            }
            Err(why) => found.damaged.push(format!("{}: {why}", path(folder, from).display())),
        }
    }
    Ok(found)
}

/// One checkpoint, or why it cannot be used.
pub fn read(
    folder: &Path,
    from: u64,
    store: Option<u64>,
) -> io::Result<Result<Checkpoint, &'static str>> {
    let bytes = fs::read(path(folder, from))?;
    let told = match whole::told(&bytes, MAGIC) {
        Ok(told) if told.len() >= HEAD => told,
        Ok(_) => return Ok(Err("it is too short")),
        Err(why) => return Ok(Err(why)),
    };
    let number = |at: usize| told[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    if store.is_some() && number(8) != store {
        return Ok(Err("it belongs to another data directory"));
    }
    if number(16) != Some(from) || told[24..HEAD] != last_seal(folder, from)? {
        return Ok(Err("it is not of this journal's history"));
    }
    let state = zstd::decode_all(&told[HEAD..]).ok();
    let state = state.and_then(|plain| postcard::from_bytes(&plain).ok());
    Ok(state.map(|state| Checkpoint { from, state }).ok_or("it was written by another version"))
}

/// The seal of the last segment before `from`; blanks before the first.
fn last_seal(folder: &Path, from: u64) -> io::Result<[u8; CHAIN]> {
    let links = chain::links(folder)?;
    let seal =
        links.range(..from).next_back().and_then(|(_, link)| link.chain.as_bytes().first_chunk());
    Ok(seal.copied().unwrap_or([b' '; CHAIN]))
}

/// Writes a checkpoint and removes all but the newest few.
pub fn write(folder: &Path, store: u64, checkpoint: &Checkpoint) -> io::Result<()> {
    let plain = postcard::to_stdvec(&checkpoint.state).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(plain.len() / 4 + HEAD + whole::SEAL);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&store.to_le_bytes());
    bytes.extend_from_slice(&checkpoint.from.to_le_bytes());
    bytes.extend_from_slice(&last_seal(folder, checkpoint.from)?);
    bytes.extend_from_slice(&zstd::encode_all(&*plain, 0)?);
    whole::write(folder, &name(checkpoint.from), bytes)?;
    let numbers = numbers(folder)?;
    for old in &numbers[..numbers.len().saturating_sub(KEPT)] {
        fs::remove_file(path(folder, *old))?;
    }
    Ok(())
}
