//! Tells other instances what is appended here, and reads what they announce.

use crate::cluster::log::{SharedLog, StoreErrorLog, lock};
use crate::store::error::Remedy;
use crate::store::wakeups;
use futures_util::StreamExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The shortest interval between two announcements.
const ANNOUNCE_EVERY: Duration = Duration::from_millis(5);

/// Pause before the next attempt to announce or to subscribe.
const RETRY_EVERY: Duration = Duration::from_secs(1);
const REJECTED_RETRY_EVERY: Duration = Duration::from_secs(60);

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
            tokio::time::sleep(match announced {
                Ok(()) => ANNOUNCE_EVERY,
                // A rejected command costs the connection.
                Err(error) if error.kind().remedy() == Remedy::Operator => REJECTED_RETRY_EVERY,
                Err(_) => RETRY_EVERY,
            })
            .await;
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
