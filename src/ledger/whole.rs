//! Files that are whole or not there.

use std::fs;
use std::io;
use std::io::Write;
use std::path::Path;

/// Bytes of a seal.
pub(super) const SEAL: usize = 32;

/// Writes a file with a BLAKE3 hash of it at its end: beside its name, synced, renamed.
pub(super) fn write(folder: &Path, name: &str, mut bytes: Vec<u8>) -> io::Result<()> {
    let seal = blake3::hash(&bytes);
    bytes.extend_from_slice(seal.as_bytes());
    let beside = folder.join(format!("{name}.new"));
    let mut file = fs::File::create(&beside)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&beside, folder.join(name))?;
    fs::File::open(folder)?.sync_all()
}

/// What was written before the seal, or why it cannot be used.
pub(super) fn told<'a>(bytes: &'a [u8], magic: &[u8]) -> Result<&'a [u8], &'static str> {
    let Some((told, seal)) = bytes.split_last_chunk::<SEAL>() else {
        return Err("it is too short");
    };
    if !told.starts_with(magic) {
        return Err("it was written by another version");
    }
    if blake3::hash(told) != *seal {
        return Err("it is damaged");
    }
    Ok(told)
}
