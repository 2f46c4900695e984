//! Acknowledged entries that are missing in the segments.

use crate::journal::chain::Seal;
use crate::journal::end::{Acknowledged, End};
use crate::journal::frame;
use crate::journal::segment::Segment;
use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};
use std::{fmt, fs, io};

/// How a segment differs from what was acknowledged in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LossKind {
    /// The file is missing.
    Missing,
    /// The file is shorter.
    Shortened,
    /// The file has other bytes.
    Modified,
}

/// Acknowledged entries of one segment that are missing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Loss {
    /// Number of the segment.
    pub(crate) number: u64,
    /// Name of the segment file; its number if nothing else is known.
    pub segment: String,
    /// How the segment differs.
    pub kind: LossKind,
    /// Missing bytes, as far as known; all bytes of a segment with other contents.
    pub bytes: Option<u64>,
    /// Missing entries; absent for a missing segment that no mark, manifest or seal counts.
    pub entries: Option<u64>,
}

impl Display for Loss {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            LossKind::Missing => "the segment file is missing",
            LossKind::Shortened => "the segment is shorter than acknowledged",
            LossKind::Modified => "the segment differs from what was acknowledged",
        };
        let number = |of: Option<u64>| of.map_or("unknown".to_owned(), |of| of.to_string());
        let (entries, bytes) = (number(self.entries), number(self.bytes));
        write!(f, "{}: {kind}; missing records: {entries}, bytes: {bytes}", self.segment)
    }
}

/// Compares the contents of a segment with what was acknowledged in it.
pub(crate) fn of_segment(end: &End, segment: &Segment, contents: &[u8]) -> Option<Loss> {
    let is_intact = end.is_in(contents) && end.incarnation == segment.incarnation;
    if end.entries == 0 || is_intact {
        return None;
    }
    let shorter = end.bytes.saturating_sub(contents.len() as u64);
    let kept = &contents[..contents.len().min(usize::try_from(end.bytes).unwrap_or(usize::MAX))];
    let found = readable_entries(kept, end.incarnation);
    let (kind, bytes) = match shorter {
        0 => (LossKind::Modified, end.bytes),
        shorter => (LossKind::Shortened, shorter),
    };
    let entries = Some(end.entries.saturating_sub(found));
    Some(Loss { number: end.number, segment: end.name(), kind, bytes: Some(bytes), entries })
}

fn readable_entries(bytes: &[u8], incarnation: u64) -> u64 {
    let header = frame::read_header(bytes).filter(|header| header.incarnation == incarnation);
    let (Some(header), mut found) = (header, 0) else { return 0 };
    let mut at = header.length;
    while at < bytes.len() {
        match frame::read(&bytes[at..], incarnation) {
            Some((_, length)) => (at, found) = (at + length, found + 1),
            None => at += 1,
        }
    }
    found
}

/// Compares the lengths of the segments before number `from`, which are not read.
pub(crate) fn of_earlier_segments(
    acknowledged: &Acknowledged,
    segments: &[Segment],
    from: u64,
) -> io::Result<Vec<Loss>> {
    let mut lost = Vec::new();
    for segment in segments.iter().filter(|segment| segment.number < from) {
        let Some(end) = acknowledged.ends.get(&segment.number) else { continue };
        match fs::metadata(&segment.path) {
            Ok(found) if found.len() >= end.bytes => {}
            Ok(_) => lost.extend(of_segment(end, segment, &fs::read(&segment.path)?)),
            // Removed in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(lost)
}

/// The segments that are kept, from number `first` on, and that have no file. Segments are numbered
/// without gaps; those without entries do not count.
pub(crate) fn missing_segments(
    first: Option<u64>,
    acknowledged: &Acknowledged,
    segments: &[Segment],
    seals: &BTreeMap<u64, Seal>,
) -> Vec<Loss> {
    let Some(first) = first else {
        // Of a folder of an older version only the mark is known.
        let mark = acknowledged.unfinished.iter();
        let missing = mark.filter(|mark| !segments.iter().any(|one| one.number == mark.number));
        return missing.map(missing_segment).collect();
    };
    let known = [
        segments.last().map(|last| last.number),
        acknowledged.ends.keys().last().copied(),
        seals.keys().last().copied(),
    ];
    let Some(last) = known.into_iter().flatten().max() else { return Vec::new() };
    let here: std::collections::BTreeSet<u64> = segments.iter().map(|one| one.number).collect();
    let missing = (first..=last).filter(|number| !here.contains(number));
    let lost = missing.map(|number| match (acknowledged.ends.get(&number), seals.get(&number)) {
        (Some(end), _) => missing_segment(end),
        (None, Some(seal)) => Loss {
            number,
            segment: seal.name(number),
            kind: LossKind::Missing,
            bytes: Some(seal.bytes),
            entries: (seal.bytes <= frame::HEADER as u64).then_some(0),
        },
        (None, None) => Loss {
            number,
            segment: format!("segment {number}"),
            kind: LossKind::Missing,
            bytes: None,
            entries: None,
        },
    });
    lost.filter(|loss| loss.entries != Some(0)).collect()
}

fn missing_segment(end: &End) -> Loss {
    Loss {
        number: end.number,
        segment: end.name(),
        kind: LossKind::Missing,
        bytes: Some(end.bytes),
        entries: Some(end.entries),
    }
}

/// The first of the last segments without a gap in their numbers, in a folder of an older version;
/// `next` without any.
pub(crate) fn first_without_gap(segments: &[Segment], next: u64) -> u64 {
    let mut first = segments.last().map_or(next, |last| last.number);
    for segment in segments.iter().rev().skip(1) {
        if segment.number + 1 != first {
            break;
        }
        first = segment.number;
    }
    first
}
