//! Visitor rate limits across a fleet. When an event arrives, each instance applies the limits to what
//! it has seen itself. Visitor activity is sent to the store in the background; the instance that finds
//! a visitor over a limit credits the excess as invalid traffic. An outage delays this and rejects
//! nothing.

use crate::config::settings::QuotaSetting as Setting;
use crate::domain::event::EventKind;
use crate::events::Events;
use crate::reporting::credit::{CreditError, CreditReason};
use crate::store::visitor_activity::{DueVisitor, LISTS, VisitorEvent};
use crate::store::{StoreError, visitor_activity};
use crate::traffic::over_quota::over_quota;
use crate::traffic::{Quota, VisitorKey};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Maximum activity entries queued for the store, and maximum credited events remembered.
const MAX_QUEUED: usize = 100_000;

/// Activity entries per request to the store.
const BATCH: usize = 256;

/// Seconds per day.
const DAY: i64 = 86_400;

/// Bits of a decision id that distinguish the placements of one call.
const PLACEMENT_BITS: u32 = 8;

/// Author of credits for exceeded limits.
const CREDITED_BY: &str = "limits";

/// Visitor activity queued for the store.
pub struct VisitorActivity {
    queued: Mutex<Vec<VisitorEvent>>,
    /// The day of the fleet's shared salt, in days since 1970-01-01; -1 without a shared salt.
    day: AtomicI64,
    /// Events credited today.
    credited: Mutex<BTreeSet<(EventKind, u128)>>,
}

impl Default for VisitorActivity {
    fn default() -> VisitorActivity {
        VisitorActivity {
            queued: Mutex::default(),
            day: AtomicI64::new(-1),
            credited: Mutex::default(),
        }
    }
}

