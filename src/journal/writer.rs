//! One thread writes: it takes whatever waits, writes it, syncs once, applies, acknowledges.

use crate::journal::Entry;
use crate::journal::PARTITIONS;
use crate::journal::disk::Disk;
use crate::journal::frame;
use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use tokio::sync::oneshot;

/// Most payloads that wait for the writer; more are refused.
const QUEUE: usize = 65_536;
/// Most payloads that share one sync: a bound on the memory of a batch, not on its delay.
const BATCH: usize = 4_096;

/// Why something was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Too much waits already.
    #[error("the journal is full of work: try again shortly")]
    Busy,
    /// The disk has no room. Later payloads are tried again.
    #[error("the disk is full")]
    NoRoom,
    /// A sync failed; this journal takes nothing any more.
    #[error("the journal has failed: restart to recover")]
    Failed,
    /// The payload is longer than a frame may be.
    #[error("the record is too long")]
    TooLong,
}

/// Resolves when the payload is on disk and applied.
pub type Ack = oneshot::Receiver<Result<(), JournalError>>;

struct Job {
    partition: u8,
    /// `None` only waits for the batch it falls into.
    payload: Option<Vec<u8>>,
    done: oneshot::Sender<Result<(), JournalError>>,
}

/// A running journal. Dropping it ends the writer after what waits is written.
pub struct Journal {
    queue: Option<mpsc::SyncSender<Job>>,
    failed: Arc<AtomicBool>,
    refusing: Arc<AtomicBool>,
    segment: Arc<AtomicU64>,
    writer: Option<thread::JoinHandle<()>>,
}

/// Who writes, and where it begins.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// This process start: random.
    pub incarnation: u64,
    /// The data directory's own number.
    pub store: u64,
    /// The number of the first segment.
    pub number: u64,
    /// When a segment is full, in bytes.
    pub segment_bytes: u64,
}

/// Ends the process when the writer panics: what it applies to may have seen half a batch, and no
/// number of it may be read again. The next start makes the sum from the files.
struct FailStop;

impl Drop for FailStop {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!("the journal's thread panicked: the process ends");
            process::abort();
        }
    }
}

impl Journal {
    /// Starts the writer on a first segment. `apply` sees every durable entry in the order of the
    /// file, before it is acknowledged.
    pub fn start(
        mut disk: Box<dyn Disk>,
        start: Start,
        apply: impl FnMut(&[Entry]) + Send + 'static,
    ) -> io::Result<Journal> {
        begin(&mut *disk, &start, start.number)?;
        disk.sync()?;
        let length = frame::HEADER as u64;
        let (queue, jobs) = mpsc::sync_channel(QUEUE);
        let failed = Arc::new(AtomicBool::new(false));
        let refusing = Arc::new(AtomicBool::new(false));
        let segment = Arc::new(AtomicU64::new(start.number));
        let mut writer = Writer {
            disk,
            start,
            number: segment.clone(),
            length,
            lsn: [0; PARTITIONS as usize],
            apply,
            failed: failed.clone(),
            refusing: refusing.clone(),
        };
        let writer = thread::Builder::new().name("journal".into()).spawn(move || {
            let _stop = FailStop;
            writer.run(&jobs);
        })?;
        Ok(Journal { queue: Some(queue), failed, refusing, segment, writer: Some(writer) })
    }

    /// Hands a payload to the writer.
    pub fn append(&self, partition: u8, payload: Vec<u8>) -> Result<Ack, JournalError> {
        if payload.len() > frame::MAX_PAYLOAD {
            return Err(JournalError::TooLong);
        }
        self.send(partition % PARTITIONS, Some(payload))
    }

    /// Waits as long as a payload handed over now would, and records nothing: so that what is
    /// refused takes no less time than what is taken.
    pub fn pass(&self) -> Result<Ack, JournalError> {
        self.send(0, None)
    }

