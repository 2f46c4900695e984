//! Reads a folder of segments after any crash or corruption.
//!
//! A torn end is the rest of unacknowledged writes at a crash: it is truncated. Only the last
//! segment of an incarnation can have one, and only until it is sealed. Any other unreadable bytes
//! are corruption: they are copied to quarantine and reported, and reading continues behind them.
//! What was acknowledged and is not in the files any more is reported as lost.

use crate::journal::end::{Acknowledged, Fact};
use crate::journal::losses::Loss;
use crate::journal::segment::Segment;
use crate::journal::{Entry, PARTITIONS, chain, end, frame, losses};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

/// Result of a recovery, apart from the entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Recovery {
    /// Segments read.
    pub(crate) segments: u64,
    /// Entries read.
    pub entries: u64,
    /// Bytes of torn ends.
    pub(crate) torn_bytes: u64,
    /// Corrupt places, each `segment: byte offset, length`, and missing segments.
    pub corrupt: Vec<String>,
    /// Acknowledged entries that are missing in the files.
    pub lost: Vec<Loss>,
    /// Entries lost for good, according to repairs of the past.
    pub(crate) repaired_entries: u64,
    pub(crate) next_segment: u64,
    /// The last LSN of each partition, by incarnation whose segments were written here, are all kept and
    /// were not repaired.
    #[serde(skip)]
    pub(crate) last_lsns: BTreeMap<u64, Vec<u64>>,
}

/// The segments of a folder in write order. A `.journal` file whose name is not a segment name is an
/// error.
pub fn segments(folder: &Path) -> io::Result<Vec<Segment>> {
    let sealed = chain::seals(folder)?;
    let acknowledged = Acknowledged::read(folder, None)?;
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
                    "{}: not a segment name; move the file out of the journal folder",
                    path.display()
                ))
            })?;
        let is_complete = sealed.contains_key(&number);
        let repaired = acknowledged.repaired_end(number).map(|end| end.bytes);
        let sealed_bytes = sealed.get(&number).map(|seal| repaired.unwrap_or(seal.bytes));
        let end = acknowledged.ends.get(&number).filter(|end| end.incarnation == incarnation);
        segments.push(Segment {
            number,
            incarnation,
            path,
            is_complete,
            sealed_bytes,
            acknowledged_bytes: end.map_or(0, |end| end.bytes),
        });
    }
    segments.sort_by_key(|segment| segment.number);
    for at in 0..segments.len() {
        let of = segments[at].incarnation;
        segments[at].is_complete |= segments[at + 1..].iter().any(|later| later.incarnation == of);
    }
    Ok(segments)
}

/// Reads the segments of `folder` from number `from` on, in write order, and passes each entry to
/// `each`. With `repair`, torn ends are truncated and corrupt bytes copied to `folder/quarantine`.
/// A segment of another data directory than `store`, or in a newer format, is an error.
pub fn recover(
    folder: &Path,
    from: u64,
    store: Option<u64>,
    repair: bool,
    mut each: impl FnMut(Entry),
) -> io::Result<Recovery> {
    let mut recovery = Recovery::default();
    let acknowledged = Acknowledged::read(folder, store)?;
    let segments = segments(folder)?;
    recovery.next_segment = segments.last().map_or(0, |last| last.number + 1).max(from);
    let seals = chain::seals(folder)?;
    let last_known = [seals.keys().last(), acknowledged.ends.keys().last()];
    let after = last_known.into_iter().flatten().map(|last| last + 1).max().unwrap_or(0);
    recovery.next_segment = recovery.next_segment.max(after);
    for segment in segments.iter().filter(|segment| segment.number >= from) {
        let reported = recovery.corrupt.len();
        let bytes = fs::read(&segment.path)?;
        recovery.read_bytes(folder, segment, &bytes, store, repair, &mut each)?;
        if let Some(end) = acknowledged.ends.get(&segment.number) {
            let loss = losses::of_segment(end, segment, &bytes);
            let is_lost = loss.is_some();
            recovery.lost.extend(loss);
            if is_lost {
                continue;
            }
        }
        // When cut between two entries, the rest reads without an error.
        let length = bytes.len() as u64;
        let missing = segment.sealed_bytes.unwrap_or(0).saturating_sub(length);
        if missing > 0 && recovery.corrupt.len() == reported {
            let name = segment.name();
            recovery.corrupt.push(format!("{name}: byte {length}, {missing} bytes are missing"));
        }
    }
    recovery.lost.extend(losses::of_earlier_segments(&acknowledged, &segments, from)?);
    // Read again: segments that were removed in the meantime are not missing.
    let first = Acknowledged::read(folder, store)?.first;
    let missing = losses::missing_segments(first, &acknowledged, &segments, &seals);
    for (number, seal) in seals.range(from..) {
        let is_here = segments.iter().any(|segment| segment.number == *number);
        if !is_here && first.is_none_or(|first| *number < first) {
            recovery.corrupt.push(format!("{}: the segment file is missing", seal.name(*number)));
        }
    }
    recovery.lost.splice(0..0, missing);
    let written_off =
        acknowledged.repaired.keys().filter_map(|number| acknowledged.ends.get(number));
    let written_off: BTreeSet<u64> = written_off.map(|end| end.incarnation).collect();
    for end in
        acknowledged.ends.values().filter(|end| first.is_none_or(|first| end.number >= first))
    {
        recovery.last_lsns.entry(end.incarnation).or_insert_with(no_lsns);
    }
    for segment in &segments {
        recovery.last_lsns.entry(segment.incarnation).or_insert_with(no_lsns);
    }
    if let Some(oldest) = segments.first().filter(|oldest| oldest.number > 0) {
        // Some of its segments may be beyond their retention.
        recovery.last_lsns.remove(&oldest.incarnation);
    }
    recovery.last_lsns.retain(|incarnation, _| !written_off.contains(incarnation));
    let unreadable = acknowledged.unreadable.iter();
    recovery.corrupt.extend(unreadable.map(|line| format!("manifest:{line}: not a valid line")));
    recovery.repaired_entries = acknowledged.repaired.values().map(|(_, entries)| entries).sum();
    if repair {
        end::truncate_incomplete_line(folder)?;
        if first.is_none() {
            Fact::First(losses::first_without_gap(&segments, after)).append(folder)?;
        }
        if let Some(end) = acknowledged.unfinished {
            // The mark is overwritten by the next incarnation.
            Fact::End(end).append(folder)?;
        }
    }
    Ok(recovery)
}

