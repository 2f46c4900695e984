//! Writing: decisions append to a buffer in memory; one thread writes it to disk a few times a second.

use crate::decision_log::decision_id::{request_of, time_of};
use crate::decision_log::instance_mark::{has_mark, mark_of};
use crate::decision_log::line::{DecisionLine, StateChange, WorldLine};
use crate::decision_log::reader::{Lookup, Reader};
use crate::decision_log::segment_file::Unreadable;
use crate::decision_log::segments::{DecisionLogOptions, OpenSegment, Segments};
use crate::decision_log::stored;
use crate::selection::snapshot::State;
use std::cell::RefCell;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::{io, thread};

/// Most buffered bytes; decisions beyond are dropped and counted.
const MAX_BUFFERED_BYTES: usize = 32 * 1024 * 1024;

/// How much later than its time a decision may be logged, in milliseconds.
const LATENESS_MS: i64 = 1_000;

thread_local! {
    /// The line that this thread adds: encoded before the buffer is locked, for which all threads wait.
    static ENCODED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A running log. Dropping it writes the buffer.
pub(crate) struct DecisionLog {
    shared: Arc<SharedBuffer>,
    incarnation: u64,
    open: Arc<Mutex<Option<OpenSegment>>>,
    reader: Reader,
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
    /// The same of the last line on disk.
    written_ms: i64,
    stopping: bool,
    /// Flushes completed, and the flush up to which a caller waits.
    flushes: u64,
    flush_requested: u64,
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
                written_ms: now_ms,
                stopping: false,
                flushes: 0,
                flush_requested: 0,
            }),
            wake: Condvar::new(),
        });
        let open = Arc::default();
        let mut segments = Segments::new(folder, incarnation, options, Arc::clone(&open));
        let own = shared.clone();
        let writer = thread::Builder::new()
            .name("decision-log".into())
            .spawn(move || run(&own, &mut segments))?;
        let reader = Reader::new(folder.to_owned(), true);
        Ok(DecisionLog { shared, incarnation, open, reader, writer: Some(writer) })
    }

    /// Looks for a decision, or a request, among those on disk. Adds the places that it could not read
    /// to `unreadable`. Blocks: reads files.
    pub(crate) fn find(
        &self,
        decision: u128,
        unreadable: &mut Vec<Unreadable>,
    ) -> io::Result<Lookup> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.reader.find(decision, open.as_ref(), unreadable)
    }

    /// The folder of its segments.
    pub(crate) fn folder(&self) -> &Path {
        self.reader.folder()
    }

    /// Whether a decision may be logged and not be on disk yet, by its id.
    pub(crate) fn is_recent(&self, decision: u128) -> bool {
        let buffer = self.buffer();
        let times = buffer.written_ms.saturating_sub(LATENESS_MS)..=buffer.at_ms;
        let request = request_of(decision);
        has_mark(request, mark_of(self.incarnation)) && times.contains(&time_of(request))
    }

    /// Logs a world; decisions made on it may follow.
    pub(crate) fn record_world(&self, world: WorldLine) {
        let mut buffer = self.buffer();
        push_line(&mut buffer.bytes, |bytes| stored::encode_world(&world, bytes));
        buffer.now = Arc::new(world);
    }

    /// Logs the state that follows the previous one, and that of the canary.
    pub(crate) fn record_state(&self, next: &State, of_canary: Option<&State>) {
        let mut buffer = self.buffer();
        let change = StateChange::of_world(&buffer.now, next, of_canary);
        let now = Arc::make_mut(&mut buffer.now);
        now.state = next.clone();
        if let (Some(canary), Some(state)) = (&mut now.canary, of_canary) {
            canary.world.state = state.clone();
        }
        push_line(&mut buffer.bytes, |bytes| stored::encode_change(&change, bytes));
    }

    /// Logs a decision; `false` when the buffer is full.
    pub(crate) fn record_decision(&self, line: &DecisionLine) -> bool {
        ENCODED.with_borrow_mut(|encoded| {
            encoded.clear();
            push_line(encoded, |bytes| stored::encode_decision(line, bytes));
            let mut buffer = self.buffer();
            if buffer.bytes.len() > MAX_BUFFERED_BYTES {
                return false;
            }
            buffer.at_ms = buffer.at_ms.max(line.at_ms);
            buffer.bytes.extend_from_slice(encoded);
            true
        })
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

/// Adds the line that `encode` appends, after its length.
fn push_line(bytes: &mut Vec<u8>, encode: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    *bytes = encode(std::mem::take(bytes));
    let length = u32::try_from(bytes.len() - start - 4).expect("a line is short");
    bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

fn run(shared: &SharedBuffer, segments: &mut Segments) {
    let (mut batch, mut is_failing) = (Vec::new(), false);
    loop {
        let (before, at_ms, stopping) = {
            let buffer = shared.buffer.lock().unwrap_or_else(PoisonError::into_inner);
            let idle = |w: &mut Buffer| !w.stopping && w.flush_requested <= w.flushes;
            let flush = segments.options().flush;
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
        buffer.written_ms = at_ms;
        shared.wake.notify_all();
        if stopping {
            segments.seal();
            return;
        }
    }
}
