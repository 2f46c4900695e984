//! Repair of damaged, shortened and missing segments: keeps every readable entry, and puts a filler in
//! place of each lost LSN that a later entry depends on, because LSNs are sent without gaps.
//!
//! The damaged file stays in `quarantine`, beside the damaged bytes and a list of the lost LSNs; the
//! manifest says how much was lost.

use crate::journal::chain::Seal;
use crate::journal::end::{Acknowledged, End, Fact};
use crate::journal::segment::{Segment, segment_name};
use crate::journal::{chain, end, frame, losses, segments};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::{fs, io};

/// LSNs that are lost, in one partition.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct LostLsns {
    pub(crate) partition: u8,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// Bytes that are lost, in a file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct LostBytes {
    pub(crate) at: usize,
    pub(crate) length: usize,
}

/// The repair of one segment.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct SegmentRepair {
    /// Name of the segment file.
    pub(crate) segment: String,
    /// Entries that stay.
    pub(crate) kept_entries: u64,
    /// Acknowledged entries of this segment that are lost; 0 if their number was not recorded.
    pub(crate) lost_entries: u64,
    pub(crate) lost_bytes: u64,
    /// The lost places.
    pub(crate) lost: Vec<LostBytes>,
    /// The lost LSNs that are replaced by fillers.
    pub(crate) filled: Vec<LostLsns>,
    /// Whether `lost_entries` is exact.
    is_counted: bool,
    #[serde(skip)]
    number: u64,
    #[serde(skip)]
    incarnation: u64,
    #[serde(skip)]
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    /// Readable frames.
    Frames(Range<usize>),
    /// Frames in place of lost ones.
    Fillers(Vec<u8>),
}

/// A place among the parts of all segments.
type Place = (usize, usize);

/// What of an incarnation was read so far.
#[derive(Default)]
struct Read {
    /// The last LSN of a partition, and its place.
    last: BTreeMap<u8, (u64, Place)>,
    /// The last lost place.
    lost_at: Option<Place>,
}

struct Planner<F> {
    repairs: Vec<SegmentRepair>,
    read: BTreeMap<u64, Read>,
    /// The incarnation whose first segments may be beyond their retention.
    shortened: Option<u64>,
    filler: F,
}

/// Finds what is to be repaired in a folder that no server uses. `filler` makes a payload without effect
/// from that of the entry behind it.
pub(crate) fn plan(
    folder: &Path,
    store: Option<u64>,
    filler: impl Fn(&[u8]) -> Vec<u8>,
) -> io::Result<Vec<SegmentRepair>> {
    let (acknowledged, seals) = (Acknowledged::read(folder, store)?, chain::seals(folder)?);
    let existing = segments(folder)?;
    let first = acknowledged.first;
    let missing = losses::missing_segments(first, &acknowledged, &existing, &seals);
    let is_shortened = first.is_some_and(|first| first > 0);
    let shortened = existing.first().filter(|_| is_shortened).map(|first| first.incarnation);
    let mut planner = Planner { repairs: Vec::new(), read: BTreeMap::new(), shortened, filler };
    let mut missing = missing.into_iter().map(|loss| loss.number).peekable();
    for segment in &existing {
        while let Some(number) = missing.next_if(|number| *number < segment.number) {
            planner.add_missing(number, &acknowledged, &seals, segment.incarnation);
        }
        let bytes = fs::read(&segment.path)?;
        planner.add(segment, acknowledged.ends.get(&segment.number), &bytes);
    }
    for number in missing {
        planner.add_missing(number, &acknowledged, &seals, 0);
    }
    planner.repairs.retain(|repair| repair.is_due());
    Ok(planner.repairs)
}

