//! A local cache of the fleet's state: a start reads only what is newer, an instance that cannot reach the
//! store knows the remaining budgets, and a store that has lost its data gets it back.

use crate::cluster::log::position::LogPosition;
use crate::ledger::order::Saved;
use crate::ledger::sealed_file;
use crate::ledger::state::State;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::{fs, io};

const MAGIC: &[u8; 8] = b"ADJSHR03";
const NAME: &str = "shared.ledger";

/// A state with its log positions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CachedState {
    pub(crate) at_ms: i64,
    /// The number of instances then, and the index of this one.
    pub(crate) share: (usize, usize),
    /// Each partition, and how far its log was read.
    pub(crate) partitions: Vec<(Saved, LogPosition)>,
}

/// Whether a journal's files are of an instance of a fleet, and so only a part of its records. `own` is
/// their state.
pub(crate) fn is_partial(folder: &Path, own: &State) -> bool {
    own.is_shared() || folder.join(NAME).exists()
}

/// Replaces the cache.
pub(super) fn write(folder: &Path, cache: &CachedState) -> io::Result<()> {
    let plain = postcard::to_stdvec(cache).map_err(io::Error::other)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&zstd::encode_all(&*plain, 0)?);
    sealed_file::write(folder, NAME, bytes)
}

/// Reads the cache; `None` at the first start and when the file is unreadable: the state is then read
/// from the store.
pub(super) fn read(folder: &Path) -> io::Result<Option<CachedState>> {
    let bytes = match fs::read(folder.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let read = sealed_file::verify(&bytes, MAGIC).and_then(|content| {
        let plain = zstd::decode_all(&content[MAGIC.len()..])
            .map_err(|_| "the content cannot be decompressed".to_owned())?;
        postcard::from_bytes(&plain).map_err(|_| "written by another version".to_owned())
    });
    if let Err(why) = &read {
        tracing::warn!(
            file = NAME,
            why,
            "state cache unreadable; reading the state from the store"
        );
    }
    Ok(read.ok())
}
