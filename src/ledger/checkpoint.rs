//! Checkpoints: the ledger's state at the end of a finished segment. A start reads one and only the
//! segments after it; older segments can be removed after their retention period.
//!
//! ```text
//! file    magic "ADJLED04" | store u64 | from u64 | chain (64 hex digits, or blanks) | body | blake3 of all before
//! body    postcard of the state, compressed with zstd
//! ```
//!
//! A checkpoint that cannot be read, or has another format, is not used: the one before it and the segments
//! after that one give the same state. The body is the state's own encoding, so a change of [`State`] is a
//! new format (`golden.rs` notices it).
//!
//! `from` is the number of the first segment not included, `chain` the seal of the last one
//! included. A file is written under a temporary name, synced and renamed, so it is complete or
//! absent.

use crate::journal::chain;
use crate::ledger::sealed_file;
use crate::ledger::state::State;
use std::path::{Path, PathBuf};
use std::{fs, io};

const MAGIC: &[u8; 8] = b"ADJLED04";
const CHAIN: usize = 64;
const HEAD: usize = 8 + 8 + 8 + CHAIN;
/// Checkpoints retained: the newest, and one to fall back on.
const RETAINED: usize = 2;

/// A state with its position in the journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// The first segment not included.
    pub(crate) from: u64,
    /// The state before that segment.
    pub state: State,
}

#[derive(Debug, Default)]
pub(crate) struct StartingPoint {
    /// The newest readable one; the empty state when there is none.
    pub(crate) checkpoint: Checkpoint,
    /// Unreadable files, and why.
    pub(crate) unusable: Vec<String>,
}

/// The numbers of the checkpoints in a folder, oldest first.
pub(crate) fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
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

/// The newest checkpoint of a folder that is readable and belongs to its journal.
pub(crate) fn newest(folder: &Path, store: Option<u64>) -> io::Result<StartingPoint> {
    let mut found = StartingPoint::default();
    for from in numbers(folder)?.into_iter().rev() {
        match read(folder, from, store)? {
            Ok(checkpoint) => {
                found.checkpoint = checkpoint;
                break;
            }
            Err(why) => found.unusable.push(format!("{}: {why}", path(folder, from).display())),
        }
    }
    Ok(found)
}

/// Reads one checkpoint, or returns why it is unusable.
pub(crate) fn read(
    folder: &Path,
    from: u64,
    store: Option<u64>,
) -> io::Result<Result<Checkpoint, String>> {
    let unusable = |why: &str| Ok(Err(why.to_owned()));
    let bytes = fs::read(path(folder, from))?;
    let content = match sealed_file::verify(&bytes, MAGIC) {
        Ok(content) if content.len() >= HEAD => content,
        Ok(_) => return unusable("the file is too short"),
        Err(why) => return Ok(Err(why)),
    };
    let number = |at: usize| content[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    if store.is_some() && number(8) != store {
        return unusable("belongs to another data directory");
    }
    if number(16) != Some(from) || content[24..HEAD] != last_seal(folder, from)? {
        return unusable("does not belong to this journal's history");
    }
    let state = zstd::decode_all(&content[HEAD..]).ok();
    let state = state.and_then(|plain| postcard::from_bytes(&plain).ok());
    match state {
        Some(state) => Ok(Ok(Checkpoint { from, state })),
        None => unusable("its content cannot be decoded; another version of adjacent wrote it"),
    }
}

/// The seal of the last segment before `from`; blanks if there is none.
fn last_seal(folder: &Path, from: u64) -> io::Result<[u8; CHAIN]> {
    let seals = chain::seals(folder)?;
    let seal =
        seals.range(..from).next_back().and_then(|(_, seal)| seal.chain.as_bytes().first_chunk());
    Ok(seal.copied().unwrap_or([b' '; CHAIN]))
}

/// Writes a checkpoint and removes all but the newest two.
pub(crate) fn write(folder: &Path, store: u64, checkpoint: &Checkpoint) -> io::Result<()> {
    let plain = postcard::to_stdvec(&checkpoint.state).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(plain.len() / 4 + HEAD + sealed_file::CHECKSUM);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&store.to_le_bytes());
    bytes.extend_from_slice(&checkpoint.from.to_le_bytes());
    bytes.extend_from_slice(&last_seal(folder, checkpoint.from)?);
    bytes.extend_from_slice(&zstd::encode_all(&*plain, 0)?);
    sealed_file::write(folder, &name(checkpoint.from), bytes)?;
    let numbers = numbers(folder)?;
    for old in &numbers[..numbers.len().saturating_sub(RETAINED)] {
        fs::remove_file(path(folder, *old))?;
    }
    Ok(())
}