impl<F: Fn(&[u8]) -> Vec<u8>> Planner<F> {
    fn add_missing(
        &mut self,
        number: u64,
        acknowledged: &Acknowledged,
        seals: &BTreeMap<u64, Seal>,
        next: u64,
    ) {
        let (end, seal) = (acknowledged.ends.get(&number), seals.get(&number));
        let known = end.map(|end| end.incarnation).or(seal.map(|seal| seal.incarnation));
        let before = self.repairs.last().map(|before| before.incarnation);
        let bytes = end.map(|end| end.bytes).or(seal.map(|seal| seal.bytes)).unwrap_or(0);
        let incarnation = known.or(before).unwrap_or(next);
        self.begin(number, incarnation);
        self.lose(0, usize::try_from(bytes).unwrap_or(usize::MAX));
        self.finish(end);
    }

    /// Plans the repair of an existing segment; nothing is due if it is intact.
    fn add(&mut self, segment: &Segment, end: Option<&End>, bytes: &[u8]) {
        self.begin(segment.number, segment.incarnation);
        let header = frame::read_header(bytes);
        let mut at = match header {
            Some(header) => header.length,
            // A short header never held entries.
            None if bytes.len() <= frame::HEADER && segment.acknowledged_bytes == 0 => return,
            None => 0,
        };
        while at < bytes.len() {
            if let Some((entry, length)) = frame::read(&bytes[at..], segment.incarnation) {
                self.keep(at..at + length, entry.partition, entry.lsn, &entry.payload);
                at += length;
                continue;
            }
            let whole = |next: &usize| frame::read(&bytes[*next..], segment.incarnation).is_some();
            let next = (at + 1..bytes.len()).find(whole);
            let is_acknowledged = (at as u64) < segment.acknowledged_bytes;
            if next.is_none() && !segment.is_complete && !is_acknowledged {
                // A torn end, which the next start truncates.
                break;
            }
            let until = next.unwrap_or(bytes.len());
            self.lose(at, until - at);
            at = until;
        }
        let expected = segment.acknowledged_bytes.max(segment.sealed_bytes.unwrap_or(0));
        let shorter = expected.saturating_sub(bytes.len() as u64);
        if shorter > 0 {
            self.lose(bytes.len(), usize::try_from(shorter).unwrap_or(usize::MAX));
        }
        if end.is_some_and(|end| !end.is_in(bytes)) && self.current().lost.is_empty() {
            // Readable, but not what was acknowledged.
            self.lose(bytes.len(), 0);
        }
        self.finish(end);
    }

    fn current(&mut self) -> &mut SegmentRepair {
        self.repairs.last_mut().expect("`begin` was called")
    }

    fn place(&self) -> Place {
        let parts = self.repairs.last().map_or(0, |repair| repair.parts.len());
        (self.repairs.len(), parts)
    }

    fn begin(&mut self, number: u64, incarnation: u64) {
        self.repairs.push(SegmentRepair {
            segment: segment_name(incarnation, number),
            kept_entries: 0,
            lost_entries: 0,
            lost_bytes: 0,
            lost: Vec::new(),
            filled: Vec::new(),
            is_counted: false,
            number,
            incarnation,
            parts: Vec::new(),
        });
    }

    fn lose(&mut self, at: usize, length: usize) {
        let (incarnation, place) = (self.current().incarnation, self.place());
        self.current().lost.push(LostBytes { at, length });
        self.current().lost_bytes += length as u64;
        // Filled in when an entry behind it shows what was in it.
        self.current().parts.push(Part::Fillers(Vec::new()));
        self.read.entry(incarnation).or_default().lost_at = Some(place);
    }

