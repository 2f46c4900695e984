//! Files with a checksum, written atomically.

use std::io::Write;
use std::path::Path;
use std::{fs, io};

/// Length of the checksum.
pub(super) const CHECKSUM: usize = 32;

/// Writes a file with its BLAKE3 hash at the end: to a temporary name, synced, then renamed.
pub(super) fn write(folder: &Path, name: &str, mut bytes: Vec<u8>) -> io::Result<()> {
    let checksum = blake3::hash(&bytes);
    bytes.extend_from_slice(checksum.as_bytes());
    let temporary = folder.join(format!("{name}.new"));
    let mut file = fs::File::create(&temporary)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, folder.join(name))?;
    fs::File::open(folder)?.sync_all()
}

/// Verifies magic and checksum; returns the content before the checksum, or why the file is unusable.
pub(super) fn verify<'a>(bytes: &'a [u8], magic: &[u8]) -> Result<&'a [u8], &'static str> {
    let Some((content, checksum)) = bytes.split_last_chunk::<CHECKSUM>() else {
        return Err("the file is too short");
    };
    if !content.starts_with(magic) {
        return Err("written by another version");
    }
    if blake3::hash(content) != *checksum {
        return Err("the checksum does not match");
    }
    Ok(content)
}
