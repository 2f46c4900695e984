//! What was acknowledged, kept outside the segments, so that a segment that is missing, shortened or
//! overwritten is noticed.
//!
//! Two files of the journal folder hold it. `acknowledged` has two slots of 4 KiB; the one further on in
//! the journal is valid. The writer overwrites one of them before it acknowledges a batch, so a kill
//! leaves the exact mark behind. It syncs the file ten times a second and goes on with the other slot, so
//! after a power loss the mark may be a tenth of a second older than the last acknowledgement. All
//! integers are little-endian; the rest of a slot is unused.
//!
//! ```text
//! slot  magic "ADJACK01" | store u64 | number u64 | incarnation u64 | bytes u64 | entries u64
//!       | blake3 of those bytes, 32 bytes | crc32 of all before
//! ```
//!
//! `manifest` has a line per finished segment and per change of what is kept:
//!
//! ```text
//! end number incarnation bytes entries blake3 crc32                         acknowledged of a segment
//! first number crc32                            the segments before it are beyond their retention
//! repaired number incarnation bytes entries blake3 lost-bytes lost-entries crc32     in place of an `end`
//! ```

use crate::journal::segment::segment_name;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::{fs, io};

const MARKS: &str = "acknowledged";
/// The file of the manifest.
pub(crate) const MANIFEST: &str = "manifest";
const MAGIC: &[u8; 8] = b"ADJACK01";
/// Length of a mark, in bytes: less than the 512 that a disk writes as a whole.
const MARK: usize = 84;
/// Distance of the slots, in bytes: each has a page of its own.
const SLOT: u64 = 4_096;
const SLOTS: u64 = 2;

/// The acknowledged part of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The segment number.
    pub(crate) number: u64,
    /// The incarnation that wrote it.
    pub(crate) incarnation: u64,
    /// Its length, in bytes.
    pub(crate) bytes: u64,
    /// Its entries.
    pub(crate) entries: u64,
    /// BLAKE3 hash of these bytes.
    pub(crate) hash: [u8; 32],
}

impl End {
    /// Name of the segment file.
    pub(crate) fn name(&self) -> String {
        segment_name(self.incarnation, self.number)
    }

    /// Whether `bytes`, the contents of the segment, begin with what was acknowledged.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        let acknowledged = usize::try_from(self.bytes).ok().and_then(|length| bytes.get(..length));
        acknowledged.is_some_and(|bytes| *blake3::hash(bytes).as_bytes() == self.hash)
    }

    /// Encodes the mark of a data directory.
    pub(crate) fn mark(&self, store: u64) -> [u8; MARK] {
        let mut bytes = [0; MARK];
        let fields = [store, self.number, self.incarnation, self.bytes, self.entries];
        bytes[..8].copy_from_slice(MAGIC);
        for (at, field) in fields.iter().enumerate() {
            bytes[8 + at * 8..16 + at * 8].copy_from_slice(&field.to_le_bytes());
        }
        bytes[48..80].copy_from_slice(&self.hash);
        let crc = crc32fast::hash(&bytes[..MARK - 4]);
        bytes[MARK - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn of_mark(bytes: &[u8]) -> Option<(u64, End)> {
        let (fields, crc) = bytes.get(..MARK)?.split_last_chunk()?;
        if !fields.starts_with(MAGIC) || crc32fast::hash(fields) != u32::from_le_bytes(*crc) {
            return None;
        }
        let field =
            |at: usize| fields[8 + at * 8..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let hash = *fields[48..].first_chunk()?;
        let (number, incarnation) = (field(1)?, field(2)?);
        let end = End { number, incarnation, bytes: field(3)?, entries: field(4)?, hash };
        Some((field(0)?, end))
    }

    fn line(&self) -> String {
        let End { number, incarnation, bytes, entries, hash } = self;
        let hash = blake3::Hash::from_bytes(*hash).to_hex();
        format!("{number} {incarnation:016x} {bytes} {entries} {hash}")
    }

    fn parse<'a>(fields: &mut impl Iterator<Item = &'a str>) -> Option<End> {
        Some(End {
            number: fields.next()?.parse().ok()?,
            incarnation: u64::from_str_radix(fields.next()?, 16).ok()?,
            bytes: fields.next()?.parse().ok()?,
            entries: fields.next()?.parse().ok()?,
            hash: *blake3::Hash::from_hex(fields.next()?).ok()?.as_bytes(),
        })
    }
}

/// A line of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// A segment is finished.
    End(End),
    /// The segments before this number are beyond their retention.
    First(u64),
    /// A segment was repaired, and what was lost of it.
    Repaired { end: End, lost_bytes: u64, lost_entries: u64 },
}

