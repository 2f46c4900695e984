//! Limits over all machines. Each decides by what it has seen itself when an event comes; what
//! visitors did is told to the store, off every request's way, and whoever finds one beyond its limits
//! takes back what was beyond them, as invalid traffic. An outage delays that and refuses nothing.

use crate::config::settings::Quota as Setting;
use crate::domain::event::EventKind;
use crate::server::Server;
use crate::server::credit::CreditError;
use crate::server::credit::Reason;
use crate::store::StoreError;
use crate::store::sightings;
use crate::store::sightings::Due;
use crate::store::sightings::LISTS;
use crate::store::sightings::Sighting;
use crate::traffic::Quota;
use crate::traffic::VisitorKey;
use crate::traffic::beyond::beyond;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

/// Most sightings that wait for the store, and most that are remembered as taken back.
const MOST: usize = 100_000;

/// Sightings that are told together.
const AT_ONCE: usize = 256;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Bits of a decision's id that tell the placements of one page call apart.
const PLACEMENT_BITS: u32 = 8;

/// Who takes back what is beyond a limit, in credits.
const BY: &str = "limits";

/// What waits for the store.
pub struct Sightings {
    waiting: Mutex<Vec<Sighting>>,
    /// The day whose salt all machines have, in days since 1970-01-01; -1 where they do not.
    day: AtomicI64,
    /// Taken back already, today.
    taken: Mutex<BTreeSet<(EventKind, u128)>>,
}

impl Default for Sightings {
    fn default() -> Sightings {
        Sightings { waiting: Mutex::default(), day: AtomicI64::new(-1), taken: Mutex::default() }
    }
}

/// Why limits over all machines are not looked after now.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was beyond a limit cannot be taken back.
    #[error(transparent)]
    Credit(#[from] CreditError),
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    fn today(&self) -> i64 {
        self.clock.now_ms().div_euclid(DAY * 1_000)
    }

    /// Seconds until nothing of today's is needed any more.
    fn rest_of_today(&self) -> i64 {
        let second = self.clock.now_ms().div_euclid(1_000);
        ((self.today() + 1) * DAY - second + 300).min(DAY)
    }

    /// Notes what a visitor did that counts here. Never waits.
    pub(super) fn sighted(&self, visitor: VisitorKey, kind: EventKind, decision: u128, at_ms: i64) {
        let kind = match kind {
            EventKind::Impression => 'i',
            EventKind::Click => 'c',
            EventKind::Viewable | EventKind::Copy => return,
        };
        let mut waiting = lock(&self.sightings.waiting);
        // Without a salt that all machines have, its key would be a stranger's.
        if self.sightings.day.load(Ordering::Acquire) == self.today() && waiting.len() < MOST {
            waiting.push(Sighting { kind, visitor: visitor.number(), at_ms, decision });
        }
    }

    /// Begins a day with the salt that all machines have; until the store has told it, with one of
    /// its own.
    pub async fn share_salt(&self) -> Result<(), StoreError> {
        let Some(shared) = self.ledger.shared() else { return Ok(()) };
        let today = self.today();
        let known = self.sightings.day.load(Ordering::Acquire);
        if known == today {
            return Ok(());
        }
        if known >= 0 {
            self.sightings.day.store(-1, Ordering::Release);
            self.visitors.renew(rand::random());
            lock(&self.sightings.waiting).clear();
            lock(&self.sightings.taken).clear();
        }
        let (fresh, seconds) = (rand::random(), self.rest_of_today());
        let salt = sightings::salt(shared.client(), today, &fresh, seconds).await?;
        if self.sightings.day.swap(today, Ordering::AcqRel) != today {
            self.visitors.renew(salt);
        }
        Ok(())
    }

    /// Tells the store what visitors did here since the last time. What could not be told waits.
    pub async fn tell_sightings(&self) -> Result<(), StoreError> {
        let Some(shared) = self.ledger.shared() else { return Ok(()) };
        let (day, seconds) = (self.today(), self.rest_of_today());
        let waiting = std::mem::take(&mut *lock(&self.sightings.waiting));
        let mut lists: BTreeMap<u8, Vec<&Sighting>> = BTreeMap::new();
        for one in &waiting {
            lists.entry(sightings::list_of(one.visitor)).or_default().push(one);
        }
        let told = async {
            for (list, of_list) in &lists {
                for some in of_list.chunks(AT_ONCE) {
                    sightings::note(shared.client(), day, *list, some, seconds).await?;
                }
            }
            Ok(())
        };
        let told = told.await;
        if told.is_err() {
            // Told again, it is the same.
            let mut fresh = lock(&self.sightings.waiting);
            let room = MOST.saturating_sub(fresh.len());
            fresh.extend(waiting.iter().take(room).cloned());
        }
        told
    }

    /// Looks at visitors of all machines that did something lately, and takes back what is beyond
    /// their limits. Each is looked at by one machine at a time; what two take back comes back once.
    pub async fn look_at_visitors(self: &Arc<Self>) -> Result<(), LimitError> {
        let Some(shared) = self.ledger.shared() else { return Ok(()) };
        let client = shared.client();
        let lists = (0..LISTS).map(|list| async move {
            sightings::due(client, list).await.map(|found| (list, found))
        });
        let mut looked: Vec<(u8, Due)> = Vec::new();
        let mut over: [BTreeSet<u128>; 2] = Default::default();
        for (list, found) in futures_util::future::try_join_all(lists).await? {
            for due in found {
                let seen = sightings::seen(client, list, &due).await?;
                let is_click = due.name.contains(":c:");
                over[usize::from(is_click)].extend(self.over(is_click, seen));
                looked.push((list, due));
            }
        }
        for (decisions, kind) in over.into_iter().zip([EventKind::Impression, EventKind::Click]) {
            let fresh: BTreeSet<u128> = {
                let taken = lock(&self.sightings.taken);
                decisions.into_iter().filter(|one| !taken.contains(&(kind, *one))).collect()
            };
            if fresh.is_empty() {
                continue;
            }
            let note = "beyond a visitor's limit, over all machines";
            let given = self.credit_lately(fresh.clone(), &[kind], Reason { by: BY, note }).await?;
            tracing::info!(%kind, events = given.len(), "taken back: beyond limits on all machines");
            let mut taken = lock(&self.sightings.taken);
            if taken.len() < MOST {
                taken.extend(fresh.into_iter().map(|one| (kind, one)));
            }
        }
        for (list, due) in &looked {
            sightings::done(client, *list, due).await?;
        }
        Ok(())
    }

    /// The decisions whose events are beyond one visitor's limits.
    fn over(&self, is_click: bool, seen: Vec<(i64, u128)>) -> Vec<u128> {
        let settings = self.settings();
        let quotas = |list: &[Setting]| -> Vec<Quota> {
            list.iter().map(|one| Quota { count: one.count, seconds: one.seconds }).collect()
        };
        if is_click {
            return beyond(&quotas(&settings.limits.clicks), seen);
        }
        let calls = seen.iter().map(|(at_ms, decision)| (*at_ms, decision >> PLACEMENT_BITS));
        let over = beyond(&quotas(&settings.limits.impressions), calls.collect());
        let decisions = seen.into_iter().map(|(_, decision)| decision);
        decisions.filter(|decision| over.contains(&(decision >> PLACEMENT_BITS))).collect()
    }
}
