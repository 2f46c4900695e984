//! The segments that a log writes: their names, chunks and sizes, and for how long they are kept.

use crate::decision_log::index::Index;
use crate::decision_log::line::WorldLine;
use crate::decision_log::stored;
use crate::decision_log::stored::Kind;
use crate::journal::disk::{Disk, Folder};
use crate::journal::frame;
use prometheus::{IntCounter, IntGauge};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io};

/// Size at which the next chunk is started, in bytes: what looking for a decision reads.
pub(super) const CHUNK_BYTES: u64 = 64 * 1024;
/// Least bytes from one world at the beginning of a chunk to the next: what reading a decision reads.
const WORLD_BYTES: u64 = 256 * 1024;
/// What follows such a world is at least this many times longer than it.
const WORLD_SHARE: u64 = 16;

#[derive(Clone, Debug)]
pub(crate) struct DecisionLogOptions {
    /// Longest time until a line is on disk.
    pub(crate) flush: Duration,
    /// Size at which the next segment is started, in bytes.
    pub(crate) segment_bytes: u64,
    /// Retention period of segments.
    pub(crate) retention: Duration,
    /// Most bytes of all segments together; the oldest are removed first.
    pub(crate) max_bytes: u64,
    /// Bytes of all segments.
    pub(crate) bytes: IntGauge,
    /// Segments removed because of `max_bytes`.
    pub(crate) removed: IntCounter,
}

/// The file name of a segment: names sort by time.
pub(crate) fn segment_name(start_ms: i64, incarnation: u64) -> String {
    format!("{start_ms:015}-{incarnation:016x}.decisions")
}

/// The start time in a segment's file name, in unix milliseconds.
pub(crate) fn segment_start(name: &str) -> Option<i64> {
    name.strip_suffix(".decisions")?.split('-').next()?.parse().ok()
}

/// The incarnation in a segment's file name.
pub(crate) fn segment_incarnation(name: &str) -> Option<u64> {
    let incarnation = name.strip_suffix(".decisions")?.split('-').nth(1)?;
    u64::from_str_radix(incarnation, 16).ok()
}

/// The file name of a segment's index.
pub(super) fn index_name(segment: &str) -> String {
    format!("{segment}.index")
}

/// The names of the segments in a folder, oldest first.
pub(super) fn segment_names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir(folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| segment_start(name).is_some())
        .collect();
    names.sort_unstable();
    Ok(names)
}

/// The time of the first line that a log still has, in unix milliseconds; `None` if it has none.
pub(crate) fn log_start(folder: &Path) -> io::Result<Option<i64>> {
    Ok(segment_names(folder)?.first().and_then(|name| segment_start(name)))
}

/// The segment that is being written.
#[derive(Clone)]
pub(crate) struct OpenSegment {
    pub(super) name: String,
    /// Of what is on disk.
    pub(super) index: Arc<Index>,
}

pub(super) struct Segments {
    disk: Folder,
    folder: PathBuf,
    incarnation: u64,
    options: DecisionLogOptions,
    /// The segment being written, as readers see it; `None` starts a new one.
    open: Arc<Mutex<Option<OpenSegment>>>,
    /// The same, with what is being written.
    current: Option<(String, Index)>,
    /// Length of the world that the last chunk begins with, in bytes.
    world_bytes: u64,
    lines: u64,
    /// The time in the name of the last segment, in unix milliseconds.
    start_ms: i64,
}

impl Segments {
    pub(super) fn new(
        folder: &Path,
        incarnation: u64,
        options: DecisionLogOptions,
        open: Arc<Mutex<Option<OpenSegment>>>,
    ) -> Segments {
        Segments {
            disk: Folder::new(folder),
            folder: folder.to_owned(),
            incarnation,
            options,
            open,
            current: None,
            world_bytes: 0,
            lines: 0,
            start_ms: i64::MIN,
        }
    }

    pub(super) fn options(&self) -> &DecisionLogOptions {
        &self.options
    }

