//! Writing: decisions append to a buffer in memory; one thread writes it to disk a few times a second.

use crate::decision_log::line::{DecisionLine, StateChange, WorldLine};
use crate::decision_log::stored;
use crate::journal::disk::{Disk, Folder};
use crate::journal::frame;
use crate::selection::snapshot::State;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

/// Most buffered bytes; decisions beyond are dropped and counted.
const MAX_BUFFERED_BYTES: usize = 32 * 1024 * 1024;

/// A running log. Dropping it writes the buffer.
pub(crate) struct DecisionLog {
    shared: Arc<SharedBuffer>,
    folder: PathBuf,
    writer: Option<thread::JoinHandle<()>>,
}

struct SharedBuffer {
    buffer: Mutex<Buffer>,
    wake: Condvar,
}

struct Buffer {
    /// Lines, each prefixed with its length in four bytes.
    bytes: Vec<u8>,
    /// The world before the first line: a new segment starts with it.
    before: Arc<WorldLine>,
    /// The world after the last line.
    now: Arc<WorldLine>,
    /// Time of the last line, in unix milliseconds.
    at_ms: i64,
    stopping: bool,
    /// Flushes completed, and the flush up to which a caller waits.
    flushes: u64,
    flush_requested: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct DecisionLogOptions {
    /// Longest time until a line is on disk.
    pub(crate) flush: Duration,
    /// Size at which the next segment is started, in bytes.
    pub(crate) segment_bytes: u64,
    /// Retention period of segments.
    pub(crate) retention: Duration,
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

impl DecisionLog {
    /// Opens a log in `folder` at `now_ms`.
    pub(crate) fn start(
        folder: &Path,
        incarnation: u64,
        now_ms: i64,
        options: DecisionLogOptions,
    ) -> io::Result<DecisionLog> {
        std::fs::create_dir_all(folder)?;
        let world = Arc::new(WorldLine::default());
        let shared = Arc::new(SharedBuffer {
            buffer: Mutex::new(Buffer {
                bytes: Vec::new(),
                before: world.clone(),
                now: world,
                at_ms: now_ms,
                stopping: false,
                flushes: 0,
                flush_requested: 0,
            }),
            wake: Condvar::new(),
        });
        let mut segments = Segments {
            disk: Folder::new(folder),
            folder: folder.to_owned(),
            incarnation,
            options,
            length: None,
            lines: 0,
            start_ms: i64::MIN,
        };
        let own = shared.clone();
        let writer = thread::Builder::new()
            .name("decision-log".into())
            .spawn(move || run(&own, &mut segments))?;
        Ok(DecisionLog { shared, folder: folder.to_owned(), writer: Some(writer) })
    }

    /// Folder of the segments.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Logs a world; decisions made on it may follow.
    pub(crate) fn record_world(&self, world: WorldLine) {
        let mut buffer = self.buffer();
        buffer.push(|bytes| stored::encode_world(&world, bytes));
        buffer.now = Arc::new(world);
    }

    /// Logs the state that follows the previous one.
    pub(crate) fn record_state(&self, next: &State) {
        let mut buffer = self.buffer();
        let change = StateChange::between(&buffer.now.state, next);
        Arc::make_mut(&mut buffer.now).state = next.clone();
        buffer.push(|bytes| stored::encode_change(&change, bytes));
    }

    /// Logs a decision; `false` when the buffer is full.
    pub(crate) fn record_decision(&self, line: &DecisionLine) -> bool {
        let mut buffer = self.buffer();
        if buffer.bytes.len() > MAX_BUFFERED_BYTES {
            return false;
        }
        buffer.at_ms = buffer.at_ms.max(line.at_ms);
        buffer.push(|bytes| stored::encode_decision(line, bytes));
        true
    }

    /// Returns when everything logged so far is on disk, or the disk has failed.
    pub(crate) fn flush(&self) {
        let mut buffer = self.buffer();
        buffer.flush_requested = buffer.flushes + 2;
        let due = buffer.flush_requested;
        self.shared.wake.notify_all();
        while buffer.flushes < due && !buffer.stopping {
            buffer = self.shared.wake.wait(buffer).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.shared.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for DecisionLog {
    fn drop(&mut self) {
        self.buffer().stopping = true;
        self.shared.wake.notify_all();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Buffer {
    /// Adds the line that `encode` appends.
    fn push(&mut self, encode: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes = encode(std::mem::take(&mut self.bytes));
        let length = u32::try_from(self.bytes.len() - start - 4).expect("a line is short");
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
}

fn run(shared: &SharedBuffer, segments: &mut Segments) {
    let (mut batch, mut is_failing) = (Vec::new(), false);
    loop {
        let (before, at_ms, stopping) = {
            let buffer = shared.buffer.lock().unwrap_or_else(PoisonError::into_inner);
            let idle = |w: &mut Buffer| !w.stopping && w.flush_requested <= w.flushes;
            let flush = segments.options.flush;
            let (mut buffer, _) = shared
                .wake
                .wait_timeout_while(buffer, flush, idle)
                .unwrap_or_else(PoisonError::into_inner);
            batch.clear();
            std::mem::swap(&mut batch, &mut buffer.bytes);
            let now = buffer.now.clone();
            let before = std::mem::replace(&mut buffer.before, now);
            (before, buffer.at_ms, buffer.stopping)
        };
        match segments.write(&batch, &before, at_ms) {
            Ok(()) => is_failing &= batch.is_empty(),
            Err(error) => {
                if !is_failing {
                    tracing::error!(%error, "cannot write the decision log; explain will miss decisions");
                }
                is_failing = true;
                segments.abandon();
            }
        }
        let mut buffer = shared.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.flushes += 1;
        shared.wake.notify_all();
        if stopping {
            return;
        }
    }
}

struct Segments {
    disk: Folder,
    folder: PathBuf,
    incarnation: u64,
    options: DecisionLogOptions,
    /// Length of the open segment, in bytes; `None` starts a new one.
    length: Option<u64>,
    lines: u64,
    /// The time in the name of the last segment, in unix milliseconds.
    start_ms: i64,
}

impl Segments {
    fn write(&mut self, batch: &[u8], before: &WorldLine, at_ms: i64) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(batch.len() + batch.len() / 8);
        if self.length.is_none_or(|length| length >= self.options.segment_bytes) {
            self.remove_expired(at_ms)?;
            // Never the name of an earlier segment, which would be overwritten.
            self.start_ms = at_ms.max(self.start_ms + 1);
            self.disk.begin(&segment_name(self.start_ms, self.incarnation))?;
            self.length = Some(0);
            self.lines = 0;
            bytes.extend_from_slice(&stored::header(self.incarnation));
            self.frame(&mut bytes, &stored::encode_world(before, Vec::new()));
        }
        let mut rest = batch;
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let (line, after) = after.split_at(length);
            self.frame(&mut bytes, line);
            rest = after;
        }
        self.disk.append(&bytes)?;
        self.disk.sync()?;
        self.length = self.length.map(|length| length + bytes.len() as u64);
        Ok(())
    }

    /// Starts a new segment next time. A segment that holds nothing yet is removed: on a full disk
    /// there would be a new one with every attempt.
    fn abandon(&mut self) {
        if self.length == Some(0) {
            let name = segment_name(self.start_ms, self.incarnation);
            std::fs::remove_file(self.folder.join(name)).ok();
        }
        self.length = None;
    }

    fn frame(&mut self, out: &mut Vec<u8>, line: &[u8]) {
        if line.len() > frame::MAX_PAYLOAD {
            tracing::warn!(bytes = line.len(), "decision log line dropped: longer than 4 MiB");
            return;
        }
        self.lines += 1;
        frame::write(out, 0, self.lines, line);
    }

    /// Removes segments whose retention period is over.
    fn remove_expired(&self, now_ms: i64) -> io::Result<()> {
        let retention_ms = i64::try_from(self.options.retention.as_millis()).unwrap_or(i64::MAX);
        let mut names: Vec<String> = std::fs::read_dir(&self.folder)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| segment_start(name).is_some())
            .collect();
        names.sort();
        // A segment ends when the next one begins.
        for pair in names.windows(2) {
            if segment_start(&pair[1]).is_some_and(|end| end < now_ms.saturating_sub(retention_ms))
            {
                std::fs::remove_file(self.folder.join(&pair[0]))?;
            }
        }
        Ok(())
    }
}
