//! The ledger of many machines. Each has a journal of its own, which acknowledges; what is in it is
//! sent to the store, which keeps one order of everything; whoever reads that order applies it and
//! comes to the same end. Nothing is judged in the store, so there is one judgement,
//! [`apply`](crate::ledger::apply).
//!
//! The journal's files are the truth of what was acknowledged here. What is sent again changes
//! nothing, so after any trouble the files are read again from the first number that the log does
//! not have; the queue of fresh entries is only a short cut.
//!
//! The sums of each partition are in the store at two places of its log (`sums`): a start reads on
//! from the one, and the log begins behind the other. `keep` moves both, and compares.

mod confirm;
mod copy;
pub mod crowd;
mod files;
mod follow;
mod keep;
mod known;
mod marks;
mod queue;
mod remembered;
mod ship;
mod sums;
mod telling;

pub use copy::copy;
pub use follow::replay;
pub use keep::recomputed;
pub use telling::Telling;

use crate::journal::Entry;
use crate::journal::PARTITIONS;
use crate::ledger::own::Own;
use crate::ledger::running::Listener;
use crate::ledger::shared::crowd::Crowd;
use crate::ledger::shared::files::Ends;
use crate::ledger::shared::known::Known;
use crate::ledger::shared::marks::Marks;
use crate::ledger::shared::queue::Queue;
use crate::ledger::shared::remembered::Remembered;
use crate::ledger::state::State;
use crate::store::Client;
use crate::store::StoreError;
use crate::store::breaker::Breaker;
use crate::store::log;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use tokio::sync::Notify;

/// What a machine shares with the others.
pub struct Shared {
    client: Client,
    incarnation: u64,
    folder: PathBuf,
    store: u64,
    queue: Mutex<Queue>,
    fresh: Notify,
    state: Arc<Mutex<State>>,
    read: Mutex<Vec<Place>>,
    /// The places are those of a state that was read.
    begun: AtomicBool,
    remembered: Mutex<Remembered>,
    listener: Mutex<Listener>,
    /// Of this process, by partition: the last number that a replica has.
    confirmed: [AtomicU64; PARTITIONS as usize],
    /// A replica was seen.
    replicated: AtomicBool,
    /// Of earlier processes whose files are here: the last number in the log, until it was read there.
    sent_of_others: Mutex<BTreeMap<(u64, u8), u64>>,
    /// What cannot be sent, because files here lack what comes before it.
    holes: Mutex<BTreeSet<(u64, u8)>>,
    ends: Mutex<Ends>,
    breaker: Mutex<Breaker>,
    /// Of what this process wrote: what the log does not have, and what was not applied here.
    unsent: Mutex<Marks>,
    unapplied: Mutex<Marks>,
    /// When everything in the log was read last.
    read_at: Mutex<Instant>,
    applies: Notify,
    everything: AtomicBool,
    /// All of the log was read since the start.
    current: AtomicBool,
    up: AtomicBool,
    /// Sending, and reading, wait for a person.
    sending_refused: AtomicBool,
    reading_refused: AtomicBool,
    rewinds: AtomicU64,
    shipped: AtomicU64,
    /// How many machines are here, and which of them this is.
    machines: AtomicUsize,
    crowd: Crowd,
    place: AtomicUsize,
    here: Mutex<Vec<u64>>,
    /// When the store last said so, in milliseconds of this process.
    born: Instant,
    heard_ms: AtomicU64,
    /// How far the clock here was ahead of the store's, in milliseconds.
    ahead_ms: AtomicI64,
    own: Mutex<Own>,
}

/// How far a partition's log was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The last batch.
    pub number: u64,
    /// The chain with it.
    pub chain: Vec<u8>,
}