/// Why the fleet's limits could not be enforced.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// The shared store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The excess could not be credited.
    #[error(transparent)]
    Credit(#[from] CreditError),
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Events {
    fn today(&self) -> i64 {
        self.parts.clock.now_ms().div_euclid(DAY * 1_000)
    }

    /// Lifetime in the store of today's data, in seconds: until five minutes after midnight.
    fn ttl_seconds(&self) -> i64 {
        let second = self.parts.clock.now_ms().div_euclid(1_000);
        ((self.today() + 1) * DAY - second + 300).min(DAY)
    }

    /// Queues a visitor's counted event. Never waits for the store.
    pub(super) fn note_activity(
        &self,
        visitor: VisitorKey,
        kind: EventKind,
        decision: u128,
        at_ms: i64,
    ) {
        let kind = match kind {
            EventKind::Impression => 'i',
            EventKind::Click => 'c',
            EventKind::Viewable | EventKind::Copy => return,
        };
        let mut queued = lock(&self.visitor_activity.queued);
        // Without the shared salt, the visitor key would not match that of other instances.
        if self.visitor_activity.day.load(Ordering::Acquire) == self.today()
            && queued.len() < MAX_QUEUED
        {
            queued.push(VisitorEvent { kind, visitor: visitor.hash(), at_ms, decision });
        }
    }

    /// Switches to the fleet's shared salt of the day; uses a local one until the store returns it.
    pub async fn sync_visitor_salt(&self) -> Result<(), StoreError> {
        let Some(shared) = self.parts.ledger.cluster() else { return Ok(()) };
        let today = self.today();
        let known = self.visitor_activity.day.load(Ordering::Acquire);
        if known == today {
            return Ok(());
        }
        if known >= 0 {
            self.visitor_activity.day.store(-1, Ordering::Release);
            self.parts.visitors.renew(rand::random());
            lock(&self.visitor_activity.queued).clear();
            lock(&self.visitor_activity.credited).clear();
        }
        let (fresh, seconds) = (rand::random(), self.ttl_seconds());
        let salt = visitor_activity::salt(shared.client(), today, &fresh, seconds).await?;
        if self.visitor_activity.day.swap(today, Ordering::AcqRel) != today {
            self.parts.visitors.renew(salt);
        }
        Ok(())
    }

    /// Sends queued visitor activity to the store. Entries that could not be sent stay queued.
    pub async fn report_visitor_activity(&self) -> Result<(), StoreError> {
        let Some(shared) = self.parts.ledger.cluster() else { return Ok(()) };
        let (day, seconds) = (self.today(), self.ttl_seconds());
        let queued = std::mem::take(&mut *lock(&self.visitor_activity.queued));
        let mut lists: BTreeMap<u8, Vec<&VisitorEvent>> = BTreeMap::new();
        for one in &queued {
            lists.entry(visitor_activity::list_of(one.visitor)).or_default().push(one);
        }
        let sent = async {
            for (list, of_list) in &lists {
                for batch in of_list.chunks(BATCH) {
                    visitor_activity::record(shared.client(), day, *list, batch, seconds).await?;
                }
            }
            Ok(())
        };
        let sent = sent.await;
        if sent.is_err() {
            // Sending an entry twice has no further effect.
            let mut fresh = lock(&self.visitor_activity.queued);
            let free = MAX_QUEUED.saturating_sub(fresh.len());
            fresh.extend(queued.iter().take(free).cloned());
        }
        sent
    }

    /// Checks recently active visitors of the fleet and credits events over their limits. One instance
    /// checks a visitor at a time; if two credit the same event, it is credited once.
    pub async fn enforce_visitor_limits(&self) -> Result<(), LimitError> {
        let Some(shared) = self.parts.ledger.cluster() else { return Ok(()) };
        let client = shared.client();
        let lists = (0..LISTS).map(|list| async move {
            visitor_activity::due(client, list).await.map(|found| (list, found))
        });
        let mut checked: Vec<(u8, DueVisitor)> = Vec::new();
        let mut over: [BTreeSet<u128>; 2] = Default::default();
        for (list, found) in futures_util::future::try_join_all(lists).await? {
            for due in found {
                let seen = visitor_activity::events(client, list, &due).await?;
                let is_click = due.name.contains(":c:");
                over[usize::from(is_click)].extend(self.over_limit(is_click, seen));
                checked.push((list, due));
            }
        }
        for (decisions, kind) in over.into_iter().zip([EventKind::Impression, EventKind::Click]) {
            let fresh: BTreeSet<u128> = {
                let credited = lock(&self.visitor_activity.credited);
                decisions.into_iter().filter(|one| !credited.contains(&(kind, *one))).collect()
            };
            if fresh.is_empty() {
                continue;
            }
            let note = "over a visitor's limit across all instances";
            let events = self
                .parts
                .reporting
                .credit_recent(fresh.clone(), &[kind], CreditReason { by: CREDITED_BY, note })
                .await?;
            tracing::info!(
                %kind,
                events = events.len(),
                "credited events over a visitor's limit across all instances"
            );
            let mut credited = lock(&self.visitor_activity.credited);
            if credited.len() < MAX_QUEUED {
                credited.extend(fresh.into_iter().map(|one| (kind, one)));
            }
        }
        for (list, due) in &checked {
            visitor_activity::complete(client, *list, due).await?;
        }
        Ok(())
    }

    /// The decisions whose events exceed a visitor's limits.
    fn over_limit(&self, is_click: bool, seen: Vec<(i64, u128)>) -> Vec<u128> {
        let settings = self.parts.settings.get();
        let quotas = |list: &[Setting]| -> Vec<Quota> {
            list.iter().map(|one| Quota { count: one.count, seconds: one.seconds }).collect()
        };
        if is_click {
            return over_quota(&quotas(&settings.limits.clicks), seen);
        }
        let calls = seen.iter().map(|(at_ms, decision)| (*at_ms, decision >> PLACEMENT_BITS));
        let over = over_quota(&quotas(&settings.limits.impressions), calls.collect());
        let decisions = seen.into_iter().map(|(_, decision)| decision);
        decisions.filter(|decision| over.contains(&(decision >> PLACEMENT_BITS))).collect()
    }
}