impl Fact {
    /// The line, with its newline.
    pub(crate) fn line(&self) -> String {
        let fields = match self {
            Fact::End(end) => format!("end {}", end.line()),
            Fact::First(number) => format!("first {number}"),
            Fact::Repaired { end, lost_bytes, lost_entries } => {
                format!("repaired {} {lost_bytes} {lost_entries}", end.line())
            }
        };
        format!("{fields} {:08x}\n", crc32fast::hash(fields.as_bytes()))
    }

    fn parse(line: &str) -> Option<Fact> {
        let (fields, crc) = line.rsplit_once(' ')?;
        if u32::from_str_radix(crc, 16).ok()? != crc32fast::hash(fields.as_bytes()) {
            return None;
        }
        let mut fields = fields.split(' ');
        let fact = match fields.next()? {
            "end" => Fact::End(End::parse(&mut fields)?),
            "first" => Fact::First(fields.next()?.parse().ok()?),
            "repaired" => Fact::Repaired {
                end: End::parse(&mut fields)?,
                lost_bytes: fields.next()?.parse().ok()?,
                lost_entries: fields.next()?.parse().ok()?,
            },
            _ => return None,
        };
        fields.next().is_none().then_some(fact)
    }

    /// Appends the line to the manifest of a folder; returns when it survives a power loss.
    pub(crate) fn append(&self, folder: &Path) -> io::Result<()> {
        append_line(folder, &self.line())
    }
}