/// How it stands with the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The store answered when it was last asked.
    pub is_up: bool,
    /// It refuses something until a person has done something.
    pub refuses: bool,
    /// Entries on disk here that the log does not have.
    pub unsent: u64,
    /// Entries on disk here that no replica of the log has; where there is none, the unsent ones.
    pub unconfirmed: u64,
    /// For how long the oldest of them has waited.
    pub waiting: Duration,
    /// Entries on disk here that were not applied here.
    pub unapplied: u64,
    /// How far the ledger here is behind: for how long the oldest record on disk here has waited to
    /// be applied, or, if that is longer, since when not everything in the log was read.
    pub lag: Duration,
    /// How many machines are here, this one among them.
    pub machines: usize,
    /// How often the files were read again, because the log had lost something.
    pub rewinds: u64,
    /// Records that were read here and are not in the log any more.
    pub missing: u64,
}

impl Shared {
    /// The ledger `state` becomes that of the store's log; until that was read, it is what this
    /// machine knew last, if the folder tells.
    pub fn open(
        client: Client,
        incarnation: u64,
        folder: PathBuf,
        store: u64,
        state: Arc<Mutex<State>>,
        listener: Listener,
    ) -> io::Result<Shared> {
        let known = known::read(&folder)?;
        let begun = known.is_some();
        let nothing = || vec![Place::default(); usize::from(PARTITIONS)];
        let (share, places) = match known {
            None => ((1, 0), nothing()),
            Some(Known { share, places, state: found, .. }) => {
                *lock(&state) = found;
                (share, places)
            }
        };
        Ok(Shared {
            client,
            incarnation,
            folder,
            store,
            queue: Mutex::default(),
            fresh: Notify::new(),
            state,
            read: Mutex::new(places),
            begun: AtomicBool::new(begun),
            remembered: Mutex::default(),
            listener: Mutex::new(listener),
            confirmed: [const { AtomicU64::new(0) }; PARTITIONS as usize],
            replicated: AtomicBool::new(false),
            sent_of_others: Mutex::default(),
            holes: Mutex::default(),
            ends: Mutex::default(),
            breaker: Mutex::default(),
            unsent: Mutex::default(),
            unapplied: Mutex::default(),
            read_at: Mutex::new(Instant::now()),
            applies: Notify::new(),
            everything: AtomicBool::new(true),
            current: AtomicBool::new(false),
            up: AtomicBool::new(false),
            sending_refused: AtomicBool::new(false),
            reading_refused: AtomicBool::new(false),
            rewinds: AtomicU64::new(0),
            shipped: AtomicU64::new(0),
            machines: AtomicUsize::new(share.0),
            crowd: Crowd::of(share.0),
            place: AtomicUsize::new(share.1),
            here: Mutex::default(),
            born: Instant::now(),
            heard_ms: AtomicU64::new(0),
            ahead_ms: AtomicI64::new(0),
            own: Mutex::default(),
        })
    }

    /// The store.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What became of what this process recorded.
    pub fn own(&self) -> Own {
        lock(&self.own).clone()
    }

    /// Takes entries that are on disk: the journal's thread, which waits for nobody.
    pub fn take(&self, entries: &[Entry]) {
        let now = Instant::now();
        {
            let (mut unsent, mut unapplied) = (lock(&self.unsent), lock(&self.unapplied));
            for entry in entries {
                unsent.written(entry.partition, entry.lsn, now);
                unapplied.written(entry.partition, entry.lsn, now);
            }
        }
        lock(&self.queue).put(entries);
        self.fresh.notify_one();
    }

    /// Whether everything in the log was read at least once since the start.
    pub fn is_current(&self) -> bool {
        self.current.load(Ordering::Acquire)
    }

    /// Whether what is here is from the store, if only from an earlier start.
    pub fn is_known(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        let age = |since: Option<Instant>| since.map_or(Duration::ZERO, |since| since.elapsed());
        let (unsent, waiting) = {
            let unsent = lock(&self.unsent);
            (unsent.count(), age(unsent.oldest()))
        };
        let (unapplied, own) = {
            let unapplied = lock(&self.unapplied);
            (unapplied.count(), age(unapplied.oldest()))
        };
        Standing {
            is_up: self.up.load(Ordering::Acquire),
            refuses: self.sending_refused.load(Ordering::Acquire)
                || self.reading_refused.load(Ordering::Acquire)
                || !lock(&self.holes).is_empty(),
            unsent,
            unconfirmed: self.unconfirmed(),
            waiting,
            unapplied,
            lag: own.max(lock(&self.read_at).elapsed()),
            machines: self.share().0,
            rewinds: self.rewinds.load(Ordering::Relaxed),
            missing: lock(&self.remembered).missing(&lock(&self.state)),
        }
    }

