//! What a folder of segments holds after whatever happened to it.
//!
//! A torn end is what a crash leaves of writes that nobody was promised: it is cut. Only the last
//! segment of a process can have one, and only until it is sealed. Anything else that does not read
//! is damage: its bytes are copied aside and told, and reading goes on behind it.

use crate::journal::Entry;
use crate::journal::chain;
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
    /// Places with damage, each `segment: first byte, bytes`, or what is missing.
    pub damaged: Vec<String>,
    /// The number the next segment takes.
    pub next_segment: u64,
}

/// A file of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its number: that of the name.
    pub number: u64,
    /// The process start that wrote it: that of the name.
    pub incarnation: u64,
    /// Where it is.
    pub path: PathBuf,
    /// It was sealed, or another of its process follows: its end cannot be torn.
    pub is_whole: bool,
    /// How long it was when it was sealed, in bytes.
    pub sealed_bytes: Option<u64>,
}

impl Segment {
    /// The file's name.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The segments of a folder in the order of writing. A file that ends in `.journal` and is not
/// named like one of ours is an error that names it.
pub fn segments(folder: &Path) -> io::Result<Vec<Segment>> {
    let sealed = chain::links(folder)?;
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|ending| ending != "journal") {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (number, incarnation) = stem
            .split_once('-')
            .and_then(|(n, of)| Some((n.parse().ok()?, u64::from_str_radix(of, 16).ok()?)))
            .ok_or_else(|| {
                io::Error::other(format!(
                    "{} is not named like a segment of this journal: move it away",
                    path.display()
                ))
            })?;
        let sealed_bytes = sealed.get(&number).map(|link| link.bytes);
        let is_whole = sealed_bytes.is_some();
        segments.push(Segment { number, incarnation, path, is_whole, sealed_bytes });
    }
    segments.sort_by_key(|segment| segment.number);
    for at in 0..segments.len() {
        let of = segments[at].incarnation;
        segments[at].is_whole |= segments[at + 1..].iter().any(|later| later.incarnation == of);
    }
    Ok(segments)
}

/// Reads the segments of `folder` from number `from` on, in the order of writing, and hands each
/// entry to `each`. With `mend`, torn ends are cut and damaged bytes copied to `folder/quarantine`.
/// A segment of another store than `store` is an error.
pub fn recover(
    folder: &Path,
    from: u64,
    store: Option<u64>,
    mend: bool,
    mut each: impl FnMut(Entry),
) -> io::Result<Recovery> {
    let mut recovery = Recovery::default();
    let segments = segments(folder)?;
    recovery.next_segment = segments.last().map_or(0, |last| last.number + 1).max(from);
    for (number, link) in chain::links(folder)?.range(from..) {
        recovery.next_segment = recovery.next_segment.max(number + 1);
        if !segments.iter().any(|segment| segment.number == *number) {
            recovery.damaged.push(format!("{}: the whole segment is missing", link.name(*number)));
        }
    }
    for segment in segments.iter().filter(|segment| segment.number >= from) {
        let told = recovery.damaged.len();
        recovery.read(folder, segment, store, mend, &mut each)?;
        // Cut between two entries, what is left of it reads well.
        let length = fs::metadata(&segment.path)?.len();
        let missing = segment.sealed_bytes.unwrap_or(0).saturating_sub(length);
        if missing > 0 && recovery.damaged.len() == told {
            let name = segment.name();
            recovery.damaged.push(format!("{name}: byte {length}, {missing} bytes are missing"));
        }
    }
    Ok(recovery)
}

impl Recovery {
    /// Reads one segment.
    pub fn read(
        &mut self,
        folder: &Path,
        segment: &Segment,
        store: Option<u64>,
        mend: bool,
        each: &mut impl FnMut(Entry),
    ) -> io::Result<()> {
        let bytes = fs::read(&segment.path)?;
        self.segments += 1;
        let Some(header) = frame::read_header(&bytes) else {
            // A header is synced before its segment is used: a short one held nothing yet, and
            // still holds nothing when it is sealed as it was left.
            let length = bytes.len() as u64;
            let was_short = segment.sealed_bytes.is_some_and(|sealed| sealed == length);
            if bytes.len() > frame::HEADER || segment.is_whole && !was_short {
                return self.damage(folder, &segment.name(), &bytes, 0, mend);
            }
            self.torn_bytes += bytes.len() as u64;
            return Ok(());
        };
        if header.store.is_some() && store.is_some() && header.store != store {
            return Err(io::Error::other(format!(
                "{} belongs to the journal of another data directory: move it away",
                segment.path.display()
            )));
        }
        let mut at = header.length;
        while at < bytes.len() {
            if let Some((entry, length)) = frame::read(&bytes[at..], header.incarnation) {
                self.entries += 1;
                each(entry);
                at += length;
                continue;
            }
            let whole = |next: &usize| frame::read(&bytes[*next..], header.incarnation).is_some();
            let next = (at + 1..bytes.len()).find(whole);
            if next.is_some() || segment.is_whole {
                let end = next.unwrap_or(bytes.len());
                self.damage(folder, &segment.name(), &bytes[at..end], at, mend)?;
                at = end;
                continue;
            }
            self.torn_bytes += (bytes.len() - at) as u64;
            if mend {
                let file = fs::File::options().write(true).open(&segment.path)?;
                file.set_len(at as u64)?;
                file.sync_all()?;
            }
            break;
        }
        Ok(())
    }

    fn damage(
        &mut self,
        folder: &Path,
        name: &str,
        bytes: &[u8],
        at: usize,
        mend: bool,
    ) -> io::Result<()> {
        self.damaged.push(format!("{name}: byte {at}, {} bytes", bytes.len()));
        if mend {
            let aside = folder.join("quarantine");
            fs::create_dir_all(&aside)?;
            fs::write(aside.join(format!("{name}-{at}")), bytes)?;
        }
        Ok(())
    }
}
