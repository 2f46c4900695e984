//! Files with a checksum, written atomically.

use crate::journal::frame;
use std::io::Write;
use std::path::Path;
use std::{fs, io};

/// Length of the checksum.
pub(crate) const CHECKSUM: usize = 32;

/// Writes a file with its BLAKE3 hash at the end: to a temporary name, synced, then renamed.
pub(crate) fn write(folder: &Path, name: &str, mut bytes: Vec<u8>) -> io::Result<()> {
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
/// The magic ends with the format version.
pub(crate) fn verify<'a>(bytes: &'a [u8], magic: &[u8; 8]) -> Result<&'a [u8], String> {
    let Some((content, checksum)) = bytes.split_last_chunk::<CHECKSUM>() else {
        return Err("the file is too short".to_owned());
    };
    let Some(found) = content.first_chunk::<8>().filter(|found| *found != magic) else {
        let matches = blake3::hash(content) == *checksum;
        return matches.then_some(content).ok_or_else(|| "the checksum does not match".to_owned());
    };
    let version = |magic: &[u8; 8]| frame::version_of(magic, magic.first_chunk()?);
    let family = |magic: &[u8; 8]| magic.first_chunk::<6>().copied();
    Err(match (version(found), version(magic)) {
        (Some(version), Some(known)) if family(found) == family(magic) => format!(
            "its format is {version} and this version reads format {known}; another version of adjacent \
             wrote it"
        ),
        _ => "it does not begin as a file of its kind does".to_owned(),
    })
}