/// Appends a line to the manifest of a folder; returns when it survives a power loss. After an error
/// the manifest is as it was.
pub(crate) fn append_line(folder: &Path, line: &str) -> io::Result<()> {
    let path = folder.join(MANIFEST);
    let is_new = !path.exists();
    let mut file = File::options().create(true).append(true).open(&path)?;
    let length = file.metadata()?.len();
    if let Err(error) = file.write_all(line.as_bytes()).and_then(|()| file.sync_all()) {
        file.set_len(length)?;
        return Err(error);
    }
    if is_new { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Everything that is known of acknowledged segments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acknowledged {
    /// The segments from here on are kept; absent in a folder of an older version.
    pub(crate) first: Option<u64>,
    /// By segment number, that of the mark included.
    pub(crate) ends: BTreeMap<u64, End>,
    /// The segment of the mark, if its end is not in the manifest.
    pub(crate) unfinished: Option<End>,
    /// Lost bytes and entries of repaired segments, by number.
    pub(crate) repaired: BTreeMap<u64, (u64, u64)>,
    /// Unreadable lines of the manifest, counted from 1.
    pub(crate) unreadable: Vec<usize>,
}

impl Acknowledged {
    /// The end of a segment that was repaired.
    pub(crate) fn repaired_end(&self, number: u64) -> Option<&End> {
        self.ends.get(&number).filter(|_| self.repaired.contains_key(&number))
    }

    /// Reads the marks and the manifest of a folder. Marks of another data directory than `store` do
    /// not count. The mark is read first: segments that are read afterwards contain it.
    pub(crate) fn read(folder: &Path, store: Option<u64>) -> io::Result<Acknowledged> {
        let marks = read_if_exists(&folder.join(MARKS))?;
        let slots = (0..SLOTS).filter_map(|slot| {
            let slot = marks.get(usize::try_from(slot * SLOT).ok()?..)?;
            End::of_mark(slot).filter(|(of, _)| store.is_none_or(|store| store == *of))
        });
        let mark = slots.map(|(_, end)| end).max_by_key(|end| (end.number, end.bytes));
        let mut read = Acknowledged::default();
        let manifest = read_if_exists(&folder.join(MANIFEST))?;
        // A line without a newline is an append that a crash interrupted.
        let complete = manifest.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let text = String::from_utf8_lossy(&manifest[..complete]);
        for (at, line) in text.lines().enumerate() {
            match Fact::parse(line) {
                Some(Fact::First(number)) => read.first = read.first.max(Some(number)),
                Some(Fact::End(end)) => {
                    if !read.repaired.contains_key(&end.number) {
                        read.ends.insert(end.number, end);
                    }
                }
                Some(Fact::Repaired { end, lost_bytes, lost_entries }) => {
                    let lost = read.repaired.entry(end.number).or_default();
                    *lost = (lost.0 + lost_bytes, lost.1 + lost_entries);
                    read.ends.insert(end.number, end);
                }
                None => read.unreadable.push(at + 1),
            }
        }
        read.unfinished = mark.filter(|mark| !read.ends.contains_key(&mark.number));
        read.ends.extend(read.unfinished.iter().map(|end| (end.number, end.clone())));
        Ok(read)
    }
}

fn read_if_exists(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

/// Removes an incomplete last line of the manifest, which a crash leaves behind.
pub(crate) fn truncate_incomplete_line(folder: &Path) -> io::Result<()> {
    let path = folder.join(MANIFEST);
    let text = read_if_exists(&path)?;
    let complete = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if complete < text.len() {
        let file = File::options().write(true).open(&path)?;
        file.set_len(complete as u64)?;
        file.sync_all()?;
    }
    Ok(())
}

/// The file of the marks, allocated if it is new: overwriting allocated blocks changes nothing else that
/// had to be synced.
pub(crate) fn open_marks(folder: &Path) -> io::Result<File> {
    let path = folder.join(MARKS);
    let file = File::options().create(true).read(true).write(true).truncate(false).open(&path)?;
    let length = file.metadata()?.len();
    if length < SLOT * SLOTS {
        let missing = usize::try_from(SLOT * SLOTS - length).unwrap_or(0);
        file.write_all_at(&vec![0; missing], length)?;
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}

/// Overwrites a slot.
pub(crate) fn write_mark(marks: &File, slot: usize, mark: &[u8]) -> io::Result<()> {
    marks.write_all_at(mark, slot as u64 % SLOTS * SLOT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_lines_of_the_manifest_are_frozen_and_a_change_of_any_bit_is_rejected() {
        let end = End { number: 3, incarnation: 7, bytes: 150, entries: 2, hash: [7; 32] };
        let mark = end.mark(9);
        let fields = [9u64, 3, 7, 150, 2].map(u64::to_le_bytes).concat();
        let crc = 0x50541762_u32.to_le_bytes();
        assert_eq!(mark[..], [&b"ADJACK01"[..], &fields, &[7; 32], &crc].concat());
        assert_eq!(End::of_mark(&mark), Some((9, end.clone())));
        for bit in 0..mark.len() * 8 {
            let mut flipped = mark;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(End::of_mark(&flipped), None);
        }

        let hash = "07".repeat(32);
        let repaired = Fact::Repaired { end: end.clone(), lost_bytes: 40, lost_entries: 1 };
        let lines = [
            (Fact::End(end), format!("end 3 0000000000000007 150 2 {hash} b9ab4993\n")),
            (Fact::First(3), "first 3 d9c5c1d6\n".to_owned()),
            (repaired, format!("repaired 3 0000000000000007 150 2 {hash} 40 1 e78efc3f\n")),
        ];
        for (fact, line) in lines {
            assert_eq!(fact.line(), line);
            assert_eq!(Fact::parse(line.trim_end()), Some(fact));
            assert_eq!(Fact::parse(&line.trim_end().replacen('3', "4", 1)), None);
        }
    }
}
