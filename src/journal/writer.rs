//! The writer thread: takes the queued payloads, writes them, syncs once, applies, acknowledges.

use crate::journal::disk::Disk;
use crate::journal::end::{End, Fact};
use crate::journal::segment::segment_name;
use crate::journal::status::{JournalError, JournalStatus};
use crate::journal::{Entry, PARTITIONS, frame};
use crate::telemetry;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{io, process, thread};
use tokio::sync::oneshot;

/// Most payloads queued for the writer; more are rejected with `Busy`.
const QUEUE: usize = 65_536;
/// Most payloads per sync: bounds the memory of a batch, not its delay.
const BATCH: usize = 4_096;
/// How long a mark of what was acknowledged may be older than that on the disk, should power be lost.
/// A sync of its own for every batch would cost a quarter of the throughput.
const MARK_SYNC_EVERY: Duration = Duration::from_millis(100);
/// How often writing is tried while the last attempt failed and nothing is queued.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// A write of this many bytes needs a new block. No frame starts like this, so what a crash leaves of it
/// is a torn end.
const PROBE: [u8; 8_192] = [0xff; 8_192];

/// Resolves when the payload is on disk and applied.
pub(crate) type Ack = oneshot::Receiver<Result<(), JournalError>>;

struct Append {
    partition: u8,
    /// `None` writes nothing and waits for the batch it falls into.
    payload: Option<Vec<u8>>,
    done: oneshot::Sender<Result<(), JournalError>>,
}

/// A running journal. Dropping it writes the queued payloads and stops the writer.
pub struct Journal {
    queue: Option<mpsc::SyncSender<Append>>,
    status: Arc<AtomicU8>,
    segment: Arc<AtomicU64>,
    writer: Option<thread::JoinHandle<()>>,
}

/// Identity and first segment of a journal.
#[derive(Clone, Copy, Debug)]
pub struct JournalOptions {
    /// The incarnation: random per process start.
    pub incarnation: u64,
    /// Id of the data directory.
    pub store: u64,
    /// Number of the first segment.
    pub number: u64,
    /// Size at which the next segment is started, in bytes.
    pub segment_bytes: u64,
}

/// Aborts the process when the writer panics: the state may have applied half a batch, and its LSNs
/// must not be applied again. The next start rebuilds the state from the files.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!("journal thread panicked; aborting the process, restart it to recover");
            telemetry::end();
            process::abort();
        }
    }
}

impl Journal {
    /// Starts the writer on a new segment. `apply` receives every durable entry, in file order,
    /// before it is acknowledged.
    pub fn start(
        mut disk: Box<dyn Disk>,
        options: JournalOptions,
        apply: impl FnMut(&[Entry]) + Send + 'static,
    ) -> io::Result<Journal> {
        let hasher = begin_segment(&mut *disk, &options, options.number)?;
        disk.sync()?;
        let length = frame::HEADER as u64;
        let (queue, appends) = mpsc::sync_channel(QUEUE);
        let status = Arc::new(AtomicU8::new(JournalStatus::Writing as u8));
        let segment = Arc::new(AtomicU64::new(options.number));
        let mut writer = Writer {
            disk,
            options,
            number: segment.clone(),
            length,
            entries: 0,
            hasher,
            slot: 0,
            unsynced_mark: None,
            finished: None,
            lsn: [0; PARTITIONS as usize],
            at_size_limit: false,
            apply,
            status: status.clone(),
        };
        writer.mark()?;
        let writer = thread::Builder::new().name("journal".into()).spawn(move || {
            let _abort = AbortOnPanic;
            writer.run(&appends);
        })?;
        Ok(Journal { queue: Some(queue), status, segment, writer: Some(writer) })
    }

    /// Queues a payload for the writer.
    pub fn append(&self, partition: u8, payload: Vec<u8>) -> Result<Ack, JournalError> {
        if payload.len() > frame::MAX_PAYLOAD {
            return Err(JournalError::TooLong);
        }
        self.send(partition % PARTITIONS, Some(payload))
    }

    /// Waits as long as an append would, and records nothing: a rejected event takes no less time
    /// than a recorded one.
    pub(crate) fn barrier(&self) -> Result<Ack, JournalError> {
        self.send(0, None)
    }

    fn send(&self, partition: u8, payload: Option<Vec<u8>>) -> Result<Ack, JournalError> {
        if self.has_failed() {
            return Err(JournalError::Failed);
        }
        let (done, ack) = oneshot::channel();
        let append = Append { partition, payload, done };
        let queue = self.queue.as_ref().ok_or(JournalError::Failed)?;
        match queue.try_send(append) {
            Ok(()) => Ok(ack),
            Err(mpsc::TrySendError::Full(_)) => Err(JournalError::Busy),
            Err(mpsc::TrySendError::Disconnected(_)) => Err(JournalError::Failed),
        }
    }