    fn unconfirmed(&self) -> u64 {
        let unsent = lock(&self.unsent);
        if !self.replicated.load(Ordering::Acquire) {
            return unsent.count();
        }
        // What the log has lost is not confirmed any more.
        let all = unsent.written_by_now().into_iter().zip(unsent.reached()).zip(&self.confirmed);
        all.map(|((written, sent), confirmed)| {
            written.saturating_sub(sent.min(confirmed.load(Ordering::Acquire)))
        })
        .sum()
    }

    /// The files are read again, and what the log does not have is sent.
    fn send_everything(&self) {
        self.everything.store(true, Ordering::Release);
        lock(&self.queue).is_short();
        self.fresh.notify_one();
    }

    /// Notes whether reading waits for a person.
    pub fn reading_is_refused(&self, refused: bool) {
        self.reading_refused.store(refused, Ordering::Release);
    }

    /// How many entries were sent, also again.
    pub fn shipped(&self) -> u64 {
        self.shipped.load(Ordering::Relaxed)
    }

    /// Waits until everything that this process has written by now is applied here; false when it is
    /// not in time, because the store is away.
    pub async fn settles(&self, patience: Duration) -> bool {
        let due = lock(&self.unapplied).written_by_now();
        let settled = async {
            loop {
                let applied = self.applies.notified();
                if lock(&self.unapplied).has_reached(&due) {
                    return;
                }
                applied.await;
            }
        };
        tokio::time::timeout(patience, settled).await.is_ok()
    }

    /// How many machines are here and which of them this is, from 0, as it was last known.
    pub fn share(&self) -> (usize, usize) {
        (self.machines.load(Ordering::Acquire), self.place.load(Ordering::Acquire))
    }

    /// How many machines sell what this one sells.
    pub fn crowd(&self) -> usize {
        self.crowd.most()
    }

    /// Says at `now_ms` that this instance is here, and learns who else is.
    pub async fn beat(&self, now_ms: i64) -> Result<(), StoreError> {
        // From before the question: whoever answered may have died since.
        let asked = self.born.elapsed();
        let (store_ms, here) = log::here(&self.client, self.incarnation).await?;
        let halfway = (self.born.elapsed() - asked) / 2;
        let own_ms = now_ms + i64::try_from(halfway.as_millis()).unwrap_or(0);
        self.ahead_ms.store(own_ms - store_ms, Ordering::Release);
        let own = format!("{:016x}", self.incarnation);
        let place = here.iter().position(|one| *one == own).unwrap_or(0);
        self.machines.store(here.len().max(1), Ordering::Release);
        self.crowd.heard(here.len());
        self.place.store(place, Ordering::Release);
        let number = |one: &String| u64::from_str_radix(one, 16).ok();
        *lock(&self.here) = here.iter().filter_map(number).collect();
        let heard_ms = u64::try_from(asked.as_millis()).unwrap_or(0);
        self.heard_ms.store(heard_ms, Ordering::Release);
        Ok(())
    }

    /// How far the clock here was ahead of the store's when that last answered, in milliseconds.
    pub fn ahead_ms(&self) -> i64 {
        self.ahead_ms.load(Ordering::Acquire)
    }

    /// For how long the store has not said who is here.
    pub fn silence(&self) -> Duration {
        let heard = Duration::from_millis(self.heard_ms.load(Ordering::Acquire));
        self.born.elapsed().saturating_sub(heard)
    }

    /// The process starts that were here when the store last said so.
    pub fn here(&self) -> Vec<u64> {
        lock(&self.here).clone()
    }

    /// Says that this instance is gone.
    pub async fn leave(&self) -> Result<(), StoreError> {
        log::gone(&self.client, self.incarnation).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
