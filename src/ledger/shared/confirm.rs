//! Looking after what was sent: whether it is still there, and whether a replica has it.

use crate::ledger::shared::Shared;
use crate::ledger::shared::lock;
use crate::store::StoreError;
use crate::store::confirm::Mark;
use crate::store::confirm::Reached;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

/// Between two looks whether a replica has everything.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What was sent, by process start and partition, and the last number of each.
pub type Sent = Vec<((u64, u8), u64)>;

/// What was sent when the primaries were asked how far they are.
pub struct Asked {
    mark: Mark,
    sent: Sent,
}

impl Shared {
    /// What the log has, as far as it was answered.
    pub(super) fn sent(&self) -> Sent {
        let unsent = lock(&self.unsent);
        let own = (0..).zip(unsent.reached()).map(|(at, lsn)| ((self.incarnation, at), lsn));
        let others = lock(&self.sent_of_others);
        own.chain(others.iter().map(|(of, lsn)| (*of, *lsn))).collect()
    }

    /// After the whole log was read: what had been sent before is in it, or the store lost it
    /// together with the place it had told, which no chain shows. Then it is sent again.
    pub(super) fn finds(&self, sent: &Sent) {
        let state = lock(&self.state);
        let read = |(incarnation, partition): &(u64, u8)| {
            let positions = state.positions.get(incarnation);
            positions.map_or(0, |positions| positions[usize::from(*partition)])
        };
        let lost: Vec<_> = sent.iter().filter(|(of, lsn)| *lsn > read(of)).collect();
        if let Some(((_, partition), lsn)) = lost.first() {
            tracing::warn!(partition, lsn, "the log has lost what was sent: it is sent again");
            self.rewinds.fetch_add(1, Ordering::Relaxed);
            let mut unsent = lock(&self.unsent);
            for (of, lsn) in lost.iter().filter(|((by, _), _)| *by == self.incarnation) {
                // Found once: unless it was sent anew by now, it is not sent.
                if unsent.reached().nth(usize::from(of.1)) == Some(*lsn) {
                    unsent.set(of.1, read(of), Instant::now());
                }
            }
            drop(unsent);
            lock(&self.sent_of_others).clear();
            self.send_everything();
            return;
        }
        lock(&self.sent_of_others).retain(|of, lsn| *lsn > read(of));
    }

    /// What was sent before the last look and a replica has by now is confirmed; then it is looked
    /// again. Where no replica ever was, all that was sent is.
    pub async fn confirm(&self, last: &mut Option<Asked>) -> Result<(), StoreError> {
        let sent = self.sent();
        let servers = self.client.servers().await?;
        let mark = Mark::of(&servers);
        if !mark.is_empty() {
            self.replicated.store(true, Ordering::Release);
        }
        let reached = last.as_ref().map_or(Reached::Void, |asked| asked.mark.is_reached(&servers));
        if let Some(asked) = last.as_ref().filter(|_| reached == Reached::Yes) {
            self.is_confirmed(&asked.sent);
        }
        if reached != Reached::NotYet {
            // An empty mark is reached at once; where there were replicas it confirms nothing.
            let is_of_use = !mark.is_empty() || !self.replicated.load(Ordering::Acquire);
            *last = is_of_use.then_some(Asked { mark, sent });
        }
        Ok(())
    }

    fn is_confirmed(&self, sent: &Sent) {
        for ((_, partition), lsn) in sent.iter().filter(|((by, _), _)| *by == self.incarnation) {
            self.confirmed[usize::from(*partition)].fetch_max(*lsn, Ordering::AcqRel);
        }
    }

    /// Waits until a replica of every primary that has one has everything that is in the store now;
    /// `false` where there is none.
    pub async fn is_replicated(&self) -> Result<bool, StoreError> {
        let mut mark = Mark::of(&self.client.servers().await?);
        loop {
            if mark.is_empty() {
                return Ok(false);
            }
            tokio::time::sleep(LOOK_EVERY).await;
            let servers = self.client.servers().await?;
            match mark.is_reached(&servers) {
                Reached::Yes => return Ok(true),
                Reached::NotYet => {}
                Reached::Void => mark = Mark::of(&servers),
            }
        }
    }
}