fn no_lsns() -> Vec<u64> {
    vec![0; usize::from(PARTITIONS)]
}

impl Recovery {
    /// Number of acknowledged entries that are missing; a segment of unknown contents counts as one.
    pub(crate) fn missing_entries(&self) -> u64 {
        self.lost.iter().map(|loss| loss.entries.unwrap_or(1)).sum()
    }

    /// Reads one segment.
    pub(crate) fn read(
        &mut self,
        folder: &Path,
        segment: &Segment,
        store: Option<u64>,
        repair: bool,
        each: &mut impl FnMut(Entry),
    ) -> io::Result<()> {
        let bytes = fs::read(&segment.path)?;
        self.read_bytes(folder, segment, &bytes, store, repair, each)
    }

    fn read_bytes(
        &mut self,
        folder: &Path,
        segment: &Segment,
        bytes: &[u8],
        store: Option<u64>,
        repair: bool,
        each: &mut impl FnMut(Entry),
    ) -> io::Result<()> {
        self.segments += 1;
        let Some(header) = frame::read_header(bytes) else {
            if let Some(version) = frame::newer_format(bytes) {
                return Err(io::Error::other(format!(
                    "{}: its format is {version} and this version reads formats up to {}; start a newer \
                     version of adjacent",
                    segment.path.display(),
                    frame::VERSION
                )));
            }
            // The header is synced before the segment is used: a segment with a short header never
            // held entries, and is intact if it was sealed at that length.
            let length = bytes.len() as u64;
            let was_short = segment.sealed_bytes.is_some_and(|sealed| sealed == length);
            if bytes.len() > frame::HEADER || segment.is_complete && !was_short {
                return self.report_corruption(folder, &segment.name(), bytes, 0, repair);
            }
            self.torn_bytes += bytes.len() as u64;
            return Ok(());
        };
        if header.store.is_some() && store.is_some() && header.store != store {
            return Err(io::Error::other(format!(
                "{}: the segment belongs to another data directory; move it out of the journal folder",
                segment.path.display()
            )));
        }
        let mut at = header.length;
        while at < bytes.len() {
            if let Some((entry, length)) = frame::read(&bytes[at..], header.incarnation) {
                self.entries += 1;
                let last = self.last_lsns.entry(entry.incarnation).or_insert_with(no_lsns);
                let last = &mut last[usize::from(entry.partition)];
                *last = entry.lsn.max(*last);
                each(entry);
                at += length;
                continue;
            }
            let whole = |next: &usize| frame::read(&bytes[*next..], header.incarnation).is_some();
            let next = (at + 1..bytes.len()).find(whole);
            let is_acknowledged = (at as u64) < segment.acknowledged_bytes;
            if next.is_some() || segment.is_complete || is_acknowledged {
                let end = next.unwrap_or(bytes.len());
                self.report_corruption(folder, &segment.name(), &bytes[at..end], at, repair)?;
                at = end;
                continue;
            }
            self.torn_bytes += (bytes.len() - at) as u64;
            if repair {
                let file = fs::File::options().write(true).open(&segment.path)?;
                file.set_len(at as u64)?;
                file.sync_all()?;
            }
            break;
        }
        Ok(())
    }

    fn report_corruption(
        &mut self,
        folder: &Path,
        name: &str,
        bytes: &[u8],
        at: usize,
        repair: bool,
    ) -> io::Result<()> {
        self.corrupt.push(format!("{name}: byte {at}, {} bytes", bytes.len()));
        if repair {
            let quarantine = folder.join("quarantine");
            fs::create_dir_all(&quarantine)?;
            fs::write(quarantine.join(format!("{name}-{at}")), bytes)?;
        }
        Ok(())
    }
}