    /// Number of the segment being written: those before it are finished.
    pub(crate) fn segment(&self) -> u64 {
        self.segment.load(Ordering::Acquire)
    }

    /// Whether it can write. Tried again every second while it cannot.
    pub(crate) fn status(&self) -> JournalStatus {
        let index = usize::from(self.status.load(Ordering::Acquire));
        JournalStatus::ALL.get(index).copied().unwrap_or(JournalStatus::Failed)
    }

    /// Whether nothing is accepted until a restart.
    pub(crate) fn has_failed(&self) -> bool {
        self.status() == JournalStatus::Failed
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked aborted the process; its payloads were never acknowledged.
            let _ = writer.join();
        }
    }
}

/// Begins a segment; returns the hash of its header, to be continued.
fn begin_segment(
    disk: &mut dyn Disk,
    options: &JournalOptions,
    number: u64,
) -> io::Result<blake3::Hasher> {
    let header = frame::header(options.incarnation, number, options.store);
    disk.begin(&segment_name(options.incarnation, number))?;
    disk.append(&header)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&header);
    Ok(hasher)
}

struct Writer<A> {
    disk: Box<dyn Disk>,
    options: JournalOptions,
    number: Arc<AtomicU64>,
    length: u64,
    /// Entries of the segment, and the hash of its bytes.
    entries: u64,
    hasher: blake3::Hasher,
    /// The slot of the mark that is written next: the other one survives a power loss.
    slot: usize,
    /// When the oldest mark that may not survive a power loss was written.
    unsynced_mark: Option<Instant>,
    /// The last segment whose end is in the manifest.
    finished: Option<u64>,
    lsn: [u64; PARTITIONS as usize],
    /// The segment has entries and cannot grow, because files of the process have a size limit.
    at_size_limit: bool,
    apply: A,
    status: Arc<AtomicU8>,
}

