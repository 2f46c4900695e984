//! One thread writes: it takes whatever waits, writes it, syncs once, applies, acknowledges.

use crate::journal::Entry;
use crate::journal::PARTITIONS;
use crate::journal::disk::Disk;
use crate::journal::frame;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
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
    writer: Option<thread::JoinHandle<()>>,
}

impl Journal {
    /// Starts the writer on a first segment numbered `number`. `apply` sees every durable entry in
    /// the order of the file, before it is acknowledged.
    pub fn start(
        mut disk: Box<dyn Disk>,
        incarnation: u64,
        number: u64,
        segment_bytes: u64,
        apply: impl FnMut(&[Entry]) + Send + 'static,
    ) -> io::Result<Journal> {
        let length = begin(&mut *disk, incarnation, number)?;
        let (queue, jobs) = mpsc::sync_channel(QUEUE);
        let failed = Arc::new(AtomicBool::new(false));
        let mut writer = Writer {
            disk,
            incarnation,
            number,
            length,
            segment_bytes,
            lsn: [0; PARTITIONS as usize],
            apply,
            failed: failed.clone(),
        };
        let writer =
            thread::Builder::new().name("journal".into()).spawn(move || writer.run(&jobs))?;
        Ok(Journal { queue: Some(queue), failed, writer: Some(writer) })
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

fn begin(disk: &mut dyn Disk, incarnation: u64, number: u64) -> io::Result<u64> {
    disk.begin(&segment_name(incarnation, number))?;
    disk.append(&frame::header(incarnation, number))?;
    disk.sync()?;
    Ok(frame::HEADER as u64)
}

struct Writer<A> {
    disk: Box<dyn Disk>,
    incarnation: u64,
    number: u64,
    length: u64,
    segment_bytes: u64,
    lsn: [u64; PARTITIONS as usize],
    apply: A,
    failed: Arc<AtomicBool>,
}

impl<A: FnMut(&[Entry])> Writer<A> {
    fn run(&mut self, jobs: &mpsc::Receiver<Job>) {
        let mut bytes = Vec::new();
        while let Ok(first) = jobs.recv() {
            let batch: Vec<Job> =
                std::iter::once(first).chain(jobs.try_iter().take(BATCH - 1)).collect();
            let result = self.commit(&batch, &mut bytes);
            for job in batch {
                // The caller may be gone; what it asked for is done all the same.
                let _ = job.done.send(result.clone());
            }
            if result == Err(JournalError::Failed) {
                self.failed.store(true, Ordering::Release);
                return;
            }
        }
    }

    /// Writes and syncs a batch, then applies it: all of it or nothing.
    fn commit(&mut self, batch: &[Job], bytes: &mut Vec<u8>) -> Result<(), JournalError> {
        bytes.clear();
        let before = self.lsn;
        let mut entries = Vec::with_capacity(batch.len());
        for (partition, payload) in
            batch.iter().filter_map(|job| Some((job.partition, job.payload.as_ref()?)))
        {
            let lsn = &mut self.lsn[usize::from(partition)];
            *lsn += 1;
            frame::write(bytes, partition, *lsn, payload);
            let (incarnation, lsn) = (self.incarnation, *lsn);
            entries.push(Entry { incarnation, partition, lsn, payload: payload.clone() });
        }
        let written = self.rotate().and_then(|()| self.disk.append(bytes));
        if let Err(error) = written {
            tracing::error!(%error, "the journal cannot write: events are refused");
            self.lsn = before;
            // What may be there of the batch must go before anything else is written.
            return match self.disk.cut(self.length) {
                Ok(()) => Err(JournalError::NoRoom),
                Err(_) => Err(JournalError::Failed),
            };
        }
        if let Err(error) = self.disk.sync() {
            tracing::error!(%error, "the journal cannot sync: it takes nothing any more");
            return Err(JournalError::Failed);
        }
        self.length += bytes.len() as u64;
        (self.apply)(&entries);
        Ok(())
    }

    /// Goes on in a new segment when this one is full.
    fn rotate(&mut self) -> io::Result<()> {
        if self.length < self.segment_bytes {
            return Ok(());
        }
        self.number += 1;
        self.length = begin(&mut *self.disk, self.incarnation, self.number)?;
        Ok(())
    }
}