    /// Appends the lines of a batch. `before` is the world before the first one.
    pub(super) fn write(&mut self, batch: &[u8], before: &WorldLine, at_ms: i64) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(batch.len() + batch.len() / 8);
        let length = self.current.as_ref().map(|(_, index)| index.length());
        if length.is_none_or(|length| length >= self.options.segment_bytes) {
            self.seal();
            self.remove_old(at_ms)?;
            // Never the name of an earlier segment, which would be overwritten.
            self.start_ms = at_ms.max(self.start_ms + 1);
            let name = segment_name(self.start_ms, self.incarnation);
            self.disk.begin(&name)?;
            self.current = Some((name, Index::default()));
            self.lines = 0;
            bytes.extend_from_slice(&stored::header(self.incarnation));
        }
        let (name, mut index) = self.current.clone().expect("begun above");
        let start = index.length();
        let least = WORLD_BYTES.max(self.world_bytes * WORLD_SHARE);
        if index.last_world().is_none_or(|offset| start - offset >= least) {
            index.begin(start + bytes.len() as u64, true);
            let world = stored::encode_world(before, Vec::new());
            self.world_bytes = world.len() as u64;
            self.frame(&mut bytes, &world);
        } else if index.last_offset().is_none_or(|offset| start - offset >= CHUNK_BYTES) {
            index.begin(start, false);
        }
        let mut rest = batch;
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let (line, after) = after.split_at(length);
            self.frame(&mut bytes, line);
            if let Some(Kind::Decision(id)) = stored::kind_of(line) {
                index.add(id);
            }
            rest = after;
        }
        self.disk.append(&bytes)?;
        self.disk.sync()?;
        index.end(start + bytes.len() as u64);
        self.options.bytes.add(i64::try_from(bytes.len()).unwrap_or(0));
        self.publish(Some(OpenSegment { name: name.clone(), index: Arc::new(index.clone()) }));
        self.current = Some((name, index));
        Ok(())
    }

    fn publish(&self, open: Option<OpenSegment>) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = open;
    }

    /// Ends the segment: writes its index beside it.
    pub(super) fn seal(&mut self) {
        if let Some((name, index)) = self.current.take() {
            // A reader builds an index that is missing or damaged.
            fs::write(self.folder.join(index_name(&name)), index.encode()).ok();
        }
        self.publish(None);
    }

    /// Starts a new segment next time. A segment that holds nothing yet is removed: on a full disk
    /// there would be a new one with every attempt.
    pub(super) fn abandon(&mut self) {
        if let Some((name, _)) = self.current.take().filter(|(_, index)| index.length() == 0) {
            fs::remove_file(self.folder.join(name)).ok();
        }
        self.publish(None);
    }

    fn frame(&mut self, out: &mut Vec<u8>, line: &[u8]) {
        if line.len() > frame::MAX_PAYLOAD {
            tracing::warn!(bytes = line.len(), "decision log line dropped: longer than 4 MiB");
            return;
        }
        self.lines += 1;
        frame::write(out, 0, self.lines, line);
    }

    /// Removes segments whose retention period is over, then the oldest ones until there is room for
    /// another one.
    fn remove_old(&self, now_ms: i64) -> io::Result<()> {
        let retention_ms = i64::try_from(self.options.retention.as_millis()).unwrap_or(i64::MAX);
        let size = |name: &str| fs::metadata(self.folder.join(name)).map_or(0, |file| file.len());
        let names = segment_names(&self.folder)?;
        let mut total: u64 = names.iter().map(|name| size(name)).sum();
        let mut over_size = 0;
        for (at, name) in names.iter().enumerate() {
            // A segment ends when the next one begins.
            let end = names.get(at + 1).and_then(|next| segment_start(next));
            let is_expired = end.is_some_and(|end| end < now_ms.saturating_sub(retention_ms));
            let is_over = total + self.options.segment_bytes > self.options.max_bytes;
            if !is_expired && !is_over {
                break;
            }
            let bytes = size(name);
            fs::remove_file(self.folder.join(name))?;
            fs::remove_file(self.folder.join(index_name(name))).ok();
            total -= bytes.min(total);
            over_size += u64::from(!is_expired);
        }
        self.options.bytes.set(i64::try_from(total).unwrap_or(i64::MAX));
        if over_size > 0 {
            self.options.removed.inc_by(over_size);
            tracing::warn!(
                segments = over_size,
                max_bytes = self.options.max_bytes,
                "decision log at its size limit; removed its oldest segments, whose decisions can no \
                 longer be explained: raise `decision_log.max_bytes` to keep more"
            );
        }
        Ok(())
    }
}
