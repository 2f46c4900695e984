//! When to read the log: at once when an instance announces that it has appended, otherwise rarely.
//! Announcements are hints. While there is no subscription, and for a while after one was missed, the log
//! is polled often.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The shortest interval between two reads, and the interval of polling without announcements.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// The interval of reads while there is a subscription and nothing is announced.
const IDLE_POLL_EVERY: Duration = Duration::from_secs(1);

/// How long the log is polled after an announcement was missed.
const DISTRUST: Duration = Duration::from_secs(10);

/// What is announced here and elsewhere.
#[derive(Default)]
pub(super) struct Wakeups {
    /// Appended here and not announced yet.
    pub(super) appended: Notify,
    /// Appended somewhere and not read here yet.
    pub(super) grown: Notify,
    pub(super) is_subscribed: AtomicBool,
    distrusted: Mutex<Option<Instant>>,
    /// An announcement was missed: the subscription may be dead.
    pub(super) resubscribe: Notify,
}

impl Wakeups {
    /// Has the other instances told that something was appended here.
    pub(super) fn note_appended(&self) {
        self.appended.notify_one();
    }

    fn is_trusted(&self) -> bool {
        let distrusted = *self.distrusted.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_subscribed.load(Ordering::Acquire)
            && distrusted.is_none_or(|since| since.elapsed() >= DISTRUST)
    }

    /// Waits until the next read; `false` if nothing was announced.
    pub(super) async fn wait(&self) -> bool {
        tokio::time::sleep(POLL_EVERY).await;
        let longest = match self.is_trusted() {
            true => IDLE_POLL_EVERY - POLL_EVERY,
            false => Duration::ZERO,
        };
        tokio::time::timeout(longest, self.grown.notified()).await.is_ok()
    }

    /// Notes that something was found that had not been announced.
    pub(super) fn note_missed(&self) {
        if self.is_trusted() {
            self.resubscribe.notify_one();
        }
        let now = Some(Instant::now());
        *self.distrusted.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}
