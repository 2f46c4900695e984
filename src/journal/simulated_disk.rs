//! An in-memory disk with fault injection: power loss, full disk, failing sync.
//!
//! On power loss the bytes appended since the last sync are dropped, torn at 512 bytes or kept in any
//! order; a file name that was not synced may be lost with them.

use crate::journal::disk::Disk;
use crate::journal::end;
use rand::{Rng, RngExt};
use rand_pcg::Pcg64;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

/// Bytes that are written atomically.
const SECTOR: usize = 512;

/// Contents of the disk, and its faults.
#[derive(Default)]
pub(crate) struct DiskState {
    segments: Vec<Segment>,
    /// Calls so far.
    pub(crate) calls: usize,
    /// Syncs so far.
    pub(crate) syncs: usize,
    /// The sync that fails, counted from 1.
    pub(crate) failing_sync: Option<usize>,
    /// The disk is full: a part of an append is written, as on real disks.
    pub(crate) full: bool,
    /// The call at which power is lost, counted from 1.
    pub(crate) power_loss_at: Option<usize>,
    /// Power is lost.
    pub(crate) powered_off: bool,
    /// The durable marks, by slot, and the one that is not synced.
    marks: BTreeMap<usize, Vec<u8>>,
    pub(crate) unsynced_mark: Option<(usize, Vec<u8>)>,
    /// The durable lines of the manifest, and the one that is being written.
    lines: String,
    line_in_flight: String,
}

#[derive(Default)]
struct Segment {
    name: String,
    bytes: Vec<u8>,
    /// Bytes that survive a power loss.
    durable: usize,
    is_name_durable: bool,
}

/// The disk; clones share it.
#[derive(Clone, Default)]
pub(crate) struct SimulatedDisk(Arc<Mutex<DiskState>>);

impl SimulatedDisk {
    /// The contents and faults, to inspect and to change.
    pub(crate) fn faults(&self) -> MutexGuard<'_, DiskState> {
        self.0.lock().unwrap()
    }

    fn operation(&self) -> io::Result<MutexGuard<'_, DiskState>> {
        let mut state = self.faults();
        state.calls += 1;
        state.powered_off |= state.power_loss_at == Some(state.calls);
        if state.powered_off { Err(io::Error::other("power is lost")) } else { Ok(state) }
    }

    /// Writes what a power loss now leaves behind to a real folder.
    pub(crate) fn lose_power(&self, folder: &Path, rng: &mut Pcg64) {
        let mut state = self.faults();
        state.powered_off = true;
        for segment in &state.segments {
            if !segment.is_name_durable && rng.random_bool(0.5) {
                continue;
            }
            let mut bytes = segment.bytes[..segment.durable].to_vec();
            let style = rng.next_u32() % 3;
            for start in (segment.durable..segment.bytes.len()).step_by(SECTOR) {
                let end = (start + SECTOR).min(segment.bytes.len());
                let keeps = match style {
                    0 => false,
                    1 => bytes.len() == start && rng.random_bool(0.7),
                    _ => rng.random_bool(0.5),
                };
                if keeps {
                    bytes.resize(start, 0);
                    bytes.extend_from_slice(&segment.bytes[start..end]);
                }
            }
            std::fs::write(folder.join(&segment.name), bytes).unwrap();
        }
        // A mark is shorter than what is written as a whole; one that is not synced may also be old or unreadable.
        let marks = end::open_marks(folder).unwrap();
        for (slot, mark) in &state.marks {
            end::write_mark(&marks, *slot, mark).unwrap();
        }
        if let Some((slot, mark)) = state.unsynced_mark.take() {
            let written = [0, mark.len(), rng.random_range(0..mark.len())];
            let written = &mark[..written[rng.random_range(0..3)]];
            end::write_mark(&marks, slot, written).unwrap();
        }
        let torn = rng.random_range(0..=state.line_in_flight.len());
        let lines = format!("{}{}", state.lines, &state.line_in_flight[..torn]);
        let manifest =
            std::fs::File::options().create(true).append(true).open(folder.join(end::MANIFEST));
        std::io::Write::write_all(&mut manifest.unwrap(), lines.as_bytes()).unwrap();
    }
}

impl Disk for SimulatedDisk {
    fn begin(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.operation()?;
        if state.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.segments.retain(|segment| segment.name != name);
        state.segments.push(Segment { name: name.to_owned(), ..Segment::default() });
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.operation()?;
        let full = state.full;
        let segment = state.segments.last_mut().unwrap();
        segment.bytes.extend_from_slice(if full { &bytes[..bytes.len() / 2] } else { bytes });
        if full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.operation()?;
        state.syncs += 1;
        if state.failing_sync == Some(state.syncs) {
            return Err(io::Error::other("the disk is gone"));
        }
        let segment = state.segments.last_mut().unwrap();
        (segment.durable, segment.is_name_durable) = (segment.bytes.len(), true);
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.operation()?;
        let segment = state.segments.last_mut().unwrap();
        segment.bytes.truncate(usize::try_from(length).unwrap());
        segment.durable = segment.durable.min(segment.bytes.len());
        Ok(())
    }

    fn mark(&mut self, slot: usize, mark: &[u8]) -> io::Result<()> {
        // A call that fails may still have written.
        self.faults().unsynced_mark = Some((slot, mark.to_vec()));
        self.operation().map(drop)
    }

    fn sync_mark(&mut self) -> io::Result<()> {
        let mut state = self.operation()?;
        let mark = state.unsynced_mark.take();
        state.marks.extend(mark);
        Ok(())
    }

    fn note(&mut self, line: &str) -> io::Result<()> {
        if self.faults().full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.faults().line_in_flight = line.to_owned();
        let mut state = self.operation()?;
        state.line_in_flight.clear();
        state.lines.push_str(line);
        Ok(())
    }
}
