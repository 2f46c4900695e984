//! The writer thread: takes the queued payloads, writes them, syncs once, applies, acknowledges.

use crate::journal::disk::Disk;
use crate::journal::segment::segment_name;
use crate::journal::{Entry, PARTITIONS, frame};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::{io, process, thread};
use tokio::sync::oneshot;

/// Most payloads queued for the writer; more are rejected with `Busy`.
const QUEUE: usize = 65_536;
/// Most payloads per sync: bounds the memory of a batch, not its delay.
const BATCH: usize = 4_096;

/// Why a payload was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The queue is full.
    #[error("the journal queue is full; retry shortly")]
    Busy,
    /// The disk is full. Later payloads are tried again.
    #[error("the disk is full")]
    DiskFull,
    /// A sync failed; this journal accepts nothing more.
    #[error("the journal has failed; restart the process to recover")]
    Failed,
    /// The payload is longer than a frame allows.
    #[error("the record is longer than 4 MiB")]
    TooLong,
}

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
    failed: Arc<AtomicBool>,
    disk_full: Arc<AtomicBool>,
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
        begin_segment(&mut *disk, &options, options.number)?;
        disk.sync()?;
        let length = frame::HEADER as u64;
        let (queue, appends) = mpsc::sync_channel(QUEUE);
        let failed = Arc::new(AtomicBool::new(false));
        let disk_full = Arc::new(AtomicBool::new(false));
        let segment = Arc::new(AtomicU64::new(options.number));
        let mut writer = Writer {
            disk,
            options,
            number: segment.clone(),
            length,
            lsn: [0; PARTITIONS as usize],
            apply,
            failed: failed.clone(),
            disk_full: disk_full.clone(),
        };
        let writer = thread::Builder::new().name("journal".into()).spawn(move || {
            let _abort = AbortOnPanic;
            writer.run(&appends);
        })?;
        Ok(Journal { queue: Some(queue), failed, disk_full, segment, writer: Some(writer) })
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

    /// Whether the last batch was rejected because the disk is full.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.disk_full.load(Ordering::Acquire)
    }

    /// Whether a sync has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
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

fn begin_segment(disk: &mut dyn Disk, options: &JournalOptions, number: u64) -> io::Result<()> {
    disk.begin(&segment_name(options.incarnation, number))?;
    disk.append(&frame::header(options.incarnation, number, options.store))
}

struct Writer<A> {
    disk: Box<dyn Disk>,
    options: JournalOptions,
    number: Arc<AtomicU64>,
    length: u64,
    lsn: [u64; PARTITIONS as usize],
    apply: A,
    failed: Arc<AtomicBool>,
    disk_full: Arc<AtomicBool>,
}

impl<A: FnMut(&[Entry])> Writer<A> {
    fn run(&mut self, appends: &mpsc::Receiver<Append>) {
        let mut bytes = Vec::new();
        while let Ok(first) = appends.recv() {
            let mut batch: Vec<Append> =
                std::iter::once(first).chain(appends.try_iter().take(BATCH - 1)).collect();
            let result = self.commit(&mut batch, &mut bytes);
            self.disk_full.store(result.is_err(), Ordering::Release);
            let has_failed = result == Err(JournalError::Failed);
            if has_failed {
                self.failed.store(true, Ordering::Release);
            }
            for append in batch {
                // The caller may have gone away; its payload is recorded all the same.
                let _ = append.done.send(result.clone());
            }
            if has_failed {
                return;
            }
        }
    }

    /// Writes and syncs a batch, then applies it: all or nothing.
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
        if let Err(error) = self.write(bytes) {
            self.lsn = before;
            return Err(error);
        }
        self.length += bytes.len() as u64;
        (self.apply)(&entries);
        Ok(())
    }

    /// Writes bytes to disk, to a new segment when the current one is full.
    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        if self.length >= self.options.segment_bytes {
            let next = self.number.load(Ordering::Relaxed) + 1;
            if let Err(error) = begin_segment(&mut *self.disk, &self.options, next) {
                // The full segment gets no more writes; the next batch retries.
                tracing::error!(%error, "cannot create a journal segment; rejecting events until it succeeds");
                return Err(JournalError::DiskFull);
            }
            // Synced separately: an unreadable header followed by data is corruption, not a torn end.
            self.sync()?;
            self.number.store(next, Ordering::Release);
            self.length = frame::HEADER as u64;
        }
        if let Err(error) = self.disk.append(bytes) {
            tracing::error!(%error, "cannot write to the journal; rejecting events until it succeeds");
            // Partly written bytes of the batch must be removed before anything else is written.
            return match self.disk.cut(self.length) {
                Ok(()) => Err(JournalError::DiskFull),
                Err(_) => Err(JournalError::Failed),
            };
        }
        self.sync()
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        self.disk.sync().map_err(|error| {
            tracing::error!(%error, "cannot sync the journal; rejecting all events until a restart");
            JournalError::Failed
        })
    }
}
