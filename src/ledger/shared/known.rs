//! What a machine knew last of the shared state, in a file: a start reads only what came since, and
//! one that cannot reach the store knows what was left of every budget.

use crate::ledger::shared::Place;
use crate::ledger::state::State;
use crate::ledger::whole;
use serde::Deserialize;
use serde::Serialize;
use std::fs;
use std::io;
use std::path::Path;

const MAGIC: &[u8; 8] = b"ADJSHR01";
const NAME: &str = "shared.ledger";

/// A state with its places in the logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Known {
    /// When it was true, in unix milliseconds.
    pub at_ms: i64,
    /// How many machines were here then, and which of them this was.
    pub share: (usize, usize),
    /// How far each partition was read.
    pub places: Vec<Place>,
    /// What was read.
    pub state: State,
}

/// Writes what is known now over what was known before.
pub(super) fn write(folder: &Path, known: &Known) -> io::Result<()> {
    let plain = postcard::to_stdvec(known).map_err(io::Error::other)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&zstd::encode_all(&*plain, 0)?);
    whole::write(folder, NAME, bytes)
}

/// What was known last; nothing at the first start, or when the file does not read: the store is
/// asked then.
pub(super) fn read(folder: &Path) -> io::Result<Option<Known>> {
    let bytes = match fs::read(folder.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let read = whole::told(&bytes, MAGIC).and_then(|told| {
        let plain = zstd::decode_all(&told[MAGIC.len()..]).map_err(|_| "it is damaged")?;
        postcard::from_bytes(&plain).map_err(|_| "it was written by another version")
    });
    if let Err(why) = read {
        tracing::warn!(file = NAME, why, "what was known of the store is read from the store");
    }
    Ok(read.ok())
}
