//! Writing: decisions append to a buffer in memory; one thread puts it on disk a few times a second.

use crate::decision_log::line::DecisionLine;
use crate::decision_log::line::Line;
use crate::decision_log::line::StateChange;
use crate::decision_log::line::WorldLine;
use crate::journal::disk::Disk;
use crate::journal::disk::Folder;
use crate::journal::frame;
use crate::selection::snapshot::State;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

/// Most bytes that wait for the disk; lines beyond are dropped and counted.
const MOST_WAITING: usize = 32 * 1024 * 1024;

/// A running log. Dropping it writes what waits.
pub struct DecisionLog {
    shared: Arc<Shared>,
    folder: PathBuf,
    writer: Option<thread::JoinHandle<()>>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

struct Waiting {
    /// Lines, each behind its length in four bytes.
    bytes: Vec<u8>,
    /// The world before the first of them: a new segment begins with it.
    before: Arc<WorldLine>,
    /// The world after the last of them.
    now: Arc<WorldLine>,
    /// The time of the last of them.
    at_ms: i64,
    ends: bool,
    /// How often the disk has caught up, and how often somebody asked it to.
    flushed: u64,
    asked: u64,
}

/// How the log is kept.
#[derive(Clone, Copy, Debug)]
pub struct Keeping {
    /// Longest time until a line is on disk.
    pub flush: Duration,
    /// Size of a segment, in bytes.
    pub segment_bytes: u64,
    /// How long segments are kept.
    pub keep: Duration,
}

/// The file name of a segment: sorted names are in the order of time.
pub fn segment_name(start_ms: i64, incarnation: u64) -> String {
    format!("{start_ms:015}-{incarnation:016x}.decisions")
}

/// The time in a segment's name, in unix milliseconds.
pub fn segment_start(name: &str) -> Option<i64> {
    name.strip_suffix(".decisions")?.split('-').next()?.parse().ok()
}

impl DecisionLog {
    /// Starts a log in `folder` at `now_ms`.
    pub fn start(
        folder: &Path,
        incarnation: u64,
        now_ms: i64,
        keeping: Keeping,
    ) -> io::Result<DecisionLog> {
        std::fs::create_dir_all(folder)?;
        let world = Arc::new(WorldLine::default());
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Waiting {
                bytes: Vec::new(),
                before: world.clone(),
                now: world,
                at_ms: now_ms,
                ends: false,
                flushed: 0,
                asked: 0,
            }),
            wake: Condvar::new(),
        });
        let mut segments = Segments {
            disk: Folder::new(folder),
            folder: folder.to_owned(),
            incarnation,
            keeping,
            length: None,
            lines: 0,
        };
        let own = shared.clone();
        let writer = thread::Builder::new()
            .name("decision-log".into())
            .spawn(move || run(&own, &mut segments))?;
        Ok(DecisionLog { shared, folder: folder.to_owned(), writer: Some(writer) })
    }

    /// Where its segments are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Notes a world; decisions made on it may follow.
    pub fn world(&self, world: WorldLine) {
        let mut waiting = self.waiting();
        waiting.now = Arc::new(world.clone());
        waiting.push(&Line::World(Box::new(world)));
    }

    /// Notes the state that follows the one before it.
    pub fn state(&self, next: &State) {
        let mut waiting = self.waiting();
        let change = StateChange::between(&waiting.now.state, next);
        Arc::make_mut(&mut waiting.now).state = next.clone();
        waiting.push(&Line::Change(Box::new(change)));
    }

    /// Notes a decision; `false` when there was no room.
    pub fn decision(&self, line: DecisionLine) -> bool {
        let mut waiting = self.waiting();
        if waiting.bytes.len() > MOST_WAITING {
            return false;
        }
        waiting.at_ms = waiting.at_ms.max(line.at_ms);
        waiting.push(&Line::Decision(Box::new(line)));
        true
    }

    /// Returns when everything noted so far is on disk, or the disk has failed.
    pub fn flush(&self) {
        let mut waiting = self.waiting();
        waiting.asked = waiting.flushed + 2;
        let due = waiting.asked;
        self.shared.wake.notify_all();
        while waiting.flushed < due && !waiting.ends {
            waiting = self.shared.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for DecisionLog {
    fn drop(&mut self) {
        self.waiting().ends = true;
        self.shared.wake.notify_all();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Waiting {
    fn push(&mut self, line: &Line) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        let bytes = std::mem::take(&mut self.bytes);
        self.bytes = postcard::to_extend(line, bytes).expect("a line is plain data");
        let length = u32::try_from(self.bytes.len() - start - 4).expect("a line is short");
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
}

fn run(shared: &Shared, segments: &mut Segments) {
    let mut batch = Vec::new();
    loop {
        let (before, at_ms, ends) = {
            let waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let idle = |w: &mut Waiting| !w.ends && w.asked <= w.flushed;
            let flush = segments.keeping.flush;
            let (mut waiting, _) = shared
                .wake
                .wait_timeout_while(waiting, flush, idle)
                .unwrap_or_else(PoisonError::into_inner);
            batch.clear();
            std::mem::swap(&mut batch, &mut waiting.bytes);
            let now = waiting.now.clone();
            let before = std::mem::replace(&mut waiting.before, now);
            (before, waiting.at_ms, waiting.ends)
        };
        if let Err(error) = segments.write(&batch, &before, at_ms) {
            tracing::error!(%error, "the decision log cannot be written: explain will miss decisions");
            segments.length = None;
        }
        let mut waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.flushed += 1;
        shared.wake.notify_all();
        if ends {
            return;
        }
    }
}

struct Segments {
    disk: Folder,
    folder: PathBuf,
    incarnation: u64,
    keeping: Keeping,
    /// Bytes in the segment that is open.
    length: Option<u64>,
    lines: u64,
}

impl Segments {
    fn write(&mut self, batch: &[u8], before: &WorldLine, at_ms: i64) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(batch.len() + batch.len() / 8);
        if self.length.is_none_or(|length| length >= self.keeping.segment_bytes) {
            self.forget(at_ms)?;
            self.disk.begin(&segment_name(at_ms, self.incarnation))?;
            self.length = Some(0);
            self.lines = 0;
            bytes.extend_from_slice(&frame::header(self.incarnation, 0, 0));
            let line = Line::World(Box::new(before.clone()));
            self.frame(&mut bytes, &postcard::to_stdvec(&line).expect("a line is plain data"));
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

    fn frame(&mut self, out: &mut Vec<u8>, line: &[u8]) {
        if line.len() > frame::MAX_PAYLOAD {
            tracing::warn!(bytes = line.len(), "a line is too long for the decision log");
            return;
        }
        self.lines += 1;
        frame::write(out, 0, self.lines, line);
    }

    /// Removes segments that ended before the time for which they are kept.
    fn forget(&self, now_ms: i64) -> io::Result<()> {
        let keep_ms = i64::try_from(self.keeping.keep.as_millis()).unwrap_or(i64::MAX);
        let mut names: Vec<String> = std::fs::read_dir(&self.folder)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| segment_start(name).is_some())
            .collect();
        names.sort();
        // A segment ended when the next one began.
        for pair in names.windows(2) {
            if segment_start(&pair[1]).is_some_and(|end| end < now_ms.saturating_sub(keep_ms)) {
                std::fs::remove_file(self.folder.join(&pair[0]))?;
            }
        }
        Ok(())
    }
}