    fn send(&self, partition: u8, payload: Option<Vec<u8>>) -> Result<Ack, JournalError> {
        if self.has_failed() {
            return Err(JournalError::Failed);
        }
        let (done, ack) = oneshot::channel();
        let job = Job { partition, payload, done };
        let queue = self.queue.as_ref().ok_or(JournalError::Failed)?;
        match queue.try_send(job) {
            Ok(()) => Ok(ack),
            Err(mpsc::TrySendError::Full(_)) => Err(JournalError::Busy),
            Err(mpsc::TrySendError::Disconnected(_)) => Err(JournalError::Failed),
        }
    }

    /// The number of the segment that is being written: those before it are finished.
    pub fn segment(&self) -> u64 {
        self.segment.load(Ordering::Acquire)
    }

    /// Whether what came last was refused for want of room.
    pub fn is_refusing(&self) -> bool {
        self.refusing.load(Ordering::Acquire)
    }

    /// Whether a sync has failed.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to say; its payloads were never acknowledged.
            let _ = writer.join();
        }
    }
}

/// The file name of a segment: sorted names are in the order of writing.
pub fn segment_name(incarnation: u64, number: u64) -> String {
    format!("{number:010}-{incarnation:016x}.journal")
}

fn begin(disk: &mut dyn Disk, start: &Start, number: u64) -> io::Result<()> {
    disk.begin(&segment_name(start.incarnation, number))?;
    disk.append(&frame::header(start.incarnation, number, start.store))
}

struct Writer<A> {
    disk: Box<dyn Disk>,
    start: Start,
    number: Arc<AtomicU64>,
    length: u64,
    lsn: [u64; PARTITIONS as usize],
    apply: A,
    failed: Arc<AtomicBool>,
    refusing: Arc<AtomicBool>,
}

impl<A: FnMut(&[Entry])> Writer<A> {
    fn run(&mut self, jobs: &mpsc::Receiver<Job>) {
        let mut bytes = Vec::new();
        while let Ok(first) = jobs.recv() {
            let mut batch: Vec<Job> =
                std::iter::once(first).chain(jobs.try_iter().take(BATCH - 1)).collect();
            let result = self.commit(&mut batch, &mut bytes);
            self.refusing.store(result.is_err(), Ordering::Release);
            let has_failed = result == Err(JournalError::Failed);
            if has_failed {
                self.failed.store(true, Ordering::Release);
            }
            for job in batch {
                // The caller may be gone; what it asked for is done all the same.
                let _ = job.done.send(result.clone());
            }
            if has_failed {
                return;
            }
        }
    }

    /// Writes and syncs a batch, then applies it: all of it or nothing.
    fn commit(&mut self, batch: &mut [Job], bytes: &mut Vec<u8>) -> Result<(), JournalError> {
        bytes.clear();
        let before = self.lsn;
        let mut entries = Vec::with_capacity(batch.len());
        for job in batch {
            let (partition, Some(payload)) = (job.partition, job.payload.take()) else { continue };
            let lsn = &mut self.lsn[usize::from(partition)];
            *lsn += 1;
            frame::write(bytes, partition, *lsn, &payload);
            let (incarnation, lsn) = (self.start.incarnation, *lsn);
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

    /// Puts bytes on disk, in a new segment when this one is full.
    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        if self.length >= self.start.segment_bytes {
            let next = self.number.load(Ordering::Relaxed) + 1;
            if let Err(error) = begin(&mut *self.disk, &self.start, next) {
                // Nothing is written to the full one any more: the next batch tries again.
                tracing::error!(%error, "no segment can be begun: events are refused");
                return Err(JournalError::NoRoom);
            }
            // On its own: what follows a header that does not read is damage, not a torn end.
            self.sync()?;
            self.number.store(next, Ordering::Release);
            self.length = frame::HEADER as u64;
        }
        if let Err(error) = self.disk.append(bytes) {
            tracing::error!(%error, "the journal cannot write: events are refused");
            // What may be there of the batch must go before anything else is written.
            return match self.disk.cut(self.length) {
                Ok(()) => Err(JournalError::NoRoom),
                Err(_) => Err(JournalError::Failed),
            };
        }
        self.sync()
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        self.disk.sync().map_err(|error| {
            tracing::error!(%error, "the journal cannot sync: it takes nothing any more");
            JournalError::Failed
        })
    }
}