impl<A: FnMut(&[Entry])> Writer<A> {
    fn run(&mut self, appends: &mpsc::Receiver<Append>) {
        let mut bytes = Vec::new();
        loop {
            let first = match (self.is_writing(), self.unsynced_mark) {
                (true, None) => appends.recv().map_err(mpsc::RecvTimeoutError::from),
                (true, Some(since)) => {
                    appends.recv_timeout(MARK_SYNC_EVERY.saturating_sub(since.elapsed()))
                }
                (false, _) => appends.recv_timeout(PROBE_EVERY),
            };
            let first = match first {
                Ok(first) => first,
                Err(mpsc::RecvTimeoutError::Timeout) => match self.idle() {
                    Err(JournalError::Failed) => return,
                    _ => continue,
                },
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    // The writer ends either way, and a failure is in the log.
                    let _ = self.idle();
                    return;
                }
            };
            let mut batch: Vec<Append> =
                std::iter::once(first).chain(appends.try_iter().take(BATCH - 1)).collect();
            let result = self.commit(&mut batch, &mut bytes);
            let has_failed = result == Err(JournalError::Failed);
            for append in batch {
                // The caller may have gone away; its payload is recorded all the same.
                let _ = append.done.send(result.clone());
            }
            if has_failed {
                return;
            }
        }
    }

    /// Writes, syncs and marks a batch, then applies it: all or nothing.
    fn commit(&mut self, batch: &mut [Append], bytes: &mut Vec<u8>) -> Result<(), JournalError> {
        bytes.clear();
        let before = self.lsn;
        let mut entries = Vec::with_capacity(batch.len());
        for append in batch {
            let (partition, Some(payload)) = (append.partition, append.payload.take()) else {
                continue;
            };
            let lsn = &mut self.lsn[usize::from(partition)];
            *lsn += 1;
            frame::write(bytes, partition, *lsn, &payload);
            let (incarnation, lsn) = (self.options.incarnation, *lsn);
            entries.push(Entry { incarnation, partition, lsn, payload });
        }
        // A batch of barriers alone says nothing of the disk.
        if bytes.is_empty() && !self.is_writing() {
            return self.probe();
        }
        if let Err(error) = self.write(bytes).and_then(|()| self.sync()) {
            self.lsn = before;
            return Err(error);
        }
        self.set_status(JournalStatus::Writing);
        self.length += bytes.len() as u64;
        self.entries += entries.len() as u64;
        self.hasher.update(bytes);
        // After the sync, so that a mark is never ahead of what is on disk.
        self.mark().map_err(|error| self.fail(&error))?;
        (self.apply)(&entries);
        Ok(())
    }

    /// What there is to do while nothing is queued.
    fn idle(&mut self) -> Result<(), JournalError> {
        match self.is_writing() {
            true => self.sync_mark().map_err(|error| self.fail(&error)),
            false => self.probe(),
        }
    }

    /// Finds out whether a batch could be written, and leaves nothing behind.
    fn probe(&mut self) -> Result<(), JournalError> {
        self.write(&PROBE)?;
        if let Err(error) = self.disk.cut(self.length) {
            return Err(self.fail(&error));
        }
        self.set_status(JournalStatus::Writing);
        Ok(())
    }

    /// The end of the current segment.
    fn end(&self) -> End {
        End {
            number: self.number.load(Ordering::Relaxed),
            incarnation: self.options.incarnation,
            bytes: self.length,
            entries: self.entries,
            hash: *self.hasher.finalize().as_bytes(),
        }
    }

    /// Marks what is acknowledged next.
    fn mark(&mut self) -> io::Result<()> {
        self.disk.mark(self.slot, &self.end().mark(self.options.store))?;
        let since = *self.unsynced_mark.get_or_insert_with(Instant::now);
        if since.elapsed() < MARK_SYNC_EVERY { Ok(()) } else { self.sync_mark() }
    }

    fn sync_mark(&mut self) -> io::Result<()> {
        if self.unsynced_mark.take().is_some() {
            self.disk.sync_mark()?;
            self.slot = 1 - self.slot;
        }
        Ok(())
    }

    /// Notes the end of the current segment and begins the next one.
    fn next_segment(&mut self, next: u64) -> io::Result<blake3::Hasher> {
        let end = self.end();
        let number = end.number;
        if self.finished != Some(number) {
            self.disk.note(&Fact::End(end).line())?;
            self.finished = Some(number);
        }
        begin_segment(&mut *self.disk, &self.options, next)
    }

    /// Writes bytes, to a new segment when the current one can hold no more. After an error, none of
    /// them are left.
    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        if self.length >= self.options.segment_bytes || self.at_size_limit {
            let next = self.number.load(Ordering::Relaxed) + 1;
            // If it cannot be created, the full segment gets no more writes; the next batch retries.
            let hasher = self.next_segment(next).map_err(|error| self.reject(&error))?;
            // Synced separately: an unreadable header followed by data is corruption, not a torn end.
            self.sync()?;
            self.number.store(next, Ordering::Release);
            (self.length, self.entries, self.hasher) = (frame::HEADER as u64, 0, hasher);
            self.at_size_limit = false;
        }
        if let Err(error) = self.disk.append(bytes) {
            // Partly written bytes of the batch must be removed before anything else is written.
            if self.disk.cut(self.length).is_err() {
                return Err(self.fail(&error));
            }
            let is_empty = self.length == frame::HEADER as u64;
            if error.kind() == io::ErrorKind::FileTooLarge && !is_empty {
                self.at_size_limit = true;
                return self.write(bytes);
            }
            return Err(self.reject(&error));
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        self.disk.sync().map_err(|error| self.fail(&error))
    }

    fn is_writing(&self) -> bool {
        self.status.load(Ordering::Relaxed) == JournalStatus::Writing as u8
    }

    fn set_status(&self, status: JournalStatus) -> bool {
        let before = self.status.swap(status as u8, Ordering::AcqRel);
        let is_news = before != status as u8;
        if is_news && status == JournalStatus::Writing {
            tracing::info!("the journal records events again");
        }
        is_news
    }

    /// Notes an error after which writing is tried again.
    fn reject(&self, error: &io::Error) -> JournalError {
        let is_news = self.set_status(match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => JournalStatus::DiskFull,
            io::ErrorKind::FileTooLarge => JournalStatus::FileSizeLimit,
            io::ErrorKind::ReadOnlyFilesystem => JournalStatus::ReadOnly,
            _ => JournalStatus::WriteError,
        });
        if is_news {
            tracing::error!(%error, "cannot write to the journal; rejecting events until it succeeds");
        }
        JournalError::Rejected
    }

    /// Notes an error after which nothing more is written.
    fn fail(&self, error: &io::Error) -> JournalError {
        self.set_status(JournalStatus::Failed);
        tracing::error!(%error, "the journal has failed; rejecting all events until a restart");
        JournalError::Failed
    }
}