    fn keep(&mut self, range: Range<usize>, partition: u8, lsn: u64, payload: &[u8]) {
        let incarnation = self.current().incarnation;
        let read = self.read.entry(incarnation).or_default();
        let last = read.last.get(&partition).copied();
        let is_first = last.is_none() && self.shortened == Some(incarnation);
        let (before, last_place) = last.unwrap_or((0, (0, 0)));
        let lost_at = read.lost_at.filter(|place| *place > last_place);
        if lsn > before + 1 && !(is_first && lost_at.is_none()) {
            let (segment, part) = lost_at.unwrap_or_else(|| {
                let place = self.place();
                self.current().parts.push(Part::Fillers(Vec::new()));
                place
            });
            let payload = (self.filler)(payload);
            // Without a known start, all that is certain is the LSN before this one.
            let from = if is_first { lsn - 1 } else { before + 1 };
            let repair = &mut self.repairs[segment - 1];
            repair.filled.push(LostLsns { partition, from, to: lsn - 1 });
            if let Part::Fillers(frames) = &mut repair.parts[part] {
                (from..lsn).for_each(|lsn| frame::write(frames, partition, lsn, &payload));
            }
        }
        let repair = self.current();
        repair.kept_entries += 1;
        match repair.parts.last_mut() {
            Some(Part::Frames(frames)) => frames.end = range.end,
            _ => repair.parts.push(Part::Frames(range)),
        }
        let place = (self.repairs.len(), self.current().parts.len() - 1);
        let read = self.read.entry(incarnation).or_default();
        read.last.insert(partition, (lsn.max(before), place));
    }

    fn finish(&mut self, end: Option<&End>) {
        let repair = self.current();
        if let Some(end) = end.filter(|_| !repair.lost.is_empty()) {
            repair.is_counted = true;
            repair.lost_entries = end.entries.saturating_sub(repair.kept_entries);
        }
    }
}

impl SegmentRepair {
    fn is_due(&self) -> bool {
        !self.lost.is_empty() || !self.filled.is_empty()
    }

    /// The number of LSNs that are filled.
    pub(crate) fn filled_entries(&self) -> u64 {
        self.filled.iter().map(|lsns| lsns.to - lsns.from + 1).sum()
    }

    /// Lost entries: exact, or else the filled ones. A segment is also filled for those before it.
    pub(crate) fn lost(&self) -> u64 {
        if self.is_counted { self.lost_entries } else { self.filled_entries() }
    }

    /// Repairs the segment. It can be repeated after a crash at any moment.
    pub(crate) fn apply(&self, folder: &Path, store: u64) -> io::Result<()> {
        let path = folder.join(&self.segment);
        let original = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            read => Some(read?),
        };
        let bytes = original.as_deref().unwrap_or_default();
        let quarantine = folder.join("quarantine");
        fs::create_dir_all(&quarantine)?;
        let free =
            (0..).map(|n| if n == 0 { "damaged".to_owned() } else { format!("damaged-{n}") });
        let mut free = free.map(|ending| quarantine.join(format!("{}.{ending}", self.segment)));
        let copy = free.find(|path| !path.exists()).unwrap_or_default();
        if original.is_some() {
            write_synced(&copy, bytes)?;
        }
        for LostBytes { at, length } in &self.lost {
            let end = at.saturating_add(*length).min(bytes.len());
            if let Some(lost) = bytes.get(*at..end).filter(|lost| !lost.is_empty()) {
                write_synced(&quarantine.join(format!("{}-{at}", self.segment)), lost)?;
            }
        }
        let list = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        write_synced(&quarantine.join(format!("{}.lost.json", self.segment)), &list)?;
        File::open(&quarantine)?.sync_all()?;

        let header = frame::read_header(bytes).map(|header| &bytes[..header.length]);
        let fresh = frame::header(self.incarnation, self.number, store);
        let mut repaired = header.unwrap_or(&fresh).to_vec();
        for part in &self.parts {
            repaired.extend_from_slice(match part {
                Part::Frames(range) => bytes.get(range.clone()).unwrap_or_default(),
                Part::Fillers(frames) => frames,
            });
        }
        let temporary = folder.join(format!("{}.repaired", self.segment));
        write_synced(&temporary, &repaired)?;
        end::truncate_incomplete_line(folder)?;
        let end = End {
            number: self.number,
            incarnation: self.incarnation,
            bytes: repaired.len() as u64,
            entries: self.kept_entries + self.filled_entries(),
            hash: *blake3::hash(&repaired).as_bytes(),
        };
        let (lost_bytes, lost_entries) = (self.lost_bytes, self.lost());
        Fact::Repaired { end, lost_bytes, lost_entries }.append(folder)?;
        fs::rename(&temporary, &path)?;
        File::open(folder)?.sync_all()
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
