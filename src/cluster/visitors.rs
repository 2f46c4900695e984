//! What the instances tell each other of their visitors, so that rate limits hold across all of them.

use crate::domain::event::EventKind;
use crate::store::visitor_activity::{DueVisitors, LISTS, VisitorEvent};
use crate::store::{Client, StoreError, visitor_activity};
use crate::traffic::EventKeys;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::future::ready;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum activity entries queued for the store.
const MAX_QUEUED: usize = 100_000;

/// Activity entries per request to the store.
const BATCH: usize = 256;

/// Seconds per day.
const DAY: i64 = 86_400;

/// The events of one kind of a network's readers, or of a publisher's servers, today on all instances.
pub(crate) struct ActiveVisitors {
    pub(crate) kind: EventKind,
    /// Time in Unix milliseconds, decision, and what it is limited by.
    pub(crate) events: Vec<(i64, u128, EventKeys)>,
    claim: (u8, DueVisitors),
}

/// The outcome of a call, once the other instances have answered.
pub(crate) type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Takes a new salt of visitor keys.
pub(crate) type Renew<'a> = &'a (dyn Fn([u8; 32]) + Sync);

/// Exchanges visitor activity. Nothing of it is needed to record an event: an error delays the check of
/// limits and loses no event.
pub(crate) trait VisitorExchange: Send + Sync {
    /// Notes a counted event. Never waits.
    fn note(&self, kind: EventKind, keys: EventKeys, at_ms: i64, decision: u128);

    /// Passes the salt of visitor keys to `renew` when another one applies at `now_ms`: a new one every
    /// day, and the same on all instances as soon as they reach each other.
    fn renew_salt<'a>(&'a self, now_ms: i64, renew: Renew<'a>) -> Answer<'a, ()>;

    /// Sends what was noted. Entries that could not be sent are kept for the next call, up to a bound.
    fn send(&self, now_ms: i64) -> Answer<'_, ()>;

    /// Claims recently active visitors. No other instance gets them until the claim is completed or
    /// expires.
    fn claim(&self) -> Answer<'_, Vec<ActiveVisitors>>;

    /// Completes claims; visitors with newer activity are claimed again later.
    fn complete<'a>(&'a self, checked: &'a [ActiveVisitors]) -> Answer<'a, ()>;
}

fn day_of(now_ms: i64) -> i64 {
    now_ms.div_euclid(DAY * 1_000)
}

/// A single instance sees every event itself and enforces its limits as they arrive.
pub(crate) struct OwnVisitors {
    /// The day of the salt, in days since 1970-01-01; -1 before the first call.
    day: AtomicI64,
}

impl Default for OwnVisitors {
    fn default() -> OwnVisitors {
        OwnVisitors { day: AtomicI64::new(-1) }
    }
}

impl VisitorExchange for OwnVisitors {
    fn note(&self, _: EventKind, _: EventKeys, _: i64, _: u128) {}

    fn renew_salt<'a>(&'a self, now_ms: i64, renew: Renew<'a>) -> Answer<'a, ()> {
        let today = day_of(now_ms);
        let known = self.day.swap(today, Ordering::AcqRel);
        if known >= 0 && known != today {
            renew(rand::random());
        }
        Box::pin(ready(Ok(())))
    }

    fn send(&self, _: i64) -> Answer<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    fn claim(&self) -> Answer<'_, Vec<ActiveVisitors>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    fn complete<'a>(&'a self, _: &'a [ActiveVisitors]) -> Answer<'a, ()> {
        Box::pin(ready(Ok(())))
    }
}

/// The visitors of a fleet.
pub(crate) struct SharedVisitors {
    client: Arc<Client>,
    queued: Mutex<Vec<VisitorEvent>>,
    /// The day of the shared salt, in days since 1970-01-01; -1 without a shared salt.
    day: AtomicI64,
}

impl SharedVisitors {
    /// Exchanges activity through a store.
    pub(crate) fn new(client: Arc<Client>) -> SharedVisitors {
        SharedVisitors { client, queued: Mutex::default(), day: AtomicI64::new(-1) }
    }

