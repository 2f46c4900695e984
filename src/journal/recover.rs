//! What a folder of segments holds after whatever happened to it.
//!
//! A torn end is what a crash leaves of writes that nobody was promised: it is cut. Anything else
//! that does not read is damage: its bytes are copied aside and told, and reading goes on behind it.

use crate::journal::Entry;
use crate::journal::frame;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// What recovery found besides entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Recovery {
    /// Segments read.
    pub segments: u64,
    /// Entries read.
    pub entries: u64,
    /// Bytes cut from torn ends.
    pub torn_bytes: u64,
    /// Places with damage, each `segment: first byte, bytes`.
    pub damaged: Vec<String>,
    /// The number the next segment takes.
    pub next_segment: u64,
}

/// Reads every segment of `folder` in the order of writing and hands each entry to `each`.
/// With `mend`, torn ends are cut and damaged bytes copied to `folder/quarantine`.
pub fn recover(folder: &Path, mend: bool, mut each: impl FnMut(Entry)) -> io::Result<Recovery> {
    let mut recovery = Recovery::default();
    let mut segments: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "journal"))
        .collect();
    segments.sort();
    for path in segments {
        let bytes = fs::read(&path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        recovery.segments += 1;
        let named: Option<u64> = name.split('-').next().and_then(|number| number.parse().ok());
        recovery.next_segment = recovery.next_segment.max(named.unwrap_or(0) + 1);
        let Some((incarnation, _)) = frame::read_header(&bytes) else {
            // A header is synced before its segment is used: a short one held nothing yet.
            if bytes.len() > frame::HEADER {
                damage(&mut recovery, folder, &name, &bytes, 0, mend)?;
            } else {
                recovery.torn_bytes += bytes.len() as u64;
            }
            continue;
        };
        let mut at = frame::HEADER;
        while at < bytes.len() {
            if let Some((entry, length)) = frame::read(&bytes[at..], incarnation) {
                recovery.entries += 1;
                each(entry);
                at += length;
                continue;
            }
            match (at + 1..bytes.len())
                .find(|next| frame::read(&bytes[*next..], incarnation).is_some())
            {
                Some(next) => {
                    damage(&mut recovery, folder, &name, &bytes[at..next], at, mend)?;
                    at = next;
                }
                None => {
                    recovery.torn_bytes += (bytes.len() - at) as u64;
                    if mend {
                        let file = fs::File::options().write(true).open(&path)?;
                        file.set_len(at as u64)?;
                        file.sync_all()?;
                    }
                    break;
                }
            }
        }
    }
    Ok(recovery)
}

fn damage(
    recovery: &mut Recovery,
    folder: &Path,
    name: &str,
    bytes: &[u8],
    at: usize,
    mend: bool,
) -> io::Result<()> {
    recovery.damaged.push(format!("{name}: byte {at}, {} bytes", bytes.len()));
    if mend {
        let aside = folder.join("quarantine");
        fs::create_dir_all(&aside)?;
        fs::write(aside.join(format!("{name}-{at}")), bytes)?;
    }
    Ok(())
}
