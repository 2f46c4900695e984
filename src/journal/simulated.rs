//! A disk in memory that fails on purpose: it loses its power, fills up, and lies never.
//!
//! What was appended since the last sync is dropped, torn at 512 bytes or kept in any order when the
//! power goes; a name that was not synced may go with it.

use crate::journal::disk::Disk;
use rand::Rng;
use rand::RngExt;
use rand_pcg::Pcg64;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

/// Bytes that reach a platter together.
const SECTOR: usize = 512;

/// What the disk holds, and how it fails.
#[derive(Default)]
pub struct Inside {
    segments: Vec<Segment>,
    /// Calls until now.
    pub calls: usize,
    /// Syncs until now.
    pub syncs: usize,
    /// The sync that fails, counted from 1.
    pub fails_at: Option<usize>,
    /// No room: a part of what is appended is taken, as real disks do.
    pub full: bool,
    /// The call at which the power goes, counted from 1.
    pub cut_at: Option<usize>,
    /// The power is gone.
    pub dark: bool,
}

#[derive(Default)]
struct Segment {
    name: String,
    bytes: Vec<u8>,
    /// Bytes that survive.
    durable: usize,
    is_named: bool,
}

/// The disk; clones share it.
#[derive(Clone, Default)]
pub struct Simulated(Arc<Mutex<Inside>>);

impl Simulated {
    /// What is inside, to look at and to break.
    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    fn call(&self) -> io::Result<MutexGuard<'_, Inside>> {
        let mut inside = self.inside();
        inside.calls += 1;
        inside.dark |= inside.cut_at == Some(inside.calls);
        if inside.dark { Err(io::Error::other("the power is gone")) } else { Ok(inside) }
    }

    /// What is left in a real folder when the power goes now.
    pub fn power_cut(&self, folder: &Path, dice: &mut Pcg64) {
        let mut inside = self.inside();
        inside.dark = true;
        for segment in &inside.segments {
            if !segment.is_named && dice.random_bool(0.5) {
                continue;
            }
            let mut bytes = segment.bytes[..segment.durable].to_vec();
            let style = dice.next_u32() % 3;
            for start in (segment.durable..segment.bytes.len()).step_by(SECTOR) {
                let end = (start + SECTOR).min(segment.bytes.len());
                let keeps = match style {
                    0 => false,
                    1 => bytes.len() == start && dice.random_bool(0.7),
                    _ => dice.random_bool(0.5),
                };
                if keeps {
                    bytes.resize(start, 0);
                    bytes.extend_from_slice(&segment.bytes[start..end]);
                }
            }
            std::fs::write(folder.join(&segment.name), bytes).unwrap();
        }
    }
}

impl Disk for Simulated {
    fn begin(&mut self, name: &str) -> io::Result<()> {
        let mut inside = self.call()?;
        if inside.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        inside.segments.retain(|segment| segment.name != name);
        inside.segments.push(Segment { name: name.to_owned(), ..Segment::default() });
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut inside = self.call()?;
        let full = inside.full;
        let segment = inside.segments.last_mut().unwrap();
        segment.bytes.extend_from_slice(if full { &bytes[..bytes.len() / 2] } else { bytes });
        if full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inside = self.call()?;
        inside.syncs += 1;
        if inside.fails_at == Some(inside.syncs) {
            return Err(io::Error::other("the disk is gone"));
        }
        let segment = inside.segments.last_mut().unwrap();
        (segment.durable, segment.is_named) = (segment.bytes.len(), true);
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut inside = self.call()?;
        let segment = inside.segments.last_mut().unwrap();
        segment.bytes.truncate(usize::try_from(length).unwrap());
        segment.durable = segment.durable.min(segment.bytes.len());
        Ok(())
    }
}