    fn queued(&self) -> MutexGuard<'_, Vec<VisitorEvent>> {
        self.queued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lifetime in the store of today's data, in seconds: until five minutes after midnight.
fn ttl_seconds(now_ms: i64) -> i64 {
    ((day_of(now_ms) + 1) * DAY - now_ms.div_euclid(1_000) + 300).min(DAY)
}

impl VisitorExchange for SharedVisitors {
    fn note(&self, kind: EventKind, keys: EventKeys, at_ms: i64, decision: u128) {
        let mut queued = self.queued();
        // Without the shared salt, the visitor key would not match that of other instances.
        if self.day.load(Ordering::Acquire) == day_of(at_ms) && queued.len() < MAX_QUEUED {
            queued.push(VisitorEvent { kind, keys, at_ms, decision });
        }
    }

    /// On a new day, a random salt applies until the store returns the shared one.
    fn renew_salt<'a>(&'a self, now_ms: i64, renew: Renew<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let today = day_of(now_ms);
            let known = self.day.load(Ordering::Acquire);
            if known == today {
                return Ok(());
            }
            if known >= 0 {
                self.day.store(-1, Ordering::Release);
                renew(rand::random());
                self.queued().clear();
            }
            let (fresh, seconds) = (rand::random(), ttl_seconds(now_ms));
            let salt = visitor_activity::salt(&self.client, today, &fresh, seconds).await?;
            if self.day.swap(today, Ordering::AcqRel) != today {
                renew(salt);
            }
            Ok(())
        })
    }

    fn send(&self, now_ms: i64) -> Answer<'_, ()> {
        Box::pin(async move {
            let (day, seconds) = (day_of(now_ms), ttl_seconds(now_ms));
            let queued = std::mem::take(&mut *self.queued());
            let mut lists: BTreeMap<u8, Vec<&VisitorEvent>> = BTreeMap::new();
            for one in &queued {
                lists.entry(visitor_activity::list_of(one.keys.group())).or_default().push(one);
            }
            let sent = async {
                for (list, of_list) in &lists {
                    for batch in of_list.chunks(BATCH) {
                        visitor_activity::record(&self.client, day, *list, batch, seconds).await?;
                    }
                }
                Ok(())
            };
            let sent = sent.await;
            if sent.is_err() {
                // Sending an entry twice has no further effect.
                let mut fresh = self.queued();
                let free = MAX_QUEUED.saturating_sub(fresh.len());
                fresh.extend(queued.iter().take(free).cloned());
            }
            sent
        })
    }

    fn claim(&self) -> Answer<'_, Vec<ActiveVisitors>> {
        Box::pin(async move {
            let lists = (0..LISTS).map(|list| async move {
                visitor_activity::due(&self.client, list).await.map(|found| (list, found))
            });
            let mut claimed = Vec::new();
            for (list, found) in futures_util::future::try_join_all(lists).await? {
                for due in found {
                    // An unknown name is of another version; it expires with its day.
                    let Some(kind) = due.kind() else { continue };
                    let events = visitor_activity::events(&self.client, list, &due).await?;
                    claimed.push(ActiveVisitors { kind, events, claim: (list, due) });
                }
            }
            Ok(claimed)
        })
    }

    fn complete<'a>(&'a self, checked: &'a [ActiveVisitors]) -> Answer<'a, ()> {
        Box::pin(async move {
            for ActiveVisitors { claim: (list, due), .. } in checked {
                visitor_activity::complete(&self.client, *list, due).await?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[tokio::test]
    async fn a_single_instance_changes_its_salt_once_a_day_and_has_nothing_to_claim() {
        let (visitors, renewed) = (OwnVisitors::default(), AtomicUsize::new(0));
        let renew = |_| _ = renewed.fetch_add(1, Ordering::Relaxed);
        for (now_ms, expected) in [(0, 0), (DAY * 1_000 - 1, 0), (DAY * 1_000, 1), (DAY * 1_500, 1)]
        {
            visitors.renew_salt(now_ms, &renew).await.unwrap();
            assert_eq!(renewed.load(Ordering::Relaxed), expected, "at {now_ms}");
        }
        assert!(visitors.claim().await.unwrap().is_empty());
    }
}
