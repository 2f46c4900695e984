//! When to read the log: at once when an instance announces that it has appended, otherwise rarely.
//! Announcements are hints. While there is no subscription, and for a while after one was missed, the log
//! is polled often.

use crate::cluster::log::{SharedLog, StoreErrorLog, lock};
use crate::store::wakeups;
use futures_util::StreamExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The shortest interval between two reads, and the interval of polling without announcements.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// The interval of reads while there is a subscription and nothing is announced.
const IDLE_POLL_EVERY: Duration = Duration::from_secs(1);

/// How long the log is polled after an announcement was missed.
const DISTRUST: Duration = Duration::from_secs(10);

/// The shortest interval between two announcements.
const ANNOUNCE_EVERY: Duration = Duration::from_millis(20);

/// Pause before the next attempt to announce or to subscribe.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// What is announced here and elsewhere.
#[derive(Default)]
pub(super) struct Wakeups {
    /// Appended here and not announced yet.
    appended: Notify,
    /// Appended somewhere and not read here yet.
    grown: Notify,
    is_subscribed: AtomicBool,
    distrusted: Mutex<Option<Instant>>,
    resubscribe: Notify,
}

impl Wakeups {
    /// Has the other instances told that something was appended here.
    pub(super) fn note_appended(&self) {
        self.appended.notify_one();
    }

    fn is_trusted(&self) -> bool {
        let distrusted = *lock(&self.distrusted);
        self.is_subscribed.load(Ordering::Acquire)
            && distrusted.is_none_or(|since| since.elapsed() >= DISTRUST)
    }

    /// Waits until the next read; `false` if nothing was announced.
    async fn wait(&self) -> bool {
        tokio::time::sleep(POLL_EVERY).await;
        let longest = match self.is_trusted() {
            true => IDLE_POLL_EVERY - POLL_EVERY,
            false => Duration::ZERO,
        };
        tokio::time::timeout(longest, self.grown.notified()).await.is_ok()
    }

    /// Notes that something was found that had not been announced.
    fn note_missed(&self) {
        if self.is_trusted() {
            self.resubscribe.notify_one();
        }
        *lock(&self.distrusted) = Some(Instant::now());
    }
}

/// Decides when the log is read again.
pub(crate) struct NextRead<'a> {
    log: &'a SharedLog,
    /// Batches read before.
    read: u64,
    /// Whether the last read was due to an announcement, or is not to be compared.
    was_announced: bool,
}

impl<'a> NextRead<'a> {
    /// Starts before the first read.
    pub(crate) fn of(log: &'a SharedLog) -> NextRead<'a> {
        NextRead { log, read: 0, was_announced: true }
    }

    /// Waits after a complete read.
    pub(crate) async fn wait(&mut self) {
        let read = self.log.batches_read();
        if !self.was_announced && read != self.read {
            self.log.wakeups.note_missed();
        }
        self.read = read;
        self.was_announced = self.log.wakeups.wait().await;
    }
}

impl SharedLog {
    /// The batches of all partitions that were read.
    fn batches_read(&self) -> u64 {
        lock(&self.positions).iter().map(|position| position.number).sum()
    }

    /// Announces what is appended here until the task is cancelled.
    pub(crate) async fn announce(self: Arc<Self>) {
        let mut errors = StoreErrorLog::new("other instances read new events up to a second later");
        loop {
            self.wakeups.appended.notified().await;
            let announced = wakeups::announce(&self.client).await;
            errors.observe(&announced);
            let pause = if announced.is_ok() { ANNOUNCE_EVERY } else { RETRY_EVERY };
            tokio::time::sleep(pause).await;
        }
    }

    /// Receives what is announced until the task is cancelled.
    pub(crate) async fn listen(self: Arc<Self>) {
        let mut errors = StoreErrorLog::new("the log is polled for new events");
        loop {
            let subscribed = wakeups::subscribe(&self.client).await;
            errors.observe(&subscribed);
            if let Ok(mut subscription) = subscribed {
                self.wakeups.is_subscribed.store(true, Ordering::Release);
                // Reads what was appended before the subscription.
                self.wakeups.grown.notify_one();
                let mut messages = subscription.on_message();
                let receive = async {
                    while messages.next().await.is_some() {
                        self.wakeups.grown.notify_one();
                    }
                };
                tokio::select! {
                    () = receive => {}
                    () = self.wakeups.resubscribe.notified() => {}
                }
                self.wakeups.is_subscribed.store(false, Ordering::Release);
            }
            tokio::time::sleep(RETRY_EVERY).await;
        }
    }
}
